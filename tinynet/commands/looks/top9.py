"""ZFNet's Figure 2: the nine images that excite each map most, and what it sees of them."""
from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from ...data import Dataset
from ...look.diagnosis import dead
from ...look.strongest import Strongest, draw_strongest, pieces, strongest
from ...training.evaluate import Trained
from ...training.train import say

COUNT, MAPS = 9, 8


def top9(out: Path, trained: Trained, data: Dataset, shapes: dict[str, tuple[int, ...]], maps: list[int] | None,
         every: bool, seed: int) -> None:
    """A picture for each layer: of the maps that were named, of every one that is not dead, or of MAPS of them."""
    images, view, start = data.test.images, trained.view, time.perf_counter()
    found = strongest(trained.net, images, list(shapes), view.center, COUNT, progress=True)
    say(f"{len(images):,} test images, {time.perf_counter() - start:.1f} s; of the {COUNT} that excite a map most, how "
        "many are of one class:")
    for at, of_layer in found.items():
        of_layer, silent = exciting(of_layer), dead(of_layer)
        say(f"  {at:<12} {mean_of_one_class(of_layer, data.test.labels):.1f}; {silent.sum()} of its {len(silent)} maps "
            "are dead")
        alive = [int(unit) for unit in np.flatnonzero(~silent)]
        units = maps or (alive if every else sorted(np.random.default_rng(seed).permutation(alive)[:MAPS].tolist()))
        if not units:
            continue
        shown = {f"{at}, map {unit}": pieces(trained.net, images, at, unit, of_layer, view.center, view.pixels)
                 for unit in units}
        path = out / f"top9-{at}.png"
        draw_strongest(path, shown, "left: the deconvnet's projections, each around grey and stretched by itself; "
                       f"right: what the unit sees of the images\n{data.name}", per_row=min(4, len(shown)))
        say(f"  the picture: {path}, after {time.perf_counter() - start:.1f} s")


def exciting(found: Strongest) -> Strongest:
    """Of each map that is not dead only the images that excite it: if these are fewer than COUNT, the others are there
    because they come first in the data set."""
    others = (found.values <= 0) & ~dead(found)[:, None]
    return found._replace(images=np.where(others, -1, found.images))


def mean_of_one_class(found: Strongest, labels: np.ndarray) -> float:
    """The mean over the maps that are not dead: how many of their strongest images are of the most frequent class."""
    counts = [np.bincount(labels[images[images >= 0]]).max() for images in found.images[~dead(found)]]
    return float(np.mean(counts)) if counts else 0.0
