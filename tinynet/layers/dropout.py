"""Dropout: in training, every unit is silent with probability p; a net cannot lean on any one of them.

    training   y = x · m,   m = 0 with probability p, else 1, drawn anew for every forward         dx = dy · m    (1)
    test       y = x · (1 - p): the average over all masks                                   dx = dy · (1 - p)    (2)

AlexNet, section 4.2. This is the paper's form. Later libraries divide by 1 - p in training instead ("inverted
dropout") and leave the test as it is: the same in expectation, with weights 1 / (1 - p) times as large.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..fast.operation import operation
from ..init import generator
from ..layer import Layer


@operation
def draw_mask(mask: Any, rng: np.random.Generator, p: float, xp: Any) -> None:
    """Fill mask with False with probability p, else with True. The numbers are drawn on the host."""
    mask[...] = xp.asarray(rng.random(mask.shape, np.float32) >= p)


@operation
def silence(x: Any, mask: Any, y: Any, xp: Any) -> None:
    """Fill y."""
    xp.multiply(x, mask, out=y)                                                      # eq. (1)


class Dropout(Layer):
    """Silences each unit with probability `p` in training; multiplies by 1 - p otherwise.

    The layer draws from a Generator of its own, spawned from `rng`: two layers built from one rng draw different
    masks, and a layer's masks do not depend on what else draws. They are the same on every machine. A GPU draws its
    own, from numbers that this Generator gives it (fast/cuda/dropout.py): others than a CPU's, and the same on every
    GPU. Either way the Generator's state is all that a training needs to go on with the masks that would have followed.
    """

    lets_a_factor_through = True

    def __init__(self, p: float = 0.5, rng: np.random.Generator | None = None) -> None:
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: expected a probability p with 0 <= p < 1, got {p!r}")
        self.p = float(p)
        self.rng = generator(rng).spawn(1)[0]

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp, mask, y = self.expect(x), None, self.empty(x.shape, x.dtype)
        if train:
            mask = self.empty(x.shape, bool)
            draw_mask(mask, self.rng, self.p, xp)
            silence(x, mask, y, xp)                                                  # eq. (1)
        else:
            xp.multiply(x, 1 - self.p, out=y)                                        # eq. (2)
        self.remember(train or keep, mask, x.shape, x.dtype)
        return y

    def backward(self, dy: Any) -> Any:
        mask, shape, dtype = self.take()
        xp, dx = self.expect(dy, *shape, what="dy", dtype=dtype), self.empty(shape, dtype)
        if mask is None:
            xp.multiply(dy, 1 - self.p, out=dx)                                      # eq. (2)
        else:
            silence(dy, mask, dx, xp)                                                # eq. (1)
        return dx

    def state(self) -> list[tuple[str, Any]]:
        return [("rng", self.rng)]
