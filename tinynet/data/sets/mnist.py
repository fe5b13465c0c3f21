"""MNIST: 70,000 grey images of handwritten digits, 28 x 28, by LeCun, Cortes and Burges, in four IDX files.

An IDX file; numbers are big-endian, 4 bytes each:
    magic     00 00, then 08 (the values are unsigned bytes), then the number of dimensions
    sizes     one number per dimension
    values    one byte each, the last dimension fastest
    train-images-idx3-ubyte, t10k-images-idx3-ubyte    magic 00 00 08 03; sizes N, 28, 28
    train-labels-idx1-ubyte, t10k-labels-idx1-ubyte    magic 00 00 08 01; size N; values 0 to 9

As published, each file is compressed with gzip; with or without, both are read here. How many images there are, is what
the header says, and what `Dataset.source` says. Images become (N, 28, 28, 1).

Other sets (Fashion-MNIST, KMNIST) come in files of the same names and form: nothing in them says which set it is.
"""
from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ...files.reading import opened, wrong
from ..dataset import Dataset, Split, check_labels
from ..download.fetch import Wanted, downloading, fetch
from ..download.folders import Candidate, clean_up, expect_free, new_folder, not_found, search_folders

MIRRORS = ["https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"]
FILES = {wanted.name.partition("-idx")[0]: wanted for wanted in (
    Wanted("train-images-idx3-ubyte.gz", 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873",
           "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    Wanted("train-labels-idx1-ubyte.gz", 28_881, "d53e105ee54ea40749a09fcbcd1e9432",
           "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    Wanted("t10k-images-idx3-ubyte.gz", 1_648_877, "9fb629c4189551a2d022fa330f9573f3",
           "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    Wanted("t10k-labels-idx1-ubyte.gz", 4_542, "ec29112dd5afa0611ce80d1b7f02629c",
           "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"))}
FOLDERS = ("", "mnist", "MNIST/raw")
CLASSES = tuple("0123456789")
DEFLATE = 1032          # bytes that one byte of a gzip file can stand for, at most
MOST_ITEMS = 1_000_000  # in a file: MNIST has 60,000, the largest set of this form, EMNIST, 697,932
PIECE = 2 ** 20


def mnist(root: str | PathLike | None = None, download: bool = True) -> Dataset:
    """MNIST: train.images (60000, 28, 28, 1) uint8, test.images (10000, 28, 28, 1); 55 MB in memory.

    The files are looked for in `root`, root/mnist and root/MNIST/raw, then in the folder that the environment variable
    TINYNET_DATA names, then in the cache; each may lie in a folder of its own name, as 7-Zip unpacks it. Where there
    are none, they are downloaded (12 MB) into the first of these.

    Raises FileNotFoundError if there are none and `download` is False; DataError (a ValueError) if a file is not as it
    should be, or has more than MOST_ITEMS images; OSError if the download or the disk fails, or if something
    else is where they are downloaded to.
    """
    looked_in = search_folders(root)
    if found := _found(looked_in):
        clean_up(found[0].parent, [wanted.name for wanted in FILES.values()])
        return _load(*found)
    if not download:
        raise not_found("MNIST", "train-images-idx3-ubyte.gz and its companions", looked_in, "mnist_sample")
    return _load(*_download(looked_in))


def _found(looked_in: list[Candidate]) -> tuple[Path, dict[str, Path]] | None:
    for above, _ in looked_in:
        found = [(above / name, _files_in(above / name)) for name in FOLDERS]
        folder, files = max(found, key=lambda each: len(each[1]))  # the first of those that hold the most
        if files:
            return folder, files
    return None


def _download(looked_in: list[Candidate]) -> tuple[Path, dict[str, Path]]:
    folder = looked_in[0].folder
    with downloading(folder, [wanted.name for wanted in FILES.values()]):
        if found := _found(looked_in):  # another process was at it
            return found
        expect_free(folder / "mnist", "MNIST")
        # All four before the folder gets its name: a part of the files is never taken for the whole.
        files = {wanted.name: fetch([url + wanted.name for url in MIRRORS], folder, wanted)
                 for wanted in FILES.values()}
        with new_folder(folder / "mnist") as temporary:
            for name, file in files.items():
                os.replace(file, temporary / name)
    return folder / "mnist", _files_in(folder / "mnist")


def _spellings(stem: str) -> list[str]:
    kind = "idx3-ubyte" if stem.endswith("images") else "idx1-ubyte"
    return [f"{stem}{mark}{kind}{suffix}" for mark in "-." for suffix in ("", ".gz")]


def _places(folder: Path, stem: str) -> Iterator[Path]:
    names = _spellings(stem)
    yield from (folder / name for name in names)
    yield from (folder / above / name for above in names for name in names)


def _files_in(folder: Path) -> dict[str, Path]:
    """Those of the four files that are there, in any spelling."""
    found = {}
    for stem in FILES:
        for path in _places(folder, stem):
            if os.path.exists(path) and not os.path.isdir(path):
                found.setdefault(stem, path)
    return found


def _load(folder: Path, files: dict[str, Path]) -> Dataset:
    missing = [_spellings(stem)[1] for stem in FILES if stem not in files]
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
    with opened(path) as file:
        zipped = file.read(2) == b"\x1f\x8b"  # by content: some programs unzip a file and leave the name
        file.seek(0)
        most = os.fstat(file.fileno()).st_size * (DEFLATE if zipped else 1)
        try:
            return _read_idx(path, gzip.GzipFile(fileobj=file) if zipped else file, item, most)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise wrong(path, "a whole gzip file", f"the error {error!r}") from error


def _read_idx(path: Path, file: BinaryIO, item: tuple[int, ...], most: int) -> np.ndarray:
    """`most` is what the file can hold: a promise of more is not believed."""
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
    promised = f"{count * math.prod(item):,} bytes after the header, which promises {count:,} items"
    if length + count * math.prod(item) > most:
        raise wrong(path, promised, f"at most {most - length:,}")
    if count > MOST_ITEMS:
        raise wrong(path, f"at most {MOST_ITEMS:,} items", f"{count:,}",
                    f"If it is right, set {__name__}.MOST_ITEMS higher")
    values = np.empty((count, *item), np.uint8)
    got = _fill(file, memoryview(values.reshape(-1)))
    if got < values.size or file.read(1):  # whatever a gzip file would swell to
        raise wrong(path, promised, f"{got:,}" if got < values.size else "more")
    return values


def _fill(file: BinaryIO, values: memoryview) -> int:
    """Read as many bytes as there are, at most as many as fit; in pieces, since a gzip file makes a copy of each."""
    got = 0
    while piece := file.read(min(PIECE, len(values) - got)):
        values[got:got + len(piece)] = piece
        got += len(piece)
    return got
