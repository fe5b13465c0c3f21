"""The long form of the attacks: all in turn, with another seed each time, until the time is over.

    python -m tests.attack --minutes 60
    python -m tests.attack --only "checkpoint, JSON" --seed 7        one turn of one of them again

Prints a table of what was tried and what failed; the mutants that failed are kept. Status 1 if anything failed.
"""
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from .jobs import JOBS
from .readers import DOORS, ROOT, attack

CASES, KILLS, SIGNALS, ROUNDS = 200, 20, 4, 5  # in one turn
OTHERS = sorted(path.name for path in Path(__file__).parent.glob("test_*.py")
                if path.name not in ("test_readers.py", "test_kills.py"))
Outcomes = Iterator[tuple[str, str, str]]  # what is tried, which of them, how it went


def main() -> int:
    args = parse()
    tried: dict[str, Counter] = defaultdict(Counter)
    end, began, seed = time.monotonic() + 60 * args.minutes, time.strftime("%Y-%m-%d"), args.seed
    while True:
        for what, which, outcome in turn(seed, args.only, args.kept):
            failed = outcome not in ("read", "refused", "whole", "passed")
            tried[what]["failed" if failed else outcome] += 1
            if failed:
                print(f"{what}, seed {seed}, {which}: {outcome}\n", file=sys.stderr, flush=True)
            if time.monotonic() > end and not args.only:
                break
        seed += 1
        if args.only or time.monotonic() > end:
            break
    show(tried, f"{began}: python -m tests.attack --minutes {args.minutes:g} --seed {args.seed}")
    return int(any(count["failed"] for count in tried.values()))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the first turn")
    parser.add_argument("--only", help="a single turn of one: " + "; ".join([*DOORS, "KILLS", "SIGNALS", *OTHERS]))
    parser.add_argument("--kept", type=Path, default=Path(tempfile.gettempdir()) / "tinynet-attack",
                        help="the folder for mutants that fail (default: %(default)s)")
    args = parser.parse_args()
    if args.only and args.only not in [*DOORS, "KILLS", "SIGNALS", *OTHERS]:
        parser.error(f"there is no {args.only!r}")
    return args


def turn(seed: int, only: str | None, kept: Path) -> Outcomes:
    """All attacks once, each with its share of cases."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("files", "kills", "signals"):
            (Path(folder) / name).mkdir()
        doors = [name for name in DOORS if only in (None, name)]
        for name, case, outcome in attack(doors, seed, CASES, Path(folder) / "files", kept) if doors else ():
            yield f"files: {name}", f"case {case}", outcome
        if only in (None, "KILLS"):
            yield from killed(seed, Path(folder) / "kills")
        if only in (None, "SIGNALS"):
            yield from attacked("signals in a training", "signals", str(Path(folder) / "signals"), str(seed),
                                str(SIGNALS))
    for name in OTHERS:
        if only in (None, name):
            yield from tested(name)


def killed(seed: int, folder: Path) -> Outcomes:
    for job in JOBS:
        for_it = folder / job.replace(" ", "-")
        for_it.mkdir()
        yield from attacked(f"ends: {job}", "kills", str(for_it), str(seed), str(KILLS), job)


def attacked(what: str, program: str, *words: str) -> Outcomes:
    """What a program of this folder says, line by line; the last words are which of them, and how it went."""
    done = _python(f"tests.attack.{program}", *words)
    for line in done.stdout.splitlines():
        *_, which, outcome = json.loads(line)
        yield what, str(which), outcome
    if done.returncode:
        yield what, "the attack itself", done.stderr[-3000:]


def tested(name: str) -> Outcomes:
    """A file of tests that are attacks, several rounds of each."""
    done = _python("pytest", "-q", str(Path(__file__).parent / name), TINYNET_ATTACK=str(ROUNDS))
    yield f"{name}, {ROUNDS} rounds", "all", "passed" if done.returncode == 0 else done.stdout[-3000:]


def _python(*words: str, **variables: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": str(ROOT)} | variables)


def show(tried: dict[str, Counter], how: str) -> None:
    print(f"{how}\n\n| tried | how many | refused | read, or as it should be | failed |\n|---|---|---|---|---|")
    for what, count in [*tried.items(), ("all", sum(tried.values(), Counter()))]:
        good = count["read"] + count["whole"] + count["passed"]
        print(f"| {what} | {count.total():,} | {count['refused']:,} | {good:,} | {count['failed']:,} |")


if __name__ == "__main__":
    sys.exit(main())
