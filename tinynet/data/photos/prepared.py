"""Photographs prepared once: squares of one size, stored as JPEG, all in one file. Here they are read.

To decode and scale whole photographs anew in every epoch is slow, and raw squares take much room (ImageNet, 1.28
million of 256x256: 250 GB). JPEG of high quality, with the colours at full resolution, takes a quarter of that or less,
and to decode a square takes about a millisecond. A folder in the cache, named after that of the photographs:

    train-1f0c98b2a4d7e653/    the digits: a fingerprint of what the squares were made from
        images.jpegs           JPEG files, one after the other
        index.npz              offset (N + 1,) int64: image i is the bytes offset[i] to offset[i + 1]; label (N,) int64;
                               checksum (N,) uint32, the CRC-32 of these bytes: no other pixels pass for the image
        header.json            version, size, classes, count; made_from, the folder of photographs; and skipped, the
                               files that could not be read, each with the reason
        statistics.npz         count, total, products: the sums over all images (data/statistics.py)

`preparing.py` makes it. Folders of version 1, which had no checksums, and at first no statistics, are read too.
"""
from __future__ import annotations

import os
import weakref
import zlib
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ...files.arrays import ArrayFile, Header
from ...files.locks import Lock
from ...files.reading import DataError, entry, opened, read_json, wrong
from ...files.writing import atomic_write
from ..dataset import check_labels
from ..jpeg import decode
from ..statistics import Statistics, measure, possible

VERSION = 2
FILES = {"images.jpegs", "index.npz", "header.json", "statistics.npz"}
LONGEST_SIDE = 65_500  # of a JPEG
INT, CRC = np.dtype(np.int64), np.dtype(np.uint32)


class PreparedImages:
    """The images in such a folder, like an array (N, size, size, 3) of uint8 that can only be read.

    `images[index]` decodes what `index` says, as NumPy understands it (a number, a slice, an array of numbers or of
    truths), into a new array. Nothing is kept in memory, and many threads may index at once. As long as it lives, no
    other process deletes the folder to make it anew.

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
        lock = Lock(self.folder)
        try:
            if self.folder.is_dir():
                lock.take(shared=True, wait=True)
            self._read_header()
            self._read_index()
        except BaseException as error:
            lock.release()
            if isinstance(error, (DataError, FileNotFoundError, NotADirectoryError)):
                raise self._damaged(error) from error
            raise
        weakref.finalize(self, lock.release)
        self._numbers = np.arange(len(self))

    def __reduce__(self) -> tuple[type, tuple[Path]]:
        return type(self), (self.folder,)  # copied or sent to another process: opened there, with a lock of its own

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        numbers = self._numbers[index]
        images = np.empty(numbers.shape + self.shape[1:], np.uint8)
        # Opened for each call: threads share no position in the file, and no handle stays open.
        with opened(self._jpegs) as file:
            for image, i in zip(images.reshape(-1, *self.shape[1:]), numbers.flat, strict=True):
                file.seek(self._offset[i])
                self._decode(file.read(self._offset[i + 1] - self._offset[i]), image, i)
        return images

    def statistics(self) -> Statistics:
        """The sums over all images, as they were found when the squares were made.

        In a folder of an earlier version they are missing: they are found now, and kept if the disk lets us.
        """
        path = self.folder / "statistics.npz"
        if not path.exists():
            found = measure(self, f"mean and colours of {self.folder}")
            with suppress(OSError), atomic_write(path) as file:
                np.savez(file, **found._asdict())
            return found
        try:
            if path.stat().st_size < 8 * np.prod(self.shape[1:]):  # packed zeros might fill the memory
                raise wrong(path, "sums that are not compressed", "fewer bytes than these have")
            arrays = _arrays(path, {"count": Header((), INT), "total": Header(self.shape[1:], INT),
                                    "products": Header((3, 3), INT)})
            found = Statistics(int(arrays["count"]), arrays["total"], arrays["products"])
            if found.count != len(self) or not possible(found):
                raise wrong(path, f"the sums over {len(self):,} images", f"others, over {found.count:,}")
        except DataError as error:
            raise self._damaged(error) from error
        return found

    def __repr__(self) -> str:
        return f"<PreparedImages: {self.shape} in {self.folder}>"

    def _read_header(self) -> None:
        path = self.folder / "header.json"
        header = read_json(path)
        self.version, size, count = (entry(path, header, name, int) for name in ("version", "size", "count"))
        classes, self.skipped = entry(path, header, "classes", list), entry(path, header, "skipped", dict)
        if not (1 <= self.version <= VERSION and 1 <= size <= LONGEST_SIDE and count >= 1):
            raise wrong(path, f"version 1 to {VERSION}, size 1 to {LONGEST_SIDE} and a count of 1 or more",
                        f"{self.version}, {size} and {count}")
        if not all(isinstance(text, str) for text in (*classes, *self.skipped.values())):
            raise wrong(path, "texts in 'classes' and 'skipped'", "something else")
        self.classes, self.shape = tuple(classes), (count, size, size, 3)

    def _read_index(self) -> None:
        path, N = self.folder / "index.npz", self.shape[0]  # len() would not take every number
        with opened(self._jpegs) as file:
            length = os.fstat(file.fileno()).st_size
        if N > length:
            raise wrong(self._jpegs, f"{N:,} images", f"{length:,} bytes")
        headers = {"offset": Header((N + 1,), INT), "label": Header((N,), INT)}
        arrays = _arrays(path, headers if self.version == 1 else {**headers, "checksum": Header((N,), CRC)})
        self._offset, self.labels, self._checksum = (arrays.get(name) for name in ("offset", "label", "checksum"))
        if self._offset[0] != 0 or self._offset[-1] != length or (self._offset[1:] <= self._offset[:-1]).any():
            raise wrong(path, f"offsets that ascend from 0 to the {length:,} bytes of {self._jpegs.name}", "others")
        check_labels(path, self.labels, len(self.classes))

    def _decode(self, jpeg: bytes, image: np.ndarray, i: int) -> None:
        """Write image `i`, which is `jpeg`, to `image` (size, size, 3)."""
        try:
            if self._checksum is not None and zlib.crc32(jpeg) != self._checksum[i]:
                raise ValueError("not the bytes that were written")
            decode(jpeg, image)
        except MemoryError:
            raise
        except Exception as error:  # damaged bytes fail in a dozen ways
            raise self._damaged(f"image {i}: {error!r}") from error

    def _damaged(self, error: Any) -> DataError:
        return wrong(self.folder, "prepared images, their index and header", f"the error {str(error).rstrip('.')}",
                     "It is damaged: delete this folder, and it is made again")


def _arrays(path: Path, headers: dict[str, Header]) -> dict[str, np.ndarray]:
    """The arrays of the file at `path`, which must be these."""
    with ArrayFile(path) as file:
        if file.headers != headers:
            raise wrong(path, f"the arrays {headers}", f"{file.headers}")
        return {name: file.read(name) for name in headers}
