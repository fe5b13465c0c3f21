"""Photographs that are in two data sets at once: a net that learned one of them has seen them already. ZFNet, section
5.2, found them by normalised correlation and trained its net again without them.

    u = (t - mean t) / |t - mean t|        t: the image as a small thumbnail, minus the mean of each colour   (1)
    correlation = u·v, from -1 to 1        1: the same but for brightness, contrast and a tint                (2)

The mean is taken of each colour by itself: with one mean for all three, any two blue skies are alike.

A thumbnail averages, so a copy is found after a small change: brightness, contrast, a tint, noise, JPEG, another size.
What is mirrored, turned, or cropped by more than about a thumbnail's pixel is another image here: to find mirrored
copies, look for `images[:, :, ::-1]` as well. An image of one colour has no correlation: it is never found. Smooth
images are alike: look at what is found, or choose a higher threshold.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..devices.device import check_kind
from ..sizes import as_int
from .dataset import Split
from .subset import Chosen

ROUNDING = 1e-5  # by which float32 may miss the correlation 1 of two equal thumbnails: up to half of it has been seen


def thumbnails(images: Any, side: int = 8, block: int = 1024) -> np.ndarray:
    """The u of (1) for images (N, H, W, C) uint8: (N, side · side · C) float32, zeros for images of one colour.

    Raises ValueError for images of another form, or smaller than `side`; TypeError for masked arrays and the like.
    """
    check_kind(images, "thumbnails", "images")
    side, block = as_int(side, "thumbnails side"), as_int(block, "thumbnails block")
    if len(images.shape) != 4 or images.dtype != np.uint8 or min(images.shape[1:3]) < side:
        raise ValueError(f"thumbnails: expected images (N, H, W, C) uint8 of at least {side} x {side} pixels, got "
                         f"shape {images.shape}, {images.dtype}")
    parts = [_normalised(images[first:first + block], side) for first in range(0, len(images), block)]
    return np.concatenate(parts) if parts else np.zeros((0, side * side * images.shape[3]), np.float32)


def _normalised(images: np.ndarray, side: int) -> np.ndarray:
    small = images.astype(np.float32)
    for axis in 1, 2:  # rows, then columns: the means of `side` stretches, which differ by at most one pixel
        edges = np.arange(side + 1) * images.shape[axis] // side
        shape = [-1 if each == axis else 1 for each in range(4)]
        small = np.add.reduceat(small, edges[:-1], axis=axis) / np.diff(edges).reshape(shape)
    small -= small.mean(axis=(1, 2), keepdims=True)
    u = small.reshape(len(images), -1)                                               # (n, side · side · C)
    length = np.sqrt(np.einsum("nd,nd->n", u, u))[:, None]
    return np.where(length > 1e-2, u / np.maximum(length, 1e-2), 0).astype(np.float32)   # eq. (1)


def near_duplicates(images: Any, others: Any, threshold: float = 0.95, side: int = 8, block: int = 1024
                    ) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of nearly the same image: pairs (P, 2) int64, the index in `images` and that in `others`, and their
    correlations (P,) float32, in the order of the pairs. Those from `threshold` on are pairs, but for rounding: with
    1, all copies are.

    images (N, H, W, C) and others (M, h, w, C) uint8, arrays or what behaves like them; their sizes may differ. Of
    `images` a block is read at a time, and compared with a block of the others' thumbnails: beside these (M, side ·
    side · C) there are never more than block² numbers.

    Raises ValueError for a threshold that is not above 0 and at most 1, for other channels, and what `thumbnails`
    raises.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"near_duplicates: expected a threshold above 0 and at most 1, got {threshold}")
    if images.shape[3:] != others.shape[3:]:
        raise ValueError(f"near_duplicates: expected images of the same channels, got shapes {images.shape} and "
                         f"{others.shape}")
    theirs, pairs, found = thumbnails(others, side, block), [np.zeros((0, 2), np.int64)], [np.zeros(0, np.float32)]
    for first in range(0, len(images), block):
        mine = thumbnails(images[first:first + block], side, block)
        for start in range(0, len(theirs), block):
            correlation = mine @ theirs[start:start + block].T                       # eq. (2)
            here = np.argwhere(correlation >= threshold * (1 - ROUNDING))
            found.append(correlation[here[:, 0], here[:, 1]])
            pairs.append(here + (first, start))
    pairs, found = np.concatenate(pairs), np.concatenate(found)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return pairs[order], found[order]


def without(split: Split, indices: np.ndarray) -> Split:
    """The split without the images at `indices`, none of which is copied: the first column of the pairs, for example.

    Raises ValueError for indices that are no images of the split, and if nothing would be left.
    """
    check_kind(indices, "without", "indices")
    indices, N = np.unique(indices), len(split.labels)
    if len(indices) and (indices.dtype.kind not in "iu" or indices[0] < 0 or indices[-1] >= N):
        raise ValueError(f"without: expected indices, whole numbers from 0 to {N - 1}, got {indices.dtype} from "
                         f"{indices[0]} to {indices[-1]}")
    left = np.setdiff1d(np.arange(N), indices)
    if not len(left):
        raise ValueError(f"without: nothing is left of {N} images")
    return Split(Chosen(split.images, left), split.labels[left])
