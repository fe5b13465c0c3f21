"""The nonlinearities: by hand, against Python's math, at kinks and far out."""
from __future__ import annotations

import math
from contextlib import nullcontext

import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import LeakyReLU, ReLU, ScaledTanh, Sigmoid, Tanh, gradcheck
from tinynet.fast.operation import plain

SHAPES = [(1, 1), (3, 7), (1, 5, 4, 1), (3, 2, 5, 3)]
FUNCTIONS = {  # the function and its derivative, from the definitions
    ReLU: (lambda x: max(0.0, x), lambda x: 1.0 if x > 0 else 0.0),
    LeakyReLU: (lambda x: x if x > 0 else 0.01 * x, lambda x: 1.0 if x > 0 else 0.01),
    Tanh: (math.tanh, lambda x: 1 / math.cosh(x) ** 2),
    Sigmoid: (lambda x: 1 / (1 + math.exp(-x)), lambda x: math.exp(-x) / (1 + math.exp(-x)) ** 2),
    ScaledTanh: (lambda x: 1.7159 * math.tanh(2 * x / 3), lambda x: 1.7159 * 2 / 3 / math.cosh(2 * x / 3) ** 2),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_agrees_with_the_definition_number_by_number(kind, shape, dtype):
    layer, (f, slope) = kind(), FUNCTIONS[kind]
    x, dy = 4 * distinct(*shape, dtype=dtype), distinct(*shape, dtype=dtype, seed=1)
    y = layer.forward(x, keep=True)
    dx = layer.backward(dy)
    assert y.dtype == dx.dtype == dtype
    assert_close(y, np.vectorize(f)(x.astype(np.float64)))
    assert_close(dx, dy * np.vectorize(slope)(x.astype(np.float64)))


@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_agree_with_finite_differences(kind, shape):
    gradcheck(kind(), 2 * distinct(*shape))


def test_relu_by_hand():
    relu = ReLU()
    np.testing.assert_array_equal(relu.forward(np.array([[-2.0, 0.0, 3.0]]), keep=True), [[0, 0, 3]])
    np.testing.assert_array_equal(relu.backward(np.array([[5.0, 6.0, 7.0]])), [[0, 0, 7]])  # at 0 we take 0


def test_relu_looks_at_where_its_input_was_positive_not_at_the_gradient():
    relu = ReLU()
    relu.forward(np.array([[1.0, -1.0]]), keep=True)
    np.testing.assert_array_equal(relu.backward(np.array([[-5.0, -5.0]])), [[-5, 0]])


def test_tanh_by_hand():
    # tanh(ln 2) = (2 - 1/2) / (2 + 1/2) = 0.6, and its slope there is 1 - 0.36 = 0.64
    tanh = Tanh()
    assert_close(tanh.forward(np.array([[0.0, math.log(2)]]), keep=True), [[0, 0.6]])
    assert_close(tanh.backward(np.array([[10.0, 10.0]])), [[10, 6.4]])


def test_sigmoid_by_hand():
    # 1 / (1 + e^-ln 3) = 1 / (1 + 1/3) = 0.75, and its slope there is 0.75 · 0.25 = 0.1875
    sigmoid = Sigmoid()
    assert_close(sigmoid.forward(np.array([[0.0, math.log(3)]]), keep=True), [[0.5, 0.75]])
    assert_close(sigmoid.backward(np.array([[4.0, 4.0]])), [[1, 0.75]])


def test_scaled_tanh_by_hand():
    # 2/3 · 1.5 ln 2 = ln 2, so y = 1.7159 · 0.6 = 1.02954; the slope is 1.7159 · 2/3 · 0.64 = 0.73211733...
    tanh = ScaledTanh()
    assert_close(tanh.forward(np.array([[0.0, 1.5 * math.log(2)]]), keep=True), [[0, 1.02954]])
    assert_close(tanh.backward(np.array([[3.0, 3.0]])), [[2 * 1.7159, 2 * 1.7159 * 0.64]])


def test_scaled_tanh_is_one_at_one_where_it_is_bent_most():
    # LeCun et al. 1998, appendix A: f(1) = 1, f(-1) = -1, and there the second derivative is largest
    x = np.linspace(-3, 3, 601)[:, None]
    np.testing.assert_allclose(ScaledTanh().forward(np.array([[1.0, -1.0]])), [[1, -1]], rtol=0, atol=1e-4)
    bend = np.abs(np.diff(ScaledTanh().forward(x)[:, 0], 2))
    assert abs(abs(x[1:-1][bend.argmax(), 0]) - 1) < 0.02


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_out_nothing_overflows_and_no_gradient_comes_through(dtype):
    x = np.array([[-1e30, -1e4, 1e4, 1e30]], dtype)
    scaled = dtype(1.7159) * np.array([-1, -1, 1, 1], dtype)
    for layer, expected in (Tanh(), [-1, -1, 1, 1]), (Sigmoid(), [0, 0, 1, 1]), (ScaledTanh(), scaled):
        np.testing.assert_array_equal(layer.forward(x, keep=True), [expected])
        np.testing.assert_array_equal(layer.backward(np.ones_like(x)), [[0, 0, 0, 0]])


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


SIZES = [0.0, *(10.0 ** k for k in range(-20, 5)), 9.0, 15.0, 16.0, 17.0, 20.0, 30.0, 36.0, 37.0, 40.0, 87.0, 90.0,
         103.0, 700.0, 740.0]
FAR = {Tanh: math.tanh, Sigmoid: sigmoid, ScaledTanh: lambda x: 1.7159 * math.tanh(2 / 3 * x)}


@pytest.mark.parametrize("way", [nullcontext, plain])
@pytest.mark.parametrize("kind", FAR)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_and_large_numbers_keep_their_digits(kind, dtype, way):
    layer, x = kind(), np.array([[sign * size for sign in (1, -1) for size in SIZES]], dtype)
    with way():
        y = layer.forward(x, keep=True)
        dx = layer.backward(np.ones_like(x))
    expected = np.vectorize(FAR[kind])(x.astype(np.float64))
    smallest = np.finfo(dtype).smallest_subnormal  # below the normal numbers, digits are fewer
    np.testing.assert_allclose(y, expected, rtol=8 * np.finfo(dtype).eps, atol=4 * smallest)
    if kind is Sigmoid:  # y (1 - y) is as exact as y, where 1 - y is
        slopes = np.vectorize(lambda x: sigmoid(x) * sigmoid(-x))(x.astype(np.float64))
        np.testing.assert_allclose(dx[x < 1], slopes[x < 1], rtol=16 * np.finfo(dtype).eps, atol=4 * smallest)
        np.testing.assert_allclose(dx, slopes, rtol=0, atol=np.finfo(dtype).eps)
        assert (dx[x >= 40] == 0).all() and (dx[(x < 0) & (x > -103)] > 0).all()


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_only_the_output_is_kept_so_that_the_input_can_go(kind):
    layer, x = kind(), distinct(3, 4)
    y = layer.forward(x, keep=True)
    kept = [a for a in layer._kept if isinstance(a, np.ndarray)]
    assert len(kept) == 1 and kept[0] is y


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_nan_stays_visible(kind):
    assert np.isnan(kind().forward(np.array([[np.nan]]))).all()


@pytest.mark.parametrize("way", [nullcontext, plain])
def test_what_nan_does_in_a_relu(way):
    relu, nan = ReLU(), np.nan
    with way():
        np.testing.assert_array_equal(relu.forward(np.array([[nan, -1.0, 1.0, -1.0]]), keep=True), [[nan, 0, 1, 0]])
        np.testing.assert_array_equal(relu.backward(np.array([[5.0, 5.0, nan, nan]])), [[0, 0, nan, nan]])


def test_leaky_relu_by_hand():
    layer = LeakyReLU(0.25)
    assert layer.forward(np.array([-4.0, 0.0, 4.0]), keep=True).tolist() == [-1, 0, 4]
    assert layer.backward(np.array([8.0, 8.0, 8.0])).tolist() == [2, 2, 8]
    assert np.isnan(layer.forward(np.array([np.nan]))).all()


@pytest.mark.parametrize("slope", [-0.1, 1, float("nan")])
def test_a_slope_that_cannot_be(slope):
    with pytest.raises(ValueError, match=f"LeakyReLU: expected a slope with 0 <= slope < 1, got {slope}"):
        LeakyReLU(slope)
