"""LeNet-5's subsampling: by hand, against the naive loops, windows that fill no whole place."""
from __future__ import annotations

import re

import naive
import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import Sequential, Subsample2d, gaussian, gradcheck

GRID = [  # x (N, H, W, C), kernel
    ((1, 4, 4, 1), 2),
    ((3, 6, 4, 2), 2),
    ((2, 5, 7, 3), 2),  # leaves a row and a column over
    ((2, 7, 7, 2), (3, 2)),
    ((1, 3, 5, 2), (3, 5)),  # one window
    ((2, 3, 2, 2), 1),
]


def make(channels, kernel):
    return Subsample2d(channels, kernel, rng=np.random.default_rng(7), weight_init=gaussian(1.0),
                       bias_init=gaussian(1.0))


def pair(kernel):
    return kernel if isinstance(kernel, tuple) else (kernel, kernel)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape, kernel", GRID, ids=str)
def test_agrees_with_the_naive_loops(shape, kernel, dtype):
    layer, x = make(shape[-1], kernel).astype(dtype), distinct(*shape, dtype=dtype)
    w, b = layer.w.value, layer.b.value
    y = layer.forward(x, keep=True)
    assert_close(y, naive.subsample(x, w, b, pair(kernel)))
    dy = distinct(*y.shape, dtype=dtype, seed=1)
    dx, dw, db = naive.subsample_backward(x, w, dy, pair(kernel))
    assert_close(layer.backward(dy), dx, "dx")
    assert_close(layer.w.grad, dw, "dw")
    assert_close(layer.b.grad, db, "db")


@pytest.mark.parametrize("shape, kernel", GRID, ids=str)
def test_gradients_agree_with_finite_differences(shape, kernel):
    gradcheck(make(shape[-1], kernel), distinct(*shape))


def test_by_hand():
    # two maps; means of the windows: (1 + 2 + 3 + 6) / 4 = 3 and (0 + 4 + 4 + 0) / 4 = 2
    # y = 10 · 3 + 1 = 31 and -1 · 2 + 5 = 3
    layer = Subsample2d(2, bias_init=lambda rng, shape: np.array([1.0, 5.0]),
                        weight_init=lambda rng, shape: np.array([10.0, -1.0]))
    x = np.array([[[1.0, 0], [2, 4]], [[3, 4], [6, 0]]])[None]                       # (1, 2, 2, 2)
    np.testing.assert_array_equal(layer.astype(np.float64).forward(x, keep=True), [[[[31, 3]]]])
    # dx = dy · w / 4: 2 · 10 / 4 = 5 and 8 · -1 / 4 = -2 at every pixel; dw = dy · mean; db = dy
    dx = layer.backward(np.array([[[[2.0, 8.0]]]]))
    np.testing.assert_array_equal(dx, np.broadcast_to([5.0, -2.0], (1, 2, 2, 2)))
    np.testing.assert_array_equal(layer.w.grad, [6, 16])
    np.testing.assert_array_equal(layer.b.grad, [2, 8])


def test_rows_and_columns_that_are_left_over_count_for_nothing():
    layer, x = Subsample2d(2).astype(np.float64), distinct(2, 5, 7, 2)
    y = layer.forward(x, keep=True)
    dx = layer.backward(np.ones(y.shape))
    np.testing.assert_array_equal(y, layer.forward(x[:, :4, :6]))
    assert (dx[:, 4:] == 0).all() and (dx[:, :, 6:] == 0).all() and (dx[:, :4, :6] == 0.25).all()


def test_is_the_mean_at_first_and_has_two_parameters_for_each_map():
    layer, x = Subsample2d(3).astype(np.float64), distinct(2, 4, 6, 3)
    assert_close(layer.forward(x), x.reshape(2, 2, 2, 3, 2, 3).mean(axis=(2, 4)))
    assert [(name, p.shape) for name, p in layer.parameters()] == [("w", (3,)), ("b", (3,))]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=re.escape("S2 (Subsample2d): the window (2, 3) is larger than the input "
                                                   "(4 x 2)")):
        Sequential(S2=Subsample2d(1, (2, 3))).forward(np.ones((1, 4, 2, 1), np.float32))
    with pytest.raises(ValueError, match=re.escape("expected x of shape (N, H, W, 6), got (1, 4, 4, 5)")):
        Subsample2d(6).forward(np.ones((1, 4, 4, 5)))
    with pytest.raises(ValueError, match="Subsample2d channels: expected a whole number of 1 or more, got 0"):
        Subsample2d(0)
    with pytest.raises(ValueError, match="Subsample2d kernel_size: expected a whole number of 1 or more"):
        Subsample2d(1, 0)
