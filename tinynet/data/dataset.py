"""What every data set is here: two splits, the names of the classes, and a sentence saying which data it is.

    images  (N, H, W, C) uint8, channels last; C is 3 (red, green, blue) or 1 (grey)
    labels  (N,) int64; labels[i] is the index in `classes` of what images[i] shows
"""
from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from typing import NamedTuple

import numpy as np

from ..files.reading import DataError, wrong

__all__ = ["DataError", "Dataset", "Split", "check_labels", "fingerprint", "wrong"]


class Split(NamedTuple):
    """One half of a data set: images (N, H, W, C) uint8 and labels (N,) int64."""
    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A training and a test split. Unpacks: `(x, y), (x_test, y_test) = cifar10()`.

    `name` says which data exactly, `folder` where it was read from; `source` says both. Print it beside every
    result.
    """
    train: Split
    test: Split
    classes: tuple[str, ...]
    name: str
    folder: str = ""

    @property
    def source(self) -> str:
        return f"{self.name}, read from {self.folder}" if self.folder else self.name

    def __iter__(self) -> Iterator[Split]:
        yield self.train
        yield self.test

    def __repr__(self) -> str:
        return f"<Dataset: {self.source}>"


def fingerprint(labels: np.ndarray) -> str:
    """Eight digits that other labels, or the same in another order, do not have; of very many, a part is looked at."""
    labels = np.asarray(labels)
    if labels.dtype.kind in "iu":  # the same classes, in whatever type they are kept
        labels = labels.astype(np.int64, copy=False)
    return f"{zlib.crc32(np.ascontiguousarray(labels[::1 + labels.nbytes // 2 ** 25])):08x}"


def check_labels(path: str | PathLike, labels: np.ndarray, classes: int) -> None:
    """Raise DataError unless every label is in 0 .. classes - 1."""
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if bad.size:
        raise wrong(path, f"labels from 0 to {classes - 1}",
                    f"{labels[bad[0]]} for image {bad[0]} (counted from 0)")
