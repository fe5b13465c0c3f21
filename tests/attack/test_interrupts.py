"""Ctrl-C at any moment: locks, BLAS's threads and lent memory are as before, nobody writes any more, and the next step
gives the bits of one that nothing disturbed.

Python looks for Ctrl-C when a function begins and when a call of one written in C is over. A profiler is told of just
these moments, and so can raise KeyboardInterrupt at each of them. Real signals come in a process of their own.
"""
from __future__ import annotations

import ast
import inspect
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tinynet import (
    BatchNorm2d,
    Conv2d,
    Flatten,
    Fork,
    Join,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    SoftmaxCrossEntropy,
    pair,
    set_threads,
)
from tinynet import layer as layer_module
from tinynet.columns import Columns
from tinynet.data import Loader, Split, View
from tinynet.devices import crossing
from tinynet.fast import memory, operation, parallel
from tinynet.fast.parallel import one_blas_thread
from tinynet.fast.workers import Job

from . import rounds

POINTS, ROOT = rounds(250), Path(__file__).parents[2]


class Case:
    """A net with columns, its data, and what a step gives."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.net = Sequential(
            conv=Conv2d(3, 4, 3, padding=1, algorithm="winograd", rng=rng), norm=BatchNorm2d(4), relu=ReLU(),
            fork=Fork(pair("cpu")), both=Columns(Conv2d(4, 3, 3, rng=rng), Conv2d(4, 3, 3, rng=rng)),
            join=Join(pair("cpu")[0]), pool=MaxPool2d(2), flat=Flatten(), fc=Linear(54, 5, rng=rng))
        self.x, self.labels = rng.normal(size=(6, 8, 8, 3)).astype(np.float32), rng.integers(0, 5, 6)
        self.loss = SoftmaxCrossEntropy()

    @one_blas_thread
    def in_training(self):
        self.loss.forward(self.net.forward(self.x, train=True), self.labels)
        return self.net.backward(self.loss.backward())

    def step(self):
        for average in self.net["norm"].running_mean, self.net["norm"].running_var:
            average[...] = 1                     # which training moves, and an interrupted one may
        self.in_training()
        return self.net.forward(self.x, keep=True), self.net.backward(self.loss.probs), self.net.predict(self.x, 4)

    def gradients(self):
        return [None if p.grad is None else p.grad.copy() for _, p in self.net.parameters()]


def interrupted(call, place):
    """Whether Ctrl-C came, at that of the places where Python looks for it; and how many of them there were."""
    seen = 0

    def look(frame, event, arg):
        nonlocal seen
        begins = event == "call" and not frame.f_code.co_flags & inspect.CO_GENERATOR  # it does not where one ends
        if begins or event == "c_return":
            seen += 1
            if seen == place:
                raise KeyboardInterrupt

    sys.setprofile(look)
    try:
        call()
    except KeyboardInterrupt:
        return True, seen
    finally:
        sys.setprofile(None)
    return False, seen


def usual_state():
    """What must be the same before and after."""
    return {
        "BLAS": [library.num_threads for library in parallel._blas.controller.lib_controllers],
        "inside": set(parallel._blas.inside),
        "locks": [lock.locked() for lock in (parallel._blas.lock, memory._lock, crossing._lock)],
        "this thread": {name: value for name, value in vars(parallel._here).items() if value},
        "contexts": (layer_module._aside.get(), operation._only_plain.get()),
        "kept": None}


def blocks():
    """The addresses of all memory that is idle."""
    ended = [end.block for end in memory._returned if end.block is not None]
    return [block.__array_interface__["data"][0] for block in [entry[-1] for entry in memory._idle] + ended]


@pytest.fixture
def case(monkeypatch):
    monkeypatch.setattr(memory, "LARGE", 512)
    set_threads(3)
    return Case()


def loops_within(body):
    """The loops of these statements, but for those of functions in them."""
    for node in body:
        if isinstance(node, (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp)):
            yield node
        if not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.GeneratorExp)):
            yield from loops_within(ast.iter_child_nodes(node))


def test_no_loop_stands_within_a_lock():
    """Where one jumps back, Python 3.12 and 3.13 look for signals, but do not leave the `with` if there is one."""
    locks, found = 0, []
    for path in sorted((ROOT / "tinynet").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.With) and ast.unparse(node.items[0].context_expr).endswith("lock"):
                locks += 1
                found += [f"{path.name}:{loop.lineno}" for loop in loops_within(node.body)]
    assert locks > 8 and not found


def test_wherever_ctrl_c_comes_in_a_loader_no_thread_hangs_and_the_next_epoch_is_whole():
    rng = np.random.default_rng(0)
    split = Split(rng.integers(0, 256, (64, 8, 8, 3), dtype=np.uint8), np.arange(64) % 3)
    loader = Loader(split, 8, np.random.default_rng(5), View(crop=6, mirror=True).train, workers=2)
    state = loader.rng.bit_generator.state

    def images():
        loader.rng.bit_generator.state = state
        return [x for x, _ in loader.epoch()]
    expected, (_, places) = images(), interrupted(images, 0)
    for place in np.random.default_rng(1).choice(places, min(POINTS, places), replace=False) + 1:
        came, seen = interrupted(images, place)
        assert came or seen < place
        for x, undisturbed in zip(images(), expected, strict=True):
            np.testing.assert_array_equal(x, undisturbed, err_msg=f"after Ctrl-C at {place}")


def test_wherever_ctrl_c_comes_everything_is_as_before(case):
    expected, gradients, before = case.step(), case.gradients(), usual_state()
    held = memory.fresh((4096,), np.float32, np)
    held[...] = 7
    _, places = interrupted(case.step, 0)
    assert places > 1000
    for place in np.random.default_rng(1).choice(places, min(POINTS, places), replace=False) + 1:
        came, seen = interrupted(case.step, place)
        assert came or seen < place  # it was not lost in a __del__
        now = case.gradients()
        assert usual_state() == before, place
        for workers in parallel._workers, parallel._columns:  # all are at leisure, and nobody has written meanwhile
            job = Job(int)
            workers.do(job, 1)
            assert job.get() == 0
        for then, still in zip(now, case.gradients(), strict=True):
            np.testing.assert_array_equal(then, still)
        assert len(blocks()) == len(set(blocks())) and (held == 7).all(), place
        for ours, undisturbed in zip((*case.step(), *case.gradients()), (*expected, *gradients), strict=True):
            np.testing.assert_array_equal(ours, undisturbed, err_msg=f"after Ctrl-C at {place}")


@pytest.mark.parametrize("at", range(1, 60))
def test_ctrl_c_while_slices_are_handed_out_leaves_nobody_at_work(at):
    set_threads(4)
    written = np.zeros(4)

    def work(s):
        for _ in range(20):
            written[s] += 1
            np.random.default_rng(0).normal(size=2000)

    came, _ = interrupted(lambda: parallel.over_batch(work, 4), at)
    then = written.copy()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(np.random.default_rng(0).normal, size=300_000).result()
    np.testing.assert_array_equal(written, then)
    assert came or (written == 20).all()
    parallel.over_batch(work, 4)
    assert (written - then == 20).all()


SIGNALS = """
import gc, os, signal, sys
import numpy as np
from attack.test_interrupts import Case, set_threads, usual_state
from tinynet.fast import memory, parallel
memory.LARGE, parallel.WORTH_A_THREAD = 512, 0
set_threads(3)
case, rng, came = Case(), np.random.default_rng(int(sys.argv[2])), 0
expected, before = case.step(), usual_state()
for _ in range(int(sys.argv[1])):
    try:
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-4, 0.02))
        for _ in range(20):
            case.step()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        came += 1
    assert usual_state() == before, (usual_state(), before)
    for ours, undisturbed in zip(case.step(), expected, strict=True):
        assert np.array_equal(ours, undisturbed)
print(came)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer that sends signals")
def test_signals_at_any_time():
    times = rounds(100)
    script = "import signal\nsignal.signal(signal.SIGALRM, signal.default_int_handler)" + SIGNALS
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run([sys.executable, "-c", script, str(times), "0"], capture_output=True, text=True,
                          timeout=60 * times, env={**os.environ, "PYTHONPATH": path})
    assert (done.returncode, done.stderr) == (0, ""), done.stderr  # nor was one lost: "Exception ignored in ..."
    assert int(done.stdout) > times / 2
