"""Every kernel computes what the plain function does, and compiles for a GPU without spilling. No GPU is needed."""
from __future__ import annotations

import copy
import importlib
import inspect
import pkgutil
import re

import numpy as np
import pytest
from kernels_on_cpu import on_cpu  # noqa: F401 (a fixture)
from naive import assert_close, distinct
from test_operation import CASES, SHAPES, room_of

import tinynet.fast.cuda
from tinynet.fast.cuda import kernels

FILES = [module.name for module in pkgutil.iter_modules(tinynet.fast.cuda.__path__) if module.name != "kernels"]
MODULES = {file: importlib.import_module(f"tinynet.fast.cuda.{file}") for file in FILES}


def operations(file):
    """The operations that have a kernel: {name: the plain function}."""
    named = inspect.getmembers(room_of(file), inspect.isfunction) if room_of(file) else []
    return {name: f.__wrapped__ for name, f in named if hasattr(f, "__wrapped__") and hasattr(MODULES[file], name)}


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("file", [file for file in FILES if operations(file)])
def test_kernels_compute_what_the_plain_functions_do(on_cpu, monkeypatch, file, shape, dtype, wide):  # noqa: F811
    if wide:
        monkeypatch.setattr(kernels, "LARGEST", -1)  # as if the arrays were of more than 2^31 numbers
    tried = set()
    for name, args in CASES[file](shape, dtype, np.random.default_rng(0)):
        if name not in operations(file):
            continue
        expected, got = ([copy.deepcopy(a) for a in args] for _ in range(2))
        if getattr(MODULES[file], name)(*got, np) is NotImplemented:
            continue
        tried.add(name)
        operations(file)[name](*expected, np)
        for i, (a, b) in enumerate(zip(got, expected, strict=True)):
            if isinstance(a, np.ndarray):
                compare = assert_close if a.dtype.kind == "f" else np.testing.assert_array_equal
                compare(a, b, f"{name}, argument {i}")
    assert tried == set(operations(file))


# ---------------------------------------------------------------------------------------- how they are started

TWICE = r"""
__global__ void twice(const real* x, real* y, index total) {
  index i = THREAD;
  if (i >= total) return;
  y[i] = 2 * x[i];
}
"""


@pytest.mark.parametrize("size", [1, kernels.THREADS, kernels.THREADS + 1])
def test_every_number_has_a_thread(on_cpu, size):  # noqa: F811
    x, y = distinct(size), np.empty(size)
    kernels.start(TWICE, "twice", size, x, y, size)
    np.testing.assert_array_equal(y, 2 * x)


def test_what_is_read_may_lie_in_pieces_what_is_written_may_not(on_cpu):  # noqa: F811
    x, y = distinct(3, 4), np.empty((4, 3))
    kernels.start(TWICE, "twice", 12, x.T, y, 12)
    np.testing.assert_array_equal(y, 2 * x.T)
    with pytest.raises(ValueError, match=r"kernel twice: real\* y does not lie in one piece, of shape \(3, 4\)"):
        kernels.start(TWICE, "twice", 12, x, y.T, 12)
    with pytest.raises(ValueError, match="kernel twice: expected 3 arguments, got 2"):
        kernels.start(TWICE, "twice", 12, x, y)


# ---------------------------------------------------------------------------------------- for a GPU


def sources(file):
    """The sources of a file: SOURCE, or all that `sources()` gives, where a generator writes them; none, where the
    work is done by kernels of other files."""
    module = MODULES[file]
    return module.sources() if hasattr(module, "sources") else [module.SOURCE] if hasattr(module, "SOURCE") else []


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("real", ["float32", "float64"])
@pytest.mark.parametrize("file", [file for file in FILES if sources(file)])
def test_every_kernel_compiles_for_a_gpu_and_keeps_its_numbers_in_registers(file, real, wide):
    nvrtc = pytest.importorskip("cupy", reason="needs CuPy (a GPU is not needed)").cuda.nvrtc
    try:
        nvrtc.getVersion()
    except Exception as error:
        pytest.skip(f"needs CUDA's compiler nvrtc, which CuPy does not find: {error}")
    for source in sources(file):
        program = nvrtc.createProgram(kernels.whole_source(source, real, wide), f"{file}.cu", [], [])
        options = ["--gpu-architecture=sm_90", "--std=c++14", "--ptxas-options=-v"]
        try:
            nvrtc.compileProgram(program, options)
        except Exception:
            pytest.fail(nvrtc.getProgramLog(program))
        log = nvrtc.getProgramLog(program)
        nvrtc.destroyProgram(program)
        spills = re.findall(r"(\d+) bytes spill", log)
        assert spills and set(spills) == {"0"}, log
