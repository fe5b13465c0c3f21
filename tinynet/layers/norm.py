"""Batch normalisation: every map gets mean 0 and variance 1 over the batch, then a scale and a shift that are learned.

Shapes: x, y (N, H, W, C), or (N, C): maps of one pixel; γ, β, and the running mean and variance (C). With m = N·H·W
values in each map:

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

A layer whose γ and β are both frozen (`freeze`) does so in training too, and its E and V stay what they are: it is the
function that it was when it was frozen, whatever the batch.

A convolution before this layer needs no bias: μ takes it away again, and β is one.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..devices.device import Device, cpu
from ..fast.operation import operation
from ..init import Initialiser, constant
from ..layer import Layer
from ..parameter import Parameter
from ..sizes import as_int


@operation
def batch_statistics(x: Any, mean: Any, var: Any, xp: Any) -> None:
    """Fill mean and var. The values are summed as differences from the first one: if all are around 1000, the sum of
    themselves would lose three digits more."""
    first = x[0, 0, 0]                                                               # (C)
    mean[...] = first + (x - first).mean(axis=(0, 1, 2))                             # eq. (1)
    var[...] = ((x - mean) ** 2).mean(axis=(0, 1, 2))                                # eq. (2)


@operation
def batch_norm_forward(x: Any, mean: Any, inv_std: Any, gamma: Any, beta: Any, y: Any, xp: Any) -> None:
    """Fill y."""
    y[...] = gamma * ((x - mean) * inv_std) + beta                                   # eq. (3), (4)


@operation
def batch_norm_gradients(dy: Any, x: Any, mean: Any, inv_std: Any, d_gamma: Any, d_beta: Any, xp: Any) -> None:
    """Fill d_gamma and d_beta."""
    d_beta[...] = dy.sum(axis=(0, 1, 2))                                             # eq. (5)
    d_gamma[...] = (dy * ((x - mean) * inv_std)).sum(axis=(0, 1, 2))                 # eq. (6)


@operation
def batch_norm_backward(dy: Any, x: Any, mean: Any, inv_std: Any, gamma: Any, d_gamma: Any, d_beta: Any, dx: Any,
                        xp: Any) -> None:
    """Fill dx. d_gamma and d_beta are None if mean and inv_std are constants."""
    if d_gamma is None:
        dx[...] = gamma * inv_std * dy
    else:
        m, normal = x.size // x.shape[-1], (x - mean) * inv_std
        dx[...] = gamma * inv_std * (dy - d_beta / m - normal * (d_gamma / m))       # eq. (7)


class BatchNorm2d(Layer):
    """Batch normalisation of (N, H, W, channels) maps. γ starts as `weight_init` says, at 1 unless it is given, β as
    `bias_init`, at 0; the running mean starts at 0, the variance at 1.

    `momentum` is the share of the newest batch in the running averages. With γ and β frozen, training uses the running
    averages too, and leaves them as they are. Else it needs two values or more in every map: ValueError for one image
    of one pixel.
    """

    dx_is_optional = True
    AXES: tuple[str, ...] = ("N", "H", "W")  # those before the channels

    def __init__(self, channels: int, momentum: float = 0.1, eps: float = 1e-5, *, device: Device = cpu,
                 rng: np.random.Generator | None = None, weight_init: Initialiser = constant(1.0),
                 bias_init: Initialiser = constant(0.0)) -> None:
        kind = type(self).__name__
        if not 0 < momentum <= 1:
            raise ValueError(f"{kind}: expected a momentum with 0 < momentum <= 1, got {momentum!r}")
        if not eps > 0:
            raise ValueError(f"{kind}: expected an eps above 0, got {eps!r}")
        self.channels, self.momentum, self.eps = as_int(channels, f"{kind} channels"), float(momentum), float(eps)
        self._device = device
        self.gamma = Parameter.drawn(weight_init, rng, (self.channels,), device)
        self.beta = Parameter.drawn(bias_init, rng, (self.channels,), device)
        self.running_mean = device.asarray(np.zeros(self.channels, np.float32))
        self.running_var = device.asarray(np.ones(self.channels, np.float32))

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp, y = self.expect(x, *self.AXES, self.channels), self.empty(x.shape, x.dtype)
        of_batch = train and (self.gamma.trainable or self.beta.trainable)
        mean, var = self._of_batch(x, xp) if of_batch else (self.running_mean, self.running_var)  # (C)
        inv_std = 1 / xp.sqrt(var + self.eps)
        batch_norm_forward(_maps(x), mean, inv_std, self.gamma.value, self.beta.value, _maps(y), xp)
        # The averages go on moving in place, and so constants are copied.
        self.remember(train or keep, x, mean if of_batch else mean.copy(), inv_std, of_batch)
        return y

    def backward(self, dy: Any, input_grad: bool = True) -> Any:
        x, mean, inv_std, of_batch = self.take()
        xp = self.expect(dy, *x.shape, what="dy", dtype=x.dtype)
        both = self.gamma, self.beta
        d_gamma, d_beta = (p.gradient() if p.trainable else self.empty(p.shape, x.dtype) for p in both)
        if of_batch or any(p.trainable for p in both):
            batch_norm_gradients(_maps(dy), _maps(x), mean, inv_std, d_gamma, d_beta, xp)  # eq. (5), (6)
        if not input_grad:
            return None
        dx, through = self.empty(x.shape, x.dtype), (d_gamma, d_beta) if of_batch else (None, None)
        batch_norm_backward(_maps(dy), _maps(x), mean, inv_std, self.gamma.value, *through, _maps(dx), xp)  # eq. (7)
        return dx

    def _of_batch(self, x: Any, xp: Any) -> tuple[Any, Any]:
        """μ and σ² of the batch; the running averages take note of those that are finite."""
        m = x.size // self.channels
        if m < 2:
            raise ValueError(f"{self.label}: training needs two values or more in every map to have a variance, got x "
                             f"of shape {tuple(x.shape)}: take a larger batch, or a smaller `accumulate`, or leave "
                             "out a last batch of one image, Loader(..., drop_last=True)")
        mean, var = self.empty((self.channels,), x.dtype), self.empty((self.channels,), x.dtype)
        batch_statistics(_maps(x), mean, var, xp)                                    # eq. (1), (2)
        for running, newest in (self.running_mean, mean), (self.running_var, var * (m / (m - 1))):
            averaged = (1 - self.momentum) * running + self.momentum * newest        # eq. (8)
            running[...] = xp.where(xp.isfinite(newest), averaged, running)  # what ends in Diverged leaves no mark
        return mean, var

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
            self.running_mean, self.running_var = self.running_mean.astype(dtype), self.running_var.astype(dtype)
        return self


class BatchNorm1d(BatchNorm2d):
    """The same for vectors (N, channels), as they come from a Linear: each number is a map of one pixel."""

    AXES = ("N",)


def _maps(x: Any) -> Any:
    """x (N, H, W, C) as it is; x (N, C) as maps of one pixel (N, 1, 1, C), a view."""
    return x if x.ndim == 4 else x[:, None, None]
