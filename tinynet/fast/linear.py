"""The fully-connected layer on a CPU.

Threads share the units, not the batch as elsewhere: W is most of what there is to read, and so each part of it is read
by one thread only. Backward goes through W a cacheful at a time, for both of its products. layers/linear.py has the
equations.
"""
from __future__ import annotations

import numpy as np

from .parallel import over_batch, over_pieces


def linear_forward(x, W, b, y, xp) -> None:
    def some_units(k: slice) -> None:
        np.matmul(x, W[:, k], out=y[:, k])                                           # eq. (1), (N, k)
        if b is not None:
            y[:, k] += b[k]

    over_batch(some_units, W.shape[1], cost=len(x) * W.size / 64)


def linear_backward(x, W, dy, dx, dW, db, xp) -> None:
    def some_inputs(k: slice) -> None:
        if dW is not None:
            np.matmul(x.T[k], dy, out=dW[k])                                         # eq. (2), (k, out)
        if dx is not None:
            np.matmul(dy, W[k].T, out=dx[:, k])                                      # eq. (4), (N, k)

    over_pieces(some_inputs, len(W), W[:1].nbytes, cost=len(x) * W.size / 64)
    if db is not None:
        db[...] = dy.sum(axis=0)                                                     # eq. (3)
