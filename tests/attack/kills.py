"""The kill test: a process that ends at its n-th file operation, for any n: killed, or by a disk that is full, or by
Ctrl-C.

    python -m tests.attack --only KILLS --seed S

Operations are what Python reports to audit hooks (open, rename, remove, mkdir, link, flock, ...), each fsync, and each
write, in the middle of which it ends: half of the bytes are there. There SIGKILL comes, or OSError, or
KeyboardInterrupt. After it, or after several such ends in a row, every file must be whole, a user's files as they were;
and when it is done once more, undisturbed, the result must be the same bits as ever, and nothing may lie around.

What a power cut takes from the cache of the disk cannot be tried so.
"""
from __future__ import annotations

import builtins
import errno
import io
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinynet.data import DataError

from .jobs import JOBS, Job, check_users_files, publish, users_files

EVENTS = ("open", "os.", "shutil.", "fcntl.flock")
SECONDS = 120  # for one life


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _interrupt() -> None:
    raise KeyboardInterrupt


ENDS = {"killed": _kill, "full": _full, "interrupted": _interrupt}
ENDS_OFTEN = ["killed", "killed", "full", "interrupted"]


class Reaper:
    """Counts the file operations in `folder`, and at number `at` calls `end`; 0: never."""

    def __init__(self, folder: Path, at: int, end: Callable[[], None]) -> None:
        self.folder, self.at, self.end, self.done = str(folder), at, end, 0
        sys.addaudithook(self._hook)
        fsync, self._open = os.fsync, builtins.open
        os.fsync = lambda number: (self.step(), fsync(number), self.step())[1]
        builtins.open = io.open = self.open

    def step(self, before: Callable[[], Any] = lambda: None) -> None:
        self.done += 1
        if self.done == self.at:
            before()
            self.end()

    def inside(self, path: Any) -> bool:
        return isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(self.folder)

    def _hook(self, event: str, args: tuple) -> None:
        if event.startswith(EVENTS) and args and (self.inside(args[0]) or event == "fcntl.flock" or (
                event in ("os.remove", "os.rmdir") and args[-1] != -1)):  # beside a folder that is open: rmtree does so
            self.step()

    def open(self, file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None, *more: Any,
             **options: Any) -> Any:
        """What is opened for writing in the folder may end in the middle of a write."""
        if not (self.inside(file) and set(mode) & set("wxa+")):
            return self._open(file, mode, buffering, encoding, *more, **options)
        raw = _Ending(file, mode.replace("b", "").replace("t", ""))
        raw.reaper = self
        binary = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return binary if "b" in mode else io.TextIOWrapper(binary, encoding)


class _Ending(io.FileIO):
    def write(self, data: Any) -> int:
        self.reaper.step(lambda: super(_Ending, self).write(memoryview(data).cast("B")[:len(data) // 2]))
        return super().write(data)


def live(job: Job, folder: Path, at: int, end: str, report: Path) -> tuple[str, int]:
    """Do the job in a process that ends at operation `at`: how it ended, one of ENDS, "done", or another error; and how
    many operations there were."""
    report.write_text("")
    child = os.fork()
    if child == 0:
        _live(job, folder, at, ENDS[end], report)
    until = time.monotonic() + SECONDS
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return f"it hangs: more than {SECONDS} seconds", 0
        time.sleep(0.002)
    if os.WIFSIGNALED(ended[1]):
        number = os.WTERMSIG(ended[1])
        return ("killed" if number == signal.SIGKILL else f"ended by signal {number}"), 0
    return tuple(json.loads(report.read_text()))


def _live(job: Job, folder: Path, at: int, end: Callable[[], None], report: Path) -> None:
    """In the child, which ends here."""
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for number in 1, 2:
            os.dup2(null, number)
        with open(report, "w") as file:
            reaper = Reaper(folder, at, end)
            try:
                job.work(folder)
                how = "done"
            except BaseException as error:
                how = traceback.format_exc()[-2000:]
                if end is _full and isinstance(error, (OSError, DataError)) and reaper.done >= at:
                    how = "full"
                elif end is _interrupt and isinstance(error, KeyboardInterrupt):
                    how = "interrupted"
            json.dump([how, reaper.done], file)
    finally:
        os._exit(0)


def left_over(job: Job, folder: Path, before: set[str]) -> list[str]:
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    return sorted(name for name in names - before if not job.left(name))


def attack(name: str, seed: int, ends: int, folder: Path) -> Iterator[tuple[str, int, str]]:
    """Disturb the job so often, from one to three times in a row: (which end, at which operation, "whole" or what is
    wrong). An undisturbed life, "done" at operation 0, follows."""
    job, template, rng = JOBS[name], folder / "template", np.random.default_rng([seed, len(name)])
    place, report = folder / "place", folder / "report"
    place.mkdir()
    job.setup(place)
    users_files(place)
    before = {path.relative_to(place).as_posix() for path in place.rglob("*")}
    shutil.copytree(place, template)  # with the times: photographs are the same ones only with these
    how, operations = live(job, place, 0, "killed", report)
    if how != "done":
        raise RuntimeError(f"{name}: it does not even end when nobody kills it: {how}")
    right, tried = job.end(place), 0
    while tried < ends:
        shutil.rmtree(place)
        shutil.copytree(template, place)
        for _ in range(min(rng.integers(1, 4), ends - tried)):
            end, at, tried = str(rng.choice(ENDS_OFTEN)), int(rng.integers(1, operations + 1)), tried + 1
            how, _ = live(job, place, at, end, report)
            yield end, at, _looked_at(job, place, how)
        how, _ = live(job, place, 0, "killed", report)
        yield "done", 0, _at_the_end(job, place, before, how, right)


def _looked_at(job: Job, place: Path, how: str) -> str:
    """Are all files whole, and the user's as they were?"""
    if how not in (*ENDS, "done"):
        return how
    try:
        job.whole(place)
        check_users_files(place)
    except Exception:
        return traceback.format_exc()[-1500:]
    return "whole"


def _at_the_end(job: Job, place: Path, before: set[str], how: str, right: Any) -> str:
    """After an undisturbed life: is all as if there had been no other one?"""
    if how != "done":
        return f"it does not go on: {how}"
    if lies := left_over(job, place, before):
        return f"left over: {', '.join(lies)}"
    if (found := _looked_at(job, place, how)) != "whole":
        return found
    try:
        return "whole" if job.end(place) == right else "another result than undisturbed"
    except Exception:
        return traceback.format_exc()[-1500:]


def main(folder: str, seed: str, ends: str, *names: str) -> None:
    """Say how each life went, a line of JSON each."""
    (Path(folder) / "served").mkdir()
    publish(Path(folder) / "served")
    for name in names:
        (Path(folder) / name).mkdir()
        for life in attack(name, int(seed), int(ends), Path(folder) / name):
            print(json.dumps([name, *life]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
