"""What the net says about single images: AlexNet, Figure 4, left.

Under each image its true label, if it is known, and the most probable classes as bars: the right one in red, if it is
among them.
"""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..files.terminal import shortened_to
from ..sizes import as_int
from ..training.metrics import check_probabilities
from .figure import figure
from .images import check_images

PER_ROW, MOST = 4, 16
BAR = 0.13  # height of a bar, in widths of the image
LONGEST = 22  # letters of a name, which are as wide as the image; of Chinese ones half as many


def draw_predictions(path: str | os.PathLike, images: np.ndarray, labels: np.ndarray | None, probabilities: np.ndarray,
                     classes: Sequence[str], k: int = 5, note: str = "", names: Sequence[str] | None = None) -> None:
    """Write the images with the `k` most probable classes of each (all, if there are fewer) to `path`.

    images (N, H, W, 3) uint8, at most 16; labels (N,) whole numbers, or None; probabilities (N, classes); classes the
    names. What stands under each image is its class, or else one of `names`.
    Raises ValueError for shapes that do not fit, fewer names than images, labels out of range, and NaN; TypeError for
    another kind of numbers.
    """
    images = check_images(images, "draw_predictions")
    unknown = labels is None
    probabilities, labels = check_probabilities(probabilities, np.zeros(len(images), int) if unknown else labels)
    if len(images) > MOST or len(images) != len(labels) or probabilities.shape[1] != len(classes):
        raise ValueError(f"draw_predictions: expected at most {MOST} images, as many rows of probabilities, and a name "
                         f"for each of their classes, got {len(images)} images, probabilities of shape "
                         f"{probabilities.shape} and {len(classes)} names")
    if names is not None and len(names) < len(images):
        raise ValueError(f"draw_predictions: expected one of `names` for each image, got {len(names)} names for "
                         f"{len(images)} images")
    k = min(as_int(k, "draw_predictions k"), len(classes))
    columns, height = min(PER_ROW, len(images)), images.shape[1] / images.shape[2] + BAR * (k + 1.3)
    rows = -(-len(images) // columns)
    with figure(path, 2 * columns, 2 * rows * height, note, grid=(rows, columns)) as axes:
        for ax in axes.flat:
            ax.axis("off")
        below = names or ["" if unknown else classes[label] for label in labels]
        for ax, image, label, p, name in zip(axes.flat, images, labels, probabilities, below, strict=False):
            _draw_one(ax, image, name)
            for place, c in enumerate(np.argsort(-p, kind="stable")[:k], start=1):
                _draw_bar(ax, -BAR * (place + 0.8), float(p[c]), classes[c], right=bool(c == label) and not unknown)


def _draw_one(ax: Any, image: np.ndarray, name: str) -> None:
    """The image, one unit wide, standing on y = 0, and its label below."""
    height = image.shape[0] / image.shape[1]
    rgb = np.broadcast_to(image, (*image.shape[:2], 3))
    ax.imshow(rgb, extent=(0, 1, 0, height), interpolation="nearest")
    ax.text(0.5, -0.65 * BAR, shortened_to(name, LONGEST), ha="center", va="center", fontsize=9, fontweight="bold")


def _draw_bar(ax: Any, y: float, p: float, name: str, right: bool) -> None:
    ax.barh(y, p, 0.85 * BAR, color="#f08080" if right else "#a8c4e6")
    ax.text(0.02, y, name, va="center", fontsize=8)
    ax.set(xlim=(0, 1), ylim=(y - BAR, None))
