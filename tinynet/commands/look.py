"""What a trained net has learned: the AlexNet paper's Figures 3 and 4, and section 6.1's search by short codes.

    python examples/look.py RUN --data DATA       a run of train_imagenet.py, and the photographs it was trained on
    python examples/look.py RUN                   a run of train_cifar10.py --net ..., or only the kernels of any other

Writes into the folder of the run, or --out:

    kernels.png        Figure 3: the kernels of the first convolution, a block for each column
    predictions.png    Figure 4, left: eight test images and what the net says
    neighbors.png      Figure 4, right: the training images nearest to them in the last hidden layer
    pixels.png         the nearest in their pixels instead

and prints how colourful each column's kernels are, and how well and how fast binary codes find the nearest.
"""
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import Sequential, cpu, gpu
from ..data import Dataset, Split, cifar10, cifar10_sample, imagenet
from ..data.subset import first_classes
from ..data.view import MOST_SIDE
from ..files.reading import entry, wrong
from ..look.kernels import color_share, draw_kernels, first_convolutions
from ..look.neighbors import draw_neighbors, features, nearest
from ..look.predictions import draw_predictions
from ..look.retrieval import Autoencoder, agreement, hamming
from ..training.evaluate import Trained, load_net
from ..training.finetune import classifiers
from ..training.train import say
from .options import at_least, command_line

QUERIES, NEIGHBORS = 8, 6
BITS, HIDDEN, EPOCHS = 64, 256, 30    # of the autoencoder
MOST_QUERIES, FOUND = 1000, 10        # of the search that is timed


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse(arguments)
    try:
        draw_all(args)
    except (ImportError, MemoryError, OSError, RuntimeError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


def draw_all(args: argparse.Namespace) -> None:
    trained = load_net(args.run, cpu if args.device == "cpu" else gpu(0))
    data = data_of(args, trained.config)
    out = Path(args.out or args.run)
    out.mkdir(parents=True, exist_ok=True)
    kernels(out, trained.net)
    if data is None:
        say(f"{out / 'kernels.png'}; for the other pictures name the photographs with --data")
        return
    rng = np.random.default_rng(args.seed)
    chosen = np.sort(rng.permutation(len(data.test.labels))[:QUERIES])
    predictions(out, trained, data, chosen)
    stored, queries = (vectors(trained, split.images) for split in data)
    neighbors(out, "neighbors", data, chosen, nearest(queries[chosen], stored, NEIGHBORS)[0], "last hidden layer")
    by_pixels, queried = (thumbnails(images) for images in (data.train.images, data.test.images[chosen]))
    neighbors(out, "pixels", data, chosen, nearest(queried, by_pixels, NEIGHBORS)[0], "pixels")
    search(stored, queries[:MOST_QUERIES], data, rng)
    say(f"the pictures: {out}/kernels.png, predictions.png, neighbors.png, pixels.png")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_line("look", __doc__)
    parser.add_argument("run", help="the folder of a run")
    parser.add_argument("--data", help="the folder of photographs, or of CIFAR-10, that the net was trained on")
    parser.add_argument("--cache", help="the folder for the squares, as given to train_imagenet.py")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--seed", type=at_least(0), default=0, help="which test images are drawn")
    parser.add_argument("--out", help="the folder to write to (default: RUN)")
    return parser.parse_args(arguments)


def data_of(args: argparse.Namespace, config: dict[str, Any]) -> Dataset | None:
    """What the net was trained on, if it can be had."""
    told, options = Path(args.run) / "config.json", config.get("options", {})
    if isinstance(options, dict) and "data" in options:  # of a run of train_cifar10.py
        return cifar10_sample() if options["data"] == "sample" and not args.data else cifar10(args.data)
    if args.data is None:
        return None
    size, first = entry(told, config, "size", int), entry(told, config, "first_classes", (int, type(None)))
    if not 1 <= size <= MOST_SIDE:
        raise wrong(told, f"'size', from 1 to {MOST_SIDE} pixels", f"{size}")
    cache = args.cache and Path(args.cache) / str(size)  # as in train_imagenet.py
    data = imagenet(args.data, size, cache, entry(told, config, "skip_unreadable", bool))
    data = first_classes(data, first) if first else data
    if list(data.classes) != config["classes"]:
        raise ValueError(f"{args.data} has not the classes that the net was trained on: {', '.join(data.classes[:5])}"
                         f"... for {', '.join(config['classes'][:5])}...")
    return data


def kernels(out: Path, net: Sequential) -> None:
    """Figure 3, and how colourful the columns are."""
    draw_kernels(out / "kernels.png", net)
    for name, layer in first_convolutions(net).items():
        share = color_share(layer.device.tohost(layer.W.value))
        say(f"{name}: {share.mean():.0%} of its kernels' weight is colour (67% at random), {(share < 0.1).sum()} of "
            f"{len(share)} are grey")


def predictions(out: Path, trained: Trained, data: Dataset, chosen: np.ndarray) -> None:
    """Figure 4, left."""
    images, labels = data.test.images[chosen], data.test.labels[chosen]
    draw_predictions(out / "predictions.png", trained.view.pixels(images), labels,
                     trained.probabilities(Split(images, labels)), data.classes)


def vectors(trained: Trained, images: Any) -> np.ndarray:
    """The last hidden layer's activations: what the last layer with weights gets."""
    net = trained.net[:]
    names = {layer: name for name, layer in net.walk() if not layer.children()}
    upto = list(names.values())[list(names).index(classifiers(net)[0]) - 1]
    return features(net, images, upto, trained.view.center)                          # (N, D)


def thumbnails(images: Any) -> np.ndarray:
    """Every image as a vector of at most 32x32 pixels, 512 of them decoded at a time."""
    step = -(-images.shape[1] // 32)
    parts = [images[first:first + 512][:, ::step, ::step] for first in range(0, len(images), 512)]
    return np.concatenate(parts).reshape(len(images), -1).astype(np.float32)              # (N, D)


def neighbors(out: Path, name: str, data: Dataset, chosen: np.ndarray, found: np.ndarray, where: str) -> None:
    """Figure 4, right."""
    labels = data.test.labels[chosen]
    right = data.train.labels[found] == labels[:, None]
    draw_neighbors(out / f"{name}.png", data.test.images[chosen], data.train.images[found.ravel()].reshape(
        *found.shape, *data.train.images.shape[1:]), f"nearest in the {where}",
        names=[data.classes[label] for label in labels], right=right)
    say(f"of the {NEIGHBORS} images nearest in the {where}, {right.mean():.0%} are of the same class")


def search(stored: np.ndarray, queries: np.ndarray, data: Dataset, rng: np.random.Generator) -> None:
    """Section 6.1: the same search with binary codes instead of real numbers."""
    rng_net, rng_data = rng.spawn(2)
    coder = Autoencoder(stored.shape[1], HIDDEN, BITS, rng=rng_net)
    coder.fit(stored, EPOCHS, rng_data)
    codes, query_codes = coder.encode(stored), coder.encode(queries)
    (truth, _), slow = timed(lambda: nearest(queries, stored, FOUND))
    (found, _), fast = timed(lambda: hamming(query_codes, codes, FOUND))
    labels = data.test.labels[:len(queries), None]
    say(f"search for {len(queries):,} test images among {len(stored):,} training images, the {FOUND} nearest:")
    for what, hits, seconds, size in (("real numbers", truth, slow, stored[:1].nbytes),
                                      ("codes", found, fast, codes[:1].nbytes)):
        same = (data.train.labels[hits] == labels).mean()
        say(f"  {what:<13} {size:>6,} bytes an image  {1e3 * seconds / len(queries):8.3f} ms a query  "
            f"{same:4.0%} of the same class  {agreement(hits, truth):4.0%} of the nearest by real numbers")


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return call(), time.perf_counter() - start
