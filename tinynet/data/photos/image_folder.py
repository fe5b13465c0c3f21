"""Photographs in folders, one folder for each class:

    root/n01440764/n01440764_10026.JPEG
    root/n01440764/more/whatever.png       how deep, does not matter
    root/n02102040/...

The order is that of the names, the same on every machine: sorted classes, and sorted paths within each.
"""
from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from ...files.reading import wrong
from .photograph import read

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm",
            ".pnm")


class ImageFolder:
    """The images below `root`: `folder[i]` is (image (H, W, 3) uint8, label), read when asked for.

    root     the folder, a Path
    classes  the names of the folders in it, sorted; or those given, the training set's
    paths    the images, as names below `root` with "/" between them
    labels   (N,) int64: labels[i] is the index in `classes` of the folder that paths[i] is in
    others   how many files of other kinds were left out, {".txt": 2}: what their names end in is none of SUFFIXES

    Hidden files and folders are left out too. Links to files are followed, links to folders only as classes.

    Raises DataError if `root` is no folder, or has a class without images, a class that is not in the given `classes`,
    or fewer than two classes; and `folder[i]`, if the file is not an image. OSError if a folder may not be read.
    """

    def __init__(self, root: str | PathLike, classes: Sequence[str] | None = None) -> None:
        self.root = Path(os.path.expanduser(root))
        found = class_folders(self.root)
        self.classes = tuple(found if classes is None else classes)
        self._check_classes(found)
        self.others: Counter[str] = Counter()
        images = {name: sorted(self._images_below(self.root / name)) for name in found}
        empty = [name for name in found if not images[name]]
        if empty:
            raise wrong(self.root, "images in the folder of every class", f"none in {', '.join(empty)}",
                        f"Put images ({' '.join(SUFFIXES)}) there, or delete these folders")
        self.paths = [f"{name}/{path}" for name in found for path in images[name]]
        number = {name: i for i, name in enumerate(self.classes)}
        numbers = np.array([number[name] for name in found], np.int64)
        self.labels = numbers.repeat([len(images[name]) for name in found])          # (N,)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> tuple[np.ndarray, int]:
        return read(self.root / self.paths[i]), int(self.labels[i])

    def _images_below(self, top: Path) -> Iterator[str]:
        for folder, inner, files in os.walk(top, onerror=_fail):
            inner[:] = [name for name in inner if not name.startswith(".")]
            below = Path(folder).relative_to(top)
            for name in files:
                if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                    yield (below / name).as_posix()
                elif not name.startswith("."):
                    self.others[os.path.splitext(name)[1].lower()] += 1

    def _check_classes(self, found: list[str]) -> None:
        unknown = sorted(set(found) - set(self.classes))
        if unknown:
            raise wrong(self.root, f"folders of the {len(self.classes)} classes of the training set",
                        f"also {', '.join(unknown)}", "Give the training set these classes too, or delete the folders")
        if len(self.classes) < 2:
            raise wrong(self.root, "at least two classes, a folder for each", f"only {', '.join(self.classes)}",
                        "Name the folder that holds the folders of the classes")


def class_folders(root: Path) -> list[str]:
    """The names of the folders in `root`, sorted. Raises DataError if there are none."""
    layout, advice = "a folder with one folder of images for each class", "Name the folder that holds them"
    if not root.is_dir():
        raise wrong(root, layout, "a file" if root.exists() else "nothing of this name", advice)
    entries = [path for path in root.iterdir() if not path.name.startswith(".")]
    folders = sorted(path.name for path in entries if path.is_dir())
    if not folders:
        raise wrong(root, layout, f"{len(entries):,} files and no folder", advice)
    return folders


def _fail(error: OSError) -> None:
    raise error  # os.walk would leave out a folder that may not be read
