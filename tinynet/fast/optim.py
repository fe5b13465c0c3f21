"""Optimisers on a CPU: all threads at once, each a piece at a time, small enough to stay in the cache of a core.

The arithmetic is that of training/optim.py, number by number, and so are the bits. What is saved is memory traffic:
every array is read and written once, and there are no temporary arrays of the parameters' size.
"""
from __future__ import annotations

import numpy as np

from .memory import scratch
from .parallel import over_batch, over_pieces, pieces


def sgd_step(w, g, v, rate, momentum, decay, xp) -> None:
    def some_numbers(n: slice) -> None:
        step = np.multiply(w[n], decay, out=scratch("step", w[n].shape, w.dtype))
        step += g[n]
        step *= rate
        v[n] *= momentum
        v[n] -= step                                                                 # eq. (1)
        w[n] += v[n]                                                                 # eq. (2)

    over_pieces(some_numbers, w.size, 2 * w.itemsize, cost=w.size)


def adam_step(w, g, m, v, rate, beta1, beta2, eps, decay, t, xp) -> None:
    def some_numbers(n: slice) -> None:
        gradient = np.multiply(w[n], decay, out=scratch("gradient", w[n].shape, w.dtype))
        gradient += g[n]
        part = np.multiply(gradient, 1 - beta1, out=scratch("part", w[n].shape, w.dtype))
        m[n] *= beta1
        m[n] += part                                                                 # eq. (3)
        np.multiply(gradient, gradient, out=part)
        part *= 1 - beta2
        v[n] *= beta2
        v[n] += part                                                                 # eq. (4)
        np.divide(v[n], 1 - beta2 ** t, out=part)
        np.sqrt(part, out=part)
        part += eps
        step = np.divide(m[n], 1 - beta1 ** t, out=gradient)
        step *= rate
        step /= part
        w[n] -= step                                                                 # eq. (5)

    over_pieces(some_numbers, w.size, 2 * w.itemsize, cost=w.size)


def sum_of_squares(g, total, xp) -> None:
    def some_numbers(part: slice) -> float:
        return sum(float(np.dot(g[n], g[n])) for n in pieces(part, 2 * g.itemsize))

    total[...] = sum(over_batch(some_numbers, g.size, cost=g.size))
