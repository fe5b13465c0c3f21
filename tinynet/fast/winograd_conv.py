"""Convolution by Winograd's algorithm: rows of tiles, a piece of them at a time. winograd.py has the algorithm, for one
piece.

The kernels are transformed once, into U, for all pieces; that takes as long as the products with a few dozen tiles. So
U is remembered from forward to backward, and, while a net only predicts, from one forward to the next.
"""
from __future__ import annotations

import math
import weakref
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..sizes import Padding
from . import winograd
from .im2col import add_rows, channels_of_groups, pad
from .memory import fresh, scratch
from .parallel import over_batch, rectangles


class _Known(NamedTuple):
    """What is remembered of an array of weights, as long as there is one: what was in it, and what it became."""
    array: weakref.ref
    W: np.ndarray
    how: tuple[int, winograd.Form]
    U: list[Any]


_known: dict[int, _Known] = {}  # by the array's id
_padded = partial(scratch, "padded")


def transformed(W: Any, groups: int, form: winograd.Form) -> list[Any]:
    """U (t², s²·C, F) of each group: the one that is remembered, if every number in W is what it was."""
    key, how = id(W), (groups, form)
    known = _known.get(key)  # once: another thread may forget it meanwhile
    if known and known.how == how and np.array_equal(known.W, W):
        return known.U
    forget(W)
    copy = W.copy()
    U = _transformed(copy, groups, form)
    _known[key] = _Known(weakref.ref(W, lambda _: _known.pop(key, None)), copy, how, U)
    return U


def forget(W: Any) -> None:
    """Let go of what is remembered of W."""
    _known.pop(id(W), None)


def _transformed(W: Any, groups: int, form: winograd.Form) -> list[Any]:
    """The same; the threads share the kernels."""
    _, _, C, F = W.shape
    U = [fresh((form.t ** 2, form.s ** 2 * C, F // groups), W.dtype, np) for _ in range(groups)]

    def some_kernels(k: slice) -> None:
        for u, (_, f) in zip(U, channels_of_groups(groups, C, F), strict=True):
            winograd.weights(W[..., f][..., k], u[..., k], form)

    over_batch(some_kernels, F // groups, cost=form.t ** 2 * W.size / 64)
    return U


def winograd_forward(x, U, b, y, form, padding) -> None:
    (N, P, Q, F), C = y.shape, x.shape[-1] // len(U)
    height = form.tiles(P)                                                           # rows of tiles in an image

    def some_rows(rows: slice) -> None:
        for n, r in rectangles(rows, height, *_tile_row(form, Q, C, F // len(U), x.itemsize)):
            sides, p = _around(form, r, x.shape, Q, padding), slice(r.start * form.m, min(r.stop * form.m, P))
            for u, (c, f) in zip(U, channels_of_groups(len(U), C, F), strict=True):
                padded = pad(x[n, :, :, c], sides, np, _padded)
                winograd.convolve(padded, u, y[n, p, :, f], form)                    # eq. (1)
            if b is not None:
                y[n, p] += b

    over_batch(some_rows, N * height, cost=U[0].size * y.size / F / 64)


def winograd_backward(x, U, dy, dx, dW, form, padding, batch: slice) -> Any:
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
                V = winograd.images(pad(x[n, :, :, c], sides, np, _padded), form)
                winograd.add_products(V, dM, dU[g], first=i == 0)
            if dx is not None:
                padded_shape = (n.stop - n.start, shape[1] + sum(sides[0]), shape[2] + sum(sides[1]), C)
                d_padded = winograd.images_backward(winograd.back_through(dM, U[g]), padded_shape, form)
                add_rows(dx[n, :, :, c], d_padded, sides[0][0], sides[1][0])
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
