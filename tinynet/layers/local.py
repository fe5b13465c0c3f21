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
from ..fast.im2col import col2im, im2col, output_length, pad
from ..init import Initialiser, constant, gaussian
from ..layer import Layer
from ..parameter import Parameter
from ..sizes import as_int, as_padding, as_pair


class LocallyConnected2d(Layer):
    """Unshared kernels over (N, *input_size, in_channels) images; arguments as for a convolution.

    `input_size` (an int or (H, W)) must be known beforehand: the number of weights depends on it.
    """

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
        self.padding = as_padding(padding, "LocallyConnected2d padding")
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
        y = self._multiply(self._columns(x, xp), self._matrices(x.dtype), xp)        # eq. (1), (P·Q, N, F)
        y = xp.ascontiguousarray(y.swapaxes(0, 1)).reshape(len(x), *self.output_size, self.out_channels)
        if self.b is not None:
            y += self.b.value.astype(x.dtype, copy=False)
        self._kept = (x,) if train or keep else None
        return y

    def backward(self, dy: Any) -> Any:
        (x,) = self.take()
        (P, Q), F = self.output_size, self.out_channels
        xp = self.expect(dy, len(x), P, Q, F, what="dy", dtype=x.dtype)
        d_places = xp.ascontiguousarray(dy.reshape(len(x), P * Q, F).swapaxes(0, 1))  # (P·Q, N, F)
        dW = self._multiply(self._columns(x, xp).swapaxes(1, 2), d_places, xp)       # eq. (3), (P·Q, KH·KW·C, F)
        self.W.grad = dW.reshape(self.W.shape).astype(self.W.value.dtype, copy=False)
        if self.b is not None:
            self.b.grad = dy.sum(axis=0).astype(self.b.value.dtype, copy=False)      # eq. (2)
        if not self.input_grad:
            return None
        d_cols = self._multiply(d_places, self._matrices(x.dtype).swapaxes(1, 2), xp)  # (P·Q, N, KH·KW·C)
        (top, bottom), (left, right) = self.padding
        N, H, W_, C = x.shape
        padded = col2im(d_cols.swapaxes(0, 1), (N, H + top + bottom, W_ + left + right, C), self.kernel_size,
                        self.stride, xp)                                             # eq. (4)
        return xp.ascontiguousarray(padded[:, top:top + H, left:left + W_])

    def _multiply(self, a: Any, b: Any, xp: Any) -> Any:
        """One matrix product for every place: (P·Q, l, m) by (P·Q, m, n). The places are shared out to the threads."""
        product = xp.empty((len(a), a.shape[1], b.shape[2]), a.dtype)
        self.over_batch(lambda places: xp.matmul(a[places], b[places], out=product[places]), len(a),
                        product.size * a.shape[2] / 64)
        return product                                                               # (P·Q, l, n)

    def _columns(self, x: Any, xp: Any) -> Any:
        """The windows of every place: (P·Q, N, KH·KW·C)."""
        P, Q = self.output_size
        cols = im2col(pad(x, self.padding, xp), self.kernel_size, self.stride, xp)  # (N·P·Q, KH·KW·C)
        return xp.ascontiguousarray(cols.reshape(len(x), P * Q, -1).swapaxes(0, 1))

    def _matrices(self, dtype: Any) -> Any:
        """The kernels of every place as columns: (P·Q, KH·KW·C, F)."""
        P, Q = self.output_size
        return self.W.value.astype(dtype, copy=False).reshape(P * Q, -1, self.out_channels)

    def multiply_adds(self, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> int:
        return y_shape[0] * self.W.size
