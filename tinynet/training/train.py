"""Training: the whole loop, to be read in one go. Everything else hooks onto it.

    for every epoch, for every batch, in a new random order:
        scores   = net.forward(images)           what the net thinks
        L        = loss.forward(scores, labels)  how wrong that is
        net.backward(loss.backward())            which way every parameter should go
        sgd.step()                               one step that way

A hook is a plain function: `on_batch(at)` after each batch, with the `Progress`; `on_epoch(record)` after each epoch,
which may return True to stop. The record is a dictionary: epoch, lr, train_loss, train_error, images_per_second, waited
(the share of the time that the net waited for images), what `validate` gives, and whatever a hook adds.

run.py has the hooks that keep a training in a folder, so that it can be stopped and go on.
"""
from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..data import Loader, View
from ..devices.device import device_of
from ..layer import Layer
from ..loss import SoftmaxCrossEntropy
from .diverged import check_scores, check_step
from .optim import SGD
from .schedule import Schedule

Record = dict[str, Any]


@dataclass
class Progress:
    """How far a training is: the epoch, from 1, the batches done in it, and its sums so far.

    `history` has the records of the epochs that are over, `order` the state of the loader's rng when the epoch began.
    `epochs` and `size` say how many epochs of how many images it is to be.
    """

    epoch: int = 1
    batch: int = 0
    images: int = 0
    loss: float = 0.0       # summed over the images
    wrong: int = 0
    seconds: float = 0.0
    waited: float = 0.0     # seconds of them, waiting for the loader
    order: dict | None = None
    history: list[Record] = field(default_factory=list)
    epochs: int = 0
    size: int = 0

    def begin(self, loader: Loader, epochs: int) -> None:
        """Before an epoch, or the rest of one: the same order is drawn for the rest as was for the whole."""
        if self.batch:
            loader.rng.bit_generator.state = self.order
        else:
            self.order = loader.rng.bit_generator.state
        self.epochs, self.size = epochs, loader.size
        self._start, self._waited = time.perf_counter() - self.seconds, self.waited

    def count(self, L: float, wrong: int, images: int, loader: Loader) -> None:
        """One batch more."""
        self.batch, self.images = self.batch + 1, self.images + images
        self.loss, self.wrong = self.loss + L * images, self.wrong + wrong
        self.seconds, self.waited = time.perf_counter() - self._start, self._waited + loader.waited

    def end_epoch(self, lr: float) -> Record:
        """The record of the epoch; the next one starts at 0."""
        record = {"epoch": self.epoch, "lr": lr, "train_loss": self.loss / self.images,
                  "train_error": self.wrong / self.images, "images_per_second": self.images / self.seconds,
                  "waited": self.waited / self.seconds}
        self.history.append(record)
        self.epoch, self.batch, self.images = self.epoch + 1, 0, 0
        self.loss, self.wrong, self.seconds, self.waited = 0.0, 0, 0.0, 0.0
        return record


@np.errstate(over="ignore", invalid="ignore")  # what overflows is found by the checks, which say where it began
def train(net: Layer, sgd: SGD, loader: Loader, epochs: int, *, loss: Any = None, progress: Progress | None = None,
          schedule: Schedule | None = None, validate: Callable[[], Record] | None = None,
          on_batch: Callable[[Progress], None] | None = None,
          on_epoch: Callable[[Record], bool | None] | None = None) -> list[Record]:
    """Train `net` on what `loader` gives, up to and including epoch `epochs`, and return the records of all epochs.

    `loss` is SoftmaxCrossEntropy by default. With the `progress` of an earlier training, this one goes on from there.
    `schedule` gives the learning rate of each epoch, and ends the training when it is finished. `validate()` is asked
    after each epoch: what it returns goes into the record, and its "val_error", or without one the training error,
    is what the schedule looks at.

    The training error is that of each batch *before* the step it causes, over the epoch: it costs nothing and, while a
    net learns, lies a little above the error at the epoch's end.

    Raises Diverged, and leaves the step out, when scores, loss or a gradient are not finite; ValueError for a loader
    without an rng.
    """
    if loader.rng is None:
        raise ValueError("train: the loader gives the images in order, in every epoch the same; expected one with a "
                         "random order: Loader(split, batch_size, rng)")
    loss, at = loss or SoftmaxCrossEntropy(), progress or Progress()
    while at.epoch <= epochs and not (schedule and schedule.finished):
        sgd.lr = schedule.lr if schedule else sgd.lr
        at.begin(loader, epochs)
        for images, labels in loader.epoch(skip=at.batch):
            scores = net.forward(images, train=True)                                 # (B, classes)
            check_scores(scores, net, images, at)
            L = loss.forward(scores, labels)
            net.backward(loss.backward())
            check_step(L, sgd, at)
            sgd.step()

            answers = loss.probs if isinstance(scores, tuple) else scores            # (B, classes), of several heads
            wrong = int((device_of(answers).tohost(answers).argmax(axis=1) != labels).sum())
            at.count(L, wrong, len(labels), loader)
            if on_batch:
                on_batch(at)
        record = at.end_epoch(sgd.lr)
        record |= validate() if validate else {}
        if schedule:
            schedule.seen(record.get("val_error", record["train_error"]))
        if on_epoch and on_epoch(record):
            break
    return at.history


def minus(mean: np.ndarray, scale: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    """`center` of a View of whole images: minus the mean image (H, W, C), as float32; divided by `scale`."""
    return View(mean, scale).center


def show_progress(name: str) -> Callable[[Progress], None]:
    """An `on_batch` that keeps one line of a terminal up to date: images per second and the time left.

    The speed is that of the last few seconds. Silent where standard error is not a terminal.
    """
    marks: list[tuple[float, int]] = []

    def on_batch(at: Progress) -> None:
        now, done, total = time.perf_counter(), (at.epoch - 1) * at.size + at.images, at.epochs * at.size
        if not marks:  # the first batch of this session, perhaps not of the training
            marks.append((now - at.seconds, done - at.images))
        if not sys.stderr.isatty() or (now - marks[-1][0] < 0.5 and done < total):
            return
        marks.append((now, done))
        del marks[:-10]
        then, before = marks[0]
        speed = (done - before) / (now - then)
        end = "\n" if done == total else ""
        print(f"\r{name}: {done / total:4.0%}  {speed:6.0f} images/s  {(total - done) / speed:5.0f} s left ",
              end=end, file=sys.stderr, flush=True)
    return on_batch


def say(line: str) -> None:
    """Print a line where a progress line may stand: that is wiped out first."""
    if sys.stderr.isatty():
        print("\r" + " " * 79, end="\r", file=sys.stderr, flush=True)
    print(line, flush=True)
