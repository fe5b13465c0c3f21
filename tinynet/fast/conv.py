"""Convolution on a CPU: a piece of the batch at a time, small enough for the cache of a core, shared by the threads.

A piece is some whole images, or, of large images, a band of rows, so that what is computed on the way (windows as rows,
tiles) stays in the cache and is small whatever the images are. There are two algorithms, and `best_algorithm` chooses:

    im2col     layers/conv.py's equations, piece by piece
    winograd   far fewer multiplications, if the kernel is small and there are many channels: winograd_conv.py

For stride 1, im2col's backward makes the windows of dy instead of those of x; they serve both products:

    dx = cols · turned W        turned dW = xᵀ · cols        "turned": by 180°, C and F exchanged

which spares col2im, whose strided additions are slow.
"""
from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..sizes import Size
from . import winograd
from .im2col import add_rows, channels_of_groups, col2im, im2col, pad
from .memory import scratch
from .parallel import over_batch, rectangles
from .winograd_conv import forget, transformed, winograd_backward, winograd_forward

WIDE = 80   # pixels along a kernel times channels, from which on Winograd's products outweigh its transforms of images
TILES = 32  # from which on they outweigh its transform of the weights

_padded, _cols = partial(scratch, "padded"), partial(scratch, "cols")


def checked_algorithm(algorithm: str, kernel: Size, stride: Size) -> str:
    """`algorithm`. Raises ValueError if there is none of this name, or it is not for this kernel and stride."""
    if algorithm not in ("auto", "im2col", "winograd"):
        raise ValueError(f"Conv2d: expected algorithm 'auto', 'im2col' or 'winograd', got {algorithm!r}")
    if algorithm == "winograd" and not winograd.possible(kernel, stride):
        raise ValueError(f"Conv2d: algorithm 'winograd' is for square kernels, 3 to 5 strides wide, got "
                         f"kernel_size={kernel} and stride={stride}")
    return algorithm


def best_algorithm(kernel: Size, stride: Size, y_shape: tuple[int, ...], C: int, F: int) -> str:
    """"im2col" or "winograd", for outputs of `y_shape` (N, P, Q, ...), C input and F output channels in each group.

    Winograd's algorithm exists for square kernels 3 to 5 strides wide. It saves the more multiplications the larger the
    kernel is, and it is faster where its transforms count for little: there must be many channels, and many tiles.
    """
    form = winograd.best_form(kernel[0], stride[0], *y_shape[1:3], C, F) if winograd.possible(kernel, stride) else None
    if form is None or form.K * min(C * form.s ** 2, F) < WIDE:
        return "im2col"
    tiles = y_shape[0] * form.tiles(y_shape[1]) * form.tiles(y_shape[2])
    return "winograd" if tiles >= TILES else "im2col"


def conv_forward(x, W, b, y, stride, padding, algorithm, xp) -> None:
    groups = x.shape[-1] // W.shape[2]
    form = _tiles(W, y.shape, stride, groups, algorithm)
    if form:
        winograd_forward(x, transformed(W, groups, form), b, y, form, padding)
    else:
        _im2col_forward(x, W, b, y, stride, padding, groups)


def conv_backward(x, W, dy, dx, dW, db, stride, padding, algorithm, xp) -> None:
    groups = (x if dx is None else dx).shape[-1] // W.shape[2]
    form = _tiles(W, dy.shape, stride, groups, algorithm)
    if form:
        work = partial(winograd_backward, x, transformed(W, groups, form), dy, dx, dW, form, padding)
    elif stride == (1, 1) and dx is not None:
        work = partial(_stride_1_backward, x, W, dy, dx, dW, padding, groups)
    else:
        work = partial(_im2col_backward, x, W, dy, dx, dW, stride, padding, groups)

    def some_images(batch: slice) -> tuple[Any, Any]:
        rows = dy[batch].reshape(-1, dy.shape[-1])                                   # (n·P·Q, F)
        return work(batch), None if db is None else np.ones(len(rows), dy.dtype) @ rows  # eq. (2); faster than a sum

    parts = over_batch(some_images, len(dy), cost=_cost(W, dy))
    for total, sums in zip((dW, db), zip(*parts, strict=True), strict=True):
        if total is not None:
            np.copyto(total, sums[0])
            for part in sums[1:]:
                total += part
    if dW is not None:
        forget(W)  # a step will change them


def _tiles(W: Any, y_shape: tuple[int, ...], stride: Size, groups: int, algorithm: str) -> winograd.Form | None:
    """The tiles of Winograd's algorithm, if that is to be taken; else None."""
    KH, KW, C, F = W.shape
    if algorithm == "auto":
        algorithm = best_algorithm((KH, KW), stride, y_shape, C, F // groups)
    return winograd.best_form(KH, stride[0], *y_shape[1:3], C, F // groups) if algorithm == "winograd" else None


def _cost(W: Any, y: Any) -> float:
    return W.size * (y.size // y.shape[-1]) / 64


# ---------------------------------------------------------------------------------------- windows as rows


def _im2col_forward(x, W, b, y, stride, padding, groups) -> None:
    (KH, KW, C, F), (N, P, Q, _), (SH, _), ((top, _), sides) = W.shape, y.shape, stride, padding
    kernels = W.reshape(KH * KW * C, F)                                              # (KH·KW·C, ΣF)

    def some_rows(rows: slice) -> None:
        for n, p in rectangles(rows, P, Q * len(kernels) * x.itemsize):
            above, below = top - p.start * SH, (p.stop - 1) * SH - top + KH - x.shape[1]  # around the rows that p sees
            out = y[n, p].reshape(-1, F)                                             # (n·p·Q, ΣF), a view
            for c, f in channels_of_groups(groups, C, F):
                padded = pad(x[n, :, :, c], ((above, below), sides), np, _padded)
                cols = im2col(padded, (KH, KW), stride, np, _cols)        # (n·p·Q, KH·KW·C)
                np.matmul(cols, kernels[:, f], out=out[:, f])                        # eq. (1)
            if b is not None:
                out += b

    over_batch(some_rows, N * P, cost=_cost(W, y))


def _im2col_backward(x, W, dy, dx, dW, stride, padding, groups, batch: slice) -> Any:
    """Fills dx[batch], and returns these images' part of dW, for any stride.

    The windows are made a second time: keeping those of forward would cost KH · KW times the memory of x.
    """
    (KH, KW, C, F), (_, P, Q, _), (SH, _), ((top, _), sides) = W.shape, dy.shape, stride, padding
    kernels, H = W.reshape(KH * KW * C, F), (x if dx is None else dx).shape[1]
    total = None if dW is None else np.zeros(kernels.shape, dy.dtype)
    for n, p in rectangles(slice(batch.start * P, batch.stop * P), P, Q * len(kernels) * dy.itemsize):
        above, below = top - p.start * SH, (p.stop - 1) * SH - top + KH - H
        rows = dy[n, p].reshape(-1, F)                                               # (n·p·Q, ΣF)
        if dx is not None and p.start == 0:
            dx[n] = 0
        for c, f in channels_of_groups(groups, C, F):
            if dW is not None:
                padded = pad(x[n, :, :, c], ((above, below), sides), np, _padded)
                cols = im2col(padded, (KH, KW), stride, np, _cols)        # (n·p·Q, KH·KW·C)
                total[:, f] += cols.T @ rows[:, f]                                   # eq. (3)
            if dx is not None:
                d_cols = rows[:, f] @ kernels[:, f].T                                # (n·p·Q, KH·KW·C)
                shape = (n.stop - n.start, above + H + below, sum(sides) + dx.shape[2], C)
                add_rows(dx[n, :, :, c], col2im(d_cols, shape, (KH, KW), stride, np), above, sides[0])  # eq. (4)
    return None if dW is None else total.reshape(W.shape)


def _stride_1_backward(x, W, dy, dx, dW, padding, groups, batch: slice) -> Any:
    """The same for stride 1, from the windows of dy: padded so that they count H × W."""
    (KH, KW, C, F), (_, H, W_, _), ((top, _), (left, right)) = W.shape, dx.shape, padding
    turned = W[::-1, ::-1].swapaxes(2, 3)                                            # (KH, KW, ΣF, C)
    f_size, sides = F // groups, (KW - 1 - left, KW - 1 - right)
    total = None if dW is None else np.zeros((groups, C, KH * KW * f_size), dy.dtype)  # turned, C before the rest
    for n, h in rectangles(slice(batch.start * H, batch.stop * H), H, W_ * KH * KW * f_size * dy.itemsize):
        above, below = KH - 1 - top - h.start, h.stop + top - dy.shape[1]            # around the rows that h sees
        d_pixels = dx[n, h].reshape(-1, dx.shape[-1])                                # (n·h·W, ΣC), a view
        for g, (c, f) in enumerate(channels_of_groups(groups, C, F)):
            padded = pad(dy[n, :, :, f], ((above, below), sides), np, _padded)
            cols = im2col(padded, (KH, KW), (1, 1), np, _cols)            # (n·h·W, KH·KW·F)
            np.matmul(cols, turned[:, :, f].reshape(-1, C), out=d_pixels[:, c])      # eq. (4)
            if dW is not None:
                total[g] += x[n, h, :, c].reshape(-1, C).T @ cols                    # eq. (3)
    if dW is None:
        return None
    total = total.reshape(groups, C, KH, KW, f_size)[:, :, ::-1, ::-1]               # turned back
    return total.transpose(2, 3, 1, 0, 4).reshape(W.shape)                           # (KH, KW, C, ΣF)
