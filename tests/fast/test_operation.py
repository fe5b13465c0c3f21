"""The seam: every fast function agrees with the plain one of the same name, in both dtypes and at awkward shapes."""
from __future__ import annotations

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
from naive import assert_close, distinct

import tinynet.fast
from tinynet.fast import parallel
from tinynet.fast.im2col import output_length
from tinynet.fast.operation import operation, plain

SHAPES = [(1, 1, 1, 1), (1, 5, 4, 6), (3, 7, 6, 2), (5, 3, 9, 4)]


def lrn(shape, dtype, rng):
    x, dy, s = (distinct(*shape, dtype=dtype, seed=i) for i in range(3))
    for n, groups in (1, 1), (3, 1), (5, 2 if shape[-1] % 2 == 0 else 1), (9, 1):
        yield "lrn_forward", (x, np.empty_like(x), np.empty_like(x), n, 2.0, 0.5, 0.75, groups)
        yield "lrn_forward", (x, np.empty_like(x), None, n, 2.0, 0.5, 0.75, groups)
        yield "lrn_backward", (dy, x, abs(s) + 1, np.empty_like(x), n, 0.5, 0.75, groups)
    for size in 1, 3, 5:
        yield "within_map_forward", (x, np.empty_like(x), np.empty_like(x), size, 1.0, 0.5, 0.75)
        yield "within_map_backward", (dy, x, abs(s) + 1, np.empty_like(x), size, 0.5, 0.75)


CONVOLUTIONS = [  # F, kernel, stride, padding, groups, algorithm
    (3, (1, 1), (1, 1), ((0, 0), (0, 0)), 1, "auto"), (4, (3, 3), (1, 1), ((1, 1), (1, 1)), 2, "auto"),
    (3, (3, 2), (2, 3), ((0, 1), (2, 0)), 1, "auto"), (2, (2, 2), (1, 1), ((3, 3), (3, 3)), 1, "auto"),
    (2, (1, 1), (2, 2), ((0, 0), (0, 0)), 1, "auto"), (4, (3, 3), (1, 1), ((1, 1), (1, 1)), 2, "winograd"),
    (3, (5, 5), (1, 1), ((2, 2), (3, 1)), 1, "winograd"), (3, (7, 7), (2, 2), ((3, 3), (3, 4)), 1, "winograd"),
]


def conv(shape, dtype, rng):
    from tinynet.fast.conv import Memo, conv_forward
    x = distinct(*shape, dtype=dtype)
    for F, kernel, stride, padding, groups, algorithm in CONVOLUTIONS:
        size = [output_length(*axis) for axis in zip(shape[1:3], kernel, stride, padding, strict=True)]
        if shape[-1] % groups or min(size) < 1:
            continue
        W, b = distinct(*kernel, shape[-1] // groups, F, dtype=dtype, seed=1), distinct(F, dtype=dtype, seed=2)
        y, memo = np.empty((shape[0], *size, F), dtype), Memo(algorithm, kernel, stride)
        yield "conv_forward", (x, W, b, y, stride, padding, memo)
        yield "conv_forward", (x, W, None, y, stride, padding, memo)
        dy, again = distinct(*y.shape, dtype=dtype, seed=3), conv_forward(x, W, b, y, stride, padding, memo, np)
        dx, dW, db = (np.empty_like(a) for a in (x, W, b))
        for wanted in (dx, dW, db), (None, dW, None), (dx, None, None):
            yield "conv_backward", (None if wanted[1] is None else x, W, dy, *wanted, stride, padding, again)


def linear(shape, dtype, rng):
    x = distinct(shape[0], shape[1] * shape[3], dtype=dtype)
    W, b = distinct(x.shape[1], shape[2], dtype=dtype, seed=1), distinct(shape[2], dtype=dtype, seed=2)
    y, dy = np.empty((len(x), shape[2]), dtype), distinct(len(x), shape[2], dtype=dtype, seed=3)
    dx, dW, db = (np.empty_like(a) for a in (x, W, b))
    yield "linear_forward", (x, W, b, y)
    yield "linear_forward", (x, W, None, y)
    yield "linear_backward", (x, W, dy, dx, dW, db)
    yield "linear_backward", (x, W, dy, dx, None, None)


# file: a generator of (operation, its arguments without xp), of a shape, a dtype and an rng
CASES = {"conv": conv, "linear": linear, "lrn": lrn}


def room_of(file):
    """The module that has the plain functions: a layer, a loss or an update rule."""
    for room in "tinynet.layers", "tinynet", "tinynet.training":
        try:
            return importlib.import_module(f"{room}.{file}")
        except ModuleNotFoundError:
            continue
    return None


def pairs():
    """(file, name) of every fast function that has a plain twin."""
    for module in pkgutil.iter_modules(tinynet.fast.__path__):
        fast, readable = importlib.import_module(f"tinynet.fast.{module.name}"), room_of(module.name)
        for name, function in inspect.getmembers(readable, inspect.isfunction):
            if hasattr(function, "__wrapped__") and hasattr(fast, name):
                yield module.name, name


@pytest.mark.parametrize("cache", [parallel.CACHE, 500])  # bytes: so small that images are cut into bands of rows
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("file", CASES)
def test_plain_and_fast_agree(file, shape, dtype, cache, monkeypatch):
    monkeypatch.setattr(parallel, "CACHE", cache)
    readable, fast = room_of(file), importlib.import_module(f"tinynet.fast.{file}")
    for name, args in CASES[file](shape, dtype, np.random.default_rng(0)):
        results = []
        for function in getattr(readable, name).__wrapped__, getattr(fast, name):
            given = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
            done = function(*given, np)
            results.append((done, given))
        (_, expected), (done, got) = results
        if done is NotImplemented:
            continue
        for i, (a, b) in enumerate(zip(got, expected, strict=True)):
            if isinstance(a, np.ndarray):
                assert_close(a, b, f"{name}, argument {i}")


def test_there_is_a_case_for_every_pair():
    tried = {(file, name) for file, cases in CASES.items()
             for name, _ in cases(SHAPES[1], np.float32, np.random.default_rng(0))}
    assert tried == set(pairs())


def test_plain_switches_the_fast_ones_off(monkeypatch):
    from tinynet.layers import lrn as readable
    x, calls = distinct(1, 2, 2, 3), []
    monkeypatch.setattr("tinynet.fast.lrn._forward", lambda *args: calls.append(args))
    arguments = (x, np.empty_like(x), np.empty_like(x), 3, 1.0, 0.5, 0.75, 1, np)
    with plain():
        readable.lrn_forward(*arguments)
    assert not calls
    readable.lrn_forward(*arguments)
    assert len(calls) == 1


def test_an_operation_without_a_fast_twin_is_what_is_written():
    assert operation(lambda x, xp: x + 1)(1, np) == 2
