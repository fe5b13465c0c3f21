"""CIFAR-10: 60,000 colour images of 32 x 32, ten classes (Krizhevsky, 2009), from its publisher's files.

The binary layout, a folder cifar-10-batches-bin (for the python layout see cifar10_pickle.py):
    data_batch_1.bin ... data_batch_5.bin, test_batch.bin   10,000 records each, and nothing else
    a record, 3073 bytes       label (1)    red (1024)    green (1024)    blue (1024)
                               0 to 9       each plane 32 x 32, row by row
    batches.meta.txt           the names of the classes, a line each

Planes become the last axis here: images are (N, 32, 32, 3). How many images there are, is what the files hold, and what
`Dataset.source` says. Nothing tells a file of one batch from that of another: it also says which two are the same.
"""
from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...files.reading import opened, read_text, wrong
from ..dataset import Dataset, Split, check_labels
from ..download.fetch import Wanted, downloading, fetched
from ..download.folders import Candidate, clean_up, expect_free, new_folder, not_found, search_folders
from . import cifar10_pickle

URLS = ["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"]
ARCHIVE = Wanted("cifar-10-binary.tar.gz", 170_052_171, "c32a1d4ab5d03f1284b67883e8d87530",
                 "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd")
MOST_RECORDS = 100_000  # in a file: ten times as many as an official one has
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RECORD = 1 + 3 * 32 * 32
TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST = "test_batch"
BATCHES = [*(f"{stem}.bin" for stem in (*TRAIN, TEST)), "batches.meta.txt"]  # what is unpacked


def cifar10(root: str | PathLike | None = None, download: bool = True) -> Dataset:
    """CIFAR-10: train.images (50000, 32, 32, 3) uint8, test.images (10000, 32, 32, 3); 185 MB in memory.

    The files are looked for in `root` (the folder that holds cifar-10-batches-bin, or that folder itself), then in the
    folder that the environment variable TINYNET_DATA names, then in the cache, and in each one folder deeper if that is
    called as unpacking programs and Keras 3 call it; both layouts are read, the binary one by preference. A folder of
    another name counts only with all of the files. Where there are none, they are downloaded (about 170 MB) into the
    first of these.

    Raises FileNotFoundError if there are none and `download` is False; DataError (a ValueError) if a file is not as it
    should be, or has more than MOST_RECORDS images; OSError if the download or the disk fails, or if something
    else is where they are downloaded to.
    """
    looked_in = search_folders(root)
    if found := found_in(looked_in, (BINARY, PYTHON)):
        if found[0].name == BINARY.folder:
            clean_up(found[0].parent, BATCHES, f"{ARCHIVE.name}.part", ARCHIVE.size)
        return _load(*found)
    if not download:
        raise not_found("CIFAR-10", f"{BINARY.folder} or {PYTHON.folder}", looked_in, "cifar10_sample")
    return _load(*downloaded(looked_in, (BINARY, PYTHON), URLS, ARCHIVE, BATCHES, "CIFAR-10"))


def has_cifar10(folder: str | PathLike) -> bool:
    """Whether `cifar10(folder)` would read what is there, rather than look elsewhere. Raises what `search_folders`
    raises."""
    return found_in(search_folders(folder)[:1], (BINARY, PYTHON)) is not None


def found_in(looked_in: list[Candidate], layouts: Sequence[Any]) -> tuple[Path, Any] | None:
    """The first folder with data in one of the layouts, and this layout, which says its `folder`, `places`, `files`."""
    for folder, _ in looked_in:
        for layout in layouts:
            for place in layout.places:
                if holds(folder / place, layout.folder, layout.files):
                    return folder / place, layout
    return None


def downloaded(looked_in: list[Candidate], layouts: Sequence[Any], urls: Sequence[str], archive: Wanted,
               names: Sequence[str], what: str) -> tuple[Path, Any]:
    """The same when the data `what` are there: the files `names` of the archive, which has the first of the layouts."""
    from ..download.archive import unpack
    folder, layout = looked_in[0].folder, layouts[0]
    with downloading(folder, names):
        if found := found_in(looked_in, layouts):  # another process was at it
            return found
        expect_free(folder / layout.folder, what)
        with fetched(urls, folder, archive) as packed, new_folder(folder / layout.folder) as temporary:
            unpack(packed, temporary, names)
    return folder / layout.folder, layout


def read_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The rows (n, 3072) uint8 and labels (n,) int64 of one file of the binary layout."""
    records = read_records(path, RECORD, "a label")
    return records[:, 1:], records[:, 0].astype(np.int64)


def read_records(path: Path, length: int, labels: str) -> np.ndarray:
    """The records (n, length) uint8 of a file that holds nothing else: each `labels`, in words, and an image."""
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0 or size % length:
            raise wrong(path, f"records of {length} bytes ({labels} and 3 x 32 x 32 values), at least one",
                        f"{size:,} bytes: {size // length:,} records and {size % length:,} bytes more")
        if size > MOST_RECORDS * length:
            raise wrong(path, f"at most {MOST_RECORDS:,} records of {length} bytes", f"{size // length:,}",
                        f"If it is right, set {__name__}.MOST_RECORDS higher")
        records = np.fromfile(file, np.uint8, size)
    if len(records) < size:
        raise wrong(path, f"{size:,} bytes", f"{len(records):,}: it became shorter while it was read")
    return records.reshape(-1, length)


def read_names(path: Path) -> list[str]:
    """The names of the classes, from batches.meta.txt; of more than there can be, the first ones."""
    return read_text(path).split(maxsplit=len(CLASSES))


class _Layout(NamedTuple):
    folder: str
    places: tuple[str, ...]  # where it is looked for in a folder
    suffix: str
    meta: str
    batch: Callable[[Path], tuple[np.ndarray, np.ndarray]]
    names: Callable[[Path], list[str]]

    @property
    def files(self) -> list[str]:
        return [stem + self.suffix for stem in (*TRAIN, TEST)]


def places(folder: str, *above: str) -> tuple[str, ...]:
    """The folder, the files alone, and one folder deeper: unpacking programs make one called after the archive."""
    return (folder, "", *(f"{name}/{folder}" for name in (folder, *above)))


def holds(folder: Path, called: str, files: Iterable[str]) -> bool:
    """Whether the data are in `folder`: in one that is `called` as theirs is, some of the `files` say so; in any other,
    only all of them, since a file called meta or train.bin may be anybody's."""
    paths = [folder / name for name in files]
    if folder.name == called:
        return any(os.path.lexists(path) for path in paths)
    return all(os.path.exists(path) and not os.path.isdir(path) for path in paths)


BINARY = _Layout("cifar-10-batches-bin", places("cifar-10-batches-bin", "cifar-10-binary"), ".bin",
                 "batches.meta.txt", read_batch, read_names)
PYTHON = _Layout("cifar-10-batches-py",
                 places("cifar-10-batches-py", "cifar-10-python", "cifar-10-batches-py-target"),  # the last is Keras's
                 "", "batches.meta", cifar10_pickle.read_batch, cifar10_pickle.read_names)


def _batches_in(folder: Path, layout: _Layout) -> set[str]:
    """The names of the files in `folder` that are, or look like, batches."""
    return {path.name for pattern in ("data_batch_?", TEST) for path in folder.glob(pattern + layout.suffix)}


def _load(folder: Path, layout: _Layout) -> Dataset:
    _check_complete(folder, layout)
    meta = folder / layout.meta
    names = layout.names(meta) if os.path.lexists(meta) else CLASSES
    if len(names) != len(CLASSES):
        raise wrong(meta, f"the names of {len(CLASSES)} classes",
                    f"{len(names)}" + (" or more" if len(names) > len(CLASSES) else ""))
    parts = {stem: _read(folder / (stem + layout.suffix), layout) for stem in (*TRAIN, TEST)}
    train = Split(*(np.concatenate(arrays) for arrays in zip(*(parts[stem] for stem in TRAIN), strict=True)))
    test = parts[TEST]
    name = f"CIFAR-10, {len(train.labels):,} training and {len(test.labels):,} test images{repeated(parts)}"
    return Dataset(train, test, tuple(names), name, f"{folder.name} in {folder.parent}")


def repeated(parts: dict[str, Split]) -> str:
    """Which two files are the same, as after a copy under a wrong name; nothing if none are."""
    for (one, a), (other, b) in itertools.combinations(parts.items(), 2):
        if np.array_equal(a.labels, b.labels) and np.array_equal(a.images, b.images):
            return f" ({one} and {other} hold the same images)"
    return ""


def _check_complete(folder: Path, layout: _Layout) -> None:
    expected, found = set(layout.files), _batches_in(folder, layout)
    missing, more = (", ".join(sorted(names)) for names in (expected - found, found - expected))
    if missing or more:
        raise wrong(folder, "five training batches and one test batch",
                    " and ".join(filter(None, [missing and f"none of {missing}", more and f"also {more}"])),
                    f"Put the right files there; or delete {folder}, and they are downloaded again"
                    if folder.name == layout.folder else "Move the files away that are too many")


def _read(path: Path, layout: _Layout) -> Split:
    rows, labels = layout.batch(path)
    check_labels(path, labels, len(CLASSES))
    return Split(channels_last(rows), labels)


def channels_last(rows: np.ndarray) -> np.ndarray:
    """Rows (n, 3072) of three planes each → images (n, 32, 32, 3)."""
    return np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
