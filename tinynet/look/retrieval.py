"""Search by short binary codes: AlexNet, section 6.1.

Two images are alike if their features, the activations of a net's last hidden layer, are near. Comparing 4096 real
numbers with those of every stored image is slow; the paper suggests an autoencoder that compresses them to a few bits.

    code    c = round(sigmoid(f(x)))        y = g(c)        L = mean (y - x)²                      (1)
    bits    1 where f(x) > t, t the median of f over the features that were fitted                 (2)
    search  the codes that differ from the query's in the fewest bits (Hamming distance)           (3)

f and g are nets of two layers. y can only be near x if the few bits of c say where x is, so that near vectors get near
codes. The rounding of (1) is there so that nothing is lost when the code becomes bits: the decoder has never seen
anything else. It has no slope of its own; the gradient passes it as if it were not there. By the medians of (2)
each bit is 1 for half of the vectors, so that none is wasted on what is the same for all.
"""
from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..data import Loader, Split
from ..devices.device import Device, check_kind, cpu, on_host
from ..init import fan_in
from ..layer import Layer
from ..layers.activation import ReLU, Sigmoid
from ..layers.linear import Linear
from ..loss import MeanSquaredError
from ..net import Sequential
from ..sizes import as_int
from ..training.optim import SGD
from ..training.schedule import falling
from ..training.train import train


class Round(Layer):
    """y = 1 where x ≥ 1/2, else 0; dx = dy, which is not the derivative (that is 0) but tells the way."""

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        self.expect(x)
        self.remember(train or keep, x.shape, x.dtype)
        return (x >= 0.5).astype(x.dtype)

    def backward(self, dy: Any) -> Any:
        shape, dtype = self.take()
        self.expect(dy, *shape, what="dy", dtype=dtype)
        return dy.copy()


class Autoencoder(Sequential):
    """Features (N, D) → `hidden` units → a code of `bits` → `hidden` units → features (N, D).

        coder = Autoencoder(4096, 512, 64, rng=rng)
        coder.fit(stored, epochs=10, rng=rng)
        codes = coder.encode(stored)                                      # (N, 8) uint8
        indices, distances = hamming(coder.encode(queries), codes, k=10)

    The net itself works on features minus their `mean`, divided by their `scale` (one number, so that distances keep
    their proportions); `fit` finds both, and the thresholds of the bits, and `save` and `load` keep them.
    """

    def __init__(self, features: int, hidden: int, bits: int, *, device: Device = cpu,
                 rng: np.random.Generator | None = None) -> None:
        if as_int(bits, "Autoencoder bits") % 8:
            raise ValueError(f"Autoencoder: expected a multiple of 8 bits, so that codes fill whole bytes, got {bits}")
        at = {"device": device, "rng": rng}
        super().__init__(
            fc1=Linear(features, hidden, weight_init=fan_in(2.0), **at), relu1=ReLU(),
            fc2=Linear(hidden, bits, weight_init=fan_in(1.0), **at), code=Sigmoid(), bits=Round(),
            fc3=Linear(bits, hidden, weight_init=fan_in(2.0), **at), relu3=ReLU(),
            fc4=Linear(hidden, features, weight_init=fan_in(1.0), **at))
        self.mean = np.zeros(features, np.float32)
        self.scale = np.zeros(1, np.float32)  # 0: neither fitted nor loaded
        self.thresholds = np.zeros(bits, np.float32)

    def astype(self, dtype: Any) -> Autoencoder:
        super().astype(dtype)
        self.mean, self.scale, self.thresholds = (a.astype(dtype) for a in (self.mean, self.scale, self.thresholds))
        return self

    def state(self) -> list[tuple[str, np.ndarray]]:
        return [*super().state(), ("mean", self.mean), ("scale", self.scale), ("thresholds", self.thresholds)]

    def fit(self, features: np.ndarray, epochs: int, rng: np.random.Generator, *, lr: float = 0.5,
            batch_size: int = 128) -> list[float]:
        """Train on `features` (N, D), then set the thresholds; returns the loss of each epoch. A loss of 1 is what
        the mean alone costs, whatever the input.

        The learning rate falls from `lr` to 0 in a straight line. Raises ValueError for a wrong shape, NaN, features
        that are all the same, and other values that cannot be; the net is then as it was. And when training diverges:
        there is no code then.
        """
        features, epochs = self._checked(features), as_int(epochs, "Autoencoder.fit epochs")
        mean = features.mean(axis=0, dtype=np.float64).astype(self.mean.dtype)
        scale = (features - mean).std(dtype=np.float64).astype(self.scale.dtype)
        if scale == 0:
            raise ValueError("Autoencoder: the features are all the same: there is nothing to tell apart")
        x = ((features - mean) / scale).astype(self.mean.dtype)
        loader = Loader(Split(x, x), batch_size, rng)                                # what it should say is its input
        sgd, schedule = SGD(self.parameters(), lr, weight_decay=0.0), falling(lr, epochs)
        self.scale[...] = 0  # a training that does not come to its end leaves no code
        records = train(self, sgd, loader, epochs, loss=MeanSquaredError(), schedule=schedule)  # eq. (1)
        self.mean[...], self.scale[...] = mean, scale
        self.thresholds[...] = np.median(self._before_rounding(features), axis=0)
        return [record["train_loss"] for record in records]

    def encode(self, features: np.ndarray) -> np.ndarray:
        """The codes of `features` (N, D): (N, bits // 8) uint8, eight bits to a byte.

        Raises RuntimeError before `fit` or `load`, ValueError for a wrong shape or NaN.
        """
        if self.scale == 0:
            raise RuntimeError("Autoencoder: there is no code yet: call fit(features, ...) or load(path) first")
        return np.packbits(self._before_rounding(self._checked(features)) > self.thresholds, axis=1)  # eq. (2)

    def _before_rounding(self, features: np.ndarray) -> np.ndarray:
        """f of equation (1), (N, bits), on the host. The sigmoid grows with it, so it can be left out."""
        encoder, parts = self[:"fc2"], []
        for first in range(0, len(features), 1024):
            part = encoder.forward(self._scaled(features[first:first + 1024]))
            parts.append(on_host(part))
        return np.concatenate(parts)

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        return ((features - self.mean) / self.scale).astype(self.mean.dtype)

    def _checked(self, features: np.ndarray) -> np.ndarray:
        features = check_features(features, self.label)
        if features.shape[1] != len(self.mean):
            raise ValueError(f"{self.label}: expected features of shape (N, {len(self.mean)}), got {features.shape}")
        return features


def hamming(queries: np.ndarray, codes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The `k` codes nearest to each query: their indices (Q, k) and the numbers of differing bits (Q, k).

    queries (Q, B) and codes (N, B) uint8, as `encode` gives them. Nearest first; of equally near ones, the one with
    the smaller index. Raises TypeError for another dtype, ValueError for shapes that do not fit or k > N.
    """
    for each, name in (queries, "queries"), (codes, "codes"):
        check_kind(each, "hamming", name)
    queries, codes = np.asarray(queries), np.asarray(codes)
    if queries.dtype != np.uint8 or codes.dtype != np.uint8:
        raise TypeError(f"hamming: expected codes of uint8, as encode() gives them, got {queries.dtype} and "
                        f"{codes.dtype}")
    check_search(queries, codes, k, "hamming")
    queries, words = _as_words(queries), np.ascontiguousarray(_as_words(codes).T)  # (Q, B / 8), (B / 8, N)
    indices, distances = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.int64)
    for q, query in enumerate(queries):
        different = np.zeros(words.shape[1], np.uint32)                               # (N,), for codes up to 512 MiB
        for mine, theirs in zip(query, words, strict=True):
            different += np.bitwise_count(mine ^ theirs)                             # eq. (3)
        indices[q] = least(different, k)
        distances[q] = different[indices[q]]
    return indices, distances


def _as_words(codes: np.ndarray) -> np.ndarray:
    """(N, B) bytes as (N, ⌈B / 8⌉) numbers of 64 bits, so that a processor compares eight bytes at a time."""
    words = np.zeros((len(codes), -(-codes.shape[1] // 8) * 8), np.uint8)
    words[:, :codes.shape[1]] = codes
    return words.view(np.uint64)


def least(distances: np.ndarray, k: int) -> np.ndarray:
    """The indices of the `k` smallest numbers of a row (N,), in order; of equal ones the smaller index first."""
    candidates = np.flatnonzero(distances <= np.partition(distances, k - 1)[k - 1])
    return candidates[np.argsort(distances[candidates], kind="stable")[:k]]          # (k,)


def agreement(found: np.ndarray, truth: np.ndarray) -> float:
    """The mean share of the k indices of each row of `truth` (Q, k) that are in the same row of `found` (Q, k).

    1: the same neighbours, in whatever order. k of N indices at random share k / N. Raises ValueError if the shapes
    differ.
    """
    check_kind(found, "agreement", "found")
    check_kind(truth, "agreement", "truth")
    found, truth = np.asarray(found), np.asarray(truth)
    if found.shape != truth.shape or found.ndim != 2 or found.size == 0:
        raise ValueError(f"agreement: expected two arrays of indices (Q, k), got shapes {found.shape} and "
                         f"{truth.shape}")
    return float((truth[:, :, None] == found[:, None, :]).any(axis=2).mean())


def same_class(found: np.ndarray, labels: np.ndarray, queries: np.ndarray) -> float:
    """The mean share of the stored images found (Q, k) that are of their query's class: what a search is good for,
    where codes of features are compared with codes of pixels. labels (N,) of those stored, queries (Q,) of the queries.

    Raises ValueError for shapes that do not fit and for indices that are none; TypeError for masked arrays.
    """
    for each, name in (found, "found"), (labels, "labels"), (queries, "queries"):
        check_kind(each, "same_class", name)
    found, labels, queries = np.asarray(found), np.asarray(labels), np.asarray(queries)
    if found.ndim != 2 or queries.shape != found.shape[:1] or labels.ndim != 1 or not found.size:
        raise ValueError(f"same_class: expected indices (Q, k), labels (N,) and Q labels of the queries, got shapes "
                         f"{found.shape}, {labels.shape} and {queries.shape}")
    if found.dtype.kind not in "iu" or found.min() < 0 or found.max() >= len(labels):
        raise ValueError(f"same_class: expected indices, whole numbers from 0 to {len(labels) - 1}, got {found.dtype} "
                         f"from {found.min()} to {found.max()}")
    return float((labels[found] == queries[:, None]).mean())


def check_search(queries: np.ndarray, stored: np.ndarray, k: int, what: str) -> None:
    """Raise ValueError unless queries (Q, D) can be searched for in `stored` (N, D), with 1 <= k <= N."""
    if queries.ndim != 2 or stored.ndim != 2 or queries.shape[1] != stored.shape[1] or 0 in queries.shape:
        raise ValueError(f"{what}: expected arrays (Q, D) and (N, D) of the same D, got shapes {queries.shape} and "
                         f"{stored.shape}")
    if not 1 <= operator.index(k) <= len(stored):
        raise ValueError(f"{what}: expected k from 1 to {len(stored)}, as many as are stored, got {k}")


def check_features(features: np.ndarray, what: str) -> np.ndarray:
    """Features (N, D) as a host array. Raises TypeError for what is no float32 or float64, ValueError for another
    shape, none at all, NaN and infinity."""
    check_kind(features, what, "features")
    features = np.asarray(features)
    if features.dtype not in (np.float32, np.float64):
        raise TypeError(f"{what}: expected features of float32 or float64, got {features.dtype}; convert them first: "
                        "x.astype(np.float32)")
    if features.ndim != 2 or features.size == 0:
        raise ValueError(f"{what}: expected features (N, D), got shape {features.shape}")
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if bad.size:
        raise ValueError(f"{what}: the features hold NaN or infinity, first in row {bad[0]}")
    return features
