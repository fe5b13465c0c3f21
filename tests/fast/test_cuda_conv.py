"""Convolution's kernels for GPUs, run on the CPU: layers as they are, with the GPU's functions under them, compute what
the equations say. No GPU is needed."""
from __future__ import annotations

import blas_on_cpu
import numpy as np
import pytest
from kernels_on_cpu import on_cpu  # noqa: F401 (a fixture)
from naive import assert_close, distinct
from test_winograd import GRID, STRIDES, relative_error, twins

from tinynet import Conv2d, Linear, LocallyConnected2d, cpu, gaussian, gpu
from tinynet.devices.cuda import gpu_count
from tinynet.fast import im2col as plain_im2col
from tinynet.fast import operation
from tinynet.fast.cuda import conv, im2col, winograd
from tinynet.fast.cuda.kernels import start
from tinynet.fast.im2col import channels_of_groups, output_length, pad, unpad
from tinynet.fast.operation import plain
from tinynet.fast.winograd import POINTS, Form, possible
from tinynet.models import alexnet

WITH_STRIDES = [  # kernel, stride, padding, groups, x (N, H, W, C); F is 6
    *((K, stride, padding, groups, shape) for K, stride, padding, shape in STRIDES for groups in (1, 2)),
    (5, 2, ((5, 0), (2, 9)), 1, (1, 4, 5, 1)),  # padding larger than a block, one channel, an image smaller than a tile
    (11, 4, ((7, 6), (9, 1)), 2, (2, 17, 14, 8)),
    (3, 1, ((4, 0), (0, 5)), 2, (1, 3, 4, 2)),
    (13, 3, 1, 1, (1, 14, 13, 3)),
]


@pytest.fixture
def as_gpu(on_cpu, monkeypatch):  # noqa: F811
    """NumPy's arrays go to the kernels of fast/cuda."""
    monkeypatch.setitem(operation.ROOMS, "numpy", operation.ROOMS["cupy"])


def run(layer, x, dtype):
    """Output and gradients of a layer, and the same by the equations in float64."""
    results = []
    for kind in dtype, np.float64:
        layer.astype(kind)
        y = layer.forward(x.astype(kind), keep=True)
        dx = layer.backward(distinct(*y.shape, seed=1).astype(kind))
        results.append([y, dx, *(p.grad.copy() for _, p in layer.parameters())])
    return results


def check(layer, x, dtype, bound):
    ours, _ = run(layer, x, dtype)
    with plain():
        _, expected = run(layer, x, dtype)
    for a, b in zip(ours, expected, strict=True):
        assert a.dtype == dtype and a.shape == b.shape and relative_error(a, b) < bound


BOUNDS = pytest.mark.parametrize("dtype, bound", [(np.float64, 1e-12), (np.float32, 5e-5)])


@BOUNDS
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("K", [3, 5])
@pytest.mark.parametrize("shape, padding", GRID)
def test_winograd(as_gpu, shape, padding, K, groups, dtype, bound):
    check(twins(K, padding, groups)[0], distinct(*shape), dtype, bound)


@BOUNDS
@pytest.mark.parametrize("K, stride, padding, groups, shape", WITH_STRIDES)
def test_winograd_with_blocks_for_strides(as_gpu, K, stride, padding, groups, shape, dtype, bound):
    layer = Conv2d(shape[-1], 6, K, stride, padding, groups, algorithm="winograd", rng=np.random.default_rng(3),
                   weight_init=gaussian(0.5), bias_init=gaussian(0.5))
    check(layer, distinct(*shape), dtype, bound)


@pytest.mark.parametrize("K, m", [(K, m) for K in (3, 4, 5) for m in range(2, len(POINTS) + 3 - K)])
def test_every_form(as_gpu, monkeypatch, K, m):
    monkeypatch.setattr(conv, "best_form", lambda *_: Form(m, K))
    check(twins(K, 1, 2)[0], distinct(2, 9, 13, 4), np.float64, 1e-10)


# ---------------------------------------------------------------------------------------- windows as rows

WINDOWS = [  # kernel, stride, padding
    ((1, 1), (2, 2), ((0, 0), (0, 0))), ((1, 1), (1, 1), ((1, 1), (1, 1))), ((2, 2), (1, 1), ((3, 3), (3, 3))),
    ((3, 2), (2, 3), ((0, 1), (2, 0))), ((3, 2), (2, 2), ((4, 4), (4, 4))), ((3, 3), (1, 1), ((1, 1), (1, 1))),
    ((2, 2), (3, 3), ((0, 0), (0, 0))), ((5, 5), (1, 1), ((4, 0), (1, 7))),
]


def placed(array, numbers):
    """A copy of an array that begins so many numbers after a place that 32 divides."""
    memory = np.zeros(array.size + 8, array.dtype)
    first = -memory.ctypes.data % 32 // array.itemsize + numbers
    copy = memory[first:first + array.size].reshape(array.shape)
    copy[...] = array
    return copy


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("C, numbers, kind", [
    (4, 0, "four"), (8, 0, "four"), (4, 1, "real"), (3, 0, "real"), (1, 0, "real")])
@pytest.mark.parametrize("kernel, stride, padding", WINDOWS)
@pytest.mark.parametrize("groups", [1, 2])
def test_im2col_and_col2im(on_cpu, monkeypatch, groups, kernel, stride, padding, C, numbers, kind, dtype):  # noqa: F811
    started = []
    monkeypatch.setattr(im2col, "start", lambda source, name, *args: started.append(name) or start(source, name, *args))
    x = distinct(2, 5, 7, groups * C, dtype=dtype)
    padded = [pad(x[..., c], padding, np) for c, _ in channels_of_groups(groups, C, groups)]
    expected = np.stack([plain_im2col.im2col(part, kernel, stride, np) for part in padded])
    size = tuple(output_length(*axis) for axis in zip(x.shape[1:3], kernel, stride, padding, strict=True))
    cols, geometry = placed(np.empty_like(expected), 0), (size, kernel, stride, padding)
    im2col.im2col(placed(x, numbers), cols, *geometry)
    np.testing.assert_array_equal(cols, expected)
    d_cols, dx = distinct(*cols.shape, dtype=dtype, seed=1), placed(x, numbers)
    im2col.col2im(placed(d_cols, 0), dx, *geometry)
    back = [unpad(plain_im2col.col2im(d, padded[0].shape, kernel, stride, np), padding) for d in d_cols]
    assert_close(dx, np.concatenate(back, axis=-1))
    assert started == [f"im2col_{kind}", f"col2im_{kind}"]

    def places_first(cols):
        return cols.reshape(groups, 2, -1, cols.shape[2]).swapaxes(1, 2).reshape(cols.shape)
    im2col.im2col(placed(x, numbers), cols, *geometry, by_place=True)
    np.testing.assert_array_equal(cols, places_first(expected))
    again = np.empty_like(dx)
    im2col.col2im(placed(places_first(d_cols), 0), again, *geometry, by_place=True)
    np.testing.assert_array_equal(again, dx)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_pixel_is_a_window_already(as_gpu, monkeypatch, groups):
    monkeypatch.setattr(im2col, "start", None)
    layer = Conv2d(4, 6, 1, groups=groups, rng=np.random.default_rng(3), weight_init=gaussian(0.5))
    check(layer, distinct(3, 4, 5, 4), np.float64, 1e-12)


# ---------------------------------------------------------------------------------------- parts, and the choice


@pytest.mark.parametrize("algorithm", ["im2col", "winograd"])
@pytest.mark.parametrize("on_the_way, most", [(1, 1), (2 ** 14, 4), (2 ** 28, 7)])
def test_a_batch_may_be_taken_in_parts(as_gpu, monkeypatch, algorithm, on_the_way, most):
    monkeypatch.setattr(winograd, "ON_THE_WAY", on_the_way)
    sizes, parts = set(), winograd.parts

    def seen(*args):
        result = parts(*args)
        sizes.update(n.stop - n.start for n in result)
        return result

    monkeypatch.setattr(winograd, "parts", seen)
    layer = Conv2d(4, 6, 3, padding=1, groups=2, algorithm=algorithm, rng=np.random.default_rng(3),
                   weight_init=gaussian(0.5), bias_init=gaussian(0.5))
    check(layer, distinct(7, 6, 5, 4), np.float64, 1e-12)
    assert max(sizes) <= most and len(sizes) <= 2


def test_parts_are_as_few_as_fit_and_of_about_one_size(monkeypatch):
    monkeypatch.setattr(winograd, "ON_THE_WAY", 100)
    assert winograd.parts(7, 20) == [slice(0, 3), slice(3, 7)]
    assert winograd.parts(5, 20) == [slice(0, 5)]
    assert winograd.parts(2, 1000) == [slice(0, 1), slice(1, 2)]


@pytest.mark.parametrize("kernel, stride, N, size, C, F, expected", [
    (11, 4, 128, 55, 3, 96, (6, 3, 4)),  # AlexNet
    (5, 1, 128, 27, 48, 128, (4, 5, 1)),
    (3, 1, 128, 13, 256, 384, (5, 3, 1)),
    (3, 1, 128, 13, 192, 192, (5, 3, 1)),
    (3, 1, 1, 13, 256, 384, None),       # one image has too few tiles for the transform of the weights
    (5, 1, 1, 27, 48, 128, None),        # and is done before Python has asked for two kernels more
    (5, 1, 128, 8, 32, 64, None),
    (3, 1, 32, 224, 3, 64, None),        # VGG: three channels
    (3, 1, 32, 224, 64, 64, (6, 3, 1)),
    (1, 1, 128, 28, 192, 64, None),
    ((1, 7), 1, 128, 28, 192, 64, None),
    (3, 2, 128, 28, 192, 64, None),      # two blocks wide
])
def test_what_is_expected_to_be_the_fastest_is_chosen(kernel, stride, N, size, C, F, expected):
    kernel = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    arguments = kernel, (stride, stride), N, (size, size), C, F
    assert conv.best_form(*arguments) == expected
    assert conv.best_form(*arguments, "im2col") is None
    assert (conv.best_form(*arguments, "winograd") is None) == (not possible(kernel, (stride, stride)))


# ---------------------------------------------------------------------------------------- layers and nets


@pytest.mark.parametrize("dtype, bound", [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("make", [
    lambda: Linear(20, 6, rng=np.random.default_rng(3)),
    lambda: Linear(20, 1, bias=False, rng=np.random.default_rng(3)),
])
def test_linear(as_gpu, make, dtype, bound):
    for N in 1, 5:
        check(make(), distinct(N, 20), dtype, bound)


def test_linear_copies_nothing(as_gpu, monkeypatch):
    blas_on_cpu.refuse_copies(monkeypatch)
    check(Linear(20, 6, rng=np.random.default_rng(3)), distinct(5, 40)[:, 3:23], np.float64, 1e-12)


@pytest.mark.parametrize("N, C, kernel, stride, padding", [
    (2, 3, 3, 2, 1), (1, 4, 3, 1, 1), (3, 8, (2, 3), (2, 1), ((1, 0), (0, 2))), (2, 1, (5, 6), 1, 0), (2, 4, 1, 1, 0)])
def test_local(as_gpu, N, C, kernel, stride, padding):
    layer = LocallyConnected2d(C, 4, kernel, (5, 6), stride, padding, rng=np.random.default_rng(3))
    check(layer, distinct(N, 5, 6, C), np.float64, 1e-12)


def test_a_whole_net_and_its_gradients(as_gpu):
    net = alexnet(columns=1, classes=10, input_size=67, kernels=(8, 12, 16, 20, 24), hidden=32,
                  rng=np.random.default_rng(0)).astype(np.float64)
    for name, p in net.parameters():
        p.value *= 10 if name.endswith("W") else 0.1
    images, results = np.random.default_rng(2).normal(0, 60, (3, 67, 67, 3)), []
    for _ in range(2):
        y = net.forward(images, keep=True)
        net.backward(y)
        results.append([y, *(p.grad.copy() for _, p in net.parameters())])
    with plain():
        y = net.forward(images, keep=True)
        net.backward(y)
    for ours, again, expected in zip(*results, [y, *(p.grad for _, p in net.parameters())], strict=True):
        np.testing.assert_array_equal(ours, again)
        assert relative_error(ours, expected) < 1e-10


@pytest.mark.parametrize("algorithm", ["im2col", "winograd"])
def test_some_of_the_channels_of_an_array_will_do(as_gpu, algorithm):
    """As Branches hand back dy."""
    layer = Conv2d(4, 6, 3, padding=1, groups=2, algorithm=algorithm, rng=np.random.default_rng(3),
                   weight_init=gaussian(0.5)).astype(np.float64)
    x, dy, results = distinct(2, 6, 5, 9)[..., 3:7], distinct(2, 6, 5, 11, seed=1)[..., 1:7], []
    for kind in np.asarray, np.ascontiguousarray:
        results.append([layer.forward(kind(x), keep=True), layer.backward(kind(dy)), layer.W.grad.copy()])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------------------------------- on a GPU


@pytest.fixture
def tf32():
    """Switches TF32 on and off; off in the end."""
    yield lambda on: gpu(0, tf32=on)
    gpu(0, tf32=False)


OF_ALEXNET = [  # x (N, H, W, C), F, kernel, stride, padding, groups
    ((3, 227, 227, 3), 96, 11, 4, 0, 1), ((3, 27, 27, 96), 256, 5, 1, 2, 2), ((4, 13, 13, 256), 384, 3, 1, 1, 1),
    ((4, 13, 13, 384), 256, 3, 1, 1, 2),
]


@pytest.mark.gpu
@pytest.mark.skipif(gpu_count() == 0, reason="needs CuPy and a CUDA device, found none")
@pytest.mark.parametrize("algorithm", ["im2col", "winograd"])
@pytest.mark.parametrize("shape, F, kernel, stride, padding, groups", OF_ALEXNET)
def test_a_gpu_computes_it_too_and_the_same_bits_twice(tf32, shape, F, kernel, stride, padding, groups, algorithm):
    layer = Conv2d(shape[-1], F, kernel, stride, padding, groups, algorithm=algorithm, rng=np.random.default_rng(3))
    x, results = distinct(*shape, dtype=np.float32), {}
    for run, (device, dtype) in {"expected": (cpu, np.float64), "once": (gpu(0), np.float32),
                                 "again": (gpu(0), np.float32), "tf32": (gpu(0), np.float32)}.items():
        if device is not cpu:
            tf32(run == "tf32")
        layer.to(device).astype(dtype)
        y = layer.forward(device.asarray(x.astype(dtype)), keep=True)
        dx = layer.backward(device.asarray(distinct(*y.shape, seed=1).astype(dtype)))
        results[run] = [device.tohost(a).copy() for a in (y, dx, layer.W.grad, layer.b.grad)]
    for expected, once, again, rounded in zip(*results.values(), strict=True):
        np.testing.assert_array_equal(once, again)
        assert relative_error(once, expected) < 1e-3
        assert relative_error(rounded, expected) < 0.1
