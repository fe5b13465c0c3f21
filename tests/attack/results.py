"""Doors: files of results, of the claims and of what features are worth."""
from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinynet.claims.claim import Claim, verdict
from tinynet.claims.page import differences, section
from tinynet.claims.runner import read_rows
from tinynet.commands.feature_rows import SHARES, Results

from .door import Door
from .mutate import json_lines

CLAIM = Claim("about it", "try", "A try", "a paper", "b is better", ("a", "b"), lambda work, side: {}, rates=(0.1,))
TRAININGS = [{"side": side, "seed": seed, "rate": 0.1, "val_error": 0.5, "test_error": 0.4, "train_error": 0.3,
              "seconds": 1.0, "tinynet": "0.2.0"} for seed in (1000, 0, 1) for side in "ab"]
KEY = {"part": "layers", "layer": "pool1", "by": "softmax", "k": 5}
MEASURED = [{**KEY, "fold": fold, "lr": 0.1, "steps": 10, "accuracy": 0.5} for fold in range(3)]


def _claim(path: Path) -> None:
    rows = read_rows(path, CLAIM)
    said = verdict(CLAIM, differences(CLAIM, rows))
    assert said.mean is None or math.isfinite(said.mean) and abs(said.mean) <= 100
    assert "nan" not in section(CLAIM, rows, said) and all(0 <= row["val_error"] <= 1 for row in rows)


def _features(path: Path) -> None:
    rows = Results(path).rows
    assert all(row not in rows[:i] for i, row in enumerate(rows))
    for row in rows:
        assert all(0 <= row[name] <= 1 for name in row.keys() & SHARES)


def _lines(rows: list[dict[str, Any]], read_it: Callable[[Path], None]) -> Callable[[Path], Door]:
    def door(folder: Path) -> Door:
        path = folder / "results.jsonl"
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        return Door(path, data, lambda: read_it(path), (json_lines,), str(path))
    return door


DOORS = {"results of a claim": _lines(TRAININGS, _claim), "results of features": _lines(MEASURED, _features)}
