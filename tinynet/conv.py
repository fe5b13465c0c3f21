"""Convolution.

Shapes: x (N, H, W, C), W (KH, KW, C/groups, F), b (F), y (N, P, Q, F). With the zero-padded input x̂, stride S:

    y[n, p, q, f] = b[f] + Σ_{i, j, c}  x̂[n, p·S + i, q·S + j, c] · W[i, j, c, f]                               (1)

With G groups, output maps of group g see the input maps of group g only: c runs over C/G maps. (Strictly this is a
cross-correlation: the kernel is not mirrored. The field calls it convolution, and learns its kernels either way.)

    ∂L/∂b[f]          = Σ_{n, p, q}  dy[n, p, q, f]                                                             (2)
    ∂L/∂W[i, j, c, f] = Σ_{n, p, q}  x̂[n, p·S + i, q·S + j, c] · dy[n, p, q, f]                                 (3)
    ∂L/∂x̂[n, h, w, c] = Σ_{i, j, f}  dy[n, (h - i)/S, (w - j)/S, f] · W[i, j, c, f]   where the division is exact (4)

(4) for S = 1 is itself a convolution: of dy, padded by K - 1, with the kernels turned by 180° and C and F exchanged.

AlexNet, section 3.5. How the sums become matrix products: im2col.py.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from .device import Device, cpu
from .im2col import col2im, im2col, pad, places
from .init import Initialiser, constant, gaussian
from .layer import Layer
from .parallel import pieces
from .parameter import Parameter
from .sizes import as_int, as_padding, as_pair


class Conv2d(Layer):
    """Convolution of (N, H, W, in_channels) images with `out_channels` kernels.

    kernel_size, stride: an int or (vertical, horizontal). padding: an int, a pair, or ((top, bottom), (left, right)).
    The output has floor((size + padding - kernel) / stride) + 1 pixels along each axis. `input_grad=False` is for
    the first layer of a net: nobody needs the gradient of the images, so backward saves itself the work and returns
    None. Weights start as `weight_init(rng, shape)`; the default is the paper's N(0, 0.01), biases 0.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int],
                 stride: int | tuple[int, int] = 1, padding: Any = 0, groups: int = 1, bias: bool = True,
                 input_grad: bool = True, *, device: Device = cpu, rng: np.random.Generator | None = None,
                 weight_init: Initialiser = gaussian(0.01), bias_init: Initialiser = constant(0.0)) -> None:
        self.in_channels = as_int(in_channels, "Conv2d in_channels")
        self.out_channels = as_int(out_channels, "Conv2d out_channels")
        self.groups = as_int(groups, "Conv2d groups")
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"Conv2d: groups={groups} must divide in_channels={in_channels} and "
                             f"out_channels={out_channels}")
        self.kernel_size = as_pair(kernel_size, "Conv2d kernel_size")
        self.stride = as_pair(stride, "Conv2d stride")
        self.padding = as_padding(padding, "Conv2d padding")
        self.input_grad = input_grad
        self._device = device
        shape = (*self.kernel_size, self.in_channels // self.groups, self.out_channels)
        self.W = Parameter.drawn(weight_init, rng, shape, device)
        self.b = Parameter.drawn(bias_init, rng, shape[-1:], device) if bias else None

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        """y (N, P, Q, F) of x (N, H, W, C)."""
        xp = self.expect(x, "N", "H", "W", self.in_channels)
        P, Q = self.output_size(*x.shape[1:3])
        F = self.out_channels
        W = self.W.value.astype(x.dtype, copy=False).reshape(-1, F)                  # (KH·KW·C, F)
        y = xp.empty((len(x), P, Q, F), x.dtype)

        def one_slice(batch: slice) -> None:
            for n in pieces(batch, P * Q * W.shape[0] * x.itemsize, self.device):
                padded = pad(x[n], self.padding, self.groups, xp)                    # (G, n, Ĥ, Ŵ, C)
                out = y[n].reshape(-1, F)                                            # (n·P·Q, F)
                for g, (_, f) in enumerate(self._group_channels()):
                    cols = im2col(padded[g], self.kernel_size, self.stride, xp)      # (n·P·Q, KH·KW·C)
                    xp.matmul(cols, W[:, f], out=out[:, f])                          # eq. (1)
                if self.b is not None:
                    out += self.b.value.astype(x.dtype, copy=False)

        self.over_batch(one_slice, len(x), self._cost(y.shape))
        self._kept = (x, y.shape) if train or keep else None
        return y

    def backward(self, dy: Any) -> Any:
        """Writes the gradients of W and b; returns dx (N, H, W, C), or None if `input_grad` is False."""
        x, y_shape = self.take()
        xp = self.expect(dy, *y_shape, what="dy", dtype=x.dtype)
        dx = xp.empty(x.shape, x.dtype) if self.input_grad else None
        gradient = self._backward_stride_1 if self.input_grad and self.stride == (1, 1) else self._backward_general

        def one_slice(batch: slice) -> tuple[Any, Any]:
            rows = dy[batch].reshape(-1, self.out_channels)
            db = xp.ones(len(rows), x.dtype) @ rows                                  # eq. (2); faster than a sum
            return gradient(x, dy, dx, batch, xp), db

        parts = self.over_batch(one_slice, len(x), self._cost(y_shape))
        self.W.grad = sum(dW for dW, _ in parts).astype(self.W.value.dtype, copy=False)
        if self.b is not None:
            self.b.grad = sum(db for _, db in parts).astype(self.b.value.dtype, copy=False)
        return dx

    def _backward_general(self, x: Any, dy: Any, dx: Any, batch: slice, xp: Any) -> Any:
        """Fills dx[batch] and returns dW, for any stride: dW = colsᵀ · dy, dx = col2im(dy · Wᵀ).

        The columns are made a second time: keeping those of forward would cost KH · KW times the memory of x.
        """
        (top, _), (left, _) = self.padding
        F = self.out_channels
        W = self.W.value.astype(x.dtype, copy=False).reshape(-1, F)                  # (KH·KW·C, F)
        dW = xp.zeros(W.shape, x.dtype)
        for n in pieces(batch, dy[0].size // F * W.shape[0] * x.itemsize, self.device):
            padded = pad(x[n], self.padding, self.groups, xp)                        # (G, n, Ĥ, Ŵ, C)
            out = dy[n].reshape(-1, F)                                               # (n·P·Q, F)
            for g, (c, f) in enumerate(self._group_channels()):
                cols = im2col(padded[g], self.kernel_size, self.stride, xp)          # (n·P·Q, KH·KW·C)
                dW[:, f] += cols.T @ out[:, f]                                       # eq. (3)
                if dx is not None:
                    d_cols = out[:, f] @ W[:, f].T                                   # (n·P·Q, KH·KW·C)
                    d_padded = col2im(d_cols, padded[g].shape, self.kernel_size, self.stride, xp)  # eq. (4)
                    dx[n, :, :, c] = d_padded[:, top:top + x.shape[1], left:left + x.shape[2]]
        return dW.reshape(self.W.shape)

    def _backward_stride_1(self, x: Any, dy: Any, dx: Any, batch: slice, xp: Any) -> Any:
        """The same for stride 1: the columns of dy serve both products, dx = cols · turned W, turned dW = xᵀ · cols.

        This spares col2im, whose strided additions are slow. dy is padded so that the windows count H × W again.
        """
        (KH, KW), C, F = self.kernel_size, self.in_channels // self.groups, self.out_channels // self.groups
        around = tuple((K - 1 - a, K - 1 - b) for K, (a, b) in zip(self.kernel_size, self.padding, strict=True))
        turned = self.W.value.astype(x.dtype, copy=False)[::-1, ::-1].swapaxes(2, 3)  # (KH, KW, ΣF, C)
        turned = [turned[:, :, f].reshape(-1, C) for _, f in self._group_channels()]  # G times (KH·KW·F, C)
        dW = xp.zeros((self.in_channels, KH * KW * F), x.dtype)                      # turned, C before the rest
        for n in pieces(batch, x[0].size // self.in_channels * dW.shape[1] * x.itemsize, self.device):
            padded = pad(dy[n], around, self.groups, xp)                             # (G, n, H+KH-1, W+KW-1, F)
            pixels, d_pixels = (a[n].reshape(-1, self.in_channels) for a in (x, dx))  # (n·H·W, ΣC)
            for g, (c, _) in enumerate(self._group_channels()):
                cols = im2col(padded[g], self.kernel_size, (1, 1), xp)               # (n·H·W, KH·KW·F)
                xp.matmul(cols, turned[g], out=d_pixels[:, c])                       # eq. (4)
                dW[c] += pixels[:, c].T @ cols                                       # eq. (3)
        dW = dW.reshape(self.groups, C, KH, KW, F)[:, :, ::-1, ::-1]                 # turned back
        return dW.transpose(2, 3, 1, 0, 4).reshape(self.W.shape)                     # (KH, KW, C, ΣF)

    def _group_channels(self) -> list[tuple[slice, slice]]:
        """For each group, its channels in x and its channels in y."""
        C, F = self.in_channels // self.groups, self.out_channels // self.groups
        return [(slice(g * C, (g + 1) * C), slice(g * F, (g + 1) * F)) for g in range(self.groups)]

    def output_size(self, H: int, W_: int) -> tuple[int, int]:
        """(P, Q) for images of H × W pixels; ValueError if not even one window fits."""
        size = tuple(places(*axis) for axis in zip((H, W_), self.kernel_size, self.stride, self.padding, strict=True))
        if min(size) < 1:
            raise ValueError(f"{self.label}: the kernel {self.kernel_size} is larger than the padded input "
                             f"({H} x {W_}, padding {self.padding})")
        return size

    def _cost(self, y_shape: tuple[int, ...]) -> float:
        return self.multiply_adds((), y_shape) / 64

    def multiply_adds(self, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> int:
        return int(np.prod(y_shape[:-1])) * self.W.size
