"""ImageNet, or any collection of photographs laid out like it:

    root/train/n01440764/*.JPEG      a folder for each class
    root/val/n01440764/*.JPEG        the same classes, or some of them

If root holds LOC_synset_mapping.txt or synset_words.txt, with lines like "n01440764 tench, Tinca tinca", the classes
get readable names.
"""
from __future__ import annotations

import hashlib
import os
from os import PathLike
from pathlib import Path

from ...files.reading import read_text
from ..dataset import Dataset, wrong
from ..download.folders import search_folders
from .image_folder import ImageFolder
from .preparing import prepared_squares

MAPPINGS = ("LOC_synset_mapping.txt", "synset_words.txt")


def imagenet(root: str | PathLike, size: int = 256, cache: str | PathLike | None = None,
             skip_unreadable: bool = False) -> Dataset:
    """The photographs in root/train and root/val as squares: train.images (N, size, size, 3) uint8, decoded when asked
    for.

    The first call prepares them all (`photograph.prepare`) and keeps the squares in the folder `cache`; by default
    root/.tinynet-<size>, or, if nothing may be written to root, a folder in the user's cache. Later calls find them
    there; if photographs have changed since, they are prepared again. `skip_unreadable` is for files that turn out
    not to be images: leave them out, rather than raise.

    Raises DataError if the folders or files are not as they should be; OSError from the disk.
    """
    root = Path(os.path.expanduser(root))
    missing = [half for half in ("train", "val") if not (root / half).is_dir()]
    if missing:
        raise wrong(root, "folders of photographs train/<class>/ and val/<class>/", f"no {' and no '.join(missing)}",
                    f"Name the folder that holds the two{_elsewhere(root)}")
    train = ImageFolder(root / "train")
    test = ImageFolder(root / "val", train.classes)
    cache = cache or _cache(root, size)
    train, test = (prepared_squares(half, cache, size, skip_unreadable) for half in (train, test))
    skipped = len(train.images.skipped) + len(test.images.skipped)
    name = (f"{root.resolve().name}, {len(train.labels):,} training and {len(test.labels):,} test images "
            f"of {size}x{size}" + (f", without {skipped:,} unreadable files" if skipped else ""))
    return Dataset(train, test, _names(root, train.images.classes), name, str(root))


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


def _names(root: Path, classes: tuple[str, ...]) -> tuple[str, ...]:
    """The first of the words that a mapping has for each class, with the folder's name behind it where two would be
    the same ("crane"); without a mapping the folders' names."""
    words = {}
    for path in (root / name for name in MAPPINGS):
        if path.exists():
            lines = (line.partition(" ") for line in read_text(path).splitlines())
            words = {folder: synonyms.partition(",")[0].strip() for folder, _, synonyms in lines}
            break
    names = [words.get(folder) or folder for folder in classes]
    return tuple(f"{name} ({folder})" if names.count(name) > 1 else name
                 for name, folder in zip(names, classes, strict=True))
