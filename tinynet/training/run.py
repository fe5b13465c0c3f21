"""A training in a folder: what it was told, how it goes, and all it needs to go on after Ctrl-C or a crash.

    with Run("runs/mine", {"seed": 0, "data": data.source}) as run:
        progress = run.start(net, sgd, loader, schedule)
        train(net, sgd, loader, 90, progress=progress, schedule=schedule, on_batch=run.on_batch, on_epoch=run.on_epoch)

    config.json                  what the caller says about the run; versions, threads, device
    metrics.jsonl                the record of each epoch, one in a line
    curves.png                   the errors, the loss and the steps of the learning rate
    events.out.tfevents...       the same for TensorBoard, if `tensorboard` is True
    checkpoints/last.npz         of the end of each epoch, and of every few minutes in between (checkpoint.py)
    checkpoints/best.npz         of the epoch with the lowest val_error; without such, train_error or train_loss
    checkpoints/epoch-0010.npz   of every `keep_every`-th epoch

Every file takes its place whole. last.npz is written after the metrics and the other checkpoints, so at whatever moment
a crash comes, these are at least as new as it is, and what is newer is done once more, with the same result. Then the
curves are drawn, and what is to be said is said: neither can cost an epoch. Where epochs are shorter than it takes to
draw, most are drawn with a later one, at the latest at the end of `with run:`. `Run(..., resume=True)` goes on from
last.npz: bit for bit as if nothing had happened, given the same number of threads.
"""
from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..data import Loader, View
from ..distributed import ALONE, Alone, Ranks
from ..fast.parallel import get_threads
from ..files.reading import read_json
from ..files.storage import arrays_of
from ..files.writing import link_or_copy, remove_torn, write_json, write_json_lines
from ..layer import Layer
from . import checkpoint
from .config import expect_same_run, folder_name, read_config
from .events import EventFile
from .folder import expect_room, hold, let_go, writing
from .optimizer import Optimizer
from .progress import Progress, Record, last_is_best, say, show_progress
from .rest import plain
from .schedule import Schedule

CURVES = 0.05  # the share of the time that the curves may take


def in_words(record: Record) -> str:
    """An epoch in one line; with the share of its time that the net waited for images, from one percent on."""
    errors = ", ".join(f"{name.removesuffix('_error')} error {value:.1%}" for name, value in record.items()
                       if name.endswith("_error"))
    waited = f", waited {record['waited']:.0%}" if record["waited"] >= 0.01 else ""
    return "  ".join([f"epoch {record['epoch']:3}", f"loss {record['train_loss']:.3f}", *([errors] if errors else []),
                      f"{record['images_per_second']:.0f} images/s{waited}"])


class Run:
    """The folder of one training, its hooks for `train`, and, within `with run:`, an end in good order.

    `config` is what a reader should know about the run and what must not change when it is resumed, but for what
    config.MAY_DIFFER names, `device` and `epochs` for example; numbers, texts and lists, which JSON can hold.
    Checkpoints are written after each epoch and every `minutes` within one. `how_to_resume` is what the message after
    Ctrl-C says.

    Within `with run:`, Ctrl-C and SIGTERM let the step in progress finish, write a checkpoint and end the program with
    status 130 or 143. A second one stops it at once. If no step follows, the block comes to its end first.

    With `ranks`, all ranks make the Run: rank 0 writes everything, the others know how it goes. When a checkpoint is
    due rank 0's clock says, and Ctrl-C or SIGTERM to one of them stops all after the same step. The folder must be
    there for all, to resume.

    From `start` to the end of `with run:`, or of this process, no other process can start a run in the folder.

    Raises FileExistsError if the folder holds a run and `resume` is False, FileNotFoundError if it holds none and
    `resume` is True, ImportError if `tensorboard` is and tensorboardX is not there, and ValueError that lists what
    differs from the config of the run to be resumed, or for a config with the run's own entry, "environment".
    """

    def __init__(self, folder: str | os.PathLike, config: dict[str, Any], *, resume: bool = False,
                 keep_every: int | None = None, minutes: float = 10, how_to_resume: str = "",
                 ranks: Ranks | Alone = ALONE, tensorboard: bool = False) -> None:
        self.ranks, self.writes = ranks, ranks.rank == 0
        self.folder, self.resume, self.keep_every, self.minutes = Path(folder), resume, keep_every, minutes
        if "environment" in config:
            raise ValueError(f"{folder}: expected a config without 'environment': that is the run's own entry")
        self.config = json.loads(json.dumps(config, default=plain))  # as it will be read again
        self.how_to_resume = how_to_resume or f"go on with Run({str(folder)!r}, ..., resume=True)"
        self.events = EventFile(folder) if tensorboard and self.writes else None
        self.stopped_by: int | None = None
        self._curves_due, self._undrawn = 0.0, 0  # when they are drawn again; how many epochs they are to show then
        self._show, self._handlers, self._environment = show_progress(folder_name(self.folder)), {}, {}
        with ranks.together():
            self._expect_no_other()
            if resume:
                self._expect_this_one()

    def start(self, net: Layer, optimizer: Optimizer, loader: Loader, schedule: Schedule | None = None, *,
              view: View | None = None) -> Progress:
        """Begin, or put everything back to the last checkpoint; returns the `progress` for `train`. The `view` that the
        config tells of is saved beside it.

        What cannot work fails here rather than after the first epoch: raises BlockingIOError if another process trains
        in the folder; OSError for a folder that cannot be written to and for a disk without room for the checkpoints;
        and what `checkpoint.generators_of` and `restore` raise.
        """
        self._training, last = (net, optimizer, loader, schedule), self._path("last")
        with self.ranks.together():
            checkpoint.generators_of(net, loader)  # raises before there is a folder
        try:
            self.ranks.first(partial(self._take_folder, net, optimizer, view))
            self.progress = self._begun(last)
            self.ranks.first(self._write_metrics)
            self._save("last")
            self.ranks.first(partial(self._write_config, str(net.device)))
        except BaseException:
            let_go(self.folder, self)
            raise
        return self.progress

    def _take_folder(self, net: Layer, optimizer: Optimizer, view: View | None) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        hold(self.folder, self)
        self._expect_no_other()  # it may have come and gone since
        self._path("last").parent.mkdir(exist_ok=True)
        remove_torn(self._path("last").parent)
        self._check_room(net, optimizer)
        if view:
            view.save(self.folder)  # before the config, which says that all is there

    def _begun(self, last: Path) -> Progress:
        """How far it is, at the beginning."""
        if not self.resume:
            return Progress()
        with self.ranks.together():
            progress = checkpoint.restore(last, *self._training, self.ranks)
        return progress

    def on_batch(self, progress: Progress) -> None:
        """After each batch: a checkpoint when it is time; the progress line; the end after Ctrl-C."""
        due = self.writes and time.monotonic() - self.saved >= 60 * self.minutes
        stopped_by, due = self.ranks.most(self.stopped_by or 0, due)
        if stopped_by or due:
            self._save("last")
        if self.writes:
            self._show(progress)
        self._stop(stopped_by)

    def on_epoch(self, record: Record) -> None:
        """After each epoch: metrics, checkpoints, curves, a line on the screen."""
        names = ["best"] if last_is_best(self.progress.history) else []
        if self.keep_every and record["epoch"] % self.keep_every == 0:
            names.append(f"epoch-{record['epoch']:04}")
        if names:
            self._save(*names)
        self.ranks.first(self._write_metrics)
        self._save("last", like=names[0] if names else None)
        self.ranks.first(self._show_all)
        if self.writes:
            say(f"{folder_name(self.folder)}  {in_words(record)}")
        self._stop(*self.ranks.most(self.stopped_by or 0))

    def __enter__(self) -> Run:
        if threading.current_thread() is threading.main_thread():  # no other may set handlers
            for number in signal.SIGINT, signal.SIGTERM:
                self._handlers[number] = signal.signal(number, self._asked_to_stop)
        return self

    def __exit__(self, *error: Any) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}
        try:
            if self._undrawn:
                self._draw(self._undrawn)
        finally:
            if self.events:
                self.events.close()
            let_go(self.folder, self)
        if self.stopped_by and error[0] is None:  # after the last step, in whatever followed it in the block
            sys.exit(128 + self.stopped_by)

    def _asked_to_stop(self, number: int, frame: Any) -> None:
        if self.stopped_by:
            raise KeyboardInterrupt
        self.stopped_by = number
        with suppress(AttributeError, OSError, ValueError):  # there is none, it takes nothing, it is closed
            # Not print: a signal may come while the program is printing. And not 2: that may be another file by now.
            os.write(sys.stderr.fileno(), b"\nstopping after this step; once more to stop at once\n")

    def _stop(self, stopped_by: float) -> None:
        """End the program if a signal has asked for it: all ranks know of the same one."""
        if stopped_by:
            epoch, batch = self.progress.epoch, self.progress.batch
            where = f"in epoch {epoch}, after batch {batch}" if batch else f"after epoch {epoch - 1}"
            if self.writes:
                say(f"stopped {where}; {self.how_to_resume}")
            self.ranks.agreed = True
            sys.exit(128 + int(stopped_by))

    def _path(self, name: str) -> Path:
        return self.folder / "checkpoints" / f"{name}.npz"

    def _save(self, name: str, *others: str, like: str | None = None) -> None:
        """Write a checkpoint, once, under one name or several; or give this name to the one called `like`, too."""
        with self._writing(self._path(name), "the checkpoint"):
            if like:
                self.ranks.first(partial(link_or_copy, self._path(like), self._path(name)))
            else:
                checkpoint.save(self._path(name), *self._training, self.progress, self.ranks)
            for other in others:
                self.ranks.first(partial(link_or_copy, self._path(name), self._path(other)))
        self.saved = time.monotonic()

    def _writing(self, path: Path, what: str) -> AbstractContextManager[None]:
        there = (self.folder / "config.json").exists()
        return writing(path, what, self.how_to_resume if there else "begin again")

    def _write_metrics(self) -> None:
        """All of them, from the history that the checkpoint has: so lines of epochs after it are gone on resuming."""
        with self._writing(self.folder / "metrics.jsonl", "the metrics"):
            write_json_lines(self.folder / "metrics.jsonl", self.progress.history, plain)

    def _write_config(self, device: str) -> None:
        now = {"tinynet": __version__, "numpy": np.__version__, "threads": get_threads(), "on": device,
               **({"ranks": self.ranks.size} if self.ranks.size > 1 else {})}
        with self._writing(self.folder / "config.json", "the config"):
            write_json(self.folder / "config.json", {**self.config, "environment": now})
        changed = [f"{name} {value} (was {self._environment.get(name)})" for name, value in now.items()
                   if self.resume and self._environment.get(name) != value]
        if changed:
            say(f"{self.folder} goes on, but not bit for bit as it would have: {', '.join(changed)}")

    def _draw(self, epochs: int) -> None:
        began = time.monotonic()
        try:
            from ..look.curves import draw_training  # pictures look at trainings, which can do without them

            draw_training(self.folder / "curves.png", self.progress.history[:epochs])
        except Exception as error:  # a picture is no reason to lose a training
            say(f"no {self.folder / 'curves.png'}: {error}")
        now = time.monotonic()
        self._curves_due, self._undrawn = now + (now - began) / CURVES, 0

    def _show_all(self) -> None:
        """The curves, if enough time has passed since they were drawn, or no epoch follows; TensorBoard's, always."""
        self._undrawn = len(self.progress.history)
        if time.monotonic() >= self._curves_due or self.progress.epoch > self.progress.epochs:
            self._draw(self._undrawn)
        try:
            if self.events:
                self.events.write(self.progress.history)
        except Exception as error:
            say(f"nothing more for TensorBoard: {error}")
            self.events.close()
            self.events = None

    def _expect_no_other(self) -> None:
        if not self.resume and (self.folder / "config.json").exists():
            raise FileExistsError(f"{self.folder} holds an earlier run: resume it, name another folder, or delete it "
                                  "first")

    def _expect_this_one(self) -> None:
        if not (self.folder / "config.json").exists():
            raise FileNotFoundError(f"{self.folder} holds no run that could be resumed: there is no config.json in it")
        before = read_config(self.folder)
        self._environment = before.pop("environment", {})
        raw = read_json(self.folder / "config.json")  # as it was told, not as `load_run` understands it
        raw.pop("environment", None)
        if json.dumps(raw) != json.dumps(self.config):  # as texts, in which NaN is NaN
            expect_same_run(self.folder, before, self.config)

    def _check_room(self, net: Layer, optimizer: Optimizer) -> None:
        """last, best, and the one that is being written: each holds the net and the slots."""
        size = sum(a.nbytes for a in arrays_of(net).values())
        size += len(optimizer.SLOTS) * sum(p.value.nbytes for p in optimizer.parameters.values())
        expect_room(self._path("last").parent, size, 3 - sum(self._path(name).exists() for name in ("last", "best")))
