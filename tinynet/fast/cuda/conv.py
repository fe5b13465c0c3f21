"""Convolution on a GPU: layers/conv.py has the equations. There are two algorithms, and `best_form` chooses:

    im2col     windows as rows, and one batch of matrix products for all groups: im2col.py, blas.py
    winograd   far fewer multiplications for square kernels, 3 to 5 strides wide: winograd.py

Both go through the batch as a whole, or in as few parts as ON_THE_WAY allows. What counts is the time of the products,
and that of writing and reading what is made on the way. In multiply-adds, for each group,

    im2col     N·P·Q · KH·KW·C · (F + 2 · NUMBER)                        the windows are written and read
    winograd   t² · (T·C·F + 2 · NUMBER · (T·C + T·F + C·F))             so are V, M and U

with T tiles, those that hang over the edge as well; with strides, C is that of a block. So Winograd's algorithm is
chosen from few channels on, but not for so few or so small images that U is most of the work. Nor where there is
little work at all: then a GPU waits for Python, which has to ask for two kernels more.

NUMBER is from the rates of matrix products and of copies on one GPU, an H200, ASKED from the Python of one machine.
With TF32 products are cheaper; the rule does not know of it.
"""
from __future__ import annotations

import functools
from typing import Any

from ...sizes import Size
from ..winograd import Form, forms, possible
from . import winograd
from .blas import grouped, multiply, sum_rows
from .im2col import col2im, im2col

NUMBER = 25    # multiply-adds in the time in which a number gets to or from memory: 25e12 a second, 4e12 bytes a second
ASKED = 4.5e8  # ... and in which Python asks for a kernel: 18 microseconds


@functools.cache
def best_form(kernel: Size, stride: Size, N: int, size: Size, C: int, F: int, algorithm: str = "auto") -> Form | None:
    """The form of Winograd's tiles, or None for im2col, whichever is expected to be faster, or is the `algorithm`;
    for N outputs of P × Q = `size` pixels, with C input and F output channels in each group.

    Of forms that cost the same, but for a tenth, it is the one with the largest tiles: there are fewer of them.
    """
    if algorithm == "im2col" or not possible(kernel, stride):
        return None
    K, in_block = -(-kernel[0] // stride[0]), C * stride[0] ** 2
    im2col_cost = N * size[0] * size[1] * kernel[0] * kernel[1] * C * (F + 2 * NUMBER)
    costs = {}
    for form in forms(K, stride[0]):
        T = N * form.tiles(size[0]) * form.tiles(size[1])
        on_the_way = T * in_block + T * F + in_block * F
        costs[form] = form.t ** 2 * (T * in_block * F + 2 * NUMBER * on_the_way)
    best = [form for form in costs if costs[form] <= 1.1 * min(costs.values())][-1]
    return best if algorithm == "winograd" or costs[best] + 2 * ASKED < im2col_cost else None


def conv_forward(x, W, b, y, stride, padding, algorithm, xp) -> None:
    (KH, KW, C, F), groups = W.shape, x.shape[-1] // W.shape[2]
    form = best_form((KH, KW), stride, len(y), y.shape[1:3], C, F // groups, algorithm)
    if form:
        winograd.forward(x, W, b, y, form, padding, groups, xp)
        return
    if b is not None:
        y[...] = b
    kernels = grouped(W, groups)                                                     # eq. (1), (G, KH·KW·C, F)
    for n in _parts(x, W, y):
        multiply(_columns(x[n], W, y[n], stride, padding, xp), kernels, grouped(y[n], groups), add=b is not None)


def conv_backward(x, W, dy, dx, dW, db, stride, padding, algorithm, xp) -> None:
    (KH, KW, C, F), groups = W.shape, (x if dx is None else dx).shape[-1] // W.shape[2]
    if db is not None:
        sum_rows(dy.reshape(-1, F), db, xp)                                          # eq. (2)
    form = best_form((KH, KW), stride, len(dy), dy.shape[1:3], C, F // groups, algorithm)
    if not form:
        _im2col_backward(x, W, dy, dx, dW, stride, padding, groups, xp)
        return
    dy = xp.ascontiguousarray(dy)                                                    # once, for both
    if dW is not None:
        winograd.backward_to_weights(x, dy, dW, form, padding, groups, xp)           # eq. (3)
    if dx is not None:  # a convolution that has an output for each block of dx
        K, s = form.K, form.s
        blocks = winograd.blocks(dx.shape[1:3], padding, s)
        form = best_form((K, K), (1, 1), len(dx), blocks, F // groups, s * s * C, "winograd")._replace(s=s)
        winograd.backward_to_images(dy, W, dx, form, padding, groups, xp)            # eq. (4)


def _im2col_backward(x, W, dy, dx, dW, stride, padding, groups, xp) -> None:
    """The windows are made a second time: keeping those of forward would cost KH · KW times the memory of x."""
    for n in _parts(x if dx is None else dx, W, dy):
        rows = grouped(dy[n], groups)                                                # (G, n·P·Q, F)
        if dW is not None:
            cols = _columns(x[n], W, dy[n], stride, padding, xp)                     # (G, n·P·Q, KH·KW·C)
            multiply(cols.swapaxes(1, 2), rows, grouped(dW, groups), add=n.start > 0)  # eq. (3)
            del cols                                                                 # its memory serves d_cols
        if dx is not None:
            _window_gradients(rows, W, dx[n], dy.shape[1:3], stride, padding, xp)    # eq. (4)


def _window_gradients(rows, W, dx, size, stride, padding, xp) -> None:
    (KH, KW, C, _), kernels = W.shape, grouped(W, len(rows)).swapaxes(1, 2)          # (G, F, KH·KW·C)
    if _a_window_is_a_pixel(W, stride, padding):
        multiply(rows, kernels, grouped(dx, len(rows)))
        return
    d_cols = xp.empty((*rows.shape[:2], KH * KW * C), dx.dtype)
    multiply(rows, kernels, d_cols)
    col2im(d_cols, dx, size, (KH, KW), stride, padding)


def _columns(x, W, y, stride, padding, xp) -> Any:
    (KH, KW, C, _), groups = W.shape, x.shape[-1] // W.shape[2]
    if _a_window_is_a_pixel(W, stride, padding):
        return grouped(x, groups)                                                    # no copy
    cols = xp.empty((groups, y.size // y.shape[-1], KH * KW * C), x.dtype)
    im2col(x, cols, y.shape[1:3], (KH, KW), stride, padding)
    return cols


def _a_window_is_a_pixel(W, stride, padding) -> bool:
    return W.shape[:2] == stride == (1, 1) and padding == ((0, 0), (0, 0))


def _parts(x, W, y) -> list[slice]:
    """The batch in parts, for each of which the windows fit in ON_THE_WAY."""
    in_window = W.shape[0] * W.shape[1] * x.shape[-1]
    return winograd.parts(len(y), y.shape[1] * y.shape[2] * in_window * y.itemsize)
