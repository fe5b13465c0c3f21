"""The fully-connected layer on a GPU: layers/linear.py has the equations. Matrix products, and no copies (blas.py).

y starts as the bias, and the product is added to it: that reads and writes y as often as adding the bias afterwards.
"""
from __future__ import annotations

from .blas import multiply, sum_rows


def linear_forward(x, W, b, y, xp) -> None:
    if b is not None:
        y[...] = b
    multiply(x, W, y, add=b is not None)                                             # eq. (1), (N, out)


def linear_backward(x, W, dy, dx, dW, db, xp) -> None:
    if dW is not None:
        multiply(x.T, dy, dW)                                                        # eq. (2), (in, out)
    if db is not None:
        sum_rows(dy, db, xp)                                                         # eq. (3), (out)
    if dx is not None:
        multiply(dy, W.T, dx)                                                        # eq. (4), (N, in)
