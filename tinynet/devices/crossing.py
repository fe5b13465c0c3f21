"""The only way from one device to another, and a list of what went it.

    left, right = pair("simulated")
    x = left.asarray(np.ones(3))
    with traffic() as log:
        y = send(x, right, label="conv3")
    log             # [Crossing(source='simulated(0)', target='simulated(1)', bytes=24, label='conv3')]
"""
from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from . import cuda
from .device import Device, Gpu, _here, check_kind, device_of
from .simulated import DeviceMismatch


class Crossing(NamedTuple):
    """One array sent: the names of the two devices, the array's bytes, and what `send` was told it is for."""

    source: str
    target: str
    bytes: int
    label: str


_logs: list[list[Crossing]] = []                      # one for each open `with traffic()`, of any thread
_lock = threading.Lock()


def _after_fork() -> None:                            # a forked process must not find it held by a thread it has not
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def traffic() -> Iterator[list[Crossing]]:
    """Record every `send` of this process, in all threads, in the list this gives; contexts may be nested."""
    log: list[Crossing] = []
    with _lock:
        _logs.append(log)
    try:
        yield log
    finally:
        with _lock:
            _logs[:] = filter(lambda other: other is not log, _logs)  # no loop: fast/memory.py, `_block`


def send(x: Any, to: Device, label: str = "", source: Device | None = None) -> Any:
    """A C-contiguous copy of `x` on the device `to`, even if `x` is there; every open `traffic()` records it.

    `source` is for arrays that cannot tell: those of two columns on one CPU or one GPU. On GPUs the copy is
    in order on both streams, so `x` may be written to or dropped at once. Without `source`, a GPU's array
    is sent from the null stream, which waits for the others. Raises DeviceMismatch if `x` is not on
    `source`, TypeError if it is no array.
    """
    check_kind(x, "send")
    source = source or device_of(x)
    if not source.holds(x):
        raise DeviceMismatch("send", source, device_of(x))
    y = _copy(x, source, to)
    crossing = Crossing(source.name, to.name, x.nbytes, label)
    if _here.recording:                               # a graph's: it crosses at each launch
        _here.recording.crossings.append(crossing)
    else:
        note([crossing])
    return y


def note(crossings: list[Crossing]) -> None:
    """These have been asked for."""
    def extend() -> None:
        for log in _logs:
            log.extend(crossings)

    with _lock:  # no loop: as above
        extend()


def to_both(x: np.ndarray, left: Device, right: Device) -> tuple[Any, Any]:
    """A host array on both devices; two streams of one GPU get it from the host once, and copy it there."""
    if isinstance(left, Gpu) and isinstance(right, Gpu) and left.index == right.index:
        y = left.asarray(x)
        return y, cuda.copy(y, left, right)
    return left.asarray(x), right.asarray(x)


def _copy(x: Any, source: Device, to: Device) -> Any:
    if isinstance(source, Gpu) and isinstance(to, Gpu):
        return cuda.copy(x, source, to)
    if type(source) is type(to) is Device:            # from host to host, where asarray would not copy
        return np.array(x, order="C")
    return to.asarray(np.asarray(source.tohost(x), order="C"))
