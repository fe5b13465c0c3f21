"""Photographs prepared once: here the squares are made, with all threads (`prepared.py` has the form they are kept in).

When photographs are added, removed or changed, their fingerprint is another, and with it the name of the folder of
squares: old ones are never taken for new.
"""
from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from os import PathLike
from pathlib import Path

import numpy as np

from ...fast.parallel import get_threads
from ...sizes import as_int
from ..background import in_background
from ..dataset import DataError, Split, wrong
from ..download.folders import explain_disk_errors, new_folder
from ..jpeg import decode, encode
from ..progress import Progress
from ..statistics import Statistics, color_products
from .image_folder import ImageFolder
from .photograph import prepare, read
from .prepared import VERSION, PreparedImages

QUALITY = 95
MOST_NAMED = 20  # unreadable files in an error message


def prepared_squares(photographs: ImageFolder, cache: str | PathLike, size: int = 256,
                     skip_unreadable: bool = False) -> Split:
    """`photographs` as squares of `size`, from the folder `cache`; made there first if they are not there yet.

    Images (N, size, size, 3) uint8, a PreparedImages, and labels (N,) int64, in the order of the photographs. What is
    in `cache` from an earlier state of the same photographs, or of another size, is deleted.

    Raises DataError, after a look at every file, if some cannot be read. With `skip_unreadable` they are left out
    when the squares are made, and listed in their `skipped`; an error all the same if nothing is left of a class.
    """
    size = as_int(size, "prepared_squares size")
    name = f"{photographs.root.resolve().name}-{_fingerprint(photographs, size)}"
    folder = Path(cache).expanduser() / name
    if not folder.is_dir():
        with explain_disk_errors(folder.parent, "cache=..."):
            earlier = _earlier(photographs, folder)
            for path, its_size in earlier.items():
                why = f"size {its_size}, not {size}" if its_size != size else "photographs or classes that have changed"
                print(f"{path}: squares of {why}; they are made again", file=sys.stderr)
            _make(photographs, folder, size, skip_unreadable)
        for path in earlier:
            shutil.rmtree(path, ignore_errors=True)
    images = PreparedImages(folder)
    return Split(images, images.labels)


def _fingerprint(photographs: ImageFolder, size: int) -> str:
    digest = hashlib.sha256(json.dumps([VERSION, size, photographs.classes]).encode())
    root = os.fspath(photographs.root)
    for path in photographs.paths:
        try:
            stat = os.stat(f"{root}/{path}")  # a million times at every start: joining Paths would double the time
            state = stat.st_size, stat.st_mtime_ns
        except OSError:  # a link that leads nowhere; `read` will say so
            state = None
        digest.update(json.dumps([path, state]).encode())
    return digest.hexdigest()[:16]


def _earlier(photographs: ImageFolder, folder: Path) -> dict[Path, int]:
    """The folders beside `folder` made from the same photographs, and the size of their squares."""
    earlier = {}
    for path in folder.parent.glob("[!.]*/header.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):  # not one of ours
            header = json.loads(path.read_text())
            if header["made_from"] == str(photographs.root.resolve()) and path.parent != folder:
                earlier[path.parent] = header["size"]
    return earlier


def _make(photographs: ImageFolder, folder: Path, size: int, skip_unreadable: bool) -> None:
    offset, labels, skipped = [0], [], {}
    total, products = np.zeros((size, size, 3), np.int64), np.zeros((3, 3), np.int64)
    progress = Progress(f"preparing {photographs.root}", len(photographs))
    with new_folder(folder) as temporary:
        with open(temporary / "images.jpegs", "wb") as file, closing(_squares(photographs, size)) as squares:
            for path, label, made in zip(photographs.paths, photographs.labels, squares, strict=True):
                if isinstance(made, Exception):
                    skipped[path] = str(made)
                else:
                    jpeg, square, products_of_it = made
                    offset.append(offset[-1] + file.write(jpeg))
                    labels.append(label)
                    total += square
                    products += products_of_it
                progress.at(len(labels) + len(skipped))
        progress.end()
        _check(photographs, labels, skipped, skip_unreadable)
        np.savez(temporary / "index.npz", offset=np.array(offset, np.int64), label=np.array(labels, np.int64))
        np.savez(temporary / "statistics.npz", **Statistics(len(labels), total, products)._asdict())
        header = {"version": VERSION, "size": size, "classes": photographs.classes, "count": len(labels),
                  "made_from": str(photographs.root.resolve()), "skipped": skipped}
        (temporary / "header.json").write_text(json.dumps(header, indent=1))
    if skipped:
        print(f"left out {len(skipped):,} of {len(photographs):,} files, which cannot be read; "
              f"{folder / 'header.json'} lists them", file=sys.stderr)


def _check(photographs: ImageFolder, labels: list[int], skipped: dict[str, str], skip_unreadable: bool) -> None:
    """Raise DataError if files were unreadable, or if to skip them empties a class."""
    if skipped and not skip_unreadable:
        reasons = [*skipped.values()][:MOST_NAMED]
        if len(skipped) > MOST_NAMED:
            reasons.append(f"and {len(skipped) - MOST_NAMED:,} more")
        listed = "".join(f"\n  {reason}" for reason in reasons)
        raise DataError(f"{photographs.root}: expected images, got {len(skipped):,} files of {len(photographs):,} that "
                        f"cannot be read:{listed}\nReplace them; or pass skip_unreadable=True to leave them out.")
    emptied = sorted(set(photographs.labels) - set(labels))
    if emptied:
        raise wrong(photographs.root, "an image that can be read in every class",
                    f"none in {', '.join(photographs.classes[label] for label in emptied)}",
                    "Replace the files of these classes, or delete their folders")


def _squares(photographs: ImageFolder, size: int) -> Iterator[tuple[bytes, np.ndarray, np.ndarray] | Exception]:
    """Each photograph as a square in JPEG, as that is decoded again, since so it will be seen, and the products of its
    colours; or why it cannot be read: in order, made by all threads."""
    def one(path: str) -> tuple[bytes, np.ndarray, np.ndarray] | Exception:
        try:
            square = prepare(read(photographs.root / path), size)
        except (DataError, OSError) as error:
            return error
        jpeg = encode(square, QUALITY)
        decode(jpeg, square)
        return jpeg, square, color_products(square)

    threads, jobs = get_threads(), ((path,) for path in photographs.paths)
    # Work enough behind one slow file, and little to hold in memory.
    return in_background(one, jobs, threads, 4 * threads, "tinynet-prepare")
