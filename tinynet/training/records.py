"""What is known of each epoch that is over, read from a file: checked before it is believed.

A record is a dictionary: the numbers that `train` puts into it, and whatever a hook adds (train.py). A checkpoint has a
list of them, metrics.jsonl one in each line.
"""
from __future__ import annotations

import os
import sys
from typing import Any

from ..files.reading import DataError, parse_json, read_text, shortened, wrong
from .progress import Record, judged_by, say

LARGEST = sys.float_info.max
MOST_COUNTED = 2 ** 53  # epochs, batches, steps
MOST_INT = 2 ** 63
MEASURED = ("train_error", "val_error", "test_error", "grad_norm", "images_per_second", "waited")  # may be NaN


def is_number(value: Any) -> bool:
    """Whether this is a number as JSON has them, not too large for a float; True is none."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)
                                        and -LARGEST <= value <= LARGEST)


def expect_number(what: str, value: Any, least: float = -LARGEST, most: float = LARGEST) -> None:
    """Raise ValueError unless `value` is a number from `least` to `most`; of a whole one that needs more than 64 bits
    NumPy would make an object."""
    huge = isinstance(value, int) and not -MOST_INT <= value < MOST_INT
    if huge or not (is_number(value) and least <= value <= most):
        limits = f" from {least:g}" * (least > -LARGEST) + f" to {most:g}" * (most < LARGEST)
        raise ValueError(f"{what}: expected a finite number{limits}, got {shortened(value)}")


def expect_count(what: str, value: Any, least: int = 0, most: int = MOST_COUNTED) -> None:
    """Raise ValueError unless `value` is a whole number from `least` to `most`."""
    if not (is_number(value) and isinstance(value, int) and least <= value <= most):
        limits = f"from {least} to {most}" if most < MOST_COUNTED else f"of {least} or more"
        raise ValueError(f"{what}: expected a whole number {limits}, got {shortened(value)}")


def expect_record(record: Any) -> None:
    """Raise ValueError unless this is a record, with a number to judge it by. What it has no name for may be missing,
    and what a hook adds may be anything."""
    if not isinstance(record, dict):
        raise ValueError(f"expected a record, a dictionary, got {shortened(record)}")
    if "epoch" in record:
        expect_count("epoch", record["epoch"], 1)
    for name in {"lr", "train_loss"} & set(record):
        expect_number(name, record[name])
    for name in MEASURED:
        if not is_number(record.get(name, 0)):
            raise ValueError(f"{name}: expected a number, got {shortened(record[name])}")
    if judged_by(record) is None:
        raise ValueError(f"expected a val_error, train_error or train_loss, got {shortened(record)}")


def read_records(path: str | os.PathLike, *names: str) -> list[Record]:
    """The records in a metrics.jsonl; all of them have these `names`. A last line without an end, as a copy that was
    cut short has it, is left out, and that is said.

    Raises DataError for anything else than records, OSError as `open` does.
    """
    text, records = read_text(path), []
    *lines, rest = text.split("\n")
    if rest:
        say(f"{path}: its last line has no end and is left out: {shortened(rest)}")
    for number, line in enumerate(lines, 1):
        try:
            record = parse_json(path, line)
            expect_record(record)
            if missing := [name for name in names if name not in record]:
                raise ValueError(f"expected {', '.join(names)}, got no {', '.join(missing)}")
        except DataError:
            raise
        except ValueError as error:
            raise wrong(path, "a record of an epoch in each line", f"in line {number} the error {error}") from error
        records.append(record)
    return records
