"""A figure and the file it ends in, without matplotlib's global state: no window, no backend to choose."""
from __future__ import annotations

import os
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..files.writing import atomic_write
from ..training.progress import say
from .letters import as_they_stand, give_fonts, in_words

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")  # Okabe and Ito's
LETTERS, LINE = 18, 0.13  # of small print in an inch; the height of its lines, inches


@contextmanager
def figure(path: str | os.PathLike, width: float, height: float, note: str = "",
           grid: tuple[int, int] | None = None) -> Iterator[Any]:
    """A matplotlib Axes to draw on, `width` × `height` inches; written to `path` as a PNG when the block ends.

    `note` is small print below: which data, which settings; what is too long for the width makes the figure higher.
    With `grid`, (rows, columns), an array of as many Axes. If no font has a letter in the figure, a line says so.
    """
    from matplotlib.figure import Figure  # here: matplotlib is slow to import, and most of tinynet does without

    lines = [part for line in note.split("\n") for part in textwrap.wrap(line, int(LETTERS * width)) or [line]]
    more = LINE * (len(lines) - 1 - note.count("\n"))
    fig = Figure(figsize=(width, height + more), dpi=120, layout="constrained")
    yield fig.subplots(*grid, squeeze=False) if grid else fig.add_subplot()
    fig.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=8, color="0.4")
    as_they_stand(fig)
    if missing := give_fonts(fig):
        say(f"{path}: {in_words(missing)}")
    with atomic_write(path) as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from ")  # that was said, in one line
        fig.savefig(file, format="png")
