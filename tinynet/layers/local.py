"""A locally-connected layer: a convolution whose weights are not shared, each place of the output has its own kernels.

Shapes: x (N, H, W, C), W (P, Q, KH, KW, C, F), b (P, Q, F), y (N, P, Q, F). With the zero-padded input x̂, stride S:

    y[n, p, q, f] = b[p, q, f] + Σ_{i, j, c}  x̂[n, p·S + i, q·S + j, c] · W[p, q, i, j, c, f]                  (1)
    ∂L/∂b[p, q, f]          = Σ_n  dy[n, p, q, f]                                                              (2)
    ∂L/∂W[p, q, i, j, c, f] = Σ_n  x̂[n, p·S + i, q·S + j, c] · dy[n, p, q, f]                                  (3)
    ∂L/∂x̂: each window receives dy · its W, and windows that overlap add up                                    (4)

So there is one small matrix product per place, (N × window) by (window × F). The layers local3 and local4 of
cuda-convnet's 13 % and 11 % nets for CIFAR-10; biases are not shared there either.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..devices.device import Device, cpu
from ..fast.im2col import col2im, im2col, output_length, pad, padded_shape, unpad
from ..fast.operation import operation
from ..init import Initialiser, constant, gaussian
from ..layer import Layer
from ..parameter import Parameter
from ..sizes import Padding, as_int, as_padding, as_pair


@operation
def products(a: Any, b: Any, product: Any, xp: Any) -> None:
    """Fill product (places, l, n): at each place a matrix product of its own, (l, m) by (m, n)."""
    xp.matmul(a, b, out=product)


@operation
def windows(x: Any, cols: Any, size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int],
            padding: Padding, xp: Any) -> None:
    """Fill cols (P·Q, N, KH·KW·C), for P × Q = `size` places: at each, the windows of all images of x (N, H, W, C)."""
    rows = im2col(pad(x, padding, xp), kernel, stride, xp)                           # (N·P·Q, KH·KW·C)
    cols[...] = rows.reshape(len(x), len(cols), -1).swapaxes(0, 1)


@operation
def add_windows(d_cols: Any, dx: Any, size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int],
                padding: Padding, xp: Any) -> None:
    """Fill dx (N, H, W, C), the transpose: each pixel the sum over the windows that it is in. Eq. (4)."""
    padded = col2im(d_cols.swapaxes(0, 1), padded_shape(dx.shape, padding), kernel, stride, xp)
    dx[...] = unpad(padded, padding)


class LocallyConnected2d(Layer):
    """Unshared kernels over (N, *input_size, in_channels) images; kernel_size, stride, padding and input_grad are those
    of Conv2d, groups there are none.

    `input_size` (an int or (H, W)) must be known beforehand: the number of weights depends on it. Raises ValueError for
    a kernel that is larger than the padded input.
    """

    dx_is_optional = True

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int],
                 input_size: int | tuple[int, int], stride: int | tuple[int, int] = 1, padding: Any = 0,
                 bias: bool = True, input_grad: bool = True, *, device: Device = cpu,
                 rng: np.random.Generator | None = None, weight_init: Initialiser = gaussian(0.01),
                 bias_init: Initialiser = constant(0.0)) -> None:
        self.in_channels = as_int(in_channels, "LocallyConnected2d in_channels")
        self.out_channels = as_int(out_channels, "LocallyConnected2d out_channels")
        self.input_grad = input_grad
        self.kernel_size = as_pair(kernel_size, "LocallyConnected2d kernel_size")
        self.input_size = as_pair(input_size, "LocallyConnected2d input_size")
        self.stride = as_pair(stride, "LocallyConnected2d stride")
        self.padding = as_padding(padding, "LocallyConnected2d padding", self.kernel_size, self.stride)
        axes = zip(self.input_size, self.kernel_size, self.stride, self.padding, strict=True)
        self.output_size = P, Q = tuple(output_length(*axis) for axis in axes)
        if min(P, Q) < 1:
            raise ValueError(f"LocallyConnected2d: the kernel {self.kernel_size} is larger than the padded input "
                             f"({self.input_size}, padding {self.padding})")
        self._device = device
        shape = (P, Q, *self.kernel_size, self.in_channels, self.out_channels)
        self.W = Parameter.drawn(weight_init, rng, shape, device)
        self.b = Parameter.drawn(bias_init, rng, (P, Q, self.out_channels), device) if bias else None

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp = self.expect(x, "N", *self.input_size, self.in_channels)
        (P, Q), F = self.output_size, self.out_channels
        of_places, y = self.empty((P * Q, len(x), F), x.dtype), self.empty((len(x), P, Q, F), x.dtype)
        products(self._columns(x, xp), self.W.value.reshape(P * Q, -1, F), of_places, xp)  # eq. (1), (P·Q, N, F)
        y[...] = of_places.swapaxes(0, 1).reshape(y.shape)
        if self.b is not None:
            y += self.b.value
        self.remember(train or keep, x)
        return y

    def backward(self, dy: Any, input_grad: bool = True) -> Any:
        (x,) = self.take()
        (P, Q), F = self.output_size, self.out_channels
        xp = self.expect(dy, len(x), P, Q, F, what="dy", dtype=x.dtype)
        d_places = xp.ascontiguousarray(dy.reshape(len(x), P * Q, F).swapaxes(0, 1))  # (P·Q, N, F)
        if self.W.trainable:
            dW = self.W.gradient().reshape(P * Q, -1, F)
            products(self._columns(x, xp).swapaxes(1, 2), d_places, dW, xp)          # eq. (3), (P·Q, KH·KW·C, F)
        if self.b is not None and self.b.trainable:
            self.b.gradient()[...] = dy.sum(axis=0)                                  # eq. (2)
        return self._input_gradient(d_places, x, xp) if input_grad and self.input_grad else None

    def _input_gradient(self, d_places: Any, x: Any, xp: Any) -> Any:
        """∂L/∂x, of the gradients d_places (P·Q, N, F) of each place."""
        W = self.W.value.reshape(len(d_places), -1, self.out_channels)               # (P·Q, KH·KW·C, F)
        d_cols, dx = self.empty((len(d_places), len(x), W.shape[1]), x.dtype), self.empty(x.shape, x.dtype)
        products(d_places, W.swapaxes(1, 2), d_cols, xp)                             # (P·Q, N, KH·KW·C)
        add_windows(d_cols, dx, self.output_size, self.kernel_size, self.stride, self.padding, xp)
        return dx

    def _columns(self, x: Any, xp: Any) -> Any:
        """The windows of every place: (P·Q, N, KH·KW·C)."""
        (P, Q), in_window = self.output_size, self.kernel_size[0] * self.kernel_size[1] * self.in_channels
        cols = self.empty((P * Q, len(x), in_window), x.dtype)
        windows(x, cols, self.output_size, self.kernel_size, self.stride, self.padding, xp)
        return cols

    def multiply_adds(self, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> int:
        return y_shape[0] * self.W.size
