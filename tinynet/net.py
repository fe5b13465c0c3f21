"""The three ways layers are put together to a net, which is a layer again.

    Sequential    one after another; backward goes through them in the opposite order
    Branches      side by side on the same input, the outputs joined along the channels
    Sum           side by side on the same input, the outputs added

`Sum(block=Sequential(...), shortcut=Identity())` is the residual block of He et al. 2015: y = f(x) + x. What the three
share is in container.py.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .container import Container, Seen, current, expect_input_grad, first_of, lowest, run, run_back, trains, whole
from .devices.device import Device
from .layer import Layer
from .parameter import Parameter


class Sequential(Container):
    """Layers one after another: `Sequential(conv1=Conv2d(...), relu1=ReLU(), ...)`, named as in the paper.

    `net["conv1"]` is a layer; `net[:"conv5"]` the net up to and including conv5, `net["fc6":]` the net from fc6 on:
    they share the layers with `net`. `len(net)` counts the layers, iteration goes through them in order.

    `net["fc8"] = Linear(4096, 10, rng=rng)` puts another layer in the place of one; an optimiser made before still has
    the old one's parameters, so make a new one. Raises KeyError for a name that is not there, TypeError for what is no
    layer, ValueError for a layer that is elsewhere in it, or on another device; the net is then as it was.
    """

    def __init__(self, *unnamed: Layer, **layers: Layer) -> None:
        self.refuse_unnamed(unnamed)
        if not layers:
            raise ValueError("Sequential: expected at least one layer: Sequential(conv1=Conv2d(...), ...)")
        self.layers = layers
        self.check()
        self.rename("")

    @whole
    def forward(self, x: Any, train: bool = False, keep: bool = False, seen: Seen | None = None) -> Any:
        x = self.bring(x)
        with current(self.device):  # once for all: each layer finds itself there
            for name, layer in self.layers.items():
                x = run(name, layer, x, train, keep, seen)
        return x

    @whole
    def backward(self, dy: Any, input_grad: bool | None = None) -> Any:
        """dx, or None if it is not wanted (`input_grad`; `freeze` says when that is by itself): then backward ends at
        the lowest layer that learns."""
        input_grad, learns = self.wants(input_grad), [trains(layer) for layer in self]
        with current(self.device):
            for i, layer in reversed(list(enumerate(self))):
                if behind := any(learns[:i]):
                    expect_input_grad(layer)
                dy = run_back(layer, dy, input_grad or behind)
        return dy if input_grad else None

    def lowest(self) -> list[Parameter]:
        return next((first for layer in self if (first := lowest(layer))), [])

    def children(self) -> list[tuple[str, Layer]]:
        return list(self.layers.items())

    def __getitem__(self, key: str | slice) -> Layer:
        if not isinstance(key, slice):
            return self.layers[self._known(key)]
        names = list(self.layers)
        first = 0 if key.start is None else names.index(self._known(key.start))
        last = len(names) - 1 if key.stop is None else names.index(self._known(key.stop))
        if key.step is not None or first > last:
            raise ValueError(f"{self.label}: expected net[first:last] with first before last, got [{key.start!r}:"
                             f"{key.stop!r}] with a step of {key.step}")
        part = Sequential.__new__(Sequential)  # not the constructor: it would rename the layers that are shared
        part.layers = {name: self.layers[name] for name in names[first:last + 1]}
        return part

    def __setitem__(self, name: str, layer: Layer) -> None:
        old, before = self[self._known(name)], self.layers
        if isinstance(layer, Layer) and old.placed and layer.placed and layer.device != old.device:
            raise ValueError(f"{self.label}: {name} is on {old.device}, the layer to replace it on {layer.device}; "
                             "move that first, with to()")
        self.layers = {**before, name: layer}
        try:
            self.check()
        except (TypeError, ValueError):
            self.layers = before
            raise
        layer.rename(f"{self.name}.{name}" if self.name else name)

    def _known(self, name: str) -> str:
        if name not in self.layers:
            raise KeyError(f"{self.label}: no layer is called {name!r}; there are {', '.join(self.layers)}")
        return name

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers.values())


class SideBySide(Container):
    """What Branches and Sum have in common: layers by name, each of which sees the whole input. A branch whose first
    layer was made with input_grad=False has no part in dx."""

    EXAMPLE = ""  # of how one is made, for those who made none

    def __init__(self, *unnamed: Layer, **branches: Layer) -> None:
        self.refuse_unnamed(unnamed)
        if not branches:
            raise ValueError(f"{type(self).__name__}: expected at least one layer: {self.EXAMPLE}")
        self.branches = branches
        self.check()
        self.rename("")

    def children(self) -> list[tuple[str, Layer]]:
        return list(self.branches.items())

    @property
    def device(self) -> Device:
        return first_of(super().device)


class Branches(SideBySide):
    """Layers side by side: each sees the whole input, their outputs are joined along the channels (the last axis).

        y  = [f_1(x), f_2(x), ...]        dx = Σ_i  backward_i(the part of dy that belongs to f_i)
    """

    EXAMPLE = "Branches(left=Conv2d(...), ...)"

    @whole
    def forward(self, x: Any, train: bool = False, keep: bool = False, seen: Seen | None = None) -> Any:
        x = self.bring(x)
        outputs = [run(name, branch, x, train, keep, seen) for name, branch in self.branches.items()]
        sizes = {y.shape[:-1] for y in outputs}
        if len(sizes) > 1:
            raise ValueError(f"{self.label}: the branches' outputs differ before the last axis, so they cannot be "
                             f"joined: {', '.join(str(tuple(y.shape)) for y in outputs)}")
        with self.device as device:
            y = device.xp.concatenate(outputs, axis=-1)  # (..., ΣC)
        self.remember(train or keep, y.shape, y.dtype, [part.shape[-1] for part in outputs])
        return y

    @whole
    def backward(self, dy: Any, input_grad: bool | None = None) -> Any:
        shape, dtype, channels = self.take()
        self.expect(dy, *shape, what="dy", dtype=dtype)
        input_grad, parts, first = self.wants(input_grad), [], 0
        for branch, C in zip(self.branches.values(), channels, strict=True):
            parts.append(run_back(branch, dy[..., first:first + C], input_grad))
            first += C
        return added(parts, self.device) if input_grad else None


class Sum(SideBySide):
    """Layers side by side: each sees the whole input, their outputs, of one shape, are added.

        y  = Σ_i  f_i(x)        dx = Σ_i  backward_i(dy)
    """

    EXAMPLE = "Sum(block=Sequential(...), shortcut=Identity())"

    @whole
    def forward(self, x: Any, train: bool = False, keep: bool = False, seen: Seen | None = None) -> Any:
        x = self.bring(x)
        outputs = [run(name, branch, x, train, keep, seen) for name, branch in self.branches.items()]
        if len({y.shape for y in outputs}) > 1:
            shapes = ", ".join(f"{name} {tuple(y.shape)}" for name, y in zip(self.branches, outputs, strict=True))
            raise ValueError(f"{self.label}: the branches' outputs differ in shape, so they cannot be added: {shapes}")
        y = added(outputs, self.device)
        self.remember(train or keep, y.shape, y.dtype)
        return y

    @whole
    def backward(self, dy: Any, input_grad: bool | None = None) -> Any:
        shape, dtype = self.take()
        self.expect(dy, *shape, what="dy", dtype=dtype)
        input_grad = self.wants(input_grad)
        parts = [run_back(branch, dy, input_grad) for branch in self.branches.values()]
        return added(parts, self.device) if input_grad else None


def added(arrays: list[Any], device: Device) -> Any:
    """The sum of the arrays that are not None (a branch that begins with a net's first layer has no dx); None, if there
    are none. Never in place: a layer may have kept its output for backward."""
    total = None
    with device:
        for array in arrays:
            if array is not None:
                total = array if total is None else total + array
    return total


class Identity(Layer):
    """y = x, as a new array: the shortcut of a residual block."""

    lets_a_factor_through = True

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        self.expect(x)
        self.remember(train or keep, x.shape, x.dtype)
        return x.copy()

    def backward(self, dy: Any) -> Any:
        shape, dtype = self.take()
        self.expect(dy, *shape, what="dy", dtype=dtype)
        return dy.copy()
