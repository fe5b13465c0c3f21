"""Unpooling: the way back through max pooling, by its switches. ZFNet, section 2.1.

Shapes: y (N, P, Q, C), x (N, H, W, C). Pooling keeps the largest number of each window and forgets where it stood; the
switch of the window remembers. Unpooling puts y where its switch says, and 0 elsewhere:

    x[n, h, w, c] = y[n, p, q, c]     if (h, w) is the pixel that won window (p, q)                           (1)

Where windows overlap, one pixel may have won several. Pooling's backward adds what these send; unpooling *writes*, and
the last of them, in row-major order, stays. A window of 0 has nothing to write: where a single activation goes down,
its neighbours must not wipe it out. Backward, a pixel's gradient goes to the window that wrote it.
"""
from __future__ import annotations

from typing import Any

from ..fast.operation import operation
from ..layer import Layer, is_aside
from ..sizes import Size
from .pool import MaxPool2d, offsets


@operation
def unpool_forward(y: Any, switches: Any, x: Any, kernel: Size, stride: Size, padding: Size, xp: Any) -> None:
    """Fill x."""
    x[...] = 0
    for index, windows, pixels in reversed(list(offsets(x, y, kernel, stride, padding))):  # the last window writes last
        writes = (switches[windows] == index) & (y[windows] != 0)
        x[pixels] = xp.where(writes, y[windows], x[pixels])                          # eq. (1)


@operation
def unpool_backward(dx: Any, y: Any, switches: Any, dy: Any, kernel: Size, stride: Size, padding: Size, xp: Any
                    ) -> None:
    """Fill dy (N, P, Q, C)."""
    dy[...], free = 0, xp.ones(dx.shape, bool)
    for index, windows, pixels in offsets(dx, dy, kernel, stride, padding):          # the last window comes first
        mine = (switches[windows] == index) & (y[windows] != 0) & free[pixels]
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
        if is_aside() and not (train or keep):
            raise RuntimeError(f"{self.label}: what {self.pool.label} keeps is for a backward that is still to come; "
                               "it has no switches of these images")
        xp = self.expect(x, *switches.shape)
        y = self.empty(self.pool.input_shape, x.dtype)
        unpool_forward(x, switches, y, *self._windows(), xp)
        self.remember(train or keep, x, switches, y.shape)
        return y

    def backward(self, dy: Any) -> Any:
        x, switches, shape = self.take()
        xp = self.expect(dy, *shape, what="dy", dtype=x.dtype)
        dx = self.empty(x.shape, x.dtype)
        unpool_backward(dy, x, switches, dx, *self._windows(), xp)
        return dx

    def _windows(self) -> tuple[Size, Size, Size]:
        return self.pool.kernel_size, self.pool.stride, self.pool.padding
