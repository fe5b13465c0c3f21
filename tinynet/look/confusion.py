"""Which classes a net takes for which: the confusion matrix as a picture."""
from __future__ import annotations

import os

import numpy as np

from .figure import figure


def draw_confusion(path: str | os.PathLike, matrix: np.ndarray, classes: tuple[str, ...], title: str = "") -> None:
    """Write `matrix` (classes, classes; rows true, columns predicted) to `path`, each row in percent of its class.

    Raises ValueError if there are not as many names as classes.
    """
    if np.shape(matrix) != (len(classes), len(classes)):
        raise ValueError(f"draw_confusion: expected as many rows and columns as there are names, {len(classes)}, got "
                         f"shape {np.shape(matrix)}")
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    with figure(path, 6.5, 6) as ax:
        ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for i, j in np.ndindex(*share.shape):
            if (percent := f"{share[i, j]:.0%}") != "0%":
                ax.text(j, i, percent, ha="center", va="center", fontsize=8,
                        color="white" if share[i, j] > 0.5 else "black")
        ax.set(xlabel="what the net says", ylabel="what it is", title=title)
        ax.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
        ax.set_yticks(range(len(classes)), classes)
