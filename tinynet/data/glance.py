"""A glance at each image of a batch: where and how it is looked at, and what is seen there.

    drawn on the host     the corner of a crop, mirrored or not, a colour: a few numbers for each image
    computed anywhere     x[r, q] = (image[i + r, j + q] - mean[i + r, j + q] + colour) / scale, or 0 beside the image

The numbers come from the same Generator in the same order wherever x is computed, and x is the same bits. So a GPU is
sent the images as they are stored, a byte a number, and a data set that is there already need not be sent again.
"""
from __future__ import annotations

from typing import Any, NamedTuple

from ..fast.operation import operation
from .augment import flip


class Glance(NamedTuple):
    """Images as they are stored, and what was drawn: `where` (N, 3) whole numbers, the row and the column at which each
    one's crop begins, and 1 if it is mirrored; `colors` (N, 3) float32, to be added, or None. Without `where` the whole
    of each image is seen."""

    images: Any
    where: Any = None
    colors: Any = None


@operation
def look(images: Any, mean: Any, where: Any, colors: Any, scale: float, x: Any, xp: Any) -> None:
    """Fill x (N, h, w, C): of each image (H, W, C) the crop at the row and the column in `where` (N, 3), minus the mean
    there, plus its colour of `colors` (N, C) or None, over `scale`; flipped, if the third number in `where` is 1. What
    lies beside the image is 0."""
    (_, H, W_, C), (N, h, w, _) = images.shape, x.shape
    colors = [None] * N if colors is None else colors
    for y, image, (i, j, mirrored), color in zip(x, images, where.tolist(), colors, strict=True):
        top, left = max(i, 0), max(j, 0)
        bottom, right = max(top, min(i + h, H)), max(left, min(j + w, W_))
        inside = y[top - i:bottom - i, left - j:right - j]                           # of the crop: pixels of the image
        if inside.shape != y.shape:
            y[...] = 0
        there = mean[top:bottom, left:right] if mean.ndim == 3 else mean
        xp.subtract(image[top:bottom, left:right], there, out=inside, dtype=x.dtype)
        if color is not None:
            rows = inside.reshape(bottom - top, (right - left) * C)                  # a long inner loop
            rows += xp.tile(color, right - left)
        if scale != 1:
            inside /= x.dtype.type(scale)
        if mirrored:
            flip(y, xp)
