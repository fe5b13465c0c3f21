"""A parameter: a learned array, the gradient of the loss with respect to it, and how the optimiser treats it.

The papers give some parameters a step of their own (AlexNet's source code: biases at twice the weights' rate and
without weight decay), so each parameter carries its multipliers with it; the optimiser reads them.
"""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from .devices.cuda import ADVICE
from .devices.device import Device, check_device, check_kind, cpu
from .init import Initialiser, generator

_later: ContextVar[bool] = ContextVar("parameters get their numbers later", default=False)


@contextmanager
def drawn_later() -> Iterator[None]:
    """In here, parameters get a shape and no numbers, and take no memory; `draw` gives them their numbers. So layers
    can be taken out of a net and others made to fit, before anything is drawn (models/changed.py)."""
    token = _later.set(True)
    try:
        yield
    finally:
        _later.reset(token)


@contextmanager
def room_for(what: str) -> Iterator[None]:
    """Where memory runs out in here, the error says for what of a net's own. A GPU's advice is of images, and left
    out: no smaller batch makes this smaller."""
    try:
        yield
    except MemoryError as error:
        full = str(error).removesuffix(ADVICE) or "memory is full"
        raise MemoryError(f"{what}: {full}. It is memory of the net itself: no smaller batch helps, but a narrower "
                          "net, and SGD in place of Adam") from error


class FixedRate(float):
    """A learning rate of a parameter's own, which schedules leave alone: `p.lr = FixedRate(0.02)`."""


class Parameter:
    """A learned array.

    value      the array itself, on `device`: float32 or float64, and nobody else's
    grad       the gradient that the layer's last `backward` wrote, of the same shape; None before the first
    lr         multiplies the optimiser's learning rate; or a `FixedRate`, used as it is
    decay      multiplies the optimiser's weight decay
    trainable  False: the optimiser leaves the value as it is ("frozen"), and backward writes no gradient

    Raises TypeError for a value that is not float32 or float64, and for a device that is none.
    """

    _place: Any = None  # where an optimiser wants the gradient: a part of its flat buffer
    _init: Initialiser | None = None  # what will draw the value, of a parameter that has none yet

    def __init__(self, value: np.ndarray, device: Device = cpu, lr: float = 1.0, decay: float = 1.0,
                 trainable: bool = True) -> None:
        check_kind(value, "Parameter", "value")
        check_device(device, "Parameter")
        value = np.array(value)
        if value.dtype not in (np.float32, np.float64):
            raise TypeError(f"Parameter: expected an array of float32 or float64, got {value.dtype}; convert it first: "
                            "value.astype(np.float32)")
        self.device = device
        self.value = device.asarray(value)
        self.grad = None
        self.lr = lr
        self.decay = decay
        self.trainable = trainable

    @classmethod
    def drawn(cls, init: Initialiser, rng: np.random.Generator | None, shape: tuple[int, ...], device: Device
              ) -> Parameter:
        """A parameter with the initial value `init(rng, shape)`, in float32, though NumPy's generators draw in float64.
        Raises ValueError if that has another shape, TypeError for an `init` that cannot be called and for an `rng` that
        is a seed."""
        if not callable(init):
            raise TypeError(f"expected an initialiser, gaussian(0.01) or constant(1.0) for example, got {init!r}")
        if _later.get():
            undrawn = cls(np.zeros(1, np.float32), device)
            undrawn._init = init
            undrawn.reshape(shape)
            return undrawn
        with room_for(f"a parameter of shape {shape}"):
            value = np.asarray(init(generator(rng), shape))
            if value.dtype == np.float64:
                value = value.astype(np.float32)
            if value.shape != shape:
                raise ValueError(f"the initialiser gave an array of shape {value.shape}, expected {shape}")
            return cls(value, device)

    def reshape(self, shape: tuple[int, ...]) -> None:
        """Give a parameter that has no numbers yet another shape. Raises ValueError if it has some."""
        if self._init is None:
            raise ValueError(f"{self!r} has its numbers already, and cannot get the shape {shape}")
        self.value = np.broadcast_to(np.float32(0), shape)           # one number, seen everywhere

    def start_as(self, init: Initialiser, rng: np.random.Generator) -> None:
        """Begin with what `init` draws, in place of what the layer's own initialiser gives: now; or, if the parameter
        has no numbers yet (`drawn_later`), when it gets them."""
        if self._init is not None:
            self._init = init
        else:
            self.assign(init(rng, self.shape))

    def draw(self, rng: np.random.Generator) -> None:
        """Give a parameter its numbers, if it has none yet; within `drawn_later`, later."""
        if self._init is not None and not _later.get():
            self.value, self._init = Parameter.drawn(self._init, rng, self.shape, self.device).value, None

    def gradient(self) -> Any:
        """The array that backward has to fill: from now on it is `grad`.

        It lies in the flat buffer of the optimiser, if one has made a place for it; else it is a new array.
        """
        place, value = self._place, self.value
        fits = place is not None and (place.shape, place.dtype) == (value.shape, value.dtype)
        self.grad = None  # so that its memory can serve the new one
        self.grad = place if fits else self.device.empty(value.shape, value.dtype)
        return self.grad

    def assign(self, values: Any) -> None:
        """Write `values`, from the host or from the same device, into the parameter, in its dtype.

        Raises ValueError for another shape; nothing has been changed then.
        """
        if tuple(values.shape) != self.shape:
            raise ValueError(f"expected values of shape {self.shape}, got {tuple(values.shape)}")
        if self._init is not None:
            self.value, self._init = self.device.empty(self.shape, np.float32), None
        with self.device:
            self.value[...] = self.device.asarray(values).astype(self.value.dtype, copy=False)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def size(self) -> int:
        return self.value.size

    def to(self, device: Device) -> Parameter:
        """Move the value to `device`. The gradient stays behind: the next backward writes it there. Raises TypeError
        for what is no device."""
        check_device(device, "Parameter")
        if self._init is not None:
            self.device = device
        elif device is not self.device:
            self.value, self.grad, self._place = device.asarray(self.device.tohost(self.value)), None, None
            self.device = device
        return self

    def astype(self, dtype: Any) -> Parameter:
        """Convert the value to `dtype`, float32 or float64."""
        if self.value.dtype != dtype:
            with self.device:
                self.value, self.grad, self._place = self.value.astype(dtype), None, None
        return self

    def __getstate__(self) -> dict[str, Any]:
        """A copy, or what comes out of a pickle, lies in no optimiser's buffer."""
        return {**vars(self), "_place": None}

    def __repr__(self) -> str:
        return f"Parameter(shape={self.shape}, dtype={self.value.dtype}, device={self.device.name})"


def gradient_of(p: Parameter | None) -> Any:
    """The array that backward has to fill for `p`; None if there is nothing to learn: no parameter, or a frozen one."""
    return p.gradient() if p is not None and p.trainable else None


def select(named: list[tuple[str, Any]], names: tuple[str, ...], owner: str) -> dict[str, Any]:
    """Those of `named` that are called, or lie below, any of `names`; all, if no name is given.

    `select(net.parameters(), ("conv1",), ...)` has conv1.W and conv1.b. Raises ValueError for a name that is none,
    TypeError for what is no text.
    """
    chosen = {}
    for prefix in names:
        if not isinstance(prefix, str):
            raise TypeError(f"{owner}: expected names one by one, \"conv1\", \"conv2\", got {prefix!r}")
        found = {n: value for n, value in named if n == prefix or n.startswith(prefix + ".")}
        if not found:
            raise ValueError(f"{owner}: nothing is called {prefix!r}; there are {', '.join(n for n, _ in named)}")
        chosen |= found
    return chosen if names else dict(named)
