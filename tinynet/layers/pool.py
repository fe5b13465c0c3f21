"""Pooling: one number for each window of a map.

Shapes: x (N, H, W, C), y (N, P, Q, C), kernel K, stride S, padding p. Window (p, q) covers the rows from p·S - padding
on, K of them, and the columns likewise, as far as they lie inside the map.

    MaxPool2d        y = max over the window;     dy goes to the winner, the first in row-major order if several tie (1)
    AvgPool2d        y = mean over the window;    dy / area goes to every pixel of the window                        (2)
    GlobalAvgPool2d  y = mean over the whole map                                                                     (3)

With S < K windows overlap (AlexNet, section 3.4: K = 3, S = 2); a pixel then belongs to several and their gradients
add up. Rounding down leaves out pixels at the right and bottom that fill no whole window; `ceil_mode` rounds up and
clips the last window (what the 2012 code did). A mean divides by the real, clipped area of its window.
"""
from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..devices.device import Device
from ..fast.operation import operation
from ..layer import Layer
from ..sizes import Size, as_pair, within

Slices = tuple[slice, slice, slice]  # images, rows, columns


def offsets(x: Any, y: Any, kernel: Size, stride: Size, padding: Size) -> Iterator[tuple[int, Slices, Slices]]:
    """For each offset (i, j) in a window: its index i · KW + j; the windows (of y) that have a pixel there; and these
    pixels (of x), one for each of them."""
    (_, H, W_, _), (_, P, Q, _), images = x.shape, y.shape, slice(None)
    for index, (i, j) in enumerate(np.ndindex(kernel)):
        p, h = within(i - padding[0], stride[0], P, H)
        q, w = within(j - padding[1], stride[1], Q, W_)
        yield index, (images, p, q), (images, h, w)


@operation
def max_pool_forward(x: Any, y: Any, switches: Any, kernel: Size, stride: Size, padding: Size, xp: Any) -> None:
    """Fill y; and switches, unless it is None, with the index of the winner: KH · KW, none, where y is NaN."""
    all_offsets = list(offsets(x, y, kernel, stride, padding))
    y[...] = -xp.inf
    for _, windows, pixels in all_offsets:
        y[windows] = xp.maximum(y[windows], x[pixels])                               # eq. (1)
    if switches is not None:
        switches[...] = kernel[0] * kernel[1]
        for index, windows, pixels in reversed(all_offsets):  # so that the first stays
            switches[windows] = xp.where(x[pixels] == y[windows], index, switches[windows])


@operation
def max_pool_backward(dy: Any, switches: Any, dx: Any, kernel: Size, stride: Size, padding: Size, xp: Any) -> None:
    """Fill dx."""
    dx[...] = 0
    for index, windows, pixels in offsets(dx, dy, kernel, stride, padding):
        dx[pixels] += dy[windows] * (switches[windows] == index)                     # eq. (1); overlaps add


@operation
def avg_pool_forward(x: Any, y: Any, share: Any, kernel: Size, stride: Size, padding: Size, xp: Any) -> None:
    """Fill y. `share` (P, Q, 1) is 1 / area of each window."""
    y[...] = 0
    for _, windows, pixels in offsets(x, y, kernel, stride, padding):
        y[windows] += x[pixels]
    y *= share                                                                       # eq. (2)


@operation
def avg_pool_backward(dy: Any, share: Any, dx: Any, kernel: Size, stride: Size, padding: Size, xp: Any) -> None:
    """Fill dx."""
    dx[...], shared = 0, dy * share
    for _, windows, pixels in offsets(dx, dy, kernel, stride, padding):
        dx[pixels] += shared[windows]                                                # eq. (2); overlaps add


class _Pool2d(Layer):
    """What the two poolings share: which windows there are."""

    def __init__(self, kernel_size: int | tuple[int, int], stride: int | tuple[int, int] | None = None,
                 padding: int | tuple[int, int] = 0, ceil_mode: bool = False) -> None:
        kind = type(self).__name__
        self.kernel_size = as_pair(kernel_size, f"{kind} kernel_size")
        self.stride = as_pair(kernel_size if stride is None else stride, f"{kind} stride")
        self.padding = as_pair(padding, f"{kind} padding", least=0)
        if not isinstance(ceil_mode, (bool, np.bool_)):
            raise ValueError(f"{type(self).__name__} ceil_mode: expected True or False, got {ceil_mode!r}")
        self.ceil_mode = bool(ceil_mode)
        if any(p >= K for p, K in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(f"{kind}: padding {self.padding} must be smaller than the kernel {self.kernel_size}, or "
                             "some windows would hold no pixel")

    def output_size(self, H: int, W_: int) -> tuple[int, int]:
        """(P, Q) for maps of H × W pixels; ValueError if not even one window fits."""
        size = []
        for length, K, S, p in zip((H, W_), self.kernel_size, self.stride, self.padding, strict=True):
            room = length + 2 * p - K  # how far the window can move
            windows = (-(-room // S) if self.ceil_mode else room // S) + 1
            if (windows - 1) * S - p >= length:  # the last window would lie wholly beyond the map
                windows -= 1
            size.append(windows)
        if min(size) < 1:
            raise ValueError(f"{self.label}: the window {self.kernel_size} is larger than the padded input "
                             f"({H} x {W_}, padding {self.padding})")
        return tuple(size)


class MaxPool2d(_Pool2d):
    """The largest value of each window. `switches` (N, P, Q, C), whole numbers, says which pixel it was, as an index
    i · KW + j into the window; it is there from a forward that keeps until the backward (ZFNet's unpooling uses it).
    A window that holds NaN is NaN, and has no winner: its switch is KH · KW, its dy goes nowhere (in PyTorch, to NaN).
    """

    lets_a_factor_through = True

    @property
    def switches(self) -> Any:
        return self._kept[-1] if self._kept else None

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """Of the maps that the switches point into."""
        return self._kept[0] if self._kept else None

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp = self.expect(x, "N", "H", "W", "C")
        N, H, W_, C = x.shape
        y = self.empty((N, *self.output_size(H, W_), C), x.dtype)
        count = np.min_scalar_type(self.kernel_size[0] * self.kernel_size[1])
        switches = self.empty(y.shape, count) if train or keep else None
        max_pool_forward(x, y, switches, self.kernel_size, self.stride, self.padding, xp)
        self.remember(train or keep, x.shape, x.dtype, switches)
        return y

    def backward(self, dy: Any) -> Any:
        shape, dtype, switches = self.take()
        xp = self.expect(dy, *switches.shape, what="dy", dtype=dtype)
        dx = self.empty(shape, dtype)
        max_pool_backward(dy, switches, dx, self.kernel_size, self.stride, self.padding, xp)
        return dx


class AvgPool2d(_Pool2d):
    """The mean of each window, over those of its pixels that exist."""

    lets_a_factor_through = True

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp = self.expect(x, "N", "H", "W", "C")
        N, H, W_, C = x.shape
        size = self.output_size(H, W_)
        y = self.empty((N, *size, C), x.dtype)
        share = shares((H, W_), size, self.kernel_size, self.stride, self.padding, x.dtype, self.device)
        avg_pool_forward(x, y, share, self.kernel_size, self.stride, self.padding, xp)
        self.remember(train or keep, x.shape, x.dtype, share)
        return y

    def backward(self, dy: Any) -> Any:
        shape, dtype, share = self.take()
        xp = self.expect(dy, shape[0], *share.shape[:2], shape[3], what="dy", dtype=dtype)
        dx = self.empty(shape, dtype)
        avg_pool_backward(dy, share, dx, self.kernel_size, self.stride, self.padding, xp)
        return dx


@functools.cache  # the same for every batch of one shape; what a GPU has recorded (devices/graph.py) reads it, too
def shares(size: Size, windows: Size, kernel: Size, stride: Size, padding: Size, dtype: Any, device: Device) -> Any:
    """1 / area of every window, (P, Q, 1), of P × Q = `windows` on maps of H × W = `size`."""
    sides = []
    for length, n, K, S, p in zip(size, windows, kernel, stride, padding, strict=True):
        start = S * np.arange(n) - p
        sides.append(np.minimum(start + K, length) - np.maximum(start, 0))           # (P,), then (Q,)
    return device.asarray((1 / np.multiply.outer(*sides)[:, :, None]).astype(dtype))


class GlobalAvgPool2d(Layer):
    """The mean of every map: (N, H, W, C) → (N, C). NiN, section 3.2."""

    lets_a_factor_through = True

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        self.expect(x, "N", "H", "W", "C")
        self.remember(train or keep, x.shape, x.dtype)
        return x.mean(axis=2).mean(axis=1)         # eq. (3), (N, C); row by row: a long sum loses digits in float32

    def backward(self, dy: Any) -> Any:
        (N, H, W_, C), dtype = self.take()
        self.expect(dy, N, C, what="dy", dtype=dtype)
        dx = self.empty((N, H, W_, C), dtype)
        dx[...] = dy[:, None, None, :] / (H * W_)                                    # eq. (3)
        return dx
