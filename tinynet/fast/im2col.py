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


def places(size: int, kernel: int, stride: int, padding: tuple[int, int]) -> int:
    """How many windows fit along one axis, rounding down; zero or less if not even one does."""
    return (size + sum(padding) - kernel) // stride + 1


Empty = Callable[[tuple[int, ...], Any], Any]  # makes an array of a shape and a dtype: xp.empty, or scratch memory


def pad(x: Any, padding: Padding, groups: int, xp: Any, empty: Empty | None = None) -> Any:
    """Zeros around x (N, H, W, C), and its channels dealt out to groups: (groups, N, H + ΣP, W + ΣP, C / groups).

    A negative padding cuts off rows or columns. With nothing to do, the result is a view of x.
    """
    N, H, W_, C = x.shape
    (top, bottom), (left, right) = padding
    if groups == 1 and padding == ((0, 0), (0, 0)):
        return x[None]
    out = (empty or xp.empty)((groups, N, H + top + bottom, W_ + left + right, C // groups), x.dtype)
    out.fill(0)
    inner = x[:, max(-top, 0):H + min(bottom, 0), max(-left, 0):W_ + min(right, 0)]
    top, left = max(top, 0), max(left, 0)
    target = out[:, :, top:top + inner.shape[1], left:left + inner.shape[2]]
    for g in range(groups):
        target[g] = inner[..., g * (C // groups):(g + 1) * (C // groups)]
    return out


def im2col(x: Any, kernel: tuple[int, int], stride: tuple[int, int], xp: Any, empty: Empty | None = None) -> Any:
    """All windows of x (N, H, W, C) as rows: (N · P · Q, KH · KW · C), in the order of the output's pixels."""
    N, H, W_, C = x.shape
    (KH, KW), (SH, SW) = kernel, stride
    if (KH, KW, SH, SW) == (1, 1, 1, 1):
        return x.reshape(N * H * W_, C)  # each pixel is a window
    P, Q = places(H, KH, SH, (0, 0)), places(W_, KW, SW, (0, 0))
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
    P, Q = places(H, KH, SH, (0, 0)), places(W_, KW, SW, (0, 0))
    x, cols = xp.zeros(shape, cols.dtype), cols.reshape(N, P, Q, KH, KW, C)
    for i in range(KH):
        for j in range(KW):
            x[:, i:i + SH * P:SH, j:j + SW * Q:SW] += cols[:, :, :, i, j]
    return x
