"""CIFAR-10: 60,000 colour images of 32 x 32, ten classes (Krizhevsky, 2009), from its publisher's files.

The binary layout, a folder cifar-10-batches-bin (for the python layout see cifar10_pickle.py):
    data_batch_1.bin ... data_batch_5.bin, test_batch.bin   10,000 records each, and nothing else
    a record, 3073 bytes       label (1)    red (1024)    green (1024)    blue (1024)
                               0 to 9       each plane 32 x 32, row by row
    batches.meta.txt           the names of the classes, a line each

Planes become the last axis here: images are (N, 32, 32, 3).
"""
from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..dataset import Dataset, Split, check_labels, wrong
from ..download.folders import explain_disk_errors, new_folder, not_found, search_folders
from . import cifar10_pickle

URLS = ["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"]
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RECORD = 1 + 3 * 32 * 32
TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST = "test_batch"


def cifar10(root: str | PathLike | None = None, download: bool = True) -> Dataset:
    """CIFAR-10: train.images (50000, 32, 32, 3) uint8, test.images (10000, 32, 32, 3); 185 MB in memory.

    The files are looked for in `root` (the folder that holds cifar-10-batches-bin, or that folder itself),
    then in the folder that the environment variable TINYNET_DATA names, then in the cache; both layouts are
    read, the binary one by preference. Where there are none, they are downloaded (about 170 MB) into the
    first of these.

    Raises FileNotFoundError if there are none and `download` is False; DataError (a ValueError) if a file is
    not as it should be; OSError if the download or the disk fails.
    """
    looked_in = search_folders(root)
    for folder, _ in looked_in:
        for candidate, layout in [(folder / BINARY.folder, BINARY), (folder, BINARY),
                                  (folder / PYTHON.folder, PYTHON), (folder, PYTHON)]:
            if _batches_in(candidate, layout):
                return _load(candidate, layout)
    if not download:
        raise not_found("CIFAR-10", f"{BINARY.folder} or {PYTHON.folder}", looked_in, "cifar10_sample")
    return _load(_download(looked_in[0].folder), BINARY)


def _download(folder: Path) -> Path:
    from ..download.archive import unpack
    from ..download.fetch import fetched
    names = [f"{stem}.bin" for stem in (*TRAIN, TEST)] + [BINARY.meta]
    made = folder / BINARY.folder
    with explain_disk_errors(folder), fetched(URLS, folder, "cifar-10-binary.tar.gz", MD5) as archive:
        with new_folder(made) as temporary:
            unpack(archive, temporary, names)
    return made


def read_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The rows (n, 3072) uint8 and labels (n,) int64 of one file of the binary layout."""
    size = path.stat().st_size
    if size == 0 or size % RECORD:
        raise wrong(path, f"records of {RECORD} bytes (a label and 3 x 32 x 32 values), at least one",
                    f"{size:,} bytes: {size // RECORD:,} records and {size % RECORD:,} bytes more")
    records = np.fromfile(path, np.uint8).reshape(-1, RECORD)
    return records[:, 1:], records[:, 0].astype(np.int64)


def read_names(path: Path) -> list[str]:
    """The names of the classes, from batches.meta.txt."""
    return path.read_text(encoding="latin-1").split()


class _Layout(NamedTuple):
    folder: str
    suffix: str
    meta: str
    batch: Callable[[Path], tuple[np.ndarray, np.ndarray]]
    names: Callable[[Path], list[str]]


BINARY = _Layout("cifar-10-batches-bin", ".bin", "batches.meta.txt", read_batch, read_names)
PYTHON = _Layout("cifar-10-batches-py", "", "batches.meta", cifar10_pickle.read_batch,
                 cifar10_pickle.read_names)


def _batches_in(folder: Path, layout: _Layout) -> set[str]:
    """The names of the files in `folder` that are, or look like, batches."""
    return {path.name for pattern in ("data_batch_?", TEST) for path in folder.glob(pattern + layout.suffix)}


def _load(folder: Path, layout: _Layout) -> Dataset:
    _check_complete(folder, layout)
    meta = folder / layout.meta
    names = layout.names(meta) if meta.exists() else CLASSES
    if len(names) != len(CLASSES):
        raise wrong(meta, f"the names of {len(CLASSES)} classes", f"{len(names)}")
    parts = [_read(folder / (stem + layout.suffix), layout) for stem in TRAIN]
    train = Split(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    test = _read(folder / (TEST + layout.suffix), layout)
    name = f"CIFAR-10, {len(train.labels):,} training and {len(test.labels):,} test images"
    return Dataset(train, test, tuple(names), name, f"{folder.name} in {folder.parent}")


def _check_complete(folder: Path, layout: _Layout) -> None:
    expected, found = {stem + layout.suffix for stem in (*TRAIN, TEST)}, _batches_in(folder, layout)
    missing, more = (", ".join(sorted(names)) for names in (expected - found, found - expected))
    if missing or more:
        raise wrong(folder, "five training batches and one test batch",
                    " and ".join(filter(None, [missing and f"none of {missing}", more and f"also {more}"])),
                    f"Put the right files there; or delete {folder}, and they are downloaded again")


def _read(path: Path, layout: _Layout) -> Split:
    rows, labels = layout.batch(path)
    check_labels(path, labels, len(CLASSES))
    planes = rows.reshape(-1, 3, 32, 32)
    return Split(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels)  # (n, 32, 32, 3)
