"""How far a training is, as numbers and as a line on the terminal."""
from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..files.terminal import tell, watched
from .diverged import check_taken

Record = dict[str, Any]  # what is known of an epoch that is over
LATE = 10                # steps of a GPU whose numbers are read together, for to read them is to wait for them
JUDGED_BY = ("val_error", "train_error", "train_loss")


@dataclass
class Progress:
    """Where a training stands, and the sums of the epoch that it is in: on a GPU those of up to LATE steps ago, unless
    `settle` is called.

    `epoch` counts from 1; `batch` and `images` are done in it. `order` is the state that the loader's generator had
    when the epoch began: drawn again from there, the order is the same. `history` has the records of the epochs that
    are over. `epochs` and `size` say how many epochs of how many images it is to be.
    """

    epoch: int = 1
    batch: int = 0
    images: int = 0
    loss: float = 0.0            # the sum over the images
    error: float | None = None   # the sum of what the metric gave; None without a metric
    grad_norm: float = 0.0       # the sum over the batches
    seconds: float = 0.0
    waited: float = 0.0          # seconds of them, waiting for the loader
    last_loss: float = 0.0       # of the last batch alone
    order: dict | None = None
    history: list[Record] = field(default_factory=list)
    epochs: int = 0
    size: int = 0

    def __post_init__(self) -> None:
        self._late: list[tuple] = []  # the numbers of steps that a GPU may still be computing

    def count(self, images: int, loss: Any, error: Any, grad_norm: Any) -> None:
        """One batch more. Raises Diverged as `settle` does."""
        self.batch, self.images = self.batch + 1, self.images + images
        self._late.append((images, loss, error, grad_norm))
        if len(self._late) >= LATE or isinstance(grad_norm, float):
            self.settle()

    def settle(self) -> None:
        """Add the numbers to the sums that are still to be read from a GPU. Raises Diverged if one is not finite."""
        while self._late:
            images, loss, error, grad_norm = self._late[0]
            came_late = not (isinstance(loss, float) and isinstance(grad_norm, float))  # for diverged.check_step
            loss, grad_norm = float(loss), float(grad_norm)  # waits: if Ctrl-C comes meanwhile, nothing is lost
            error = error.item() if hasattr(error, "item") else error
            taken = len(self._late)
            del self._late[0]
            if came_late:
                check_taken(loss, grad_norm, self.epoch, self.batch - taken + 1, taken)
            self.last_loss, self.loss, self.grad_norm = loss, self.loss + loss * images, self.grad_norm + grad_norm
            if error is not None:
                self.error = (self.error or 0) + error

    def end_epoch(self, lr: float) -> Record:
        """The record of the epoch; the next one starts at 0."""
        self.settle()
        record = {"epoch": self.epoch, "lr": lr, "train_loss": self.loss / self.images}
        if self.error is not None:
            record["train_error"] = self.error / self.images
        seconds = max(self.seconds, 1e-9)  # of a clock that stood still
        record |= {"grad_norm": self.grad_norm / self.batch, "images_per_second": self.images / seconds,
                   "waited": self.waited / seconds}
        self.history.append(record)
        self.epoch, self.batch, self.images = self.epoch + 1, 0, 0
        self.loss, self.error, self.grad_norm, self.seconds, self.waited = 0.0, None, 0.0, 0.0, 0.0
        return record


def judged_by(record: Record) -> float | None:
    """By which number of a record an epoch is better than another: the validation error; without one the training
    error, and without that the loss."""
    return next((record[name] for name in JUDGED_BY if name in record), None)


def last_is_best(history: list[Record]) -> bool:
    """Whether the last epoch is better than all before it, by the first of these numbers that any of them has: where
    only some are validated, a training error is no match for a validation error."""
    by = next(name for name in JUDGED_BY if any(name in record for record in history))
    *before, now = [record.get(by, math.nan) for record in history]
    return now < min((error for error in before if not math.isnan(error)), default=math.inf)  # a val_error may be NaN


def show_progress(name: str) -> Callable[[Progress], None]:
    """An `on_batch` that keeps one line of a terminal up to date: images per second and the time left.

    The speed is that of the last few seconds. Silent where standard error is not a terminal.
    """
    marks: list[tuple[float, int]] = []

    def on_batch(progress: Progress) -> None:
        now, total = time.perf_counter(), progress.epochs * progress.size
        done = (progress.epoch - 1) * progress.size + progress.images
        if not marks:  # the first batch of this session, perhaps not of the training
            marks.append((now - progress.seconds, done - progress.images))
        if not watched() or (now - marks[-1][0] < 0.5 and done < total):
            return
        marks.append((now, done))
        del marks[:-10]
        then, before = marks[0]
        speed = (done - before) / max(now - then, 1e-9)
        left = f"{(total - done) / speed:5.0f}" if speed else "?"
        end = "\n" if done == total else ""
        tell("stderr", f"\r{name}: {done / total:4.0%}  {speed:6.0f} images/s  {left} s left {end}")
    return on_batch


def say(line: str) -> None:
    """Print a line where a progress line may stand: that is wiped out first. Where nothing can be printed (any more),
    nothing is."""
    if watched():
        tell("stderr", "\r" + " " * 79 + "\r")
    tell("stdout", line + "\n")
