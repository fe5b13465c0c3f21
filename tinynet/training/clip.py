"""Gradient clipping: a step is never longer than that of a gradient of a given length.

    g ← g · min(1, most / |g|),     |g| = √Σ g² over all that is trained                                     (1)

The direction stays. Pascanu, Mikolov and Bengio 2013, algorithm 1.
"""
from __future__ import annotations

import math
from collections.abc import Callable

from ..devices.device import device_of
from .optim import at_hand, gradient_norm
from .optimizer import Optimizer


def clip_gradients(optimizer: Optimizer, most: float) -> Callable[[], None]:
    """A `before_step` for `train`: train(..., before_step=clip_gradients(sgd, 1.0)); in a loop of one's own, call it
    between backward and step. The "grad_norm" in the records is then that of the clipped gradient.

    A gradient with NaN or infinity, or so long that |g| is infinite, becomes NaN, which `train` finds. Raises
    ValueError unless `most` is above 0 and finite; the function, what `optimizer.gradients` raises.
    """
    if not 0 < most < math.inf:
        raise ValueError(f"clip_gradients: expected a length above 0 and finite, got {most!r}")

    def before_step() -> None:
        norm = gradient_norm(optimizer)
        for g in optimizer.gradients():
            with device_of(g) as device:
                # on a GPU the norm is an array, for which nobody waits
                longest = max(norm, most) if isinstance(norm, float) else device.xp.maximum(at_hand(norm, device), most)
                g *= (most - 0 * longest) / longest                                  # eq. (1), or NaN
    return before_step
