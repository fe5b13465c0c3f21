"""A table of pictures: rows with a name at their left, columns with one above."""
from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from .figure import figure

CELL = 1.15  # inches


def draw_sheet(path: str | os.PathLike, rows: Sequence[tuple[str, Sequence[np.ndarray]]], titles: Sequence[str],
               note: str = "") -> None:
    """Write rows of pictures, each (its name, pictures (h, w, 3 or 1) uint8), to `path`, under `titles`.

    Raises ValueError for no rows, and for rows that have not as many pictures as there are titles.
    """
    if not rows or any(len(pictures) != len(titles) for _, pictures in rows):
        raise ValueError(f"draw_sheet: expected rows of {len(titles)} pictures, got {[len(row) for _, row in rows]}")
    h, w = rows[0][1][0].shape[:2]
    width, height = CELL * len(titles) + 1.1, (CELL * h / w + 0.06) * len(rows) + 0.35 + 0.16 * note.count("\n")
    with figure(path, width, height + (0.2 if note else 0), note, grid=(len(rows), len(titles))) as axes:
        for row, (name, pictures) in zip(axes, rows, strict=True):
            row[0].set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center")
            for ax, picture in zip(row, pictures, strict=True):
                ax.imshow(np.broadcast_to(picture, (*picture.shape[:2], 3)), interpolation="nearest")
                ax.set(xticks=[], yticks=[])
        for ax, title in zip(axes[0], titles, strict=True):
            ax.set_title(title, fontsize=8)
