"""CIFAR-100: 60,000 colour images of 32 x 32 (Krizhevsky, 2009), from its publisher's files. Each has two labels: one
of a hundred classes (fine), and one of twenty superclasses of five classes each (coarse).

The binary layout, a folder cifar-100-binary (the python layout, cifar-100-python: see cifar10_pickle.py):
    train.bin, test.bin        50,000 and 10,000 records, and nothing else
    a record, 3074 bytes       coarse (1)  fine (1)   red (1024)    green (1024)    blue (1024)
                               0 to 19     0 to 99    each plane 32 x 32, row by row
    fine_label_names.txt, coarse_label_names.txt       the names of the classes, a line each
"""
from __future__ import annotations

import os
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...files.reading import read_text, wrong
from ..dataset import Dataset, Split, check_labels
from ..download.fetch import Wanted
from ..download.folders import clean_up, not_found, search_folders
from . import cifar10_pickle
from .cifar10 import channels_last, downloaded, found_in, places, read_records, repeated

URLS = ["https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"]
ARCHIVE = Wanted("cifar-100-binary.tar.gz", 168_513_733, "03b5dce01913d631647c71ecec9e9cb8",
                 "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec")
CLASSES = {"fine": 100, "coarse": 20}
RECORD = 2 + 3 * 32 * 32


class _Layout(NamedTuple):
    folder: str
    places: tuple[str, ...]  # where it is looked for in a folder
    files: tuple[str, ...]   # all that is needed


BINARY = _Layout("cifar-100-binary", places("cifar-100-binary"),
                 ("train.bin", "test.bin", "fine_label_names.txt", "coarse_label_names.txt"))
PYTHON = _Layout("cifar-100-python", places("cifar-100-python", "cifar-100-python-target"),  # the last is Keras's
                 ("train", "test", "meta"))


def cifar100(root: str | PathLike | None = None, download: bool = True, labels: str = "fine") -> Dataset:
    """CIFAR-100: train.images (50000, 32, 32, 3) uint8, test.images (10000, 32, 32, 3); 185 MB in memory.

    `labels`: "fine", the hundred classes, or "coarse", the twenty superclasses; the images are the same.
    The files are looked for where `cifar10` looks for its own, as cifar-100-binary or cifar-100-python, and downloaded
    (about 169 MB) if there are none.

    Raises ValueError for other `labels`, and what `cifar10` raises.
    """
    if labels not in CLASSES:
        raise ValueError(f"cifar100 labels: expected one of {', '.join(CLASSES)}, got {labels!r}")
    looked_in = search_folders(root)
    if found := found_in(looked_in, (BINARY, PYTHON)):
        if found[0].name == BINARY.folder:
            clean_up(found[0].parent, BINARY.files, f"{ARCHIVE.name}.part", ARCHIVE.size)
        return _load(*found, labels)
    if not download:
        raise not_found("CIFAR-100", f"{BINARY.folder} or {PYTHON.folder}", looked_in, "cifar10_sample")
    return _load(*downloaded(looked_in, (BINARY, PYTHON), URLS, ARCHIVE, BINARY.files, "CIFAR-100"), labels)


def _load(folder: Path, layout: _Layout, labels: str) -> Dataset:
    missing = [name for name in layout.files if not os.path.lexists(folder / name)]
    if missing:
        raise wrong(folder, f"the files {', '.join(layout.files)}", f"no {' and no '.join(missing)}",
                    f"Put the right files there; or delete {folder}, and they are downloaded again")
    classes = _names(folder, layout, labels)
    parts = {name.removesuffix(".bin"): _read(folder / name, layout, labels) for name in layout.files[:2]}
    train, test = parts["train"], parts["test"]
    name = (f"CIFAR-100 ({labels} labels), {len(train.labels):,} training and {len(test.labels):,} test images"
            f"{repeated(parts)}")
    return Dataset(train, test, classes, name, f"{folder.name} in {folder.parent}")


def _names(folder: Path, layout: _Layout, labels: str) -> tuple[str, ...]:
    """The names of the classes; of more than there can be, the first ones are read."""
    if layout is BINARY:
        path = folder / f"{labels}_label_names.txt"
        names = read_text(path).split(maxsplit=CLASSES[labels])
    else:
        path = folder / "meta"
        names = cifar10_pickle.read_names(path, f"{labels}_label_names")
    if len(names) != CLASSES[labels]:
        raise wrong(path, f"the names of {CLASSES[labels]} {labels} classes",
                    f"{len(names)}" + (" or more" if len(names) > CLASSES[labels] else ""))
    return tuple(names)


def _read(path: Path, layout: _Layout, labels: str) -> Split:
    if layout is BINARY:
        records = read_records(path, RECORD, "two labels")
        rows, found = records[:, 2:], records[:, 1 if labels == "fine" else 0].astype(np.int64)
    else:
        rows, found = cifar10_pickle.read_batch(path, f"{labels}_labels")
    check_labels(path, found, CLASSES[labels])
    return Split(channels_last(rows), found)                                        # (n, 32, 32, 3)
