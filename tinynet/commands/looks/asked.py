"""What is looked at: the net, the images, the layers and maps that were asked for; checked before anything long begins.
"""
from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ... import Device, Sequential
from ...data import Dataset, Split, cifar10, cifar10_sample, imagenet
from ...data.sets.cifar10 import has_cifar10
from ...data.subset import first_classes
from ...files.reading import entry
from ...layer import aside
from ...layers.activation import ACTIVATIONS
from ...models.pretrained import PRETRAINED, pretrained
from ...training.config import size_of
from ...training.evaluate import Trained, load_net

MOST_LAYERS = 5   # that are drawn if none is named: as many as in ZFNet's Figure 2
DRAWN = 8         # test images, if none are named


class Chosen(NamedTuple):
    """Images (n, H, W, C) uint8 as they are stored, their labels (n,), and what each is called."""

    images: np.ndarray
    labels: np.ndarray
    names: list[str]


def net_of(run: str, device: Device) -> Trained:
    """That of a run, or one that comes with tinynet."""
    return pretrained(run, device) if bundled(run) else load_net(run, device)


def bundled(run: str) -> bool:
    return run in PRETRAINED and not Path(run).exists()


def data_of(args: argparse.Namespace, config: dict[str, Any]) -> Dataset | None:
    """What the net was trained on, if it can be had; of a net that comes with tinynet a sample."""
    told, options = Path(args.run) / "config.json", {"data": "sample"} if bundled(args.run) else config.get("options")
    if isinstance(options, dict) and "data" in options:  # of a run of train_cifar10.py
        if args.data and not has_cifar10(args.data):
            raise FileNotFoundError(f"--data: expected CIFAR-10 in {args.data}, which the net was trained on, and "
                                    "found none there")
        return cifar10_sample() if options["data"] == "sample" and not args.data else cifar10(args.data)
    if args.data is None:
        return None
    size, first = size_of(args.run, config), entry(told, config, "first_classes", (int, type(None)))
    cache = args.cache and Path(args.cache) / str(size)  # as in train_imagenet.py
    data = imagenet(args.data, size, cache, entry(told, config, "skip_unreadable", bool))
    data = first_classes(data, first) if first else data
    if list(data.classes) != config["classes"]:
        raise ValueError(f"{args.data} has not the classes that the net was trained on: {', '.join(data.classes[:5])}"
                         f"... for {', '.join(config['classes'][:5])}...")
    return data


def layers_of(net: Sequential, named: Sequence[str] | None) -> dict[str, tuple[int, ...]]:
    """The layers that were named, each with the shape of what it gives for one image: (P, Q, F) or (F,).

    If none were: the layers after a ReLU or another activation, MOST_LAYERS of them. Raises ValueError for a name that
    no layer has, which names those that there are.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    with aside():
        net.forward(np.zeros((1, *net.input_shape), np.float32),
                    seen=lambda name, layer, x, y: shapes.update({name: tuple(getattr(y, "shape", ())[1:])}))
    layers = {name: layer for name, layer in net.walk() if not layer.children() and shapes.get(name)}
    missing = [name for name in named or () if name not in layers]
    if missing:
        raise ValueError(f"--layer: the net has none called {', '.join(missing)}; it has {', '.join(layers)}")
    if not named:
        after = [name for name, layer in layers.items() if isinstance(layer, ACTIVATIONS)]
        after = after or list(layers)
        named = [after[i] for i in np.unique(np.linspace(0, len(after) - 1, MOST_LAYERS).round().astype(int))]
    return {name: shapes[name] for name in named}


def maps_of(shapes: dict[str, tuple[int, ...]], named: Sequence[int] | None) -> Sequence[int] | None:
    """The maps that were named. Raises ValueError for one that a layer does not have."""
    for name, shape in shapes.items():
        wrong_ones = [unit for unit in named or () if unit >= shape[-1]]
        if wrong_ones:
            raise ValueError(f"--map: {name} has the maps 0 to {shape[-1] - 1}, not {', '.join(map(str, wrong_ones))}")
    return named


def images_of(args: argparse.Namespace, trained: Trained, data: Dataset | None) -> Chosen:
    """Test images by their numbers, or picture files; without any, DRAWN of the test images.

    A file has no label: the class that the net takes it for stands for it. It is called by its name without the ending;
    where two would be the same, as it was given.
    """
    named = args.images or []
    if are_files(named):
        images = trained.squares(named)
        labels = trained.probabilities(Split(images, np.zeros(len(images), np.int64))).argmax(axis=1)
        stems = Counter(Path(path).stem for path in set(named))
        return Chosen(images, labels, [stem if stems[stem := Path(path).stem] == 1 else path for path in named])
    if data is None:
        raise ValueError("--images: the numbers of test images need the data that the net was trained on; name it with "
                         "--data, or name picture files")
    n = len(data.test.labels)
    beyond = [text for text in named if int(text) >= n]
    if beyond:
        raise ValueError(f"--images: there are the test images 0 to {n - 1}, not {', '.join(beyond)}")
    numbers = np.array([int(text) for text in named] or
                       np.sort(np.random.default_rng(args.seed).permutation(n)[:DRAWN]))
    labels = data.test.labels[numbers]
    return Chosen(data.test.images[numbers], labels,
                  [f"{data.classes[label]} {number}" for label, number in zip(labels, numbers, strict=True)])


def are_files(named: Sequence[str] | None) -> bool:
    """Whether the images that were named are picture files, not numbers of test images."""
    return bool(named) and not all(text.isdecimal() for text in named)


def need(data: Dataset | None, what: str) -> Dataset:
    if data is None:
        raise ValueError(f"{what} looks at the data that the net was trained on: name it with --data")
    return data
