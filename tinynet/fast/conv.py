"""Convolution on a CPU: a piece of the batch at a time, small enough for the cache of a core, shared by the threads.

A piece is some whole images, or, of large images, a band of rows, so that what is computed on the way (windows as rows,
tiles) stays in the cache and is small whatever the images are. There are two algorithms, and `best_algorithm` chooses:

    im2col     layers/conv.py's equations, piece by piece
    winograd   far fewer multiplications, if the kernel is small and there are many channels: winograd.py

For stride 1, im2col's backward makes the windows of dy instead of those of x; they serve both products:

    dx = cols · turned W        turned dW = xᵀ · cols        "turned": by 180°, C and F exchanged

which spares col2im, whose strided additions are slow.
"""
from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from ..sizes import Padding
from . import winograd
from .im2col import Empty, channels_of_groups, col2im, im2col, pad
from .memory import fresh, scratch
from .parallel import over_batch, rectangles

Pair = tuple[int, int]
WIDE = 80   # pixels along a kernel times channels, from which on Winograd's products outweigh its transforms of images
TILES = 32  # from which on they outweigh its transform of the weights


class Memo:
    """What a convolution is asked to take, and remembers from one forward to the next: its weights, transformed for
    Winograd's algorithm, while they are the same. A copy of the layer, or a pickled one, begins without."""

    def __init__(self, algorithm: str, kernel: Pair, stride: Pair) -> None:
        if algorithm not in ("auto", "im2col", "winograd"):
            raise ValueError(f"Conv2d: expected algorithm 'auto', 'im2col' or 'winograd', got {algorithm!r}")
        if algorithm == "winograd" and not winograd.possible(kernel, stride):
            raise ValueError(f"Conv2d: algorithm 'winograd' is for square kernels, 3 to 5 strides wide, got "
                             f"kernel_size={kernel} and stride={stride}")
        self.algorithm, self.kernel, self.stride = algorithm, kernel, stride
        self.sample, self.known = np.empty(0), None

    def __reduce__(self) -> tuple:
        return Memo, (self.algorithm, self.kernel, self.stride)

    def transformed(self, W: Any, groups: int, form: winograd.Form) -> list[Any]:
        """U of each group. In training W changes all the time: only after a forward with the same sample of its numbers
        it is worth a copy, by which the next forward can tell whether all of them are the same."""
        sample, known = W.reshape(-1)[::97].copy(), self.known  # read once: another thread may be predicting
        still = sample.dtype == self.sample.dtype and np.array_equal(sample, self.sample)
        if still and known and known[1] == form and np.array_equal(W, known[0]):
            return known[2]
        W = W.copy() if still else W  # first: another thread may be training, and U would be of other weights
        U = _transformed(W, groups, form)
        self.sample, self.known = sample, (W, form, U) if still else None
        return U


def best_algorithm(kernel: Pair, stride: Pair, y_shape: tuple[int, ...], C: int, F: int) -> str:
    """"im2col" or "winograd", for outputs of `y_shape` (N, P, Q, ...), C input and F output channels in each group.

    Winograd's algorithm exists for square kernels 3 to 5 strides wide. It saves the more multiplications the larger the
    kernel is, and it is faster where its transforms count for little: there must be many channels, and many tiles.
    """
    form = winograd.best_form(kernel[0], stride[0], *y_shape[1:3], C, F) if winograd.possible(kernel, stride) else None
    if form is None or form.K * min(C * form.s ** 2, F) < WIDE:
        return "im2col"
    tiles = y_shape[0] * form.tiles(y_shape[1]) * form.tiles(y_shape[2])
    return "winograd" if tiles >= TILES else "im2col"


def conv_forward(x, W, b, y, stride: Pair, padding: Padding, memo: Memo, xp) -> Any:
    """Returns what backward can use again: the form of the tiles and the transformed weights, if these were needed."""
    _, _, C, F = W.shape
    groups = x.shape[-1] // C
    algorithm = memo.algorithm
    if algorithm == "auto":
        algorithm = best_algorithm(W.shape[:2], stride, y.shape, C, F // groups)
    if algorithm == "im2col":
        return _im2col_forward(x, W, b, y, stride, padding, groups)
    form = winograd.best_form(W.shape[0], stride[0], *y.shape[1:3], C, F // groups)
    U = memo.transformed(W, groups, form)
    _winograd_forward(x, U, b, y, form, padding)
    return form, U


def conv_backward(x, W, dy, dx, dW, db, stride: Pair, padding: Padding, again, xp) -> None:
    groups = (x if dx is None else dx).shape[-1] // W.shape[2]
    if again:
        work = partial(_winograd_backward, x, *again, dy, dx, dW, padding)
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
                padded = pad(x[n, :, :, c], ((above, below), sides), np, _scratch("padded"))
                cols = im2col(padded, (KH, KW), stride, np, _scratch("cols"))        # (n·p·Q, KH·KW·C)
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
                padded = pad(x[n, :, :, c], ((above, below), sides), np, _scratch("padded"))
                cols = im2col(padded, (KH, KW), stride, np, _scratch("cols"))        # (n·p·Q, KH·KW·C)
                total[:, f] += cols.T @ rows[:, f]                                   # eq. (3)
            if dx is not None:
                d_cols = rows[:, f] @ kernels[:, f].T                                # (n·p·Q, KH·KW·C)
                shape = (n.stop - n.start, above + H + below, sum(sides) + dx.shape[2], C)
                _add_rows(dx[n, :, :, c], col2im(d_cols, shape, (KH, KW), stride, np), above, sides[0])  # eq. (4)
    return None if dW is None else total.reshape(W.shape)


def _add_rows(dx: Any, d_padded: Any, above: int, left: int) -> None:
    """Add a band of padded rows to dx (n, H, W, C), without the padding. The first row of the band is row -above of dx;
    rows and columns of dx that are in no window stay 0."""
    d = d_padded[:, max(above, 0):, left:]
    first = max(-above, 0)
    target = dx[:, first:first + d.shape[1], :d.shape[2]]
    target += d[:, :target.shape[1], :target.shape[2]]


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
            padded = pad(dy[n, :, :, f], ((above, below), sides), np, _scratch("padded"))
            cols = im2col(padded, (KH, KW), (1, 1), np, _scratch("cols"))            # (n·h·W, KH·KW·F)
            np.matmul(cols, turned[:, :, f].reshape(-1, C), out=d_pixels[:, c])      # eq. (4)
            if dW is not None:
                total[g] += x[n, h, :, c].reshape(-1, C).T @ cols                    # eq. (3)
    if dW is None:
        return None
    total = total.reshape(groups, C, KH, KW, f_size)[:, :, ::-1, ::-1]               # turned back
    return total.transpose(2, 3, 1, 0, 4).reshape(W.shape)                           # (KH, KW, C, ΣF)


# ---------------------------------------------------------------------------------------- tiles


def _winograd_forward(x, U, b, y, form, padding) -> None:
    (N, P, Q, F), C = y.shape, x.shape[-1] // len(U)
    height = form.tiles(P)                                                           # rows of tiles in an image

    def some_rows(rows: slice) -> None:
        for n, r in rectangles(rows, height, *_tile_row(form, Q, C, F // len(U), x.itemsize)):
            sides, p = _around(form, r, x.shape, Q, padding), slice(r.start * form.m, min(r.stop * form.m, P))
            for u, (c, f) in zip(U, channels_of_groups(len(U), C, F), strict=True):
                padded = pad(x[n, :, :, c], sides, np, _scratch("padded"))
                winograd.convolve(padded, u, y[n, p, :, f], form)                    # eq. (1)
            if b is not None:
                y[n, p] += b

    over_batch(some_rows, N * height, cost=U[0].size * y.size / F / 64)


def _winograd_backward(x, form, U, dy, dx, dW, padding, batch: slice) -> Any:
    """Fills dx[batch], and returns these images' part of dW: the transposes of forward, in the opposite order."""
    (_, P, Q, F), shape = dy.shape, (x if dx is None else dx).shape
    C, height = shape[-1] // len(U), form.tiles(P)
    dU = None if dW is None else [scratch(f"dU{g}", u.shape, dy.dtype) for g, u in enumerate(U)]
    pieces_of_batch = rectangles(slice(batch.start * height, batch.stop * height), height,
                                 *_tile_row(form, Q, C, F // len(U), dy.itemsize))
    for i, (n, r) in enumerate(pieces_of_batch):
        sides, p = _around(form, r, shape, Q, padding), slice(r.start * form.m, min(r.stop * form.m, P))
        if dx is not None and r.start == 0:
            dx[n] = 0
        for g, (c, f) in enumerate(channels_of_groups(len(U), C, F)):
            dM = winograd.outputs_backward(dy[n, p, :, f], form)
            if dW is not None:
                V = winograd.images(pad(x[n, :, :, c], sides, np, _scratch("padded")), form)
                winograd.add_products(V, dM, dU[g], first=i == 0)
            if dx is not None:
                padded_shape = (n.stop - n.start, shape[1] + sum(sides[0]), shape[2] + sum(sides[1]), C)
                d_padded = winograd.images_backward(winograd.back_through(dM, U[g]), padded_shape, form)
                _add_rows(dx[n, :, :, c], d_padded, sides[0][0], sides[1][0])
    if dW is None:
        return None
    shape = (*dW.shape[:3], F // len(U))
    return np.concatenate([winograd.weights_backward(part, shape, form) for part in dU], axis=-1)


def _tile_row(form: winograd.Form, Q: int, C: int, F: int, itemsize: int) -> tuple[int, int]:
    """The memory of V and M for a row of tiles. And how many rows make V and M as large as U, or dU: that is read, or
    written to, once for each piece, and should not count for more than they."""
    C *= form.s ** 2
    tiles = max(winograd.ROWS, C * F / (C + F))
    return form.t ** 2 * form.tiles(Q) * (C + F) * itemsize, math.ceil(tiles / form.tiles(Q))


def _around(form: winograd.Form, r: slice, x_shape: tuple[int, ...], Q: int, padding: Padding) -> Padding:
    """What to put around images of `x_shape`, or to cut off, so that the rows of tiles r see all of what is left."""
    (_, H, W_, _), ((top, _), (left, _)) = x_shape, padding
    first, last = r.start * form.m * form.s, (r.stop * form.m + form.K - 1) * form.s
    return (top - first, last - top - H), (left, form.pixels(Q) - W_ - left)


def _transformed(W: Any, groups: int, form: winograd.Form) -> list[Any]:
    """U (t², s²·C, F) of each group; the threads share the kernels."""
    _, _, C, F = W.shape
    U = [fresh((form.t ** 2, form.s ** 2 * C, F // groups), W.dtype, np) for _ in range(groups)]

    def some_kernels(k: slice) -> None:
        for u, (_, f) in zip(U, channels_of_groups(groups, C, F), strict=True):
            winograd.weights(W[..., f][..., k], u[..., k], form)

    over_batch(some_kernels, F // groups, cost=form.t ** 2 * W.size / 64)
    return U


def _scratch(role: str) -> Empty:
    return partial(scratch, role)
