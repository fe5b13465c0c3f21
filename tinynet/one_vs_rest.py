"""Losses in which every class is a question of its own: is it this one, or the rest?

Shapes: scores z (N, K); targets t (N, K), or labels (N,) whole numbers, whose class is the one that is there.

HingeLoss, of a linear support vector machine (ZFNet, section 5.3), with t = 1 for the right class, -1 for the others:

    L = 1/N Σ max(0, 1 - t z)                                                                  (1)
    ∂L/∂z = -t / N where t z < 1, else 0                                                       (2)

Weight decay (SGD) is what its C is elsewhere: a decay of λ is C = 1 / (λ N).

SigmoidCrossEntropy, for several objects in an image (ZFNet, section 6), with t = 1 for all classes that are there, 0
for the others, and σ(z) = 1 / (1 + e^-z) the probability of each:

    L = -1/N Σ t log σ(z) + (1 - t) log(1 - σ(z)) = 1/N Σ max(z, 0) - t z + log(1 + e^-|z|)    (3)
    ∂L/∂z = (σ(z) - t) / N                                                                     (4)

The right side of (3) neither overflows nor rounds to log 0.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from .devices.device import check_kind, device_of, place_of
from .devices.graph import check_each_time
from .fast.parallel import caller
from .keeping import Kept
from .layer import Layer
from .loss import checked_labels


class HingeLoss(Layer):
    """The sum over the classes of max(0, 1 - t z), its mean over the batch."""

    def forward(self, scores: Any, labels: Any) -> Any:
        """L for scores (N, K) and whole-number labels (N,): a float; on a GPU an array of no dimension.

        Raises TypeError for labels that are no whole numbers, ValueError for labels out of range, a wrong shape, and
        scores that are NaN or infinite.
        """
        self._device = None  # a loss has no weights: it computes where these scores are
        xp = self.expect(scores, "N", "K", what="scores")
        labels = checked_labels(self, labels, scores.shape)
        with self.device, np.errstate(over="ignore", invalid="ignore"):              # found below, in L
            t = xp.full(scores.shape, -1, scores.dtype)
            t[xp.arange(len(labels)), labels] = 1
            margins = 1 - t * scores
            L = xp.maximum(margins, 0).sum() / len(labels)                           # eq. (1)
            L = L + (0 * scores).sum()  # NaN, if a score is infinite where that costs nothing
            dz = xp.where(margins > 0, -t / len(labels), 0).astype(scores.dtype)     # eq. (2)
        return _finite(self, L, scores, dz)

    def backward(self) -> Any:
        """∂L/∂scores (N, K)."""
        (dz,) = self.take()
        return dz


class SigmoidCrossEntropy(Layer):
    """The cross-entropy of each class by itself, summed over the classes, its mean over the batch; `present` holds the
    last probabilities σ(z) (N, K) that a class is there."""

    present: Any = None

    def forward(self, scores: Any, targets: Any) -> Any:
        """L for scores (N, K) and targets (N, K) of 0 and 1, or of truths: a float; on a GPU an array of no dimension.

        Raises ValueError for targets of another shape or other values (those of a GPU are believed: to look at them
        would be to wait), and for scores that are NaN or infinite.
        """
        self._device = None  # as above
        xp = self.expect(scores, "N", "K", what="scores")
        t = self._checked(targets, scores)
        with self.device, np.errstate(over="ignore", invalid="ignore"):
            small = xp.exp(-xp.abs(scores))                                          # e^-|z|, at most 1
            L = (xp.maximum(scores, 0) - t * scores + xp.log1p(small)).sum() / len(scores)  # eq. (3)
            self.present = xp.where(scores >= 0, 1, small) / (1 + small)             # σ(z)
            dz = (self.present - t) / len(scores)                                    # eq. (4)
        return _finite(self, L, scores, dz)

    def backward(self) -> Any:
        """∂L/∂scores (N, K)."""
        (dz,) = self.take()
        return dz

    def _checked(self, targets: Any, scores: Any) -> Any:
        check_kind(targets, self.label, "targets")
        targets = targets if place_of(targets) else np.asarray(targets)
        if targets.shape != scores.shape:
            raise ValueError(f"{self.label}: expected targets of the scores' shape {tuple(scores.shape)}, 1 for each "
                             f"class that is there and 0 for the others, got shape {tuple(targets.shape)}")
        check_each_time(targets, self._expect_0_or_1)
        with self.device as device:
            return device.asarray(targets).astype(scores.dtype)

    def _expect_0_or_1(self, targets: Any) -> None:
        with device_of(targets) as device:
            if device.asynchronous:
                return
            others = targets[(targets != 0) & (targets != 1)]
            if others.size:
                raise ValueError(f"{self.label}: expected targets of 0 and 1, got {float(others.min()):g} to "
                                 f"{float(others.max()):g}")


def _finite(loss: Layer, L: Any, scores: Any, dz: Any) -> Any:
    """L as `Device.number` gives it; what backward gives is kept. ValueError if it is not finite."""
    with loss.device as device:
        L = device.number(L)
        if isinstance(L, float) and not np.isfinite(L):
            overflow = device.xp.isfinite(scores).all()
            what, was = (("are finite, but too large for the loss to be", "too large") if overflow else
                         ("hold NaN or infinity", "not finite"))
            raise ValueError(f"{loss.label}: the scores {what}: the training has diverged, or the input was {was}; a "
                             "smaller learning rate may help")
    loss._kept = Kept(caller(), dz)
    return L
