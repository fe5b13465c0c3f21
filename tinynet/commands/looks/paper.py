"""AlexNet's Figures 3 and 4, and section 6.1's search by short codes."""
from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ... import Sequential
from ...data import Dataset, Split
from ...look.kernels import color_share, draw_kernels, first_convolutions
from ...look.neighbors import draw_neighbors, features, nearest
from ...look.predictions import draw_predictions
from ...look.retrieval import Autoencoder, agreement, hamming, same_class
from ...training.evaluate import Trained
from ...training.finetune import classifiers
from ...training.train import say

QUERIES, NEIGHBORS = 8, 6
BITS, HIDDEN, EPOCHS = 64, 256, 30    # of the autoencoder
MOST_QUERIES, FOUND = 1000, 10        # of the search that is timed


def figures_3_and_4(out: Path, trained: Trained, data: Dataset | None, seed: int) -> None:
    """Without data only Figure 3."""
    kernels(out, trained.net)
    if data is None:
        say(f"{out / 'kernels.png'}; for the other pictures name the photographs with --data")
        return
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(data.test.labels))[:QUERIES])
    predictions(out, trained, data, chosen)
    stored, queries = (vectors(trained, split.images) for split in data)
    neighbors(out, "neighbors", data, chosen, nearest(queries[chosen], stored, NEIGHBORS)[0], "last hidden layer")
    by_pixels, queried = (thumbnails(images) for images in (data.train.images, data.test.images[chosen]))
    neighbors(out, "pixels", data, chosen, nearest(queried, by_pixels, NEIGHBORS)[0], "pixels")
    search(stored, queries[:MOST_QUERIES], data, rng)
    say(f"the pictures: {out}/kernels.png, predictions.png, neighbors.png, pixels.png")


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
    labels = data.test.labels[:len(queries)]
    say(f"search for {len(queries):,} test images among {len(stored):,} training images, the {FOUND} nearest:")
    for what, hits, seconds, size in (("real numbers", truth, slow, stored[:1].nbytes),
                                      ("codes", found, fast, codes[:1].nbytes)):
        same = same_class(hits, data.train.labels, labels)
        say(f"  {what:<13} {size:>6,} bytes an image  {1e3 * seconds / len(queries):8.3f} ms a query  "
            f"{same:4.0%} of the same class  {agreement(hits, truth):4.0%} of the nearest by real numbers")


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return call(), time.perf_counter() - start
