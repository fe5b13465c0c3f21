"""Response normalisation: each activation is divided by the strength of its neighbourhood.

Shapes: x, y (N, H, W, C). With Ω the neighbourhood of a place, α, β and k constants:

    s = k + α Σ_Ω x²        y = x · s^-β                                             (1)

    LRN            Ω: n neighbouring maps at the same pixel        AlexNet, section 3.3
    WithinMapNorm  Ω: size × size neighbouring pixels, same map    the normalisation of cuda-convnet's CIFAR-10 nets

α multiplies the sum itself, as the paper writes it; cuda-convnet and many libraries after it divide α by the number of
neighbours (n, or size²) first. Whoever brings constants from there must divide them.

Being a neighbour is mutual, so the gradient sums over the same neighbourhoods:

    dx = dy · s^-β - 2αβ · x · Σ_Ω (dy · x · s^(-β-1))                               (2)
"""
from __future__ import annotations

from typing import Any

from ..fast.im2col import pad
from ..fast.memory import fresh
from ..fast.parallel import pieces, scratch
from ..layer import Layer
from ..sizes import as_int


class _ResponseNorm(Layer):
    """Equations (1) and (2); what a neighbourhood is, `_neighbours` says."""

    def __init__(self, alpha: float, beta: float, k: float) -> None:
        self.alpha, self.beta, self.k = float(alpha), float(beta), float(k)

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp = self.expect(x, "N", "H", "W", "C")
        y, kept = fresh(x.shape, x.dtype, xp), fresh(x.shape, x.dtype, xp) if train or keep else None

        def one_slice(batch: slice) -> None:
            for n in pieces(batch, 4 * x[0].nbytes, self.device):
                squares = xp.multiply(x[n], x[n], out=scratch("squares", x[n].shape, x.dtype, xp))
                s = scratch("s", x[n].shape, x.dtype, xp) if kept is None else kept[n]
                xp.multiply(self._neighbours(squares, xp), self.alpha, out=s)
                s += self.k
                self._power(s, y[n], xp)
                y[n] *= x[n]                                                         # eq. (1)

        self.over_batch(one_slice, len(x), x.size)
        self._kept = None if kept is None else (x, kept)
        return y

    def backward(self, dy: Any) -> Any:
        x, s = self.take()
        xp = self.expect(dy, *x.shape, what="dy", dtype=x.dtype)
        dx = fresh(x.shape, x.dtype, xp)

        def one_slice(batch: slice) -> None:
            for n in pieces(batch, 4 * x[0].nbytes, self.device):
                self._power(s[n], dx[n], xp)
                dx[n] *= dy[n]
                around = xp.multiply(dx[n], x[n], out=scratch("around", x[n].shape, x.dtype, xp))
                around /= s[n]
                xp.multiply(self._neighbours(around, xp), x[n], out=around)
                around *= 2 * self.alpha * self.beta
                dx[n] -= around                                                      # eq. (2)

        self.over_batch(one_slice, len(x), x.size)
        return dx

    def _power(self, s: Any, out: Any, xp: Any) -> None:
        """Fill `out` with s^-β, as e^(-β log s): faster than `power`, and exact but for a few units in the last place.
        """
        xp.log(s, out=out)
        out *= -self.beta
        xp.exp(out, out=out)

    def _neighbours(self, a: Any, xp: Any) -> Any:
        """Σ_Ω a, of the shape of a (n, H, W, C)."""
        raise NotImplementedError


class LRN(_ResponseNorm):
    """Local response normalisation across `n` neighbouring maps (n odd), the paper's constants by default.

    `groups=2` normalises each half of the maps by itself, as each of AlexNet's columns does.
    """

    def __init__(self, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75, groups: int = 1) -> None:
        super().__init__(alpha, beta, k)
        self.n, self.groups = as_int(n, "LRN n"), as_int(groups, "LRN groups")
        if n % 2 == 0:
            raise ValueError(f"LRN: expected an odd number n of neighbouring maps, got {n!r}")

    def _neighbours(self, a: Any, xp: Any) -> Any:
        """The maps of a pixel lie side by side in memory. With n//2 zeros between one pixel's (or group's) maps and
        the next one's, windows cannot reach across, and the sum over a window is n - 1 additions of the whole array
        to itself, shifted.
        """
        if a.shape[-1] % self.groups:
            raise ValueError(f"{self.label}: groups={self.groups} must divide the {a.shape[-1]} channels")
        half, C = self.n // 2, a.shape[-1] // self.groups
        rows = a.size // C                                                           # pixels × groups
        spaced = scratch("spaced", (rows * (C + half) + 2 * half,), a.dtype, xp)
        spaced.fill(0)
        spaced[half:half + rows * (C + half)].reshape(rows, C + half)[:, :C] = a.reshape(rows, C)
        total = scratch("total", (rows * (C + half),), a.dtype, xp)
        total[...] = spaced[:len(total)]
        for shift in range(1, self.n):
            total += spaced[shift:shift + len(total)]
        return total.reshape(rows, C + half)[:, :C].reshape(a.shape)


class WithinMapNorm(_ResponseNorm):
    """Normalisation by the `size` × `size` pixels around, within each map (size odd; beyond the edge lie zeros)."""

    def __init__(self, size: int, alpha: float, beta: float, k: float = 1.0) -> None:
        super().__init__(alpha, beta, k)
        self.size = as_int(size, "WithinMapNorm size")
        if size % 2 == 0:
            raise ValueError(f"WithinMapNorm: expected an odd window size, got {size!r}")

    def _neighbours(self, a: Any, xp: Any) -> Any:
        _, H, W_, _ = a.shape
        half = (self.size // 2, self.size // 2)
        padded = pad(a, (half, half), 1, xp)[0]                                      # (n, H + 2·half, W + 2·half, C)
        rows = sum(padded[:, i:i + H] for i in range(self.size))                     # (n, H, W + 2·half, C)
        return sum(rows[:, :, j:j + W_] for j in range(self.size))                    # (n, H, W, C)
