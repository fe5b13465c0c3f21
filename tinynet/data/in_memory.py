"""Images that stay decoded once they were: the next time they are only copied, which is many times as fast. A square of
256 x 256 pixels takes 196,608 bytes so, several times as many as its JPEG.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .dataset import Split


class InMemory:
    """`images`, like an array that can only be read. The first of them, as many as `nbytes` hold, are kept after their
    first use.

    images (N, H, W, C), what behaves like an array and reads an image when it is asked for. Many threads may index at
    once. Memory is taken as images come. Raises ValueError for less than 0 bytes.
    """

    def __init__(self, images: Any, nbytes: int) -> None:
        if nbytes < 0:
            raise ValueError(f"InMemory: expected 0 bytes or more, got {nbytes}")
        self._images, self.shape, self.dtype, self.ndim = images, images.shape, images.dtype, images.ndim
        one = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        self._kept = np.empty((min(len(images), nbytes // one), *self.shape[1:]), self.dtype)
        self._there = np.zeros(len(self._kept), bool)

    @property
    def nbytes(self) -> int:
        """What is taken when all that can be kept has come."""
        return self._kept.nbytes

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        asked = np.arange(len(self))[index]
        numbers = asked.ravel()
        first = numbers < len(self._kept)                        # those that are kept, or will be
        there = first.copy()
        there[first] = self._there[numbers[first]]
        if there.all():
            found = self._kept.take(numbers, axis=0)
        else:
            found = np.empty((len(numbers), *self.shape[1:]), self.dtype)
            found[there] = self._kept[numbers[there]]
            found[~there] = self._images[numbers[~there]]
            new = first & ~there
            self._kept[numbers[new]] = found[new]
            self._there[numbers[new]] = True                     # last: another thread may be reading
        return found.reshape(*asked.shape, *self.shape[1:])


def in_memory(splits: Iterable[Split], nbytes: int) -> list[Split]:
    """The splits, of whose images those that fit stay decoded: of the first split, then of the next."""
    kept = []
    for split in splits:
        images = InMemory(split.images, nbytes)
        kept.append(Split(images, split.labels))
        nbytes -= images.nbytes
    return kept
