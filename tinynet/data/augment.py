"""More training images from those there are: random crops and mirror images; and the ten views of a test image.

A net that sees each image from slightly different places cannot learn the pixels by heart. AlexNet, section 4.1
(224x224 crops of 256x256 images); the 13 % and 11 % nets for CIFAR-10 (24x24 of 32x32).
"""
from __future__ import annotations

import numpy as np


def random_crops(images: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """A random size × size crop of every image (N, H, W, C), mirrored left to right half of the time."""
    N, H, W_, _ = _checked(images, size)
    rows = rng.integers(0, H - size + 1, N)[:, None] + np.arange(size)               # (N, size)
    columns = rng.integers(0, W_ - size + 1, N)[:, None] + np.arange(size)           # (N, size)
    mirrored = rng.random(N) < 0.5
    columns[mirrored] = columns[mirrored, ::-1]
    return images[np.arange(N)[:, None, None], rows[:, :, None], columns[:, None, :]]  # (N, size, size, C)


def ten_views(images: np.ndarray, size: int) -> list[np.ndarray]:
    """The four corners and the centre, size × size, and their mirror images: ten times (N, size, size, C).

    AlexNet, section 4.1: the net's answer is the mean of its ten softmax outputs.
    """
    _, H, W_, _ = _checked(images, size)
    bottom, right = H - size, W_ - size
    places = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
    views = [images[:, i:i + size, j:j + size] for i, j in places]
    return views + [view[:, :, ::-1] for view in views]


def enlarge(images: np.ndarray, times: int) -> np.ndarray:
    """Every pixel of images (N, H, W, C) as a square of `times` × `times` pixels."""
    if images.ndim != 4 or times < 1:
        raise ValueError(f"expected images (N, H, W, C) to enlarge 1 or more times, got shape {images.shape} and "
                         f"{times}")
    return images.repeat(times, axis=1).repeat(times, axis=2)                        # (N, times·H, times·W, C)


def _checked(images: np.ndarray, size: int) -> tuple[int, ...]:
    if images.ndim != 4 or not 1 <= size <= min(images.shape[1:3]):
        raise ValueError(f"expected images (N, H, W, C) of at least {size}x{size} pixels to crop, got shape "
                         f"{images.shape}")
    return images.shape
