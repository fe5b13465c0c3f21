"""Nonlinearities on a CPU: the images shared out to the threads, and in pieces where there are several steps, so that
what lies between them stays in the cache. layers/activation.py has the equations."""
from __future__ import annotations

import numpy as np

from .memory import scratch
from .parallel import over_batch, over_pieces


def relu_forward(x, y, xp) -> None:
    zeros = np.zeros(x.shape[1:], x.dtype)  # nearly twice as fast as a maximum with the number 0
    over_batch(lambda n: np.maximum(x[n], zeros, out=y[n]), len(x), cost=x.size)


def relu_backward(dy, y, dx, xp) -> None:
    def some_images(n: slice) -> None:
        on = np.greater(y[n], 0, out=scratch("on", y[n].shape, bool))
        np.multiply(dy[n], on, out=dx[n])

    over_pieces(some_images, len(y), y[0].nbytes, cost=y.size)


def tanh_forward(x, y, xp) -> None:
    over_batch(lambda n: np.tanh(x[n], out=y[n]), len(x), cost=x.size)


def tanh_backward(dy, y, dx, xp) -> None:
    def some_images(n: slice) -> None:
        np.multiply(y[n], y[n], out=dx[n])
        np.subtract(1, dx[n], out=dx[n])
        dx[n] *= dy[n]

    over_pieces(some_images, len(y), y[0].nbytes, cost=y.size)


def sigmoid_forward(x, y, xp) -> None:
    def some_images(n: slice) -> None:
        e = np.abs(x[n], out=scratch("e", x[n].shape, x.dtype))
        np.exp(np.negative(e, out=e), out=e)
        e += 1
        np.exp(np.minimum(x[n], 0, out=y[n]), out=y[n])
        y[n] /= e

    over_pieces(some_images, len(x), x[0].nbytes, cost=x.size)


def sigmoid_backward(dy, y, dx, xp) -> None:
    def some_images(n: slice) -> None:
        np.subtract(1, y[n], out=dx[n])
        dx[n] *= y[n]
        dx[n] *= dy[n]

    over_pieces(some_images, len(y), y[0].nbytes, cost=y.size)


def scaled_tanh_forward(x, y, A, S, xp) -> None:
    def some_images(n: slice) -> None:
        np.multiply(x[n], S, out=y[n])
        np.tanh(y[n], out=y[n])
        y[n] *= A

    over_pieces(some_images, len(x), x[0].nbytes, cost=x.size)


def scaled_tanh_backward(dy, y, dx, A, S, xp) -> None:
    def some_images(n: slice) -> None:
        np.subtract(A, y[n], out=dx[n])
        dx[n] *= np.add(A, y[n], out=scratch("sum", y[n].shape, y.dtype))
        dx[n] *= S / A
        dx[n] *= dy[n]

    over_pieces(some_images, len(y), y[0].nbytes, cost=y.size)
