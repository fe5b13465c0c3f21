"""The losses: softmax and cross-entropy in one layer; and the mean squared error.

Shapes: logits z (N, K), labels (N,) whole numbers from 0 to K - 1, probabilities p (N, K).

    p[n, k] = exp(z[n, k]) / Σ_j exp(z[n, j])                                                  (1)
    L = -1/N Σ_n log p[n, label_n]                                                             (2)
    ∂L/∂z[n, k] = (p[n, k] - 1 if k = label_n else p[n, k]) / N                                (3)

The two belong together because (3) is so simple. L is the mean over the batch, so the size of a step does not grow
with the batch. AlexNet, section 3.5: maximising the mean log-probability of the correct label is minimising L.

Where the right answer is not a class but numbers (an autoencoder's input, section 6.1), with M numbers in y and in t:

    L = 1/M Σ (y - t)²                                                                         (4)
    ∂L/∂y = 2 (y - t) / M                                                                      (5)

M counts the numbers of the whole batch, N · D, so that neither the size of the batch nor that of a vector changes what
a given L means: if the numbers of t have variance 1, always answering their mean costs 1.
"""
from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .devices.device import check_kind, place_of
from .devices.graph import check_each_time
from .fast.operation import operation
from .fast.parallel import caller
from .keeping import Kept
from .layer import Layer


@operation
def cross_entropy_forward(logits: Any, labels: Any, probs: Any, L: Any, xp: Any) -> None:
    """Fill probs (N, K); and L (1,): NaN, if the logits are not finite."""
    shifted = logits - logits.max(axis=1, keepdims=True)  # the same quotients, and exp does not overflow
    e = xp.exp(shifted)
    total = e.sum(axis=1, keepdims=True)                                             # (N, 1)
    probs[...] = e / total                                                           # eq. (1)
    losses = xp.log(total)[:, 0] - shifted[xp.arange(len(labels)), labels]           # exact where p itself rounds to 0
    L[...] = xp.where(xp.isfinite(logits).all(), losses.mean(), xp.nan)              # eq. (2)


@operation
def cross_entropy_backward(probs: Any, labels: Any, dz: Any, xp: Any) -> None:
    """Fill dz (N, K)."""
    dz[...] = probs
    dz[xp.arange(len(labels)), labels] -= 1                                          # eq. (3)
    dz /= len(labels)


def checked_labels(loss: Layer, labels: Any, shape: tuple[int, int]) -> Any:
    """The labels (N,) of scores of this shape, (N, K), on the loss's device. Raises what `check_labels` raises."""
    labels = expect_labels(loss, labels, shape)
    return loss.device.asarray(labels) if isinstance(labels, np.ndarray) else labels


def expect_labels(loss: Layer, labels: Any, shape: tuple[int, int]) -> Any:
    """The labels where they are, as an array. Raises what `check_labels` raises."""
    check_kind(labels, loss.label, "labels")
    labels = labels if place_of(labels) else np.asarray(labels)
    check_each_time(labels, partial(check_labels, shape=shape, who=loss.label))
    return labels


def check_labels(labels: Any, shape: tuple[int, int], who: str) -> None:
    """Raise TypeError, in the name of `who`, if the labels (N,) of scores of this shape, (N, K), are no whole numbers,
    ValueError if they are out of range or of another shape."""
    N, K = shape
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{who}: expected whole numbers as labels, got {labels.dtype}")
    if labels.shape != (N,):
        raise ValueError(f"{who}: expected {N} labels, one for each row of the logits, got shape "
                         f"{tuple(labels.shape)}")
    if int(labels.min()) < 0 or int(labels.max()) >= K:
        raise ValueError(f"{who}: expected labels from 0 to {K - 1}, got {int(labels.min())} to {int(labels.max())}")


class SoftmaxCrossEntropy(Layer):
    """The mean over the batch of -log(probability of the right class); `probs` holds the last probabilities. These and
    the labels are what backward goes by: until then, leave them as they are, as the inputs of a layer."""

    probs: Any = None

    def forward(self, logits: Any, labels: Any) -> Any:
        """L for logits (N, K) and whole-number labels (N,): a float. On a GPU an array of no dimension, so that nobody
        has to wait for it; NaN if the logits are not finite. Infinite, if finite ones are too far apart.

        Raises TypeError for labels that are no whole numbers, ValueError for labels out of range, a wrong shape, and
        logits that are NaN or infinite.
        """
        self._device = None  # a loss has no weights: it computes where these logits are
        xp = self.expect(logits, "N", "K", what="logits")
        labels = checked_labels(self, labels, logits.shape)
        with self.device as device, np.errstate(over="ignore"):
            if not device.asynchronous and not xp.isfinite(logits).all():
                raise ValueError(f"{self.label}: the logits hold NaN or infinity: the training has diverged, or the "
                                 "input was not finite; a smaller learning rate may help")
            self.probs = probs = device.empty(logits.shape, logits.dtype)
            L = device.empty((1,), logits.dtype)
            self._kept = Kept(caller(), labels, probs)
            cross_entropy_forward(logits, labels, probs, L, xp)
            return device.number(L)

    def backward(self) -> Any:
        """∂L/∂logits (N, K)."""
        labels, probs = self.take()
        dz = self.empty(probs.shape, probs.dtype)
        with self.device as device:
            cross_entropy_backward(probs, labels, dz, device.xp)
        return dz


class MeanSquaredError(Layer):
    """The mean of (y - t)² over all the numbers of a batch."""

    def forward(self, y: Any, target: Any) -> Any:
        """L for outputs y (N, ...) and a target of the same shape, from the host or from where y is: a number as above.

        Raises ValueError for another shape, and for outputs or targets that are NaN or infinite. L is infinite if the
        squares of finite ones are too large.
        """
        self._device = None  # as above
        xp = self.expect(y, what="y")
        check_kind(target, self.label, "target")
        target = self.device.asarray(target) if isinstance(target, np.ndarray) else target
        self.expect(target, *y.shape, what="target", dtype=y.dtype)
        with self.device, np.errstate(over="ignore", invalid="ignore"):              # found below, in L
            difference = y - target
            L = self.device.number(xp.mean(difference * difference))                 # eq. (4)
        if isinstance(L, float) and not np.isfinite(L):
            for name, array in ("y", y), ("target", target):
                if not xp.isfinite(array).all():
                    raise ValueError(f"{self.label}: the loss is {L}: {name} holds NaN or infinity")
        self._kept = Kept(caller(), difference)
        return L

    def backward(self) -> Any:
        """∂L/∂y, of the shape of y."""
        (difference,) = self.take()
        with self.device:
            return difference * (2 / difference.size)                                # eq. (5)
