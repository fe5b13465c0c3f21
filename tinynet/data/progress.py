"""How far something long is, on stderr: one line that renews itself; where nobody watches, one at each end."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from ..files.terminal import tell, watched

EVERY = 0.2  # seconds between two renewals of the line
WIDTH = 70   # characters that a new line must cover of the one before


def megabytes(n: float) -> str:
    return f"{n / 1e6:.1f}"


def whole(n: float) -> str:
    return f"{n:,.0f}"


class Progress:
    """Reports how many `unit`s of `total` are done, of which `have` were at the start; `total` may be unknown, None.

    `at` may be called for every piece: it draws five times a second. `written` puts a number into words.
    """

    def __init__(self, title: str, total: int | None, unit: str = "images", written: Callable[[float], str] = whole,
                 have: int = 0) -> None:
        self.title, self.total, self.unit, self.written, self.have = title, total, unit, written, have
        self.start = self.drawn = time.monotonic()
        self.live = watched()
        tell("stderr", title + (f": {written(total)} {unit}" if total else "")
             + (f", from {written(have)} {unit} on" if have else "") + "\n")

    def at(self, done: int) -> None:
        """Say that `done` are done."""
        now = time.monotonic()
        if self.live and now - self.drawn >= EVERY:
            self.drawn = now
            tell("stderr", "\r" + self.line(done, now - self.start).ljust(WIDTH))

    def line(self, done: int, seconds: float) -> str:
        """What to show after `seconds`: how many, per cent, speed, time left."""
        speed = (done - self.have) / max(seconds, 1e-9)
        if not self.total:
            return f"{self.written(done)} {self.unit}, {self.written(speed)} {self.unit}/s"
        text = (f"{self.written(done)} of {self.written(self.total)} {self.unit} ({done / self.total:.0%}), "
                f"{self.written(speed)} {self.unit}/s")
        if speed > 0:
            minutes, rest = divmod(round((self.total - done) / speed), 60)
            text += f", {minutes}:{rest:02d} left"
        return text

    def end(self, how: str = "done") -> None:
        """Close the line, and say `how` it ended."""
        clear = "\r" + " " * WIDTH + "\r" if self.live else ""
        tell("stderr", f"{clear}{self.title}: {how} after {time.monotonic() - self.start:.0f} s\n")


def in_batches(n: int, size: int, title: str = "", unit: str = "images") -> Iterator[slice]:
    """The numbers from 0 to n - 1, `size` by `size`; with a `title`, and how far it is."""
    line = Progress(title, n, unit) if title else None
    for first in range(0, n, size):
        part = slice(first, min(first + size, n))
        yield part
        if line:
            line.at(part.stop)
    if line:
        line.end()
