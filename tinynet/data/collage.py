"""Pictures of several objects, made of pictures of one: four of them, each at half its size, in a square of two by two.

It stands for PASCAL's photographs in ZFNet's Table 5, where what is there is a list and the score an average precision
for each class. Here as there a net meets several objects that are smaller than those it has learned.
"""
from __future__ import annotations

import numpy as np

from ..devices.device import check_kind
from ..sizes import as_int


def collages(images: np.ndarray, labels: np.ndarray, classes: int, n: int, rng: np.random.Generator
             ) -> tuple[np.ndarray, np.ndarray]:
    """`n` collages (n, H, W, C) uint8 of four of the images each, which may show the same class twice, and what is in
    them: (n, classes) of 0 and 1.

    images (N, H, W, C) uint8 of even height and width, labels (N,) from 0 to `classes` - 1. Raises ValueError for
    others, and for fewer than four images; TypeError for masked arrays, tensors and the like.
    """
    check_kind(images, "collages", "images")
    check_kind(labels, "collages", "labels")
    labels = np.asarray(labels)
    if (images.ndim != 4 or images.dtype != np.uint8 or images.shape[1] % 2 or images.shape[2] % 2 or len(images) < 4
            or labels.shape != images.shape[:1]):
        raise ValueError(f"collages: expected four images or more (N, H, W, C) uint8 of even height and width and "
                         f"labels (N,), got shape {images.shape}, {images.dtype}, and labels of shape {labels.shape}")
    N, H, W, C = images.shape
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"collages: expected labels, whole numbers from 0 to {classes - 1}, got {labels.dtype} from "
                         f"{labels.min()} to {labels.max()}")
    half = images.reshape(N, H // 2, 2, W // 2, 2, C).mean(axis=(2, 4), dtype=np.float32).round().astype(np.uint8)
    chosen = np.stack([rng.choice(N, 4, replace=False) for _ in range(as_int(n, "collages n"))])   # (n, 4)
    parts = half[chosen].reshape(n, 2, 2, H // 2, W // 2, C)
    present = np.zeros((n, classes), np.int64)
    present[np.arange(n)[:, None], labels[chosen]] = 1
    return parts.transpose(0, 1, 3, 2, 4, 5).reshape(n, H, W, C), present
