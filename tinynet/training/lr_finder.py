"""Which learning rate? The range test of Smith 2017 ("Cyclical learning rates for training neural networks", 3.3).

The net trains for a hundred steps or so, and before each the learning rate is multiplied by the same factor: from one
so small that nothing happens to one at which the loss flies away. Between the two the loss falls. A good rate to begin
with is below that of the lowest loss, where it still falls steeply: often a tenth of it.
"""
from __future__ import annotations

import copy
import math
from typing import Any

from ..data import Loader
from ..layer import Layer
from .diverged import Diverged
from .optimizer import Optimizer
from .progress import Progress
from .train import train

SMOOTH = 0.8  # how much of a running mean of the loss stays from batch to batch
FAR = 4.0     # so many times the lowest loss is enough


def find_lr(net: Layer, optimizer: Optimizer, loader: Loader, *, loss: Any = None, low: float = 1e-6,
            high: float = 10.0, steps: int = 100) -> tuple[list[float], list[float]]:
    """The learning rates of `steps` steps, from `low` to `high`, and the loss that was found after each (a running
    mean, as each is of one batch only).

    It ends early once the loss is four times its lowest, or not finite. Net, optimizer and loader are copied, and so
    are afterwards as they were. Raises ValueError for limits that make no sense, and a net that does not come as far
    as the second step.
    """
    if not (0 < low < high < math.inf and steps >= 2):
        raise ValueError(f"find_lr: expected 0 < low < high and 2 steps or more, got {low}, {high} and {steps}")
    (net, optimizer), loader = copy.deepcopy((net, optimizer)), copy.copy(loader)
    loader.rng = copy.deepcopy(loader.rng)
    optimizer.lr, rates, losses, mean = low, [], [], 0.0

    def on_batch(progress: Progress) -> bool:
        nonlocal mean
        progress.settle()
        mean = SMOOTH * mean + (1 - SMOOTH) * progress.last_loss
        rates.append(optimizer.lr)
        losses.append(mean / (1 - SMOOTH ** len(rates)))      # a mean that begins at 0 is too small by so much
        optimizer.lr = low * (high / low) ** (len(rates) / (steps - 1))
        return len(rates) > steps or losses[-1] > FAR * min(losses)

    try:
        train(net, optimizer, loader, steps // len(loader) + 1, loss=loss, on_batch=on_batch, graph=False,
              metric=lambda scores, targets: 0.0)             # no advice for a net that has not learned anything yet
    except Diverged:
        pass  # that is where the search ends
    if len(rates) < 2:
        raise ValueError(f"find_lr: the training diverges at once, with a learning rate of {low:g}")
    return rates[:-1], losses[1:]                             # what a step did shows in the batch after it


def a_tenth(rates: list[float], losses: list[float]) -> float:
    """A rate to begin with: a tenth of that with the lowest loss."""
    return rates[losses.index(min(losses))] / 10
