"""What a step costs on many machines, before anybody pays for them: computing, latency and bandwidth, layer by layer.

A machine computes b images in C seconds, a third forward, two thirds backward, each layer its share of the
multiply-adds. A message of M bytes takes α + M/β: the latency α, the bandwidth β. The sum of M bytes over p machines:

    ring    2 (p - 1) α  +  2 (p - 1)/p · M/β       each passes a p-th on, p - 1 times to add, p - 1 to hand out     (1)
    tree    2 ⌈log₂ p⌉ (α + M/β)                    in pairs to one, and back: fewer messages, all of M in each      (2)

Data parallel: the gradient of a layer is summed as soon as backward has it, one after another, while backward goes on;
what is not over when backward is has to be waited for. "One weird trick" (Krizhevsky 2014) does so in the convolutions
only. Of a fully-connected layer each machine keeps a p-th of the outputs: nothing to sum, but it needs the inputs of
all p·b images, and gives the gradient of each back, when nothing else can be computed:

    2 · (p - 1) (α + b · n_in · 4/β)                                                                                 (3)

That grows with b, (1) does not: what pays depends on the batch. The paper's two columns are a machine cut in two: half
of C, and what crosses at conv3, fc6, fc7 and fc8, there and back, waited for: `Net.crossing` bytes an image, in
`Net.crossings` messages each way.

The model knows no other traffic on the wires, no slowest machine, and no disk; real ones are slower.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ..summary import Row

WAYS = ("ring", "tree", "one weird trick")
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Wire:
    """What machines are joined by: seconds that a message takes at least, bytes a second."""

    latency: float
    bandwidth: float

    def send(self, size: float) -> float:
        """Seconds for a message of `size` bytes."""
        return self.latency + size / self.bandwidth

    def ring(self, size: float, p: int) -> float:
        """Seconds to sum `size` bytes over p machines in a ring: equation (1)."""
        return 2 * (p - 1) * self.send(size / p)

    def tree(self, size: float, p: int) -> float:
        """The same in a tree: equation (2)."""
        return 2 * math.ceil(math.log2(p)) * self.send(size)


class Part(NamedTuple):
    """A layer that learns: its bytes of parameters, its share of the computing, the inputs of a fully-connected one."""

    bytes: int
    share: float
    inputs: int = 0


@dataclass(frozen=True)
class Net:
    """What of a net the model needs: its layers, and the bytes that cross between its columns, forward, an image, and
    how many times they cross."""

    parts: tuple[Part, ...]
    crossing: int = 0
    crossings: int = 0

    @classmethod
    def of(cls, rows: list[Row]) -> Net:
        """From its summary."""
        total = sum(row.multiply_adds for row in rows)
        parts = [Part(FLOAT * row.parameters, row.multiply_adds / total,
                      row.multiply_adds // row.neurons if row.kind == "Linear" else 0)
                 for row in rows if row.parameters]
        return cls(tuple(parts), sum(row.bytes for row in rows), sum(row.bytes > 0 for row in rows))


def step(net: Net, seconds: float, batch: int, p: int, wire: Wire, way: str = "ring") -> float:
    """Seconds for a step of p machines, each with `batch` images, which one alone computes in `seconds`. Raises
    ValueError for a `way` that is none of WAYS."""
    if way not in WAYS:
        raise ValueError(f"step: expected a way of {', '.join(WAYS)}, got {way!r}")
    if p == 1:
        return seconds
    together = wire.tree if way == "tree" else wire.ring
    now, free = seconds / 3, 0.0                       # forward is over; when the wire is free again
    for part in reversed(net.parts):
        now += 2 / 3 * seconds * part.share            # backward of this layer is over
        if way == "one weird trick" and part.inputs:
            now += 2 * (p - 1) * wire.send(batch * part.inputs * FLOAT)                  # eq. (3)
        else:
            free = max(now, free) + together(part.bytes, p)
    return max(now, free)


def two_columns(net: Net, seconds: float, batch: int, wire: Wire) -> float:
    """Seconds for a step of two machines, each a column: what crosses goes there in forward, and back in backward."""
    there = net.crossings * wire.latency + batch * net.crossing / 2 / wire.bandwidth  # both send half at the same time
    return seconds / 2 + 2 * there


def pays_until(machines: list[int], speed: Callable[[int], float]) -> int:
    """The largest of these numbers of machines at which more than half of their time is computing; 1, if there is none.
    `speed(p)` is how many times as fast as one they are."""
    return max((p for p in machines if speed(p) > p / 2), default=1)
