"""Dropout: in training, every unit is silent with probability p; a net cannot lean on any one of them.

    training   y = x · m,   m = 0 with probability p, else 1, drawn anew for every forward         dx = dy · m    (1)
    test       y = x · (1 - p): the average over all masks                                   dx = dy · (1 - p)    (2)

AlexNet, section 4.2. This is the paper's form. Later libraries divide by 1 - p in training instead ("inverted
dropout") and leave the test as it is: the same in expectation, with weights 1 / (1 - p) times as large.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..layer import Layer


class Dropout(Layer):
    """Silences each unit with probability `p` in training; multiplies by 1 - p otherwise.

    The layer draws from a Generator of its own, spawned from `rng`: two layers built from one rng draw different
    masks, and a layer's masks do not depend on what else draws. Masks are drawn on the host, so every device gets
    the same.
    """

    lets_a_factor_through = True

    def __init__(self, p: float = 0.5, rng: np.random.Generator | None = None) -> None:
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: expected a probability p with 0 <= p < 1, got {p!r}")
        self.p = float(p)
        self.rng = (rng or np.random.default_rng()).spawn(1)[0]

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        self.expect(x)
        factor = 1 - self.p                                                          # eq. (2)
        if train:
            mask = self.rng.random(x.shape, np.float32) >= self.p
            factor = self.device.asarray(mask.astype(x.dtype))                       # eq. (1)
        self._kept = (factor, x.shape, x.dtype) if train or keep else None
        return x * factor

    def backward(self, dy: Any) -> Any:
        factor, shape, dtype = self.take()
        self.expect(dy, *shape, what="dy", dtype=dtype)
        return dy * factor

    def state(self) -> list[tuple[str, Any]]:
        return [("rng", self.rng)]
