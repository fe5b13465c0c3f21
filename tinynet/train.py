"""Training: the whole loop, to be read in one go. Everything else hooks onto it.

    for every epoch, for every batch, in a new random order:
        scores   = net.forward(images)           what the net thinks
        L        = loss.forward(scores, labels)  how wrong that is
        net.backward(loss.backward())            which way every parameter should go
        sgd.step()                               one step that way

A hook is a plain function: `on_batch(done, total)` after each batch, `on_epoch(record)` after each epoch, which may
return True to stop. The record is a dictionary: epoch, lr, train_loss, train_error, images_per_second, and whatever a
hook adds to it.
"""
from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .data import Split, batches
from .device import device_of
from .layer import Layer
from .loss import SoftmaxCrossEntropy
from .optim import SGD

Record = dict[str, Any]


def train(net: Layer, sgd: SGD, split: Split, epochs: int, rng: np.random.Generator, *, batch_size: int = 128,
          prepare: Callable[[np.ndarray], np.ndarray], rate: Callable[[int], float] | None = None,
          on_batch: Callable[[int, int], None] | None = None,
          on_epoch: Callable[[Record], bool | None] | None = None) -> list[Record]:
    """Train `net` on `split` for `epochs` epochs and return their records.

    `prepare` turns a batch of images as they are stored into the net's input; `rate(epoch)` gives the learning rate
    of each epoch, counted from 1. The training error is that of each batch *before* the step it causes, over the
    epoch: it costs nothing and, while a net learns, lies a little above the error at the epoch's end.

    Raises ValueError, from the loss, when the net's scores are no longer finite.
    """
    loss, history = SoftmaxCrossEntropy(), []
    for epoch in range(1, epochs + 1):
        sgd.lr = rate(epoch) if rate else sgd.lr
        total_loss, wrong, done, start = 0.0, 0, 0, time.perf_counter()
        for images, labels in batches(split.images, split.labels, batch_size, rng):
            scores = net.forward(prepare(images), train=True)                        # (B, classes)
            L = loss.forward(scores, labels)
            net.backward(loss.backward())
            sgd.step()

            total_loss += L * len(labels)
            wrong += int((device_of(scores).tohost(scores).argmax(axis=1) != labels).sum())
            done += len(labels)
            if on_batch:
                on_batch((epoch - 1) * len(split.labels) + done, epochs * len(split.labels))
        history.append({"epoch": epoch, "lr": sgd.lr, "train_loss": total_loss / done, "train_error": wrong / done,
                        "images_per_second": done / (time.perf_counter() - start)})
        if on_epoch and on_epoch(history[-1]):
            break
    return history


def minus(mean: np.ndarray, scale: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    """A `prepare` for `train`: images minus the mean image (H, W, C), as float32; divided by `scale`."""
    def prepare(images: np.ndarray) -> np.ndarray:
        x = images.astype(np.float32)
        x -= mean
        if scale != 1:
            x /= scale
        return x                                                                     # (B, H, W, C)
    return prepare


def show_progress(name: str) -> Callable[[int, int], None]:
    """An `on_batch` that keeps one line of a terminal up to date: images per second and the time left.

    The speed is that of the last few seconds. Silent where standard error is not a terminal.
    """
    marks = [(time.perf_counter(), 0)]

    def on_batch(done: int, total: int) -> None:
        now = time.perf_counter()
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
