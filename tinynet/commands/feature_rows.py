"""What the parts of `python -m tinynet features` share: the photographs, the rows of results, and how all choose.

No learner has a rate of its own that somebody liked: each setting is tried at all RATES and STEPS on the photographs of
the first fold, the best on the validation photographs is kept, and only then are the test photographs shown to the
learners of all folds. What was tried is a row, too.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data import Split
from ..files.reading import entry, parse_json, read_text, wrong
from ..files.writing import write_json_lines
from ..training.evaluate import Trained
from ..training.probe import mean_and_error
from ..training.records import expect_number
from ..training.train import say

SHARES = ("accuracy", "ap", "codes", "vectors")  # what is measured
Row = dict[str, Any]
Learner = Callable[[int, str, float, int], Row]  # (fold, "valid" or "test", learning rate, steps) -> what came out


class Work(NamedTuple):
    """What all parts share. `train` has the photographs of each class in turn, as many in each fold; those of `valid`
    choose, those of `test` are shown last. `again` loads the trained net anew."""
    again: Callable[[], Trained]
    out: Path
    layers: list[str]
    folds: int
    trained: Trained
    train: Split
    valid: Split
    test: Split
    classes: int

    def part(self, name: str) -> Split:
        return {"train": self.train, "valid": self.valid, "test": self.test}[name]

    def fold(self, f: int, k: int) -> np.ndarray:
        """The indices of k images per class, of a fold that shares none with another."""
        return np.arange(len(self.train.labels)).reshape(self.classes, self.folds, -1)[:, f, :k].ravel()


def read_rows(path: Path) -> list[Row]:
    """The rows in a file of results; none, if there is no file. Raises DataError for anything else."""
    rows = []
    for line in read_text(path).splitlines() if path.exists() else []:
        row = parse_json(path, line)
        entry(path, row, "part", str)
        try:
            for name in row.keys() & SHARES:
                expect_number(name, row[name], 0, 1)
        except ValueError as error:
            raise wrong(path, "shares of what is right", f"the error {error} in {line}",
                        "Put the line right, or delete it: what it says is measured again then") from error
        if row in rows:
            raise wrong(path, "each measurement once", f"{line} twice", "Delete one of the two")
        rows.append(row)
    return rows


class Results:
    """The rows of a file of JSON lines, each of which is written when it is there."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, read_rows(path)

    def add(self, key: Row, measure: Callable[[], Row]) -> Row:
        """The row of `key`: what `measure` gives, unless it is there."""
        for row in self.rows:
            if key.items() <= row.items():
                return row
        self.rows.append(key | measure())
        say(json.dumps(self.rows[-1]))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_json_lines(self.path, self.rows)
        return self.rows[-1]

    def told(self, name: str, what: str = "accuracy", **key: Any) -> tuple[float, float]:
        """Mean and standard error of `what` over the rows that have this key; said."""
        mean, error = mean_and_error([self.share(row, what) for row in self.rows if key.items() <= row.items()])
        say(f"{name}: {mean:.1%} ± {error:.1%}")
        return mean, error

    def share(self, row: Row, what: str) -> float:
        """What a row says of `what`, one of SHARES. Raises DataError if the file has a row without it."""
        return entry(self.path, row, what, (int, float))


def measured(work: Work, results: Results, key: Row, rates: Sequence[float], steps: Sequence[int], learn: Learner,
             what: str = "accuracy") -> None:
    """A row for each fold, at the rate and the steps with the highest `what` on the validation photographs."""
    tried = [results.add({**key, "part": "tuning", "of": key["part"], "lr": lr, "steps": n},
                         lambda lr=lr, n=n: learn(0, "valid", lr, n)) for n, lr in product(steps, rates)]
    best = max(tried, key=lambda row: results.share(row, what))   # of equal ones the first: fewer steps, a lower rate
    for f in range(work.folds):
        results.add({**key, "fold": f}, lambda f=f: {"lr": best["lr"], "steps": best["steps"],
                                                     **learn(f, "test", best["lr"], best["steps"])})
