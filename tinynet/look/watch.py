"""Curves of several runs side by side, drawn again while they train.

    watch(["runs/a", "runs/b"], "watch.png")                       until Ctrl-C; `python -m tinynet watch` does that
    watch(["runs/a", "runs/b"], "watch.png", show=in_notebook())   in a notebook: the picture is replaced below the cell

A run is a folder with a metrics.jsonl, or one with such folders in it, sooner or later.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from time import sleep
from typing import Any

from ..training.progress import Record, judged_by, say
from ..training.records import read_records
from .figure import COLORS, figure

MOST = len(COLORS)


def watch(runs: Iterable[str | os.PathLike], path: str | os.PathLike, every: float = 10, once: bool = False,
          show: Callable[[Path], object] | None = None) -> None:
    """Draw the `runs` to `path`, whenever one of them has come further; look every so many seconds, until Ctrl-C.

    With `once`, draw and be done. `show` is called with the path after each drawing. Raises ValueError for more than
    MOST runs; DataError for what is no record of a training; OSError if there is no such folder.
    """
    runs, drawn = [Path(run) for run in runs], None  # how many epochs of each were drawn
    while True:
        records = {str(folder): read_records(folder / "metrics.jsonl", "epoch") for folder in _trainings(runs)}
        epochs = {name: len(of) for name, of in records.items()}
        if epochs != drawn:
            for name, of in records.items():
                if of and epochs[name] != (drawn or {}).get(name):
                    say(f"{name}  epoch {epochs[name]}  {judged_by(of[-1]):.4g}")
            draw_runs(path, records)
            drawn = epochs
            if show:
                show(Path(path))
        if once:
            return
        sleep(every)


def _trainings(runs: list[Path]) -> list[Path]:
    """The folders with metrics in the `runs`. Raises OSError if a run is no folder, ValueError if they are too many."""
    for run in runs:
        if not run.is_dir():
            raise NotADirectoryError(f"{run} is not the folder of a run")
    found = [file.parent for run in runs for file in sorted(run.rglob("metrics.jsonl"))]
    if len(found) > MOST:
        raise ValueError(f"watch: expected at most {MOST} trainings, which can be told apart, got {len(found)}: name "
                         "fewer runs")
    return found


def draw_runs(path: str | os.PathLike, runs: Mapping[str, list[Record]]) -> None:
    """Write to `path` the errors of the trainings `runs`, {name: records of its epochs}: the error on images that are
    not trained with as a line, the training error dashed; if one of them has no errors, of all of them the loss."""
    with figure(path, 8, 5) as ax:
        errors = all(any(key in record for record in of for key in _ERRORS) for of in runs.values() if of)
        for color, (name, records) in zip(COLORS, runs.items(), strict=False):
            name = f"./{name}" if name.startswith("_") else name  # else matplotlib hides it
            for key, style in _lines(records, errors):
                points = [(record["epoch"], record[key]) for record in records if key in record]
                ax.plot(*zip(*points, strict=True), style, color=color, marker="." if len(points) < 40 else None,
                        label=f"{name}: {_NAMES[key]}")
        ax.set(xlabel="epochs", ylabel="error" if errors else "loss", ylim=(0, None))
        ax.xaxis.get_major_locator().set_params(integer=True)
        if errors:
            ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        ax.grid(axis="y", color="0.9")
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False, fontsize=8)
        else:
            ax.set_title("no epoch is over yet")


_ERRORS = {"val_error": "-", "test_error": "-", "train_error": "--"}  # and how each is drawn
_NAMES = {"val_error": "validation error", "test_error": "test error", "train_error": "training error",
          "train_loss": "training loss"}


def _lines(records: list[Record], errors: bool) -> list[tuple[str, str]]:
    """What of these records is drawn, and how."""
    there, wanted = {key for record in records for key in record}, _ERRORS if errors else {"train_loss": "-"}
    return [(key, style) for key, style in wanted.items() if key in there]


def in_notebook() -> Callable[[Path], None]:
    """What `show` is in a notebook: the picture below the cell, replaced by each next one."""
    from IPython.display import Image, display

    shown: list[Any] = []

    def show(path: Path) -> None:
        picture = Image(data=path.read_bytes())
        if shown:
            shown[0].update(picture)
        else:
            shown.append(display(picture, display_id=True))

    return show
