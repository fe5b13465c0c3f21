"""A child forked beside busy threads, whatever they were in the middle of, trains, predicts, decodes, and ends."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import rounds

ROOT = Path(__file__).parents[2]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

SCRIPT = """
import io, os, sys, threading, time
import numpy as np
from PIL import Image
import tinynet
from tinynet import SGD, SoftmaxCrossEntropy, pair, send, set_threads
from tinynet.data import Loader, Split
from tinynet.data.photos import together
from tinynet.fast import memory, parallel
from tinynet.train import train
from attack.test_interrupts import Case

memory.LARGE, parallel.WORTH_A_THREAD = 512, 0
set_threads(3)
file = io.BytesIO()
Image.fromarray(np.zeros((50, 40, 3), np.uint8)).save(file, "png")
case = Case()
expected = case.step()

def everything(case):
    got = case.step()
    assert all(np.array_equal(a, b) for a, b in zip(got, expected))
    train(case.net, SGD(case.net.parameters(), 0.01), Loader(Split(case.x, case.labels), 2, np.random.default_rng(0),
                                                             workers=2), 1)
    with tinynet.traffic():
        send(case.x, pair("cpu")[0])
    with together.quiet:
        Image.open(file).convert("RGB").load()

def busy():
    mine = Case()
    while not done:
        mine.step()
        memory.fresh((1000,), np.float32, np)
        with tinynet.traffic():
            send(mine.x, pair("cpu")[0])
        with together.quiet:
            pass

done = []
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
failed = 0
for _ in range(int(sys.argv[1])):
    child = os.fork()
    if child == 0:
        everything(Case())
        sys.exit(0)  # with all that Python does at its end
    end = time.monotonic() + 60
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < end:
        time.sleep(0.01)
    if ended == (0, 0):
        os.kill(child, 9)
        os.waitpid(child, 0)
    failed += ended == (0, 0) or ended[1] != 0
done.append(True)
for thread in threads:
    thread.join()
blas = [library.num_threads for library in parallel._blas.controller.lib_controllers]
everything(Case())
print(failed, blas == [library.num_threads for library in parallel._blas.controller.lib_controllers])
"""


def run(script, *args):
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script, *args], capture_output=True, text=True,
                          timeout=120, env={**os.environ, "PYTHONPATH": path})
    return done.stdout.split(), done.stderr


@needs_fork
def test_a_child_forked_beside_busy_threads_does_everything_and_ends():
    assert run(SCRIPT, str(rounds(15))) == (["0", "True"], "")


HELD = """
import os, sys, threading
import numpy as np
from tinynet import set_threads, traffic
from tinynet.data.photos import together
from tinynet.devices import crossing
from tinynet.fast import memory, parallel

set_threads(3)
blas = lambda: [library.num_threads for library in parallel._blas.controller.lib_controllers]
usual, inside, done = blas(), threading.Event(), threading.Event()

def forked(check):
    child = os.fork()
    if child == 0:
        try:
            os._exit(not check())
        except BaseException as error:
            print(error, file=sys.stderr)
            os._exit(2)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

def within(context):
    with context:
        inside.set()
        done.wait()

def beside(work, check):
    inside.clear(), done.clear()
    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    forked(check)
    done.set()
    thread.join()

def works():
    memory.fresh((2 ** 20,), np.float32, np)
    with traffic(), together.quiet:
        return parallel.over_batch(lambda s: s.stop, 3) == [1, 2, 3] and blas() == usual

beside(lambda: within(memory._lock), works)
beside(lambda: within(crossing._lock), works)
beside(lambda: within(together.quiet.lock), works)
beside(lambda: within(together.quiet), works)
beside(lambda: parallel.over_batch(lambda s: (inside.set(), done.wait()), 3), works)   # BLAS has one thread

@parallel.one_blas_thread
def forks_itself():
    forked(lambda: parallel.over_batch(lambda s: s.stop, 3) == [1, 2, 3] and 1 in blas())
    return os.fork()

child = forks_itself()
if child == 0:
    os._exit(not works())  # outside, the child has its threads back, too
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), blas() == usual)
"""


@needs_fork
def test_a_child_forked_beside_whoever_holds_a_lock_finds_it_free():
    assert run(HELD) == (["0"] * 7 + ["True"], "")
