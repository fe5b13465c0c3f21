"""What must be known of all training images before the first can be learnt from: their mean, and how colours vary.

Both come from sums over all images, of whole numbers and so exact: in whatever order, by however many threads.

    total      Σ of the images, pixel by pixel                       (H, W, 3)
    products   Σ of (r, g, b)ᵀ(r, g, b) over all pixels              (3, 3)

The covariance of the colours of n pixels, c = (r, g, b), is then Σ cᵀc / n - (Σ c / n)ᵀ(Σ c / n).
"""
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..devices.device import check_kind
from ..fast.parallel import get_threads, over_batch
from .progress import in_batches

BLOCK = 64  # images that a thread has in memory at a time


class Statistics(NamedTuple):
    """Sums over `count` colour images."""

    count: int
    total: np.ndarray      # (H, W, 3) int64
    products: np.ndarray   # (3, 3) int64

    @property
    def mean(self) -> np.ndarray:
        """The mean image (H, W, 3) float32."""
        return (self.total / self.count).astype(np.float32)

    @property
    def spread(self) -> float:
        """The standard deviation of all numbers around those of the mean image: what they are divided by to get a
        variance of 1."""
        numbers = self.total.size * self.count
        return (int(self.products.trace()) / numbers - float(np.mean((self.total / self.count) ** 2))) ** 0.5

    @property
    def components(self) -> tuple[np.ndarray, np.ndarray]:
        """The principal components of the colours: eigenvalues λ (3,), the largest first, and eigenvectors (3, 3),
        `[:, i]` the one of λ_i, of the covariance of all pixels as numbers from 0 to 1.

        The sign of an eigenvector is free: here its entry of largest magnitude is positive.
        """
        pixels = self.count * self.total.shape[0] * self.total.shape[1]
        products, sums = self.products.astype(object), self.total.sum(axis=(0, 1)).astype(object)  # exact: no limit
        covariance = (pixels * products - np.outer(sums, sums)) / (255 * pixels) ** 2
        values, vectors = np.linalg.eigh(covariance.astype(np.float64))              # the smallest first
        values, vectors = values[::-1].clip(min=0), vectors[:, ::-1]
        largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
        return values, vectors * np.sign(largest)                                    # (3,), (3, 3)


def sums(images: np.ndarray) -> Statistics:
    """Of a few images (N, H, W, 3) uint8 that are in memory.

    Raises ValueError if they are not in colour, TypeError if they are not uint8.
    """
    if images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(f"statistics: expected colour images of shape (H, W, 3), got {images.shape[1:]}")
    if images.dtype != np.uint8:
        raise TypeError(f"statistics: expected images as they are stored, uint8, got {images.dtype}")
    products = sum((color_products(image) for image in images), start=np.zeros((3, 3), np.int64))
    return Statistics(len(images), images.sum(axis=0, dtype=np.uint32).astype(np.int64), products)


def color_products(image: np.ndarray) -> np.ndarray:
    """Σ of (r, g, b)ᵀ(r, g, b) over the pixels of an image (H, W, 3) uint8: (3, 3)."""
    colors = image.reshape(-1, 3).astype(np.int64)
    return colors.T @ colors


def possible(sums: Statistics) -> bool:
    """Whether there may be images with these sums: what is out of every bound is damaged."""
    totals, products = sums.total.sum(axis=(0, 1)).tolist(), sums.products.tolist()  # of Python: no limit
    pixels = sums.count * sums.total.shape[0] * sums.total.shape[1]
    return bool((sums.total >= 0).all() and (sums.total <= 255 * sums.count).all() and all(
        s * s <= pixels * products[c][c] and products[c][c] <= 255 * s and products[c][d] == products[d][c] >= 0
        and products[c][d] ** 2 <= products[c][c] * products[d][d]
        for c, s in enumerate(totals) for d in range(3)))


def measure(images: Any, title: str = "") -> Statistics:
    """Of all images, an array (N, H, W, 3) uint8 or what can be indexed like one: one pass, by all threads, a few
    images at a time; with a `title`, and its progress on stderr.

    Raises what `sums` raises, and ValueError if there are no images, TypeError for masked arrays and the like.
    """
    check_kind(images, "statistics", "images")
    if len(images) == 0:
        raise ValueError("statistics: expected at least one image, got none")
    parts: list[Statistics] = []
    for batch in in_batches(len(images), BLOCK * get_threads(), title):
        def of(part: slice, first: int = batch.start) -> Statistics:
            return sums(images[first + part.start:first + part.stop])

        parts = [add(parts + over_batch(of, batch.stop - batch.start))]
    return parts[0]


def add(parts: list[Statistics]) -> Statistics:
    """The sums over all parts."""
    return Statistics(*(sum(numbers[1:], start=numbers[0]) for numbers in zip(*parts, strict=True)))


def statistics_of(images: Any, title: str = "") -> Statistics:
    """As `measure`, but not computed again where they are kept beside the images."""
    kept = getattr(images, "statistics", None)
    return kept() if kept else measure(images, title)


def mean_image(images: Any) -> np.ndarray:
    """The mean over the first axis: (N, H, W, C) → (H, W, C) float32.

    Integers are added exactly, as integers; other types in float64. Needs memory for a few hundred images,
    not for a second copy of all. Raises ValueError if there are no images, TypeError for masked arrays and the like.
    """
    check_kind(images, "mean_image", "images")
    if isinstance(images, (list, tuple)):
        raise TypeError(f"mean_image: expected images in one array (N, H, W, C), got a {type(images).__name__}; make "
                        "them one with np.stack")
    if len(images) == 0:
        raise ValueError("mean_image: expected at least one image, got none")
    if hasattr(images, "statistics"):
        return images.statistics().mean
    # 257 · 255 = 65535: the sum of so many uint8 fits in uint16, four times as many additions per instruction
    # as in 64 bits.
    step, small = (257, np.uint16) if images.dtype == np.uint8 else (256, None)
    total = np.zeros(images.shape[1:], np.int64 if images.dtype.kind in "biu" else np.float64)
    for start in range(0, len(images), step):
        total += images[start:start + step].sum(axis=0, dtype=small or total.dtype)  # (H, W, C)
    return (total / len(images)).astype(np.float32)
