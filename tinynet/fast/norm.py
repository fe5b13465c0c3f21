"""Batch normalisation on a CPU, in pieces of a cacheful. layers/norm.py has the equations."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .memory import scratch
from .parallel import over_pieces


def batch_statistics(x, mean, var, xp) -> None:
    m, first = x.size // x.shape[-1], x[0, 0, 0]
    differences = _sum(lambda n: np.subtract(x[n], first, out=scratch("part", x[n].shape, x.dtype)), x)
    rough = first + differences / m  # far from the first, it has lost digits: what it is off by is found on the way

    def moments(n: slice) -> Any:
        part = np.subtract(x[n], rough, out=scratch("part", x[n].shape, x.dtype)).reshape(-1, x.shape[-1])
        ones = np.ones(len(part), x.dtype)
        off = ones @ part
        return np.stack([off, ones @ np.multiply(part, part, out=part)])

    off, squares = sum(_in_pieces(moments, x)) / m
    mean[...] = rough + off                                                          # eq. (1)
    var[...] = np.maximum(squares - off * off, 0)                                    # eq. (2), where rounding is all


def batch_norm_forward(x, mean, inv_std, gamma, beta, y, xp) -> None:
    scale = gamma * inv_std

    def some_images(n: slice) -> None:
        np.subtract(x[n], mean, out=y[n])
        y[n] *= scale                                                                # eq. (3), and γ
        y[n] += beta                                                                 # eq. (4)

    _in_pieces(some_images, x)


def batch_norm_gradients(dy, x, mean, inv_std, d_gamma, d_beta, xp) -> None:
    def products(n: slice) -> Any:
        part = np.subtract(x[n], mean, out=scratch("part", x[n].shape, x.dtype))
        return np.multiply(part, dy[n], out=part)

    d_beta[...] = _sum(lambda n: dy[n], x)                                           # eq. (5)
    d_gamma[...] = _sum(products, x) * inv_std                                       # eq. (6)


def batch_norm_backward(dy, x, mean, inv_std, gamma, d_gamma, d_beta, dx, xp) -> None:
    scale, m = gamma * inv_std, x.size // x.shape[-1]

    def some_images(n: slice) -> None:
        if d_gamma is None:
            np.multiply(dy[n], scale, out=dx[n])
        else:
            np.subtract(mean, x[n], out=dx[n])                                       # eq. (7), from its last term on
            dx[n] *= inv_std * d_gamma / m
            dx[n] -= d_beta / m
            dx[n] += dy[n]
            dx[n] *= scale

    _in_pieces(some_images, x)


def _sum(part: Callable[[slice], Any], x: Any) -> Any:
    """(C): the sum of `part(images)` (n, H, W, C) over all images, rows and columns, as a product with ones."""
    def some_images(n: slice) -> Any:
        rows = part(n).reshape(-1, x.shape[-1])                                      # (n·H·W, C)
        return np.ones(len(rows), x.dtype) @ rows

    return sum(_in_pieces(some_images, x))


def _in_pieces(work: Callable[[slice], Any], x: Any) -> list[Any]:
    """`work(images)` for pieces of the batch that fit a cache, shared by the threads; the results, in order."""
    return over_pieces(work, len(x), 2 * x[0].nbytes, cost=x.size)
