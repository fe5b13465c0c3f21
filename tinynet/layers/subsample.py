"""Subsampling as LeNet-5 does it: the mean of each window, times a learned coefficient, plus a learned bias.

Shapes: x (N, H, W, C), w (C,), b (C,), y (N, P, Q, C). With KH × KW windows side by side, P = floor(H / KH) and
Q = floor(W / KW):

    m[n, p, q, c] = 1/(KH·KW) Σ_{i, j}  x[n, p·KH + i, q·KW + j, c]                  (1)
    y[n, p, q, c] = w[c] · m[n, p, q, c] + b[c]                                      (2)
    ∂L/∂w[c] = Σ_{n, p, q}  dy[n, p, q, c] · m[n, p, q, c]                           (3)
    ∂L/∂b[c] = Σ_{n, p, q}  dy[n, p, q, c]                                           (4)
    ∂L/∂x = dy · w[c] / (KH·KW)  for every pixel of the window                       (5)

LeCun, Bottou, Bengio and Haffner 1998 ("Gradient-based learning applied to document recognition"), section II.B: S2
and S4. Section II.A speaks of the mean of the four inputs, section II.B of their sum; we take the mean, and so our w is
four times the other one. Rows and columns at the bottom and right that fill no whole window are left out, and their
gradient is 0; in LeNet-5 there are none.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..devices.device import Device, cpu
from ..init import Initialiser, constant
from ..layer import Layer
from ..parameter import Parameter
from ..sizes import as_int, as_pair


class Subsample2d(Layer):
    """A learned multiple of the mean of each window, for maps (N, H, W, channels); the windows do not overlap.

    kernel_size: an int or (vertical, horizontal). The coefficients start at 1 and the biases at 0 unless told
    otherwise: then the layer is average pooling, at first.
    """

    dx_is_optional = True

    def __init__(self, channels: int, kernel_size: int | tuple[int, int] = 2, *, device: Device = cpu,
                 rng: np.random.Generator | None = None, weight_init: Initialiser = constant(1.0),
                 bias_init: Initialiser = constant(0.0)) -> None:
        self.channels = as_int(channels, "Subsample2d channels")
        self.kernel_size = as_pair(kernel_size, "Subsample2d kernel_size")
        self._device = device
        self.w = Parameter.drawn(weight_init, rng, (self.channels,), device)
        self.b = Parameter.drawn(bias_init, rng, (self.channels,), device)

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        """y (N, P, Q, C) of x (N, H, W, C)."""
        xp = self.expect(x, "N", "H", "W", self.channels)
        P, Q = self.output_size(*x.shape[1:3])
        mean = xp.zeros((len(x), P, Q, self.channels), x.dtype)
        for h, w in self._taps(P, Q):
            mean += x[:, h, w]
        mean /= self.kernel_size[0] * self.kernel_size[1]                            # eq. (1)
        self.remember(train or keep, x.shape, mean)
        return mean * self.w.value + self.b.value                                    # eq. (2)

    def backward(self, dy: Any, input_grad: bool = True) -> Any:
        """Writes the gradients of w and b; returns dx (N, H, W, C), or None if it is not wanted."""
        x_shape, mean = self.take()
        xp = self.expect(dy, *mean.shape, what="dy", dtype=mean.dtype)
        if self.w.trainable:
            self.w.gradient()[...] = (dy * mean).sum(axis=(0, 1, 2))                 # eq. (3)
        if self.b.trainable:
            self.b.gradient()[...] = dy.sum(axis=(0, 1, 2))                          # eq. (4)
        if not input_grad:
            return None
        share = dy * (self.w.value / (self.kernel_size[0] * self.kernel_size[1]))
        dx = xp.zeros(x_shape, dy.dtype)
        for h, w in self._taps(*mean.shape[1:3]):
            dx[:, h, w] = share                                                      # eq. (5)
        return dx

    def _taps(self, P: int, Q: int) -> list[tuple[slice, slice]]:
        """For each place (i, j) within a window, the pixels of the map that have this place in theirs."""
        KH, KW = self.kernel_size
        return [(slice(i, P * KH, KH), slice(j, Q * KW, KW)) for i in range(KH) for j in range(KW)]

    def output_size(self, H: int, W_: int) -> tuple[int, int]:
        """(P, Q) for maps of H × W pixels; ValueError if not even one window fits."""
        P, Q = H // self.kernel_size[0], W_ // self.kernel_size[1]
        if min(P, Q) < 1:
            raise ValueError(f"{self.label}: the window {self.kernel_size} is larger than the input ({H} x {W_})")
        return P, Q
