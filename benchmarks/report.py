"""The benchmark's page and its picture, from the files that `cpu.py --json` wrote.

    python benchmarks/report.py benchmarks/results/0.2.0.json benchmarks/results/0.1.0.json

writes README.md and layers.png beside this script. Each file is a run, called by its name; the picture shows the first
file's. The same files give the same page.

The picture: each layer's time in a training step, forward and backward end to end, in one column and in the layout of
PyTorch that trains faster. PyTorch's response normalisation takes longer than all the rest: the axis ends at one and a
half times our longest layer, a longer bar is cut, and its length is written beside it.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cpu
import numpy as np
from contenders import TORCH

from tinynet.look.figure import figure

PICTURED = ("alexnet-32", "80sec-128")
COLORS = (("#1f4e79", "#8db4d9"), ("#b3541e", "#f0b48a"))  # forward and backward: ours, PyTorch's


def page(runs: dict[str, dict], links: dict[str, str]) -> str:
    """The page of `runs`, {name: what cpu.py wrote}, in Markdown; `links` says where each one's file is."""
    title, text = cpu.__doc__.split("\n", 1)
    caption = (f"The picture shows the run \"{next(iter(runs))}\". A bar longer than the axis is cut, and its length "
               "written beside it.")
    source = "`report.py` wrote this page from the files of the runs, which hold the times of all turns and layers."
    parts = [f"# {title.rstrip('.')}", "![Time of each layer, here and in PyTorch](layers.png)", caption,
             "## What is measured, and how to read it", text.strip("\n"), "## The runs", machines(runs, links), source]
    for name in dict.fromkeys(name for found in runs.values() for name in found["cases"]):
        results = {run: found["cases"][name] for run, found in runs.items() if name in found["cases"]}
        parts += [f"## {name}", *(times(run, result) for run, result in results.items())]
    return "\n\n".join(parts) + "\n"


def machines(runs: dict[str, dict], links: dict[str, str]) -> str:
    """What each run found on its machine, a column each; variables that no run has are only named."""
    found = {key: [str(of["machine"].get(key, "-")) for of in runs.values()]
             for key in dict.fromkeys(key for of in runs.values() for key in of["machine"])}
    unset = [key for key, values in found.items() if set(values) == {"not set"}]
    rows = table(["", *(f"[{run}]({links[run]})" for run in runs)],
                 *([key, *values] for key, values in found.items() if key not in unset))
    return rows + (f"\n\nNot set: {', '.join(unset)}." if unset else "")


def times(run: str, result: dict) -> str:
    """The table of one case in one run."""
    head = [f"{run}: batch {result['batch']}, sgemm {result['sgemm']:.0f} GFLOP/s", *cpu.WIDTHS, "peak memory"]
    rows = []
    for what, title in cpu.TITLES.items():
        rows.append([f"**{title}**", *[""] * (len(head) - 1)])
        rows += [[who, *cpu.cells(r[what]), f"{r['peak_mb']:.0f} MB" if what == "train" else ""]
                 for who, r in result["contenders"].items()]
    return table(head, *rows)


def table(head: Sequence[str], *rows: Sequence[str]) -> str:
    line = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, line, *rows))


# ---- the picture --------------------------------------------------------------------------------------------------

def draw_layers(path: str | os.PathLike, run: str, found: dict) -> None:
    """Write the picture of a run's `PICTURED` cases to `path`. Raises ValueError if the run has none of them."""
    cases = {name: found["cases"][name]["contenders"] for name in PICTURED if name in found["cases"]}
    if not cases:
        raise ValueError(f"layers.png: expected times of {' or '.join(PICTURED)} in the first run, {run}, got only "
                         f"{', '.join(found['cases']) or 'none'}; run cpu.py --nets {' '.join(PICTURED)}")
    of = found["machine"]
    note = (f"Milliseconds in a training step: medians, dark forward, light backward. {of['date']}; {of['cpu']}\n"
            f"NumPy {of['NumPy']}, {of['blas']}; PyTorch {of['PyTorch']}; run \"{run}\"")
    rows = [len(contenders["one column"]["layers"]) for contenders in cases.values()]
    with figure(path, 7.5, 0.23 * sum(rows) + 0.6 * len(rows) + 0.4, note, grid=(len(rows), 1)) as axes:
        axes[0, 0].get_gridspec().set_height_ratios(rows)
        for ax, (name, contenders) in zip(axes[:, 0], cases.items(), strict=True):
            draw_case(ax, name, contenders)


def draw_case(ax: Any, name: str, contenders: dict[str, dict]) -> None:
    """The bars of one case, the first layer at the top."""
    theirs = sorted((who for who in TORCH if who in contenders), key=lambda who: contenders[who]["train"]["median"])
    shown = ["one column", *theirs[:1]]
    layers = list(contenders["one column"]["layers"])
    ms = 1e3 * np.array([[contenders[who]["layers"][layer] for layer in layers] for who in shown])  # (who, layer, 2)
    total, thick = ms.sum(axis=2), 0.8 / len(shown)
    end = 1.03 * min(total.max(), 1.5 * total[0].max())
    for i, who in enumerate(shown):
        at = np.arange(len(layers)) - 0.4 + (i + 0.5) * thick
        forward, backward = ms[i].T
        ax.barh(at, forward, thick, color=COLORS[i][0], label=f"{who if i else 'tinynet, ' + who}: "
                f"{1e3 * contenders[who]['train']['median']:.0f} ms a step")
        ax.barh(at, backward, thick, left=forward, color=COLORS[i][1])
        for y in np.flatnonzero(total[i] > end):
            ax.text(end, at[y], f" {total[i, y]:.0f}", va="center", fontsize=8, color=COLORS[i][0])
    ax.set(title=name, yticks=range(len(layers)), yticklabels=layers, xlim=(0, end), ylim=(len(layers) - 0.5, -0.5))
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="lower right")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="what cpu.py --json wrote")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, metavar="FOLDER", help="write there instead")
    args = parser.parse_args()
    links = {file.stem: Path(os.path.relpath(file, args.out)).as_posix() for file in args.files}
    if len(links) < len(args.files):
        parser.error(f"expected files of different names, got {', '.join(map(str, args.files))}")
    try:
        runs = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in args.files}
        draw_layers(args.out / "layers.png", *next(iter(runs.items())))
    except (OSError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    (args.out / "README.md").write_text(page(runs, links), encoding="utf-8")


if __name__ == "__main__":
    main()
