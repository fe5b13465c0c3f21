"""A training and what is around it: a terminal that is closed, a full disk, another process, clocks, signals."""
from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from test_run import Crash, assert_same_end, crash_at, metrics
from tiny import CONFIG, go, parts

from tinynet.look import curves
from tinynet.training import run as run_module
from tinynet.training.folder import hold, let_go
from tinynet.training.run import Run

posix = pytest.mark.skipif(os.name != "posix", reason="a shell, and signals, as POSIX has them")
MINI = """import os, signal, sys; sys.path.insert(0, {folder!r}); import tiny
from tinynet.fast import parallel
from tinynet.look import curves
parallel.WORTH_A_THREAD = 0  # as in the tests: conftest.py
curves.draw_training = lambda path, records: None
os.fsync = lambda file: None
{before}
tiny.go(sys.argv[1], hook={hook})
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda file: None)
    monkeypatch.setattr(curves, "draw_training", lambda path, records: None)


@pytest.fixture
def mini(tmp_path):
    """Writes a program with a tiny training in the folder that is its first argument; gives its command."""
    def write(hook="None", before=""):
        program = tmp_path / "mini.py"
        program.write_text(MINI.format(folder=str(Path(__file__).parent), hook=hook, before=before), encoding="utf-8")
        return [sys.executable, "-W", "error", str(program)]
    return write


def run_in_shell(command, *arguments, env=None):
    """The shell's `command`, in which "$@" is a program with its arguments."""
    return subprocess.run(["sh", "-c", command, "sh", *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          env=env)


# ---------------------------------------------------------------------------------------- the terminal


@posix
@pytest.mark.parametrize("where", ["| head -1", "| head -c 1", "> /dev/full", "2> /dev/full", ">/dev/full 2>/dev/full",
                                   ">&-", "2>&-", ">&- 2>&- <&-"])
def test_a_terminal_that_takes_nothing_costs_no_epoch(tmp_path, mini, where):
    if "/dev/full" in where and not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    done = run_in_shell(f'{{ "$@"; echo $? > "{tmp_path}/status"; }} {where}', *mini(), tmp_path / "run")
    assert "Traceback" not in done.stderr and "ignored" not in done.stderr
    if " head" in where or ">&-" not in where:
        assert (tmp_path / "status").read_text() == "0\n", done.stderr
    go(tmp_path / "whole")
    assert_same_end(tmp_path / "run", tmp_path / "whole")


@posix
@pytest.mark.parametrize("name, environment", [
    ("ü", {"LC_ALL": "C"}), ("ü", {"PYTHONIOENCODING": "ascii"}), ("\udcff", {"LC_ALL": "C.UTF-8"}),
    ("two\nlines and spaces", {"LC_ALL": "C"}), ("-x 'quoted'", {})])
def test_names_and_encodings(tmp_path, mini, name, environment):
    try:
        (tmp_path / name).mkdir()
    except (OSError, UnicodeError):
        pytest.skip("no such names here")
    done = subprocess.run([*mini(), os.fsencode(tmp_path / name / "run")], capture_output=True, timeout=60,
                          env={"PYTHONPATH": os.environ.get("PYTHONPATH", ""), **environment})
    assert done.returncode == 0, done.stderr                     # and without a HOME
    assert len(metrics(tmp_path / name / "run")) == 3


@posix
def test_few_open_files_are_enough(tmp_path, mini):
    done = run_in_shell('ulimit -n 32; "$@"', *mini(), tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert len(metrics(tmp_path / "run")) == 3


@posix
def test_the_message_of_a_signal_never_goes_into_a_file(tmp_path, mini):
    """Without standard error, the number 2 is that of whatever was opened next."""
    hook = "lambda net, at: at.batch == 2 and signal.raise_signal(signal.SIGINT)"
    before = "file = open(sys.argv[1] + '.txt', 'w'); assert file.fileno() == 2"
    done = run_in_shell('"$@" 2>&-', *mini(hook, before), tmp_path / "run")
    assert done.returncode == 130 and "stopped in epoch 1, after batch 2" in done.stdout
    assert (tmp_path / "run.txt").read_text() == ""


def test_what_is_said_comes_after_what_is_written(tmp_path, monkeypatch):
    seen = []

    def look(line):
        with np.load(tmp_path / "run/checkpoints/last.npz") as file:
            seen.append((json.loads(file["training/rest"].item())["progress"]["epoch"], len(metrics(tmp_path / "run"))))
    monkeypatch.setattr(run_module, "say", look)
    go(tmp_path / "run")
    assert seen == [(2, 1), (3, 2), (4, 3)]


def test_the_curves_are_drawn_after_the_checkpoint(tmp_path, monkeypatch):
    def interrupted(path, records):
        raise KeyboardInterrupt
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(curves, "draw_training", interrupted)
        go(tmp_path / "run")
    assert [record["epoch"] for record in metrics(tmp_path / "run")] == [1]
    go(tmp_path / "run", resume=True)
    go(tmp_path / "whole")
    assert_same_end(tmp_path / "run", tmp_path / "whole")


# ---------------------------------------------------------------------------------------- the disk


@pytest.mark.parametrize("name, what", [("metrics.jsonl", "the metrics"), ("last.npz", "the checkpoint"),
                                        ("best.npz", "the checkpoint")])
def test_a_disk_that_fills_up_says_which_file_and_how_to_go_on(tmp_path, monkeypatch, name, what):
    full, replace = [], os.replace

    def on_a_full_disk(source, path):
        if full and Path(path).name == name:
            raise OSError(errno.ENOSPC, "No space left on device", str(source))
        replace(source, path)
    monkeypatch.setattr(os, "replace", on_a_full_disk)
    with pytest.raises(OSError) as error:
        go(tmp_path / "run", hook=lambda net, at: full.append(1) if at.epoch == 2 else None, minutes=10,
           how_to_resume="go on with: me", validate=lambda: {"val_error": 0.5 if not full else 0.25})
    assert error.value.errno == errno.ENOSPC and error.value.filename.endswith(name)
    assert (f": {what} could not be written, the ones before are intact; make room, then go on with: me"
            in str(error.value))
    full.clear()
    go(tmp_path / "run", resume=True, validate=lambda: {"val_error": 0.25})
    assert [record["epoch"] for record in metrics(tmp_path / "run")] == [1, 2, 3]


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl", "last.npz"])
@pytest.mark.parametrize("accident", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=repr)
def test_a_start_that_fails_can_be_made_again(tmp_path, monkeypatch, name, accident):
    replace = os.replace

    def failing(source, path):
        if Path(path).name == name:
            raise accident
        replace(source, path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", failing)
        with pytest.raises(type(accident)) as error:
            go(tmp_path / "run")
    if isinstance(accident, OSError):
        assert name in str(error.value) and "make room, then begin again" in str(error.value)
    assert not list(tmp_path.rglob(".*.tinynet")) and not (tmp_path / "run/config.json").exists()
    go(tmp_path / "run")
    go(tmp_path / "whole")
    assert_same_end(tmp_path / "run", tmp_path / "whole")


# ---------------------------------------------------------------------------------------- other processes


HOLDER = "import sys, time; sys.path.insert(0, sys.argv[1]); from tiny import *\n" \
         "Run(sys.argv[2], CONFIG).start(*parts()); print('started', flush=True); time.sleep(60)"


@pytest.fixture
def other(tmp_path):
    """Another process that has started a run in tmp_path/run."""
    pytest.importorskip("fcntl")
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(Path(__file__).parent), str(tmp_path / "run")],
                               stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"started\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("resume", [True, False])
def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path, other, resume):
    torn = tmp_path / "run/.0123456789abcdef.tinynet"
    torn.write_bytes(b"")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    if resume:
        with pytest.raises(BlockingIOError, match="another process trains in this folder: wait until it ends, stop it"):
            go(tmp_path / "run", resume=True)
    else:
        run = Run(tmp_path / "run2", CONFIG)                     # at a moment when there was no config.json yet
        run.folder = tmp_path / "run"
        with pytest.raises(BlockingIOError, match="another process trains in this folder.*: .*run"):
            run.start(*parts())
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before
    other.kill()
    other.wait()
    go(tmp_path / "run", resume=True)
    assert not torn.exists()


def test_a_run_that_came_first_and_has_ended_is_not_written_over(tmp_path):
    late = Run(tmp_path / "run", CONFIG)
    go(tmp_path / "run")
    with pytest.raises(FileExistsError, match="run holds an earlier run: resume it, name another folder, or delete it"):
        late.start(*parts())
    assert len(metrics(tmp_path / "run")) == 3


def test_in_one_process_a_run_may_be_resumed_after_an_error(tmp_path):
    first = Run(tmp_path / "run", CONFIG)
    first.start(*parts())                                        # as in a notebook: its `with` never came
    with pytest.raises(Crash):
        go(tmp_path / "run", resume=True, hook=crash_at(2, 1))
    go(tmp_path / "run", resume=True)
    go(tmp_path / "whole")
    assert_same_end(tmp_path / "run", tmp_path / "whole")


def test_the_folder_is_free_after_the_run_and_after_a_start_that_failed(tmp_path):
    locks = pytest.importorskip("fcntl") and pytest.importorskip("tinynet.files.locks")

    def free():
        lock = locks.Lock(tmp_path / "run")
        taken = lock.take()
        lock.release()
        return taken
    run = Run(tmp_path / "run", CONFIG)
    with run:
        run.start(*parts())
        assert not free()
        newer = Run(tmp_path / "run", CONFIG, resume=True)
        newer.start(*parts())
    assert not free()                                            # it is the newer one's
    newer.__exit__()
    assert free()
    (tmp_path / "run/checkpoints/last.npz").write_bytes(b"")
    with pytest.raises(ValueError, match="last.npz"):
        go(tmp_path / "run", resume=True)
    assert free()
    hold(tmp_path / "run", "me")
    let_go(tmp_path / "run", "another")
    assert not free()
    let_go(tmp_path / "run", "me")
    assert free()


def test_the_folder_is_free_after_a_start_that_failed_outside_of_with(tmp_path):
    locks = pytest.importorskip("fcntl") and pytest.importorskip("tinynet.files.locks")
    go(tmp_path / "run", epochs=1)
    (tmp_path / "run/checkpoints/last.npz").write_bytes(b"")
    with pytest.raises(ValueError, match="last.npz"):
        Run(tmp_path / "run", CONFIG, resume=True).start(*parts())
    assert locks.Lock(tmp_path / "run").take()


# ---------------------------------------------------------------------------------------- clocks and signals


def test_clocks_that_jump_or_stand_still(tmp_path, monkeypatch):
    times = iter(10 ** 9 * (-1) ** i for i in range(10 ** 6))
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: next(times))
        patched.setattr(time, "perf_counter", lambda: 5.0)
        patched.setattr(time, "monotonic", lambda: 5.0)
        go(tmp_path / "run")
    go(tmp_path / "whole")
    assert_same_end(tmp_path / "run", tmp_path / "whole")


@pytest.mark.parametrize("signals, ends", [(1, SystemExit), (2, KeyboardInterrupt)])
@pytest.mark.parametrize("at", [2, 5])                           # the second checkpoint, the fifth
def test_ctrl_c_while_a_checkpoint_is_written(tmp_path, monkeypatch, signals, ends, at):
    savez, written = np.savez, []

    def interrupted(file, **arrays):
        written.append(1)
        if len(written) == at:
            file.write(b"PK")
            for _ in range(signals):
                signal.raise_signal(signal.SIGINT)
            file.seek(0)
        savez(file, **arrays)
    with monkeypatch.context() as patched:
        patched.setattr(np, "savez", interrupted)
        with pytest.raises(ends):
            go(tmp_path / "run", minutes=0)
    assert not list(tmp_path.rglob(".*.tinynet"))
    go(tmp_path / "run", resume=True)
    go(tmp_path / "whole")
    assert_same_end(tmp_path / "run", tmp_path / "whole")
