"""What is marked gpu, and the benchmark for GPUs, on a stand-in for CuPy (tests/rehearsal): a GPU is lent for minutes,
too short a time to find that a test has a wrong name in it, or expects what cannot be."""
import os
import re
import subprocess
import sys
from pathlib import Path

import kernels_on_cpu
import pytest

TESTS = Path(__file__).parents[1]
ORDER = "order or overtake"  # between streams: there is none here, and these keep a GPU busy for long


@pytest.fixture
def rehearse(tmp_path):
    """Runs a Python program with the stand-in; returns what it printed."""
    if kernels_on_cpu.COMPILER is None:
        kernels_on_cpu.lacking("C++ compiler, g++ or c++, to run kernels on the CPU")

    def run(*arguments):
        path = os.pathsep.join([str(TESTS / "rehearsal"), str(TESTS.parent)])
        done = subprocess.run([sys.executable, *map(str, arguments)], cwd=tmp_path, capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": path})
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
    return run


def test_the_tests_for_a_gpu_pass(rehearse):
    files = [*(TESTS / "devices" / f"test_{name}.py" for name in ("gpu", "device", "graph")),
             *(TESTS / "fast" / f"test_cuda{name}.py" for name in ("", "_dropout")),
             TESTS / "training" / "test_replay.py", TESTS / "claims" / "test_claims.py"]
    said = rehearse("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "gpu", "-k", f"not ({ORDER})", *files)
    assert int(re.search(r"(\d+) passed", said)[1]) > 100 and "1 skipped" in said  # the one for two GPUs


def test_the_benchmark_runs(rehearse):
    said = rehearse("-W", "error", TESTS.parent / "benchmarks" / "gpu.py", "--nets", "tiny", "tiny-zfnet", "--no-torch",
                    "--repeat", "1", "--peak", "64", "--json", "times.jsonl")
    assert "a stand-in" in said and "two columns, graph" in said and "Error" not in said
