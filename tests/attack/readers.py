"""The fuzzer: every reader of tinynet gets files that are a little broken, each case with a limit on memory and time.

    python -m tests.attack --only NAME --seed S         all cases of one reader again

A process of its own reads them, one after the other, and says how each went. Whatever ends that process, a crash, a
bomb, a hang, is so found, and pinned on its case; the next process goes on behind it.
"""
from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import traceback
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from . import nets, pictures, results, servers, sets
from .door import Door
from .mutate import pick
from .traps import TRAPS

ROOT = Path(__file__).parents[2]
DOORS = sets.DOORS | pictures.DOORS | nets.DOORS | results.DOORS | servers.DOORS

SECONDS = 10.0             # of CPU for one case, hundreds of times what it needs; and twenty times as many in all
ADDRESSES = 2 ** 30        # bytes that the process may ask for, beside what it has at the beginning
MEMORY_FOR_ODD = 2 ** 27   # bytes that a reader may take for what is no file, or has gigabytes
LONGEST_MESSAGE = 100_000  # letters


def attack(names: Sequence[str], seed: int, cases: int, folder: Path, kept: Path | None = None,
           seconds: float = SECONDS) -> Iterator[tuple[str, int, str]]:
    """Try `cases` mutants at each of the readers: (name, case, "read" or "refused" or what failed), as they come; cases
    below 0 are things that are no files.

    `folder` is an empty one for the readers' files. The mutants that failed are copied to `kept`. A case may take so
    many `seconds` of CPU.
    """
    todo = [f"{name}:{-len(ODD)}" for name in names]
    while todo:
        with open(folder / "stderr", "w+b") as errors, subprocess.Popen(
                [sys.executable, "-m", "tests.attack.readers", str(folder), str(seed), str(cases), str(seconds), *todo],
                cwd=ROOT, env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE, stderr=errors) as process:
            name, case, outcome = "the beginning", 0, "nothing"
            try:
                for line in process.stdout:
                    name, case, outcome = json.loads(line)
                    if outcome:
                        _keep(folder, kept, name, seed, case, outcome)
                        yield name, case, outcome
            except GeneratorExit:  # the time is over
                process.kill()
                raise
            process.wait()
            errors.seek(0)
            said = errors.read()[-2000:].decode(errors="replace")
        if process.returncode == 0:
            return
        if outcome:
            raise RuntimeError(f"the process that reads ended beside the cases, at {name} {case}:\n{said}")
        outcome = f"the process ended with status {process.returncode} ({_ended(process.returncode)}) {said}".strip()
        _keep(folder, kept, name, seed, case, outcome)
        yield name, case, outcome
        todo = [f"{name}:{case + 1}", *todo[[each.rpartition(":")[0] for each in todo].index(name) + 1:]]


def _ended(status: int) -> str:
    return {-signal.SIGPROF: "too much time on the CPU", -signal.SIGALRM: "it hangs"
            }.get(status, signal.strsignal(-status) if status < 0 else "")


def _keep(folder: Path, kept: Path | None, name: str, seed: int, case: int, outcome: str) -> None:
    if kept and outcome not in ("read", "refused") and case >= 0:
        kept.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "mutant", kept / f"{name.replace(' ', '-')}-{seed}-{case}")


def mutant(door: Door, name: str, seed: int, case: int) -> bytes:
    """Case 0 is the file itself."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), case])
    return pick(rng, door.mutates)(rng, door.original) if case else door.original


def _sparse(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(4 * 10 ** 9)


ODD: list[Callable[[Path], Any]] = [
    os.mkdir, lambda path: os.mknod(path, stat.S_IFIFO | 0o600), lambda path: os.mknod(path, stat.S_IFSOCK | 0o600),
    lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to("/dev/tty"),
    lambda path: path.symlink_to(path.name), lambda path: path.symlink_to("nowhere"), _sparse]


def put(door: Door, data: bytes, case: int) -> None:
    """Bytes into the file of a door; for a case below 0, something odd in its place."""
    if door.path.is_dir() and not door.path.is_symlink():
        door.path.rmdir()
    door.path.unlink(missing_ok=True)
    if case < 0:
        ODD[case](door.path)
    else:
        door.path.write_bytes(data)


def outcome_of(door: Door, case: int) -> str:
    """How reading goes: "read", "refused", or what is wrong about it."""
    refusals, most = (door.refusals, door.memory) if case >= 0 else ((*door.refusals, OSError), MEMORY_FOR_ODD)
    before = _memory("VmRSS")
    with suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak is now what there is
    try:
        door.read()
        outcome = "read"
    except refusals as error:
        outcome = "refused" if case and not isinstance(error, MemoryError) else f"refused: {error!r}"
        if door.named not in str(error):
            outcome = f"the message does not name {door.named}: {error!r}"
        if len(str(error)) > LONGEST_MESSAGE:
            outcome = f"a message of {len(str(error)):,} letters: {error!r:.500}"
    except BaseException:
        outcome = traceback.format_exc()[-1500:]
    taken = _memory("VmHWM") - before
    return outcome if taken <= most else f"{taken / 1e6:.0f} MB of memory ({outcome})"


def _memory(what: str) -> int:
    with suppress(OSError):
        return int(re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
    return 0  # not Linux: there is no such file


def _limit(seconds: float) -> None:
    """The process ends if it needs more than so many seconds of CPU from now on, or twenty times as many by the clock:
    on a busy machine it waits, and that is not its fault."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 20 * seconds)


def _limit_memory() -> None:
    import resource
    if there_is := _memory("VmData"):
        resource.setrlimit(resource.RLIMIT_DATA, (there_is + ADDRESSES,) * 2)


def main(folder: str, seed: str, cases: str, seconds: str, *todo: str) -> None:
    """Read, and say on the standard output what is begun and how it went, a line of JSON each."""
    reports, sys.stdout = sys.stdout, open(os.devnull, "w")

    def report(*line: Any) -> None:
        print(json.dumps(line), file=reports, flush=True)

    np.seterr(all="ignore")
    os.fsync = lambda number: None  # broken files need not survive a power cut
    _limit_memory()
    for name, _, first in (each.rpartition(":") for each in todo):
        place = Path(folder) / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        door = (DOORS | TRAPS)[name](place)
        for case in range(int(first) if door.odd else max(0, int(first)), int(cases)):
            data = mutant(door, name, int(seed), case) if case >= 0 else b""
            (Path(folder) / "mutant").write_bytes(data)
            put(door, data, case)
            report(name, case, None)
            _limit(float(seconds))
            outcome = outcome_of(door, case)
            _limit(0)
            report(name, case, outcome)


if __name__ == "__main__":
    main(*sys.argv[1:])
