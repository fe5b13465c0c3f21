"""Where data is looked for and put, and how a folder of data appears: all of it at once, or not at all.

Looked for, in this order, and downloaded into the first of them:
    1. the argument `root`
    2. the environment variable TINYNET_DATA
    3. the cache: $XDG_CACHE_HOME/tinynet or ~/.cache/tinynet; on Windows %LOCALAPPDATA%\\tinynet

A program may be stopped at any moment, and two may run at once. So files are written under a name nobody else
has, in the same folder, and then renamed, which the operating system does in one step.
"""
from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
from collections.abc import Collection, Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from ...files.locks import Lock, keeps_out
from ...files.writing import sync_folder

VARIABLE = "TINYNET_DATA"
_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{8}\.new")  # what `new_folder` makes
_DISK = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up",
         errno.EROFS: "the disk is read-only", errno.EACCES: "no permission", errno.EPERM: "not permitted"}


class Candidate(NamedTuple):
    """A folder to look in, and who named it."""
    folder: Path
    named_by: str


def search_folders(root: str | PathLike | None) -> list[Candidate]:
    """The folders to look in, first the one to download into.

    Raises NotADirectoryError if one of them is a file, FileNotFoundError if one begins with ~ and there is no such
    home, or if there is none at all.
    """
    named = [(root, "the argument root"), (os.environ.get(VARIABLE) or None, f"the variable {VARIABLE}"),
             (_cache(), "the cache")]
    found = [Candidate(_folder(folder, by), by) for folder, by in named if folder is not None]
    if not found:
        raise FileNotFoundError("no folder to look for data in: there is no home folder for a cache here; name one "
                                f"with root=... or the variable {VARIABLE}")
    return found


def _folder(named: str | PathLike, by: str) -> Path:
    # os.path's functions, unlike Path's, do not raise where there is no home or a folder may not be read.
    folder = os.path.expanduser(named)
    if folder.startswith("~"):
        raise FileNotFoundError(f"{folder} ({by}): no home folder of such a user is known; write the path in full, or "
                                "./~... for a folder of that name")
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise NotADirectoryError(f"{folder} ({by}): expected a folder, got a file; name the folder that "
                                 "holds the data, or one to download into")
    return Path(folder)


def _cache() -> Path | None:
    """None if there is no home folder to put it in."""
    local = os.environ.get("LOCALAPPDATA", "") if os.name == "nt" else os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(local):  # the XDG rules say that a relative path is to be ignored
        return Path(local) / "tinynet"
    home = os.path.expanduser("~")
    return Path(home) / ".cache" / "tinynet" if os.path.isabs(home) else None


def not_found(what: str, files: str, looked_in: list[Candidate], sample: str) -> FileNotFoundError:
    """The error for data that is nowhere: every folder looked in, and the three ways out."""
    looked = "".join(f"\n  {folder} ({by})" for folder, by in looked_in)
    return FileNotFoundError(f"{what}: expected {files} in one of these folders, found none:{looked}\n"
                             f"Put the files there, or pass download=True, or use {sample}(), which needs no "
                             "download.")


@contextlib.contextmanager
def explain_disk_errors(folder: Path, by: str = f"root=... or the variable {VARIABLE}") -> Iterator[None]:
    """Inside, a full disk or a folder that may not be written to raises an OSError that says what to do: `by` is how
    the caller names a folder."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise OSError(error.errno, f"cannot write the data ({_DISK[error.errno]}): make room, or name "
                      f"another folder with {by}; this one is",
                      str(folder)) from error


def expect_free(folder: Path, what: str) -> None:
    """Raise FileExistsError if `folder`, which is to hold `what`, is there and not an empty folder."""
    if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is there and holds no {what}, which would be downloaded to it: move it away, "
                              f"or name another folder with root=... or the variable {VARIABLE}")


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder to fill; when the block ends well, it becomes `folder` in one step.

    If the block raises, the temporary folder is removed. If another process made `folder` in the meantime,
    its files stay and ours go.
    """
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.new")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for path in temporary.iterdir():  # on the disk before the name is: a power cut leaves no holes
            with open(path, "r+b") as file:
                os.fsync(file.fileno())
        sync_folder(temporary)
        with contextlib.suppress(OSError):
            folder.rmdir()  # succeeds only on an empty folder, which Windows would not let us replace
        try:
            os.replace(temporary, folder)
        except OSError:
            if not folder.is_dir():
                raise
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def clean_up(folder: Path, files: Collection[str], part: str = "", size: int = 0) -> None:
    """Delete what a process left in `folder` that was killed at the end, when the data had their name already: what
    `remove_unfinished` deletes, and the download called `part`, if it is whole. Unless somebody is at work there.

    For whoever finds the data there. A folder in which nothing can be deleted stays as it is.
    """
    lock = Lock(folder)
    with contextlib.suppress(OSError):
        if lock.take():
            try:
                remove_unfinished(folder, files)
                if part and _is_whole(folder / part, size):
                    (folder / part).unlink()
            finally:
                lock.release()


def _is_whole(path: Path, size: int) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size == size


def remove_unfinished(folder: Path, files: Collection[str]) -> None:
    """Delete what killed processes left of a `new_folder` in `folder`: folders with names as they have there, and
    nothing in them but some of these `files`. Whatever else lies there stays.

    To be called inside `alone(folder)`, so that nobody is filling one. Where a disk has no locks, all of them stay.
    """
    if not keeps_out(folder):
        return
    for path in folder.iterdir():
        if _UNFINISHED.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            if all(file.name in files and file.is_file() and not file.is_symlink() for file in path.iterdir()):
                shutil.rmtree(path, ignore_errors=True)
