"""Parameters side by side: one long array for the values, one for the gradients, one for each slot of an optimiser.

    w      conv1.W ········ conv2.W ·············· fc6.W ······ | conv1.b · conv2.b · fc6.b ··
    g      the same places for the gradients: `Parameter.gradient()` gives backward its own
    v      and for what the optimiser remembers

An update then runs over few long arrays instead of many short ones, the whole gradient can be measured, or sent to
other machines, as one, and a parameter is still an array of its own shape: a view.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..devices.device import Device, device_of, on_host
from ..parameter import Parameter, room_for

ALIGNED = 16  # each part begins at a multiple of so many numbers: what computes with several at once is quicker there


@dataclass
class Held:
    """A parameter that lies in a `Flat`: its part of the flat arrays, and its views of two of them."""

    name: str
    parameter: Parameter
    part: slice
    w: Any
    g: Any

    def holds(self) -> bool:
        """Whether the parameter still lies here: it was not moved, converted, given another array, or taken in by
        another optimiser."""
        return self.parameter.value is self.w and self.parameter._place is self.g

    def bring_gradient(self, owner: str) -> None:
        """Copy the gradient to its place, if a layer did not write it there."""
        p = self.parameter
        if p.grad is not self.g:
            if tuple(p.grad.shape) != p.shape:
                raise ValueError(f"{owner}: expected a gradient of shape {p.shape} for {self.name}, got "
                                 f"{tuple(p.grad.shape)}")
            self.g[...] = p.grad
            p.grad = self.g

    def let_go(self, slots: dict[str, dict[str, Any]]) -> None:
        """Give the parameter, and its slots, memory of their own, so that the flat arrays can go."""
        p = self.parameter
        if self.holds():
            with p.device:
                p.value, p.grad = p.value.copy(), p.grad.copy() if p.grad is self.g else p.grad
            p._place = None
        for arrays in slots.values():
            if self.name in arrays:
                with device_of(arrays[self.name]):
                    arrays[self.name] = arrays[self.name].copy()


class Flat:
    """The flat arrays `w`, `g` and `slots` of parameters of one device and one dtype.

    It takes in the parameters' values, and what `slots[slot][name]` holds so far (it is moved and converted), or zeros;
    from then on `slots` has views. The gradients are still to be brought.
    """

    def __init__(self, device: Device, dtype: Any, parameters: Iterable[tuple[str, Parameter]],
                 slots: dict[str, dict[str, Any]]) -> None:
        self.device, self.held, start = device, {}, 0
        for name, p in parameters:
            part = slice(start, start + -(-p.size // ALIGNED) * ALIGNED)
            self.held[name] = Held(name, p, part, None, None)
            start = part.stop
        count = sum(held.parameter.size for held in self.held.values())
        with room_for(f"the {', '.join(['values', 'gradients', *slots])} of {count:,} parameters"), device:
            self.w, self.g, *flat_slots = (device.xp.zeros(start, dtype) for _ in range(2 + len(slots)))
            self.slots = dict(zip(slots, flat_slots, strict=True))
            for held in self.held.values():
                self._take_in(held, slots)

    def clear_gaps(self) -> None:
        """Between the parameters the gradient becomes 0, whatever a hook has written over all of it."""
        with self.device:
            for held in self.held.values():
                if held.g.size % ALIGNED:
                    self.g[held.part.start + held.g.size:held.part.stop] = 0

    def _take_in(self, held: Held, slots: dict[str, dict[str, Any]]) -> None:
        p, start = held.parameter, held.part.start
        held.w, held.g, *views = (flat[start:start + p.size].reshape(p.shape)
                                  for flat in (self.w, self.g, *self.slots.values()))
        held.w[...] = p.value
        p.value, p._place = held.w, held.g
        for arrays, view in zip(slots.values(), views, strict=True):
            if held.name in arrays:
                before = arrays[held.name]
                here = self.device.holds(before)
                view[...] = before if here else self.device.asarray(on_host(before))
            arrays[held.name] = view
