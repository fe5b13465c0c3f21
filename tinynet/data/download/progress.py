"""How far a download is, on stderr: one line that renews itself; where nobody watches, one at each end."""
from __future__ import annotations

import sys
import time

MB = 1e6
EVERY = 0.2  # seconds between two renewals of the line
WIDTH = 70   # characters that a new line must cover of the one before


class Progress:
    """Reports the bytes of one file. `at` may be called for every piece; it draws five times a second."""

    def __init__(self, name: str, have: int, total: int | None):
        self.name, self.have, self.total = name, have, total
        self.start = self.drawn = time.monotonic()
        self.live = sys.stderr is not None and sys.stderr.isatty()
        size = f" ({total / MB:.1f} MB)" if total else ""
        self._write(f"downloading {name}{size}{f', from {have / MB:.1f} MB on' if have else ''}\n")

    def at(self, done: int) -> None:
        """Say that `done` bytes of the file are here."""
        now = time.monotonic()
        if self.live and now - self.drawn >= EVERY:
            self.drawn = now
            self._write("\r" + self.line(done, now - self.start).ljust(WIDTH))

    def line(self, done: int, seconds: float) -> str:
        """What to show after `seconds`: MB, per cent, MB/s, time left."""
        speed = (done - self.have) / max(seconds, 1e-9)
        if not self.total:
            return f"{done / MB:.1f} MB, {speed / MB:.1f} MB/s"
        text = f"{done / MB:.1f} of {self.total / MB:.1f} MB ({done / self.total:.0%}), {speed / MB:.1f} MB/s"
        if speed > 0:
            minutes, rest = divmod(round((self.total - done) / speed), 60)
            text += f", {minutes}:{rest:02d} left"
        return text

    def end(self, done: int, complete: bool) -> None:
        """Close the line: the file is `complete`, or its download was stopped."""
        clear = "\r" + " " * WIDTH + "\r" if self.live else ""
        seconds = time.monotonic() - self.start
        self._write(f"{clear}{'downloaded' if complete else 'stopped'} {self.name}: {done / MB:.1f} MB "
                    f"after {seconds:.0f} s\n")

    @staticmethod
    def _write(text: str) -> None:
        if sys.stderr is not None:  # as under pythonw
            sys.stderr.write(text)
            sys.stderr.flush()
