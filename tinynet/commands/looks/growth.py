"""ZFNet's Figure 4: what excites some maps at several epochs of a training, and when each layer has settled."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from ...data import Dataset
from ...look.diagnosis import dead
from ...look.evolution import draw_evolution, draw_settling, epochs_kept, likeness, settled
from ...look.strongest import Piece, Strongest, pieces, strongest
from ...training.evaluate import Trained
from ...training.train import say

EPOCHS, MAPS = (1, 2, 5, 10, 20, 30, 40, 64), 3  # Figure 4's; maps of each layer


def kept_in(run: str | Path) -> Path:
    """The folder of the training: `run`, or the one below it. Raises FileNotFoundError if no epochs were kept."""
    for folder in [Path(run), *sorted(path for path in Path(run).glob("*") if path.is_dir())]:
        if len(epochs_kept(folder)) > 1:
            return folder
    raise FileNotFoundError(f"--evolution needs a run with the checkpoints of two epochs or more, {run} has none: "
                            "train with --keep-every 1")


def evolution(out: Path, folder: Path, trained: Trained, data: Dataset, layers: list[str], maps: list[int] | None,
              seed: int) -> None:
    kept = epochs_kept(folder)
    epochs = [epoch for epoch in EPOCHS if epoch in kept] or list(kept)
    epochs += [] if max(kept) in epochs else [max(kept)]
    found: dict[int, dict[str, Strongest]] = {}
    for epoch in epochs:
        trained.net.load(kept[epoch])
        found[epoch] = strongest(trained.net, data.test.images, layers, trained.view.center, 1, progress=True)
    units = {at: maps or some(found[epochs[-1]][at], seed) for at in layers}
    shown: dict[str, dict[int, Piece]] = {f"{at}, {unit}": {} for at in layers for unit in units[at]}
    for epoch in epochs:
        trained.net.load(kept[epoch])
        for at in layers:
            for unit in units[at]:
                shown[f"{at}, {unit}"][epoch] = pieces(trained.net, data.test.images, at, unit, found[epoch][at],
                                                       trained.view.center, trained.view.pixels)[0]
    draw_evolution(out / "evolution.png", shown, "the strongest activation of each map over "
                   f"{len(data.test.images):,} test images, projected to pixels; grey is 0")
    say_when_settled(out, folder, trained)
    say("from one of these epochs to the next, the strongest image of a map stays the same: "
        + ", ".join(f"{at} {how_many_stay([found[epoch][at] for epoch in epochs])}" for at in layers))
    say(f"the pictures: {out / 'evolution.png'}, {out / 'settling.png'}")


def how_many_stay(found: list[Strongest]) -> str:
    """The share of the maps of a layer that have the same strongest image at one epoch and the next, in words; a map
    that is dead at one of the two has none."""
    pairs = zip(found, found[1:], strict=False)
    same = np.concatenate([(a.images == b.images)[~dead(a) & ~dead(b)] for a, b in pairs])
    return f"{same.mean():.0%}" if same.size else "all are dead"


def some(found: Strongest, seed: int) -> list[int]:
    """A few of the maps that are not dead."""
    alive = np.flatnonzero(~dead(found))
    return sorted(np.random.default_rng(seed).permutation(alive)[:MAPS].tolist())


def say_when_settled(out: Path, folder: Path, trained: Trained) -> None:
    alike = likeness(folder, trained.net)
    draw_settling(out / "settling.png", alike, f"{folder.name}: mean cosine of a layer's kernels and those of the last "
                  "epoch")
    for name, of_layer in alike.items():
        told = [epoch for epoch in EPOCHS if epoch in of_layer] or list(of_layer)
        say(f"  {name.removesuffix('.W'):<8} settled after epoch {settled(of_layer):>3}; likeness with the last: "
            + ", ".join(f"{epoch}: {of_layer[epoch]:.2f}" for epoch in told))
