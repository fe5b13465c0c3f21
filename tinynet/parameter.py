"""A parameter: a learned array, the gradient of the loss with respect to it, and how the optimiser treats it.

The papers give some parameters a step of their own (AlexNet's source code: biases at twice the weights' rate and
without weight decay), so each parameter carries its multipliers with it; `optim.SGD` reads them.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from .devices.device import Device, cpu
from .init import Initialiser


class FixedRate(float):
    """A learning rate of a parameter's own, which schedules leave alone: `p.lr = FixedRate(0.02)`."""


class Parameter:
    """A learned array.

    value      the array itself, on `device`
    grad       the gradient that the layer's last `backward` wrote, of the same shape; None before the first
    lr         multiplies the optimiser's learning rate; or a `FixedRate`, used as it is
    decay      multiplies the optimiser's weight decay
    trainable  False: the optimiser leaves the value as it is ("frozen")
    """

    def __init__(self, value: np.ndarray, device: Device = cpu, lr: float = 1.0, decay: float = 1.0,
                 trainable: bool = True) -> None:
        self.device = device
        self.value = device.asarray(value)
        self.grad = None
        self.lr = lr
        self.decay = decay
        self.trainable = trainable

    @classmethod
    def drawn(cls, init: Initialiser, rng: np.random.Generator | None, shape: tuple[int, ...], device: Device
              ) -> Parameter:
        """A parameter with the initial value `init(rng, shape)`. Raises ValueError if that has another shape."""
        value = np.asarray(init(rng or np.random.default_rng(), shape))
        if value.shape != shape:
            raise ValueError(f"the initialiser gave an array of shape {value.shape}, expected {shape}")
        return cls(value, device)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def size(self) -> int:
        return self.value.size

    def to(self, device: Device) -> Parameter:
        """Move the value to `device`. The gradient stays behind: the next backward writes it there."""
        self.value = device.asarray(self.device.tohost(self.value))
        self.grad = None
        self.device = device
        return self

    def __repr__(self) -> str:
        return f"Parameter(shape={self.shape}, dtype={self.value.dtype}, device={self.device.name})"


def select(named: list[tuple[str, Any]], names: tuple[str, ...], owner: str) -> dict[str, Any]:
    """Those of `named` that are called, or lie below, any of `names`; all, if no name is given.

    `select(net.parameters(), ("conv1",), ...)` has conv1.W and conv1.b. Raises ValueError for a name that is none.
    """
    chosen = {}
    for prefix in names:
        found = {n: value for n, value in named if n == prefix or n.startswith(prefix + ".")}
        if not found:
            raise ValueError(f"{owner}: nothing is called {prefix!r}; there are {', '.join(n for n, _ in named)}")
        chosen |= found
    return chosen if names else dict(named)
