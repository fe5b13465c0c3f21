"""SIGINT and SIGTERM, once or several times, at any moment of a training in a program of its own.

    python -m tests.attack --only SIGNALS --seed S

Once: the program ends with 130 or 143 after a checkpoint, or with 0 if it was done before. More often: it ends at once,
as Python does after KeyboardInterrupt, or by the signal itself. In any case the files are whole, and the training goes
on to the end that it would have had.
"""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from . import jobs

ROOT = Path(__file__).parents[2]
EPOCHS = 30
LONGEST = 0.8  # seconds from the beginning to the first signal


def attack(seed: int, times: int, folder: Path) -> Iterator[tuple[str, str]]:
    """Stop the training so many times: (which signals, "whole" or what is wrong)."""
    rng = np.random.default_rng(seed)
    right = folder / "right"
    right.mkdir()
    jobs.train_on(right, epochs=EPOCHS)
    for i in range(times):
        numbers = [int(rng.choice([signal.SIGINT, signal.SIGTERM]))] * int(rng.integers(1, 4))
        place = folder / str(i)
        place.mkdir()
        status, said = _stopped(place, numbers, rng)
        yield f"{signal.Signals(numbers[0]).name} x {len(numbers)}", _outcome(place, right, numbers, status, said)
        shutil.rmtree(place)


def _stopped(place: Path, numbers: list[int], rng: np.random.Generator) -> tuple[int, str]:
    with open(place.with_suffix(".err"), "w+") as errors, subprocess.Popen(
            [sys.executable, "-m", "tests.attack.signals", str(place)], cwd=ROOT, stdout=subprocess.PIPE, stderr=errors,
            env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True) as process:
        process.stdout.readline()
        time.sleep(rng.uniform(0, LONGEST))
        for number in numbers:
            process.send_signal(number)
            time.sleep(rng.choice([0, rng.uniform(0, 0.02)]))
        out, _ = process.communicate(timeout=60)
        errors.seek(0)
        return process.returncode, out + errors.read()


def _outcome(place: Path, right: Path, numbers: list[int], status: int, said: str) -> str:
    allowed = {0, 128 + numbers[0]}
    over = f"epoch {EPOCHS:3}" in said  # before the signal: then it comes to a program that is as any other
    if len(numbers) > 1 or over:
        allowed |= {-signal.SIGINT, -numbers[0]}
    if len(numbers) > 1 and "KeyboardInterrupt" in said:
        allowed.add(1)  # where a file that was being written puts an error of its own in the place of this one
    if status not in allowed or (len(numbers) == 1 and "Traceback" in said and not over):
        return f"status {status}: {said[-1500:]}"
    try:
        jobs.whole_run(place)
        jobs.train_on(place, epochs=EPOCHS)
        return "whole" if jobs.end_of_run(place) == jobs.end_of_run(right) else "another end than without a signal"
    except Exception:
        return traceback.format_exc()[-1500:]


def main(folder: str, *seed_and_times: str) -> None:
    """The program that is stopped, which says when it has begun; or, with a seed and how often, the one that stops it,
    which says how it went, a line of JSON each."""
    os.fsync = lambda number: None  # a signal takes nothing from the cache of the disk
    if not seed_and_times:
        jobs.train_on(Path(folder), hook=lambda: print("begun", flush=True), epochs=EPOCHS, pause=0.005)
        return
    reports, sys.stdout = sys.stdout, open(os.devnull, "w")
    for numbers, outcome in attack(*map(int, seed_and_times), Path(folder)):
        print(json.dumps([numbers, outcome]), file=reports, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
