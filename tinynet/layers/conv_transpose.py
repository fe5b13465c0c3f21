"""Transposed convolution: a convolution run backward, from maps to the pixels that they saw.

Shapes: x (N, P, Q, F), W (KH, KW, C/groups, F), y (N, H, W, C): those of the convolution that it transposes, with input
and output exchanged. Every number of x puts a whole kernel, as strong as it is, into y; where kernels overlap they add:

    y[n, h, w, c] = b[c] + Σ_{i, j, f}  x[n, (h + p - i)/S, (w + p - j)/S, f] · W[i, j, c, f]                 (1)

where the divisions are exact and p is the padding: equation (4) of layers/conv.py. So its backward is a convolution:
dx = dy convolved with W, and dW that of equation (3), with dy for x and x for dy. It is often called a deconvolution,
which it does not do: it inverts nothing. ZFNet, section 2.1.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..devices.device import Device, cpu
from ..init import Initialiser, constant, gaussian
from ..layer import Layer
from ..parameter import Parameter, gradient_of
from ..sizes import as_int, as_padding, as_pair
from .conv import conv_backward, conv_forward


class ConvTranspose2d(Layer):
    """Transposed convolution of (N, P, Q, in_channels) maps to (N, H, W, out_channels).

    H = (P - 1) · stride - padding + kernel + output_padding: of the sizes that a convolution takes to P, the smallest,
    or up to stride - 1 more. The other arguments are those of Conv2d. An output has about in_channels / groups ·
    KH·KW / (SH·SW) inputs, which `fan_in` cannot know: for weights of that scale give gaussian(std). ValueError for an
    output_padding that is not smaller than the stride.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int],
                 stride: int | tuple[int, int] = 1, padding: Any = 0, output_padding: int | tuple[int, int] = 0,
                 groups: int = 1, bias: bool = True, *, device: Device = cpu, rng: np.random.Generator | None = None,
                 weight_init: Initialiser = gaussian(0.01), bias_init: Initialiser = constant(0.0)) -> None:
        kind = "ConvTranspose2d"
        self.in_channels = as_int(in_channels, f"{kind} in_channels")
        self.out_channels = as_int(out_channels, f"{kind} out_channels")
        self.groups = as_int(groups, f"{kind} groups")
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"{kind}: groups={groups} must divide in_channels={in_channels} and "
                             f"out_channels={out_channels}")
        self.kernel_size, self.stride = as_pair(kernel_size, f"{kind} kernel_size"), as_pair(stride, f"{kind} stride")
        self.padding = as_padding(padding, f"{kind} padding", self.kernel_size, self.stride)
        self.output_padding = as_pair(output_padding, f"{kind} output_padding", least=0)
        if any(more >= S for more, S in zip(self.output_padding, self.stride, strict=True)):
            raise ValueError(f"{kind}: output_padding {self.output_padding} must be smaller than the stride "
                             f"{self.stride}")
        self._device = device
        shape = (*self.kernel_size, self.out_channels // self.groups, self.in_channels)
        self.W = Parameter.drawn(weight_init, rng, shape, device)
        self.b = Parameter.drawn(bias_init, rng, (self.out_channels,), device) if bias else None

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        """y (N, H, W, C) of x (N, P, Q, F)."""
        xp = self.expect(x, "N", "P", "Q", self.in_channels)
        y = self.empty((len(x), *self.output_size(*x.shape[1:3]), self.out_channels), x.dtype)
        conv_backward(None, self.W.value, x, y, None, None, self.stride, self.padding, "auto", xp)  # eq. (1)
        if self.b:
            y += self.b.value
        self.remember(train or keep, x, y.shape)
        return y

    def backward(self, dy: Any) -> Any:
        """Writes the gradients of W and b; returns dx (N, P, Q, F)."""
        x, y_shape = self.take()
        xp = self.expect(dy, *y_shape, what="dy", dtype=x.dtype)
        dx, dW, db = self.empty(x.shape, x.dtype), gradient_of(self.W), gradient_of(self.b)
        conv_forward(dy, self.W.value, None, dx, self.stride, self.padding, "auto", xp)
        if dW is not None:
            conv_backward(dy, self.W.value, x, None, dW, None, self.stride, self.padding, "auto", xp)
        if db is not None:
            db[...] = dy.sum(axis=(0, 1, 2))
        return dx

    def output_size(self, P: int, Q: int) -> tuple[int, int]:
        """(H, W) for maps of P × Q; ValueError if the padding leaves nothing."""
        axes = zip((P, Q), self.kernel_size, self.stride, self.padding, self.output_padding, strict=True)
        size = tuple((length - 1) * S + K - sum(p) + more for length, K, S, p, more in axes)
        if min(size) < 1:
            raise ValueError(f"{self.label}: padding {self.padding} leaves nothing of maps of {P} x {Q}")
        return size

    def multiply_adds(self, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> int:
        return int(np.prod(x_shape[:-1])) * self.W.size
