"""The locally-connected layer on a CPU: the places are shared out to the threads, or the images.

The windows are copied once, right to where the products want them, and gradients are added to the pixels that there
are: neither the rows of all windows nor a padded image has to be made for that.
"""
from __future__ import annotations

from functools import partial

import numpy as np

from .im2col import copy_runs, pad
from .memory import scratch
from .parallel import over_batch, over_pieces
from .windows import Grid

_padded = partial(scratch, "padded")


def products(a, b, product, xp) -> None:
    cost = product.size * a.shape[2] / 64
    over_batch(lambda places: np.matmul(a[places], b[places], out=product[places]), len(a), cost=cost)


def windows(x, cols, size, kernel, stride, padding, xp) -> None:
    (P, Q), (KH, KW), (SH, SW), (*_, C) = size, kernel, stride, x.shape
    out = cols.reshape(P, Q, len(x), KH, KW * C)

    def some_images(n: slice) -> None:
        some = np.ascontiguousarray(pad(x[n], padding, np, _padded))
        image, h, w, _ = some.strides
        copy_runs(some, (P, Q, len(some), KH), (h * SH, w * SW, image, h), KW * C, np, lambda *_: out[:, :, n])

    over_pieces(some_images, len(x), out[:, :, 0].nbytes, cost=cols.size)


def add_windows(d_cols, dx, size, kernel, stride, padding, xp) -> None:
    (*_, C), (top, _), (left, _) = dx.shape, *padding
    grid = Grid(dx.shape, (len(dx), *size, C), kernel, stride, (top, left))
    of_images = d_cols.reshape(*size, len(dx), *kernel, C).transpose(2, 0, 1, 3, 4, 5)  # (N, P, Q, KH, KW, C), a view

    def some_images(n: slice) -> None:
        dx[n] = 0
        for i, (p, h) in enumerate(grid.along(0, slice(0, grid.P))):
            for j, (q, w) in enumerate(grid.along(1)):
                dx[n, h, w] += of_images[n, p, q, i, j]                              # eq. (4)

    over_pieces(some_images, len(dx), dx[0].nbytes, cost=d_cols.size)
