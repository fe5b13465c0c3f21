"""Images for pictures: checked, and many small ones laid out as one."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def tile(images: np.ndarray, columns: int, gap: int = 1) -> np.ndarray:
    """Images (n, H, W, 3 or 1) uint8 side by side, at most `columns` in a row, `gap` white pixels apart: (h, w, 3)."""
    n, H, W, _ = images.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    sheet = np.full((rows * (H + gap), columns * (W + gap), 3), 255, np.uint8)
    for i, image in enumerate(images):
        top, left = i // columns * (H + gap), i % columns * (W + gap)
        sheet[top:top + H, left:left + W] = image  # one channel, grey, becomes three
    return sheet[:rows * (H + gap) - gap, :columns * (W + gap) - gap]  # no gap at the edge


def as_large(images: Sequence[np.ndarray], fill: int) -> np.ndarray:
    """Images (h, w, C), each of its own size, as one array as large as the largest, `fill` below and on the right."""
    h, w = (max(image.shape[axis] for image in images) for axis in (0, 1))
    return np.stack([np.pad(image, ((0, h - image.shape[0]), (0, w - image.shape[1]), (0, 0)), constant_values=fill)
                     for image in images])


def check_images(images: np.ndarray, what: str, axes: str = "N") -> np.ndarray:
    """`images`, if they are (`axes`..., H, W, 3 or 1) uint8 and not none; else TypeError or ValueError."""
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise TypeError(f"{what}: expected images of uint8, 0 to 255, got {images.dtype}")
    dimensions = axes.count(",") + 4
    if images.ndim != dimensions or images.shape[-1] not in (1, 3) or images.size == 0:
        raise ValueError(f"{what}: expected images ({axes}, H, W, 3), or 1 for grey, got shape {images.shape}")
    return images
