"""What are a net's features worth for other classes than those it has learned? ZFNet, section 5.2 and 5.3.

    probe    only a linear classifier is trained, on the activations of a layer that stays as it is: softmax, or a
             linear support vector machine (HingeLoss)
    learn    a whole net is trained on the same few images: from random weights, or from those of another training,
             with some layers frozen or none

Features are computed once (`look.neighbors.features`) and serve for every number of images per class and every draw.
Each draw has a seed, and the smaller sets are the beginnings of the larger ones, so that two ways to learn are compared
on the same images: mean ± standard error over the draws.

    x' = (x - mean) / (s √D)         mean, s: of the training features, s over all of them; so |x'| is about 1     (1)
    error of the mean = √(Σ (v - mean)² / (n - 1)) / √n                                                           (2)

By (1) one learning rate serves for layers of any size.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..data import Loader, Split, View
from ..devices.device import check_kind
from ..init import gaussian
from ..layers.linear import Linear
from ..loss import SoftmaxCrossEntropy
from ..net import Sequential
from .optim import SGD, Adam
from .schedule import falling
from .train import train


def draw_per_class(labels: np.ndarray, k: int, seed: int) -> np.ndarray:
    """The indices (classes · k,) of k images of each class, drawn with `seed`: with a larger k, the same and more.

    Raises ValueError if a class has fewer than k, which it names; TypeError for masked arrays, tensors and the like.
    """
    check_kind(labels, "draw_per_class", "labels")
    labels, rng, drawn = np.asarray(labels), np.random.default_rng(seed), []
    for c in np.unique(labels):
        of_class = rng.permutation(np.flatnonzero(labels == c))
        if not 1 <= k <= len(of_class):
            raise ValueError(f"draw_per_class: expected k from 1 to {len(of_class)}, as many images as class {c} has, "
                             f"got {k}")
        drawn.append(of_class[:k])
    return np.concatenate(drawn)


class Probe:
    """A linear classifier of features (N, D).

        probe = Probe(1024, 10, rng).fit(x, labels, loss=HingeLoss())
        accuracy = np.nanmean(per_class_accuracy(probe.scores(x_test), labels_test))

    `loss` has the scores and the labels: SoftmaxCrossEntropy by default, or one of one_vs_rest.py. `decay` is the
    weight decay, `steps` how many there are at least, of `lr` falling to 0 in a straight line.
    """

    def __init__(self, features: int, classes: int, rng: np.random.Generator) -> None:
        self.features, self.classes, self.rng = features, classes, rng
        self.net: Sequential | None = None  # until `fit`, which leaves a net, mean and scale that belong together

    def fit(self, x: np.ndarray, labels: np.ndarray, *, loss: Any = None, decay: float = 1e-3, steps: int = 300,
            lr: float = 1.0, batch_size: int = 128) -> Probe:
        """Train on features x (N, D) and their labels, from new weights, whatever was learned before. Raises ValueError
        for features that do not fit, are NaN, or are all the same; TypeError for masked arrays, tensors and the
        like; and what `train` raises. After an error, what was learned before stays."""
        check_kind(labels, "Probe", "labels")
        x = self._checked(x)
        mean = x.mean(axis=0, dtype=np.float64).astype(x.dtype)
        spread = float((x - mean).std(dtype=np.float64))
        if not spread or (x == x[0]).all():  # their mean is rounded, so the spread may be above 0
            raise ValueError(f"Probe: the {len(x)} features are all the same: there is nothing to tell apart")
        scale = spread * x.shape[1] ** 0.5
        net = Sequential(fc=Linear(self.features, self.classes, rng=self.rng, weight_init=gaussian(0.01)))
        loader = Loader(Split(scaled(x, mean, scale), np.asarray(labels)), min(batch_size, len(x)), self.rng)
        epochs = -(-steps // len(loader))
        train(net, SGD(net.parameters(), lr, weight_decay=decay), loader, epochs, loss=loss,
              metric=lambda scores, targets: 0.0, schedule=falling(lr, epochs))
        self.mean, self.scale, self.net = mean, scale, net
        return self

    def scores(self, x: np.ndarray) -> np.ndarray:
        """The classes' scores (N, classes); the highest is the answer. RuntimeError before `fit`."""
        x = self._checked(x)
        if self.net is None:
            raise RuntimeError("Probe: it has learned nothing yet; call fit(x, labels) first")
        return self.net.forward(scaled(x, self.mean, self.scale))

    def _checked(self, x: np.ndarray) -> np.ndarray:
        check_kind(x, "Probe", "features")
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != self.features or not len(x):
            raise ValueError(f"Probe: expected finite features (N, {self.features}), got shape {x.shape}")
        if not np.isfinite(x).all():
            raise ValueError("Probe: expected finite features, got NaN or infinity")
        return x.astype(np.result_type(x, np.float32), copy=False)  # float16 is for storing, not for sums


def scaled(x: np.ndarray, mean: np.ndarray, scale: float) -> np.ndarray:
    """Features as a probe sees them: eq. (1), with `scale` for s √D."""
    return ((x - mean) / scale).astype(np.float32)


def learn(net: Sequential, split: Split, view: View, rng: np.random.Generator, *, frozen: Sequence[str] = (),
          steps: int = 100, lr: float = 1e-3, batch_size: int = 32) -> float:
    """Train `net` by Adam on the images of `split`, all layers but those called `frozen`; returns the training error
    of the last epoch. The rate falls to 0 in a straight line. Raises what `train` and `freeze` raise."""
    if frozen:
        net.freeze(*frozen)
    loader = Loader(split, min(batch_size, len(split.labels)), rng, view.train)
    epochs = -(-steps // len(loader))
    records = train(net, Adam(net.parameters(), lr), loader, epochs, loss=SoftmaxCrossEntropy(),
                    schedule=falling(lr, epochs))
    return float(records[-1]["train_error"])


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Their mean and its standard error, (2); NaN for one value, which does not tell."""
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"mean_and_error: expected one value or more, got shape {values.shape}")
    error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
    return float(values.mean()), float(error)
