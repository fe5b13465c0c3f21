"""The fully-connected layer and Flatten: by hand, against loops, against finite differences."""
from __future__ import annotations

import re

import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import Conv2d, Flatten, Linear, Sequential, constant, gaussian, gradcheck

GRID = [(1, 1, 1), (1, 5, 3), (4, 1, 2), (3, 7, 1), (5, 6, 4)]  # N, in, out


def make(inputs, outputs, **options):
    return Linear(inputs, outputs, rng=np.random.default_rng(3), weight_init=gaussian(0.5), bias_init=gaussian(0.5),
                  **options)


def test_by_hand():
    # x = (1, 2), W = 3 4 5, b = (10, 20, 30):  y = (1·3 + 2·6 + 10, 1·4 + 2·7 + 20, 1·5 + 2·8 + 30) = (25, 38, 51)
    #                 6 7 8
    layer = Linear(2, 3, weight_init=lambda rng, shape: np.array([[3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]),
                   bias_init=lambda rng, shape: np.array([10.0, 20.0, 30.0]))
    layer.astype(np.float64)
    np.testing.assert_array_equal(layer.forward(np.array([[1.0, 2.0]]), keep=True), [[25, 38, 51]])
    # dy = (1, 0, 2):  dx = (3 + 2·5, 6 + 2·8),  dW = xᵀ · dy,  db = dy
    np.testing.assert_array_equal(layer.backward(np.array([[1.0, 0.0, 2.0]])), [[13, 22]])
    np.testing.assert_array_equal(layer.W.grad, [[1, 0, 2], [2, 0, 4]])
    np.testing.assert_array_equal(layer.b.grad, [1, 0, 2])


def test_gradients_sum_over_the_batch():
    layer = make(1, 1).astype(np.float64)
    layer.forward(np.array([[1.0], [2.0]]), keep=True)
    layer.backward(np.array([[10.0], [100.0]]))
    assert layer.b.grad.item() == 110 and layer.W.grad.item() == 1 * 10 + 2 * 100


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("N, inputs, outputs", GRID)
def test_agrees_with_the_naive_loops(N, inputs, outputs, dtype):
    layer, x, dy = make(inputs, outputs), distinct(N, inputs), distinct(N, outputs, seed=1)
    layer.astype(dtype)
    W, b = layer.W.value.astype(np.float64), layer.b.value.astype(np.float64)
    y, dx, dW, db = np.zeros((N, outputs)) + b, np.zeros(x.shape), np.zeros(W.shape), np.zeros(b.shape)
    for n, i, j in np.ndindex(N, inputs, outputs):
        y[n, j] += x[n, i] * W[i, j]
        dx[n, i] += W[i, j] * dy[n, j]
        dW[i, j] += x[n, i] * dy[n, j]
    for n, j in np.ndindex(N, outputs):
        db[j] += dy[n, j]
    assert_close(layer.forward(x.astype(dtype), keep=True), y)
    assert_close(layer.backward(dy.astype(dtype)), dx)
    assert_close(layer.W.grad, dW)
    assert_close(layer.b.grad, db)


@pytest.mark.parametrize("N, inputs, outputs", GRID)
@pytest.mark.parametrize("bias", [True, False])
def test_gradients_agree_with_finite_differences(N, inputs, outputs, bias):
    report = gradcheck(make(inputs, outputs, bias=bias), distinct(N, inputs))
    assert set(report) == ({"x", "W", "b"} if bias else {"x", "W"})


def test_weights_start_as_the_paper_says():
    layer = Linear(400, 300, rng=np.random.default_rng(0))
    assert layer.W.shape == (400, 300) and layer.W.value.dtype == np.float32
    assert abs(layer.W.value.std() - 0.01) < 1e-4 and abs(layer.W.value.mean()) < 1e-4  # 120,000 numbers
    np.testing.assert_array_equal(layer.b.value, np.zeros(300))
    np.testing.assert_array_equal(Linear(1, 3, bias_init=constant(1)).b.value, [1, 1, 1])
    assert layer.multiply_adds((2, 400), (2, 300)) == 2 * 400 * 300


def test_the_same_generator_gives_the_same_weights():
    first, second = (Linear(2, 3, rng=np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.W.value, second.W.value)
    assert not np.array_equal(Linear(2, 3).W.value, Linear(2, 3).W.value)


def test_wrong_input_names_the_layer():
    net = Sequential(fc6=Linear(4, 2))
    for wrong in (2, 5), (2, 4, 1), (4,):
        message = f"fc6 (Linear): expected x of shape (N, 4), got {wrong}"
        with pytest.raises(ValueError, match=re.escape(message)):
            net.forward(np.ones(wrong))


@pytest.mark.parametrize("sizes", [(0, 1), (1, -1), (2.0, 1)])
def test_senseless_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match="Linear (in|out)_features: expected a whole number of 1 or more"):
        Linear(*sizes)


# ---------------------------------------------------------------------------------------- Flatten


def test_flatten_goes_row_by_row_with_the_channels_together():
    x = np.arange(12.0).reshape(1, 2, 3, 2)  # numbered in the order of memory
    flatten = Flatten()
    np.testing.assert_array_equal(flatten.forward(x, keep=True), [np.arange(12.0)])
    np.testing.assert_array_equal(flatten.backward(np.arange(12.0)[None]), x)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 2, 5, 4), (2, 7), (3,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_flatten_keeps_every_number(shape, dtype):
    flatten, x = Flatten(), distinct(*shape, dtype=dtype)
    y = flatten.forward(x, keep=True)
    assert y.shape == (shape[0], x.size // shape[0]) and y.dtype == dtype
    dx = flatten.backward(y)
    assert dx.dtype == dtype
    np.testing.assert_array_equal(dx, x)


def test_a_linear_layer_after_flatten_is_a_convolution_over_the_whole_map():
    conv = Conv2d(3, 5, (4, 2), rng=np.random.default_rng(0), weight_init=gaussian(0.5))
    net = Sequential(flatten=Flatten(), fc=Linear(24, 5, weight_init=lambda rng, shape: conv.W.value.reshape(shape)))
    x = distinct(2, 4, 2, 3, dtype=np.float32)
    assert_close(net.forward(x), conv.forward(x)[:, 0, 0])
