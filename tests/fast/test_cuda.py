"""Every kernel computes what the plain function does, and compiles for a GPU without spilling. No GPU is needed."""
from __future__ import annotations

import copy
import importlib
import inspect
import pkgutil
import re

import numpy as np
import pytest
from kernels_on_cpu import lacking, on_cpu  # noqa: F401 (a fixture)
from naive import assert_close, distinct
from test_operation import CASES, SHAPES, room_of

import tinynet.fast.cuda
from tinynet import loss as plain_loss
from tinynet.devices.cuda import gpu_count
from tinynet.fast.cuda import activation, kernels, loss, sums

FILES = [module.name for module in pkgutil.iter_modules(tinynet.fast.cuda.__path__) if module.name != "kernels"]
DRAWN = {"draw_mask"}  # by chance, and with other numbers than on a CPU: test_cuda_dropout.py
MODULES = {file: importlib.import_module(f"tinynet.fast.cuda.{file}") for file in FILES}


def operations(file):
    """The operations that have a kernel: {name: the plain function}."""
    named = inspect.getmembers(room_of(file), inspect.isfunction) if room_of(file) else []
    return {name: f.__wrapped__ for name, f in named
            if hasattr(f, "__wrapped__") and hasattr(MODULES[file], name) and name not in DRAWN}


def is_real(a):
    return isinstance(a, np.ndarray) and a.dtype.kind == "f"


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("file", ["activation", "loss", "norm", "optim", "pool"])
def test_what_is_not_finite_goes_the_same_way(on_cpu, file, wrong, dtype):  # noqa: F811
    """So that a training that diverges says the same on every device."""
    if file == "loss" and wrong == -np.inf:
        return
    for name, args in CASES[file](SHAPES[2], dtype, np.random.default_rng(0)):
        if name not in operations(file):
            continue
        for array in args:
            if isinstance(array, np.ndarray) and array.dtype.kind == "f":
                array.flat[::array.size // 3 + 1] = wrong
        expected, got = ([copy.deepcopy(a) for a in args] for _ in range(2))
        with np.errstate(all="ignore"):
            operations(file)[name](*expected, np)
            getattr(MODULES[file], name)(*got, np)
        for i, (a, b) in enumerate(zip(got, expected, strict=True)):
            if isinstance(a, np.ndarray):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=f"{name}, argument {i}")


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, 40, 99])
def test_the_loss_of_what_is_not_finite_is_nan(on_cpu, where, wrong):  # noqa: F811
    """Then a training is stopped. (The probabilities differ where a score is -inf: by the equation, it is 0 then.)"""
    logits, labels = distinct(3, 100), np.arange(3)
    logits[1, where] = wrong
    for function in loss.cross_entropy_forward, plain_loss.cross_entropy_forward.__wrapped__:
        L = np.zeros(1)
        with np.errstate(all="ignore"):
            function(logits, labels, np.empty_like(logits), L, np)
        assert np.isnan(L[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_sigmoid_keeps_its_digits_far_below_0(on_cpu, dtype):  # noqa: F811
    x, y, expected = np.arange(-80, 20, dtype=dtype), np.empty(100, dtype), np.empty(100, dtype)
    activation.sigmoid_forward(x, y, np)
    room_of("activation").sigmoid_forward.__wrapped__(x, expected, np)
    np.testing.assert_allclose(y, expected, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("most", [sums.MOST, 1000])
@pytest.mark.parametrize("C", [1, 3, 96, 2000])
def test_a_sum_takes_every_number_once_in_however_many_rounds(on_cpu, monkeypatch, C, most):  # noqa: F811
    monkeypatch.setattr(sums, "MOST", most)
    numbers, out = np.random.default_rng(0).integers(0, 100, (9001, C)).astype(np.float64), np.empty(C)
    sums.add_up(numbers, out, 0.5, np)
    np.testing.assert_array_equal(out, numbers.sum(axis=0) / 2)


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


SCALED = TWICE.replace("index total", "index total, real factor").replace("2 * x", "factor * x")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_number_of_numpys_is_taken_for_what_the_kernel_expects(on_cpu, dtype):  # noqa: F811
    x, y = distinct(5, dtype=dtype), np.empty(5, dtype)
    for factor in 3, 3.0, np.float64(3), np.float32(3), np.int64(3):
        kernels.start(SCALED, "twice", 5, x, y, np.int64(5), factor)
        np.testing.assert_array_equal(y, 3 * x)


def test_what_is_read_may_lie_in_pieces_what_is_written_may_not(on_cpu):  # noqa: F811
    x, y = distinct(3, 4), np.empty((4, 3))
    kernels.start(TWICE, "twice", 12, x.T, y, 12)
    np.testing.assert_array_equal(y, 2 * x.T)
    with pytest.raises(ValueError, match=r"kernel twice: real\* y does not lie in one piece, of shape \(3, 4\)"):
        kernels.start(TWICE, "twice", 12, x, y.T, 12)
    with pytest.raises(ValueError, match="kernel twice: expected 3 arguments, got 2"):
        kernels.start(TWICE, "twice", 12, x, y)


# ---------------------------------------------------------------------------------------- for a GPU, and on one


def sources(file):
    """The sources of a file: SOURCE, or all that `sources()` gives, where a generator writes them; none, where the
    work is done by kernels of other files."""
    module = MODULES[file]
    return module.sources() if hasattr(module, "sources") else [module.SOURCE] if hasattr(module, "SOURCE") else []


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("real", ["float32", "float64"])
@pytest.mark.parametrize("file", [file for file in FILES if sources(file)])
def test_every_kernel_compiles_for_a_gpu_and_keeps_its_numbers_in_registers(file, real, wide):
    try:
        from cupy.cuda import nvrtc
        nvrtc.getVersion()
    except Exception as error:  # of several kinds: without CuPy, without nvrtc
        lacking(f"nvrtc, CUDA's compiler, which CuPy brings along (a GPU is not needed): {error}")
    for source in sources(file):
        program = nvrtc.createProgram(kernels.whole_source(source, real, wide), f"{file}.cu", [], [])
        options = ["--gpu-architecture=sm_90", "--std=c++14", "--ptxas-options=-v"]
        try:
            nvrtc.compileProgram(program, options)
        except Exception:
            pytest.fail(nvrtc.getProgramLog(program))
        log = nvrtc.getProgramLog(program)
        nvrtc.destroyProgram(program)
        in_memory = re.findall(r"(\d+) bytes (?:stack frame|spill)", log)  # arrays; what found no register
        assert in_memory and set(in_memory) == {"0"}, log


@pytest.mark.gpu
@pytest.mark.skipif(gpu_count() == 0, reason="needs CuPy and a CUDA device, found none")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [*SHAPES, (8, 21, 19, 40)])
@pytest.mark.parametrize("file", ["activation", "glance", "loss", "lrn", "norm", "optim", "pool"])
def test_a_gpu_computes_it_too_and_the_same_bits_twice(file, shape, dtype):
    import cupy
    tried = set()
    for name, args in CASES[file](shape, dtype, np.random.default_rng(0)):
        if name not in operations(file):
            continue
        runs = []
        for _ in range(2):
            got = [cupy.array(a) if isinstance(a, np.ndarray) else a for a in args]
            done = getattr(MODULES[file], name)(*got, cupy)
            runs.append([cupy.asnumpy(a) if isinstance(a, cupy.ndarray) else a for a in got])
        if done is NotImplemented:
            continue
        tried.add(name)
        with np.errstate(invalid="ignore"):  # what is still to be filled may be anything
            expected = [np.array(a, np.float64) if is_real(a) else copy.deepcopy(a) for a in args]
        operations(file)[name](*expected, np)  # in float64: NumPy's sums in float32 would be the worse ones
        for i, (a, again, b) in enumerate(zip(*runs, expected, strict=True)):
            if isinstance(a, np.ndarray):
                np.testing.assert_array_equal(a, again, f"{name}, argument {i}, a second time")
                compare = assert_close if a.dtype.kind == "f" else np.testing.assert_array_equal
                compare(a, b, f"{name}, argument {i}")
    assert tried == set(operations(file))
