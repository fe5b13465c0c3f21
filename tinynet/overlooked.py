"""What a layer of one's own holds and does not tell of: layers that its `children` leaves out, parameters that its
`parameters` does, random generators that its `state` does. The first two would be neither trained nor saved; the third
would not go on where a run was stopped."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .layer import Layer
from .parameter import Parameter


def expect_children(net: Layer) -> None:
    """Raise TypeError for a layer with parameters, held by one of `net`, that nobody's `children` names, and for a
    parameter that nobody's `parameters` does."""
    inside = net.tree()
    known = {id(p) for layer in inside for _, p in layer.parameters()}
    for layer in inside:
        for name, part in _held(layer):
            if isinstance(part, Layer) and all(part is not known for known in inside) and part.parameters():
                raise TypeError(f"{layer.label}: {name} is a layer that children() does not name, so its parameters "
                                f"are neither trained nor saved: def children(self): return [({name!r}, ...), ...]")
            if isinstance(part, Parameter) and id(part) not in known:
                raise TypeError(f"{layer.label}: {name} holds a Parameter that parameters() does not name, so it is "
                                "neither trained nor saved: make it an attribute of its own, self.W = Parameter(...)")


def expect_state(net: Layer) -> None:
    """Raise TypeError for a random generator, held by a layer of `net`, that its `state` does not name."""
    for layer in net.tree():
        told = [s for _, s in layer.state()]
        for name, part in _held(layer):
            if isinstance(part, np.random.Generator) and all(part is not s for s in told):
                raise TypeError(f"{layer.label}: {name} is a random generator that state() does not name, so it cannot "
                                f"be wound back: def state(self): return [({name!r}, self.{name})]")


def _held(layer: Layer) -> Iterator[tuple[str, Any]]:
    """The attributes of a layer, and what is in those that are lists, tuples or dicts."""
    for name, value in vars(layer).items():
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else (value,)
        yield from ((name, part) for part in parts)
