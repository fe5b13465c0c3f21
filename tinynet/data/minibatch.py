"""From whole arrays to what a training step takes: batches in a random order.

One pass over `batches` is one epoch: every image once. Draw a new order for each epoch by calling it again
with the same Generator.
"""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..devices.device import check_kind, place_of


def batches(images: np.ndarray, labels: np.ndarray, batch_size: int,
            rng: np.random.Generator | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (images, labels) in batches of `batch_size`; the last one may be shorter.

    images (N, ...), labels (N,) → batches (B, ...) and (B,). The order is drawn from `rng`, at the call;
    without one the batches are in order, and are views of the arrays, not copies.

    Raises ValueError if there are no images, if there are not as many labels as images, or if batch_size < 1;
    TypeError if batch_size is not an integer, `rng` is not a Generator, or an array is masked, a matrix or the like.
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
    check_kind(images, what, "images")
    check_kind(labels, what, "labels")
    if len(images) != len(labels):
        raise ValueError(f"{what}: expected one label per image, got {len(images)} images and {len(labels)} labels")
    if len(images) == 0:
        raise ValueError(f"{what}: expected at least one image, got none")
    if isinstance(batch_size, bool) or not hasattr(batch_size, "__index__"):
        raise TypeError(f"{what}: expected a whole number as batch_size, got {batch_size!r}, a "
                        f"{type(batch_size).__name__}")
    if batch_size < 1:
        raise ValueError(f"{what}: expected a batch_size of 1 or more, got {batch_size}")
    if not (rng is None or isinstance(rng, np.random.Generator)):
        raise TypeError(f"{what}: expected rng to be None or a Generator, got {rng!r}; "
                        "make one with numpy.random.default_rng(seed)")
    if isinstance(images, (list, tuple, dict, str)):  # what is indexed otherwise; who decodes images may be of any type
        raise TypeError(f"{what}: expected images in one array (N, H, W, C), got a {type(images).__name__}; make them "
                        "one with np.stack")
    if place_of(labels) is None:
        raise TypeError(f"{what}: expected an array of labels, got a {type(labels).__name__}; make it one with "
                        "np.asarray")
