"""What nets have in common: layers inside, which they run on their devices, show to whoever looks on, and name.

`net.forward(x, seen=f)` calls `f(name, layer, x, y)` after each layer that is no container itself, with its name in
`net` ("mix.three.conv"), what it was given and what it made of it. The containers pass `seen` on; other layers know
nothing of it.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import wraps
from typing import Any, NoReturn

import numpy as np

from .devices.device import Device, cpu, place_of
from .devices.graph import recording
from .layer import Layer
from .parameter import Parameter

Seen = Callable[[str, Layer, Any, Any], None]
_filled: ContextVar[Callable[[Layer], None] | None] = ContextVar("who is told of new gradients", default=None)


def whole(method: Callable[..., Any]) -> Callable[..., Any]:
    """For the forward and the backward of nets: if one fails in the middle, nothing stays kept. It would be of no use,
    and in the way of other threads."""
    @wraps(method)
    def whole_or_not_at_all(net: Layer, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(net, *args, **kwargs)
        except BaseException:
            net.forget()
            raise

    return whole_or_not_at_all


class Container(Layer):
    """A net: a layer made of layers. `forward` passes `seen` on to them, `backward` whether dx is wanted."""

    def check(self) -> None:
        """Raises TypeError for what is no layer, ValueError for names that cannot be, and for a layer in two places."""
        kind, names = type(self).__name__, {}
        for name, layer in self.children():
            if not isinstance(layer, Layer):
                raise TypeError(f"{kind}: expected a layer for {name}, got {layer!r}")
            if not name or set("./") & set(name):
                raise ValueError(f"{kind}: a layer cannot be called {name!r}: names may not be empty, and points and "
                                 "slashes stand between names")
        for name, layer in self.walk():
            if name in names.values():
                raise ValueError(f"{kind}: two layers are called {name}")
            if id(layer) in names:
                raise ValueError(f"{kind}: {names[id(layer)]} and {name} are one layer, {type(layer).__name__}. Each "
                                 "place needs a layer of its own: it keeps what the backward of this place needs")
            names[id(layer)] = name

    def refuse_unnamed(self, layers: tuple) -> None:
        """Raise TypeError that says how it is written, if there are `layers` that were given without a name. They are
        needed: files, `freeze` and error messages call a layer as its paper does."""
        if not layers:
            return
        layers = layers[0] if isinstance(layers[0], (list, tuple)) else layers
        kinds = [type(layer).__name__ for layer in layers if isinstance(layer, Layer)]
        named = [f"{kind.lower().removesuffix('2d')}{kinds[:i + 1].count(kind)}={kind}(...)"
                 for i, kind in enumerate(kinds)]
        raise TypeError(f"{type(self).__name__}: every layer has a name here; write {type(self).__name__}("
                        f"{', '.join(named) or 'conv1=Conv2d(...), ...'})")

    def wants(self, input_grad: bool | None) -> bool:
        """Whether backward has to give dx: as its caller says; else if the lowest weights are trained, or none are."""
        if input_grad is not None:
            return input_grad
        return any(p.trainable for p in self.lowest()) or not trains(self)

    def bring(self, x: Any) -> Any:
        """x where the net is: a net takes host arrays wherever it lives."""
        return self.device.asarray(x) if isinstance(x, np.ndarray) and isinstance(self.device, Device) else x

    def lowest(self) -> list[Parameter]:
        """The parameters that are the first on the input's way: of layers side by side, those of each."""
        return [p for _, layer in self.children() for p in lowest(layer)]

    @property
    def device(self) -> Device:
        """Where its first layer lives that has been put somewhere."""
        return next((layer.device for _, layer in self.children() if layer.placed), cpu)


def run(name: str, layer: Layer, x: Any, train: bool = False, keep: bool = False, seen: Seen | None = None) -> Any:
    """`layer.forward(x)`, on its device, for a layer called `name` in a net; then `seen` is told.

    A layer that was put nowhere goes where x lives first, so that the device is the current one already when the layer
    makes its first array. `run("", net, x, seen=f)` shows a net that may be a single layer, which knows no `seen`.
    """
    if not layer.placed and (device := place_of(x)):
        layer.settle(device)
    try:
        with current(layer.device):
            if seen and isinstance(layer, Container):
                return layer.forward(x, train=train, keep=keep, seen=_below(name, seen))
            y = layer.forward(x, train=train, keep=keep)
    except MemoryError as error:
        _raise(error, layer)
    if seen:
        with current(layer.device):                                                  # where y may still be computed
            seen(name, layer, x, y)
    return y


def _below(name: str, seen: Seen) -> Seen:
    """`seen`, for the layers inside the one called `name`."""
    return lambda inside, *rest: seen(f"{name}.{inside}" if name else inside, *rest)


def run_back(layer: Layer, dy: Any, input_grad: bool) -> Any:
    """`layer.backward(dy)` on its device. If neither the layer learns from it nor dx is wanted, the layer only forgets
    what it kept."""
    if not (input_grad or trains(layer)):
        layer.forget()
        return None
    try:
        with current(layer.device):
            if isinstance(layer, Container) or layer.dx_is_optional and not input_grad:
                dx = layer.backward(dy, input_grad=input_grad)
            else:
                dx = layer.backward(dy)
    except MemoryError as error:
        _raise(error, layer)
    if filled := _filled.get():
        filled(layer)
    return dx


def expect_input_grad(layer: Layer) -> None:
    """Raises TypeError if a layer inside `layer`, a net behind layers that learn, was made to give no dx. Side by side
    with others, it would only be missing from their sum: those before it would learn from a wrong gradient."""
    for _, inside in layer.walk() if isinstance(layer, Container) else ():
        if not getattr(inside, "input_grad", True):
            raise TypeError(f"{inside.label}: expected input_grad=True, because layers before it learn from its dx; "
                            "input_grad=False is for the first layer of a net")


@contextmanager
def telling(filled: Callable[[Layer], None]) -> Iterator[None]:
    """In here, `filled(layer)` is called as soon as a backward has written the gradients of a layer, or of all layers
    in a net; from whichever thread that did it."""
    token = _filled.set(filled)
    try:
        yield
    finally:
        _filled.reset(token)


def _raise(error: MemoryError, layer: Layer) -> NoReturn:
    """Where memory runs out, the error says in which layer; one inside a net is named already."""
    if isinstance(layer, Container):
        raise error
    raise MemoryError(f"{layer.label}: {error}") from error


def current(device: Any) -> AbstractContextManager:
    """The context in which a layer on `device` computes; columns, on a pair of devices, see to it themselves.

    While a graph is recorded, the thread that asks for the work of both stays with the first one between them. The null
    stream is in order with all others: to come by there would let both wait for one another after each layer.
    """
    if isinstance(device, tuple):
        return device[0] if recording() else nullcontext()
    return device if isinstance(device, Device) else nullcontext()


def first_of(device: Any) -> Device:
    """The device; of a pair, which a net that begins with Fork is on, the first: what stands around it needs one."""
    return device[0] if isinstance(device, tuple) else device


def lowest(layer: Layer) -> list[Parameter]:
    """The parameters of a layer; of a net, those that are the first on the input's way."""
    return layer.lowest() if isinstance(layer, Container) else [p for _, p in layer.parameters()]


def trains(layer: Layer) -> bool:
    """Whether the layer, or a layer inside it, has something to learn."""
    return any(p.trainable for _, p in layer.parameters())
