"""Response normalisation on a CPU: a piece of the batch at a time, small enough to stay in the cache of a core.

All of it is bound by memory, not by arithmetic, so what counts is how often an array is read. In pieces of a cacheful,
x is read once and y and s are written once; and s^-β, as e^(-β log s), is quicker than a power, and exact but for a few
units in the last place. layers/lrn.py has the equations.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .im2col import pad
from .memory import scratch
from .parallel import over_pieces

Sums = Callable[[np.ndarray], np.ndarray]  # Σ_Ω a, of the shape of a


def lrn_forward(x, y, s, n, k, alpha, beta, groups, xp) -> None:
    x, y, s = map(_rows, (x, y, s))
    _forward(x, y, s, partial(_maps_around, n=n, groups=groups), k, alpha, beta)


def lrn_backward(dy, x, s, dx, n, alpha, beta, groups, xp) -> None:
    dy, x, s, dx = map(_rows, (dy, x, s, dx))
    _backward(dy, x, s, dx, partial(_maps_around, n=n, groups=groups), alpha, beta)


def within_map_forward(x, y, s, size, k, alpha, beta, xp) -> None:
    _forward(x, y, s, partial(_pixels_around, size=size), k, alpha, beta)


def within_map_backward(dy, x, s, dx, size, alpha, beta, xp) -> None:
    _backward(dy, x, s, dx, partial(_pixels_around, size=size), alpha, beta)


def _rows(a: Any) -> Any:
    """(N·H, W, C): where pixels do not see one another, the rows of all images may be shared, even those of one."""
    return None if a is None else a.reshape(-1, *a.shape[2:])


def _forward(x: Any, y: Any, s: Any, neighbours: Sums, k: float, alpha: float, beta: float) -> None:
    def some(n: slice) -> None:
        squares = np.multiply(x[n], x[n], out=scratch("squares", x[n].shape, x.dtype))
        strength = scratch("strength", x[n].shape, x.dtype) if s is None else s[n]
        np.multiply(neighbours(squares), alpha, out=strength)
        strength += k
        _power(strength, beta, y[n])
        y[n] *= x[n]                                                                 # eq. (1)

    over_pieces(some, len(x), 4 * x[0].nbytes, cost=x.size)


def _backward(dy: Any, x: Any, s: Any, dx: Any, neighbours: Sums, alpha: float, beta: float) -> None:
    def some(n: slice) -> None:
        _power(s[n], beta, dx[n])
        dx[n] *= dy[n]
        around = np.multiply(dx[n], x[n], out=scratch("around", x[n].shape, x.dtype))
        around /= s[n]
        np.multiply(neighbours(around), x[n], out=around)
        around *= 2 * alpha * beta
        dx[n] -= around                                                              # eq. (2)

    over_pieces(some, len(x), 4 * x[0].nbytes, cost=x.size)


def _power(s: Any, beta: float, out: Any) -> None:
    """Fill `out` with s^-β."""
    np.log(s, out=out)
    out *= -beta
    np.exp(out, out=out)


def _maps_around(a: Any, n: int, groups: int) -> Any:
    """The maps of a pixel lie side by side in memory. With n // 2 zeros between one pixel's (or group's) maps and the
    next one's, windows cannot reach across, and the sum over a window is n - 1 additions of the whole array to itself,
    shifted."""
    half, C = n // 2, a.shape[-1] // groups
    rows = a.size // C                                                               # pixels × groups
    spaced = scratch("spaced", (rows * (C + half) + 2 * half,), a.dtype)
    spaced.fill(0)
    spaced[half:half + rows * (C + half)].reshape(rows, C + half)[:, :C] = a.reshape(rows, C)
    total = scratch("total", (rows * (C + half),), a.dtype)
    total[...] = spaced[:len(total)]
    for shift in range(1, n):
        total += spaced[shift:shift + len(total)]
    return total.reshape(rows, C + half)[:, :C].reshape(a.shape)


def _pixels_around(a: Any, size: int) -> Any:
    """Along the columns first, then along the rows."""
    _, H, W_, _ = a.shape
    half = (size // 2, size // 2)
    padded = pad(a, (half, half), np)                                          # (n, H + 2·half, W + 2·half, C)
    rows = sum(padded[:, i:i + H] for i in range(size))                              # (n, H, W + 2·half, C)
    return sum(rows[:, :, j:j + W_] for j in range(size))                            # (n, H, W, C)
