"""Parts of a data set, without decoding or copying an image: its first classes, a smaller problem of the same kind; and
random parts, of which one is for training and others for choosing and for the last test.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..init import expect_generator
from .dataset import Dataset, Split


class Chosen:
    """`images[chosen]`, like an array that can only be read; an image is read when asked for.

    images (N, H, W, C), an array or what behaves like one; chosen (n,) indices.
    """

    def __init__(self, images: Any, chosen: np.ndarray) -> None:
        self._images, self._chosen = images, chosen
        self.shape, self.dtype, self.ndim = (len(chosen), *images.shape[1:]), images.dtype, images.ndim

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: Any) -> np.ndarray:
        return self._images[self._chosen[index]]


def first_classes(data: Dataset, classes: int) -> Dataset:
    """The images of the first `classes` classes of `data`.

    Raises ValueError for fewer than two classes, for more than there are, and if the test set has none of them.
    """
    if not 2 <= classes <= len(data.classes):
        raise ValueError(f"first_classes: expected 2 to {len(data.classes)} classes, as many as {data.name} has, got "
                         f"{classes}")
    train, test = (_chosen(split, np.flatnonzero(split.labels < classes)) for split in data)
    if not len(test.labels):
        raise ValueError(f"first_classes: {data.name} has no test image of the first {classes} classes")
    name = f"the first {classes} classes of {data.name}: {len(train.labels):,} training and {len(test.labels):,} test"
    return Dataset(train, test, data.classes[:classes], name, data.folder)


def divide(split: Split, shares: Sequence[float], rng: np.random.Generator) -> list[Split]:
    """Random parts of a split, disjoint and together the whole; of each class so large a share as of all.

        train, test = divide(photographs, (0.5, 0.5), rng)              AlexNet's section 6 on ImageNet of Fall 2009
        train, choose, test = divide(split, (0.8, 0.1, 0.1), rng)       rates and epochs are chosen on the second

    `shares` sum to 1. Where a class cannot be divided so, chance decides which part has one image more; the images of
    a part stay in the order they had. An `rng` of the same seed gives the same parts.

    Raises ValueError for fewer than two shares, for shares that are not positive or do not sum to 1, and if a part
    would be empty; TypeError for a seed in place of the Generator.
    """
    expect_generator(rng, "divide")
    shares = [float(share) for share in shares]
    if len(shares) < 2 or not all(share > 0 for share in shares) or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(f"divide: expected two or more positive shares that sum to 1, got {shares}")
    parts = _parts(split.labels, np.cumsum(shares)[:-1], rng) if len(split.labels) else [split.labels] * len(shares)
    for share, part in zip(shares, parts, strict=True):
        if not len(part):
            raise ValueError(f"divide: a share of {share:g} of {len(split.labels):,} images is none; give it more")
    return [_chosen(split, np.sort(part)) for part in parts]


def _parts(labels: np.ndarray, ends: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """The images of each class, shuffled, cut at these `ends`, fractions of their number; joined part by part."""
    pieces = []
    for label in np.unique(labels):
        of_class = rng.permutation(np.flatnonzero(labels == label))
        pieces.append(np.split(of_class, np.floor(ends * len(of_class) + rng.random()).astype(int)))
    return [np.concatenate(part) for part in zip(*pieces, strict=True)]


def _chosen(split: Split, indices: np.ndarray) -> Split:
    return Split(Chosen(split.images, indices), split.labels[indices])
