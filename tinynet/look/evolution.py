"""How features grow during training: ZFNet, Figure 4; and when a layer has settled.

    layers   the strongest activation of a map over a set of images, projected to pixels, at several epochs
    settled  the first epoch from which on a layer's kernels hardly turn any more

The kernels of one output map are a vector w. What the net looks for is its direction; how alike it is at two epochs

    cos(w, w') = w·w' / (|w| |w'|)                                                   (1)

A layer counts as settled from the epoch on from which the mean of (1) with the last epoch, over its maps, stays at 0.9
or more. The end is not the truth: a layer that would still turn if the training went on looks settled too early here.
And a layer whose first weights are large hardly turns at all, however much it learns. How much of its way from them,
w0, to the last epoch's, wT, is left does not depend on their size:

    |wt - wT| / |w0 - wT|                                                            (2)
"""
from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from ..files.storage import read
from ..layer import Layer
from .figure import COLORS, figure
from .sheet import draw_sheet
from .strongest import Piece, as_picture

ALIKE = 0.9


def epochs_kept(folder: Path) -> dict[int, Path]:
    """The checkpoints of a run of which one was kept every few epochs (`keep_every`): {epoch: file}, in order."""
    found = {int(match[1]): path for path in (Path(folder) / "checkpoints").glob("epoch-*.npz")
             if (match := re.fullmatch(r"epoch-(\d+)\.npz", path.name))}
    return dict(sorted(found.items()))


def likeness(folder: Path, net: Layer) -> dict[str, dict[int, float]]:
    """For each weight "conv1.W" of `net`: the mean of (1) with the last epoch kept, {epoch: mean}.

    Raises FileNotFoundError for a folder without two epochs or more, DataError for the checkpoints of another net.
    """
    weights = _all_weights(folder, net, tuple(name for name, p in net.parameters() if len(p.shape) > 1))
    last = weights[max(weights)]
    return {name: {epoch: float(_cosines(found[name], w).mean()) for epoch, found in weights.items()}
            for name, w in last.items()}


def way_left(folder: Path, net: Layer, start: dict[str, np.ndarray]) -> dict[str, dict[int, float]]:
    """For each weight of `net` in `start`, {"conv1.W": as it was before the first step}: (2), {epoch: share}. Raises
    what `likeness` raises."""
    weights = _all_weights(folder, net, tuple(start))
    last = weights[max(weights)]
    return {name: {epoch: float(np.linalg.norm(found[name] - last[name]) / max(np.linalg.norm(w0 - last[name]), 1e-300))
                   for epoch, found in weights.items()} for name, w0 in start.items()}


def _all_weights(folder: Path, net: Layer, names: tuple[str, ...]) -> dict[int, dict[str, np.ndarray]]:
    """The weights of these names at each epoch kept: {epoch: {name: array}}."""
    files = epochs_kept(folder)
    if len(files) < 2:
        raise FileNotFoundError(f"{folder} has not the checkpoints of two epochs or more: train with Run(..., "
                                "keep_every=1)")
    return {epoch: read(net, path, names) for epoch, path in files.items()}


def settled(alike: dict[int, float]) -> int:
    """The first epoch from which on `likeness` stays at ALIKE or more."""
    first = max(alike)
    for epoch in sorted(alike, reverse=True):
        if alike[epoch] < ALIKE:
            break
        first = epoch
    return first


def _cosines(a: Any, b: Any) -> np.ndarray:
    """(1) of every output map of two weights of one shape (..., F): (F,)."""
    a, b = (x.reshape(-1, x.shape[-1]).astype(np.float64) for x in (a, b))
    return (a * b).sum(axis=0) / np.maximum(np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0), 1e-300)


def draw_evolution(path: str | os.PathLike, shown: dict[str, dict[int, Piece]], note: str = "") -> None:
    """Write a row for each map, by its name: its strongest activation at each epoch, projected to pixels.

    Raises ValueError for maps that were not looked at at the same epochs.
    """
    epochs = [list(of_map) for of_map in shown.values()]
    if not epochs or epochs.count(epochs[0]) < len(epochs):
        raise ValueError(f"draw_evolution: expected the same epochs for every map, got {epochs}")
    rows = [(name, [as_picture(piece.projection) for piece in of_map.values()]) for name, of_map in shown.items()]
    draw_sheet(path, rows, [f"epoch {epoch}" for epoch in epochs[0]], note)


def draw_settling(path: str | os.PathLike, alike: dict[str, dict[int, float]], note: str = "") -> None:
    """Write the curve of each layer's likeness with the last epoch, and where it has settled."""
    with figure(path, 6.5, 4, note) as ax:
        for i, (name, of_layer) in enumerate(alike.items()):
            epochs, values = list(of_layer), list(of_layer.values())
            at = settled(of_layer)
            ax.plot(epochs, values, color=COLORS[i % 7], linestyle=("-", "--", ":")[i // 7 % 3],
                    label=f"{name.removesuffix('.W')}: epoch {at}")
            ax.plot(at, of_layer[at], "o", color=COLORS[i % 7], markersize=4)
        ax.axhline(ALIKE, color="0.7", linewidth=0.8)
        ax.set(xlabel="epoch", ylabel="likeness with the last epoch, eq. (1)", ylim=(min(0, ax.get_ylim()[0]), 1.02))
        ax.legend(title="settled", fontsize=8, title_fontsize=8)
