"""Convolution.

Shapes: x (N, H, W, C), W (KH, KW, C/groups, F), b (F), y (N, P, Q, F). With the zero-padded input x̂, stride S:

    y[n, p, q, f] = b[f] + Σ_{i, j, c}  x̂[n, p·S + i, q·S + j, c] · W[i, j, c, f]                               (1)

With G groups, output maps of group g see the input maps of group g only: c runs over C/G maps. (Strictly this is a
cross-correlation: the kernel is not mirrored. The field calls it convolution, and learns its kernels either way.)

    ∂L/∂b[f]          = Σ_{n, p, q}  dy[n, p, q, f]                                                             (2)
    ∂L/∂W[i, j, c, f] = Σ_{n, p, q}  x̂[n, p·S + i, q·S + j, c] · dy[n, p, q, f]                                 (3)
    ∂L/∂x̂[n, h, w, c] = Σ_{i, j, f}  dy[n, (h - i)/S, (w - j)/S, f] · W[i, j, c, f]   where the division is exact (4)

Written as matrix products: if `cols` has the window of x̂ that each y[n, p, q] sees as a row, and W each kernel as a
column, (1) is cols · W, (3) is colsᵀ · dy, and (4) is dy · Wᵀ, whose rows are added to the pixels of their windows.

AlexNet, section 3.5. How the rows are made: fast/im2col.py. What is faster on a CPU: fast/conv.py.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..devices.device import Device, cpu
from ..fast.conv import checked_algorithm
from ..fast.im2col import channels_of_groups, col2im, im2col, output_length, pad, padded_shape, unpad
from ..fast.operation import operation
from ..init import Initialiser, constant, gaussian
from ..layer import Layer
from ..parameter import Parameter, gradient_of
from ..sizes import Padding, as_int, as_padding, as_pair


@operation
def conv_forward(x: Any, W: Any, b: Any, y: Any, stride: tuple[int, int], padding: Padding, algorithm: str, xp: Any
                 ) -> None:
    """Fill y; `b` may be None. The choice of an `algorithm` is for the faster version."""
    kernel, (_, _, C, F) = W.shape[:2], W.shape
    for c, f in channels_of_groups(x.shape[-1] // C, C, F):
        cols = im2col(pad(x[..., c], padding, xp), kernel, stride, xp)               # (N·P·Q, KH·KW·C)
        y[..., f] = (cols @ W[..., f].reshape(cols.shape[1], -1)).reshape(y[..., f].shape)  # eq. (1)
    if b is not None:
        y += b


@operation
def conv_backward(x: Any, W: Any, dy: Any, dx: Any, dW: Any, db: Any, stride: tuple[int, int], padding: Padding,
                  algorithm: str, xp: Any) -> None:
    """Fill those of dx, dW and db that are not None; x is needed for dW only."""
    kernel, (_, _, C, F) = W.shape[:2], W.shape
    for c, f in channels_of_groups((x if dx is None else dx).shape[-1] // C, C, F):
        kernels, rows = W[..., f].reshape(-1, f.stop - f.start), dy[..., f].reshape(-1, f.stop - f.start)
        if dW is not None:
            cols = im2col(pad(x[..., c], padding, xp), kernel, stride, xp)           # (N·P·Q, KH·KW·C)
            dW[..., f] = (cols.T @ rows).reshape(dW[..., f].shape)                   # eq. (3)
        if dx is not None:
            d_cols = rows @ kernels.T                                                # (N·P·Q, KH·KW·C)
            d_padded = col2im(d_cols, padded_shape(dx[..., c].shape, padding), kernel, stride, xp)
            dx[..., c] = unpad(d_padded, padding)                                    # eq. (4)
    if db is not None:
        db[...] = dy.sum(axis=(0, 1, 2))                                             # eq. (2)


class Conv2d(Layer):
    """Convolution of (N, H, W, in_channels) images with `out_channels` kernels.

    kernel_size, stride: an int or (vertical, horizontal). padding: an int, a pair, ((top, bottom), (left, right)), or
    "same": as much as leaves the maps as large as the images; of an even kernel the odd pixel is below, on the right.
    The output has floor((size + padding - kernel) / stride) + 1 pixels along each axis. `input_grad=False` is for
    the first layer of a net: nobody needs the gradient of the images, so backward saves itself the work and returns
    None. `algorithm` is "im2col", "winograd" (for square kernels, 3 to 5 strides wide), or "auto": the one that is
    expected to be faster, by fast/conv.py on a CPU, by fast/cuda/conv.py on a GPU. With Winograd's, a pixel that is NaN
    makes all outputs around it NaN, and one 100,000 times as large as the others makes them inexact, also those whose
    window does not hold it; with "im2col" it does not (fast/winograd.py). Weights start as `weight_init(rng, shape)`;
    the default is the paper's N(0, 0.01), biases 0.

    Raises ValueError for sizes that are no whole numbers in range, for groups that do not divide both numbers of
    channels, and for an `algorithm` that is none or not for this kernel.
    """

    dx_is_optional = True

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int],
                 stride: int | tuple[int, int] = 1, padding: Any = 0, groups: int = 1, bias: bool = True,
                 input_grad: bool = True, *, algorithm: str = "auto", device: Device = cpu,
                 rng: np.random.Generator | None = None, weight_init: Initialiser = gaussian(0.01),
                 bias_init: Initialiser = constant(0.0)) -> None:
        self.in_channels = as_int(in_channels, "Conv2d in_channels")
        self.out_channels = as_int(out_channels, "Conv2d out_channels")
        self.groups = as_int(groups, "Conv2d groups")
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"Conv2d: groups={groups} must divide in_channels={in_channels} and "
                             f"out_channels={out_channels}")
        self.kernel_size = as_pair(kernel_size, "Conv2d kernel_size")
        self.stride = as_pair(stride, "Conv2d stride")
        self.padding = as_padding(padding, "Conv2d padding", self.kernel_size, self.stride)
        self.input_grad = input_grad
        self.algorithm = checked_algorithm(algorithm, self.kernel_size, self.stride)
        self._device = device
        shape = (*self.kernel_size, self.in_channels // self.groups, self.out_channels)
        self.W = Parameter.drawn(weight_init, rng, shape, device)
        self.b = Parameter.drawn(bias_init, rng, shape[-1:], device) if bias else None

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        """y (N, P, Q, F) of x (N, H, W, C)."""
        xp = self.expect(x, "N", "H", "W", self.in_channels)
        y = self.empty((len(x), *self.output_size(*x.shape[1:3]), self.out_channels), x.dtype)
        b = self.b.value if self.b else None
        conv_forward(x, self.W.value, b, y, self.stride, self.padding, self.algorithm, xp)
        self.remember(train or keep, x, y.shape)
        return y

    def backward(self, dy: Any, input_grad: bool = True) -> Any:
        """Writes the gradients of W and b; returns dx (N, H, W, C), or None if either `input_grad` is False."""
        x, y_shape = self.take()
        xp = self.expect(dy, *y_shape, what="dy", dtype=x.dtype)
        dx = self.empty(x.shape, x.dtype) if input_grad and self.input_grad else None
        dW, db = gradient_of(self.W), gradient_of(self.b)
        conv_backward(x, self.W.value, dy, dx, dW, db, self.stride, self.padding, self.algorithm, xp)
        return dx

    def transpose(self, dy: Any, size: tuple[int, int] | None = None) -> Any:
        """Equation (4) alone: dx (N, H, W, C) of dy (N, P, Q, F), wherever dy comes from. No gradient is written, and
        what forward kept stays: the way from maps back to pixels (ZFNet, section 2.1).

        Images of several sizes may give maps of P × Q; `size` is (H, W), by default the smallest. ValueError if none.
        """
        xp = self.expect(dy, "N", "P", "Q", self.out_channels, what="dy")
        axes = zip(dy.shape[1:3], self.kernel_size, self.stride, self.padding, strict=True)
        size = size or tuple(max((P - 1) * S + K - sum(p), 1) for P, K, S, p in axes)
        if min(size) < 1 or self.output_size(*size) != dy.shape[1:3]:
            raise ValueError(f"{self.label}: images of {size} pixels give maps of {self.output_size(*size)}, dy has "
                             f"{dy.shape[1:3]}")
        dx = self.empty((len(dy), *size, self.in_channels), dy.dtype)
        conv_backward(None, self.W.value, dy, dx, None, None, self.stride, self.padding, self.algorithm, xp)
        return dx

    def output_size(self, H: int, W_: int) -> tuple[int, int]:
        """(P, Q) for images of H × W pixels; ValueError if not even one window fits."""
        axes = zip((H, W_), self.kernel_size, self.stride, self.padding, strict=True)
        size = tuple(output_length(*axis) for axis in axes)
        if min(size) < 1:
            raise ValueError(f"{self.label}: the kernel {self.kernel_size} is larger than the padded input "
                             f"({H} x {W_}, padding {self.padding})")
        return size

    def multiply_adds(self, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> int:
        return int(np.prod(y_shape[:-1])) * self.W.size
