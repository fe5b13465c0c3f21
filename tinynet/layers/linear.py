"""The fully-connected layer, and Flatten, which lays maps out as vectors for it.

Shapes: x (N, in), W (in, out), b (out), y (N, out).

    y = x · W + b                        (1)
    ∂L/∂W = xᵀ · dy                      (2)
    ∂L/∂b = Σ_n dy[n]                    (3)
    ∂L/∂x = dy · Wᵀ                      (4)

AlexNet, section 3.5: fc6, fc7, fc8.

Threads share the units, not the batch as elsewhere: W is most of what there is to read, and so each part of it is read
by one thread only.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..devices.device import Device, cpu
from ..fast.memory import fresh
from ..fast.parallel import pieces
from ..init import Initialiser, constant, gaussian
from ..layer import Layer
from ..parameter import Parameter
from ..sizes import as_int


class Linear(Layer):
    """y = x · W + b, for x (N, in_features). Weights start as N(0, 0.01), biases at 0, unless told otherwise."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, device: Device = cpu,
                 rng: np.random.Generator | None = None, weight_init: Initialiser = gaussian(0.01),
                 bias_init: Initialiser = constant(0.0)) -> None:
        self.in_features = as_int(in_features, "Linear in_features")
        self.out_features = as_int(out_features, "Linear out_features")
        self._device = device
        self.W = Parameter.drawn(weight_init, rng, (self.in_features, self.out_features), device)
        self.b = Parameter.drawn(bias_init, rng, (self.out_features,), device) if bias else None

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp = self.expect(x, "N", self.in_features)
        W, y = self.W.value.astype(x.dtype, copy=False), xp.empty((len(x), self.out_features), x.dtype)

        def some_units(k: slice) -> None:
            xp.matmul(x, W[:, k], out=y[:, k])                                       # eq. (1), (N, k)
            if self.b is not None:
                y[:, k] += self.b.value[k].astype(x.dtype, copy=False)

        self.over_batch(some_units, self.out_features, self._cost(x))
        self._kept = (x,) if train or keep else None
        return y

    def backward(self, dy: Any) -> Any:
        (x,) = self.take()
        xp = self.expect(dy, len(x), self.out_features, what="dy", dtype=x.dtype)
        W, dx = self.W.value.astype(x.dtype, copy=False), xp.empty(x.shape, x.dtype)
        self.W.grad = None  # so that its memory can serve the new one
        dW = fresh(W.shape, x.dtype, xp)

        def some_inputs(part: slice) -> None:
            for k in pieces(part, W[:1].nbytes, self.device):
                xp.matmul(x.T[k], dy, out=dW[k])                                     # eq. (2), (k, out)
                xp.matmul(dy, W[k].T, out=dx[:, k])                                  # eq. (4), (N, k)

        self.over_batch(some_inputs, self.in_features, self._cost(x))
        self.W.grad = dW.astype(self.W.value.dtype, copy=False)
        if self.b is not None:
            self.b.grad = dy.sum(axis=0).astype(self.b.value.dtype, copy=False)      # eq. (3)
        return dx

    def _cost(self, x: Any) -> float:
        return len(x) * self.W.size / 64

    def multiply_adds(self, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> int:
        return y_shape[0] * self.W.size


class Flatten(Layer):
    """(N, H, W, C) → (N, H·W·C), in the order of memory: row, column, channel."""

    lets_a_factor_through = True

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        self.expect(x)
        self._kept = (x.shape, x.dtype) if train or keep else None
        return x.reshape(len(x), -1).copy()  # an output is its caller's, never a view of the input

    def backward(self, dy: Any) -> Any:
        shape, dtype = self.take()
        self.expect(dy, shape[0], int(np.prod(shape[1:])), what="dy", dtype=dtype)
        return dy.reshape(shape).copy()
