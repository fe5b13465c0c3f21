"""What all optimisers have in common: which parameters there are, where they lie, and how fast each may go.

The rules themselves are in optim.py. What a rule remembers of each parameter from step to step (SGD's velocity) is a
slot. Values, gradients and slots of one device lie in a few flat arrays (flat.py).
"""
from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np

from ..devices.device import Device
from ..layer import Layer
from ..parameter import FixedRate, Parameter
from .flat import Flat, Held


class Optimizer:
    """The base of all optimisers: `step()` after every backward; assign to `lr` to change the learning rate.

    `slots["velocity"]["conv1.W"]` is what is remembered of a parameter, an array of its shape; `settings` are the
    constructor's; `steps` counts the steps, `taken["conv1.W"]` those in which this parameter changed.

    Frozen parameters (`trainable` False) are left alone, with their slots and the number of steps that they have taken.
    A parameter that was moved to another device, converted, or given another array is taken in again at the next step,
    and its slots follow it. So it is at each step if two optimisers share it: correct, but slow.

    A subclass names its `SLOTS`, says which settings must be `BELOW_1`, and has `_update`, the equations. Raises
    ValueError for two parameters of one name, one of two names, and settings that are below 0, not finite, or not below
    1 where they must be; TypeError for settings that are no numbers.
    """

    SLOTS: tuple[str, ...] = ()
    BELOW_1: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[tuple[str, Parameter]], *, lr: float, weight_decay: float,
                 **settings: float) -> None:
        self.parameters, self.steps = self._named(self._pairs(parameters)), 0
        self.taken = dict.fromkeys(self.parameters, 0)
        given = {"lr": lr, "weight_decay": weight_decay, **settings}
        self.settings = {name: self._checked(name, value) for name, value in given.items()}
        for name, value in self.settings.items():
            setattr(self, name, value)
        self.slots: dict[str, dict[str, Any]] = {slot: {} for slot in self.SLOTS}
        self._flats: list[Flat] = []
        self._take_in()

    @property
    def lr(self) -> float:
        """The learning rate. Raises ValueError for one that is below 0 or not finite."""
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self._lr = self._checked("lr", lr)

    def step(self) -> None:
        """One update of every parameter that is trained. Raises what `gradients` raises; nothing is changed then."""
        self.gradients()
        self.steps += 1
        for flat in self._flats:
            for name in flat.held:
                self.taken[name] += 1
            with flat.device:
                for part, rate, decay, t in self._runs(flat):
                    self.t = t
                    slots = [slot[part] for slot in flat.slots.values()]
                    self._update(flat.w[part], flat.g[part], slots, rate, decay, flat.device.xp)

    def gradients(self) -> list[Any]:
        """The gradient of all that is trained: one flat array for each device (and dtype), in which every parameter
        has its place. What is written into it is what `step` takes.

        Raises RuntimeError if a parameter has no gradient yet; ValueError if one is of another shape than its
        parameter, or a parameter of another shape than its slots.
        """
        self._take_in()
        missing = [name for name, p in self.parameters.items() if p.trainable and p.grad is None]
        if missing:
            raise RuntimeError(f"{self._kind}: no gradient in {', '.join(missing)}: call the net's backward before "
                               "step(), or freeze what is not to be trained; if the layer was replaced in the net, "
                               "make a new optimiser")
        for flat in self._flats:
            with flat.device:
                for held in flat.held.values():
                    held.bring_gradient(self._kind)
        return [flat.g for flat in self._flats]

    def flats(self) -> list[Flat]:
        """The flat arrays of all that is trained, one `Flat` for each device and dtype: the same objects as at the last
        call, unless a parameter was moved, frozen or converted since."""
        self._take_in()
        return self._flats

    def restore(self, steps: int, settings: dict[str, float], slots: dict[str, dict[str, np.ndarray]],
                taken: dict[str, int] | None = None) -> None:
        """Go on as an optimiser of the same kind would that had come so far. The slots are host arrays; a parameter
        that has none in them begins at 0. Without `taken`, all that have slots are held to have taken all steps.
        Raises ValueError, and changes nothing, for settings and numbers of steps that cannot be."""
        settings, steps = {name: self._checked(name, settings[name]) for name in self.settings}, operator.index(steps)
        if taken is None:
            taken = {name: steps for arrays in slots.values() for name in arrays}
        for name, t in taken.items():
            if not 0 <= operator.index(t) <= steps:
                raise ValueError(f"{self._kind}: expected {name} to have taken 0 to {steps} steps, got {t}")
        self.steps, self.taken = steps, {name: taken.get(name, 0) for name in self.parameters}
        for name, value in settings.items():
            setattr(self, name, value)
        self.slots, self._flats = {slot: dict(slots[slot]) for slot in self.SLOTS}, []
        self._take_in()

    def _update(self, w: Any, g: Any, slots: list[Any], rate: float, decay: float, xp: Any) -> None:
        """Change w and the slots in place: flat arrays of neighbouring parameters that are treated alike, and all of
        which take their step number `self.t`."""
        raise NotImplementedError

    def _runs(self, flat: Flat) -> Iterator[tuple[slice, float, float, int]]:
        """The parts of the flat arrays whose parameters are treated alike: with which learning rate, which decay, and
        which step of theirs it is."""
        def treatment(held: Held) -> tuple[float, float, int]:
            p = held.parameter
            rate = p.lr if isinstance(p.lr, FixedRate) else self.lr * p.lr
            return float(rate), float(self.weight_decay * p.decay), self.taken[held.name]

        for how, run in groupby(flat.held.values(), treatment):
            parts = [held.part for held in run]
            yield slice(parts[0].start, parts[-1].stop), *how

    def _take_in(self) -> None:
        """See to it that what is trained, and nothing else, lies in the flat arrays."""
        held = {name: held for flat in self._flats for name, held in flat.held.items()}
        trained = {name: p for name, p in self.parameters.items() if p.trainable}
        if held.keys() == trained.keys() and all(each.holds() for each in held.values()):
            return
        if not self.steps:
            self.slots = {slot: {} for slot in self.SLOTS}  # nothing that is worth moving
        self._check_slots()
        for name in held.keys() - trained.keys():
            held[name].let_go(self.slots)
        self._flats = [Flat(*where, named, self.slots) for where, named in self._by_place(trained).items()]

    def _by_place(self, trained: dict[str, Parameter]) -> dict[tuple[Device, Any], list[tuple[str, Parameter]]]:
        """The parameters of each device and dtype; those that are treated alike side by side, so that runs are long."""
        places: dict[tuple[Device, Any], list[tuple[str, Parameter]]] = {}
        for name, p in sorted(trained.items(), key=lambda item: (item[1].lr, item[1].decay, self.taken[item[0]])):
            places.setdefault((p.device, p.value.dtype), []).append((name, p))
        return places

    def _check_slots(self) -> None:
        for slot, arrays in self.slots.items():
            for name, array in arrays.items():
                p = self.parameters[name]
                if tuple(array.shape) != p.shape:
                    raise ValueError(f"{self._kind}: {name} has shape {p.shape}, its {slot} {tuple(array.shape)}: the "
                                     "parameter is not what it was; make a new optimiser, "
                                     f"{self._kind}(net.parameters(), ...)")

    def _pairs(self, parameters: Any) -> list[tuple[str, Parameter]]:
        """Raises TypeError unless they are what `net.parameters()` gives."""
        pairs = [] if isinstance(parameters, Layer) else list(parameters)
        wrong = [pair for pair in pairs if not (isinstance(pair, tuple) and len(pair) == 2
                                                and isinstance(pair[1], Parameter))]
        if isinstance(parameters, Layer) or wrong:
            got = f"pairs with {type(wrong[0]).__name__} among them" if wrong else f"a {type(parameters).__name__}"
            raise TypeError(f"{self._kind}: expected pairs (name, Parameter), got {got}; write "
                            f"{self._kind}(net.parameters(), ...)")
        return pairs

    def _named(self, named: list[tuple[str, Parameter]]) -> dict[str, Parameter]:
        """The parameters by name. Raises ValueError unless each has one name of its own."""
        found: dict[str, Parameter] = {}
        names: dict[int, str] = {}
        for name, p in named:
            if name in found:
                raise ValueError(f"{self._kind}: two parameters are called {name}; give their nets names of their own: "
                                 "Sequential(first=net1, second=net2).parameters()")
            if id(p) in names:
                raise ValueError(f"{self._kind}: {names[id(p)]} and {name} are one and the same parameter")
            found[name], names[id(p)] = p, name
        return found

    def _checked(self, name: str, value: float) -> float:
        try:
            below_0 = not value >= 0  # also true of NaN
        except TypeError:
            raise TypeError(f"{self._kind}: expected a number for {name}, got {value!r}") from None
        if below_0:
            raise ValueError(f"{self._kind}: expected {name} of 0 or more, got {value!r}")
        if value == math.inf:
            raise ValueError(f"{self._kind}: expected a finite {name}, got {value!r}")
        if name in self.BELOW_1 and value >= 1:
            raise ValueError(f"{self._kind}: expected {name} below 1, got {value!r}")
        return float(value)

    @property
    def _kind(self) -> str:
        return type(self).__name__

    def __getstate__(self) -> dict[str, Any]:
        """A copy takes the parameters, which are copied with it, in anew."""
        return {**vars(self), "_flats": []}
