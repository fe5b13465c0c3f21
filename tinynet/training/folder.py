"""The folder of a training: whose it is, whether there is room in it, and what to do when writing fails.

It belongs to one process at a time: two would mix their checkpoints. The lock (files/locks.py) is the operating
system's, and is gone with the process, in whatever way it ends.
"""
from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..files.locks import Lock
from ..files.writing import remove_torn

FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))

_held: dict[str, tuple[Lock, Any]] = {}  # by this process, and for whom


def hold(folder: str | os.PathLike, owner: Any) -> None:
    """Keep other processes out of `folder` until `let_go`, or until this one ends.

    What this process held there for another owner goes over to this one: in a notebook, a run may be resumed after an
    error. Files that were being written in the folder when a program was killed are deleted. Raises BlockingIOError if
    another process is there, OSError if there is no such folder.
    """
    path, lock = os.path.realpath(folder), Lock(folder)
    if path in _held:
        _held.pop(path)[0].release()
    if not lock.take():
        raise BlockingIOError(errno.EAGAIN, "another process trains in this folder: wait until it ends, stop it, or "
                              "name another folder", str(folder))
    _held[path] = lock, owner
    remove_torn(folder)


def let_go(folder: str | os.PathLike, owner: Any) -> None:
    """Let others in again, unless another owner has taken the folder over."""
    path = os.path.realpath(folder)
    if path in _held and _held[path][1] is owner:
        _held.pop(path)[0].release()


@contextmanager
def held(folder: str | os.PathLike) -> Iterator[None]:
    """In here, no other process is in `folder`. Raises what `hold` raises."""
    owner = object()
    hold(folder, owner)
    try:
        yield
    finally:
        let_go(folder, owner)


def expect_room(folder: str | os.PathLike, size: int, count: int) -> None:
    """Raise OSError unless the disk has room for so many checkpoints of `size` bytes."""
    needed, free = size * count, shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(errno.ENOSPC, f"checkpoints of {size / 1e6:.0f} MB each need {needed / 1e6:.0f} MB, the disk "
                      f"has {free / 1e6:.0f} MB free", str(folder))


@contextmanager
def writing(path: str | os.PathLike, what: str, how: str) -> Iterator[None]:
    """An OSError in here names what was being written, and says `how` to go on."""
    try:
        yield
    except OSError as error:
        do = "make room" if error.errno in FULL else "put that right"
        raise OSError(error.errno, f"{error.strerror or error}: {what} could not be written, the ones before are "
                      f"intact; {do}, then {how}", str(path)) from error
