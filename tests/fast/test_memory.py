"""Lent memory: an array is its holder's for as long as anybody holds it or a view of it; then it serves the next."""
from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tinynet import Conv2d, MaxPool2d, ReLU, Sequential, free_memory
from tinynet.fast import memory
from tinynet.fast.memory import LARGE, PATIENCE, fresh, scratch

SHAPE = (LARGE // 4, 2)  # float32: 2 MiB


@pytest.fixture(autouse=True)
def nothing_idle(monkeypatch):
    monkeypatch.setattr(memory, "_idle", [])
    monkeypatch.setattr(memory, "_returned", deque())


def address(a: np.ndarray) -> int:
    return a.__array_interface__["data"][0]


@pytest.mark.parametrize("shape, dtype", [
    (SHAPE, np.float32), ((3, 500, 701), np.float64), ((LARGE,), np.uint8), ((1025, 1024), bool),
    ((5, 2), np.float32), ((0, 7), np.float32), ((), np.float64)])
def test_it_is_an_ordinary_array(shape, dtype):
    a = fresh(shape, dtype, np)
    assert type(a) is np.ndarray and a.shape == shape and a.dtype == dtype
    assert a.flags.c_contiguous and a.flags.writeable and a.flags.aligned
    a[...] = 1
    assert a.sum() == a.size


def test_memory_serves_again():
    a = fresh(SHAPE, np.float32, np)
    place = address(a)
    del a
    assert address(fresh(SHAPE, np.float32, np)) == place


def test_also_for_a_smaller_array_but_not_for_one_of_half_the_size():
    a = fresh((LARGE,), np.float32, np)  # 4 MiB
    place = address(a)
    del a
    half, more = fresh((LARGE // 2,), np.float32, np), fresh((LARGE // 2 + 1,), np.float32, np)
    assert address(half) != place and address(more) == place


def test_a_larger_array_gets_memory_of_its_own():
    a = fresh((LARGE,), np.uint8, np)
    place = address(a)
    del a
    b = fresh((LARGE + 1,), np.uint8, np)
    b[...] = 7
    c = fresh((LARGE,), np.uint8, np)
    c[...] = 1
    assert address(c) == place and (b == 7).all()


def test_the_smallest_that_fits_is_lent():
    sizes = LARGE + 900, LARGE + 100, LARGE + 500
    arrays = [fresh((n,), np.uint8, np) for n in sizes]
    places = dict(zip(sizes, map(address, arrays), strict=True))
    del arrays
    again = [fresh((n,), np.uint8, np) for n in (LARGE + 300, LARGE, LARGE)]  # held, so each needs a block of its own
    assert [address(a) for a in again] == [places[LARGE + 500], places[LARGE + 100], places[LARGE + 900]]


@pytest.mark.parametrize("view", [
    lambda a: a[1:], lambda a: a[1:][1:].T, lambda a: a.reshape(-1)[5:7], lambda a: a.view(np.int32)[0],
    lambda a: memoryview(a), lambda a: np.asarray(memoryview(a))[3:], lambda a: np.frombuffer(a, np.uint8),
    lambda a: np.lib.stride_tricks.as_strided(a, (2,), (8,)), lambda a: np.broadcast_to(a, (3, *a.shape))[1],
    lambda a: a.view(np.recarray)[:3], lambda a: next(iter(a)), lambda a: a.flat, lambda a: a.data,
], ids=["slice", "of a view", "reshape", "dtype", "memoryview", "array of it", "frombuffer", "as_strided", "broadcast",
        "subclass", "row", "flat", "data"])
def test_a_view_keeps_the_memory(view):
    a = fresh(SHAPE, np.float32, np)
    place = address(a)
    v = view(a)
    del a
    assert address(fresh(SHAPE, np.float32, np)) != place
    del v
    assert place in {address(b) for b in [fresh(SHAPE, np.float32, np) for _ in range(2)]}


def test_blocks_that_nobody_wants_go_back_to_the_system():
    arrays = [fresh(SHAPE, np.float32, np) for _ in range(3)]
    del arrays
    for _ in range(PATIENCE - 1):
        fresh((4 * LARGE,), np.float32, np)
    assert len(memory._idle) == 3
    fresh((4 * LARGE,), np.float32, np)
    fresh((4 * LARGE,), np.float32, np)
    assert memory._idle == []


def test_small_arrays_and_other_devices_do_not_borrow():
    class Elsewhere:
        empty = staticmethod(lambda shape, dtype: ("made there", shape, dtype))

    assert fresh((LARGE - 1,), np.uint8, np).base is None
    assert fresh(SHAPE, np.float32, Elsewhere) == ("made there", SHAPE, np.float32)


def test_threads_never_get_the_same_memory():
    def many_times(mark: int) -> bool:
        right = True
        for _ in range(200):
            a = fresh(SHAPE, np.float32, np)
            a[::1000] = mark
            right &= bool((a[::1000] == mark).all())
        return right

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(many_times, range(8)))


def test_outputs_and_gradients_stay_their_callers():
    rng = np.random.default_rng(0)
    net = Sequential(conv=Conv2d(8, 8, 3, padding=1, rng=rng), relu=ReLU(), pool=MaxPool2d(2))
    images = [rng.normal(size=(32, 64, 64, 8)).astype(np.float32) for _ in range(3)]
    kept = []
    for x in images:
        y = net.forward(x, train=True)
        kept += [(y, y.copy())]
        dx = net.backward(y)
        kept += [(dx[5:], dx[5:].copy())]
    for now, then in kept:
        np.testing.assert_array_equal(now, then)


def test_python_ends_quietly_with_arrays_on_loan():
    code = ("import numpy as np; from tinynet.fast.memory import fresh\n"
            "a = [fresh((1000, 1000), float, np)]; a.append(a)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_idle_memory_goes_back_when_nobody_asks_for_more(monkeypatch):
    monkeypatch.setattr(memory, "SECONDS", 0.01)
    monkeypatch.setattr(memory, "_watcher", None)
    a = fresh(SHAPE, np.float32, np)
    a[...] = 3
    del a
    scratch("a", SHAPE, np.float32)
    patience = time.monotonic() + 10
    while (memory._idle or memory._returned or memory._here.buffers) and time.monotonic() < patience:
        time.sleep(0.01)
    assert not memory._idle and not memory._returned and not memory._here.buffers


def test_where_no_thread_can_be_started_memory_is_lent_all_the_same(monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(memory, "_watcher", None)
    monkeypatch.setattr(memory.threading.Thread, "start", refuse)
    a = fresh(SHAPE, np.float32, np)
    place = address(a)
    del a
    assert address(fresh(SHAPE, np.float32, np)) == place


def test_free_memory_takes_nothing_from_those_who_hold_it():
    held, work = fresh(SHAPE, np.float32, np), scratch("a", SHAPE, np.float32)
    held[...], work[...] = 1, 2
    fresh(SHAPE, np.float32, np)
    with ThreadPoolExecutor(1) as another:
        another.submit(scratch, "a", SHAPE, np.float32).result()
        free_memory()
        assert [len(buffers) for buffers in memory._buffers.values()] == [0] * len(memory._buffers)
    assert not memory._idle and not memory._returned
    assert (held == 1).all() and (work == 2).all()
    assert not np.shares_memory(work, scratch("a", SHAPE, np.float32))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("lock", ["tinynet.fast.memory", "tinynet.devices.crossing"])
def test_a_forked_process_finds_the_lock_free_whoever_held_it(lock):
    script = textwrap.dedent(f"""
        import os, threading, time
        import numpy as np
        import tinynet
        from tinynet.fast.memory import fresh
        import {lock} as module
        def hold():
            with module._lock:
                held.set()
                time.sleep(0.2)
        held = threading.Event()
        threading.Thread(target=hold).start()
        held.wait()
        child = os.fork()
        if child == 0:
            with tinynet.traffic():
                os._exit(fresh((2 ** 20,), np.float32, np).size != 2 ** 20)
        raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """)
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=60)


# ---------------------------------------------------------------------------------------- scratch


def test_scratch_is_reused_by_role_and_thread():
    memory.give_back()
    a = scratch("a", (2, 3), np.float64)
    assert a.shape == (2, 3) and a.dtype == np.float64
    assert np.shares_memory(a, scratch("a", (3,), np.float32))          # smaller: the same memory
    larger = scratch("a", (100, 3), np.float64)
    assert not np.shares_memory(a, larger)                               # larger: new memory, kept from now on
    assert np.shares_memory(larger, scratch("a", (2, 3), np.float64))
    assert not np.shares_memory(larger, scratch("b", (100, 3), np.float64))
    with ThreadPoolExecutor(1) as another:
        assert not np.shares_memory(larger, another.submit(scratch, "a", (100, 3), np.float64).result())
