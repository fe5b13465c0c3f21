"""MNIST: 70,000 grey images of handwritten digits, 28 x 28, by LeCun, Cortes and Burges, in four IDX files.

An IDX file; numbers are big-endian, 4 bytes each:
    magic     00 00, then 08 (the values are unsigned bytes), then the number of dimensions
    sizes     one number per dimension
    values    one byte each, the last dimension fastest
    train-images-idx3-ubyte, t10k-images-idx3-ubyte    magic 00 00 08 03; sizes N, 28, 28
    train-labels-idx1-ubyte, t10k-labels-idx1-ubyte    magic 00 00 08 01; size N; values 0 to 9

As published, each file is compressed with gzip; with or without, both are read here. How many images there
are, is what the header says. Images become (N, 28, 28, 1).
"""
from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from contextlib import ExitStack
from os import PathLike
from pathlib import Path

import numpy as np

from ..dataset import Dataset, Split, check_labels, wrong
from ..download.folders import explain_disk_errors, new_folder, not_found, search_folders

MIRRORS = ["https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"]
MD5 = {"train-images": "f68b3c2dcbeaaa9fbdd348bbdeb94873", "train-labels": "d53e105ee54ea40749a09fcbcd1e9432",
       "t10k-images": "9fb629c4189551a2d022fa330f9573f3", "t10k-labels": "ec29112dd5afa0611ce80d1b7f02629c"}
FOLDERS = ("", "mnist", "MNIST/raw")
CLASSES = tuple("0123456789")
DEFLATE = 1032  # bytes that one byte of a gzip file can stand for, at most


def mnist(root: str | PathLike | None = None, download: bool = True) -> Dataset:
    """MNIST: train.images (60000, 28, 28, 1) uint8, test.images (10000, 28, 28, 1); 55 MB in memory.

    The files are looked for in `root`, root/mnist and root/MNIST/raw, then in the folder that the environment
    variable TINYNET_DATA names, then in the cache. Where there are none, they are downloaded (12 MB) into the
    first of these.

    Raises FileNotFoundError if there are none and `download` is False; DataError (a ValueError) if a file is
    not as it should be; OSError if the download or the disk fails.
    """
    looked_in = search_folders(root)
    for above, _ in looked_in:
        for folder in (above / name for name in FOLDERS):
            if files := _files_in(folder):
                return _load(folder, files)
    if not download:
        raise not_found("MNIST", "train-images-idx3-ubyte.gz and its companions", looked_in, "mnist_sample")
    folder = _download(looked_in[0].folder)
    return _load(folder, _files_in(folder))


def _download(above: Path) -> Path:
    from ..download.fetch import fetched
    with explain_disk_errors(above), ExitStack() as stack:
        # All four before the folder gets its name: a part of the files is never taken for the whole.
        files = {}
        for stem, md5 in MD5.items():
            name = _spellings(stem)[1]
            files[name] = stack.enter_context(fetched([url + name for url in MIRRORS], above, name, md5))
        with new_folder(above / "mnist") as temporary:
            for name, file in files.items():
                os.replace(file, temporary / name)
    return above / "mnist"


def _spellings(stem: str) -> list[str]:
    kind = "idx3-ubyte" if stem.endswith("images") else "idx1-ubyte"
    return [f"{stem}{mark}{kind}{suffix}" for mark in "-." for suffix in ("", ".gz")]


def _files_in(folder: Path) -> dict[str, Path]:
    """Those of the four files that are there, in any spelling."""
    found = {}
    for stem in MD5:
        present = [folder / name for name in _spellings(stem) if os.path.isfile(folder / name)]
        if present:
            found[stem] = present[0]
    return found


def _load(folder: Path, files: dict[str, Path]) -> Dataset:
    missing = [_spellings(stem)[1] for stem in MD5 if stem not in files]
    if missing:
        raise wrong(folder, "the four files of MNIST", f"none of {', '.join(missing)}",
                    "Put the missing files there; or move the others away, and all four are downloaded again")
    train, test = (_read_split(files[f"{half}-images"], files[f"{half}-labels"])
                   for half in ("train", "t10k"))
    name = f"MNIST, {len(train.labels):,} training and {len(test.labels):,} test images"
    return Dataset(train, test, CLASSES, name, str(folder))


def _read_split(images_path: Path, labels_path: Path) -> Split:
    images, labels = read_idx(images_path, (28, 28)), read_idx(labels_path, ())
    if len(images) != len(labels):
        raise wrong(labels_path, f"{len(images):,} labels, one per image of {images_path.name}",
                    f"{len(labels):,}")
    labels = labels.astype(np.int64)
    check_labels(labels_path, labels, len(CLASSES))
    return Split(images[..., None], labels)  # (N, 28, 28, 1)


def read_idx(path: Path, item: tuple[int, ...]) -> np.ndarray:
    """The array (N, *item) uint8 of an IDX file, plain or gzipped. DataError if it is anything else."""
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"  # by content: some programs unzip a file and leave the name
        file.seek(0)
        most = os.fstat(file.fileno()).st_size * (DEFLATE if zipped else 1)
        try:
            return _read_idx(path, gzip.GzipFile(fileobj=file) if zipped else file, item, most)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise wrong(path, "a whole gzip file", f"the error {error!r}") from error


def _read_idx(path: Path, file, item: tuple[int, ...], most: int) -> np.ndarray:
    magic, length = bytes([0, 0, 8, 1 + len(item)]), 4 * (2 + len(item))
    head = file.read(length)
    if head[:4] != magic:
        raise wrong(path, f"the magic number {magic.hex(' ')}", head[:4].hex(" ") or "an empty file")
    if len(head) < length:
        raise wrong(path, f"a header of {length} bytes", f"{len(head)} bytes")
    count, *sizes = struct.unpack(f">{1 + len(item)}I", head[4:])
    if tuple(sizes) != item or count == 0:
        raise wrong(path, f"sizes N x {' x '.join(map(str, item))}, N > 0" if item else "a size N > 0",
                    " x ".join(map(str, [count, *sizes])))
    expected = count * math.prod(item)
    believable = length + expected <= most  # else do not even ask for the memory
    # One byte more than promised is enough to know that there is more, whatever a gzip file would swell to.
    values = file.read(expected + 1) if believable else b""
    if len(values) != expected:
        count_of = f"{len(values):,}" if believable else f"at most {most - length:,}"
        got = "more" if len(values) > expected else count_of
        raise wrong(path, f"{expected:,} bytes after the header, which promises {count:,} items", got)
    return np.frombuffer(bytearray(values), np.uint8).reshape(count, *item)  # bytearray: writable
