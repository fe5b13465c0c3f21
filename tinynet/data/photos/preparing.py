"""Photographs prepared once: here the squares are made, with all threads (`prepared.py` has the form they are kept in).

When photographs are added, removed or changed, their fingerprint is another, and with it the name of the folder of
squares: old ones are never taken for new.
"""
from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ...fast.parallel import get_threads
from ...sizes import as_int
from ..dataset import DataError, Split, wrong
from ..download.folders import explain_disk_errors, new_folder
from ..download.progress import EVERY, WIDTH
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
    for path in photographs.paths:
        try:
            stat = os.stat(photographs.root / path)
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
    with new_folder(folder) as temporary:
        with open(temporary / "images.jpegs", "wb") as file, closing(_jpegs(photographs, size)) as jpegs:
            progress = _shown(jpegs, len(photographs), f"preparing {photographs.root}")
            for path, label, jpeg in zip(photographs.paths, photographs.labels, progress, strict=True):
                if isinstance(jpeg, Exception):
                    skipped[path] = str(jpeg)
                else:
                    offset.append(offset[-1] + file.write(jpeg))
                    labels.append(label)
        _check(photographs, labels, skipped, skip_unreadable)
        np.savez(temporary / "index.npz", offset=np.array(offset, np.int64), label=np.array(labels, np.int64))
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


def _jpegs(photographs: ImageFolder, size: int) -> Iterator[bytes | Exception]:
    """Each photograph as a square in JPEG, or why it cannot be read: in order, made by all threads."""
    def one(path: str) -> bytes | Exception:
        from PIL import Image
        try:
            square = Image.fromarray(prepare(read(photographs.root / path), size))
        except (DataError, OSError) as error:
            return error
        buffer = io.BytesIO()
        square.save(buffer, "JPEG", quality=QUALITY, subsampling="4:4:4")
        return buffer.getvalue()

    threads, pending = get_threads(), deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="tinynet-prepare") as pool:
        for path in photographs.paths:
            pending.append(pool.submit(one, path))
            if len(pending) == 4 * threads:  # work enough behind one slow file, and little to hold in memory
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _shown(items: Iterable[Any], total: int, name: str) -> Iterator[Any]:
    """`items` as they are, and on stderr how many have come: as in progress.py, but with images instead of bytes."""
    live = sys.stderr is not None and sys.stderr.isatty()
    start = drawn = time.monotonic()
    print(f"{name}: {total:,} images", file=sys.stderr)
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if live and now - drawn >= EVERY:
            drawn, speed = now, done / (now - start)
            minutes, rest = divmod(round((total - done) / speed), 60)
            line = f"{done:,} of {total:,} ({done / total:.0%}), {speed:.0f} images/s, {minutes}:{rest:02d} left"
            print("\r" + line.ljust(WIDTH), end="", file=sys.stderr, flush=True)
    clear = "\r" + " " * WIDTH + "\r" if live else ""
    print(f"{clear}{name}: done after {time.monotonic() - start:.0f} s", file=sys.stderr)
