"""When the numbers run away: a loss or a gradient that is not finite stops the training before it takes the step.

A learning rate that is too large lets the weights grow until they overflow. One NaN then spreads through every layer,
forward and backward, so where it was first seen says little. The messages here name where it began.
"""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..container import run
from ..devices.device import Device, device_of
from ..layer import Layer
from .optim import SGD

if TYPE_CHECKING:
    from .train import Progress


class Diverged(ValueError):
    """The training has run into NaN or infinity; the message says in which epoch and batch, and in which layer."""


def check_scores(scores: Any, net: Layer, x: Any, at: Progress) -> None:
    """Raise Diverged if the net's answer to `x` is not finite, and name the first layer at fault."""
    if not _finite(scores):
        raise Diverged(f"epoch {at.epoch}, batch {at.batch + 1}: the net's scores hold NaN or infinity: "
                       f"{_first_fault(net, x)}")


def check_step(loss: float, sgd: SGD, at: Progress) -> None:
    """Raise Diverged if the loss or the gradient of a parameter is not finite."""
    where = f"epoch {at.epoch}, batch {at.batch + 1}"
    if not math.isfinite(loss):
        raise Diverged(f"{where}: the loss is {loss}, though the net's scores are finite. {_hint(sgd.lr)}")
    bad = _bad_gradients(sgd)
    if bad:  # NaN flows from the last layer to the first: it began where backward came first
        raise Diverged(f"{where}: the gradient of {bad[-1]} holds NaN or infinity, though the loss is finite. "
                       f"{_hint(sgd.lr)}")


def _hint(lr: float) -> str:
    return f"A learning rate smaller than {lr:g} may help"


def _bad_gradients(sgd: SGD) -> list[str]:
    """The parameters whose gradients are not finite: one number for each, and one transfer for each device."""
    by_device: dict[Device, dict[str, Any]] = {}
    for name, p in sgd.parameters.items():
        if p.trainable and p.grad is not None:
            by_device.setdefault(p.device, {})[name] = p.grad
    bad = set()
    for device, grads in by_device.items():
        with device:
            squares = device.tohost(device.xp.stack([device.xp.vdot(g, g) for g in grads.values()]))
        for (name, g), square in zip(grads.items(), squares, strict=True):
            if not np.isfinite(square) and not _finite(g):  # the square of a finite gradient may overflow
                bad.add(name)
    return [name for name in sgd.parameters if name in bad]


def _finite(x: Any) -> bool:
    """Whether all numbers are finite of an array, or of all arrays of a tuple: heads, columns."""
    if isinstance(x, (tuple, list)):
        return all(_finite(part) for part in x)
    with device_of(x) as device:
        return bool(device.xp.isfinite(x).all())


def _first_fault(net: Layer, x: Any) -> str:
    """Where forward meets the first number that is not finite, in words: x goes through the net once more."""
    if not _finite(x):
        return "the input does already; look at what prepares the images"
    faults: list[str] = []

    def look(_: str, layer: Layer, x: Any, y: Any) -> None:
        if not faults:
            bad = [f"{layer.name}.{name}".lstrip(".") for name, p in layer.parameters() if not _finite(p.value)]
            if bad:
                faults.append(f"the first of them is in the parameter {bad[0]}. A smaller learning rate may help")
            elif not _finite(y):
                faults.append(f"{layer.label} gives the first of them, with a finite input. A smaller learning rate "
                              "may help")

    run("", net, x, train=True, seen=look)
    return faults[0] if faults else "no layer gives them a second time"
