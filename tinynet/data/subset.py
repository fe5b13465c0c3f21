"""Parts of a data set: its first classes, a smaller problem of the same kind; a share of it, for validation."""
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


def split(data: Split, share: float, rng: np.random.Generator) -> tuple[Split, Split]:
    """(the rest, a `share` of `data` held out for validation), drawn from `rng`, both in the order of `data`.

        train, val = split(prepared_squares(ImageFolder("flowers"), "cache"), 0.2, np.random.default_rng(0))

    Of each class the same share is held out, rounded, but at least one image, and one is left. Arrays of images are
    copied; of images in files, they are read when asked for.

    Raises ValueError unless 0 < share < 1, and for a class of one image.
    """
    if not 0 < share < 1:
        raise ValueError(f"split: expected a share with 0 < share < 1, got {share!r}")
    held_out = np.zeros(len(data.labels), bool)                                      # (N,)
    for label in np.unique(data.labels):
        of_class = np.flatnonzero(data.labels == label)
        if len(of_class) < 2:
            raise ValueError(f"split: expected two images or more of each class, got one of class {label}")
        some = min(max(1, round(share * len(of_class))), len(of_class) - 1)
        held_out[rng.choice(of_class, some, replace=False)] = True
    return _some(data, ~held_out), _some(data, held_out)


def _some(data: Split, mask: np.ndarray) -> Split:
    chosen = np.flatnonzero(mask)
    array = isinstance(data.images, np.ndarray) and not isinstance(data.images, np.memmap)
    return Split(data.images[chosen] if array else Chosen(data.images, chosen), data.labels[chosen])
