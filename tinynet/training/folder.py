"""The folder of a training belongs to one process at a time: two would mix their checkpoints.

The lock (files/locks.py) is the operating system's, and is gone with the process, in whatever way it ends.
"""
from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..files.locks import Lock

_held: dict[str, tuple[Lock, Any]] = {}  # by this process, and for whom


def hold(folder: str | os.PathLike, owner: Any) -> None:
    """Keep other processes out of `folder` until `let_go`, or until this one ends.

    What this process held there for another owner goes over to this one: in a notebook, a run may be resumed after an
    error. Raises BlockingIOError if another process is there, OSError if there is no such folder.
    """
    path, lock = os.path.realpath(folder), Lock(folder)
    if path in _held:
        _held.pop(path)[0].release()
    if not lock.take():
        raise BlockingIOError(errno.EAGAIN, "another process trains in this folder: wait until it ends, stop it, or "
                              "name another folder", str(folder))
    _held[path] = lock, owner


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
