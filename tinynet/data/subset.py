"""The first classes of a data set: a smaller problem of the same kind, without decoding or copying an image."""
from __future__ import annotations

from typing import Any

import numpy as np

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
    chosen = [np.flatnonzero(split.labels < classes) for split in data]
    if not len(chosen[1]):
        raise ValueError(f"first_classes: {data.name} has no test image of the first {classes} classes")
    train, test = (Split(Chosen(split.images, some), split.labels[some])
                   for split, some in zip(data, chosen, strict=True))
    name = f"the first {classes} classes of {data.name}: {len(train.labels):,} training and {len(test.labels):,} test"
    return Dataset(train, test, data.classes[:classes], name, data.folder)
