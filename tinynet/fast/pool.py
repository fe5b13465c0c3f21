"""Pooling on a CPU, a cacheful at a time: many images, or some rows of a large one. layers/pool.py has the equations.

A maximum and its place need three steps for each pixel of a window; so pixels are first dealt out in an order in which
each step runs along memory (windows.py). Forwards, the rows of a window come first (neighbours share them), then its
columns. Backwards, each pixel gathers from the windows that it lies in.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from .memory import scratch
from .parallel import over_batch
from .windows import Grid


def max_pool_forward(x, y, switches, kernel, stride, padding, xp) -> Any:
    grid, x = Grid(x.shape, y.shape, kernel, stride, padding), np.ascontiguousarray(x)

    def some_images(batch: slice) -> bool:
        for n, rows in grid.pieces(batch, grid.P, x.itemsize):
            if switches is None:
                _over_windows(np.maximum, -np.inf, x, y, grid, n, rows)              # eq. (1)
                continue
            tops, firsts = _largest(grid.across(grid.deal(x, n, rows, -np.inf)), "row", switches.dtype)
            top, first = _largest(grid.down(tops), "window", switches.dtype, grid.down(firsts), kernel[1])
            y[n, rows] = grid.windows(top, y[n, rows])                               # eq. (1)
            switches[n, rows] = grid.windows(first, y[n, rows])
            if not y[n, rows].min() > -np.inf:  # NaN, which no pixel equals; -inf, which those beyond the map do
                return False
        return True

    return None if all(over_batch(some_images, len(x), cost=x.size)) else NotImplemented


def max_pool_backward(dy, switches, dx, kernel, stride, padding, xp) -> None:
    grid, count = Grid(dx.shape, dy.shape, kernel, stride, padding), switches.dtype.type

    def some_images(batch: slice) -> None:
        for n, rows in grid.pieces(batch, grid.P + grid.below, dx.itemsize):
            d, won = grid.spread(dy, n, rows, "dy"), grid.spread(switches, n, rows, "switches")
            size = len(d) - grid.margin
            part, product = scratch("part", (size,), d.dtype), scratch("product", (size,), d.dtype)
            hit = scratch("hit", (size,), bool)
            for r, s in np.ndindex(grid.parts):
                for i, j in grid.offsets(r, s):
                    e = grid.margin - grid.shift(i, j)
                    np.equal(won[e:e + size], count(i * kernel[1] + j), out=hit)
                    share = np.multiply(d[e:e + size], hit, out=part if (i, j) == (r, s) else product)
                    if share is product:
                        part += share                                                # eq. (1); overlaps add
                grid.collect(part, dx, n, rows, r, s)

    grid.clear_left_out(dx)
    over_batch(some_images, len(dx), cost=dx.size)


def avg_pool_forward(x, y, share, kernel, stride, padding, xp) -> None:
    grid = Grid(x.shape, y.shape, kernel, stride, padding)

    def some_images(batch: slice) -> None:
        for n, rows in grid.pieces(batch, grid.P, x.itemsize):
            means = _over_windows(np.add, 0, x, y, grid, n, rows)
            means *= share[rows]                                                     # eq. (2)

    over_batch(some_images, len(x), cost=x.size)


def avg_pool_backward(dy, share, dx, kernel, stride, padding, xp) -> None:
    grid = Grid(dx.shape, dy.shape, kernel, stride, padding)

    def some_images(batch: slice) -> None:
        for n, rows in grid.pieces(batch, grid.P, dx.itemsize):
            d = np.multiply(dy[n, rows], share[rows], out=scratch("d", dy[n, rows].shape, dx.dtype))
            in_rows = scratch("rows", (*d.shape[:2], *dx.shape[2:]), dx.dtype)       # (n, R, W, C)
            in_rows.fill(0)
            for j, (q, w) in enumerate(grid.along(1)):
                if j < stride[1]:  # the first window that these pixels lie in: to copy is faster than to add
                    in_rows[:, :, w] = d[:, :, q]
                else:
                    in_rows[:, :, w] += d[:, :, q]                                   # eq. (2); overlaps add
            if rows.start == 0:
                dx[n] = 0
            for p, h in grid.along(0, rows):
                dx[n, h] += in_rows[:, p]

    over_batch(some_images, len(dx), cost=dx.size)


def _over_windows(combine: np.ufunc, start: float, x: Any, y: Any, grid: Grid, n: slice, rows: slice) -> Any:
    """Fill these rows of y with what `combine` makes of all pixels of each window, and return them: (n, R, Q, C)."""
    out = y[n, rows]
    in_rows = scratch("rows", (*out.shape[:2], *x.shape[2:]), x.dtype)               # (n, R, W, C)
    in_rows.fill(start)
    (p, h), *others = grid.along(0, rows)
    in_rows[:, p] = x[n, h]
    for p, h in others:
        combine(in_rows[:, p], x[n, h], out=in_rows[:, p])
    out.fill(start)
    (q, w), *others = grid.along(1)
    out[:, :, q] = in_rows[:, :, w]
    for q, w in others:
        combine(out[:, :, q], in_rows[:, :, w], out=out[:, :, q])
    return out


def _largest(values: list[Any], role: str, count: Any, firsts: list[Any] | None = None, step: int = 1
             ) -> tuple[Any, Any]:
    """The largest of arrays, number by number; and, as a number of dtype `count`, the first that has it: k · step, and
    firsts[k] more, if it is values[k]."""
    top, first = values[0], scratch(f"first in {role}", values[0].shape, count)
    code, larger = scratch("code", top.shape, count), scratch("larger", top.shape, bool)
    first[...] = firsts[0] if firsts else 0
    for k, value in enumerate(values[1:], 1):
        np.greater(value, top, out=larger)
        index = np.add(firsts[k], count.type(k * step), out=code) if firsts else count.type(k)
        np.maximum(first, np.multiply(larger.view(np.uint8), index, out=code), out=first)  # the later the larger
        top = np.maximum(top, value, out=scratch(role, top.shape, top.dtype))
    return top, first
