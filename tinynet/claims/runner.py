"""Runs claims, a training at a time, and keeps what each gave: a line of JSON in the claim's file of results.

First each learning rate of each side is tried once, with a seed of its own, without the test images. If the best rate
of a side by these is the smallest or the largest, both sides try one half or twice as large too, and so on, at most
WIDER times. Where the effect is small (a claim of six pairs), one training is not enough to tell two neighbouring rates
apart: the best two of each side are tried with two more seeds, and the mean of the three decides. Then the pairs, each
side at its best rate. What is there already is not run again, so a claim that was stopped, also by a kill, goes on, and
another time may add seeds.
"""
from __future__ import annotations

import math
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..devices.device import Device, cpu
from ..files.reading import entry, parse_json, read_text, wrong
from ..files.writing import write_json_lines
from ..training.diverged import Diverged
from ..training.folder import held
from ..training.progress import say
from ..training.records import expect_number
from .claim import Claim
from .training import Work

RATE_SEEDS = (1000, 1001, 1002)  # of the trainings that choose the rates; the pairs have 0, 1, 2, ...
SMALL_EFFECT = 6                 # so many pairs are wanted where the effect is small: all of these seeds choose
WIDER = 2                        # more rates on each end of a claim's
DO = "Put the line right, or delete it: its training is done again then"
Row = dict[str, Any]


def read_rows(path: Path, claim: Claim) -> list[Row]:
    """The trainings in a file of results; none, if there is no file. Raises DataError for anything else."""
    rows = [_checked(path, line, claim) for line in read_text(path).splitlines()] if path.exists() else []
    seen = Counter((row["side"], row["seed"], row["rate"]) for row in rows)
    if twice := [at for at, count in seen.items() if count > 1]:
        raise wrong(path, "each training once", "{}, seed {}, rate {:g} twice".format(*twice[0]),
                    "Delete one of the two")
    return rows


def _checked(path: Path, line: str, claim: Claim) -> Row:
    """The row in a line: every number in it is finite, and what it is compared by is there."""
    row = parse_json(path, line)
    errors = {name for name in row if name.endswith("error")}
    measured = {claim.chosen_by, claim.number} & row.keys() | errors | {"rate", "val_error"}
    for name, kind in (("side", str), ("seed", int), *((name, (int, float)) for name in sorted(measured))):
        entry(path, row, name, kind)
    if row["side"] not in claim.sides or row["seed"] < 0 or row["rate"] <= 0:
        raise wrong(path, f"a training of {' or '.join(claim.sides)}, of a rate above 0", line, DO)
    if row["seed"] not in RATE_SEEDS:
        entry(path, row, claim.number, (int, float), "what the sides are compared by")
    try:
        for name, value in row.items():
            if isinstance(value, (int, float)):
                expect_number(name, value, *((0, 1) if name in errors else ()))
    except ValueError as error:
        raise wrong(path, "finite numbers, and errors up to 1", f"the error {error} in {line}", DO) from error
    if claim.unit == "times" and row.get(claim.number, 1) <= 0:
        raise wrong(path, f"{claim.number!r} above 0", line, DO)
    return row


def sweep(claim: Claim, rows: list[Row]) -> tuple[float, ...]:
    """The learning rates to be tried: the claim's, and more of them beyond an end at which the best of a side lies."""
    rates = sorted(claim.rates)
    if len(rates) == 1:
        return claim.rates
    low, high = rates[0] / 2 ** WIDER, rates[-1] * 2 ** WIDER
    while all(ranked := [_ranked(rates, claim, rows, side) for side in claim.sides]):
        best = [of[0] for of in ranked]
        below, above = rates[0] in best and rates[0] > low, rates[-1] in best and rates[-1] < high
        if not below and not above:
            break
        rates = [rates[0] / 2] * below + rates + [rates[-1] * 2] * above
    return tuple(rates)


def best_rate(claim: Claim, rows: list[Row], side: str) -> float | None:
    """The learning rate with the lowest `claim.chosen_by`; None as long as not all were tried that are to be. One at
    which the net diverged has none, so it comes last."""
    finalists = _finalists(claim, rows, side)
    seeds = RATE_SEEDS if len(finalists) > 1 else RATE_SEEDS[:1]
    return next(iter(_ranked(finalists, claim, rows, side, seeds)), None)


def _finalists(claim: Claim, rows: list[Row], side: str) -> list[float]:
    """Of the rates that were all tried once the best, or the best two where the effect is small; none before that."""
    ranked = _ranked(sweep(claim, rows), claim, rows, side)
    return ranked[:2 if claim.seeds >= SMALL_EFFECT else 1]


def _ranked(rates: Sequence[float], claim: Claim, rows: list[Row], side: str, seeds: Sequence[int] = RATE_SEEDS[:1]
            ) -> list[float]:
    """The rates, the best first, by their mean over the seeds; none as long as not all were tried with all of these."""
    tried = {(row["rate"], row["seed"]): (row.get(claim.chosen_by, math.inf), row["val_error"]) for row in rows
             if row["side"] == side}
    if any((rate, seed) not in tried for rate in rates for seed in seeds):
        return []
    sums = {rate: [math.fsum(of) for of in zip(*(tried[rate, seed] for seed in seeds), strict=True)] for rate in rates}
    return sorted(rates, key=sums.__getitem__)


def pairs(claim: Claim, rows: list[Row]) -> dict[int, tuple[Row, ...]]:
    """The trainings of each seed that is complete, each side's at its best rate: two, or of a Table as many as it has
    rows. Others do not count."""
    best = {side: best_rate(claim, rows, side) for side in claim.sides}
    of = {(row["side"], row["seed"]): row for row in rows
          if row["seed"] not in RATE_SEEDS and row["rate"] == best[row["side"]]}
    return {seed: tuple(of[side, seed] for side in claim.sides) for seed in sorted({seed for _, seed in of})
            if all((side, seed) in of for side in claim.sides)}


def run(claim: Claim, results: Path, folder: Path, root: str | None, seeds: int, hours: float = float("inf"),
        device: Device = cpu, clock: Callable[[], float] = time.monotonic) -> list[Row]:
    """Run what is missing to `seeds` pairs; begin no training when so many hours are over. All rows.

    `results` is the folder of the files of results, `folder` the one of the trainings that were not finished, and of
    those that several claims share, `root` that of CIFAR-10. What was trained on a GPU says so in its row. Raises
    BlockingIOError if another process runs the claim, what the trainings raise, and DataError for a file of results
    that is none.
    """
    begin, path, here = clock(), results / f"{claim.name}.jsonl", folder / claim.name
    here.mkdir(parents=True, exist_ok=True)
    with held(here):
        rows = read_rows(path, claim)
        while missing := _missing(claim, rows, seeds):
            if clock() - begin >= 3600 * hours:
                say(f"{claim.name}: the time is over; the same command goes on")
                break
            _measure(claim, path, rows, here, root, device, *missing[0])
    return rows


def _missing(claim: Claim, rows: list[Row], seeds: int) -> list[tuple[str, int, float]]:
    """What is to be run, (side, seed, learning rate): the rates; when all were tried, the best of them again where the
    effect is small; then the pairs."""
    there = {(row["side"], row["seed"], row["rate"]) for row in rows}
    best = {side: best_rate(claim, rows, side) for side in claim.sides}
    finalists = {side: _finalists(claim, rows, side) for side in claim.sides}
    wanted = [(side, RATE_SEEDS[0], rate) for rate in sweep(claim, rows) for side in claim.sides]
    wanted += [(side, seed, rate) for side in claim.sides for rate in finalists[side] for seed in RATE_SEEDS[1:]
               if len(finalists[side]) > 1]
    if None not in best.values():
        wanted = [(side, seed, best[side]) for seed in range(seeds) for side in best]
    return [one for one in wanted if one not in there]


def _measure(claim: Claim, path: Path, rows: list[Row], here: Path, root: str | None, device: Device, side: str,
             seed: int, rate: float) -> None:
    """One training: its row is added to `rows` and to the file, its folder deleted."""
    training = here / f"{side}-{seed}-{rate:g}".replace(" ", "-").replace("/", "-").replace(",", "")
    work = Work(seed, rate, root, training, test=seed not in RATE_SEEDS, shared=here.parent / "shared",
                how_to_resume="the same command goes on", device=device)
    say(f"{claim.name}: {side}, {'to choose the rate, ' * (seed in RATE_SEEDS)}seed {seed}, rate {rate:g}")
    begin = time.perf_counter()
    try:
        found = claim.measure(work, side)
    except Diverged:
        if work.test:
            raise
        found = {"val_error": 1.0}  # a rate too large is tried, too
    row = {"side": side, "seed": seed, "rate": rate, **found, "seconds": round(time.perf_counter() - begin, 1),
           "tinynet": __version__, **({} if device is cpu else {"device": device.name})}
    there = read_rows(path, claim)  # a process with another folder of trainings may have added some meanwhile
    known = {(other["side"], other["seed"], other["rate"]) for other in there}
    rows[:] = there if (side, seed, rate) in known else [*there, row]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json_lines(path, rows)
    shutil.rmtree(training, ignore_errors=True)
    say(f"{claim.name}: {side}, seed {seed}: " + ", ".join(f"{name} {value:.4g}" for name, value in found.items()))
