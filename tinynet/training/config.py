"""What a run says about its net: four entries of config.json, the same for every run. With them the net can be built
again and shown images (evaluate.py).

    net        its name in the catalogue (models/catalogue.py)
    settings   what `build` gets beside the name
    view       what it sees of an image: View.config(); a mean image lies beside, in mean.npy
    classes    the names of its classes

Whoever makes a Run puts them into its config: `about_the_net` does. The other entries are the script's own.
"""
from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data import View

ENTRIES = ("net", "settings", "view", "classes")


def about_the_net(net: str, settings: dict[str, Any], view: View, classes: Sequence[str]) -> dict[str, Any]:
    """The four entries, for the config of a Run; `view.save(run.folder)` writes the mean image beside it."""
    return {"net": net, "settings": settings, "view": view.config(), "classes": list(classes)}


def new_folder(out: str | os.PathLike | None, kind: str) -> Path:
    """The folder of a new run: `out`, or one below runs/, of this kind and time.

    Raises FileExistsError if there is a run in it already: the two would be mixed.
    """
    folder = Path(out or f"runs/{kind}-{time.strftime('%Y%m%d-%H%M%S')}")
    if (folder / "config.json").exists():
        raise FileExistsError(f"{folder} holds an earlier run: go on with --resume, name another folder with --out, or "
                              "delete it first")
    return folder


def read_config(folder: str | os.PathLike) -> dict[str, Any]:
    """The config.json of the run in `folder`; that of a run of version 0.1.0 as it would be written now.

    Raises FileNotFoundError if there is none, ValueError if it is damaged.
    """
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no run: there is no config.json in it")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path} is damaged: expected a dictionary, got {config!r}")
    return config if "view" in config else _as_written_now(config, Path(folder))


def view_of(folder: str | os.PathLike, config: dict[str, Any]) -> View:
    """The view in the config of the run in `folder`. ValueError if it is none, OSError without its mean.npy."""
    try:
        return View.from_config(config["view"], folder)
    except ValueError as error:
        raise ValueError(f"{Path(folder) / 'config.json'}: {error}") from error


# The nets of train_cifar10.py in version 0.1.0: what each saw, if not the whole image minus the mean.
_CIFAR_0_1_0 = {"80sec": {}, "18pct": {}, "13pct": {"crop": 24, "mirror": True}, "11pct": {"crop": 24, "mirror": True},
                "nin": {"scale": 64.0}}


def _as_written_now(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The config of a run of version 0.1.0, which had no view: its two scripts, train_cifar10.py and train_imagenet.py,
    wrote entries of their own. Any other config as it is."""
    name = config.get("options", config).get("net")
    seen = {"mean": "mean.npy", "scale": 1.0, "crop": None, "mirror": False, "jitter": None, "pad": 0,
            "color": None, "noise": "paper"}
    if name in _CIFAR_0_1_0:
        classes = "airplane automobile bird cat deer dog frog horse ship truck".split()
        return {**config, "net": f"cifar-{name}", "settings": {}, "view": seen | _CIFAR_0_1_0[name], "classes": classes}
    if not {"net", "settings", "classes", "crop", "scale"} <= set(config):
        return config
    source = config.get("variant") == "source" or name == "alexnet-source"
    seen |= {"scale": config["scale"], "crop": config["crop"], "mirror": True, "jitter": config.get("jitter"),
             "noise": "2012" if source else "paper"}
    if seen["jitter"]:                                          # the mean was an image all of one colour
        seen["mean"] = np.load(folder / "mean.npy")[0, 0].tolist()
    if not config.get("no_color_noise") and (folder / "colors.npz").is_file():
        with np.load(folder / "colors.npz") as arrays:
            seen["color"] = {name: arrays[name].tolist() for name in ("values", "vectors")}
    return {**{name: value for name, value in config.items() if name != "scale"}, "view": seen}
