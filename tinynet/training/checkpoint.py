"""A training in a file, so that it goes on as if it had never been interrupted: bit for bit.

One .npz (storage.py) with everything that the next step depends on:

    conv1.W, ...                    parameters and running statistics, under their names: `net.load(path)` takes them
    training/velocity/conv1.W, ...  the velocities of SGD
    training/rest                   as JSON: how far the training is, the settings of SGD, the schedule, and the states
                                    of all random generators: those of layers (dropout), and the loader's

Within an epoch, `Progress` also has the state in which the loader's generator was at the epoch's *beginning*, and the
number of batches done: `train` draws the same order again and passes over that many batches. So nothing else may draw
from the loader's generator during an epoch.
"""
from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from .. import __version__
from ..data import Loader
from ..devices.device import device_of
from ..files.storage import TRAINING, arrays_of, assign, atomic_write, read
from ..layer import Layer
from .diverged import Diverged
from .optim import SGD
from .schedule import Schedule
from .train import Progress

FORMAT = 1
VELOCITY, REST = TRAINING + "velocity/", TRAINING + "rest"
SETTINGS = "lr", "momentum", "weight_decay"


def save(path: str | os.PathLike, net: Layer, sgd: SGD, loader: Loader, schedule: Schedule | None,
         progress: Progress) -> None:
    """Write the training to `path`, where the old file stays until the new one is complete.

    Raises Diverged, and writes nothing, if a parameter, a running statistic or a velocity is not finite.
    """
    arrays = arrays_of(net) | {VELOCITY + name: v for name, v in sgd.velocities.items()}
    arrays = {name: device_of(array).tohost(array) for name, array in arrays.items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise Diverged(f"epoch {progress.epoch}, after batch {progress.batch}: {name.removeprefix(TRAINING)} holds "
                           f"NaN or infinity: {path} is not written. A learning rate smaller than {sgd.lr:g} may help")
    rest = _rest(net, sgd, loader, schedule, progress)
    with atomic_write(path) as file:
        np.savez(file, **arrays, **{REST: np.array(json.dumps(rest, default=plain).encode())})


def restore(path: str | os.PathLike, net: Layer, sgd: SGD, loader: Loader, schedule: Schedule | None) -> Progress:
    """Put the training back to where `save` found it, and return how far it was.

    Raises ValueError for a file that is no checkpoint, and one that lists everything in which the training in the file
    is another one than this; nothing has been changed then.
    """
    found = read(path)
    there, here = _parse(path, found.pop(REST, None)), _rest(net, sgd, loader, schedule, Progress())
    try:
        wrong = list(_wrong_arrays(found, there["velocities"], net, sgd))
        wrong += _wrong_settings(_outline(there), _outline(here))
        progress, settings = Progress(**there["progress"]), [there["sgd"][name] for name in SETTINGS]
        if not wrong:
            for name, rng in _generators(net, loader).items():
                type(rng.bit_generator)().state = there["generators"][name]  # a trial: it raises if it is damaged
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {REST} is damaged: {error!r}") from error
    if wrong:
        raise ValueError(f"{path} does not fit this training:\n  " + "\n  ".join(wrong))

    for name, array in arrays_of(net).items():
        assign(array, found[name])
    sgd.velocities = {name: sgd.parameters[name].device.asarray(found[VELOCITY + name]) for name in there["velocities"]}
    sgd.lr, sgd.momentum, sgd.weight_decay = settings
    for name, rng in _generators(net, loader).items():
        rng.bit_generator.state = there["generators"][name]
    if schedule:
        schedule.restore(there["schedule"]["state"])
    return progress


def plain(value: Any) -> Any:
    """NumPy's numbers and arrays as JSON can hold them: the `default` of json.dumps."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"expected numbers, texts, lists and dictionaries, which JSON can hold, got {value!r}")


def _rest(net: Layer, sgd: SGD, loader: Loader, schedule: Schedule | None, progress: Progress) -> dict[str, Any]:
    """What is no array of numbers, for JSON."""
    states = {name: rng.bit_generator.state for name, rng in _generators(net, loader).items()}
    return {"format": FORMAT, "tinynet": __version__, "progress": asdict(progress),
            "sgd": {name: getattr(sgd, name) for name in SETTINGS}, "velocities": list(sgd.velocities),
            "schedule": schedule and {"kind": type(schedule).__name__, "state": schedule.state()},
            "loader": {"images": loader.size, "batches": len(loader)}, "generators": states}


def _generators(net: Layer, loader: Loader) -> dict[str, np.random.Generator]:
    of_net = {name: s for name, s in net.state() if isinstance(s, np.random.Generator)}
    for name, rng in of_net.items():
        if rng is loader.rng:  # it has gone on since the epoch began; the loader's must go back to there
            raise ValueError(f"{name} is the loader's generator: give the layer one of its own, rng.spawn(1)[0]")
    return {"loader": loader.rng, **of_net}


def _parse(path: str | os.PathLike, rest: np.ndarray | None) -> dict[str, Any]:
    if rest is None:
        raise ValueError(f"{path} holds a net and no training: read it with net.load, and begin a new training")
    try:
        there = json.loads(rest.item())
        version = there["format"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {REST} is damaged: {error!r}") from error
    if version != FORMAT:
        raise ValueError(f"{path}: expected a checkpoint of format {FORMAT}, got format {version}: it is from another "
                         "version of tinynet, which can continue it; net.load reads its net")
    return there


def _wrong_arrays(found: dict[str, np.ndarray], velocities: list[str], net: Layer, sgd: SGD) -> Iterator[str]:
    """What is missing in the file, unknown here, or of another shape or dtype."""
    net_arrays = arrays_of(net)
    for name in [*net_arrays, *(VELOCITY + name for name in velocities)]:
        if name not in found:
            yield f"{name}: missing in the file"
    known = net_arrays | {VELOCITY + name: p.value for name, p in sgd.parameters.items()}
    for name, array in found.items():
        if name not in known:
            yield f"{name}: unknown to this training"
        elif (array.shape, array.dtype) != (known[name].shape, known[name].dtype):
            yield (f"{name}: expected {known[name].dtype} of shape {known[name].shape}, the file has {array.dtype} of "
                   f"shape {array.shape}")


def _outline(rest: dict[str, Any]) -> dict[str, Any]:
    """What two trainings must have in common for one to continue the other."""
    schedule = rest["schedule"] and f"{rest['schedule']['kind']}, with {', '.join(rest['schedule']['state'])}"
    return {"the schedule": schedule,
            "the loader's images": rest["loader"]["images"], "the loader's batches": rest["loader"]["batches"],
            **{f"the generator {name}": state["bit_generator"] for name, state in rest["generators"].items()}}


def _wrong_settings(there: dict[str, Any], here: dict[str, Any]) -> Iterator[str]:
    for what in {**here, **there}:
        if there.get(what) != here.get(what):
            yield f"{what}: expected {here.get(what)}, the file has {there.get(what)}"
