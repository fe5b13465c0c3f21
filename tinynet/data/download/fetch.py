"""Downloads a file: from the first server that gives the right bytes, once for all processes, continued where it ended.

    NAME.part    the file while it is downloaded, and what an interrupted download leaves for the next one

One process at a time downloads into a folder (`downloading`), the next one waits. Whatever way the bytes came
(`transfer.py`), the checksums of the whole decide whether they are the right ones: MD5, which the publishers name, and
SHA-256, since two files of one MD5 sum can be made.
"""
from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ...files.locks import alone
from ...files.reading import DataError, opened, wrong
from ..progress import Progress
from .folders import explain_disk_errors, remove_unfinished

PIECE = 1 << 20


class Wanted(NamedTuple):
    """A file to download: its name, its size in bytes, and its checksums, in hexadecimal digits."""

    name: str
    size: int
    md5: str
    sha256: str


class DownloadError(OSError):
    """No address gave the file. The message says what each one answered, and what to do."""


class WrongBytes(DownloadError, DataError):
    """No address gave the file, and one of them gave another one under its name."""


@contextlib.contextmanager
def downloading(folder: Path, files: Collection[str]) -> Iterator[None]:
    """In here no other process downloads into `folder`, which is made if need be; what killed ones left, when they
    put these `files` into a folder, is deleted.

    Raises OSError that says what to do where the disk does not let us write.
    """
    with explain_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder, lambda: Progress(f"{folder}: another process downloads into it; waiting for it", None)):
            remove_unfinished(folder, files)
            yield


def fetch(urls: Sequence[str], folder: Path, wanted: Wanted) -> Path:
    """Download the file `wanted` from the first of `urls` that has it; returns the path of the whole, checked file,
    NAME.part, which is the caller's to move away. To be called inside `downloading(folder, ...)`.

    What has come before a cut connection, a full disk or Ctrl-C is kept, and continued next time.

    Raises DownloadError if no address has the file, which is a DataError too if one sent other bytes; OSError from the
    disk.
    """
    part = _part(folder, wanted.name)
    try:
        if not _is(part, wanted):
            if part.stat().st_size >= wanted.size:
                os.truncate(part, 0)
            _download(urls, part, wanted)
    except BaseException:
        with contextlib.suppress(OSError):  # must not hide the error that brought us here
            if not part.stat().st_size:
                part.unlink()
        raise
    return part


@contextlib.contextmanager
def fetched(urls: Sequence[str], folder: Path, wanted: Wanted) -> Iterator[Path]:
    """The same for a file that the block reads: afterwards it is deleted. If the block raises, it is kept for the next
    time, unless by a DataError: then the file's content is at fault. Raises what `fetch` raises.
    """
    part = fetch(urls, folder, wanted)
    try:
        yield part
    except DataError:
        part.unlink(missing_ok=True)
        raise
    part.unlink(missing_ok=True)


def _part(folder: Path, name: str) -> Path:
    """The part file: the largest that an earlier download left, or an empty one.

    In version 0.1.0 each process had one of its own, with eight hexadecimal digits in its name.
    """
    part, ours = folder / f"{name}.part", re.compile(re.escape(name) + r"(\.[0-9a-f]{8})?\.part")
    if os.path.lexists(part) and (part.is_symlink() or not part.is_file()):
        raise wrong(part, "a file that a download left, or none", "something else", "Move it away")
    left = [path for path in folder.iterdir()
            if ours.fullmatch(path.name) and path.is_file() and not path.is_symlink()]
    left.sort(key=lambda path: path.stat().st_size)
    if left:
        os.replace(left.pop(), part)
    for path in left:
        if path != part:  # else the largest has just taken its place
            path.unlink()
    part.touch()
    return part


def _is(path: Path, wanted: Wanted) -> bool:
    return path.stat().st_size == wanted.size and _sums(path) == (wanted.md5, wanted.sha256)


def _sums(path: Path) -> tuple[str, str]:
    sums = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with opened(path) as file:
        while piece := file.read(PIECE):
            for one in sums:
                one.update(piece)
    return sums[0].hexdigest(), sums[1].hexdigest()


def _download(urls: Sequence[str], part: Path, wanted: Wanted) -> None:
    from .transfer import Failed  # with all of urllib, which only a download needs
    failures, error = [], DownloadError
    for url in urls:
        try:
            if _got(url, part, wanted):
                return
            md5, sha256 = _sums(part)
            os.truncate(part, 0)
            failures.append(f"\n  {url}: {wanted.size:,} bytes with the MD5 sum {md5}, expected {wanted.md5}, and the "
                            f"SHA-256 sum {sha256}, expected {wanted.sha256}; they have been deleted: the server, or "
                            "something on the way, has changed the file")
            error = WrongBytes
        except Failed as failed:
            failures.append(f"\n  {url}: {failed}")
    raise error(f"{wanted.name}: no server gave this file:{''.join(failures)}\nRun again to continue; or download it "
                f"by hand, and put it (an archive: unpacked) into {part.parent}.")


def _got(url: str, part: Path, wanted: Wanted) -> bool:
    """Whether this address gave the right bytes."""
    from .transfer import Transfer
    began_with = part.stat().st_size
    Transfer(url, part, wanted.name, wanted.size).run()
    if not _is(part, wanted) and began_with:  # it may be these that are wrong
        os.truncate(part, 0)
        Transfer(url, part, wanted.name, wanted.size).run()
    return _is(part, wanted)
