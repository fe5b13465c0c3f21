"""The fully-connected layer, and Flatten, which lays maps out as vectors for it.

Shapes: x (N, in), W (in, out), b (out), y (N, out).

    y = x · W + b                        (1)
    ∂L/∂W = xᵀ · dy                      (2)
    ∂L/∂b = Σ_n dy[n]                    (3)
    ∂L/∂x = dy · Wᵀ                      (4)

AlexNet, section 3.5: fc6, fc7, fc8.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..devices.device import Device, cpu
from ..fast.operation import operation
from ..init import Initialiser, constant, gaussian
from ..layer import Layer
from ..parameter import Parameter, gradient_of
from ..sizes import as_int


@operation
def linear_forward(x: Any, W: Any, b: Any, y: Any, xp: Any) -> None:
    """Fill y; `b` may be None."""
    y[...] = x @ W                                                                   # eq. (1), (N, out)
    if b is not None:
        y += b


@operation
def linear_backward(x: Any, W: Any, dy: Any, dx: Any, dW: Any, db: Any, xp: Any) -> None:
    """Fill those of dx, dW and db that are not None."""
    if dW is not None:
        dW[...] = x.T @ dy                                                           # eq. (2), (in, out)
    if db is not None:
        db[...] = dy.sum(axis=0)                                                     # eq. (3), (out)
    if dx is not None:
        dx[...] = dy @ W.T                                                           # eq. (4), (N, in)


class Linear(Layer):
    """y = x · W + b, for x (N, in_features). Weights start as N(0, 0.01), biases at 0, unless told otherwise."""

    dx_is_optional = True

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
        y = self.empty((len(x), self.out_features), x.dtype)
        linear_forward(x, self.W.value, self.b.value if self.b else None, y, xp)
        self.remember(train or keep, x)
        return y

    def backward(self, dy: Any, input_grad: bool = True) -> Any:
        (x,) = self.take()
        xp = self.expect(dy, len(x), self.out_features, what="dy", dtype=x.dtype)
        dx = self.empty(x.shape, x.dtype) if input_grad else None
        linear_backward(x, self.W.value, dy, dx, gradient_of(self.W), gradient_of(self.b), xp)
        return dx

    def multiply_adds(self, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> int:
        return y_shape[0] * self.W.size


class Flatten(Layer):
    """(N, H, W, C) → (N, H·W·C), in the order of memory: row, column, channel."""

    lets_a_factor_through = True

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        self.expect(x)
        self.remember(train or keep, x.shape, x.dtype)
        return x.reshape(len(x), -1).copy()  # an output is its caller's, never a view of the input

    def backward(self, dy: Any) -> Any:
        shape, dtype = self.take()
        self.expect(dy, shape[0], int(np.prod(shape[1:])), what="dy", dtype=dtype)
        return dy.reshape(shape).copy()
