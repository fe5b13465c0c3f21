"""ZFNet's Figure 5: the first two layers of several nets on common scales, and what is wrong with them in numbers."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from ...data import Dataset
from ...layers.activation import ReLU
from ...look.diagnosis import FirstLayers, aliased, bands, dead, draw_diagnosis
from ...look.kernels import first_convolutions
from ...look.strongest import pieces, strongest
from ...training.evaluate import Trained
from ...training.train import say

HEAD = f"{'net':<24}{'rms of first kernels':<26}{'dead maps':<20}share of energy"
BELOW = f"{'':<24}{'least':>6} {'median':>7} {'most':>7}   {'first':>8} {'second':>8}     low between   high aliased"


def diagnose(out: Path, nets: dict[str, Trained], data: Dataset) -> None:
    shown: dict[str, FirstLayers] = {}
    say(f"{HEAD}\n{BELOW}")
    for name, trained in nets.items():
        for at, conv in first_convolutions(trained.net).items():
            column = at.rpartition(".")[2] if at.endswith((".left", ".right")) else ""
            label = f"{name} {column}".strip()
            W = conv.device.tohost(conv.W.value)
            silents, second = silent_and_second(trained, data, column)
            shown[label] = FirstLayers(W, conv.stride, second)
            rms = np.sqrt((W * W).mean(axis=(0, 1, 2)))
            low, between, high = bands(W).mean(axis=0)
            say(f"{label:<23} {rms.min():.4f} {np.median(rms):7.4f} {rms.max():7.4f}   " + " ".join(
                f"{silent.sum():>3} of {len(silent)}" for silent in silents)
                + f"   {low:5.0%} {between:7.0%} {high:6.0%} {aliased(W, conv.stride).mean():7.0%}")
    path = out / "diagnosis.png"
    draw_diagnosis(path, shown, "first kernels: all nets on one scale; second layer: the strongest activation of each "
                   "map, projected, on one scale for each net;\nlow: below 1/12 cycles a pixel, high: 1/4 and more; "
                   "aliased: what the stride turns into lower frequencies")
    say(f"the picture: {path}")


def silent_and_second(trained: Trained, data: Dataset, column: str) -> tuple[list[np.ndarray], list]:
    """Which maps of the first two layers no test image excites; of each other map of the second its piece."""
    names = [name for name, layer in trained.net.walk() if isinstance(layer, ReLU) and name.endswith(column)][:2]
    if len(names) < 2:
        raise ValueError("--diagnosis: expected a net with two layers of ReLUs or more")
    found = strongest(trained.net, data.test.images, names, trained.view.center, 1, progress=True)
    silent = [dead(found[name]) for name in names]
    at, images, view = names[1], data.test.images, trained.view
    return silent, [
        pieces(trained.net, images, at, int(unit), found[at], view.center, view.pixels)[0]
        for unit in np.flatnonzero(~silent[1])]
