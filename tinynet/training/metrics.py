"""How good are the answers? Errors and the confusion matrix, from probabilities and labels. And can the net still
learn? The share of its units that let hardly any gradient through."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..container import run
from ..devices.device import check_kind, on_host
from ..files.terminal import fitted, width_of
from ..layer import Layer, aside
from ..layers.activation import ReLU, ScaledTanh, Sigmoid, Tanh

# The slope of a nonlinearity at its output y, as a share of what it is where it is steepest.
SLOPES = {ReLU: lambda y: y > 0, Tanh: lambda y: 1 - y * y, Sigmoid: lambda y: 4 * y * (1 - y),
          ScaledTanh: lambda y: 1 - (y / ScaledTanh.A) ** 2}


def top_k_error(probabilities: np.ndarray, labels: np.ndarray, k: int = 1) -> float:
    """The share of rows of `probabilities` (N, classes) whose label is not among the k most probable classes.

    AlexNet reports k = 1 and 5. Ties count against the net: a label is among the k best only if fewer than k other
    classes are at least as probable, so a net that calls everything equally probable is always wrong. Raises ValueError
    for a k that is no whole number from 1 to that of the classes, and what `check_probabilities` raises.
    """
    probabilities, labels = check_probabilities(probabilities, labels)
    if isinstance(k, bool) or not hasattr(k, "__index__") or not 1 <= k <= probabilities.shape[1]:
        raise ValueError(f"top_k_error: expected k from 1 to {probabilities.shape[1]} (the classes), got {k}")
    right = probabilities[np.arange(len(labels)), labels][:, None]                   # (N, 1)
    at_least_as_probable = (probabilities >= right).sum(axis=1)                      # (N,), itself included
    return float((at_least_as_probable > k).mean())


def per_class_accuracy(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The share of each class's images that are recognised: (classes,), NaN for a class that has none. ZFNet, section
    5.2 (Tables 3 and 4), reports the mean over the classes, so that large classes do not count more than small ones.
    Raises what `check_probabilities` raises."""
    matrix = confusion_matrix(probabilities, labels)
    with np.errstate(invalid="ignore"):
        return matrix.diagonal() / matrix.sum(axis=1)


def average_precision(scores: np.ndarray, present: np.ndarray) -> np.ndarray:
    """How well each class's images are ranked before the others, where an image may have several objects: (classes,),
    NaN for a class that is in no image. scores (N, classes); present (N, classes) of 0 and 1.

    The area under precision over recall, where at each recall the best precision at that or a higher one counts: that
    of PASCAL VOC from 2010 on (ZFNet, Table 5). Among equal scores the images without the class are ranked first, so
    that a net that says the same of all images gains nothing. Raises ValueError for shapes that do not fit and NaN,
    TypeError for masked arrays, tensors and the like.
    """
    check_kind(scores, "average_precision", "scores")
    check_kind(present, "average_precision", "present")
    scores, present = np.asarray(scores), np.asarray(present)
    if scores.ndim != 2 or scores.shape != present.shape or not len(scores):
        raise ValueError(f"average_precision: expected scores (N, classes) and as many zeros and ones, got shapes "
                         f"{scores.shape} and {present.shape}")
    if not np.isfinite(scores).all() or not np.isin(present, (0, 1)).all():
        raise ValueError("average_precision: expected finite scores, and 1 for what is there, 0 for what is not")
    found, scores = np.full(scores.shape[1], np.nan), scores.astype(np.float64)      # of unsigned ones, -1 is the most
    for c in np.flatnonzero(present.any(axis=0)):
        ranked = present[np.lexsort((present[:, c], -scores[:, c])), c].astype(bool)  # (N,), best first
        precision = ranked.cumsum() / np.arange(1, len(ranked) + 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]                          # at this recall or a higher one
        found[c] = best[ranked].mean()
    return found


def confusion_matrix(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(classes, classes) counts: row, the true class; column, the class the net finds most probable, of several the
    first (where `top_k_error` counts a mistake). Raises what `check_probabilities` raises."""
    probabilities, labels = check_probabilities(probabilities, labels)
    classes = probabilities.shape[1]
    pairs = labels * classes + probabilities.argmax(axis=1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def confusion_table(matrix: np.ndarray, classes: tuple[str, ...]) -> str:
    """The confusion matrix as text to print, with the share of each true class that was recognised."""
    width = max(map(width_of, classes))
    cell = max(5, len(str(matrix.max())) + 1)
    lines = [" " * width + "".join(" " + fitted(name, cell - 1, right=True) for name in classes) + "  right"]
    for name, row, right in zip(classes, matrix, matrix.diagonal(), strict=True):
        share = f"{right / row.sum():6.1%}" if row.sum() else "     -"
        lines.append(fitted(name, width, right=True) + "".join(f"{count:>{cell}}" for count in row) + " " + share)
    return "\n".join(lines)


def flat_shares(net: Layer, x: np.ndarray) -> dict[str, float]:
    """For each ReLU, Tanh, ScaledTanh and Sigmoid, the share of its units that stand where it is flat, with less than a
    tenth of its steepest slope, so that hardly any gradient comes through: a tanh beyond ±0.95, a ReLU at 0. Of two
    columns, one for each."""
    shares = {}

    def measure(name: str, layer: Layer, x: Any, y: Any) -> None:
        if type(layer) in SLOPES:
            slope = SLOPES[type(layer)](on_host(y))
            shares[name] = round(float((slope < 0.1).mean()), 4)

    with aside():
        run("", net, x, seen=measure)
    return shares


def check_probabilities(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays, the labels int64. Raises ValueError for shapes that do not fit, labels out of range, NaN and
    infinity; TypeError for labels that are no whole numbers."""
    check_kind(probabilities, "metrics", "probabilities")
    check_kind(labels, "metrics", "labels")
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        raise ValueError(f"expected probabilities (N, classes) and N labels, got shapes {probabilities.shape} and "
                         f"{labels.shape}")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"expected whole numbers as labels, got {labels.dtype}")
    if labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        raise ValueError(f"expected labels from 0 to {probabilities.shape[1] - 1}, got {labels.min()} to "
                         f"{labels.max()}")
    if not np.isfinite(probabilities).all():
        raise ValueError("the probabilities hold NaN or infinity: there is no order to rank classes by")
    return probabilities, labels.astype(np.int64)
