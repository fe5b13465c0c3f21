"""Nets that have been trained: built again from the folder of their run, and asked about images.

    trained = load_net("runs/mine")
    p = trained.probabilities(data.test, ten=True)         # the mean over ten views, AlexNet, section 4.1
    top_k_error(p, data.test.labels, k=5)
    p = trained.predict(["mine.jpg", "yours.png"])         # (2, classes)

The answers of several nets are averaged in the same way: np.mean([trained.probabilities(...) for ...], axis=0).
"""
from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data import Loader, Split, View
from ..data.photos.photograph import read_square
from ..data.view import MOST_SIDE
from ..devices.device import Device, check_device, cpu, device_of
from ..files.reading import DataError, entry, shortened, wrong
from ..net import Sequential
from .config import ENTRIES, UNSEEN, read_config, view_of
from .rebuilt import rebuilt

AT_ONCE = 2 ** 20  # numbers, in the input of a net on a GPU: 341 images of 32x32 pixels


class Trained(NamedTuple):
    """A net, and all that is needed to show it images and to read its answers.

    view      what it sees of an image
    classes   the names of what it tells apart
    config    all that its run was told
    """

    net: Sequential
    view: View
    classes: tuple[str, ...]
    config: dict[str, Any]

    def probabilities(self, split: Split, ten: bool = False, batch_size: int | None = None, workers: int = 0
                      ) -> np.ndarray:
        """As the function below. Raises ValueError if the images are not of the size that the net was trained with."""
        return probabilities(self.net, split, self.view, ten, batch_size, workers)

    def predict(self, paths: Iterable[str | os.PathLike], ten: bool = False) -> np.ndarray:
        """The class probabilities (N, classes) of the pictures in N files, of any form that `photos.photograph` reads.

        Raises TypeError for a single path, ValueError for none, for a net that does not see colours, and for answers
        that are NaN; and what `read_square` raises, which names the file.
        """
        images = self.squares(paths)
        answers = self.probabilities(Split(images, np.zeros(len(images), np.int64)), ten)
        if not np.isfinite(answers).all():
            raise ValueError("the net's answers hold NaN: its weights are too large, or those of another net")
        return answers

    def squares(self, paths: Iterable[str | os.PathLike]) -> np.ndarray:
        """The pictures in files as the net's own were: the central square of each, (N, S, S, 3) uint8. Raises what
        `predict` raises."""
        if isinstance(paths, (str, bytes, os.PathLike)):
            raise TypeError(f"expected a list of paths, got {os.fspath(paths)!r} alone: write predict([path])")
        *_, side, channels = self.net.input_shape
        if channels != 3:
            raise ValueError(f"a picture has three channels, the net sees images of {channels}")
        seen = None if self.view.crop else side  # of the whole of which the net sees a crop, only the run can tell
        side = self.view.mean.shape[0] if self.view.mean.ndim == 3 else self.config.get("size", seen)
        if type(side) is not int or not 1 <= side <= MOST_SIDE:
            raise ValueError(f"the run's config: expected a 'size' from 1 to {MOST_SIDE} pixels, got {shortened(side)}"
                             ": how large its images are, before the view crops them")
        squares = [read_square(path, side) for path in paths]
        if not squares:
            raise ValueError("expected the paths of one picture or more, got none")
        return np.stack(squares)


def probabilities(net: Sequential, split: Split, view: View, ten: bool = False, batch_size: int | None = None,
                  workers: int = 0) -> np.ndarray:
    """The class probabilities (N, classes) of the images of a split, as they are stored, on the host.

    The net sees the centre of each; with `ten`, ten crops, whose answers are averaged. `batch_size` images or crops
    go through the net at a time: by default 128, on a GPU more if they are small. `workers` threads decode and crop in
    the background.
    """
    device = net.device[0] if isinstance(net.device, tuple) else net.device
    if batch_size is None:
        batch_size = _at_once(device, view.crop, split.images)
    if not ten:
        loader = Loader(split, batch_size, finish=view.center, device=device, workers=workers)
        return np.concatenate([net.predict(x, batch_size) for x, _ in loader.epoch()])
    loader, answers = Loader(split, -(-batch_size // 10), finish=view.ten, device=device, workers=workers), []
    for crops, labels in loader.epoch():                                             # ten times (B, h, w, C)
        with device_of(crops[0]) as here:
            x = here.xp.concatenate(crops)                                           # (10 B, h, w, C)
        p = net.predict(x, batch_size)                                               # (10 B, classes)
        answers.append(p.reshape(10, len(labels), -1).mean(axis=0))                  # (B, classes)
    return np.concatenate(answers)


def _at_once(device: Device, crop: int | None, images: Any) -> int:
    """How many images, or crops of them: of small ones a GPU computes many before it is asked for more."""
    if not device.asynchronous or not hasattr(images, "shape"):
        return 128
    numbers = crop * crop * images.shape[-1] if crop else math.prod(images.shape[1:])
    return max(128, AT_ONCE // max(1, numbers))


def load_net(folder: str | os.PathLike, device: Device = cpu) -> Trained:
    """The net that a run left in `folder`: the best it had, or if there is none yet, the last.

    Raises FileNotFoundError if a file is missing; DataError, a ValueError, for the folder of something else and for
    files that do not say what they should; TypeError for a device that is none.
    """
    check_device(device, "load_net")
    config, path = read_config(folder), Path(folder) / "config.json"
    missing = [name for name in ENTRIES if name not in config]
    if missing:
        below = [str(each) for each in sorted(Path(folder).iterdir()) if _says_its_net(each)]
        raise DataError(f"{path} does not say how to build the net: no {', '.join(missing)}; expected the folder of a "
                        "run of train-imagenet, train-cifar10 --net or alexnet-columns, or of another that was told "
                        f"{', '.join(ENTRIES)}"
                        + (f"; there are such below it: {', '.join(below)}" if below else ""))
    classes = class_names(path, config)
    view, settings = view_of(folder, config), entry(path, config, "settings", dict)
    if settings.get("classes", len(classes)) != len(classes):
        raise wrong(path, f"as many classes as the net has, {shortened(settings['classes'])}", f"{len(classes)} names")
    net = rebuilt(path, entry(path, config, "net", str), settings, weights_in(Path(folder)), device)
    return Trained(net, view, tuple(classes), config)


def class_names(path: Path, config: dict) -> list[str]:
    """Of the run with this config.json. Raises DataError for what is none, or would do something else to a terminal
    than to be shown."""
    classes = entry(path, config, "classes", list, "the names of the classes")
    if not all(isinstance(name, str) and not UNSEEN.search(name) for name in classes):
        raise wrong(path, "'classes', the names of the classes", shortened(classes))
    return classes


def _says_its_net(folder: Path) -> bool:
    try:
        return set(ENTRIES) <= set(read_config(folder))
    except (OSError, ValueError):
        return False


def weights_in(folder: Path) -> Path:
    """The file of the best weights in the folder of a run. Raises FileNotFoundError if it has none."""
    files = [folder / "checkpoints" / "best.npz", folder / "checkpoints" / "last.npz", folder / "net.npz"]
    there = [file for file in files if file.is_file()]
    if not there:
        raise FileNotFoundError(f"{folder} holds no trained net: none of {', '.join(map(str, files))}")
    return there[0]
