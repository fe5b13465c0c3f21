"""The mean gradient of a batch that is computed in parts: in small batches, one after another; on many machines.

    g = Σ_i  n_i / N · g_i        n_i of the batch's N images are in part i, g_i is the mean gradient over them      (1)

A gradient is linear in what backward is given, so n_i / N multiplies that, the few numbers ∂L/∂scores. Backward writes
the gradient of a part; those of the parts before wait in a second flat buffer.

Over the ranks, the gradients are summed while backward still computes: buckets.py.
"""
from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..container import run_back
from ..devices.device import device_of
from ..distributed import ALONE, Alone, Ranks
from ..layer import Layer
from .buckets import Bucket, Buckets
from .diverged import Diverged, check_step
from .optimizer import Optimizer


class Mean:
    """The mean gradient of each batch, of `accumulate` small batches, and over `ranks`. `overlap=False` sends it after
    backward, for comparison."""

    def __init__(self, net: Layer, optimizer: Optimizer, accumulate: int = 1, ranks: Ranks | Alone = ALONE,
                 overlap: bool = True) -> None:
        if accumulate < 1:
            raise ValueError(f"accumulate: expected 1 small batch or more, got {accumulate}")
        self.net, self.optimizer, self.accumulate, self.ranks, self.overlap = net, optimizer, accumulate, ranks, overlap
        self.loss, self.error, self.suspects = 0.0, None, []
        self.buckets = Buckets(net, optimizer, ranks, self._complete) if ranks.size > 1 else None

    def parts(self, x: Any, targets: Any) -> Iterator[tuple[Any, Any]]:
        """The images and targets at hand in `accumulate` small batches, or fewer: none of them is empty."""
        n = len(targets)
        if self.accumulate == 1 and n:
            self._part = slice(0, n)
            yield x, targets
            return
        k = min(self.accumulate, n)
        for i in range(k):
            self._part = slice(n * i // k, n * (i + 1) // k)
            yield x[self._part], targets[self._part]

    @contextmanager
    def of(self, n: int, N: int) -> Iterator[None]:
        """In here, the gradients of this rank's n images, of the batch's N, are computed. Afterwards the optimiser has
        the mean over all, and `loss` and `error` are the batch's. If one rank fails, all raise Failed."""
        self.n, self.N, self.loss, self.error, self._before, error = n, N, 0.0, None, [], None
        if self.buckets:
            self.buckets.begin()
        try:
            if n == 0:
                self._nothing()
            yield
            self.optimizer.gradients()
        except BaseException as raised:
            if not self.buckets:
                raise
            error = raised
        if self.buckets:
            self._over_ranks(error)
        elif self._before:
            self._add_before()

    def backward(self, dy: Any) -> None:
        """`net.backward(dy)`, without ∂L/∂x, for the small batch at hand, weighed by its number of images."""
        weight, last = (self._part.stop - self._part.start) / self.N, self._part.stop == self.n
        dy = dy if weight == 1 else _times(dy, weight)                               # eq. (1)
        if last and self.buckets and self.overlap:
            self.buckets.backward(dy)
        else:
            run_back(self.net, dy, input_grad=False)
        if not last:
            self._keep()

    def count(self, loss: Any, error: Any) -> None:
        """The mean loss of the small batch at hand, and the sum of its errors."""
        n = self._part.stop - self._part.start
        self.loss = loss if n == self.N else _sum(self.loss, loss, n / self.N)
        self.error = error if self.error is None else _sum(self.error, error)

    def checked(self, at: Any) -> Any:
        """The length of the gradient. Raises Diverged, as `check_step` does; with the rank where it began. All
        ranks wait for the gradient if one has sent what is not finite; a rank alone does if its loss was waited for."""
        wait = bool(self.suspects) if self.buckets else isinstance(self.loss, float)
        try:
            return check_step(self.loss, self.optimizer, at, wait)
        except Diverged as error:
            if not self.buckets:
                raise
            self.ranks.agreed = True  # the numbers are the same on all
            where = ", ".join(map(str, self.suspects)) or "all of them together"
            raise Diverged(f"{error}. It began on rank {where}") from error

    def _keep(self) -> None:
        """Add the gradient of this part to those of the parts before."""
        gradients = self.optimizer.gradients()
        if not self._before:
            self._before = [device_of(g).empty(g.shape, g.dtype) for g in gradients]
            for before, g in zip(self._before, gradients, strict=True):
                with device_of(g):
                    before[...] = g
            return
        for before, g in zip(self._before, gradients, strict=True):
            with device_of(g):
                before += g

    def _add_before(self) -> None:
        for before, g in zip(self._before, self.optimizer.gradients(), strict=True):
            with device_of(g):
                g += before

    def _nothing(self) -> None:
        """The gradient of no images."""
        for flat in self.buckets.flats:
            with flat.device:
                flat.g[...] = 0
            for held in flat.held.values():
                held.parameter.grad = held.g

    def _complete(self, bucket: Bucket) -> None:
        """Add what the parts before have in it."""
        if self._before:
            start, stop = bucket.held[0].part.start, bucket.held[-1].part.stop
            with bucket.flat.device:
                bucket.g[...] += self._before[self.buckets.flats.index(bucket.flat)][start:stop]

    def _over_ranks(self, error: BaseException | None) -> None:
        """Eq. (1) over the ranks. One that has failed takes part, so that none waits for it, and then says so."""
        self.buckets.end()
        self.ranks.raise_together(error)
        finite = math.isfinite(float(self.loss)) and self.buckets.finite()
        rows = self.ranks.gather((float(self.loss), None if self.error is None else float(self.error), finite))
        self.loss = math.fsum(loss for loss, _, _ in rows)
        errors = [e for _, e, _ in rows if e is not None]
        self.error = sum(errors) if errors else None
        self.suspects = [rank for rank, (_, _, finite) in enumerate(rows) if not finite]
        self.ranks.mean_of_statistics(self.net)


def _sum(a: Any, b: Any, weight: float = 1) -> Any:
    """a + b · weight, of numbers that a GPU may still be computing."""
    if isinstance(b, (int, float)):
        return a + b * weight
    with device_of(b):
        return a + b * weight


def _times(dy: Any, weight: float) -> Any:
    """dy · weight, of an array or of several: heads, columns."""
    if isinstance(dy, (tuple, list)):
        return type(dy)(_times(part, weight) for part in dy)
    with device_of(dy):
        return dy * weight
