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

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..fast.memory import fresh, scratch
from ..fast.parallel import pieces
from ..layer import Layer
from ..sizes import as_pair


def _scratch(role: str, shape: tuple[int, ...], dtype: Any, xp: Any) -> Any:
    return scratch(role, shape, dtype) if xp is np else xp.empty(shape, dtype)


class _Pool2d(Layer):
    """What the two poolings share: which windows there are, and which pixels lie under each offset of a window."""

    def __init__(self, kernel_size: int | tuple[int, int], stride: int | tuple[int, int] | None = None,
                 padding: int | tuple[int, int] = 0, ceil_mode: bool = False) -> None:
        kind = type(self).__name__
        self.kernel_size = as_pair(kernel_size, f"{kind} kernel_size")
        self.stride = as_pair(kernel_size if stride is None else stride, f"{kind} stride")
        self.padding = as_pair(padding, f"{kind} padding", least=0)
        self.ceil_mode = ceil_mode
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

    def _taps(self, axis: int, length: int, windows: int) -> Iterator[tuple[int, slice, slice]]:
        """For each offset k within a window along `axis`: the windows whose k-th pixel exists, and those pixels."""
        K, S, p = self.kernel_size[axis], self.stride[axis], self.padding[axis]
        for k in range(K):
            first = max(0, -((k - p) // S))                    # the first window with w·S - p + k >= 0
            last = min(windows - 1, (length - 1 + p - k) // S)  # the last with w·S - p + k < length
            if first <= last:
                start = first * S - p + k
                yield k, slice(first, last + 1), slice(start, start + (last - first) * S + 1, S)


class MaxPool2d(_Pool2d):
    """The largest value of each window. `switches` (N, P, Q, C) uint8 or uint16 says which pixel it was, as an index
    i · KW + j into the window; it is there from a forward that keeps until the backward (ZFNet's unpooling uses it).

    For speed, columns are dealt out first: those that are SW apart, and so lie under the same offset of neighbouring
    windows, come to stand side by side. All that follows then runs over long stretches of memory.
    """

    lets_a_factor_through = True

    switches: Any = None

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp = self.expect(x, "N", "H", "W", "C")
        N, H, W_, C = x.shape
        P, Q = self.output_size(H, W_)
        y = fresh((N, P, Q, C), x.dtype, xp)
        switches = fresh(y.shape, self._count(xp), xp) if train or keep else None

        def one_slice(batch: slice) -> None:
            for n in pieces(batch, x[0].nbytes, self.device, least=2):
                dealt = self._dealt(x[n], xp)
                for s, columns in enumerate(dealt):
                    columns[...] = x[n, :, s::self.stride[1]]
                self._maximum(dealt, y[n], H, W_, xp)                                # eq. (1)
                if switches is not None:
                    switches[n] = self._winners(dealt, y[n], H, W_, xp)

        self.over_batch(one_slice, N, x.size)
        self.switches = switches
        self._kept = (x.shape, x.dtype, switches) if train or keep else None
        return y

    def _maximum(self, dealt: list[Any], y: Any, H: int, W_: int, xp: Any) -> None:
        """Fill y (n, P, Q, C): the maxima along the rows of each window, then of those along its columns."""
        n, P, Q, C = y.shape
        rows = [_scratch(f"rows{s}", (n, P, part.shape[2], C), y.dtype, xp) for s, part in enumerate(dealt)]
        for row, part in zip(rows, dealt, strict=True):
            row.fill(-xp.inf)
            for _, p, h in self._taps(0, H, P):
                xp.maximum(row[:, p], part[:, h], out=row[:, p])
        y.fill(-xp.inf)
        for _, q, s, w in self._dealt_taps(W_, Q):
            xp.maximum(y[:, :, q], rows[s][:, :, w], out=y[:, :, q])

    def _winners(self, dealt: list[Any], y: Any, H: int, W_: int, xp: Any) -> Any:
        """(n, P, Q, C): the index within its window of the first pixel that equals the maximum.

        Each pixel that does enters KH·KW - index, the largest entry stays: a maximum is far faster than a masked
        copy. Where nothing equals the maximum, because it is NaN, the index is KH·KW: no pixel wins.
        """
        (_, P, Q, _), (KH, KW), count = y.shape, self.kernel_size, self._count(xp)
        best = xp.zeros(y.shape, count)
        for i, p, h in self._taps(0, H, P):
            for j, q, s, w in self._dealt_taps(W_, Q):
                wins = (dealt[s][:, h, w] == y[:, p, q]).view(xp.uint8) * count(KH * KW - (i * KW + j))
                xp.maximum(best[:, p, q], wins, out=best[:, p, q])
        return count(KH * KW) - best

    def backward(self, dy: Any) -> Any:
        (N, H, W_, C), dtype, switches = self.take()
        self.switches = None
        xp = self.expect(dy, *switches.shape, what="dy", dtype=dtype)
        (_, P, Q, _), KW, SW = switches.shape, self.kernel_size[1], self.stride[1]
        dx = fresh((N, H, W_, C), dtype, xp)

        def one_slice(batch: slice) -> None:
            for n in pieces(batch, dx[0].nbytes, self.device, least=2):
                dealt = self._dealt(dx[n], xp)
                for part in dealt:
                    part.fill(0)
                for i, p, h in self._taps(0, H, P):
                    for j, q, s, w in self._dealt_taps(W_, Q):
                        won = switches[n, p, q] == i * KW + j
                        dealt[s][:, h, w] += dy[n, p, q] * won                       # eq. (1); overlaps add
                for s, part in enumerate(dealt):
                    dx[n, :, s::SW] = part

        self.over_batch(one_slice, N, dx.size)
        return dx

    def _dealt(self, x: Any, xp: Any) -> list[Any]:
        """Scratch memory for the columns 0, SW, 2·SW, ... of x; for 1, SW + 1, ...; and so on: each (n, H, W', C)."""
        SW = self.stride[1]
        return [_scratch(f"dealt{s}", x[:, :, s::SW].shape, x.dtype, xp) for s in range(SW)]

    def _dealt_taps(self, W_: int, Q: int) -> Iterator[tuple[int, slice, int, slice]]:
        """As `_taps` along the columns, after dealing: which of the parts, and the pixels' places in it."""
        for j, q, w in self._taps(1, W_, Q):
            first, s = divmod(w.start, self.stride[1])
            yield j, q, s, slice(first, first + q.stop - q.start)

    def _count(self, xp: Any) -> Any:
        return xp.uint8 if self.kernel_size[0] * self.kernel_size[1] < 256 else xp.uint16


class AvgPool2d(_Pool2d):
    """The mean of each window, over those of its pixels that exist."""

    lets_a_factor_through = True

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp = self.expect(x, "N", "H", "W", "C")
        N, H, W_, C = x.shape
        P, Q = self.output_size(H, W_)
        y = fresh((N, P, Q, C), x.dtype, xp)
        share = self._share(H, W_, x.dtype, xp)                                       # (P, Q, 1)

        def one_slice(n: slice) -> None:
            rows = xp.zeros((n.stop - n.start, P, W_, C), x.dtype)                    # (n, P, W, C): sums along rows
            for _, p, h in self._taps(0, H, P):
                rows[:, p] += x[n, h]
            y[n] = 0                                                                 # (n, P, Q, C): then along columns
            for _, q, w in self._taps(1, W_, Q):
                y[n, :, q] += rows[:, :, w]
            y[n] *= share                                                            # eq. (2)

        self.over_batch(one_slice, N, x.size)
        self._kept = (x.shape, x.dtype) if train or keep else None
        return y

    def backward(self, dy: Any) -> Any:
        (N, H, W_, C), dtype = self.take()
        P, Q = self.output_size(H, W_)
        xp = self.expect(dy, N, P, Q, C, what="dy", dtype=dtype)
        dx = xp.zeros((N, H, W_, C), dtype)
        share = self._share(H, W_, dtype, xp)

        def one_slice(n: slice) -> None:
            d_mean = dy[n] * share                                                   # (n, P, Q, C)
            d_rows = xp.zeros((n.stop - n.start, P, W_, C), dtype)                    # (n, P, W, C)
            for _, q, w in self._taps(1, W_, Q):
                d_rows[:, :, w] += d_mean[:, :, q]                                   # eq. (2); overlaps add
            for _, p, h in self._taps(0, H, P):
                dx[n, h] += d_rows[:, p]

        self.over_batch(one_slice, N, dx.size)
        return dx

    def _share(self, H: int, W_: int, dtype: Any, xp: Any) -> Any:
        """1 / area of every window, (P, Q, 1)."""
        P, Q = self.output_size(H, W_)
        heights, widths = xp.zeros((P, 1, 1), dtype), xp.zeros((Q, 1), dtype)
        for _, p, _ in self._taps(0, H, P):
            heights[p] += 1
        for _, q, _ in self._taps(1, W_, Q):
            widths[q] += 1
        return 1 / (heights * widths)


class GlobalAvgPool2d(Layer):
    """The mean of every map: (N, H, W, C) → (N, C). NiN, section 3.2."""

    lets_a_factor_through = True

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        self.expect(x, "N", "H", "W", "C")
        self._kept = (x.shape, x.dtype) if train or keep else None
        return x.mean(axis=(1, 2))                                                   # eq. (3), (N, C)

    def backward(self, dy: Any) -> Any:
        (N, H, W_, C), dtype = self.take()
        xp = self.expect(dy, N, C, what="dy", dtype=dtype)
        dx = fresh((N, H, W_, C), dtype, xp)
        dx[...] = dy[:, None, None, :] / (H * W_)                                     # eq. (3)
        return dx
