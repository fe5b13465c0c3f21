"""Unpooling: the way back through max pooling, by its switches. ZFNet, section 2.1.

Shapes: y (N, P, Q, C), x (N, H, W, C). Pooling keeps the largest number of each window and forgets where it stood; the
switch of the window remembers. Unpooling puts y where its switch says, and 0 elsewhere:

    x[n, h, w, c] = y[n, p, q, c]     if (h, w) is the pixel that won window (p, q)                           (1)

Where windows overlap, one pixel may have won several. Pooling's backward adds what these send; unpooling *writes*, and
the last of them, in row-major order, stays. Backward, the pixel's gradient goes to the one that stayed.
"""
from __future__ import annotations

from typing import Any

from ..fast.operation import operation
from ..layer import Layer
from .pool import MaxPool2d, Pair, offsets


@operation
def unpool_forward(y: Any, switches: Any, x: Any, kernel: Pair, stride: Pair, padding: Pair, xp: Any) -> None:
    """Fill x."""
    x[...] = 0
    for index, windows, pixels in reversed(list(offsets(x, y, kernel, stride, padding))):  # the last window writes last
        x[pixels] = xp.where(switches[windows] == index, y[windows], x[pixels])      # eq. (1)


@operation
def unpool_backward(dx: Any, switches: Any, dy: Any, kernel: Pair, stride: Pair, padding: Pair, xp: Any) -> None:
    """Fill dy (N, P, Q, C)."""
    dy[...], free = 0, xp.ones(dx.shape, bool)
    for index, windows, pixels in offsets(dx, dy, kernel, stride, padding):          # the last window comes first
        mine = (switches[windows] == index) & free[pixels]
        dy[windows] += dx[pixels] * mine
        free[pixels] &= ~mine


class Unpool2d(Layer):
    """The way back through `pool`, by the switches of its last forward that kept them: `forward(x, keep=True)`."""

    def __init__(self, pool: MaxPool2d) -> None:
        self.pool = pool

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        """(N, H, W, C), as the pooling's input was, of x (N, P, Q, C), as its output was."""
        switches = self.pool.switches
        if switches is None:
            raise RuntimeError(f"{self.label}: {self.pool.label} has no switches: they are there from its forward(x, "
                               "keep=True) until its backward")
        xp = self.expect(x, *switches.shape)
        y = self.empty(self.pool.input_shape, x.dtype)
        unpool_forward(x, switches, y, *self._windows(), xp)
        self.remember(train or keep, switches, y.shape, x.dtype)
        return y

    def backward(self, dy: Any) -> Any:
        switches, shape, dtype = self.take()
        xp = self.expect(dy, *shape, what="dy", dtype=dtype)
        dx = self.empty(switches.shape, dtype)
        unpool_backward(dy, switches, dx, *self._windows(), xp)
        return dx

    def _windows(self) -> tuple[Pair, Pair, Pair]:
        return self.pool.kernel_size, self.pool.stride, self.pool.padding
