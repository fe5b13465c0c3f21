"""The kill test: a process that kills itself with SIGKILL at its n-th file operation, for any n.

    python -m tests.attack --only KILLS --seed S

Operations are what Python reports to audit hooks (open, rename, remove, mkdir, link, flock, ...), each fsync, and each
write, in the middle of which it dies: half of the bytes are there. After it, or after several such deaths in a row,
every file must be whole, a user's files as they were; and when it is done once more, without a death, the end must be
the same bits as without any, and nothing may lie around.

What a power cut takes from the cache of the disk cannot be tried so.
"""
from __future__ import annotations

import builtins
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

from .jobs import JOBS, Job, check_users_files, publish, users_files

EVENTS = ("open", "os.", "shutil.", "fcntl.flock")
SECONDS = 120  # for one life


class Reaper:
    """Counts the file operations in `folder`, and kills this process at number `at`; 0: never."""

    def __init__(self, folder: Path, at: int) -> None:
        self.folder, self.at, self.done = str(folder), at, 0
        sys.addaudithook(self._hook)
        fsync, self._open = os.fsync, builtins.open
        os.fsync = lambda number: (self.step(), fsync(number), self.step())[1]
        builtins.open = io.open = self.open

    def step(self, before_death: Callable[[], Any] = lambda: None) -> None:
        self.done += 1
        if self.done == self.at:
            before_death()
            os.kill(os.getpid(), signal.SIGKILL)

    def inside(self, path: Any) -> bool:
        return isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(self.folder)

    def _hook(self, event: str, args: tuple) -> None:
        if event.startswith(EVENTS) and args and (self.inside(args[0]) or event == "fcntl.flock" or (
                event in ("os.remove", "os.rmdir") and args[-1] != -1)):  # beside a folder that is open: rmtree does so
            self.step()

    def open(self, file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None, *more: Any,
             **options: Any) -> Any:
        """What is opened for writing in the folder dies in the middle of a write."""
        if not (self.inside(file) and set(mode) & set("wxa+")):
            return self._open(file, mode, buffering, encoding, *more, **options)
        raw = _Dying(file, mode.replace("b", "").replace("t", ""))
        raw.reaper = self
        binary = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return binary if "b" in mode else io.TextIOWrapper(binary, encoding)


class _Dying(io.FileIO):
    def write(self, data: Any) -> int:
        self.reaper.step(lambda: super(_Dying, self).write(memoryview(data).cast("B")[:len(data) // 2]))
        return super().write(data)


def live(job: Job, folder: Path, at: int, report: Path) -> tuple[str, int]:
    """Do the job in a process that dies at operation `at`: how it ended ("killed", "done" or an error), and how many
    operations there were, if it did not die."""
    report.write_text("")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            null = os.open(os.devnull, os.O_RDWR)
            for number in 1, 2:
                os.dup2(null, number)
            with open(report, "w") as file:
                try:
                    reaper = Reaper(folder, at)
                    job.work(folder)
                    json.dump(reaper.done, file)
                    status = 0
                except BaseException:
                    file.write(traceback.format_exc()[-2000:])
        finally:
            os._exit(status)
    end = time.monotonic() + SECONDS
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return f"it hangs: more than {SECONDS} seconds", 0
        time.sleep(0.002)
    if os.WIFSIGNALED(ended[1]):
        number = os.WTERMSIG(ended[1])
        return ("killed" if number == signal.SIGKILL else f"ended by signal {number}"), 0
    said = report.read_text()
    return ("done", json.loads(said)) if os.WEXITSTATUS(ended[1]) == 0 else (said, 0)


def left_over(job: Job, folder: Path, before: set[str]) -> list[str]:
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    return sorted(name for name in names - before if not job.left(name))


def attack(name: str, seed: int, kills: int, folder: Path) -> Iterator[tuple[int, str]]:
    """Kill the job `kills` times, from one to three times in a row: (operation, "whole" or what is wrong). Operation 0
    is a life without a death, which follows."""
    job, template, rng = JOBS[name], folder / "template", np.random.default_rng([seed, len(name)])
    place, report = folder / "place", folder / "report"
    place.mkdir()
    job.setup(place)
    users_files(place)
    before = {path.relative_to(place).as_posix() for path in place.rglob("*")}
    shutil.copytree(place, template)  # with the times: photographs are the same ones only with these
    how, operations = live(job, place, 0, report)
    if how != "done":
        raise RuntimeError(f"{name}: it does not even end when nobody kills it: {how}")
    right, tried = job.end(place), 0
    while tried < kills:
        shutil.rmtree(place)
        shutil.copytree(template, place)
        for _ in range(min(rng.integers(1, 4), kills - tried)):
            at, tried = int(rng.integers(1, operations + 1)), tried + 1
            how, _ = live(job, place, at, report)
            yield at, _looked_at(job, place, how)
        how, _ = live(job, place, 0, report)
        yield 0, _at_the_end(job, place, before, how, right)


def _looked_at(job: Job, place: Path, how: str) -> str:
    """After a death: are all files whole, and the user's as they were?"""
    if how not in ("killed", "done"):
        return how
    try:
        job.whole(place)
        check_users_files(place)
    except Exception:
        return traceback.format_exc()[-1500:]
    return "whole"


def _at_the_end(job: Job, place: Path, before: set[str], how: str, right: Any) -> str:
    """After a life without a death: is all as if there had never been one?"""
    if how != "done":
        return f"after a death it does not go on: {how}"
    if lies := left_over(job, place, before):
        return f"left over: {', '.join(lies)}"
    if (found := _looked_at(job, place, how)) != "whole":
        return found
    try:
        return "whole" if job.end(place) == right else "another end than without a death"
    except Exception:
        return traceback.format_exc()[-1500:]


def main(folder: str, seed: str, kills: str, *names: str) -> None:
    """Say how each death and each end went, a line of JSON each."""
    (Path(folder) / "served").mkdir()
    publish(Path(folder) / "served")
    for name in names:
        (Path(folder) / name).mkdir()
        for at, outcome in attack(name, int(seed), int(kills), Path(folder) / name):
            print(json.dumps([name, at, outcome]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
