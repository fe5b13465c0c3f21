"""Run the lessons: text/*.py, the twins, are what an author edits; the notebooks are the twins with their outputs.

    python lessons/run.py              run every twin and write its notebook
    python lessons/run.py 01 07        these lessons only
    python lessons/run.py --check      write nothing; run all in fresh kernels, and fail where a cell raises, where a
                                       notebook is not its twin, has no outputs, is too large or takes too long

What may not take too long is the work of the processors: on a busy machine a lesson waits, and that is not its fault.
"""
from __future__ import annotations

import argparse
import copy
import os
import re
import subprocess
import sys
from base64 import b64decode
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

import tinynet

LESSONS = Path(__file__).parent
SECONDS, ALL_SECONDS, BYTES = 120, 720, 1_500_000  # CPU seconds of one lesson and of all; bytes of one
DESCRIPTION = 400  # characters of a figure's description
PATIENCE = 10  # a cell that takes more than PATIENCE * SECONDS by the clock hangs
SPENT = "import time\nprint(time.process_time())"  # by the kernel, all its threads together
SCREENS = {"07_learning": 0, "10_two_devices": 2, "14_seeing_inside": 9}  # the README shows a figure of each
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"}}


def notebook_of(twin: Path) -> Path:
    """text/01_a_neuron.py → 01_a_neuron.ipynb."""
    return twin.parent.parent / f"{twin.stem}.ipynb"


def read(twin: Path) -> nbformat.NotebookNode:
    """The notebook that a twin describes, without outputs; the same twin always gives the same file."""
    notebook = jupytext.read(twin, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(METADATA)
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i:02}"  # jupytext draws them at random
    return notebook


def execute(notebook: nbformat.NotebookNode, folder: Path) -> float:
    """Run all cells in a fresh kernel, which writes the outputs into `notebook`; returns the CPU seconds it took.

    Raises CellExecutionError for a cell that raises, CellTimeoutError for one that hangs.
    """
    # The kernel starts in another folder than this script did, so a relative PYTHONPATH would lead it astray.
    # One thread of BLAS: sums are then taken in the same order on every machine with the same library.
    here = str(Path(tinynet.__file__).parent.parent)
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    client = NotebookClient(notebook, timeout=PATIENCE * SECONDS, kernel_name="python3", record_timing=False,
                            extra_arguments=["--log-level=ERROR"],
                            resources={"metadata": {"path": str(folder)}})
    notebook.cells.append(nbformat.v4.new_code_cell(SPENT))
    # What a kernel says while it is being killed is no news: hence no stderr.
    client.execute(env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
    return float(notebook.cells.pop().outputs[0].text)


def describe(notebook: nbformat.NotebookNode) -> None:
    """Give each figure a description, for readers who cannot see it: the end of the last paragraph before its cell."""
    words = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            paragraphs = [text for text in cell.source.split("\n\n") if not text.startswith("$$")]
            words = re.sub(r"[*`$#]", "", " ".join(paragraphs[-1].split())) if paragraphs else words
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.metadata["image/png"] = {"alt": ending(words)}


def ending(words: str) -> str:
    """The last whole sentences, as many as fit into a description: they say what the figure shows. At least one."""
    starts = [0, *(stop.end() for stop in re.finditer(r"[.?!]\)? ", words))]
    return next((words[start:] for start in starts if len(words) - start <= DESCRIPTION), words[starts[-1]:])


def figures(notebook: nbformat.NotebookNode) -> list[bytes]:
    """The figures of a notebook, as PNG files."""
    return [b64decode(output.data["image/png"]) for cell in notebook.cells for output in cell.get("outputs", [])
            if "image/png" in output.get("data", {})]


def screen_of(twin: Path) -> Path:
    """Where the figure of a lesson lies that the README shows."""
    return LESSONS.parent / "docs/screens" / f"{twin.stem}.png"


def hanging(notebook: nbformat.NotebookNode) -> str:
    """The cell that was being run when the kernel was stopped, the last with a number: its place and its first line."""
    at, cell = [(i, cell) for i, cell in enumerate(notebook.cells) if cell.get("execution_count")][-1]
    return f"cell {at}: {cell.source.splitlines()[0]}"


def cells(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """What a reader sees of a notebook, apart from its outputs: the kind and the text of each cell."""
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def out_of_step(twin: Path) -> list[str]:
    """What is wrong with the notebook that lies beside a twin, without running it."""
    path = notebook_of(twin)
    if not path.exists():
        return [f"there is no {path.name}"]
    wrong, committed = [], nbformat.read(path, as_version=4)
    if cells(committed) != cells(read(twin)):
        wrong.append(f"{path.name} and text/{twin.name} differ")
    describe(described := copy.deepcopy(committed))
    if described != committed:
        wrong.append(f"{path.name}: the description of a figure is not what stands before it")
    if any(cell.execution_count is None for cell in committed.cells if cell.cell_type == "code"):
        wrong.append(f"{path.name} was not run: a cell has no output")
    if twin.stem in SCREENS and screen_of(twin).read_bytes() != figures(committed)[SCREENS[twin.stem]]:
        wrong.append(f"{screen_of(twin).name}, which the README shows, is another figure than the lesson's")
    if path.stat().st_size > BYTES:
        wrong.append(f"{path.name} has {path.stat().st_size:,} bytes, more than {BYTES:,}")
    return wrong


def run(twin: Path, write: bool) -> tuple[float, list[str]]:
    """Run one lesson, and write its notebook if told to; returns the CPU seconds it took, and what is wrong."""
    notebook = read(twin)
    try:
        seconds = execute(notebook, notebook_of(twin).parent)
    except CellExecutionError as error:
        return 0.0, [f"a cell of text/{twin.name} failed:\n{error}"]
    except CellTimeoutError:
        return 0.0, [f"a cell of text/{twin.name} did not end within {PATIENCE * SECONDS} s: {hanging(notebook)}"]
    if write:
        describe(notebook)
        nbformat.write(notebook, notebook_of(twin))
        if twin.stem in SCREENS:
            screen_of(twin).write_bytes(figures(notebook)[SCREENS[twin.stem]])
    wrong = out_of_step(twin)
    if seconds > SECONDS:
        wrong.append(f"text/{twin.name} took {seconds:.0f} s of CPU time, more than {SECONDS}")
    print(f"{twin.stem:30} {seconds:5.1f} s of CPU time", flush=True)
    return seconds, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the lessons and write their notebooks.")
    parser.add_argument("lessons", nargs="*", metavar="NUMBER", help="01, 02, ...; without any, all")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is wrong, exit with 1 if any is")
    options = parser.parse_args()
    twins = sorted((LESSONS / "text").glob("[0-9][0-9]_*.py"))
    if unknown := set(options.lessons) - {twin.stem[:2] for twin in twins}:
        parser.error(f"no lesson has the number {', '.join(sorted(unknown))}")
    twins = [twin for twin in twins if twin.stem[:2] in options.lessons or not options.lessons]
    with ProcessPoolExecutor(None if options.check else 1) as workers:  # what is written has times in it: one by one
        results = dict(zip((twin.stem for twin in twins), workers.map(partial(run, write=not options.check), twins),
                           strict=True))
    wrong = [f"{stem}: {what}" for stem, (_, parts) in results.items() for what in parts]
    if (total := sum(seconds for seconds, _ in results.values())) > ALL_SECONDS:
        wrong.append(f"together the lessons took {total:.0f} s of CPU time, more than {ALL_SECONDS}")
    if wrong:
        print("\n".join(wrong), "\nAuthors: edit text/*.py, then python lessons/run.py", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
