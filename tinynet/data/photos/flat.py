"""Photographs all in one folder, whose classes stand in a file, as ILSVRC publishes its validation and test images:

    root/val/ILSVRC2012_val_00000001.JPEG, ...       image i is the i-th by name
    root/ILSVRC2012_validation_ground_truth.txt      line i: the number of its class, from 1 on
    root/map_clsloc.txt                              "n02119789 1 kit_fox": the name that class 1 has as a folder

The two texts may also lie in root/<development kit>/data/. For root/test the first is called *_test_ground_truth.txt.
The numbers do not follow the order of the folders' names, so synset_words.txt is no such list. The kit of 2012 has the
list in meta.mat only, which is not read here; later kits have it as map_clsloc.txt.
"""
from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...files.reading import read_text, wrong
from .image_folder import SUFFIXES
from .photograph import read

TRUTH = {"val": "*validation_ground_truth.txt", "test": "*test_ground_truth.txt"}
MAPPING = "map_clsloc.txt"


class FlatFolder:
    """The images directly in `root`/`half`, with the classes that the files in `root` say: as an ImageFolder otherwise.

    Raises DataError if a file is missing or not as above, if there are not as many lines as images, and for a class
    that is not in `classes`.
    """

    def __init__(self, root: Path, half: str, classes: Sequence[str]) -> None:
        self.root, self.classes, self.others = root / half, tuple(classes), Counter()
        names = sorted(name for name in os.listdir(self.root) if not name.startswith("."))
        self.paths = [name for name in names if name.lower().endswith(SUFFIXES)]
        self.others.update(os.path.splitext(name)[1].lower() for name in names if not name.lower().endswith(SUFFIXES))
        truth = _the_one(root, TRUTH[half], f"the classes of the photographs in {self.root}, which has no folders")
        self.labels = _labels(truth, numbers(root), self.classes)                    # (N,)
        if len(self.labels) != len(self.paths):
            raise wrong(truth, f"{len(self.paths):,} lines, one for each image in {self.root}",
                        f"{len(self.labels):,}", "Put all the images there, or the file that belongs to these")

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> tuple[np.ndarray, int]:
        return read(self.root / self.paths[i]), int(self.labels[i])


def is_flat(folder: Path) -> bool:
    """Whether there are images and no folder in it, but hidden ones."""
    with os.scandir(folder) as entries:
        seen = [entry for entry in entries if not entry.name.startswith(".")]
        return not any(entry.is_dir() for entry in seen) and any(e.name.lower().endswith(SUFFIXES) for e in seen)


def numbers(root: Path) -> dict[int, str]:
    """{number of a class: its name as a folder}, from map_clsloc.txt in `root` or in a kit there."""
    path = _the_one(root, MAPPING, "lines like 'n02119789 1 kit_fox', the numbers of the classes")
    found, seen = {}, set()
    for line in read_text(path).splitlines():
        folder, _, rest = line.partition(" ")
        number = rest.partition(" ")[0]
        if line.strip():
            if not _is_number(number) or int(number) in found or folder in seen:
                raise wrong(path, "lines like 'n02119789 1 kit_fox', each class and each number once", repr(line))
            found[int(number)] = folder
            seen.add(folder)
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _labels(path: Path, folder_of: dict[int, str], classes: Sequence[str]) -> np.ndarray:
    index, labels = {name: i for i, name in enumerate(classes)}, []
    for i, line in enumerate(read_text(path).split(), 1):
        folder = folder_of.get(int(line)) if _is_number(line) else None
        if folder is None:
            raise wrong(path, f"the number of a class on each line, one of the {len(folder_of):,} in {MAPPING}",
                        f"{line!r} for image {i:,}")
        if folder not in index:
            raise wrong(path, f"the {len(classes):,} classes of the training set", f"also {folder}, number {line}",
                        "Give the training set all classes, or sort the images into the folders of those it has")
        labels.append(index[folder])
    return np.array(labels, np.int64)


def _the_one(root: Path, pattern: str, what: str) -> Path:
    """The only file of this name in `root` or in a kit there."""
    found = sorted([*root.glob(pattern), *root.glob(f"*devkit*/data/{pattern}")])
    if len(found) != 1:
        raise wrong(root, f"one file {pattern} in it, or in a development kit's folder data: {what}",
                    ", ".join(map(str, found)) or "none", "Put it there, as ILSVRC's development kits have it")
    return found[0]
