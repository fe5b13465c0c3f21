"""Killed at any file operation, and stopped by signals at any moment: files whole, the same end, nothing left over."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import rounds
from .jobs import JOBS, check_users_files, users_files
from .kills import left_over, live

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills and signals as POSIX has them")

ROOT = Path(__file__).parents[2]
ENDS = {"training": 40, "training with curves": 8, "squares": 40, "download": 40, "saving": 20}


def attacked(how, *words):
    """What the attack says, which runs in a process of its own: it changes what Python opens, and forks."""
    done = subprocess.run([sys.executable, "-m", f"tests.attack.{how}", *map(str, words)], cwd=ROOT,
                          env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("job", JOBS)
def test_an_end_at_any_file_operation_costs_nothing(job, tmp_path):
    tried = attacked("kills", tmp_path, "5", str(rounds(ENDS[job])), job)
    wrong = [f"{job}, {end} at operation {at}: {outcome}" for _, end, at, outcome in tried if outcome != "whole"]
    assert not wrong, "\n".join(wrong[:10])
    assert sum(end != "done" for _, end, _, _ in tried) == rounds(ENDS[job])


def test_signals_at_any_moment_cost_nothing(tmp_path):
    tried = attacked("signals", tmp_path, "5", str(rounds(6)))
    assert [outcome for _, outcome in tried] == ["whole"] * rounds(6), tried


# ---------------------------------------------------------------------------------------- the test itself


def careless(folder):
    with open(folder / "net.npz", "wb") as file:  # not write_bytes: before Python 3.11 pathlib has an open of its own
        file.write(b"abcdefgh")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # it forks, and may have threads
def test_a_half_written_file_is_what_is_left_of_a_careless_program(tmp_path):
    folder, report = tmp_path / "place", tmp_path / "report"
    folder.mkdir()
    job, lengths = JOBS["saving"]._replace(work=careless), []
    how, operations = live(job, folder, 0, "killed", report)
    assert (how, operations) == ("done", 2)                                          # open, write
    for at in range(1, operations + 1):
        (folder / "net.npz").unlink(missing_ok=True)
        assert live(job, folder, at, "killed", report) == ("killed", 0)
        lengths.append((folder / "net.npz").stat().st_size if (folder / "net.npz").exists() else None)
    assert lengths == [None, 4]
    with pytest.raises(ValueError, match="net.npz"):
        job.whole(folder)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_what_does_not_end_well_is_told(tmp_path):
    (tmp_path / "place").mkdir()
    job = JOBS["saving"]._replace(work=lambda folder: (folder / "net.npz").write_bytes(b"abcd") and [][0])
    for end, said in ("full", "full"), ("interrupted", "interrupted"), ("killed", "killed"):
        assert live(job, tmp_path / "place", 1, end, tmp_path / "report")[0] == said
        assert "IndexError" in live(job, tmp_path / "place", 0, end, tmp_path / "report")[0]


def test_a_change_of_a_users_file_and_leftovers_are_seen(tmp_path):
    users_files(tmp_path)
    before = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    check_users_files(tmp_path)
    assert left_over(JOBS["download"], tmp_path, before) == []
    with open(tmp_path / "cifar.part", "w"):
        assert left_over(JOBS["download"], tmp_path, before) == ["cifar.part"]
    (tmp_path / ".notes.2024-05").unlink()
    with pytest.raises(FileNotFoundError):
        check_users_files(tmp_path)
