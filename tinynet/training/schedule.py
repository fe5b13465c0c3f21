"""The learning rate over the epochs: AlexNet, section 5, divides it by 10 whenever the validation error stands still.

A schedule has `lr`, the learning rate of the epoch that comes; `seen(error)` tells it how the epoch ended, and
`finished` says that there is nothing left to gain. `settings` are what it was made with; `state()` is what a checkpoint
keeps, `restore` takes it back.

    ByEpoch(rate)                a function of the epoch, counted from 1
    Steps(lr, at=(6, 9))         multiplied by 0.1 at the beginning of epoch 6 and again of epoch 9
    WhenStuck(lr, patience=5)    the paper's rule, by the error of the validation set
    WarmUp(schedule, 8, 5)       that of another schedule, eight times as large after five epochs: for large batches
"""
from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any

from ..files.reading import shortened
from .records import expect_count, expect_number


class Schedule:
    """The base of all schedules: the same learning rate for ever. `KEPT` names the attributes that change.

    A subclass passes its constructor's arguments, as far as JSON can hold them, on to this constructor, and says in
    `check` which states from a file it takes.
    """

    KEPT: tuple[str, ...] = ("lr",)
    finished = False
    settings: dict[str, Any] = {}
    lr: float

    def __init__(self, lr: float, **settings: Any) -> None:
        if not 0 < lr < float("inf"):
            raise ValueError(f"{type(self).__name__}: expected a learning rate above 0, got {lr!r}")
        self.settings = {"lr": float(lr), **settings}
        self.lr = float(lr)

    def seen(self, error: float) -> None:
        """An epoch has ended with this error."""

    def state(self) -> dict[str, Any]:
        """What has changed since the beginning, for JSON."""
        return {name: getattr(self, name) for name in self.KEPT}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state()` was taken. Raises ValueError for another kind's state, and one with a value that cannot
        be; nothing is changed then."""
        if not isinstance(state, dict) or set(state) != set(self.KEPT):
            raise ValueError(f"{type(self).__name__}: expected a state of {', '.join(self.KEPT)}, got "
                             f"{', '.join(map(str, state)) if isinstance(state, dict) else shortened(state)}")
        self.check(state)
        for name, value in state.items():
            setattr(self, name, value)

    def check(self, state: dict[str, Any]) -> None:
        """Raise ValueError for a value in `state`, which comes from a file, that cannot be: another type, say."""
        if "lr" in state:
            expect_number(f"{type(self).__name__} lr", state["lr"], 0)


class ByEpoch(Schedule):
    """`rate(epoch)`, whatever the errors are. It is asked for the rate of an epoch when that begins, not before, but
    for the first; raises ValueError then if it gives one below 0."""

    KEPT = ("epoch",)

    def __init__(self, rate: Callable[[int], float]) -> None:
        self.rate, self.epoch = rate, 1
        self.settings = {"rate(1)": self.lr}  # what is known of a function

    @property
    def lr(self) -> float:
        lr = self.rate(self.epoch)
        if not 0 <= lr < float("inf"):
            raise ValueError(f"ByEpoch: expected a learning rate of 0 or more, got {lr!r} for epoch {self.epoch}")
        return float(lr)

    def seen(self, error: float) -> None:
        self.epoch += 1

    def check(self, state: dict[str, Any]) -> None:
        expect_count("ByEpoch epoch", state["epoch"], 1)


def falling(lr: float, epochs: int) -> ByEpoch:
    """From `lr` in the first epoch to nearly 0 in the last, in a straight line. ValueError without an epoch."""
    if epochs < 1:
        raise ValueError(f"expected one step, or epoch, or more, got {epochs}")
    return ByEpoch(lambda epoch: lr * (1 - (epoch - 1) / epochs))


class Steps(Schedule):
    """`lr`, multiplied by `factor` at the beginning of each of the epochs `at`."""

    KEPT = ("lr", "epoch")

    def __init__(self, lr: float, at: Iterable[int], factor: float = 0.1) -> None:
        at = tuple(at)  # whatever gives the epochs one by one: it may do so but once
        super().__init__(lr, at=list(at), factor=_below_1(self, factor))
        if list(at) != sorted(set(at)) or any(epoch < 2 or epoch % 1 for epoch in at):
            raise ValueError(f"Steps: expected epochs from 2 on in ascending order, whole numbers, got {at!r}")
        self.at, self.factor, self.epoch = at, float(factor), 1

    def seen(self, error: float) -> None:
        self.epoch += 1
        if self.epoch in self.at:
            self.lr *= self.factor

    def check(self, state: dict[str, Any]) -> None:
        super().check(state)
        expect_count("Steps epoch", state["epoch"], 1)


class WhenStuck(Schedule):
    """`lr`, multiplied by `factor` when no epoch of the last `patience` had a lower error than all before them.

    That happens `times` times; when the error stands still once more, the schedule is finished.
    """

    KEPT = ("lr", "best", "waited", "drops", "finished")

    def __init__(self, lr: float, factor: float = 0.1, times: int = 3, patience: int = 5) -> None:
        super().__init__(lr, factor=_below_1(self, factor), times=times, patience=patience)
        if times < 0 or times % 1 > 0 or patience < 1 or patience % 1 > 0:
            raise ValueError("WhenStuck: expected whole numbers, times of 0 or more and a patience of 1 epoch or more, "
                             f"got {times} and {patience}")
        self.factor, self.times, self.patience = float(factor), times, patience
        self.best, self.waited, self.drops, self.finished = float("inf"), 0, 0, False

    def seen(self, error: float) -> None:
        self.waited = min(self.waited + 1, self.patience)  # more, only if somebody goes on when it is finished
        if error < self.best:
            self.best, self.waited = error, 0
        elif self.waited >= self.patience:
            self.finished = self.drops == self.times
            if not self.finished:
                self.lr, self.drops, self.waited = self.lr * self.factor, self.drops + 1, 0

    def check(self, state: dict[str, Any]) -> None:
        super().check(state)
        expect_number("WhenStuck best", state["best"], -math.inf, math.inf)
        expect_count("WhenStuck waited", state["waited"], 0, self.patience)
        expect_count("WhenStuck drops", state["drops"], 0, self.times)
        if not isinstance(state["finished"], bool):
            raise ValueError(f"WhenStuck finished: expected True or False, got {shortened(state['finished'])}")


class WarmUp(Schedule):
    """The learning rate of another schedule, multiplied by a factor that grows from 1, in the first epoch, to `factor`,
    in the one after `epochs` epochs: for batches `factor` times as large as those that the rate was found for.

    Goyal et al. 2017, "Accurate, large minibatch SGD", section 2: k times the images, k times the rate, since one step
    then stands for k; but not at first, while the net changes quickly. They raise it in every step, this one in every
    epoch.
    """

    KEPT = ("epoch",)

    def __init__(self, schedule: Schedule, factor: float, epochs: int = 5) -> None:
        if not 0 < factor < math.inf or epochs < 0:
            raise ValueError(f"WarmUp: expected a factor above 0 and 0 epochs or more, got {factor!r} and {epochs!r}")
        self.schedule, self.factor, self.epochs, self.epoch = schedule, float(factor), epochs, 1
        self.settings = {"of": {type(schedule).__name__: schedule.settings}, "factor": self.factor, "warm_up": epochs}

    @property
    def lr(self) -> float:
        grown = min(1.0, (self.epoch - 1) / self.epochs) if self.epochs else 1.0
        return self.schedule.lr * (1 + (self.factor - 1) * grown)

    @property
    def finished(self) -> bool:
        return self.schedule.finished

    def seen(self, error: float) -> None:
        self.epoch += 1
        self.schedule.seen(error)

    def state(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "of": self.schedule.state()}

    def restore(self, state: dict[str, Any]) -> None:
        if not isinstance(state, dict) or set(state) != {"epoch", "of"}:
            raise ValueError(f"WarmUp: expected a state of epoch, of, got {shortened(state)}")
        expect_count("WarmUp epoch", state["epoch"], 1)
        inner = copy.copy(self.schedule)  # a copy of this one, for a trial, shares it
        inner.restore(state["of"])
        self.schedule, self.epoch = inner, state["epoch"]


def _below_1(schedule: Schedule, factor: float) -> float:
    if not 0 < factor < 1:
        raise ValueError(f"{type(schedule).__name__}: expected a factor between 0 and 1, got {factor!r}")
    return float(factor)
