"""Locks between processes: one has it, a crash releases it."""
from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from tinynet.files.locks import Lock, alone, keeps_out

pytest.importorskip("fcntl")

HOLDER = """
import sys
from tinynet.files.locks import Lock
lock = Lock(sys.argv[1])
print(lock.take(), flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process_has(path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True)
    assert holder.stdout.readline() == "True\n"
    try:
        yield holder
    finally:
        holder.kill()
        holder.communicate()


def free(path):
    """Whether somebody could take the lock."""
    lock = Lock(path)
    taken = lock.take()
    lock.release()
    return taken


def test_one_has_it_and_a_crash_releases_it(tmp_path):
    lock = Lock(tmp_path)
    with another_process_has(tmp_path) as holder:
        assert not lock.take()
        holder.kill()
        assert lock.take(wait=True)
    assert not free(tmp_path)
    lock.release()
    lock.release()
    assert free(tmp_path)


def test_a_disk_without_locks_keeps_nobody_out(tmp_path, monkeypatch):
    def none_here(number, how):
        raise OSError(errno.ENOLCK, "No locks available")
    monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", none_here)
    first, second = Lock(tmp_path), Lock(tmp_path)
    assert first.take() and second.take()
    first.release()
    second.release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_what_was_released_is_free_also_while_a_fork_lives(tmp_path):
    lock = Lock(tmp_path)
    assert lock.take()
    ends, end = os.pipe()
    if not (child := os.fork()):
        lock.release()                                                # not the child's to give away
        os.read(ends, 1)
        os._exit(0)
    try:
        assert not free(tmp_path)
        lock.release()
        assert free(tmp_path)
    finally:
        os.write(end, b"x")
        os.waitpid(child, 0)
        os.close(ends)
        os.close(end)


def test_who_comes_second_says_so_and_waits(tmp_path):
    said = []
    with another_process_has(tmp_path) as holder:
        with alone(tmp_path, waiting=lambda: (said.append("waiting"), holder.kill())):
            assert said == ["waiting"] and not free(tmp_path)
    assert free(tmp_path)
    with alone(tmp_path, waiting=lambda: said.append("again")):
        assert said == ["waiting"]


def test_who_comes_second_waits_as_long_as_the_first_is_there(tmp_path):
    with another_process_has(tmp_path) as holder:
        with alone(tmp_path, waiting=threading.Timer(0.3, holder.kill).start):
            assert holder.wait(0.2) is not None                          # it was there, and is gone


def test_those_who_share_it_keep_out_who_wants_it_alone(tmp_path):
    first, second = Lock(tmp_path), Lock(tmp_path)
    assert first.take(shared=True) and second.take(shared=True)
    first.release()
    assert not free(tmp_path)
    second.release()
    assert free(tmp_path)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs Linux's list of open files")
def test_to_ask_whether_a_folder_can_be_locked_leaves_no_file_open(tmp_path):
    before = os.listdir("/proc/self/fd")
    assert not keeps_out(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        Lock(tmp_path / "none").take()
