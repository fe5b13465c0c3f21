"""Convolution as one matrix product: write every window of the image as a row, then multiply.

A convolution slides a window over the image and takes, at each place, its product with every kernel. If the windows
stand as rows of a matrix `cols` (places × window) and the kernels as columns of another (window × kernels), all those
products are one matrix product, which BLAS does near the speed of the machine. This file makes the rows ("image to
columns") and adds rows back into an image ("columns to image", the same map transposed).

In the layout (N, H, W, C) a window's row of KW pixels is one run of KW · C numbers in memory, so copying windows out
is a copy of runs.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..sizes import Padding

Empty = Callable[[tuple[int, ...], Any], Any]  # makes an array of a shape and a dtype: xp.empty, or scratch memory


def output_length(size: int, kernel: int, stride: int, padding: tuple[int, int]) -> int:
    """How many windows fit along one axis, rounding down; zero or less if not even one does."""
    return (size + sum(padding) - kernel) // stride + 1


def channels_of_groups(groups: int, C: int, F: int) -> list[tuple[slice, slice]]:
    """For each group, its C channels of the input and its share of the F channels of the output."""
    F //= groups
    return [(slice(g * C, (g + 1) * C), slice(g * F, (g + 1) * F)) for g in range(groups)]


def pad(x: Any, padding: Padding, xp: Any, empty: Empty | None = None) -> Any:
    """Zeros around x (N, H, W, C): (N, H + ΣP, W + ΣP, C). A negative padding cuts off rows or columns.

    With nothing to do, the result is x itself.
    """
    if padding == ((0, 0), (0, 0)):
        return x
    (top, bottom), (left, right) = padding
    out = (empty or xp.empty)(padded_shape(x.shape, padding), x.dtype)
    out.fill(0)
    inner = x[:, max(-top, 0):max(x.shape[1] + min(bottom, 0), 0), max(-left, 0):max(x.shape[2] + min(right, 0), 0)]
    top, left = max(top, 0), max(left, 0)
    out[:, top:top + inner.shape[1], left:left + inner.shape[2]] = inner
    return out


def unpad(x: Any, padding: Padding) -> Any:
    """x (N, H + ΣP, W + ΣP, C) without its padding, a view."""
    (top, bottom), (left, right) = padding
    return x[:, top:x.shape[1] - bottom, left:x.shape[2] - right]


def padded_shape(shape: tuple[int, ...], padding: Padding) -> tuple[int, ...]:
    N, H, W_, C = shape
    return N, H + sum(padding[0]), W_ + sum(padding[1]), C


def im2col(x: Any, kernel: tuple[int, int], stride: tuple[int, int], xp: Any, empty: Empty | None = None) -> Any:
    """All windows of x (N, H, W, C) as rows: (N · P · Q, KH · KW · C), in the order of the output's pixels."""
    N, H, W_, C = x.shape
    (KH, KW), (SH, SW) = kernel, stride
    if (KH, KW, SH, SW) == (1, 1, 1, 1):
        return x.reshape(N * H * W_, C)  # each pixel is a window
    P, Q = output_length(H, KH, SH, (0, 0)), output_length(W_, KW, SW, (0, 0))
    x = xp.ascontiguousarray(x)
    n, h, w, _ = x.strides
    cols = copy_runs(x, (N, P, Q, KH), (n, h * SH, w * SW, h), KW * C, xp, empty)     # (N, P, Q, KH, KW · C)
    return cols.reshape(N * P * Q, KH * KW * C)


def copy_runs(x: Any, shape: tuple[int, ...], strides: tuple[int, ...], run: int, xp: Any, empty: Empty | None = None
              ) -> Any:
    """Runs of `run` numbers that lie side by side in x, copied: (*shape, run). Each step along axis i of `shape` is
    one of `strides[i]` bytes in x, which is contiguous; runs may overlap.

    NumPy takes some 10 ns for a run, however short. If a run is made one item, of a type without meaning ("void"), its
    copy takes half of that.
    """
    out = (empty or xp.empty)((*shape, run), x.dtype)
    if xp is np:
        item = np.dtype((np.void, run * x.itemsize))
        out.view(item)[..., 0] = np.ndarray(shape, item, x, strides=strides)
    else:
        out[...] = xp.lib.stride_tricks.as_strided(x, (*shape, run), (*strides, x.itemsize))
    return out


def col2im(cols: Any, shape: tuple[int, ...], kernel: tuple[int, int], stride: tuple[int, int], xp: Any) -> Any:
    """The transpose of im2col: add each row back to the pixels that it was copied from.

    `shape` is that of the image (N, H, W, C). Windows that overlap add up.
    """
    N, H, W_, C = shape
    (KH, KW), (SH, SW) = kernel, stride
    P, Q = output_length(H, KH, SH, (0, 0)), output_length(W_, KW, SW, (0, 0))
    x, cols = xp.zeros(shape, cols.dtype), cols.reshape(N, P, Q, KH, KW, C)
    for i in range(KH):
        for j in range(KW):
            x[:, i:i + SH * P:SH, j:j + SW * Q:SW] += cols[:, :, :, i, j]
    return x


def add_rows(dx: Any, d_padded: Any, above: int, left: int) -> None:
    """Add a band of padded rows to dx (n, H, W, C), without the padding. The first row of the band is row -above of dx;
    rows and columns of dx that are in no window stay 0."""
    d = d_padded[:, max(above, 0):, left:]
    first = max(-above, 0)
    target = dx[:, first:first + d.shape[1], :d.shape[2]]
    target += d[:, :target.shape[1], :target.shape[2]]
