"""A training in a file, so that it goes on as if it had never been interrupted: bit for bit.

One .npz (files/storage.py) with everything that the next step depends on:

    conv1.W, ...                    parameters and running statistics, under their names: `net.load(path)` takes them
    training/velocity/conv1.W, ...  the slots of the optimiser, each under its own name
    training/rest                   as JSON: how far the training is, the optimiser's settings, the parameters' own
                                    rates and decays, the schedule, the loader, and the states of all random
                                    generators: the layers' and the loader's

Within an epoch, `Progress` also has the state in which the loader's generator was at the epoch's *beginning*, and the
number of batches done: `train` draws the same order again and passes over that many batches. So nothing else may draw
from the loader's generator during an epoch.

Files of format 1, which knew SGD alone, are read too.
"""
from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from .. import __version__
from ..data import Loader
from ..data.dataset import fingerprint
from ..devices.device import on_host
from ..distributed import ALONE, Alone, Ranks
from ..files.arrays import ArrayFile, Header
from ..files.reading import DataError, shortened
from ..files.storage import TRAINING, arrays_of, not_finite, write_into
from ..files.writing import atomic_write
from ..layer import Layer
from ..overlooked import expect_state
from ..parameter import FixedRate
from .diverged import Diverged
from .optimizer import Optimizer
from .progress import Progress, say
from .rest import FORMAT, REST, damaged, expect_rest, plain, read_rest
from .schedule import Schedule


def save(path: str | os.PathLike, net: Layer, optimizer: Optimizer, loader: Loader, schedule: Schedule | None,
         progress: Progress, ranks: Ranks | Alone = ALONE) -> None:
    """Write the training to `path`, where the old file stays until the new one is complete. Of several ranks all call
    this, and rank 0 writes, with the states of all generators.

    Raises Diverged, and writes nothing, if a parameter, a running statistic or a slot is not finite; and what
    `generators_of` raises.
    """
    progress.settle()
    of_others = ranks.gather(_states(net, loader))[1:]
    ranks.first(partial(_save, path, net, optimizer, loader, schedule, progress, of_others))


def _save(path: str | os.PathLike, net: Layer, optimizer: Optimizer, loader: Loader, schedule: Schedule | None,
          progress: Progress, of_others: list[dict[str, Any]]) -> None:
    arrays = arrays_of(net) | {_stored(slot, name): array for slot, of in optimizer.slots.items()
                               for name, array in of.items()}
    arrays = {name: on_host(array) for name, array in arrays.items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise Diverged(f"epoch {progress.epoch}, after batch {progress.batch}: {name.removeprefix(TRAINING)} holds "
                           f"NaN or infinity: {path} is not written. A learning rate smaller than {optimizer.lr:g} may "
                           "help")
    rest = _rest(net, optimizer, loader, schedule, progress)
    if of_others:
        rest["generators of the other ranks"] = of_others
    with atomic_write(path) as file:
        np.savez(file, **arrays, **{REST: np.array(json.dumps(rest, default=plain).encode())})


def restore(path: str | os.PathLike, net: Layer, optimizer: Optimizer, loader: Loader, schedule: Schedule | None,
            ranks: Ranks | Alone = ALONE) -> Progress:
    """Put the training back to where `save` found it, and return how far it was. On another number of ranks than wrote
    it, the training goes on, and a line says what changes.

    Raises DataError, a ValueError, for a file that is no checkpoint, or from whose numbers no training can go on, and
    one that lists everything in which the training in the file is another one than this; nothing has been changed then.
    """
    there, arrays, progress = _checked(path, net, optimizer, loader, schedule)
    was = there["optimizer"]
    slots = {slot: {name: arrays[_stored(slot, name)] for name in names} for slot, names in was["slots"].items()}
    try:
        optimizer.restore(was["steps"], was["now"], slots, was.get("taken"))  # raises before it changes anything
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, repr(error)) from error
    write_into(net, {name: arrays[name] for name in arrays_of(net)})
    _restore_generators(path, there, net, loader, ranks)
    if schedule:
        schedule.restore(there["schedule"]["state"])
    return progress


def _restore_generators(path: str | os.PathLike, there: dict[str, Any], net: Layer, loader: Loader,
                        ranks: Ranks | Alone) -> None:
    of_all = [there["generators"], *there.get("generators of the other ranks", [])]
    rank, size, generators = *ranks.share, generators_of(net, loader)
    of_this = of_all[rank if len(of_all) == size else 0]
    for name, rng in generators.items():
        rng.bit_generator.state = of_this[name]
    if len(of_all) == size:
        return
    ranks.own_generators(net)
    changes = "dropout's masks are others from here on, and sums are" if len(generators) > 1 else "sums are"
    if rank == 0:
        say(f"{path} was written by {len(of_all)} rank{'s' * (len(of_all) > 1)}, and goes on with {size}: the batches "
            f"are the same, {changes} rounded in another order")


def _checked(path: str | os.PathLike, net: Layer, optimizer: Optimizer, loader: Loader, schedule: Schedule | None
             ) -> tuple[dict[str, Any], dict[str, np.ndarray], Progress]:
    """The rest, the arrays and the progress in the file, from which this training can go on. Raises as `restore`."""
    here = json.loads(json.dumps(_rest(net, optimizer, loader, schedule, Progress()), default=plain))
    with ArrayFile(path) as file:
        there = read_rest(path, file)
        try:
            there = _from_format_1(there, here) if there["format"] == 1 else there
            told = there.get("multipliers", {})  # older files do not have them
            there["multipliers"] = {name: told.get(name, own) for name, own in here["multipliers"].items()}
            differs = [*_wrong_arrays(file.headers, there, net, optimizer),
                       *_wrong_settings(_outline(there), _outline(here))]
            progress = None if differs else expect_rest(there, loader, schedule, generators_of(net, loader))
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise damaged(path, repr(error)) from error
        arrays = {} if differs else {name: file.read(name) for name in file.headers if name != REST}
    differs += not_finite(arrays)
    if differs:
        raise DataError(f"{path} does not fit this training:\n  " + "\n  ".join(dict.fromkeys(differs)))
    return there, arrays, progress


def _stored(slot: str, name: str) -> str:
    """How the file calls a slot of a parameter."""
    return f"{TRAINING}{slot}/{name}"


def _rest(net: Layer, optimizer: Optimizer, loader: Loader, schedule: Schedule | None, progress: Progress
          ) -> dict[str, Any]:
    """What is no array of numbers, for JSON."""
    return {"format": FORMAT, "tinynet": __version__, "progress": asdict(progress),
            "optimizer": {"kind": type(optimizer).__name__, "settings": optimizer.settings, "steps": optimizer.steps,
                          "now": {name: getattr(optimizer, name) for name in optimizer.settings},
                          "slots": {slot: list(of) for slot, of in optimizer.slots.items()},
                          "taken": optimizer.taken},
            "schedule": schedule and {"kind": type(schedule).__name__, "settings": schedule.settings,
                                      "state": schedule.state()},
            "loader": {"images": loader.size, "batches": len(loader), "batch_size": loader.batch_size,
                       "labels": fingerprint(loader.split.labels)},
            "frozen": [name for name, p in net.parameters() if not p.trainable],
            "multipliers": {name: [float(p.lr), isinstance(p.lr, FixedRate), float(p.decay)]
                            for name, p in optimizer.parameters.items()},
            "generators": _states(net, loader)}


def _states(net: Layer, loader: Loader) -> dict[str, Any]:
    return {name: rng.bit_generator.state for name, rng in generators_of(net, loader).items()}


def generators_of(net: Layer, loader: Loader) -> dict[str, np.random.Generator]:
    """All random generators of a training, by name. Raises ValueError for a loader without one, and for a layer that
    draws from the loader's; and what `expect_state` raises."""
    expect_state(net)
    if loader.rng is None:
        raise ValueError("the loader gives the images in order, in every epoch the same; expected one with a random "
                         "order: Loader(split, batch_size, rng)")
    of_net = {name: s for name, s in net.state() if isinstance(s, np.random.Generator)}
    for name, rng in of_net.items():
        if rng is loader.rng:  # it has gone on since the epoch began; the loader's must go back to there
            raise ValueError(f"{name} is the loader's generator: give the layer one of its own, rng.spawn(1)[0]")
    return {"loader": loader.rng, **of_net}


def _from_format_1(there: dict[str, Any], here: dict[str, Any]) -> dict[str, Any]:
    """A rest of format 1 as one of format 2; what it does not say is taken to be as it is here."""
    progress, schedule = {**asdict(Progress()), **there["progress"]}, there["schedule"]
    progress["error"] = progress.pop("wrong") or None
    steps = (progress["epoch"] - 1) * there["loader"]["batches"] + progress["batch"]
    optimizer = {"kind": "SGD", "settings": here["optimizer"]["settings"], "steps": steps, "now": there["sgd"],
                 "slots": {"velocity": there["velocities"]}}
    if schedule:
        state = {name: value for name, value in schedule["state"].items() if (schedule["kind"], name) !=
                 ("ByEpoch", "lr")}
        schedule = {**schedule, "settings": (here["schedule"] or {}).get("settings", {}), "state": state}
    return {**there, "progress": progress, "optimizer": optimizer, "schedule": schedule,
            "loader": {**here["loader"], **there["loader"]}, "frozen": here["frozen"]}


def _wrong_arrays(found: dict[str, Header], there: dict[str, Any], net: Layer, optimizer: Optimizer) -> Iterator[str]:
    """What is missing in the file, unknown here, or of another shape or dtype."""
    known = arrays_of(net)
    expected = [*known, *(_stored(slot, name) for slot, names in there["optimizer"]["slots"].items() for name in names)]
    for name in expected:
        if name not in found:
            yield f"{name}: missing in the file"
    same_kind = there["optimizer"]["kind"] == type(optimizer).__name__
    known |= {_stored(slot, name): p.value for slot in optimizer.SLOTS for name, p in optimizer.parameters.items()}
    for name, header in found.items():
        if name == REST or (name.startswith(TRAINING) and not same_kind):
            continue
        if name not in known or name not in expected:
            yield f"{name}: unknown to this training"
        elif header != (known[name].shape, known[name].dtype):
            yield (f"{name}: expected {known[name].dtype} of shape {known[name].shape}, the file has {header.dtype} of "
                   f"shape {header.shape}")


def _outline(rest: dict[str, Any]) -> dict[str, Any]:
    """What two trainings must have in common for one to continue the other."""
    schedule, loader = rest["schedule"], rest["loader"]
    return {"the optimiser": _in_words(rest["optimizer"]),
            "the schedule": schedule and f"{_in_words(schedule)}, which keeps {', '.join(schedule['state'])}",
            "the frozen parameters": ", ".join(rest["frozen"]) or "none",
            **{f"the rate and the decay of {name}": f"{'fixed at ' if fixed else 'times '}{shortened(lr)}, times "
               f"{shortened(decay)}" for name, (lr, fixed, decay) in rest["multipliers"].items()},
            "the loader's images": loader["images"], "the loader's batches": loader["batches"],
            "the loader's batch size": loader["batch_size"], "the fingerprint of its labels": loader["labels"],
            **{f"the generator {name}": state["bit_generator"] for name, state in rest["generators"].items()}}


def _in_words(made: dict[str, Any]) -> str:
    return f"{made['kind']}({', '.join(f'{name}={value}' for name, value in made['settings'].items())})"


def _wrong_settings(there: dict[str, Any], here: dict[str, Any]) -> Iterator[str]:
    for what in {**here, **there}:
        if there.get(what) != here.get(what):
            yield f"{what}: expected {here.get(what)}, the file has {there.get(what)}"
