"""What a step is, beside the numbers in its arrays: what layers and losses are set to, and what they draw.

A graph (devices/graph.py) has all of that as it was when it was recorded. So replay.py asks before each launch whether
it still is so, and puts right after it what a step of Python's would have left behind.
"""
from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..devices.cuda import tf32_gpus
from ..devices.device import place_of
from ..layer import Layer

METHODS = ("forward", "backward")
Held = tuple[dict, Any, Any]  # the dictionary that holds something, its name there, the thing itself


class Settings:
    """Those of `net` and `losses` on GPU `index`: made before a step is recorded, told when it is."""

    def __init__(self, net: Layer, losses: Sequence[Layer], index: int) -> None:
        self._net, self._losses, self._index = net, losses, index
        self._before = list(self._of_layers())

    def recorded(self) -> None:
        """From now on all is to stay as it is, but for what the step has set: each does. That is a loss's `probs`, and
        the gradients."""
        parameters = [p for _, p in self._net.parameters()]
        self._taken = [held for held in self._before if _is(*held)]
        self._taken += [(vars(p), name, getattr(p, name)) for p in parameters for name in ("value", "trainable")]
        self._names = [(there, _public(there)) for there in self._dictionaries()]
        self._gradients = [(vars(p), "grad", p.grad) for p in parameters]
        of_losses = {id(vars(loss)) for loss in self._losses}
        self._answers = [(there, name, there[name]) for there, name, before in self._before
                         if id(there) in of_losses and not _is(there, name, before)]
        self._tf32 = self._index in tf32_gpus

    def changed(self) -> bool:
        """Whether something was set to something else, a layer replaced, added or put elsewhere, a parameter moved,
        frozen or given another array."""
        return ((self._index in tf32_gpus) != self._tf32 or not all(_is(*held) for held in self._taken)
                or any(_public(there) != names for there, names in self._names))

    def leave(self) -> None:
        """After a launch: what a step sets. Its answers are whoever's who keeps them: the next launch fills the graph's
        own again."""
        for there, name, value in self._gradients:
            there[name] = value
        for there, name, value in self._answers:
            there[name] = copied(value)

    def _parts(self) -> list[Layer]:
        return [*self._net.tree(), *self._losses]

    def _dictionaries(self) -> Iterator[dict]:
        """Where layers and losses hold what they are set to, and those of the layers in them."""
        for part in self._parts():
            yield vars(part)
            yield from (value for name, value in vars(part).items() if isinstance(value, dict) and name[0] != "_")

    def _of_layers(self) -> Iterator[Held]:
        for part in self._parts():
            there = vars(part)
            for name, value in list(there.items()):
                if not name.startswith("_"):
                    yield there, name, value
                    if isinstance(value, dict):                  # of the layers in it
                        yield from ((value, key, inside) for key, inside in value.items())
            yield from ((there, name, there.get(name)) for name in METHODS)


class Draws:
    """The random generators of a net, and where each stands."""

    def __init__(self, net: Layer) -> None:
        self._generators = [s for _, s in net.state() if isinstance(s, np.random.Generator)]
        self._before = self._states()

    def made(self) -> bool:
        """Whether one of them has drawn since."""
        return self._states() != self._before

    def wind_back(self) -> None:
        for generator, state in zip(self._generators, self._before, strict=True):
            generator.bit_generator.state = pickle.loads(state)

    def _states(self) -> list[bytes]:
        return [pickle.dumps(generator.bit_generator.state) for generator in self._generators]  # some hold arrays


def copied(array: Any) -> Any:
    """What the next launch does not write over; None, or what is no array, as it is."""
    device = place_of(array)
    if device is None:
        return array
    with device:
        return array.copy()


def _is(there: dict, name: Any, value: Any) -> bool:
    return there.get(name) is value


def _public(there: dict) -> list:
    return [name for name in there if not (isinstance(name, str) and name.startswith("_"))]
