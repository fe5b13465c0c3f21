"""The batch in slices: covered once, in order, at the same time; errors arrive; BLAS gets its threads back."""
from __future__ import annotations

import contextvars
import os
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from naive import distinct
from threadpoolctl import threadpool_info

from tinynet import (
    LRN,
    SGD,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    SoftmaxCrossEntropy,
    get_threads,
    set_threads,
)
from tinynet.fast import parallel, workers
from tinynet.fast.parallel import CACHE, one_blas_thread, over_batch, pieces, rectangles, side_by_side


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


# ---------------------------------------------------------------------------------------- slices


def test_another_thread_may_set_the_threads_meanwhile(monkeypatch):
    set_threads(3)

    def meanwhile():
        set_threads(1)
        return contextvars.copy_context()

    monkeypatch.setattr(workers, "copy_context", meanwhile)
    assert over_batch(lambda s: (s.start, s.stop), 6) == [(0, 2), (2, 4), (4, 6)]
    assert get_threads() == 1


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 128])
def test_slices_cover_the_batch_once_and_in_order(threads, n):
    set_threads(threads)
    slices = over_batch(lambda s: s, n)
    assert len(slices) == min(threads, n)
    assert [i for s in slices for i in range(s.start, s.stop)] == list(range(n))
    sizes = [s.stop - s.start for s in slices]
    assert max(sizes) - min(sizes) <= 1  # fair shares
    assert over_batch(lambda s: s, n) == slices  # the same every time


def test_results_come_in_the_order_of_the_slices_whoever_is_first():
    set_threads(3)

    def work(s):
        time.sleep(0.02 * (3 - s.start))  # the last slice is done first
        return s.start

    assert over_batch(work, 3) == [0, 1, 2]


def test_slices_run_at_the_same_time():
    set_threads(3)
    meeting = threading.Barrier(3, timeout=10)  # opens only when all three are there
    assert sorted(over_batch(lambda s: meeting.wait(), 3)) == [0, 1, 2]


def test_what_costs_less_than_a_thread_is_not_cut_up(monkeypatch):
    set_threads(3)
    monkeypatch.setattr(parallel, "WORTH_A_THREAD", 100)
    assert over_batch(lambda s: s, 6, 99) == [slice(0, 6)]
    assert over_batch(lambda s: s, 6, 100) == [slice(0, 2), slice(2, 4), slice(4, 6)]


def test_without_threadpoolctl_there_is_one_slice(monkeypatch):
    set_threads(3)
    monkeypatch.setattr(parallel._blas, "controller", None)
    assert over_batch(lambda s: s, 5) == [slice(0, 5)]


# ---------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("culprit", [0, 1, 2])
def test_an_error_in_any_slice_reaches_the_caller_when_all_have_stopped_writing(culprit):
    set_threads(3)
    done = []

    def work(s):
        if s.start == culprit:
            raise ZeroDivisionError(f"slice {culprit}")
        time.sleep(0.05)
        done.append(s.start)

    with pytest.raises(ZeroDivisionError, match=f"slice {culprit}"):
        over_batch(work, 3)
    then = list(done)
    time.sleep(0.1)
    assert done == then and culprit not in done  # who had not begun does not begin any more
    if culprit:
        assert 0 in done
    assert over_batch(lambda s: s.start, 3) == [0, 1, 2]  # and the threads are still there


# ---------------------------------------------------------------------------------------- two columns


def test_two_columns_run_at_the_same_time_each_with_half_of_the_threads():
    set_threads(5)
    meeting = threading.Barrier(2, timeout=10)  # opens only when both are there

    def column(name):
        meeting.wait()
        return name, get_threads(), over_batch(lambda s: s, 4)

    shares = [slice(0, 2), slice(2, 4)]
    assert side_by_side(lambda: column("left"), lambda: column("right")) == (("left", 2, shares), ("right", 2, shares))
    assert get_threads() == 5


def test_one_thread_is_one_thread_for_columns_too():
    set_threads(1)
    main = threading.get_ident()
    assert side_by_side(threading.get_ident, threading.get_ident) == (main, main)


def test_a_column_has_one_thread_at_least():
    for threads in 1, 2, 3:
        set_threads(threads)
        assert side_by_side(get_threads, get_threads) == (1, 1)


def test_columns_within_a_column_take_turns():
    def inner():
        return side_by_side(lambda: (threading.current_thread(), get_threads()), threading.current_thread)

    set_threads(4)
    (left, left_too), (right, right_too) = side_by_side(inner, inner)
    assert left == (left_too, 2) and right == (right_too, 2) and left_too is not right_too


@pytest.mark.parametrize("failing", ["left", "right", "both"])
def test_an_error_in_a_column_is_raised_when_both_have_ended(failing):
    set_threads(2)
    ended, both = [], threading.Barrier(2, timeout=10)

    def column(name):
        both.wait()
        try:
            if failing in (name, "both"):
                raise ZeroDivisionError(name)
            time.sleep(0.05)
        finally:
            ended.append(name)

    with pytest.raises(ZeroDivisionError, match="right" if failing == "right" else "left"):
        side_by_side(lambda: column("left"), lambda: column("right"))
    assert sorted(ended) == ["left", "right"]
    assert side_by_side(lambda: 1, lambda: 2) == (1, 2)  # and the threads are still there


# ---------------------------------------------------------------------------------------- BLAS

USUAL = blas_threads()  # when pytest collects the tests, before any of them runs
several = pytest.mark.skipif(USUAL in (set(), {1}), reason="BLAS has one thread, or threadpoolctl cannot tell")


@several
def test_blas_has_one_thread_inside_and_afterwards_as_many_as_before():
    set_threads(2)
    assert over_batch(lambda s: blas_threads(), 2) == [{1}, {1}]
    assert blas_threads() == USUAL
    assert side_by_side(blas_threads, blas_threads) == ({1}, {1})
    assert blas_threads() == USUAL
    for call in (lambda: over_batch(lambda s: 1 / 0, 2)), (lambda: side_by_side(lambda: 1 / 0, lambda: 1 / 0)):
        with pytest.raises(ZeroDivisionError):
            call()
        assert blas_threads() == USUAL


@several
def test_blas_is_held_to_one_thread_whichever_thread_asks():
    set_threads(2)
    with ThreadPoolExecutor(1) as another:
        for _ in range(2):
            assert over_batch(lambda s: blas_threads(), 2) == [{1}, {1}]
            assert another.submit(over_batch, lambda s: blas_threads(), 2).result() == [{1}, {1}]
            assert blas_threads() == USUAL


@several
@pytest.mark.parametrize("caller", ["first", "last"])
def test_blas_gets_its_threads_back_when_the_last_of_two_nets_is_done(caller):
    set_threads(2)
    first_inside, last_inside, first_done = (threading.Event() for _ in range(3))
    seen = []

    def first_work(s):
        first_inside.set()
        assert last_inside.wait(10)

    def last_work(s):
        last_inside.set()
        assert first_done.wait(10)
        seen.append(blas_threads())

    def first():
        over_batch(first_work, 2)
        first_done.set()

    def last():
        assert first_inside.wait(10)
        over_batch(last_work, 2)

    here, there = (first, last) if caller == "first" else (last, first)
    with ThreadPoolExecutor(1) as another:
        result = another.submit(there)
        here()
        result.result()
        assert seen == [{1}, {1}] and blas_threads() == USUAL


def test_blas_is_held_once_for_as_long_as_one_asks(monkeypatch):
    set_threads(2)
    calls, hold = [], parallel._blas._hold
    monkeypatch.setattr(parallel._blas, "_hold", lambda me: calls.append(me) or hold(me))
    main = threading.get_ident()

    @one_blas_thread
    def for_a_while():
        for _ in range(3):
            assert over_batch(lambda s: blas_threads(), 2) == [{1}, {1}]
            assert side_by_side(blas_threads, blas_threads) == ({1}, {1})
        assert blas_threads() == {1}

    for_a_while()
    assert calls.count(main) == 1 and blas_threads() == USUAL
    net = Sequential(fc1=Linear(3, 3), relu=ReLU(), fc2=Linear(3, 2))
    net.predict(np.ones((5, 3), np.float32), batch_size=2)
    assert calls.count(main) == 2


def test_without_threadpoolctl_blas_decides_for_itself(monkeypatch):
    monkeypatch.setattr(parallel._blas, "controller", None)
    assert over_batch(lambda s: blas_threads(), 2) == [USUAL]
    assert side_by_side(blas_threads, blas_threads) == (USUAL, USUAL)


# ---------------------------------------------------------------------------------------- how many


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_computes_too():
    script = textwrap.dedent("""
        import os
        import numpy as np
        from tinynet import set_threads
        from tinynet.fast import parallel
        set_threads(3)
        parallel.WORTH_A_THREAD = 0
        work = lambda: (parallel.over_batch(lambda s: s.stop, 30), parallel.side_by_side(int, int))
        before = work()
        child = os.fork()
        if child == 0:
            os._exit(work() != before)
        raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """)
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=60)


def test_set_threads_is_what_get_threads_says():
    for n in 3, np.int64(1), 2:
        set_threads(n)
        assert get_threads() == n


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "2", True, None])
def test_other_numbers_of_threads_are_refused(wrong):
    before = get_threads()
    with pytest.raises(ValueError, match="set_threads: expected a whole number of threads, 1 or more, got"):
        set_threads(wrong)
    assert get_threads() == before


def undecided():
    parallel._threads = 0  # as after the import; the fixture in conftest.py sets the number again


@pytest.mark.parametrize("threads", [1, 3])
def test_the_default_is_what_the_environment_says(monkeypatch, threads):
    monkeypatch.setenv("TINYNET_THREADS", str(threads))
    undecided()
    assert get_threads() == threads


@pytest.mark.parametrize("allowed, cores, expected", [({0, 2, 5}, 8, 3), (None, 5, 5), (None, None, 1)])
def test_or_else_the_cores_this_process_may_use(monkeypatch, allowed, cores, expected):
    monkeypatch.delenv("TINYNET_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    if allowed is None:  # not every system can tell
        monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    else:
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: allowed, raising=False)
    undecided()
    assert get_threads() == expected


@pytest.mark.parametrize("wrong", ["0", "-1", "two", "1.5", ""])
def test_a_senseless_environment_is_refused(monkeypatch, wrong):
    monkeypatch.setenv("TINYNET_THREADS", wrong)
    undecided()
    with pytest.raises(ValueError, match="TINYNET_THREADS: expected a whole number of threads, 1 or more, got"):
        get_threads()


# ---------------------------------------------------------------------------------------- pieces


@pytest.mark.parametrize("batch", [slice(0, 1), slice(0, 10), slice(3, 17)])
@pytest.mark.parametrize("size", [0, 1, CACHE // 16, CACHE // 4 + 1, CACHE, 2 ** 30])
def test_pieces_cover_a_slice_once_and_fit_the_cache(batch, size):
    parts = list(pieces(batch, size))
    assert [n for part in parts for n in range(part.start, part.stop)] == list(range(batch.start, batch.stop))
    for part in parts:
        images = part.stop - part.start
        assert images == 1 or images * size <= CACHE
    if size == CACHE // 16:
        assert len(parts) == 1  # and are not smaller than need be


def test_pieces_are_even_and_as_large_as_asked_for():
    assert [part.stop - part.start for part in pieces(slice(0, 17), CACHE // 16)] == [8, 9]
    assert [part.stop - part.start for part in pieces(slice(0, 17), CACHE, least=5)] == [4, 4, 4, 5]
    assert [part.stop - part.start for part in pieces(slice(0, 3), 2 ** 30, least=5)] == [3]


def test_numbers_do_not_depend_on_who_computes_them():
    x, y = np.arange(20.0), np.zeros(20)

    def work(s):
        y[s] = x[s] ** 2

    set_threads(3)
    over_batch(work, 20)
    np.testing.assert_array_equal(y, x ** 2)


@pytest.mark.parametrize("rows", [slice(0, 12), slice(0, 5), slice(2, 3), slice(3, 11), slice(7, 8), slice(4, 12)])
@pytest.mark.parametrize("size", [1, CACHE // 4, CACHE // 2, CACHE, 2 * CACHE])
@pytest.mark.parametrize("least", [1, 3])
def test_rectangles_cover_the_rows_of_a_stack_once_and_in_order(rows, size, least):
    parts = list(rectangles(rows, 4, size, least))                           # three images of four rows
    covered = [4 * n + p for images, band in parts for n in range(images.start, images.stop)
               for p in range(band.start, band.stop)]
    assert covered == list(range(rows.start, rows.stop))
    for images, band in parts:
        count = (images.stop - images.start) * (band.stop - band.start)
        assert count <= max(least + 3, CACHE // size)
        assert images.stop - images.start == 1 or band == slice(0, 4)        # a view of whole images, or of one


# ---------------------------------------------------------------------------------------- memory


def test_training_needs_no_more_memory_from_step_to_step():
    rng = np.random.default_rng(0)
    net = Sequential(conv=Conv2d(3, 32, 3, padding=1, input_grad=False, rng=rng), relu=ReLU(), pool=MaxPool2d(2),
                     conv2=Conv2d(32, 32, 3, padding=1, rng=rng), norm=LRN(), flat=Flatten(), drop=Dropout(0.5, rng),
                     fc=Linear(2048, 5, rng=rng))
    x, peaks = distinct(8, 16, 16, 3, dtype=np.float32), []
    sgd, loss = SGD(net.parameters(), 0.001), SoftmaxCrossEntropy()
    tracemalloc.start()
    try:
        for _ in range(12):
            tracemalloc.reset_peak()
            loss.forward(net.forward(x, train=True), np.arange(8) % 5)
            net.backward(loss.backward())
            sgd.step()
            peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    assert min(peaks[6:]) < 1.01 * max(peaks[2:6])  # one step may come to more: two threads at once at their most
