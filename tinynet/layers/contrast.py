"""Local contrast normalisation: each pixel minus the mean of its neighbourhood, over the spread there.

Shapes: x, v, y (N, H, W, C); s, d (N, H, W, 1). B is the mean of a window around each pixel over all maps, with a
Gaussian's weights; what lies beside the image has none.

    v = x - B x                                                                      (1) subtractive
    s = √(B v²)                                                                      (2)
    y = v / d        d = max(s, c)        c the mean of s over the image             (3) divisive

An image of one colour has no contrast. What (1) leaves of it is rounding, which (3) would make as strong as any other
image's edges; so its y and dx are 0.

The gradient goes back through each, with B' the transpose of B (the same window; each pixel's share in the means that
it is part of):

    ∂L/∂d = -Σ_C dy · v / d²         ∂L/∂s = ∂L/∂d where s > c, and everywhere 1/(H·W) Σ of it where s ≤ c        (4)
    dv = dy / d + 2 v · B'(∂L/∂s / 2s)                                               (5)
    dx = dv - B'(Σ_C dv)                                                             (6)

Jarrett, Kavukcuoglu, Ranzato and LeCun 2009, section 2.1. AlexNet, section 3.1 compares its ReLUs with their |tanh|
followed by this, and section 3.3 its own normalisation, which takes no mean away: "brightness normalization".
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..layer import Layer
from ..sizes import as_int

ROUNDING = 16  # units in the last place of an image's largest number: contrast below that is none


def blurred(a: Any, weights: Any, xp: Any) -> Any:
    """Σ of a (N, H, W, K) over a window around each pixel, by `weights` (size,) along each axis; zeros lie beside."""
    half, (_, H, W_, _) = len(weights) // 2, a.shape
    padded = xp.pad(a, ((0, 0), (half, half), (half, half), (0, 0)))                 # (N, H + 2·half, W + 2·half, K)
    rows = sum(weight * padded[:, i:i + H] for i, weight in enumerate(weights))      # (N, H, W + 2·half, K)
    return sum(weight * rows[:, :, j:j + W_] for j, weight in enumerate(weights))    # (N, H, W, K)


class LocalContrastNorm(Layer):
    """Subtractive and divisive normalisation by windows of `size` × `size` pixels (odd) of all maps; the Gaussian's σ
    is a quarter of `size`, unless it is given."""

    def __init__(self, size: int = 9, sigma: float | None = None) -> None:
        self.size = as_int(size, "LocalContrastNorm size")
        self.sigma = size / 4 if sigma is None else float(sigma)
        if size % 2 == 0:
            raise ValueError(f"LocalContrastNorm: expected an odd window size, got {size!r}")
        if not self.sigma > 0:
            raise ValueError(f"LocalContrastNorm: expected a sigma above 0, got {sigma!r}")
        offsets = np.arange(size) - size // 2
        self.weights = np.exp(-0.5 * (offsets / self.sigma) ** 2).tolist()

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp = self.expect(x, "N", "H", "W", "C")
        share = 1 / (blurred(xp.ones((1, *x.shape[1:3], 1), x.dtype), self.weights, xp) * x.dtype.type(x.shape[-1]))
        v = x - share * blurred(x.sum(axis=3, keepdims=True), self.weights, xp)      # eq. (1)
        s = xp.sqrt(share * blurred((v * v).sum(axis=3, keepdims=True), self.weights, xp))  # eq. (2)
        c = s.mean(axis=(1, 2), keepdims=True)                                       # (N, 1, 1, 1)
        least = ROUNDING * xp.finfo(x.dtype).eps * xp.abs(x).max(axis=(1, 2, 3), keepdims=True)
        flat = s.max(axis=(1, 2), keepdims=True) <= least                            # (N, 1, 1, 1)
        d = xp.where(flat, x.dtype.type(np.inf), xp.maximum(s, c))                   # of one colour: v / d = dy / d = 0
        self.remember(train or keep, v, s, c, d, share)
        return v / d                                                                 # eq. (3)

    def backward(self, dy: Any) -> Any:
        v, s, c, d, share = self.take()
        xp = self.expect(dy, *v.shape, what="dy", dtype=v.dtype)
        dd = -(dy * v).sum(axis=3, keepdims=True) / (d * d)                          # (N, H, W, 1)
        ds = xp.where(s > c, dd, 0) + xp.where(s > c, 0, dd).mean(axis=(1, 2), keepdims=True)  # eq. (4)
        through = xp.where(s > 0, ds / (2 * xp.where(s > 0, s, 1)), 0)
        dv = dy / d + 2 * v * blurred(share * through, self.weights, xp)             # eq. (5)
        return dv - blurred(share * dv.sum(axis=3, keepdims=True), self.weights, xp)  # eq. (6)
