"""Memory that serves again and again: `fresh`, for arrays that are somebody's, and `scratch`, to work in.

The system hands out large blocks of memory page by page, each cleared first, and NumPy gives a block back as soon as
its array is gone: the arrays of a training step are of the same sizes in every step, and yet each step waits for
hundreds of megabytes of new pages. `fresh` keeps the blocks instead. An array from it refers to a `_Loan`, as does
every view of it; when the last of them is gone, the block is idle, and whoever next wants an array of about its size
gets it. So an array is its owner's for as long as anybody holds it, as with NumPy's. A block goes back to the system
when nobody has wanted it during many loans, when nobody has asked for memory for some seconds, or by `give_back`.

`scratch` is for what nobody keeps: each thread has a buffer for each role.
"""
from __future__ import annotations

import math
import os
import threading
import time
import weakref
from bisect import bisect_left, insort_left
from collections import deque
from contextlib import suppress
from operator import itemgetter
from typing import Any

import numpy as np

LARGE = 2 ** 20    # bytes, from which on an array is lent; below, NumPy and the system are quick
PATIENCE = 1000    # a block that stayed idle during so many loans goes back to the system
SECONDS = 5.0      # and so do all idle blocks when there was no loan for so long


class _Loan:
    """What an array made by `fresh` calls its base."""

    def __init__(self, block: np.ndarray, shape: tuple[int, ...], dtype: Any) -> None:
        self.block, self.__array_interface__ = block, {
            "version": 3, "shape": tuple(map(int, shape)), "typestr": np.dtype(dtype).str,
            "data": block.__array_interface__["data"]}
        self.end = _End(self, _returned.append)
        self.end.block = block

    def __reduce__(self) -> Any:  # copy and pickle come here, too
        raise TypeError("memory on loan cannot be copied, or it would be lent twice: copy the array")


class _End(weakref.ref):
    """When the loan is over, it goes to `_returned` with its block. No line of Python does that: in a `__del__`, Ctrl-C
    would be lost."""

    block: np.ndarray | None = None


class _Buffers(dict):
    """A dictionary that can be referred to weakly."""


_returned: deque[_End] = deque()  # by any thread at any time, even while another one holds the lock
_lock = threading.Lock()
_idle: list[tuple[int, int, np.ndarray]] = []  # by size: bytes, how many loans there had been, block
_loans = 0
_watcher: threading.Thread | None = None
_here = threading.local()  # of each thread: .buffers, its scratch memory by role
_buffers: weakref.WeakValueDictionary[int, _Buffers] = weakref.WeakValueDictionary()  # those of all threads


def _after_fork() -> None:
    """A forked process must not find the lock held by a thread that it has not."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def fresh(shape: tuple[int, ...], dtype: Any, xp: Any) -> Any:
    """A new array, not cleared, like `xp.empty(shape, dtype)`."""
    if xp is not np or (size := math.prod(shape) * np.dtype(dtype).itemsize) < LARGE:
        return xp.empty(shape, dtype)
    return np.asarray(_Loan(_block(size), shape, dtype))


def _block(size: int) -> np.ndarray:
    """The smallest idle block of at least `size` bytes and less than twice that, or a new one."""
    with _lock:  # and no loop in here: Ctrl-C where one jumps back would leave it locked, in Python 3.12 and 3.13
        block = _idle_block(size)
    return np.empty(size, np.uint8) if block is None else block


def _idle_block(size: int) -> np.ndarray | None:
    global _loans
    _loans += 1
    _watch()
    while _returned:
        block = _returned.popleft().block
        if block is not None:  # None: Ctrl-C came when it was about to be lent
            insort_left(_idle, (block.size, _loans, block), key=itemgetter(0))       # the latest first: it is cached
    _idle[:] = [entry for entry in _idle if _loans - entry[1] < PATIENCE]
    i = bisect_left(_idle, size, key=itemgetter(0))
    return _idle.pop(i)[-1] if i < len(_idle) and _idle[i][0] < 2 * size else None


def scratch(role: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array to work in, not cleared: this thread's own for this `role`, until it asks for the role again."""
    if not hasattr(_here, "buffers"):
        _here.buffers = _buffers[threading.get_ident()] = _Buffers()
    size, buffer = math.prod(shape) * np.dtype(dtype).itemsize, _here.buffers.get(role)
    if buffer is None or buffer.size < size:
        buffer = _here.buffers[role] = np.empty(size, np.uint8)
    return buffer[:size].view(dtype).reshape(shape)


def give_back() -> None:
    """Return to the system what is idle, and all scratch memory."""
    with _lock:
        _returned.clear()
        _idle.clear()
    for buffers in list(_buffers.values()):
        buffers.clear()


def _watch() -> None:
    """See to it that a thread gives back what is idle when nobody has asked for memory for a while.

    Where no thread can be started (in a browser; while Python ends), memory goes back by `give_back` alone.
    """
    def watch() -> None:
        before = -1
        while True:
            time.sleep(SECONDS)
            if _loans == before:
                give_back()
            before = _loans

    global _watcher
    if _watcher is None or not _watcher.is_alive():  # none yet, or left behind by a fork
        _watcher = threading.Thread(target=watch, name="tinynet-memory", daemon=True)
        with suppress(RuntimeError):
            _watcher.start()
