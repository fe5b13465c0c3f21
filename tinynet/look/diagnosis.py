"""What is wrong with a first layer: dead kernels, frequencies that are missing, aliasing. ZFNet, section 4.1, Figure 5.

The paper looked at AlexNet's first layers and saw kernels of very high and very low frequencies with little between
them, and, in the second layer, patterns that the large stride of the first had caused. Here both are numbers.

A kernel w answers a wave of frequency f (in cycles a pixel, along each axis, up to 1/2) with the strength |ŵ(f)|, its
Fourier transform. So

    Σ |ŵ(f)|² over a band of |f|  /  Σ |ŵ(f)|²                                       (1)

is the share of its energy that lies in the band. A convolution of stride S keeps every S-th answer; waves with more
than 1/(2S) cycles along an axis then look like slower ones: this is aliasing, and

    Σ |ŵ(f)|² where max(|f_row|·S_row, |f_column|·S_column) > 1/2  /  Σ |ŵ(f)|²       (2)

is the share of what a kernel answers that comes out under a wrong frequency. (The images hold less of high frequencies
than of low ones, so what the maps hold of them is less than that.)
"""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..sizes import as_pair
from .figure import COLORS, figure
from .images import tile
from .kernels import kernel_grid
from .strongest import Piece, Strongest

SIZE = 64                       # frequencies along an axis: kernels are padded with zeros to so many pixels
BANDS = (0.0, 1 / 12, 1 / 4, 1)  # cycles a pixel: low, between, high


def power(W: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """|ŵ|² of kernels W (KH, KW, C, F), summed over the channels: (SIZE, SIZE, F); and the frequencies f_row (SIZE, 1)
    and f_column (1, SIZE). Raises ValueError for another shape, kernels of more than SIZE pixels, and NaN."""
    W = np.asarray(W, np.float64)
    if W.ndim != 4 or W.size == 0 or max(W.shape[:2]) > SIZE:
        raise ValueError(f"expected finite kernels (KH, KW, C, F) of at most {SIZE}x{SIZE} pixels, got shape {W.shape}")
    if not np.isfinite(W).all():
        raise ValueError(f"expected finite kernels (KH, KW, C, F) of at most {SIZE}x{SIZE} pixels, got NaN or infinity")
    found = np.abs(np.fft.fft2(W, (SIZE, SIZE), axes=(0, 1))) ** 2                   # (SIZE, SIZE, C, F)
    f = np.fft.fftfreq(SIZE)
    return found.sum(axis=2), f[:, None], f[None]


def bands(W: Any) -> np.ndarray:
    """(1) of the three BANDS, for each kernel: (F, 3), which add up to 1; zeros for a kernel of zeros."""
    found, rows, columns = power(W)
    distance = np.hypot(rows, columns)
    parts = [found[(low <= distance) & (distance < high)].sum(axis=0)
             for low, high in zip(BANDS, BANDS[1:], strict=False)]
    return _shares(np.stack(parts, axis=-1), found)


def aliased(W: Any, stride: int | tuple[int, int]) -> np.ndarray:
    """(2) of each kernel: (F,), from 0 to 1."""
    (S_row, S_column), (found, rows, columns) = as_pair(stride, "aliased stride"), power(W)
    beyond = np.maximum(np.abs(rows) * S_row, np.abs(columns) * S_column) > 0.5
    return _shares(found[beyond].sum(axis=0)[:, None], found)[:, 0]


def _shares(parts: np.ndarray, found: np.ndarray) -> np.ndarray:
    whole = found.sum(axis=(0, 1))[:, None]                                          # (F, 1)
    return parts / np.where(whole > 0, whole, 1)


def dead(found: Strongest) -> np.ndarray:
    """Which maps were never above 0 in a whole data set (`strongest`): (F,) truths. After a ReLU they learn nothing."""
    return found.values[:, 0] <= 0


class FirstLayers(NamedTuple):
    """What `draw_diagnosis` shows of one net.

    kernels   of its first convolution (KH, KW, 3 or 1, F), and that one's stride
    second    of each map of its second layer that is not dead, the strongest activation
    """

    kernels: np.ndarray
    stride: tuple[int, int]
    second: Sequence[Piece]


def draw_diagnosis(path: str | os.PathLike, nets: dict[str, FirstLayers], note: str = "") -> None:
    """Write a row for each net: its first kernels, all nets' on one scale; what excites its second layer, on one scale
    of its own; the share of energy in each band of frequencies, and that of what is aliased.

    Raises ValueError for kernels that see anything but colour or grey images.
    """
    scale = max(float(np.abs(net.kernels).max()) for net in nets.values()) or 1.0
    with figure(path, 9.5, 2.1 * len(nets) + 0.7, note, grid=(len(nets), 3)) as axes:
        for (first, second, shares), (name, net) in zip(axes, nets.items(), strict=True):
            KH, KW, _, F = net.kernels.shape
            first.imshow(kernel_grid(net.kernels, 8, scale), interpolation="nearest")
            first.set_title(f"{name}: {F} kernels {KH}x{KW}, stride {net.stride[0]}", fontsize=8, loc="left")
            if net.second:
                second.imshow(_on_one_scale(net.second))
            second.set_title(f"second layer, {len(net.second)} maps", fontsize=8, loc="left")
            for ax in first, second:
                ax.axis("off")
            _draw_shares(shares, [*bands(net.kernels).mean(axis=0), aliased(net.kernels, net.stride).mean()])


def _on_one_scale(shown: Sequence[Piece]) -> np.ndarray:
    """Projections as one picture: black and white are the median of their largest numbers, and what exceeds it."""
    all_of_them = np.stack([piece.projection for piece in shown])                    # (n, h, w, C)
    scale = float(np.median(np.abs(all_of_them).max(axis=(1, 2, 3)))) or 1.0
    pixels = np.rint(127.5 + 127.5 * np.clip(all_of_them / scale, -1, 1)).astype(np.uint8)
    return tile(pixels, 12, gap=max(1, pixels.shape[1] // 10))


def _draw_shares(ax: Any, values: Sequence[float]) -> None:
    names = ["low", "between", "high", "aliased"]
    ax.barh(names, values, color=[COLORS[0], COLORS[0], COLORS[0], COLORS[5]])
    for i, value in enumerate(values):
        ax.text(min(value + 0.02, 0.85), i, f"{value:.0%}", va="center", fontsize=7)
    ax.set(xlim=(0, 1), ylim=(3.5, -0.5))
    ax.set_title("share of the first kernels' energy", fontsize=8, loc="left")
    ax.tick_params(labelsize=7)
