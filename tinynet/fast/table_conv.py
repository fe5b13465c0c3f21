"""The convolution with a table on a CPU: in pieces of images, shared by the threads. layers/table_conv.py has the
equations."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .im2col import col2im, im2col
from .parallel import over_pieces


def table_forward(x, W, b, y, kernel, xp) -> None:
    def some_images(n: slice) -> None:
        np.matmul(im2col(x[n], kernel, (1, 1), np), W, out=y[n].reshape(-1, W.shape[1]))
        y[n] += b                                                                    # eq. (1)

    _in_pieces(some_images, W, y)


def table_weights(x, dy, dW, kernel, xp) -> None:
    def some_images(n: slice) -> Any:
        return im2col(x[n], kernel, (1, 1), np).T @ dy[n].reshape(-1, dW.shape[1])   # eq. (3)

    dW[...] = sum(_in_pieces(some_images, dW, dy))


def table_inputs(dy, W, dx, kernel, xp) -> None:
    def some_images(n: slice) -> None:
        d_cols = dy[n].reshape(-1, W.shape[1]) @ W.T                                 # (n·P·Q, KH·KW·C)
        dx[n] = col2im(d_cols, dx[n].shape, kernel, (1, 1), np)                      # eq. (4)

    _in_pieces(some_images, W, dy)


def _in_pieces(work: Callable[[slice], Any], W: Any, y: Any) -> list[Any]:
    """`work(images)` for pieces of the batch whose columns fit a cache; the results, in order."""
    places = y[0].size // y.shape[-1]
    return over_pieces(work, len(y), places * len(W) * y.itemsize, cost=len(y) * places * W.size / 64)
