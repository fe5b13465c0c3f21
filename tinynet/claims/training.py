"""How a side of a claim is trained: the same for both, in a folder in which it goes on if it is stopped.

CIFAR-10 in three: the first images are trained with, the last 5,000 training images choose the learning rates, the
10,000 test images are read once, when a pair is measured.

Several claims need the same training: the whole net beside the one without conv3 is that beside the one without conv4,
too. A folder that is named by all that decides what comes out of a training (`named`) is shared by all of them.
"""
from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..data import Dataset, Loader, Split, View, cifar10
from ..data.augment import enlarge
from ..data.statistics import statistics_of
from ..devices.device import Device, cpu
from ..files.locks import alone
from ..files.storage import arrays_of
from ..models.catalogue import build
from ..net import Sequential
from ..training.evaluate import probabilities
from ..training.finetune import start_by_fan_in
from ..training.metrics import top_k_error
from ..training.optim import SGD
from ..training.progress import Progress, Record, say
from ..training.rest import plain
from ..training.run import Run
from ..training.schedule import Schedule, Steps
from ..training.train import train

MOMENTUM = 0.9
VALIDATION, MEASURED = 5_000, 5_000   # images that choose the rates; of those trained with, for the training error


@dataclass
class Work:
    """One training of a claim: its seed and learning rate, where the images are, its folder, whether the test images
    may be read, the folder of trainings that are shared (None: this one shares none), and the device: a net is there
    while it is trained and tested, else on the CPU."""

    seed: int
    rate: float
    root: str | None
    folder: Path
    test: bool = True
    how_to_resume: str = ""
    shared: Path | None = None
    device: Device = cpu

    def generators(self) -> list[np.random.Generator]:
        """For the net and for the images: the same on both sides."""
        return np.random.default_rng(self.seed).spawn(2)


@lru_cache(maxsize=2)
def cifar_in_three(root: str | None, count: int, times: int = 1) -> tuple[Split, Split, Split, str]:
    """The first `count` training images of CIFAR-10, the validation images, the test images, each pixel a square of
    `times` by `times`; and what they are called."""
    data: Dataset = cifar10(root)
    last = len(data.train.labels) - VALIDATION
    if not 1 <= count <= last:
        raise ValueError(f"claims: expected all of CIFAR-10, 50,000 training images, got {data.source}")
    parts = [Split(data.train.images[:count], data.train.labels[:count]),
             Split(data.train.images[last:], data.train.labels[last:]), data.test]
    return *(Split(enlarge(part.images, times), part.labels) for part in parts), data.name


def fit(work: Work, net: Sequential, parts: Sequence[Split], view: View, epochs: int, falls: Sequence[int] = (),
        decay: float = 0.0005, validate: Callable[[], Record] | None = None,
        until: Callable[[Record], bool] | None = None, keep_every: int | None = None,
        schedule: Schedule | None = None, after_step: Callable[[], None] | None = None) -> list[Record]:
    """Train the net; the learning rate falls to a tenth at each of the epochs `falls`, or as `schedule` says. The
    records of all epochs, also of those before it was stopped: what `validate()` gives is in each, and with one that is
    `until` it is over. What has none of the other options, which `named` does not know, is shared."""
    _, rng = work.generators()
    its_own = validate or until or keep_every or schedule or after_step
    schedule = schedule or Steps(work.rate, tuple(falls))
    config = {"seed": work.seed, "rate": work.rate, "epochs": epochs, "falls": list(falls), "momentum": MOMENTUM,
              "decay": decay, "view": view.config()}
    if work.device is not cpu:
        config["device"] = work.device.name
    with _folder(work, None if its_own else named(net, view, parts[0], config)) as folder, at_work(work, net):
        sgd = SGD(net.parameters(), work.rate, MOMENTUM, decay)
        images = work.device.asarray(parts[0].images)
        loader = Loader(Split(images, parts[0].labels), 128, rng, view.draw, finish=view.show, device=work.device)
        run = Run(folder, config, resume=(folder / "config.json").exists(), keep_every=keep_every,
                  how_to_resume=work.how_to_resume)

        def on_batch(progress: Progress) -> None:
            if after_step:
                after_step()
            run.on_batch(progress)
        with run:
            progress = run.start(net, sgd, loader, schedule, view=view)
            if until and progress.history and until(progress.history[-1]):
                return progress.history
            return train(net, sgd, loader, epochs, schedule=schedule, progress=progress, on_batch=on_batch,
                         validate=validate, on_epoch=lambda record: run.on_epoch(record) or (until and until(record)))


@contextmanager
def at_work(work: Work, net: Sequential) -> Iterator[None]:
    """In here the net is on the device of the work; then where it was: on the CPU, or, in the middle of a training, on
    that device still."""
    home = net.device
    net.to(work.device)
    try:
        yield
    finally:
        net.to(home)


@contextmanager
def _folder(work: Work, name: str | None) -> Iterator[Path]:
    """The folder of a training: the one that is shared under this name, if it has one. In here, no other process is
    there: it waits."""
    if work.shared is None or name is None:
        yield work.folder
        return
    place = work.shared / name
    place.mkdir(parents=True, exist_ok=True)
    with alone(place, lambda: say(f"{place}: another process trains this; waiting for it")):
        yield place / "run"


def named(net: Sequential, view: View, part: Split, config: dict[str, Any]) -> str:
    """A name for a training of `net`, before its first step: a digest of all that decides what comes out of it, the
    layers and their settings, each parameter and how it learns, random generators, the images and what it sees of them,
    the config."""
    how = [(name, p.trainable, repr(p.lr), p.decay) for name, p in net.parameters()]
    drawn = [(name, s.bit_generator.state) for name, s in net.state() if isinstance(s, np.random.Generator)]
    digest = hashlib.sha256(repr([__version__, repr(net), how, drawn, json.dumps(config, default=plain)]).encode())
    for array in (*arrays_of(net).values(), view.mean, part.images, part.labels):
        digest.update(np.ascontiguousarray(net.device.tohost(array)))
    return digest.hexdigest()[:16]


def errors(work: Work, net: Sequential, parts: Sequence[Split], view: View, ten: bool = False, test: bool = True
           ) -> dict[str, float]:
    """The training error on some of the images, as they are at test; the validation error; and, if this may be known,
    the test error."""
    some = Split(parts[0].images[:MEASURED], parts[0].labels[:MEASURED])
    named = {"train_error": some, "val_error": parts[1], **({"test_error": parts[2]} if work.test and test else {})}
    with at_work(work, net):
        return {name: top_k_error(probabilities(net, part, view, ten=ten), part.labels) for name, part in named.items()}


def cifar_net(name: str, sides: dict[str, dict[str, Any]], *, epochs: int = 15, falls: tuple[int, ...] = (13,),
              crop: int | None = None, **settings: Any) -> Callable[[Work, str], dict[str, float]]:
    """A `measure` with a net of models/cifar.py: what `sides` says of each side are settings of the net, but for
    `crops`, `mirror` and `color`, which are the view's."""
    def measure(work: Work, side: str) -> dict[str, float]:
        of = dict(sides[side])
        how = {"crops": of.pop("crops", "random"), "mirror": of.pop("mirror", crop is not None)}
        color = of.pop("color", False)
        *parts, _ = cifar_in_three(work.root, 10_000)
        net, found = build(name, rng=work.generators()[0], **settings, **of), statistics_of(parts[0].images)
        view = View(found.mean, crop=crop, color=found.components if color else None, **how)
        fit(work, net, parts, view, epochs, falls, decay=1.0)
        return errors(work, net, parts, view)
    return measure


SMALL = {"classes": 10, "input_size": 64, "kernels": (16, 32, 48, 48, 32),  # a sixth to an eighth as many
         "hidden": 256}                                                     # a sixteenth


def small_alexnet(sides: dict[str, dict[str, Any]], *, epochs: int = 15, falls: tuple[int, ...] = (12,)
                  ) -> Callable[[Work, str], dict[str, float]]:
    """A `measure` with a small AlexNet, or the net that a side calls `net`, on images enlarged to 64x64; the rest of
    what `sides` says of each are settings, but for `decay`."""
    def measure(work: Work, side: str) -> dict[str, float]:
        net, parts, view, decay = small_net(work, dict(sides[side]), 10_000)
        fit(work, net, parts, view, epochs, falls, decay=decay)
        return errors(work, net, parts, view)
    return measure


def small_net(work: Work, settings: dict[str, Any], count: int) -> tuple[Sequential, list[Split], View, float]:
    """The net before its first step, the images, what it sees of them, and its weight decay."""
    name, decay = settings.pop("net", "alexnet"), settings.pop("decay", 0.0005)
    *parts, _ = cifar_in_three(work.root, count, times=2)
    found, rng = statistics_of(parts[0].images), work.generators()[0]
    columns = {"columns": 1} if name == "alexnet" and "columns" not in settings else {}
    net = start_by_fan_in(build(name, rng=rng, **{**SMALL, **columns, **settings}), rng)
    return net, parts, View(found.mean, found.spread), decay
