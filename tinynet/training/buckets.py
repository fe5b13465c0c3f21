"""A net's gradient on its way to the other ranks while backward still computes.

The flat gradients (flat.py) are divided into buckets of about 4 MB, from the net's last layers to its first: the order
in which backward fills them. A bucket that is full begins to be summed over the ranks, while backward goes on:

    backward     fc8  fc7  fc6  conv5  conv4  ...
    on its way         fc8  fc7 ──── fc6 ───────────────

All ranks send all buckets, in the same order: one that has failed too, so that none waits for it.
"""
from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..container import run_back, telling
from ..distributed import Ranks
from ..layer import Layer
from .flat import Flat, Held
from .optimizer import Optimizer

LEAST = 2 ** 22  # bytes: fewer would be on their way for a time that is mostly latency


@dataclass
class Bucket:
    """A stretch of a flat gradient."""

    flat: Flat
    held: list[Held]
    missing: set[int] = field(default_factory=set)   # the parameters that have no gradient yet
    request: Any = None

    @property
    def g(self) -> Any:
        return self.flat.g[self.held[0].part.start:self.held[-1].part.stop]


class Buckets:
    """The gradient of `net`, which `optimizer` steps by, in buckets. `complete(bucket)` is called when one is full,
    before it is sent. `sent` counts the bytes of all gradients that this rank gave away to be summed."""

    def __init__(self, net: Layer, optimizer: Optimizer, ranks: Ranks, complete: Callable[[Bucket], None]) -> None:
        self.net, self.optimizer, self.ranks, self.complete, self.sent = net, optimizer, ranks, complete, 0
        self.flats: list[Flat] = []
        self._buckets: list[Bucket] = []

    def begin(self) -> None:
        """Before each batch."""
        flats = self.optimizer.flats()
        if [id(flat) for flat in flats] != [id(flat) for flat in self.flats]:
            self.flats, self._buckets = flats, self._divided(flats)
            for flat in flats:
                self.ranks.sums_on(flat.device)  # now: later, sums are on their way
        for flat in flats:
            flat.clear_gaps()
        self._squares: list[Any] = []
        for bucket in self._buckets:
            bucket.missing, bucket.request = {id(held.parameter) for held in bucket.held}, None

    def backward(self, dy: Any) -> None:
        """`net.backward(dy)`, without ∂L/∂x, that sends what it has filled."""
        self._thread = threading.current_thread()
        with telling(self._filled):
            run_back(self.net, dy, input_grad=False)

    def end(self) -> None:
        """Send what has not been sent, and wait until the sums have come."""
        for bucket in self._buckets:
            if bucket.request is None:
                self._send(bucket)
        for bucket in self._buckets:
            bucket.request.Wait()

    def finite(self) -> bool:
        """Whether all that this rank has sent is."""
        return all(math.isfinite(float(square)) for square in self._squares)

    def _divided(self, flats: list[Flat]) -> list[Bucket]:
        place, buckets = {id(p): i for i, (_, p) in enumerate(self.net.parameters())}, []
        for flat in flats:
            held, size = [], 0
            for each in flat.held.values():
                held, size = [*held, each], size + each.g.nbytes
                if size >= LEAST:
                    buckets.append(Bucket(flat, held))
                    held, size = [], 0
            if held:
                buckets.append(Bucket(flat, held))
        return sorted(buckets, key=lambda bucket: -min(place[id(held.parameter)] for held in bucket.held))

    def _filled(self, layer: Layer) -> None:
        """Send what is full, after those before it. Only the thread that called backward sends; the columns' threads do
        not."""
        if threading.current_thread() is not self._thread:
            return
        there = {id(p) for _, p in layer.parameters()}
        for bucket in self._buckets:
            bucket.missing -= there
        for bucket in self._buckets:
            if bucket.missing:
                break
            if bucket.request is None:
                self._send(bucket)
        for bucket in self._buckets:
            if bucket.request:
                bucket.request.Test()  # Open MPI moves on only while somebody is in it

    def _send(self, bucket: Bucket) -> None:
        for held in bucket.held:
            if held.parameter.grad is not None:
                held.bring_gradient("Buckets")
        self.complete(bucket)
        g, device = bucket.g, bucket.flat.device
        with device:
            self._squares.append(device.number(device.xp.vdot(g, g)))
        bucket.request = self.ranks.sums_on(device).begin_sum(g, device)
        self.sent += g.nbytes
