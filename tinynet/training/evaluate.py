"""Nets that have been trained: built again from the folder of their run, and asked about images.

    trained = load_net("runs/mine")
    p = trained.probabilities(data.test, ten=True)         # the mean over ten views, AlexNet, section 4.1
    top_k_error(p, data.test.labels, k=5)

The answers of several nets are averaged in the same way: np.mean([trained.probabilities(...) for ...], axis=0).
"""
from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data import Loader, Split
from ..data.augment import center_crop, ten_views
from ..data.sets.cifar10 import CLASSES
from ..devices.device import Device, cpu
from ..models.catalogue import build
from ..models.cifar import RECIPES
from ..net import Sequential
from .train import minus


class Trained(NamedTuple):
    """A net, and what its images need before it can see them.

    config   what the run was told: net (a name of the catalogue), settings, classes (their names), size, crop, scale
    mean     the mean image of its training set, (size, size, 3)
    """

    net: Sequential
    config: dict[str, Any]
    mean: np.ndarray

    def prepare(self, images: np.ndarray) -> np.ndarray:
        """Images as they are stored → minus their mean, and in the scale that the net was trained with."""
        return minus(self.mean, self.config["scale"])(images)

    def probabilities(self, split: Split, ten: bool = False, batch_size: int = 128, workers: int = 0) -> np.ndarray:
        """As the function below. Raises ValueError if the images are not of the size that the net was trained with."""
        if split.images.shape[1:] != self.mean.shape:
            raise ValueError(f"the net was trained on images of shape {self.mean.shape}, got {split.images.shape[1:]}")
        return probabilities(self.net, split, self.prepare, self.config["crop"], ten, batch_size, workers)


def probabilities(net: Sequential, split: Split, prepare: Callable[[np.ndarray], np.ndarray], crop: int,
                  ten: bool = False, batch_size: int = 128, workers: int = 0) -> np.ndarray:
    """The class probabilities (N, classes) of the images of a split, as they are stored, on the host.

    The net sees the central crop x crop pixels of each; with `ten`, ten views (augment.ten_views), whose answers are
    averaged. `prepare` comes before the crop; `workers` threads decode and prepare in the background.
    """
    answers = []
    for x, _ in Loader(split, batch_size, prepare=prepare, workers=workers).epoch():
        views = ten_views(x, crop) if ten else [center_crop(x, crop)]
        answers.append(np.mean([net.predict(view, batch_size) for view in views], axis=0))   # (B, classes)
    return np.concatenate(answers)


def load_net(folder: str | os.PathLike, device: Device = cpu) -> Trained:
    """The net that a run of examples/train_imagenet.py, or train_cifar10.py, left in `folder`: the best it had, or if
    there is none yet, the last.

    Raises FileNotFoundError if a file is missing, ValueError for the run of something else.
    """
    folder = Path(folder)
    config = read_config(folder)
    net = build(config["net"], **config["settings"], device=device)
    net.load(weights_in(folder))
    return Trained(net, config, np.load(folder / "mean.npy"))


def read_config(folder: Path) -> dict[str, Any]:
    """What config.json says about the net. Raises as `load_net` does."""
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder} holds no run: there is no config.json in it")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    name = config.get("options", {}).get("net")
    if name in RECIPES:                                                              # a run of train_cifar10.py
        recipe = RECIPES[name]
        config |= {"net": "nin-cifar" if name == "nin" else f"cifar-{name}", "settings": {}, "classes": list(CLASSES),
                   "size": 32, "crop": recipe.crop or 32, "scale": recipe.scale}
    missing = [key for key in ("net", "settings", "classes", "size", "crop", "scale") if key not in config]
    if missing:
        raise ValueError(f"{folder / 'config.json'} does not say how to build the net: no {', '.join(missing)}; "
                         "expected the folder of a run of train_imagenet.py, or of train_cifar10.py --net 80sec")
    return config


def weights_in(folder: Path) -> Path:
    """The file of the best weights in the folder of a run. Raises FileNotFoundError if it has none."""
    files = [folder / "checkpoints" / "best.npz", folder / "checkpoints" / "last.npz", folder / "net.npz"]
    there = [file for file in files if file.is_file()]
    if not there:
        raise FileNotFoundError(f"{folder} holds no trained net: none of {', '.join(map(str, files))}")
    return there[0]
