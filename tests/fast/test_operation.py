"""The seam: every fast function agrees with the plain one of the same name, in both dtypes and at awkward shapes."""
from __future__ import annotations

import copy
import importlib
import inspect
import math
import pkgutil

import numpy as np
import pytest
from naive import assert_close, distinct

import tinynet.fast
from tinynet import MaxPool2d
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
    (4, (3, 2), (2, 2), ((5, 4), (4, 6)), 2, "auto"), (2, (6, 6), (2, 2), ((7, 0), (1, 8)), 2, "winograd"),
    (2, (3, 3), (1, 1), ((4, 0), (0, 5)), 1, "im2col"), (4, (1, 1), (1, 1), ((0, 0), (0, 0)), 2, "auto"),
]


def conv(shape, dtype, rng):
    x = distinct(*shape, dtype=dtype)
    for F, kernel, stride, padding, groups, algorithm in CONVOLUTIONS:
        size = [output_length(*axis) for axis in zip(shape[1:3], kernel, stride, padding, strict=True)]
        if shape[-1] % groups or min(size) < 1:
            continue
        W, b = distinct(*kernel, shape[-1] // groups, F, dtype=dtype, seed=1), distinct(F, dtype=dtype, seed=2)
        y = np.empty((shape[0], *size, F), dtype)
        yield "conv_forward", (x, W, b, y, stride, padding, algorithm)
        yield "conv_forward", (x, W, None, y, stride, padding, algorithm)
        dy = distinct(*y.shape, dtype=dtype, seed=3)
        dx, dW, db = (np.empty_like(a) for a in (x, W, b))
        for wanted in (dx, dW, db), (None, dW, None), (dx, None, None):
            yield "conv_backward", (None if wanted[1] is None else x, W, dy, *wanted, stride, padding, algorithm)


def linear(shape, dtype, rng):
    x = distinct(shape[0], shape[1] * shape[3], dtype=dtype)
    W, b = distinct(x.shape[1], shape[2], dtype=dtype, seed=1), distinct(shape[2], dtype=dtype, seed=2)
    y, dy = np.empty((len(x), shape[2]), dtype), distinct(len(x), shape[2], dtype=dtype, seed=3)
    dx, dW, db = (np.empty_like(a) for a in (x, W, b))
    yield "linear_forward", (x, W, b, y)
    yield "linear_forward", (x, W, None, y)
    yield "linear_backward", (x, W, dy, dx, dW, db)
    yield "linear_backward", (x, W, dy, dx, None, None)


def optim(shape, dtype, rng):
    w, g, m, v = (distinct(*shape, dtype=dtype, seed=i).ravel() for i in range(4))
    for rate, momentum, decay in (0.1, 0.9, 0.3), (1e-3, 0.0, 0.0):
        yield "sgd_step", (w, g, v, rate, momentum, decay)
        for t in 1, 100:
            yield "adam_step", (w, g, m, v * v, rate, 0.9, 0.999, 1e-8, decay, t)
    yield "sum_of_squares", (g, np.empty(1, dtype))


def pool(shape, dtype, rng):
    x = distinct(*shape, dtype=dtype)
    for sizes in POOLS:
        layer = MaxPool2d(*sizes)
        try:
            P, Q = layer.output_size(*shape[1:3])
        except ValueError:  # the window is larger than the image
            continue
        geometry = layer.kernel_size, layer.stride, layer.padding
        y = distinct(len(x), P, Q, shape[-1], dtype=dtype, seed=1)
        KH, KW = layer.kernel_size
        switches = rng.integers(0, KH * KW, y.shape).astype(np.uint8)  # some say a pixel that is not there: nobody's
        yield "max_pool_forward", (x, np.empty_like(y), np.empty_like(switches), *geometry)
        yield "max_pool_forward", (np.round(x), np.empty_like(y), np.empty_like(switches), *geometry)  # ties
        yield "max_pool_forward", (x, np.empty_like(y), None, *geometry)
        yield "max_pool_backward", (y, switches, np.empty_like(x), *geometry)
        share = abs(distinct(P, Q, 1, dtype=dtype, seed=2))
        yield "avg_pool_forward", (x, np.empty_like(y), share, *geometry)
        yield "avg_pool_backward", (y, share, np.empty_like(x), *geometry)


POOLS = [  # kernel, stride, padding, ceil_mode
    (1,), (2,), (3, 2), (3, 2, 0, True), (3, 1, 1), (3, 2, 1, True), (2, 3), (2, 3, 0, True), (1, 5, 0, True),
    ((2, 3), (1, 2), (1, 0)), ((3, 1), (2, 3), 0, True), ((4, 5), (3, 1), (2, 4), True), ((3, 5), (5, 2), (1, 2), True),
]

def activation(shape, dtype, rng):
    for x in distinct(*shape, dtype=dtype), distinct(math.prod(shape), dtype=dtype)[:, None]:  # maps and rows
        y, dy, out = distinct(*x.shape, dtype=dtype, seed=1), distinct(*x.shape, dtype=dtype, seed=2), np.empty_like(x)
        for name in "relu", "tanh", "sigmoid":
            yield f"{name}_forward", (x, out)
            yield f"{name}_backward", (dy, y, out)
        yield "relu_backward", (dy, np.maximum(y, 0), out)  # y = 0, as a ReLU's often is
        yield "scaled_tanh_forward", (x, out, 1.7159, 2 / 3)
        yield "scaled_tanh_backward", (dy, y, out, 1.7159, 2 / 3)


def dropout(shape, dtype, rng):
    x = distinct(*shape, dtype=dtype)
    yield "silence", (x, rng.random(shape) < 0.5, np.empty_like(x))
    for p in 0.0, 0.4:
        yield "draw_mask", (np.empty(shape, bool), np.random.default_rng(1), p)


def glance(shape, dtype, rng):
    (N, H, W_, C), images = shape, rng.integers(0, 256, shape, np.uint8)
    for (h, w), first in ((H, W_), (-1, -1)), (((H + 1) // 2, (W_ + 1) // 2), (0, 0)), ((2, 3), (-4, -4)):
        corners = [rng.integers(least, max(side - size - least, least) + 1, N)
                   for side, size, least in zip((H, W_), (h, w), first, strict=True)]
        where = np.stack([*corners, np.arange(N) % 2], axis=1)
        for mean in (H, W_, C), (C,), ():
            for colors, scale in (None, 1.0), (distinct(N, C, dtype=dtype), 60.0):
                x = np.empty((N, h, w, C), dtype)
                yield "look", (images, np.asarray(distinct(*mean, dtype=dtype)), where, colors, scale, x)
    yield "look", (images.astype(dtype), np.zeros((), dtype), where, None, 1.0, x)


def loss(shape, dtype, rng):
    for K in 1, shape[0] * 10, 100:
        logits, labels = 5 * distinct(shape[1], K, dtype=dtype), rng.integers(0, K, shape[1])
        yield "cross_entropy_forward", (logits, labels, np.empty_like(logits), np.empty(1, dtype))
        yield "cross_entropy_backward", (abs(logits), labels.astype(np.uint8), np.empty_like(logits))


def norm(shape, dtype, rng):
    x, dy, out = distinct(*shape, dtype=dtype), distinct(*shape, dtype=dtype, seed=1), np.empty(shape, dtype)
    mean, inv_std, gamma, beta = (abs(distinct(shape[-1], dtype=dtype, seed=2 + i)) for i in range(4))
    yield "batch_statistics", (x, np.empty_like(mean), np.empty_like(mean))
    yield "batch_norm_forward", (x, mean, inv_std, gamma, beta, out)
    yield "batch_norm_gradients", (dy, x, mean, inv_std, np.empty_like(mean), np.empty_like(mean))
    for sums in (gamma, beta), (None, None):
        yield "batch_norm_backward", (dy, x, mean, inv_std, gamma, *sums, out)


def local(shape, dtype, rng):
    N, H, W_, C = shape
    yield "products", (distinct(H * W_, N, C, dtype=dtype), distinct(H * W_, C, 3, dtype=dtype, seed=1),
                       np.empty((H * W_, N, 3), dtype))
    transposed = distinct(H * W_, N, C, dtype=dtype).swapaxes(1, 2)
    yield "products", (transposed, distinct(H * W_, N, 3, dtype=dtype, seed=1), np.empty((H * W_, C, 3), dtype))
    x = distinct(*shape, dtype=dtype)
    for kernel, stride, padding in ((1, 1), (1, 1), ((0, 0), (0, 0))), ((2, 3), (2, 1), ((1, 0), (2, 3))):
        axes = zip((H, W_), kernel, stride, padding, strict=True)
        geometry = tuple(output_length(*axis) for axis in axes), kernel, stride, padding
        cols = distinct(math.prod(geometry[0]), N, math.prod(kernel) * C, dtype=dtype, seed=1)
        yield "windows", (x, np.empty_like(cols), *geometry)
        yield "add_windows", (cols, np.empty_like(x), *geometry)


def table_conv(shape, dtype, rng):
    (N, H, W_, C), F = shape, 3
    x = distinct(*shape, dtype=dtype)
    for KH, KW in (1, 1), (min(H, 3), min(W_, 2)):
        W, dy = distinct(KH * KW * C, F, dtype=dtype), distinct(N, H - KH + 1, W_ - KW + 1, F, dtype=dtype, seed=1)
        yield "table_forward", (x, W, distinct(F, dtype=dtype, seed=2), np.empty_like(dy), (KH, KW))
        yield "table_weights", (x, dy, np.empty_like(W), (KH, KW))
        yield "table_inputs", (dy, W, np.empty_like(x), (KH, KW))


# file: a generator of (operation, its arguments without xp), of a shape, a dtype and an rng
CASES = {"activation": activation, "conv": conv, "dropout": dropout, "glance": glance, "linear": linear,
         "local": local, "loss": loss, "lrn": lrn, "norm": norm, "optim": optim, "pool": pool, "table_conv": table_conv}
ON_CPU = sorted(CASES.keys() & {module.name for module in pkgutil.iter_modules(tinynet.fast.__path__)})


def room_of(file):
    """The module that has the plain functions: a layer, a loss or an update rule."""
    for room in "tinynet.layers", "tinynet", "tinynet.training", "tinynet.data":
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
@pytest.mark.parametrize("file", ON_CPU)
def test_plain_and_fast_agree(file, shape, dtype, cache, monkeypatch):
    monkeypatch.setattr(parallel, "CACHE", cache)
    readable, fast = room_of(file), importlib.import_module(f"tinynet.fast.{file}")
    for name, args in CASES[file](shape, dtype, np.random.default_rng(0)):
        if not hasattr(fast, name):  # it has a kernel alone
            continue
        results = []
        for function in getattr(readable, name).__wrapped__, getattr(fast, name):
            given = [copy.deepcopy(a) for a in args]
            done = function(*given, np)
            results.append((done, given))
        (_, expected), (done, got) = results
        if done is NotImplemented:
            continue
        for i, (a, b) in enumerate(zip(got, expected, strict=True)):
            if isinstance(a, np.ndarray):
                compare = assert_close if a.dtype.kind == "f" else np.testing.assert_array_equal
                compare(a, b, f"{name}, argument {i}")


def test_there_is_a_case_for_every_pair():
    tried = {(file, name) for file in CASES for name, _ in CASES[file](SHAPES[1], np.float32, np.random.default_rng(0))}
    assert set(pairs()) <= tried
    assert all(hasattr(getattr(room_of(file), name), "__wrapped__") for file, name in tried)  # each is an operation


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
