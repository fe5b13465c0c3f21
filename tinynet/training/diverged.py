"""When the numbers run away: a loss or a gradient that is not finite stops the training before it takes the step.

A learning rate that is too large lets the weights grow until they overflow. One NaN then spreads through every layer,
forward and backward, so where it was first seen says little. The messages here name where it began.
"""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..container import run
from ..devices.device import device_of
from ..devices.graph import recording
from ..layer import Layer
from .optim import Optimizer, gradient_norm

if TYPE_CHECKING:
    from .progress import Progress


class Diverged(ValueError):
    """The training has run into NaN or infinity; the message says in which epoch and batch, and in which layer."""


def check_scores(scores: Any, net: Layer, x: Any, at: Progress) -> None:
    """Raise Diverged if the net's answer to `x` is not finite, and name the first layer at fault."""
    if not _finite(scores):
        raise Diverged(f"epoch {at.epoch}, batch {at.batch + 1}: the net's scores hold NaN or infinity: "
                       f"{_first_fault(net, x)}")


def checked_loss(loss: Any, scores: Any, targets: Any, net: Layer, x: Any, at: Progress) -> Any:
    """L, a float unless a GPU is still computing it. Raises Diverged, as `check_scores` does, if that is why there is
    none; else what the loss raises."""
    try:
        L = loss.forward(scores, targets)
    except ValueError:  # a loss refuses what is not finite, but cannot know where it comes from
        if not recording():  # nothing has been computed then
            check_scores(scores, net, x, at)
        raise
    L = L.item() if isinstance(L, (np.generic, np.ndarray)) else L  # as a loss of one's own may give it
    L = float(L) if isinstance(L, int) else L                       # max(0, ...): no GPU is still computing it
    if isinstance(L, float) and not math.isfinite(L):
        check_scores(scores, net, x, at)
    return L


def check_step(loss: Any, optimizer: Optimizer, at: Progress, wait: bool = False) -> Any:
    """The length of the gradient (optim.gradient_norm). Raises Diverged if the loss, or the gradient of a parameter, is
    not finite. Where a GPU is still computing one of the two, nobody waits, unless told to: Progress.settle looks at
    both later."""
    norm = gradient_norm(optimizer)
    if wait:
        loss, norm = float(loss), float(norm)
    if not (isinstance(loss, float) and isinstance(norm, float)):
        return norm
    where = f"epoch {at.epoch}, batch {at.batch + 1}"
    if not math.isfinite(loss):
        raise Diverged(f"{where}: the loss is {loss}, though the net's scores are finite. {_hint(optimizer.lr)}")
    bad = [] if math.isfinite(norm) else _bad_gradients(optimizer)  # or their squares are too large
    if bad:  # NaN flows from the last layer to the first: it began where backward came first
        raise Diverged(f"{where}: the gradient of {bad[-1]} holds NaN or infinity, though the loss is finite. "
                       f"{_hint(optimizer.lr)}")
    return norm


def check_taken(loss: float, norm: float, epoch: int, batch: int, taken: int) -> None:
    """Raise Diverged if the loss or the gradient of a step was not finite that has been taken already, and `taken` - 1
    after it."""
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise Diverged(f"epoch {epoch}, batch {batch}: the loss is {loss}, the length of the gradient {norm}. The step "
                       f"was taken, and {taken - 1} more, before the GPU's numbers were read: go back to a checkpoint. "
                       "A smaller learning rate may help")


def check_weights(net: Layer, epoch: int, lr: float) -> None:
    """Raise Diverged if a parameter is not finite, after the last step of an epoch."""
    for name, p in net.parameters():
        if not _finite(p.value):
            raise Diverged(f"epoch {epoch}: the last step has left NaN or infinity in {name}. {_hint(lr)}")


def _hint(lr: float) -> str:
    return f"A learning rate smaller than {lr:g} may help"


def _bad_gradients(optimizer: Optimizer) -> list[str]:
    """The trained parameters whose gradients are not finite."""
    return [name for name, p in optimizer.parameters.items() if p.trainable and not _finite(p.grad)]


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
