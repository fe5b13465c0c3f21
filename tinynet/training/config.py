"""What a run says about its net: four entries of config.json. With them the net can be built again and shown images
(evaluate.py); a run of train-lenet5, which has no View, does without.

    net        its name in the catalogue (models/catalogue.py)
    settings   what `build` gets beside the name
    view       what it sees of an image: View.config(); a mean image lies beside, in mean.npy
    classes    the names of its classes

Whoever makes a Run puts them into its config: `about_the_net` does. The other entries are the script's own.

The folder of a run may come from anybody, or be damaged: whoever reads an entry here or in evaluate.py gets one of the
right type, or a DataError that names the file.
"""
from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..data import View
from ..data.view import MOST_SIDE, SINCE_0_2, read_mean
from ..files.arrays import ArrayFile
from ..files.reading import DataError, entry, read_json, shortened, wrong

UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # would control a terminal
ENTRIES = ("net", "settings", "view", "classes")
# What may differ in the config of a run that is resumed: where and how it is trained, how long, what is kept of it.
MAY_DIFFER = ("device", "graph", "epochs", "workers", "tensorboard", "in_memory", "minutes", "keep_every",
              "ten_crop")


def about_the_net(net: str, settings: dict[str, Any], view: View, classes: Sequence[str]) -> dict[str, Any]:
    """The four entries, for the config of a Run; `run.start(..., view=view)` writes the mean image beside it. Raises
    ValueError for the name of a class that would do something else to a terminal than to be shown."""
    wrong_ones = [name for name in classes if UNSEEN.search(name)]
    if wrong_ones:
        raise ValueError(f"expected names of classes that can be shown on a terminal, got {shortened(wrong_ones)}")
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


def folder_name(folder: str | os.PathLike) -> str:
    """What the folder of a run is called, also if it is given as "."."""
    return os.path.basename(os.path.abspath(folder))


def read_config(folder: str | os.PathLike) -> dict[str, Any]:
    """The config.json of the run in `folder`; that of a run of version 0.1.0 as it would be written now.

    Raises FileNotFoundError if there is none, DataError, a ValueError, if it is damaged.
    """
    path = Path(folder) / "config.json"
    try:
        config = read_json(path)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"{folder} holds no run: there is no config.json in it") from None
    if "environment" in config:
        entry(path, config, "environment", dict)
    config = config if "view" in config else _as_written_now(config, Path(folder))
    if isinstance(config.get("view"), dict):
        config["view"] = {**SINCE_0_2, **config["view"]}
    return config


def view_of(folder: str | os.PathLike, config: dict[str, Any]) -> View:
    """The view in the config of the run in `folder`. DataError if it is none, OSError without its mean.npy."""
    path = Path(folder) / "config.json"
    try:
        return View.from_config(entry(path, config, "view", dict), folder)
    except DataError:
        raise
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def size_of(folder: str | os.PathLike, config: dict[str, Any]) -> int:
    """To squares of how many pixels the run's photographs were scaled. DataError if the config does not say it."""
    path = Path(folder) / "config.json"
    size = entry(path, config, "size", int, "how large its images were")
    if not 1 <= size <= MOST_SIDE:
        raise wrong(path, f"'size', from 1 to {MOST_SIDE} pixels", f"{size}")
    return size


def take_options(parser: argparse.ArgumentParser, path: str | os.PathLike, told: dict[str, Any], names: Iterable[str]
                 ) -> None:
    """Make what an earlier run was told, {name: value}, the defaults of those options of `parser` that are called
    `names`. Raises DataError for a value that the option would not take on the command line."""
    for action in parser._actions:
        if action.dest in names and action.dest in told:
            value = told[action.dest]
            if value != action.default and not _may_be(action, value):
                raise wrong(path, f"{action.dest!r}, as {parser.prog} writes it", shortened(value))
            parser.set_defaults(**{action.dest: value})


def _may_be(action: argparse.Action, value: Any) -> bool:
    if action.nargs == 0:
        return isinstance(value, bool)
    many = action.nargs is not None
    if isinstance(value, list) != many:
        return False
    if (action.nargs == "+" and not value) or (isinstance(action.nargs, int) and len(value) != action.nargs):
        return False
    return all(_fits(action, v) for v in (value if many else [value]))


def _fits(action: argparse.Action, value: Any) -> bool:
    """Whether the option could have got this value from the command line."""
    if action.type is None:
        return isinstance(value, str) and value in (action.choices or [value])
    try:
        return action.type(str(value)) == value and value in (action.choices or [value])
    except (ValueError, argparse.ArgumentTypeError):
        return False


def expect_same_run(folder: str | os.PathLike, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise ValueError that lists what differs between the configs of the run in `folder`, as it was `before` and as it
    is to go on, where it must not."""
    before, now = dict(_flat(before)), dict(_flat(now))
    wrong = [f"{name}: now {now.get(name)!r}, the run has {shortened(before.get(name))}" for name in {**before, **now}
             if name.split(".")[-1] not in MAY_DIFFER and before.get(name) != now.get(name)]
    if wrong:
        raise ValueError(f"{folder} is another run than the one to be resumed:\n  " + "\n  ".join(wrong))


def _flat(config: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The entries of a dictionary of dictionaries: "view.scale" for config["view"]["scale"]."""
    rest = list(config.items())[::-1]
    while rest:
        name, value = rest.pop()
        if isinstance(value, dict):
            rest += [(f"{name}.{inner}", part) for inner, part in value.items()][::-1]
        else:
            yield name, value


# The nets of train_cifar10.py in version 0.1.0: what each saw, if not the whole image minus the mean.
_CIFAR_0_1_0 = {"80sec": {}, "18pct": {}, "13pct": {"crop": 24, "mirror": True}, "11pct": {"crop": 24, "mirror": True},
                "nin": {"scale": 64.0}}


def _as_written_now(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The config of a run of version 0.1.0, which had no view: its two scripts, train_cifar10.py and train_imagenet.py,
    wrote entries of their own. Any other config as it is."""
    options = config.get("options", config)
    name = options.get("net") if isinstance(options, dict) else None
    seen = {"mean": "mean.npy", "scale": 1.0, "crop": None, "mirror": False, "jitter": None, "pad": 0,
            "color": None, "noise": "paper"}
    if isinstance(name, str) and name in _CIFAR_0_1_0 and (folder / "mean.npy").is_file():
        classes = "airplane automobile bird cat deer dog frog horse ship truck".split()
        return {**config, "net": f"cifar-{name}", "settings": {}, "view": seen | _CIFAR_0_1_0[name], "classes": classes}
    if not {"net", "settings", "classes", "crop", "scale"} <= set(config):
        return config
    source = config.get("variant") == "source" or name == "alexnet-source"
    seen |= {"scale": config["scale"], "crop": config["crop"], "mirror": True, "jitter": config.get("jitter"),
             "noise": "2012" if source else "paper"}
    if seen["jitter"]:                                          # the mean was an image all of one colour
        seen["mean"] = read_mean(folder)[0, 0].tolist()
    if not config.get("no_color_noise") and (folder / "colors.npz").is_file():
        with ArrayFile(folder / "colors.npz") as file:
            shapes = {name: header.shape for name, header in file.headers.items() if header.dtype.kind == "f"}
            if shapes != {"values": (3,), "vectors": (3, 3)}:
                raise wrong(folder / "colors.npz", "values (3,) and vectors (3, 3)", shortened(shapes))
            seen["color"] = {name: file.read(name).tolist() for name in shapes}
    return {**{name: value for name, value in config.items() if name != "scale"}, "view": seen}
