"""The mean gradient of a batch that is computed in parts: in small batches, one after another; on many machines.

    g = Σ_i  n_i / N · g_i        n_i of the batch's N images are in part i, g_i is the mean gradient over them      (1)

A gradient is linear in what backward is given, so n_i / N multiplies that, the few numbers ∂L/∂scores. Backward writes
the gradient of a part; those of the parts before wait in a second flat buffer.

Over the ranks, the flat buffers are summed in buckets of about 4 MB, from the net's last layers to its first, in the
order in which backward fills them. Each is on its way while backward computes the next:

    backward     fc8  fc7  fc6  conv5  conv4  ...
    on its way         fc8  fc7 ──── fc6 ───────────────
"""
from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..container import run_back, telling
from ..devices.device import device_of
from ..distributed import ALONE, Alone, Ranks
from ..layer import Layer
from .diverged import Diverged
from .flat import Flat, Held
from .optimizer import Optimizer

BUCKET = 2 ** 22  # bytes, at least: fewer would be on their way for a time that is mostly latency


@dataclass
class Bucket:
    """A stretch of a flat gradient."""

    flat: Flat
    held: list[Held]
    first: int                                  # the place in the net of its lowest parameter, the last to be filled
    missing: set[int] = field(default_factory=set)   # the parameters that have no gradient yet
    request: Any = None

    @property
    def part(self) -> slice:
        return slice(self.held[0].part.start, self.held[-1].part.stop)


class Mean:
    """The mean gradient of each batch, of `accumulate` small batches, and over `ranks`. `sent` counts the bytes of all
    gradients that this rank gave away to be summed; `overlap=False` sends them after backward, for comparison."""

    def __init__(self, net: Layer, optimizer: Optimizer, accumulate: int = 1, ranks: Ranks | Alone = ALONE,
                 overlap: bool = True) -> None:
        if accumulate < 1:
            raise ValueError(f"accumulate: expected 1 small batch or more, got {accumulate}")
        self.net, self.optimizer, self.accumulate, self.ranks, self.overlap = net, optimizer, accumulate, ranks, overlap
        self.sent, self.loss, self.error = 0, 0.0, None
        self._flats: list[Flat] = []
        self._buckets: list[Bucket] = []

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
        try:
            if self.ranks.size > 1:
                self._plan()
            if n == 0:
                self._nothing()
            yield
            self.optimizer.gradients()
        except BaseException as raised:
            if self.ranks.size == 1:
                raise
            error = raised
        if self.ranks.size > 1:
            self._over_ranks(error)
        elif self._before:
            self._add_before()

    def backward(self, dy: Any) -> None:
        """`net.backward(dy)`, without ∂L/∂x, for the small batch at hand, weighed by its number of images."""
        weight, last = (self._part.stop - self._part.start) / self.N, self._part.stop == self.n
        dy = dy if weight == 1 else _times(dy, weight)                               # eq. (1)
        if last and self.ranks.size > 1 and self.overlap:
            self._thread = threading.current_thread()
            with telling(self._filled):
                run_back(self.net, dy, input_grad=False)
        else:
            run_back(self.net, dy, input_grad=False)
        if not last:
            self._keep()

    def count(self, loss: Any, error: Any) -> None:
        """The mean loss of the small batch at hand, and the sum of its errors."""
        n = self._part.stop - self._part.start
        self.loss = loss if n == self.N else self.loss + loss * (n / self.N)
        self.error = error if self.error is None else self.error + error

    def checked(self, check_step: Any, at: Any) -> Any:
        """The length of the gradient. Raises Diverged, as diverged.check_step does; with the rank where it began."""
        try:
            return check_step(self.loss, self.optimizer, at)
        except Diverged as error:
            if self.ranks.size == 1:
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
        for flat in self._flats:
            with flat.device:
                flat.g[...] = 0
            for held in flat.held.values():
                held.parameter.grad = held.g

    def _plan(self) -> None:
        """Divide the flat gradients into buckets, the net's last layers first."""
        flats = self.optimizer.flats()
        if [id(flat) for flat in flats] != [id(flat) for flat in self._flats]:
            place, self._flats, self._buckets = {n: i for i, (n, _) in enumerate(self.net.parameters())}, flats, []
            for flat in flats:
                held, size = [], 0
                for each in flat.held.values():
                    held, size = [*held, each], size + each.g.nbytes
                    if size >= BUCKET:
                        self._buckets.append(Bucket(flat, held, 0))
                        held, size = [], 0
                if held:
                    self._buckets.append(Bucket(flat, held, 0))
            for bucket in self._buckets:
                bucket.first = min(place[held.name] for held in bucket.held)
            self._buckets.sort(key=lambda bucket: -bucket.first)
            for flat in flats:
                self.ranks.sums_on(flat.device)  # now: later, sums are on their way
        self._squares = []
        for bucket in self._buckets:
            bucket.missing, bucket.request = {id(held.parameter) for held in bucket.held}, None

    def _filled(self, layer: Layer) -> None:
        """Send what is full, after those before it: all ranks in the same order. Only the thread that called backward
        sends; the columns' threads do not."""
        if threading.current_thread() is not self._thread:
            return
        there = {id(p) for _, p in layer.parameters()}
        for bucket in self._buckets:
            bucket.missing -= there
        for bucket in self._buckets:
            if bucket.missing:
                break
            if bucket.request is None:
                self._start(bucket)
        for bucket in self._buckets:
            if bucket.request:
                bucket.request.Test()  # Open MPI moves on only while somebody is in it

    def _start(self, bucket: Bucket) -> None:
        flat, part = bucket.flat, bucket.part
        for held in bucket.held:
            if held.parameter.grad is not None:
                held.bring_gradient("Mean")
        g = flat.g[part]
        if self._before:
            with flat.device:
                g += self._before[self._flats.index(flat)][part]
        with flat.device as device:
            self._squares.append(device.number(device.xp.vdot(g, g)))
        bucket.request = self.ranks.sums_on(flat.device).begin_sum(g, flat.device)
        self.sent += g.nbytes

    def _over_ranks(self, error: BaseException | None) -> None:
        """Eq. (1) over the ranks. One that has failed takes part, so that none waits for it, and then says so."""
        for bucket in self._buckets:
            if bucket.request is None:
                self._start(bucket)
        for bucket in self._buckets:
            bucket.request.Wait()
        self.ranks.raise_together(error)
        finite = all(math.isfinite(float(number)) for number in [self.loss, *self._squares])
        rows = self.ranks.gather((float(self.loss), None if self.error is None else float(self.error), finite))
        self.loss = math.fsum(loss for loss, _, _ in rows)
        errors = [e for _, e, _ in rows if e is not None]
        self.error = sum(errors) if errors else None
        self.suspects = [rank for rank, (_, _, finite) in enumerate(rows) if not finite]
        self.ranks.mean_of_statistics(self.net)


def _times(dy: Any, weight: float) -> Any:
    """dy · weight, of an array or of several: heads, columns."""
    if isinstance(dy, (tuple, list)):
        return type(dy)(_times(part, weight) for part in dy)
    with device_of(dy):
        return dy * weight
