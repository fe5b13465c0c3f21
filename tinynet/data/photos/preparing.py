"""Photographs prepared once: here the squares are made, with all threads (`prepared.py` has the form they are kept in).

When photographs are added, removed or changed, their fingerprint is another, and with it the name of the folder of
squares: old ones are never taken for new. Whoever makes squares has the cache alone meanwhile; a second process waits,
and finds them. What a killed one left is deleted by the next.
"""
from __future__ import annotations

import errno
import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ...fast.parallel import get_threads
from ...files.locks import alone
from ...files.reading import DataError, wrong
from ...files.terminal import tell
from ...sizes import as_int
from ..background import in_background
from ..dataset import Split
from ..download.folders import clean_up, explain_disk_errors, new_folder, remove_unfinished
from ..jpeg import decode, encode
from ..progress import Progress
from ..statistics import Statistics, color_products
from .flat import FlatFolder
from .image_folder import ImageFolder
from .outdated import outdated, remove
from .photograph import read_square
from .prepared import FILES, VERSION, PreparedImages

QUALITY = 95
Photographs = ImageFolder | FlatFolder
MOST_NAMED = 20  # unreadable files in an error message
FINGERPRINT = 1  # the number in it: another, where the same photographs are to become other squares


def prepared_squares(photographs: Photographs, cache: str | PathLike, size: int = 256,
                     skip_unreadable: bool = False) -> Split:
    """`photographs` as squares of `size`, from the folder `cache`; made there first if they are not there yet.

    Images (N, size, size, 3) uint8, a PreparedImages, and labels (N,) int64, in the order of the photographs. What is
    in `cache` from an earlier state of the same photographs, or of another size, is deleted, unless it is in use.

    Raises DataError, after a look at every file, if some cannot be read, or have changed meanwhile. With
    `skip_unreadable` they are left out when the squares are made, and listed in their `skipped`; an error all the same
    if nothing is left of a class. Squares that were made so are taken as they are, whatever `skip_unreadable` is now.
    OSError from the disk.
    """
    size = as_int(size, "prepared_squares size")
    name = f"{photographs.root.resolve().name}-{_fingerprint(photographs, size)}"
    folder = Path(os.path.expanduser(cache)) / name
    images = _there(folder)
    if images is None:
        with explain_disk_errors(folder.parent, "cache=..."):
            folder.parent.mkdir(parents=True, exist_ok=True)
            waiting = f"{folder.parent}: another process prepares photographs here; waiting for it"
            with alone(folder.parent, lambda: _say(waiting)):
                images = _there(folder) or _made(photographs, folder, size, skip_unreadable)
    else:
        clean_up(folder.parent, FILES)
    return Split(images, images.labels)


def _there(folder: Path) -> PreparedImages | None:
    try:
        return PreparedImages(folder)
    except DataError:
        if folder.is_dir():
            raise
        return None  # nobody has made it, or somebody has just deleted it


def _made(photographs: Photographs, folder: Path, size: int, skip_unreadable: bool) -> PreparedImages:
    """Make the squares in `folder`, and clean up beside it."""
    remove_unfinished(folder.parent, FILES)
    earlier = outdated(photographs.root, folder)
    for path, its_size in earlier.items():
        why = f"size {its_size}, not {size}" if its_size != size else "photographs or classes that have changed"
        _say(f"{path}: squares of {why}; they are made again")
    _make(photographs, folder, size, skip_unreadable)
    for path in earlier:
        if reason := remove(path):
            _say(f"{path}: not deleted, since {reason}; delete it when nobody needs it")
    return PreparedImages(folder)


def _say(line: str) -> None:
    tell("stderr", line + "\n")


def _fingerprint(photographs: Photographs, size: int) -> str:
    digest = hashlib.sha256(json.dumps([FINGERPRINT, size, photographs.classes]).encode())
    if isinstance(photographs, FlatFolder):
        digest.update(photographs.labels.tobytes())  # the paths do not say them
    root = os.fspath(photographs.root)
    for path in photographs.paths:
        try:
            stat = os.stat(f"{root}/{path}")  # a million times at every start: joining Paths would double the time
            state = stat.st_size, stat.st_mtime_ns
        except OSError:  # a link that leads nowhere; `read` will say so
            state = None
        digest.update(json.dumps([path, state]).encode())
    return digest.hexdigest()[:16]


def _make(photographs: Photographs, folder: Path, size: int, skip_unreadable: bool) -> None:
    offset, labels, checksum, skipped = [0], [], [], {}
    total, products = np.zeros((size, size, 3), np.int64), np.zeros((3, 3), np.int64)
    _say_what_is_left_out(photographs)
    progress = Progress(f"preparing {photographs.root}", len(photographs))
    with new_folder(folder) as temporary:
        with open(temporary / "images.jpegs", "xb") as file, closing(_squares(photographs, size)) as squares:
            for path, label, made in zip(photographs.paths, photographs.labels, squares, strict=True):
                if isinstance(made, Exception):
                    skipped[path] = str(made)
                else:
                    jpeg, square, products_of_it = made
                    offset.append(offset[-1] + file.write(jpeg))
                    labels.append(label)
                    checksum.append(zlib.crc32(jpeg))
                    total += square
                    products += products_of_it
                progress.at(len(labels) + len(skipped))
        progress.end()
        _check(photographs, labels, skipped, skip_unreadable)
        if not folder.name.endswith(_fingerprint(photographs, size)):
            raise wrong(photographs.root, "photographs that stay as they are while they are prepared",
                        "some that have changed", "Start again when nobody writes there any more")
        _save(temporary / "index.npz", offset=np.array(offset, np.int64), label=np.array(labels, np.int64),
              checksum=np.array(checksum, np.uint32))
        _save(temporary / "statistics.npz", **Statistics(len(labels), total, products)._asdict())
        header = {"version": VERSION, "size": size, "classes": photographs.classes, "count": len(labels),
                  "made_from": str(photographs.root.resolve()), "skipped": skipped}
        with open(temporary / "header.json", "xb") as file:
            file.write(json.dumps(header, indent=1).encode())
    if skipped:
        _say(f"left out {len(skipped):,} of {len(photographs):,} files, which cannot be read; "
             f"{folder / 'header.json'} lists them")


def _save(path: Path, **arrays: Any) -> None:
    with open(path, "xb") as file:  # in a folder that nobody else has; `new_folder` brings it to the disk
        np.savez(file, **arrays)


def _say_what_is_left_out(photographs: Photographs) -> None:
    kinds = [f"{count:,} {suffix or 'without an ending'}" for suffix, count in photographs.others.most_common(5)]
    if kinds:
        _say(f"{photographs.root}: left out {photographs.others.total():,} files that are no images by their names: "
             f"{', '.join(kinds)}" + (", ..." if len(photographs.others) > 5 else ""))


def _check(photographs: Photographs, labels: list[int], skipped: dict[str, str], skip_unreadable: bool) -> None:
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


def _squares(photographs: Photographs, size: int) -> Iterator[tuple[bytes, np.ndarray, np.ndarray] | Exception]:
    """Each photograph as a square in JPEG, as that is decoded again, since so it will be seen, and the products of its
    colours; or why it cannot be read: in order, made by all threads."""
    def one(path: str) -> tuple[bytes, np.ndarray, np.ndarray] | Exception:
        try:
            square = read_square(photographs.root / path, size)
        except (DataError, OSError) as error:
            if getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
                raise  # not the file's fault
            return error
        jpeg = encode(square, QUALITY)
        decode(jpeg, square)
        return jpeg, square, color_products(square)

    threads, jobs = get_threads(), ((path,) for path in photographs.paths)
    # Work enough behind one slow file, and little to hold in memory.
    return in_background(one, jobs, threads, 4 * threads)
