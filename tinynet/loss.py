"""The loss: softmax and cross-entropy in one layer.

Shapes: logits z (N, K), labels (N,) whole numbers from 0 to K - 1, probabilities p (N, K).

    p[n, k] = exp(z[n, k]) / Σ_j exp(z[n, j])                                                  (1)
    L = -1/N Σ_n log p[n, label_n]                                                             (2)
    ∂L/∂z[n, k] = (p[n, k] - 1 if k = label_n else p[n, k]) / N                                (3)

The two belong together because (3) is so simple. L is the mean over the batch, so the size of a step does not grow
with the batch. AlexNet, section 3.5: maximising the mean log-probability of the correct label is minimising L.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from .layer import Layer
from .softmax import softmax


class SoftmaxCrossEntropy(Layer):
    """The mean over the batch of -log(probability of the right class); `probs` holds the last probabilities."""

    probs: Any = None

    def forward(self, logits: Any, labels: Any) -> float:
        """L for logits (N, K) and whole-number labels (N,).

        Raises TypeError for labels that are no whole numbers, ValueError for labels out of range, a wrong shape, and
        logits that are NaN or infinite.
        """
        xp = self.expect(logits, "N", "K", what="logits")
        labels = self._check_labels(labels, logits.shape)
        with self.device:
            finite = bool(xp.isfinite(logits).all())
        if not finite:
            raise ValueError(f"{self.label}: the logits hold NaN or infinity: the training has diverged, or the "
                             "input was not finite; a smaller learning rate may help")
        with self.device:
            rows = xp.arange(len(logits))
            self.probs = softmax(logits, xp)                                         # eq. (1), (N, K)
            shifted = logits - logits.max(axis=1, keepdims=True)                     # log p = z - log Σ exp z,
            log_sum = xp.log(xp.exp(shifted).sum(axis=1))                            # exact where p rounds to 0
            self._kept = (rows, labels)
            return float((log_sum - shifted[rows, labels]).mean())                   # eq. (2)

    def backward(self) -> Any:
        """∂L/∂logits (N, K)."""
        rows, labels = self.take()
        with self.device:
            dz = self.probs.copy()
            dz[rows, labels] -= 1                                                    # eq. (3)
            dz /= len(dz)
        return dz

    def _check_labels(self, labels: Any, shape: tuple[int, ...]) -> Any:
        N, K = shape
        labels = labels if hasattr(labels, "dtype") else np.asarray(labels)
        if labels.dtype.kind not in "iu":
            raise TypeError(f"{self.label}: expected whole numbers as labels, got {labels.dtype}")
        if labels.shape != (N,):
            raise ValueError(f"{self.label}: expected {N} labels, one for each row of the logits, got shape "
                             f"{tuple(labels.shape)}")
        if int(labels.min()) < 0 or int(labels.max()) >= K:
            raise ValueError(f"{self.label}: expected labels from 0 to {K - 1}, got {int(labels.min())} to "
                             f"{int(labels.max())}")
        return self.device.asarray(labels) if isinstance(labels, np.ndarray) else labels
