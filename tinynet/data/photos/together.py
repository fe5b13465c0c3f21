"""What threads that read images at the same time have in common: Python's filters of warnings, and the memory."""
from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Quiet:
    """Inside, Pillow's warnings (large images, odd metadata) are ignored.

    Python's filters of warnings belong to all threads. So the first thread that comes in sets ours, and the last one
    to leave puts back what was there.
    """

    def __init__(self) -> None:
        self.lock, self.inside = threading.Lock(), 0

    def __enter__(self) -> None:
        with self.lock:
            self.inside += 1
            if self.inside == 1:
                self.before = warnings.catch_warnings()
                self.before.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")

    def __exit__(self, *_: Any) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self.before.__exit__()


class Room:
    """Room for the pixels of all images that are in work."""

    def __init__(self) -> None:
        self.changed, self.taken = threading.Condition(), 0

    @contextmanager
    def of(self, pixels: int, most: int) -> Iterator[None]:
        """Wait until these pixels and those of other threads are not more than `most`, and hold them until the end of
        the block. Who is alone does not wait."""
        with self.changed:
            self.changed.wait_for(lambda: self.taken == 0 or self.taken + pixels <= most)
            self.taken += pixels
        try:
            yield
        finally:
            with self.changed:
                self.taken -= pixels
                self.changed.notify_all()


def _anew() -> None:
    """At the start; and in a process that was forked off, where none of the threads is that may be inside."""
    global quiet, room
    quiet, room = Quiet(), Room()


_anew()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_anew)
