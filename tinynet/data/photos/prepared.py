"""Photographs prepared once: squares of one size, stored as JPEG, all in one file. Here they are read.

To decode and scale whole photographs anew in every epoch is slow, and raw squares take much room (ImageNet, 1.28
million of 256x256: 250 GB). JPEG of high quality, with the colours at full resolution, takes a quarter of that or less,
and to decode a square takes about a millisecond. A folder in the cache, named after that of the photographs:

    train-1f0c98b2a4d7e653/    the digits: a fingerprint of what the squares were made from
        images.jpegs           JPEG files, one after the other
        index.npz              offset (N + 1,) int64: image i is the bytes offset[i] to offset[i + 1]; label (N,) int64
        header.json            version, size, classes, count; made_from, the folder of photographs; and skipped, the
                               files that could not be read, each with the reason
        statistics.npz         count, total, products: the sums over all images (data/statistics.py)

`preparing.py` makes it.
"""
from __future__ import annotations

import json
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ...files.writing import atomic_write
from ..dataset import DataError, wrong
from ..jpeg import decode
from ..statistics import Statistics, measure

VERSION = 1


class PreparedImages:
    """The images in such a folder, like an array (N, size, size, 3) of uint8 that can only be read.

    `images[index]` decodes what `index` says, as NumPy understands it (a number, a slice, an array of numbers or of
    truths), into a new array. Nothing is kept in memory, and many threads may index at once.

    shape, dtype, ndim   as of an array
    labels               (N,) int64
    classes              the names of the folders that the labels count
    skipped              the files that were left out: {path: why}

    Raises DataError if the files are damaged, here or when a damaged image is asked for.
    """
    dtype, ndim = np.dtype(np.uint8), 4

    def __init__(self, folder: str | PathLike) -> None:
        self.folder = Path(folder)
        self._jpegs = self.folder / "images.jpegs"
        try:
            header = json.loads((self.folder / "header.json").read_text())
            with open(self.folder / "index.npz", "rb") as file:
                index = np.load(file, allow_pickle=False)
                self.labels, self._offset = index["label"], index["offset"]
            self.classes, self.skipped = tuple(header["classes"]), header["skipped"]
            self.shape = (header["count"], header["size"], header["size"], 3)
            if not (header["version"] == VERSION and len(self) == len(self.labels) == len(self._offset) - 1
                    and self._offset[-1] == self._jpegs.stat().st_size):
                raise ValueError(f"{self._jpegs.stat().st_size:,} bytes of images that do not fit index and header")
        except Exception as error:  # damaged bytes fail in a dozen ways
            raise self._damaged(repr(error)) from error
        self._numbers = np.arange(len(self))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        numbers = self._numbers[index]
        images = np.empty(numbers.shape + self.shape[1:], np.uint8)
        # Opened for each call: threads share no position in the file, and no handle stays open.
        with open(self._jpegs, "rb") as file:
            for image, i in zip(images.reshape(-1, *self.shape[1:]), numbers.flat, strict=True):
                file.seek(self._offset[i])
                self._decode(file.read(self._offset[i + 1] - self._offset[i]), image, i)
        return images

    def statistics(self) -> Statistics:
        """The sums over all images, as they were found when the squares were made.

        In a folder of an earlier version they are missing: they are found now, and kept if the disk lets us.
        """
        path = self.folder / "statistics.npz"
        if not path.is_file():
            found = measure(self, f"mean and colours of {self.folder}")
            with suppress(OSError), atomic_write(path) as file:
                np.savez(file, **found._asdict())
            return found
        try:
            with open(path, "rb") as file:
                arrays = np.load(file, allow_pickle=False)
                found = Statistics(int(arrays["count"]), arrays["total"], arrays["products"])
            if (found.count, found.total.shape, found.products.shape) != (len(self), self.shape[1:], (3, 3)):
                raise ValueError(f"sums over {found.count:,} images of shape {found.total.shape}")
        except Exception as error:  # damaged bytes fail in a dozen ways
            raise self._damaged(repr(error)) from error
        return found

    def __repr__(self) -> str:
        return f"<PreparedImages: {self.shape} in {self.folder}>"

    def _decode(self, jpeg: bytes, image: np.ndarray, i: int) -> None:
        """Write image `i`, which is `jpeg`, to `image` (size, size, 3)."""
        try:
            decode(jpeg, image)
        except Exception as error:
            raise self._damaged(f"image {i}: {error!r}") from error

    def _damaged(self, error: str) -> DataError:
        return wrong(self.folder, "prepared images, their index and header", f"the error {error}",
                     "It is damaged: delete this folder, and it is made again")
