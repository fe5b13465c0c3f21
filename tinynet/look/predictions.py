"""What the net says about single images: AlexNet, Figure 4, left.

Under each image its true label, and the most probable classes as bars: the right one in red, if it is among them.
"""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..sizes import as_int
from ..training.metrics import check_probabilities
from .figure import figure
from .images import check_images

PER_ROW, MOST = 4, 16
BAR = 0.13  # height of a bar, in widths of the image


def draw_predictions(path: str | os.PathLike, images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray,
                     classes: Sequence[str], k: int = 5, note: str = "") -> None:
    """Write the images with the `k` most probable classes of each (all, if there are fewer) to `path`.

    images (N, H, W, 3) uint8, at most 16; labels (N,) whole numbers; probabilities (N, classes); classes the names.
    Raises ValueError for shapes that do not fit, labels out of range, and NaN; TypeError for another kind of numbers.
    """
    images = check_images(images, "draw_predictions")
    probabilities, labels = check_probabilities(probabilities, labels)
    if len(images) > MOST or len(images) != len(labels) or probabilities.shape[1] != len(classes):
        raise ValueError(f"draw_predictions: expected at most {MOST} images, as many rows of probabilities, and a name "
                         f"for each of their classes, got {len(images)} images, probabilities of shape "
                         f"{probabilities.shape} and {len(classes)} names")
    k = min(as_int(k, "draw_predictions k"), len(classes))
    rows, height = -(-len(images) // PER_ROW), images.shape[1] / images.shape[2] + BAR * (k + 1.3)
    with figure(path, 8, 2 * rows * height, note, grid=(rows, PER_ROW)) as axes:
        for ax in axes.flat:
            ax.axis("off")
        for ax, image, label, p in zip(axes.flat, images, labels, probabilities, strict=False):
            _draw_one(ax, image, classes[label])
            for place, c in enumerate(np.argsort(-p, kind="stable")[:k], start=1):
                _draw_bar(ax, -BAR * (place + 0.8), float(p[c]), classes[c], right=bool(c == label))


def _draw_one(ax: Any, image: np.ndarray, name: str) -> None:
    """The image, one unit wide, standing on y = 0, and its label below."""
    height = image.shape[0] / image.shape[1]
    rgb = np.broadcast_to(image, (*image.shape[:2], 3))
    ax.imshow(rgb, extent=(0, 1, 0, height), interpolation="nearest")
    ax.text(0.5, -0.65 * BAR, name, ha="center", va="center", fontsize=9, fontweight="bold")


def _draw_bar(ax: Any, y: float, p: float, name: str, right: bool) -> None:
    ax.barh(y, p, 0.85 * BAR, color="#f08080" if right else "#a8c4e6")
    ax.text(0.02, y, name, va="center", fontsize=8)
    ax.set(xlim=(0, 1), ylim=(y - BAR, None))
