"""Which images are alike to the net: AlexNet, Figure 4, right.

The activations of the last hidden layer are a vector for each image. The training images whose vectors are nearest to
a test image's, in Euclidean distance, show the same things, often in other poses: their pixels are far apart.

    |q - f|² = |q|² + |f|² - 2 q·f                                                   (1)

makes the distances of many queries from many features one product of matrices. But the difference of large numbers
loses digits: what (1) finds nearest is not quite sure. So (1) only chooses candidates, all that its rounding errors
leave in question, and these are compared by Σ (q - f)² in float64.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..columns import Pair
from ..devices.device import device_of
from ..layer import Layer, aside
from ..net import Sequential
from ..sizes import as_int
from .figure import figure
from .images import check_images, tile
from .retrieval import check_features, check_search, least


def features(net: Sequential, images: np.ndarray, upto: str, prepare: Callable[[np.ndarray], np.ndarray],
             batch_size: int = 128) -> np.ndarray:
    """The activations (N, D) of the layer called `upto`, of a net that is not in training, on the host.

    `prepare` turns images as they are stored into the net's input. A layer inside another is called by its full name,
    "mlpconv3.relu1". Of a net in two columns both columns' activations are joined along the channels, left first.
    """
    outermost, _, inside = upto.partition(".")
    layers, part, found, parts = dict(net.walk()), net[:outermost], [], []
    if inside and (upto not in layers or layers[upto].children()):
        raise KeyError(f"features: {upto!r} is no layer of this net, or one that is made of others")

    def take(name: str, layer: Layer, x: Any, y: Any) -> None:
        if name == upto:
            found.append(y)

    for first in range(0, len(images), as_int(batch_size, "features batch_size")):
        with aside():
            y = part.forward(prepare(images[first:first + batch_size]), seen=take if inside else None)
        y = found.pop() if inside else y
        columns = zip(y.devices, y, strict=True) if isinstance(y, Pair) else [(device_of(y), y)]
        y = np.concatenate([device.tohost(column) for device, column in columns], axis=-1)
        parts.append(y.reshape(len(y), -1))                                          # (n, D)
    if not parts:
        raise ValueError("features: expected one image or more, got none")
    return np.concatenate(parts)


@np.errstate(over="ignore", invalid="ignore")  # of (1)
def nearest(queries: np.ndarray, features: np.ndarray, k: int, batch_size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """The `k` features nearest to each query: their indices (Q, k) and Euclidean distances (Q, k) float64.

    queries (Q, D), features (N, D). Nearest first; of equally near ones the smaller index first. A query that is among
    the features finds itself. Exact, up to the rounding of float64. Raises TypeError for what is no float32 or float64,
    ValueError for shapes that do not fit, k > N, and NaN.
    """
    queries, features = (check_features(x, "nearest") for x in (queries, features))
    check_search(queries, features, k, "nearest")
    dtype = np.result_type(queries, features)
    queries, features = queries.astype(dtype, copy=False), features.astype(dtype, copy=False)
    mean = features.mean(axis=0)  # distances from a point amid the features, not from 0: fewer digits to lose
    centred = features - mean
    squares = np.einsum("nd,nd->n", centred, centred)                                # (N,)
    found, distances = np.empty((len(queries), k), np.int64), np.empty((len(queries), k))
    for first in range(0, len(queries), as_int(batch_size, "nearest batch_size")):
        q = queries[first:first + batch_size] - mean                                 # (q, D)
        own = np.einsum("nd,nd->n", q, q)
        about = own[:, None] + squares - 2 * (q @ centred.T)                         # eq. (1), (q, N)
        # Each sum of D products is off by less than D roundings, each of at most (|q| + |f|)²; 8 more for the rest. And
        # of what is too small for the dtype's full precision, by that.
        limits, roundings = np.finfo(about.dtype), q.shape[1] + 8
        error = roundings * (limits.eps * (own ** 0.5 + squares.max() ** 0.5) ** 2 + limits.tiny)
        for i, query in enumerate(queries[first:first + batch_size], start=first):
            row = about[i - first]
            # Where squares are too large for the dtype, nothing is known: infinity or NaN leaves all in question.
            candidates = np.flatnonzero(~(row > np.partition(row, k - 1)[k - 1] + 2 * error[i - first]))
            exact = ((features[candidates].astype(np.float64) - query) ** 2).sum(axis=1)
            best = least(exact, k)
            found[i], distances[i] = candidates[best], exact[best] ** 0.5
    return found, distances


def draw_neighbors(path: str | os.PathLike, queries: np.ndarray, found: np.ndarray, note: str = "", *,
                   names: Sequence[str] | None = None, right: np.ndarray | None = None) -> None:
    """Write to `path` a row for each query: the image itself, then those found for it, the nearest first.

    queries (Q, H, W, 3) and found (Q, k, H, W, 3) uint8. `names` (Q) are written beside the rows. `right` (Q, k), True
    where the found image is of the query's class: the others get a frame.
    Raises TypeError for images that are not uint8, ValueError for shapes that do not fit.
    """
    queries, found = check_images(queries, "draw_neighbors"), check_images(found, "draw_neighbors", "Q, k")
    (Q, k), (H, W) = found.shape[:2], found.shape[2:4]
    right = np.ones((Q, k), bool) if right is None else np.asarray(right)
    names = [""] * Q if names is None else list(names)
    if queries.shape != (Q, *found.shape[2:]) or right.shape != (Q, k) or len(names) != Q:
        raise ValueError(f"draw_neighbors: expected queries (Q, H, W, C), found (Q, k, H, W, C), right (Q, k) and Q "
                         f"names, got shapes {queries.shape}, {found.shape}, {right.shape} and {len(names)} names")
    gap = max(1, W // 12)
    columns = [tile(queries, 1, gap), tile(found.reshape(-1, *found.shape[2:]), k, gap)]
    apart = np.full((len(columns[0]), 3 * gap, 3), 255, np.uint8)
    with figure(path, 0.75 * (k + 1) + 1.2, 0.75 * Q * H / W + 1.2, note) as ax:
        ax.imshow(np.concatenate([columns[0], apart, columns[1]], axis=1), interpolation="nearest")
        for q, i in np.argwhere(~right.astype(bool)):
            left, top = W + 3 * gap + i * (W + gap) - 0.5, q * (H + gap) - 0.5
            ax.plot(left + np.array([0, W, W, 0, 0]), top + np.array([0, 0, H, H, 0]), color="C1", linewidth=2.5,
                    clip_on=False)
        ax.set_yticks(np.arange(Q) * (H + gap) + H / 2, names)
        ax.set_xticks([W / 2, W + 3 * gap + (k * (W + gap) - gap) / 2], ["test image", "nearest training images" + (
            "" if right.all() else " (framed: of another class)")])
        ax.xaxis.tick_top()
        ax.tick_params(length=0, labelsize=9)
        ax.spines[:].set_visible(False)
