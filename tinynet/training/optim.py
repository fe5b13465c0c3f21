"""Stochastic gradient descent as AlexNet, section 5, writes it.

With w a parameter, v its velocity (0 at first), g = ∂L/∂w over the batch, m the momentum, λ the weight decay and ε the
learning rate:

    v ← m·v - λ·ε·w - ε·g                                                            (1)
    w ← w + v                                                                        (2)

A parameter's own multipliers scale ε (`lr`) and λ (`decay`).
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..fast.memory import scratch
from ..fast.parallel import over_batch, pieces
from ..parameter import FixedRate, Parameter


class SGD:
    """`SGD(net.parameters(), lr=0.01).step()` after every backward. Assign to `lr` to change the learning rate.

    Frozen parameters (`trainable` False) are left alone, as is their velocity.
    """

    def __init__(self, parameters: Iterable[tuple[str, Parameter]], lr: float, momentum: float = 0.9,
                 weight_decay: float = 5e-4) -> None:
        self.parameters = dict(parameters)
        for what, value in ("lr", lr), ("momentum", momentum), ("weight_decay", weight_decay):
            if not value >= 0:  # also true of NaN
                raise ValueError(f"SGD: expected {what} of 0 or more, got {value!r}")
        self.lr, self.momentum, self.weight_decay = float(lr), float(momentum), float(weight_decay)
        self.velocities: dict[str, Any] = {}  # made at the first step, beside their parameters

    def step(self) -> None:
        """One update of every parameter. Raises RuntimeError if one has no gradient yet; none is changed then."""
        trained = {name: p for name, p in self.parameters.items() if p.trainable}
        missing = [name for name, p in trained.items() if p.grad is None]
        if missing:
            raise RuntimeError(f"SGD: no gradient in {', '.join(missing)}: call the net's backward before step(), "
                               "or freeze what is not to be trained")
        for name, p in trained.items():
            with p.device:
                if name not in self.velocities:
                    self.velocities[name] = p.device.xp.zeros(p.shape, p.value.dtype)
                self._update(p, self.velocities[name])

    def _update(self, p: Parameter, v: Any) -> None:
        """Equations (1) and (2) in place; on a CPU the threads share the elements, in pieces that fit the cache."""
        rate = float(p.lr) if isinstance(p.lr, FixedRate) else self.lr * p.lr
        decay, xp = self.weight_decay * p.decay, p.device.xp
        arrays = p.value, p.grad, v
        if all(a.flags.c_contiguous for a in arrays):
            arrays = [a.reshape(-1) for a in arrays]                                 # views
        w, g, v = arrays

        def some_elements(part: slice) -> None:
            for n in pieces(part, 2 * w[:1].nbytes, p.device):
                step = scratch("step", w[n].shape, w.dtype) if xp is np else xp.empty(w[n].shape, w.dtype)
                xp.multiply(w[n], decay, out=step)
                step += g[n]
                step *= rate
                v[n] *= self.momentum
                v[n] -= step                                                         # eq. (1)
                w[n] += v[n]                                                         # eq. (2)

        over_batch(some_elements, len(w), p.device, w.size)
