"""The rules by which parameters change, given their gradients.

With w a parameter, g = ∂L/∂w over the batch, ε the learning rate and λ the weight decay:

SGD as AlexNet, section 5, writes it. v is the velocity, 0 at first, m the momentum:

    v ← m·v - λ·ε·w - ε·g                                                            (1)
    w ← w + v                                                                        (2)

Adam (Kingma and Ba 2015, algorithm 1). m and v are running means of g and of g². Both begin at 0, so after t steps they
are too small by 1 - β^t; t counts the parameter's own steps, not those for which it was frozen. The decay is added to
the gradient, g + λ·w, first:

    m ← β₁·m + (1 - β₁)·g                                                            (3)
    v ← β₂·v + (1 - β₂)·g²                                                           (4)
    w ← w - ε · m / (1 - β₁^t) / (√(v / (1 - β₂^t)) + δ)                             (5)

A parameter's own multipliers scale ε (`lr`) and λ (`decay`).
"""
from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from functools import reduce
from typing import Any

import numpy as np

from ..devices.crossing import send
from ..devices.device import Device, device_of
from ..fast.operation import operation
from ..parameter import Parameter
from .optimizer import Optimizer

__all__ = ["SGD", "Adam", "Optimizer", "gradient_norm"]


@operation
def sgd_step(w: Any, g: Any, v: Any, rate: float, momentum: float, decay: float, xp: Any) -> None:
    """Change v and w."""
    v[...] = momentum * v - rate * (decay * w + g)                                   # eq. (1)
    w += v                                                                           # eq. (2)


@operation
def adam_step(w: Any, g: Any, m: Any, v: Any, rate: float, beta1: float, beta2: float, eps: float, decay: float,
              t: int, xp: Any) -> None:
    """Change m, v and w."""
    g = decay * w + g
    m[...] = beta1 * m + (1 - beta1) * g                                             # eq. (3)
    v[...] = beta2 * v + (1 - beta2) * (g * g)                                       # eq. (4)
    w -= rate * (m / (1 - beta1 ** t)) / (xp.sqrt(v / (1 - beta2 ** t)) + eps)       # eq. (5)


@operation
def sum_of_squares(g: Any, total: Any, xp: Any) -> None:
    """Fill `total`, an array of one number."""
    total[...] = xp.vdot(g, g)


class SGD(Optimizer):
    """`SGD(net.parameters(), lr=0.01)`: AlexNet's rule, equations (1) and (2), with its constants. Slot: velocity."""

    SLOTS, BELOW_1 = ("velocity",), ("momentum",)

    def __init__(self, parameters: Iterable[tuple[str, Parameter]], lr: float, momentum: float = 0.9,
                 weight_decay: float = 5e-4) -> None:
        super().__init__(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay)

    def _update(self, w: Any, g: Any, slots: list[Any], rate: float, decay: float, xp: Any) -> None:
        sgd_step(w, g, *slots, rate, float(self.momentum), decay, xp)


class Adam(Optimizer):
    """`Adam(net.parameters(), lr=0.001)`: equations (3) to (5), with the paper's constants; `eps` is δ.
    Slots: mean (m) and square (v).

    Raises ValueError, too, if beta1 or beta2 is not below 1, or eps not above 0.
    """

    SLOTS, BELOW_1 = ("mean", "square"), ("beta1", "beta2")

    def __init__(self, parameters: Iterable[tuple[str, Parameter]], lr: float = 1e-3, beta1: float = 0.9,
                 beta2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.0) -> None:
        super().__init__(parameters, lr=lr, weight_decay=weight_decay, beta1=beta1, beta2=beta2, eps=eps)

    def _update(self, w: Any, g: Any, slots: list[Any], rate: float, decay: float, xp: Any) -> None:
        adam_step(w, g, *slots, rate, self.beta1, self.beta2, self.eps, decay, self.t, xp)

    def _checked(self, name: str, value: float) -> float:
        value = super()._checked(name, value)
        if name == "eps" and not value:
            raise ValueError("Adam: expected an eps above 0, got 0: where all gradients were 0, a step would be 0 / 0")
        return value


def gradient_norm(optimizer: Optimizer) -> Any:
    """√Σ g² over all that `optimizer` trains: the length of the gradient, a float. On GPUs it is an array of no
    dimension on the first of them, for which nobody has to wait. Raises what `optimizer.gradients` raises."""
    gradients = optimizer.gradients()
    for flat in optimizer.flats():
        flat.clear_gaps()
    squares = [_square(g) for g in gradients]
    if squares and all(hasattr(square, "shape") for square in squares):
        with device_of(squares[0]) as device:
            return reduce(operator.add, (at_hand(square, device) for square in squares)) ** 0.5
    return math.sqrt(sum(map(float, squares)))


def at_hand(number: Any, device: Device) -> Any:
    """What `Device.number` gave, on this device."""
    return number if isinstance(number, float) or device.holds(number) else send(number, device, "length of gradient")


def _square(g: Any) -> Any:
    """Σ g², as `Device.number` gives it."""
    with device_of(g) as device:
        total = device.xp.empty(1, np.float64)
        sum_of_squares(g, total, device.xp)
        square = device.number(total)
        if isinstance(square, float) and not math.isfinite(square):  # that of a finite number may be too large
            square = device.number((g.astype(np.float64) ** 2).sum())
    return square
