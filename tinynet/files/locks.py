"""Whose a folder is, among the processes on one machine: who alone may write there, and who still reads.

The operating system keeps such a lock for whoever has the folder open, and drops it when the process ends, in whatever
way: none is ever left behind, and nothing is written. Where there are no such locks (Windows, some network disks)
nobody is kept out: two processes may then disturb each other.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from os import PathLike

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None


class Lock:
    """The lock of the folder at `path`: one has it alone, or several who ask for it `shared`."""

    def __init__(self, path: str | PathLike) -> None:
        self.path, self._number, self._process = path, None, os.getpid()

    def take(self, shared: bool = False, wait: bool = False) -> bool:
        """Have it until `release`, or until this process ends: whether we have it now. `wait` until it is free.

        Raises OSError if there is no such folder.
        """
        if fcntl is None:
            return True
        number = os.open(self.path, os.O_RDONLY)
        try:
            if claim(number, shared, wait):
                self._process, self._number, number = os.getpid(), number, None
                return True
            return False
        finally:
            if number is not None:  # also when Ctrl-C ends the waiting
                os.close(number)

    def release(self) -> None:
        if self._number is not None:
            if fcntl and self._process == os.getpid():
                with suppress(OSError):                       # this disk has no locks
                    fcntl.flock(self._number, fcntl.LOCK_UN)  # closing is not enough, where a fork has it open, too
            os.close(self._number)
            self._number = None


def keeps_out(folder: str | PathLike) -> bool:
    """Whether the lock of a folder, which somebody has, keeps others out: not where the disk has no locks."""
    other = Lock(folder)
    taken = other.take()
    other.release()
    return not taken


@contextmanager
def alone(folder: str | PathLike, waiting: Callable[[], None]) -> Iterator[None]:
    """In here, nobody else is at the same folder. Whoever comes second calls `waiting`, and waits."""
    lock = Lock(folder)
    if not lock.take():
        waiting()
        lock.take(wait=True)
    try:
        yield
    finally:
        lock.release()


def claim(number: int, shared: bool = False, wait: bool = False) -> bool:
    """Lock what is open under this number (`fileno()`), until that is closed. Returns whether it was free for us."""
    if fcntl is None:
        return True
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    try:
        fcntl.flock(number, how)
    except BlockingIOError:
        return False
    except OSError:  # this disk has no locks
        return True
    return True
