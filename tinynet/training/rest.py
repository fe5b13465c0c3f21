"""What a checkpoint says beside its arrays, a text in JSON: read, and checked before anything is changed.

A file that is damaged or foreign must not end a training in the middle: every number that will be counted with has its
type and its limits here. What does not come from a file, because it must be as it is in this training (the loader's
size, the settings), is compared in checkpoint.py.
"""
from __future__ import annotations

import copy
import json
import os
from dataclasses import asdict
from typing import Any

import numpy as np

from ..data import Loader
from ..files.arrays import ArrayFile
from ..files.reading import DataError, parse_json, shortened, wrong
from ..files.storage import TRAINING
from .progress import Progress
from .records import expect_count, expect_number, expect_record, is_number
from .schedule import Schedule

FORMAT = 2
REST = TRAINING + "rest"
MOST_BYTES = 2 ** 25  # of the text: 100,000 epochs have fewer

# What a generator's state has beside numbers of 128 bits, which no check of NumPy's keeps within its limits.
_MOST = {"pos": 624, "buffer_pos": 4, "has_uint32": 1, "uinteger": 2 ** 32 - 1}


def damaged(path: str | os.PathLike, what: object) -> DataError:
    return DataError(f"{path}: {REST} is damaged: {what}. Go on from another checkpoint, or begin a new training.")


def read_rest(path: str | os.PathLike, file: ArrayFile) -> dict[str, Any]:
    """The rest in a checkpoint, of a format that is known. Raises DataError."""
    header = file.headers.get(REST)
    if header is None:
        raise DataError(f"{path} holds a net and no training: read it with net.load, and begin a new training")
    if header.shape or header.dtype.kind != "S":
        raise damaged(path, f"expected a text, got {header.dtype} of shape {header.shape}")
    if header.nbytes > MOST_BYTES:
        raise damaged(path, f"expected at most {MOST_BYTES:,} bytes, got {header.nbytes:,}; if that is right, set "
                            f"{__name__}.MOST_BYTES higher")
    try:
        rest = parse_json(path, file.read(REST).item().decode("utf-8"))
    except ValueError as error:
        raise damaged(path, error) from error
    if not is_number(rest.get("format")):
        raise damaged(path, f"expected a format, got {shortened(rest.get('format'))}")
    if rest["format"] not in (1, FORMAT):
        raise wrong(path, f"a checkpoint of format {FORMAT}", f"format {rest['format']}",
                    "It is from another version of tinynet, which can continue it; net.load reads its net")
    return rest


def expect_rest(there: dict[str, Any], loader: Loader, schedule: Schedule | None,
                generators: dict[str, np.random.Generator]) -> Progress:
    """How far the training was. Raises ValueError, or what looking into a wrong type raises, unless every entry is what
    a training like this one can go on from."""
    optimizer = there["optimizer"]
    expect_count("optimizer.steps", optimizer["steps"])
    for name, value in optimizer["now"].items():
        expect_number(f"optimizer.now.{name}", value, 0)
    for slot, names in optimizer["slots"].items():
        if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise ValueError(f"optimizer.slots.{slot}: expected a list of names, got {shortened(names)}")
    if (taken := optimizer.get("taken")) is not None:
        for name, steps in taken.items():
            expect_count(f"optimizer.taken.{name}", steps, 0, optimizer["steps"])
    for name, rng in generators.items():
        expect_generator_state(f"generators.{name}", there["generators"][name], rng)
    for i, states in enumerate(there.get("generators of the other ranks", []), start=1):
        for name, rng in generators.items():
            expect_generator_state(f"generators of rank {i}.{name}", states[name], rng)
    if schedule:
        copy.copy(schedule).restore(there["schedule"]["state"])  # a trial
    return _progress(there["progress"], loader)


def _progress(found: dict[str, Any], loader: Loader) -> Progress:
    if set(found) != set(asdict(Progress())):
        raise ValueError(f"progress: expected {', '.join(asdict(Progress()))}, got {', '.join(found)}")
    limits = {"epochs": (), "size": (), "epoch": (1,), "batch": (0, len(loader)),
              "images": (found["batch"], loader.size)}
    for name, of in limits.items():
        expect_count(f"progress.{name}", found[name], *of)
    if found["images"] and not found["batch"]:
        raise ValueError(f"progress.images: expected 0 before the first batch, got {found['images']}")
    for name in "seconds", "waited", "grad_norm":
        expect_number(f"progress.{name}", found[name], 0, float("inf"))
    for name in "loss", "last_loss":
        expect_number(f"progress.{name}", found[name])
    if not (found["error"] is None or is_number(found["error"])):
        raise ValueError(f"progress.error: expected a number or none, got {shortened(found['error'])}")
    if found["batch"] or found["order"] is not None:
        expect_generator_state("progress.order", found["order"], loader.rng)
    if not isinstance(found["history"], list):
        raise ValueError(f"progress.history: expected a list of records, got {shortened(found['history'])}")
    for record in found["history"]:
        expect_record(record)
    return Progress(**found)


def expect_generator_state(what: str, state: Any, rng: np.random.Generator) -> None:
    """Raise unless a generator like `rng` can go on from this state. NumPy's own setters take some that make it read
    beyond its memory."""
    _within_limits(what, state, rng.bit_generator.state)
    trial = type(rng.bit_generator)()
    trial.state = state
    if json.loads(json.dumps(trial.state, default=plain)) != state:
        raise ValueError(f"{what}: expected a state of {type(trial).__name__}, got {shortened(state)}")


def _within_limits(what: str, state: Any, like: Any) -> None:
    if isinstance(like, dict):
        if not isinstance(state, dict) or set(state) != set(like):
            raise ValueError(f"{what}: expected {', '.join(like)}, got {shortened(state)}")
        for name, part in like.items():
            _within_limits(f"{what}.{name}", state[name], part)
    elif isinstance(like, np.ndarray):
        if not isinstance(state, list) or len(state) != len(like):
            raise ValueError(f"{what}: expected {len(like)} numbers, got {shortened(state)}")
        for number in state:
            expect_count(what, number, 0, 2 ** 64 - 1)
    elif not isinstance(like, str):
        expect_count(what, state, 0, _MOST.get(what.rpartition(".")[2], 2 ** 128 - 1))


def plain(value: Any) -> Any:
    """NumPy's numbers and arrays as JSON can hold them: the `default` of json.dumps."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"expected numbers, texts, lists and dictionaries, which JSON can hold, got {value!r}")
