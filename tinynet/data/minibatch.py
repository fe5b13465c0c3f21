"""From whole arrays to what a training step takes: batches in a random order; the mean image to subtract.

One pass over `batches` is one epoch: every image once. Draw a new order for each epoch by calling it again
with the same Generator.
"""
from __future__ import annotations

import operator
from collections.abc import Iterator

import numpy as np


def batches(images: np.ndarray, labels: np.ndarray, batch_size: int,
            rng: np.random.Generator | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (images, labels) in batches of `batch_size`; the last one may be shorter.

    images (N, ...), labels (N,) → batches (B, ...) and (B,). The order is drawn from `rng`, at the call;
    without one the batches are in order, and are views of the arrays, not copies.

    Raises ValueError if there are no images, if there are not as many labels as images, or if batch_size < 1;
    TypeError if batch_size is not an integer or `rng` is not a Generator.
    """
    check("batches", images, labels, batch_size, rng)
    parts = draw_parts(len(images), batch_size, rng)
    return ((images[part], labels[part]) for part in parts)


def draw_parts(n: int, batch_size: int, rng: np.random.Generator | None) -> list[slice | np.ndarray]:
    """Which of `n` images each batch holds: indices, in an order drawn from `rng`; without one, slices in order."""
    slices = [slice(start, start + batch_size) for start in range(0, n, batch_size)]
    if rng is None:
        return slices
    order = rng.permutation(n)
    return [order[part] for part in slices]


def check(what: str, images: np.ndarray, labels: np.ndarray, batch_size: int, rng: np.random.Generator | None) -> None:
    """Raise what `batches` raises, in the name of `what`."""
    if len(images) != len(labels):
        raise ValueError(f"{what}: expected one label per image, got {len(images)} images and {len(labels)} labels")
    if len(images) == 0:
        raise ValueError(f"{what}: expected at least one image, got none")
    if operator.index(batch_size) < 1:
        raise ValueError(f"{what}: expected a batch_size of 1 or more, got {batch_size}")
    if not (rng is None or isinstance(rng, np.random.Generator)):
        raise TypeError(f"{what}: expected rng to be None or a Generator, got {rng!r}; "
                        "make one with numpy.random.default_rng(seed)")


def mean_image(images: np.ndarray) -> np.ndarray:
    """The mean over the first axis: (N, H, W, C) → (H, W, C) float32.

    Integers are added exactly, as integers; other types in float64. Needs memory for a few hundred images,
    not for a second copy of all. Raises ValueError if there are no images.
    """
    if len(images) == 0:
        raise ValueError("mean_image: expected at least one image, got none")
    # 257 · 255 = 65535: the sum of so many uint8 fits in uint16, four times as many additions per instruction
    # as in 64 bits.
    step, small = (257, np.uint16) if images.dtype == np.uint8 else (256, None)
    total = np.zeros(images.shape[1:], np.int64 if images.dtype.kind in "biu" else np.float64)
    for start in range(0, len(images), step):
        total += images[start:start + step].sum(axis=0, dtype=small or total.dtype)  # (H, W, C)
    return (total / len(images)).astype(np.float32)
