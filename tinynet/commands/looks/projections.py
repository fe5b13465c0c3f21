"""From activations down to pixels: each image beside what its strongest units see of it; and the ways side by side."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from ... import Device, Sequential
from ...layers.pool import MaxPool2d
from ...look.compare import WAYS, alike, pick, shown_by
from ...look.sheet import draw_sheet
from ...look.strongest import as_picture
from ...models.catalogue import build
from ...training.evaluate import Trained
from ...training.train import say
from .asked import Chosen

DRAWN = 3  # images in the comparison; its numbers are of all
NOTE = "grey is 0; each picture is stretched to its own largest number"


def down(out: Path, trained: Trained, chosen: Chosen, ways: list[str], layers: list[str], maps: list[int] | None
         ) -> None:
    """For each way a picture: a row for each image, a column for each layer; or, with maps, for each map of each."""
    x, seen = trained.view.center(chosen.images), trained.view.pixels(chosen.images)
    if "deconvnet" in ways and not switches(trained.net, layers[-1]):
        say(f"there is no max pooling up to {layers[-1]}, so there are no switches: the deconvnet goes down through "
            "the transposes of what there is")
    for way in ways:
        columns = {"image": list(seen)}
        for at in layers:
            for unit in maps if maps else [None]:
                found = shown_by(way, trained.net, x, at, pick(trained.net, x, at, unit), trained.view.scale)
                columns[at if unit is None else f"{at}, {unit}"] = [as_picture(one) for one in found]
        path = out / f"{way}.png"
        what = "of the strongest map of each layer" if not maps else "of these maps"
        draw_sheet(path, list(zip(chosen.names, zip(*columns.values(), strict=True), strict=True)), list(columns),
                   f"{way}, {what}, where it is strongest;\n{NOTE}")
        say(f"the picture: {path}")


def switches(net: Sequential, at: str) -> bool:
    """Whether there is a max pooling up to the layer called `at`."""
    names = [name for name, layer in net.walk() if isinstance(layer, MaxPool2d) or name == at]
    return names[0] != at


def control_of(trained: Trained, device: Device, seed: int) -> Sequential:
    """The same net, with the random weights that it starts from."""
    config = trained.config
    return build(config["net"], **config["settings"], device=device, rng=np.random.default_rng(seed))


def compare(out: Path, trained: Trained, control: Sequential, chosen: Chosen, at: str, maps: list[int] | None) -> None:
    """All ways side by side, of the trained net and of the control; and how alike they are."""
    x = trained.view.center(chosen.images)
    found = {}
    picked = pick(trained.net, x, at, maps and maps[0])
    at_random = pick(control, x, at, flat=picked.flat)
    for name, net, of_it in ("trained", trained.net, picked), ("random", control, at_random):
        found[name] = {way: shown_by(way, net, x, at, of_it, trained.view.scale) for way in WAYS}
    rows = [(f"{label}\n{name}", [seen, *(as_picture(found[name][way][i]) for way in WAYS)])
            for i, (label, seen) in enumerate(zip(chosen.names, trained.view.pixels(chosen.images), strict=True))
            for name in found][:len(found) * DRAWN]
    path = out / "compare.png"
    draw_sheet(path, rows, ["image", *WAYS], f"{at}, {'its strongest map' if maps is None else f'map {maps[0]}'} in "
               f"each image; of random weights the strongest at the same place;\n{NOTE}")
    say(f"how alike the pictures of {at} are, over {len(x)} images: the mean correlation (eq. (1) of look/compare.py), "
        "and that of their sizes")
    trained_, random = found.values()
    pairs = [(f"{way}, trained and random weights", trained_[way], random[way]) for way in WAYS]
    pairs += [(f"{WAYS[i]} and {other}, trained", trained_[WAYS[i]], trained_[other])
              for i in range(len(WAYS)) for other in WAYS[i + 1:]]
    for what, a, b in pairs:
        say(f"  {what:<38} {alike(a, b).mean():5.2f}  {alike(np.abs(a), np.abs(b)).mean():5.2f}")
    say(f"the picture: {path}")
