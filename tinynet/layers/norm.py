"""Batch normalisation: every map gets mean 0 and variance 1 over the batch, then a scale and a shift that are learned.

Shapes: x, y (N, H, W, C); γ, β, and the running mean and variance (C). With m = N·H·W values in each map:

    μ = 1/m Σ x                                                                      (1)
    σ² = 1/m Σ (x - μ)²                                                              (2)
    x̂ = (x - μ) / √(σ² + ε)                                                          (3)
    y = γ · x̂ + β                                                                    (4)

    ∂L/∂β = Σ dy                                                                     (5)
    ∂L/∂γ = Σ dy · x̂                                                                 (6)
    ∂L/∂x = γ / √(σ² + ε) · (dy - 1/m ∂L/∂β - x̂/m ∂L/∂γ)                             (7)

The last two terms of (7) are there because every x of a map moves its μ and its σ².

Ioffe & Szegedy 2015, Algorithm 1. In training, running averages follow μ and the unbiased variance:

    E ← (1 - momentum) E + momentum · μ        V ← (1 - momentum) V + momentum · m/(m - 1) σ²                  (8)

Everywhere else (3) takes E and V for μ and σ² (Algorithm 2), so that an image's output does not depend on the other
images beside it. E and V are then constants, and (7) loses its last two terms; this is the backward of a forward with
`keep` and without `train`. (The paper averages over some batches after training; (8) does it along the way.)

A convolution before this layer needs no bias: μ takes it away again, and β is one.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..devices.device import Device, cpu
from ..fast.memory import fresh
from ..fast.parallel import pieces
from ..layer import Layer
from ..parameter import Parameter
from ..sizes import as_int


class BatchNorm2d(Layer):
    """Batch normalisation of (N, H, W, channels) maps. γ starts at 1, β at 0, the running mean at 0, the variance at 1.

    `momentum` is the share of the newest batch in the running averages. Training needs two values or more in every
    map: ValueError for one image of one pixel.
    """

    def __init__(self, channels: int, momentum: float = 0.1, eps: float = 1e-5, *, device: Device = cpu) -> None:
        if not 0 < momentum <= 1:
            raise ValueError(f"BatchNorm2d: expected a momentum with 0 < momentum <= 1, got {momentum!r}")
        if not eps > 0:
            raise ValueError(f"BatchNorm2d: expected an eps above 0, got {eps!r}")
        self.channels, self.momentum, self.eps = as_int(channels, "BatchNorm2d channels"), float(momentum), float(eps)
        self._device = device
        self.gamma = Parameter(np.ones(self.channels, np.float32), device)
        self.beta = Parameter(np.zeros(self.channels, np.float32), device)
        self.running_mean = device.asarray(np.zeros(self.channels, np.float32))
        self.running_var = device.asarray(np.ones(self.channels, np.float32))

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp = self.expect(x, "N", "H", "W", self.channels)
        mean, var = self._of_batch(x) if train else self._running(x.dtype)           # (C)
        inv_std = 1 / xp.sqrt(var + self.eps)
        gamma, beta = (p.value.astype(x.dtype, copy=False) for p in (self.gamma, self.beta))
        scale = gamma * inv_std
        y = fresh(x.shape, x.dtype, xp)

        def some_images(n: slice) -> None:
            xp.subtract(x[n], mean, out=y[n])
            y[n] *= scale                                                            # eq. (3), and γ
            y[n] += beta                                                             # eq. (4)

        self._in_pieces(some_images, x)
        self._kept = (x, mean, inv_std, scale, train) if train or keep else None
        return y

    def backward(self, dy: Any) -> Any:
        x, mean, inv_std, scale, train = self.take()
        xp = self.expect(dy, *x.shape, what="dy", dtype=x.dtype)
        d_beta = self._sum(lambda n: dy[n], x)                                       # eq. (5), (C)
        d_gamma = self._sum(lambda n: dy[n] * (x[n] - mean), x) * inv_std            # eq. (6), (C)
        dx = fresh(x.shape, x.dtype, xp)
        m = x.size // self.channels

        def some_images(n: slice) -> None:
            if train:
                xp.subtract(mean, x[n], out=dx[n])                                   # eq. (7), from its last term on
                dx[n] *= inv_std * d_gamma / m
                dx[n] -= d_beta / m
                dx[n] += dy[n]
                dx[n] *= scale
            else:
                xp.multiply(dy[n], scale, out=dx[n])

        self._in_pieces(some_images, x)
        self.gamma.grad = d_gamma.astype(self.gamma.value.dtype, copy=False)
        self.beta.grad = d_beta.astype(self.beta.value.dtype, copy=False)
        return dx

    def _of_batch(self, x: Any) -> tuple[Any, Any]:
        """μ and σ² of the batch; the running averages take note of them."""
        m = x.size // self.channels
        if m < 2:
            raise ValueError(f"{self.label}: training needs two values or more in every map to have a variance, got x "
                             f"of shape {tuple(x.shape)}")
        mean = self._sum(lambda n: x[n], x) / m                                      # eq. (1)
        var = self._sum(lambda n: (x[n] - mean) ** 2, x) / m                         # eq. (2)
        for running, newest in (self.running_mean, mean), (self.running_var, var * (m / (m - 1))):
            running *= 1 - self.momentum
            running += (self.momentum * newest).astype(running.dtype, copy=False)    # eq. (8)
        return mean, var

    def _running(self, dtype: Any) -> tuple[Any, Any]:
        return self.running_mean.astype(dtype, copy=False), self.running_var.astype(dtype, copy=False)

    def _sum(self, part: Callable[[slice], Any], x: Any) -> Any:
        """(C): the sum of `part(images)` (n, H, W, C) over all images, rows and columns, as a product with ones."""
        def some_images(n: slice) -> Any:
            rows = part(n).reshape(-1, self.channels)                                # (n·H·W, C)
            return self.device.xp.ones(len(rows), x.dtype) @ rows

        return sum(self._in_pieces(some_images, x))

    def _in_pieces(self, work: Callable[[slice], Any], x: Any) -> list[Any]:
        """`work(images)` for pieces of the batch that fit a cache, shared by the threads; the results, in order."""
        def one_slice(batch: slice) -> list[Any]:
            return [work(n) for n in pieces(batch, 2 * x[0].nbytes, self.device)]

        return [result for results in self.over_batch(one_slice, len(x), x.size) for result in results]

    def state(self) -> list[tuple[str, Any]]:
        return [("running_mean", self.running_mean), ("running_var", self.running_var)]

    def to(self, device: Any) -> BatchNorm2d:
        averages = [self.device.tohost(average) for _, average in self.state()]
        super().to(device)
        self.running_mean, self.running_var = map(self.device.asarray, averages)
        return self

    def astype(self, dtype: Any) -> BatchNorm2d:
        super().astype(dtype)
        with self.device:
            self.running_mean, self.running_var = self._running(dtype)
        return self
