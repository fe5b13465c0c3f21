"""ZFNet's Figure 7: accuracy over the number of images per class, features of another training against a net that
begins from random weights."""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from .figure import COLORS, figure

MARKERS = "os^Dvx"


def draw_transfer(path: str | os.PathLike, curves: Mapping[str, Sequence[tuple[int, float, float]]], chance: float,
                  note: str = "") -> None:
    """Write to `path` a curve with error bars for each name: (images per class, accuracy, its standard error), and
    a line at the accuracy of guessing. `note` is small print below."""
    if not curves or len(curves) > len(MARKERS):
        raise ValueError(f"draw_transfer: expected 1 to {len(MARKERS)} curves, got {len(curves)}")
    with figure(path, 7, 4.5, note) as ax:
        for (name, points), color, marker in zip(curves.items(), COLORS, MARKERS, strict=False):
            ks, accuracy, error = zip(*points, strict=True)
            ax.errorbar(ks, accuracy, error, color=color, marker=marker, linewidth=2, capsize=3, label=name)
        ax.axhline(chance, color="0.6", linewidth=1, linestyle=":")
        ax.annotate("guessing", (1, chance), xycoords=("axes fraction", "data"), xytext=(-4, 3), ha="right",
                    textcoords="offset points", color="0.4", fontsize=9)
        ax.set_xscale("log")
        ax.set_xticks(sorted({k for points in curves.values() for k, *_ in points}))
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.minorticks_off()
        ax.set(xlabel="training images per class", ylabel="mean accuracy of the classes", ylim=(0, None))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        ax.legend(frameon=False, loc="upper left")
