"""LeNet-5's output: each class has a fixed code, and its score tells how far the input is from that code.

Shapes: x (N, J), codes w (K, J), scores (N, K).

    d[n, k] = Σ_j (x[n, j] - w[k, j])²                                               (1)
    score = -d                                                                       (2)
    ∂L/∂x[n, j] = -2 Σ_k dscore[n, k] · (x[n, j] - w[k, j])                          (3)

LeCun, Bottou, Bengio and Haffner 1998, section II.B: equation (1) is the paper's (7), Euclidean radial basis functions.
There the smallest distance wins. Here the outputs are scores, of which the largest wins, as in every other net.

Softmax and cross-entropy over these scores is d[D] + log Σ_k e^-d[k], D being the right class. The paper's loss (9) has
e^-j beside that sum, which is more than a detail: without it only differences of distances count, and if all codes have
the same length, as codes of ±1 do, |x|² and |w|² fall out of those. This layer then learns what a fixed linear layer
x · 2wᵀ would, and nothing draws x to its code. LeNet-5's loss, with the e^-j, is `MAPLoss` in models/lenet5.py.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..devices.device import Device, check_kind, cpu
from ..layer import Layer
from ..sizes import as_int


class RBF(Layer):
    """Minus the squared distance of x (N, in_features) from each of `codes` (classes, in_features): (N, classes).

    The codes are fixed: no parameter, nothing to train. Raises ValueError for codes of another shape or not finite.
    """

    def __init__(self, in_features: int, codes: np.ndarray, *, device: Device = cpu) -> None:
        self.in_features = as_int(in_features, "RBF in_features")
        check_kind(codes, "RBF", "codes")
        self.codes = np.array(codes, np.float32)  # on the host; so small that each use may bring them over
        if self.codes.ndim != 2 or self.codes.shape[1] != self.in_features or not len(self.codes):
            raise ValueError(f"RBF: expected codes of shape (classes, {self.in_features}), got {self.codes.shape}")
        if not np.isfinite(self.codes).all():
            raise ValueError("RBF: the codes hold NaN or infinity")
        self._device = device

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        self.expect(x, "N", self.in_features)
        difference = x[:, None, :] - self.device.asarray(self.codes)                 # (N, K, J)
        self.remember(train or keep, x)
        return -(difference * difference).sum(axis=2)                                # eq. (1), (2), (N, K)

    def backward(self, dy: Any) -> Any:
        (x,) = self.take()
        self.expect(dy, len(x), len(self.codes), what="dy", dtype=x.dtype)
        codes = self.device.asarray(self.codes)
        return 2 * (dy @ codes - dy.sum(axis=1, keepdims=True) * x)                  # eq. (3), (N, J)
