"""ImageNet, or any collection of photographs laid out like it:

    root/train/n01440764/*.JPEG      a folder for each class
    root/val/n01440764/*.JPEG        the same classes, or some of them
    root/test/n01440764/*.JPEG       likewise, if there is a third part

val/ and test/ may hold the photographs themselves instead, without folders: see flat.py.
If root holds LOC_synset_mapping.txt or synset_words.txt, with lines like "n01440764 tench, Tinca tinca", the classes
get readable names.
"""
from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from ...files.reading import read_text, wrong
from ..dataset import Dataset, Split
from ..download.folders import search_folders
from ..subset import divide
from .flat import FlatFolder, is_flat, numbers
from .image_folder import ImageFolder, class_folders
from .preparing import prepared_squares

MAPPINGS = ("LOC_synset_mapping.txt", "synset_words.txt")


def imagenet(root: str | PathLike, size: int = 256, cache: str | PathLike | None = None,
             skip_unreadable: bool = False, train: bool = True, test: str = "val") -> Dataset:
    """The photographs in root/train and root/val as squares: train.images (N, size, size, 3) uint8, decoded when asked
    for. With test="test" those in root/test, which nothing was chosen by, are the `test` of the data set; with
    train=False its `train` is empty, and root/train, if it is there, is only asked for its classes.

    The first call prepares them all (`photograph.prepare`) and keeps the squares in the folder `cache`; by default
    root/.tinynet-<size>, or, if nothing may be written to root, a folder in the user's cache. Later calls find them
    there; if photographs have changed since, they are prepared again. `skip_unreadable` is for files that turn out
    not to be images: leave them out, rather than raise.

    Raises ValueError for another `test`, DataError if the folders or files are not as they should be; OSError from the
    disk.
    """
    root = Path(os.path.expanduser(root))
    folders = _folders(root, train, test)
    found = [ImageFolder(root / "train")] if train else []
    found.append(FlatFolder(root, test, folders) if is_flat(root / test) else ImageFolder(root / test, folders))
    cache = cache or _cache(root, size)
    splits = [prepared_squares(half, cache, size, skip_unreadable) for half in found]
    skipped = sum(len(split.images.skipped) for split in splits)
    if not train:
        splits.insert(0, Split(np.empty((0, size, size, 3), np.uint8), np.empty(0, np.int64)))
    counts = [f"{len(splits[0].labels):,} training and "] * train + [f"{len(splits[1].labels):,} test images"]
    name = (f"{root.resolve().name}, {''.join(counts)} of {size}x{size}"
            + (" from test/" if test == "test" else "") + _without(skipped))
    return Dataset(*splits, _names(root, folders), name, str(root))


def imagenet_classes(root: str | PathLike, test: str = "val") -> tuple[str, ...]:
    """The names of the classes that imagenet(root, train=False, test=test) would have; no photograph is looked at."""
    root = Path(os.path.expanduser(root))
    return _names(root, _folders(root, False, test))


def imagenet_halves(root: str | PathLike, seed: int = 0, size: int = 256, cache: str | PathLike | None = None,
                    skip_unreadable: bool = False) -> Dataset:
    """The photographs in root/<class>/, a random half of each class for training and the other for testing: what
    AlexNet's section 6 does with ImageNet of Fall 2009, which has no test set. The same seed gives the same halves.

    Raises DataError and OSError as `imagenet` does.
    """
    root = Path(os.path.expanduser(root))
    whole = prepared_squares(ImageFolder(root), cache or _cache(root, size), size, skip_unreadable)
    train, test = divide(whole, (0.5, 0.5), np.random.default_rng(seed))
    name = (f"{root.resolve().name}, halves of seed {seed}: {len(train.labels):,} training and {len(test.labels):,} "
            f"test images of {size}x{size}{_without(len(whole.images.skipped))}")
    return Dataset(train, test, _names(root, whole.images.classes), name, str(root))


def _without(skipped: int) -> str:
    return f", without {skipped:,} unreadable files" if skipped else ""


def _folders(root: Path, train: bool, test: str) -> tuple[str, ...]:
    """The names of the classes as folders; DataError if root/train, where it is needed, or root/test is missing."""
    if test not in ("val", "test"):
        raise ValueError(f"imagenet test: expected 'val' or 'test', a folder in {root}, got {test!r}")
    needed = ["train"] * train + [test]
    missing = [half for half in needed if not (root / half).is_dir()]
    if missing:
        raise wrong(root, f"folders of photographs {' and '.join(f'{half}/<class>/' for half in needed)}",
                    f"no {' and no '.join(missing)}",
                    f"Name the folder that holds {'the two' if train else 'it'}{_elsewhere(root)}")
    if (root / "train").is_dir():
        return tuple(class_folders(root / "train"))
    return tuple(sorted(numbers(root).values()) if is_flat(root / test) else class_folders(root / test))


def _elsewhere(root: Path) -> str:
    """Where the two are, if they are a little further down: ", which is ..."."""
    below = [*sorted(root.glob("*/")), root / "ILSVRC" / "Data" / "CLS-LOC"]
    found = [str(path) for path in below if (path / "train").is_dir() and (path / "val").is_dir()]
    return f", which is {' or '.join(found)}" if found else ""


def _cache(root: Path, size: int) -> Path:
    beside = root / f".tinynet-{size}"
    if beside.is_dir() or os.access(root, os.W_OK):
        return beside
    # Two roots may have the same name, but not the same path.
    digits = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:8]
    return search_folders(None)[-1].folder / f"{root.resolve().name}-{digits}-{size}"


def _names(root: Path, classes: Sequence[str]) -> tuple[str, ...]:
    """The first of the words that a mapping has for each class, with the folder's name behind it where two would be
    the same ("crane"); without a mapping the folders' names."""
    words = {}
    for path in (root / name for name in MAPPINGS):
        if path.exists():
            lines = (line.split(maxsplit=1) for line in read_text(path).removeprefix("\ufeff").splitlines())
            words = {line[0]: line[1].partition(",")[0].strip() for line in lines if len(line) == 2}
            break
    names = [words.get(folder) or folder for folder in classes]
    return tuple(f"{name} ({folder})" if names.count(name) > 1 else name
                 for name, folder in zip(names, classes, strict=True))
