"""Results of trainings that take longer than a lesson may: one JSON file a script, which grows run by run."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinynet.files.reading import read_json
from tinynet.files.writing import write_json
from tinynet.training.train import say


def run_once(path: Path, name: str, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `run()` returns, or, if an earlier call has written it to `path` under `name`, what stands there."""
    results = read_json(path) if path.exists() else {}
    if name not in results:
        results[name] = run()
        write_json(path, results)
        say(f"{path.name}: {name}: {results[name]}")
    return results[name]
