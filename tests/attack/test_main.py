"""The long form: what it tries, counts and says."""
from __future__ import annotations

import re
import sys

import pytest

from . import __main__ as long_form


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the long form; gives its status and what it printed."""
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["attack", *arguments])
        return long_form.main(), *capsys.readouterr()
    return run


def test_turns_until_the_time_is_over_and_a_table(run, monkeypatch):
    seeds = []

    def turn(seed, only, kept):
        seeds.append(seed)
        yield "files: x", "case 3", "read" if seed < 50 else "lost"
        yield "files: x", "case 4", "refused"
        yield "ends: y", "operation 5", "whole"
    monkeypatch.setattr(long_form, "turn", turn)
    clock = iter(range(10 ** 6))
    monkeypatch.setattr(long_form.time, "monotonic", lambda: next(clock))
    status, out, err = run("--minutes", "1", "--seed", "7")
    assert (status, seeds, err) == (0, list(range(7, 7 + len(seeds))), "") and 10 < len(seeds) < 40
    assert out.splitlines()[0].endswith(": python -m tests.attack --minutes 1 --seed 7")
    assert re.search(rf"\| files: x \| \d+ \| \d+ \| {len(seeds)} \| 0 \|", out)
    status, out, err = run("--minutes", "10")
    assert status == 1 and err.startswith("files: x, seed 50, case 3: lost\n")
    assert out.splitlines()[-1].startswith("| all | ") and not out.endswith("| 0 |\n")


@pytest.mark.skipif(sys.platform != "linux", reason="limits on memory and time as Linux has them")
def test_a_turn_of_one(run, tmp_path):
    status, out, _ = run("--only", "MNIST labels", "--kept", str(tmp_path))
    assert status == 0 and f"| files: MNIST labels | {long_form.CASES + 8} |" in out


def test_what_there_is_not(run, capsys):
    with pytest.raises(SystemExit):
        run("--only", "nothing")
    assert "there is no 'nothing'" in capsys.readouterr().err
