"""Response normalisation: each activation is divided by the strength of its neighbourhood.

Shapes: x, y, s (N, H, W, C). With Ω the neighbourhood of a place, α, β and k constants:

    s = k + α Σ_Ω x²        y = x · s^-β                                             (1)

    LRN            Ω: n neighbouring maps at the same pixel        AlexNet, section 3.3
    WithinMapNorm  Ω: size × size neighbouring pixels, same map    the normalisation of cuda-convnet's CIFAR-10 nets

α multiplies the sum itself, as the paper writes it; cuda-convnet and many libraries after it divide α by the number of
neighbours (n, or size²) first. Whoever brings constants from there must divide them.

Being a neighbour is mutual, so the gradient sums over the same neighbourhoods:

    dx = dy · s^-β - 2αβ · x · Σ_Ω (dy · x · s^(-β-1))                               (2)
"""
from __future__ import annotations

import math
from typing import Any

from ..fast.operation import operation
from ..layer import Layer
from ..sizes import as_int


@operation
def lrn_forward(x: Any, y: Any, s: Any, n: int, k: float, alpha: float, beta: float, groups: int, xp: Any) -> None:
    """Fill y; and s, unless it is None. Maps are neighbours within their group."""
    strength = k + alpha * maps_around(x * x, n, groups, xp)
    y[...] = x * strength ** -beta                                                   # eq. (1)
    if s is not None:
        s[...] = strength


@operation
def lrn_backward(dy: Any, x: Any, s: Any, dx: Any, n: int, alpha: float, beta: float, groups: int, xp: Any) -> None:
    """Fill dx."""
    around = maps_around(dy * x * s ** (-beta - 1), n, groups, xp)
    dx[...] = dy * s ** -beta - 2 * alpha * beta * x * around                        # eq. (2)


def maps_around(a: Any, n: int, groups: int, xp: Any) -> Any:
    """Σ_Ω a: each map and n // 2 on either side, as far as they are in its group."""
    a = a.reshape(*a.shape[:-1], groups, -1)                                         # (N, H, W, G, C/G)
    total, C = xp.zeros_like(a), a.shape[-1]
    for shift in range(-(n // 2), n // 2 + 1):
        here, there = slice(max(0, -shift), C - max(0, shift)), slice(max(0, shift), C + min(0, shift))
        if abs(shift) < C:
            total[..., here] += a[..., there]
    return total.reshape(*a.shape[:-2], -1)                                          # (N, H, W, C)


@operation
def within_map_forward(x: Any, y: Any, s: Any, size: int, k: float, alpha: float, beta: float, xp: Any) -> None:
    """Fill y; and s, unless it is None."""
    strength = k + alpha * pixels_around(x * x, size, xp)
    y[...] = x * strength ** -beta                                                   # eq. (1)
    if s is not None:
        s[...] = strength


@operation
def within_map_backward(dy: Any, x: Any, s: Any, dx: Any, size: int, alpha: float, beta: float, xp: Any) -> None:
    """Fill dx."""
    around = pixels_around(dy * x * s ** (-beta - 1), size, xp)
    dx[...] = dy * s ** -beta - 2 * alpha * beta * x * around                        # eq. (2)


def pixels_around(a: Any, size: int, xp: Any) -> Any:
    """Σ_Ω a: the size × size pixels around each, as far as there are any."""
    half, (_, H, W_, _) = size // 2, a.shape
    padded = xp.pad(a, ((0, 0), (half, half), (half, half), (0, 0)))                 # (N, H + 2·half, W + 2·half, C)
    rows = sum(padded[:, i:i + H] for i in range(size))                              # (N, H, W + 2·half, C)
    return sum(rows[:, :, j:j + W_] for j in range(size))                            # (N, H, W, C)


def expect_constants(who: str, k: float, alpha: float, beta: float) -> None:
    """Raise ValueError, in the name of `who`, where s could be 0 or below, infinite or NaN."""
    if not (0 < k < math.inf and 0 <= alpha < math.inf and 0 <= beta < math.inf):
        raise ValueError(f"{who}: expected k above 0, alpha and beta of 0 or more, all finite, got k={k:g}, "
                         f"alpha={alpha:g}, beta={beta:g}")


class LRN(Layer):
    """Local response normalisation across `n` neighbouring maps (n odd), the paper's constants by default.

    `groups=2` normalises each half of the maps by itself, as each of AlexNet's columns does.
    """

    def __init__(self, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75, groups: int = 1) -> None:
        self.n, self.groups = as_int(n, "LRN n"), as_int(groups, "LRN groups")
        self.k, self.alpha, self.beta = float(k), float(alpha), float(beta)
        if n % 2 == 0:
            raise ValueError(f"LRN: expected an odd number n of neighbouring maps, got {n!r}")
        expect_constants("LRN", self.k, self.alpha, self.beta)

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp = self.expect(x, "N", "H", "W", "C")
        if x.shape[-1] % self.groups:
            raise ValueError(f"{self.label}: groups={self.groups} must divide the {x.shape[-1]} channels")
        y, s = self.empty(x.shape, x.dtype), self.empty(x.shape, x.dtype) if train or keep else None
        lrn_forward(x, y, s, self.n, self.k, self.alpha, self.beta, self.groups, xp)
        self.remember(train or keep, x, s)
        return y

    def backward(self, dy: Any) -> Any:
        x, s = self.take()
        xp = self.expect(dy, *x.shape, what="dy", dtype=x.dtype)
        dx = self.empty(x.shape, x.dtype)
        lrn_backward(dy, x, s, dx, self.n, self.alpha, self.beta, self.groups, xp)
        return dx


class WithinMapNorm(Layer):
    """Normalisation by the `size` × `size` pixels around, within each map (size odd; beyond the edge lie zeros)."""

    def __init__(self, size: int, alpha: float, beta: float, k: float = 1.0) -> None:
        self.size = as_int(size, "WithinMapNorm size")
        self.k, self.alpha, self.beta = float(k), float(alpha), float(beta)
        if size % 2 == 0:
            raise ValueError(f"WithinMapNorm: expected an odd window size, got {size!r}")
        expect_constants("WithinMapNorm", self.k, self.alpha, self.beta)

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp = self.expect(x, "N", "H", "W", "C")
        y, s = self.empty(x.shape, x.dtype), self.empty(x.shape, x.dtype) if train or keep else None
        within_map_forward(x, y, s, self.size, self.k, self.alpha, self.beta, xp)
        self.remember(train or keep, x, s)
        return y

    def backward(self, dy: Any) -> Any:
        x, s = self.take()
        xp = self.expect(dy, *x.shape, what="dy", dtype=x.dtype)
        dx = self.empty(x.shape, x.dtype)
        within_map_backward(dy, x, s, dx, self.size, self.alpha, self.beta, xp)
        return dx
