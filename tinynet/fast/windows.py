"""The windows of a pooling, and its pixels dealt out so that they run along memory.

Pixels that are a stride apart lie at the same offset in neighbouring windows. Dealt out, they come to lie side by side:
part (r, s) of an image has its pixels of the rows r, r + SH, r + 2·SH, ... and the columns s, s + SW, ..., as one long
array; some rows and columns more stand for what lies beyond the map. If windows are counted in rows as long as those of
the parts, window e has its pixel at offset (i, j) at

    e + (i // SH) rows + j // SW        in part (i % SH, j % SW),

and whatever is done at one offset, for all windows, is done along two stretches of memory, one shifted against the
other. What it gives for the windows that only fill up a row is not looked at.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..sizes import Size, within
from .memory import scratch
from .parallel import pieces


class Grid:
    """The windows of a pooling, and where their pixels are once they are dealt out."""

    def __init__(self, x_shape: tuple[int, ...], y_shape: tuple[int, ...], kernel: Size, stride: Size, padding: Size
                 ) -> None:
        (_, self.H, self.W, self.C), (_, self.P, self.Q, _) = x_shape, y_shape
        self.kernel, self.stride, self.padding = kernel, stride, padding
        self.parts = tuple(min(K, S) for K, S in zip(kernel, stride, strict=True))
        self.below, self.beside = ((K - 1) // S for K, S in zip(kernel, stride, strict=True))
        self.row = (self.Q + self.beside) * self.C                                   # numbers in a row of a part
        self.margin = self.below * self.row + self.beside * self.C                   # the largest shift

    def shift(self, i: int, j: int) -> int:
        """How far from its window, counted in its part, the pixel at offset (i, j) is."""
        return i // self.stride[0] * self.row + j // self.stride[1] * self.C

    def offsets(self, r: int, s: int) -> list[tuple[int, int]]:
        """The offsets of a window's pixels that are in part (r, s)."""
        (KH, KW), (SH, SW) = self.kernel, self.stride
        return [(i, j) for i in range(r, KH, SH) for j in range(s, KW, SW)]

    def pieces(self, batch: slice, rows: int, itemsize: int) -> Iterator[tuple[slice, slice]]:
        """(images, rows): some images with all their rows, or one image with some, so that the parts fit a cache."""
        size = self.parts[0] * self.parts[1] * self.row * itemsize
        for n in pieces(batch, rows * size):
            for some in pieces(slice(0, rows), (n.stop - n.start) * size):
                yield n, some

    def along(self, axis: int, windows: slice | None = None) -> list[tuple[slice, slice]]:
        """For each offset along an axis: which of `windows`, or of all in a row, have a pixel there, and these."""
        K, S, p = self.kernel[axis], self.stride[axis], self.padding[axis]
        first, count = (windows.start, windows.stop - windows.start) if windows else (0, self.Q)
        return [within(first * S + k - p, S, count, (self.H, self.W)[axis]) for k in range(K)]

    def pixels(self, rows: slice, r: int, s: int) -> tuple[slice, slice, slice, slice]:
        """Those of `rows` of part (r, s), and of its columns, that are in the map; and which they are there."""
        (SH, SW), (above, left) = self.stride, self.padding
        p, h = within(rows.start * SH + r - above, SH, rows.stop - rows.start, self.H)
        q, w = within(s - left, SW, self.Q + self.beside, self.W)
        return p, q, h, w

    def deal(self, x: Any, n: slice, rows: slice, beyond: float) -> Any:
        """The parts (SW, SH, ...) that these rows of windows see; `beyond` is what lies beyond the map."""
        N, R = n.stop - n.start, rows.stop - rows.start + self.below
        size = N * R * self.row
        parts = scratch("parts", (self.parts[1], self.parts[0], size + self.beside * self.C), x.dtype)
        parts[..., size:] = beyond
        for r, s in np.ndindex(self.parts):
            part = parts[s, r, :size].reshape(N, R, -1, self.C)
            p, q, h, w = self.pixels(slice(rows.start, rows.start + R), r, s)
            for border in part[:, :p.start], part[:, p.stop:], part[:, p, :q.start], part[:, p, q.stop:]:
                border[...] = beyond
            _runs(part)[:, p, q] = _runs(x)[n, h, w]
        return parts

    def across(self, parts: Any) -> list[Any]:
        """For each offset along a row, the pixels there of every window's rows, (SH, ...)."""
        (_, SW), size = self.stride, parts.shape[-1] - self.beside * self.C
        return [parts[j % SW, :, self.shift(0, j):][:, :size] for j in range(self.kernel[1])]

    def down(self, a: Any) -> list[Any]:
        """For each offset along a column, what `a` (SH, ...) has of every window's row there."""
        (SH, _), size = self.stride, a.shape[-1] - self.below * self.row
        return [a[i % SH, self.shift(i, 0):][:size] for i in range(self.kernel[0])]

    def windows(self, a: Any, y: Any) -> Any:
        """The numbers in `a` of those windows that there are, in the shape of y (n, R, Q, C)."""
        number, row = a.itemsize, self.row * a.itemsize
        strides = (y.shape[1] + self.below) * row, row, self.C * number, number
        return np.ndarray(y.shape, a.dtype, a, strides=strides)

    def spread(self, a: Any, n: slice, rows: slice, role: str) -> Any:
        """The opposite of `windows`: `a`, and zeros for windows that there are not. `margin` more numbers come first,
        for the pixels at the top and on the left."""
        N, R = n.stop - n.start, rows.stop - rows.start
        flat = scratch(role, (self.margin + N * R * self.row,), a.dtype)
        flat[:self.margin] = 0
        blocks = [(flat[self.margin:].reshape(N, R, -1, self.C), rows.start)]
        if rows.start and self.below:  # an image in pieces: the margin has rows of the piece before
            blocks.append((flat[self.beside * self.C:self.margin].reshape(1, self.below, -1, self.C),
                           rows.start - self.below))
        for block, first in blocks:
            p, source = within(first, 1, block.shape[1], self.P)
            block[:, p, self.Q:] = block[:, p.stop:] = 0
            block[:, p, :self.Q] = a[n, source]
        return flat

    def collect(self, part: Any, dx: Any, n: slice, rows: slice, r: int, s: int) -> None:
        """Put part (r, s) where it belongs in dx."""
        p, q, h, w = self.pixels(rows, r, s)
        _runs(dx)[n, h, w] = _runs(part.reshape(n.stop - n.start, rows.stop - rows.start, -1, self.C))[:, p, q]

    def clear_left_out(self, dx: Any) -> None:
        """Zeros in dx, if there are pixels that lie in no window."""
        ends = [(windows + more) * S - p for windows, more, S, p in
                zip((self.P, self.Q), (self.below, self.beside), self.stride, self.padding, strict=True)]
        if self.parts != self.stride or ends[0] < self.H or ends[1] < self.W:
            dx[...] = 0


def _runs(a: Any) -> Any:
    """The channels of each pixel as one item: copied in less than half the time."""
    return a.view(np.dtype(f"V{a.shape[-1] * a.itemsize}"))[..., 0]
