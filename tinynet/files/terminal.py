"""What is said on the terminal. Nobody has to listen.

Whatever is worth keeping is in files. So a pipe that is closed (`| head -1`), a full disk under the log, a terminal
that knows ASCII alone, or no terminal at all (`2>&-`, pythonw) costs a line, and never the work of a night.
"""
from __future__ import annotations

import io
import sys
import unicodedata
from typing import Any


class _Silence(io.TextIOBase):
    """Takes the place of a standard stream that takes nothing any more: print, too, has no error then, nor has Python
    when it ends."""

    def write(self, text: str) -> int:
        return len(text)


def tell(name: str, text: str) -> None:
    """Write `text` to the standard stream called "stdout" or "stderr", if that takes it; from the first failure on
    nothing more is written there. Letters that it does not have are written as \\x.. or \\u...."""
    stream = getattr(sys, name)
    if stream is None:
        return
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError as error:
            stream.write(text.encode(error.encoding, "backslashreplace").decode(error.encoding))
        stream.flush()
    except OSError as error:
        _give_up(name, error)
    except ValueError as error:
        if not getattr(stream, "closed", False):
            raise
        _give_up(name, error)


def _give_up(name: str, error: Any) -> None:
    setattr(sys, name, _Silence())
    if name == "stdout":
        tell("stderr", f"\nnothing more can be said on standard output: {error}\n")


def watched() -> bool:
    """Whether somebody sees what is written to standard error: it is a terminal."""
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # closed
        return False


def width_of(text: str) -> int:
    """How many places `text` takes on a terminal: Chinese, Japanese and Korean letters take two, accents none."""
    return sum(0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else 1 + (unicodedata.east_asian_width(c) in "WF")
               for c in text)


def shortened_to(text: str, width: int) -> str:
    """`text`; if it would take more than `width` places, its beginning and "..."."""
    return text if width_of(text) <= width else fitted(text, width - 3).rstrip() + "..."


def fitted(text: str, width: int, right: bool = False) -> str:
    """`text` in `width` places: cut where it would take more, with spaces after it (or before it, if it is to stand
    `right`) where it takes less."""
    while width_of(text) > width:
        text = text[:-1]
    spaces = " " * (width - width_of(text))
    return spaces + text if right else text + spaces
