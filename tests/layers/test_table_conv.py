"""The convolution with a table: by hand, against the naive loops and Conv2d, and only what is connected."""
from __future__ import annotations

import re

import naive
import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import Conv2d, Sequential, TableConv2d, count_parameters, gaussian, gradcheck, uniform_fan_in

GRID = [  # x (N, H, W, C), table, kernel
    ((1, 3, 3, 1), [(0,)], 3),
    ((2, 5, 4, 3), [(0, 1), (1, 2), (2, 0), (0, 1, 2)], 2),
    ((1, 4, 5, 4), [(3,), (3, 1)], (3, 2)),  # maps 0 and 2 are seen by nobody
    ((3, 2, 3, 2), [(1,), (0,), (1, 0)], 1),
    ((2, 6, 4, 2), [(0, 1)], (1, 4)),
]


def make(C, table, kernel):
    return TableConv2d(C, table, kernel, rng=np.random.default_rng(7), weight_init=gaussian(0.5),
                       bias_init=gaussian(0.5))


def size(kernel):
    return kernel if isinstance(kernel, tuple) else (kernel, kernel)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape, table, kernel", GRID, ids=str)
def test_agrees_with_the_naive_loops(shape, table, kernel, dtype):
    layer, x = make(shape[-1], table, kernel).astype(dtype), distinct(*shape, dtype=dtype)
    y = layer.forward(x, keep=True)
    assert_close(y, naive.table_conv(x, layer.W.value, layer.b.value, table))
    dy = distinct(*y.shape, dtype=dtype, seed=1)
    dx, dW, db = naive.table_conv_backward(x, layer.W.value, dy, table)
    assert_close(layer.backward(dy), dx, "dx")
    assert_close(layer.W.grad, dW, "dW")
    assert_close(layer.b.grad, db, "db")


@pytest.mark.parametrize("shape, table, kernel", GRID, ids=str)
def test_gradients_agree_with_finite_differences(shape, table, kernel):
    gradcheck(make(shape[-1], table, kernel), distinct(*shape))


def test_by_hand():
    # three connections: map 0 → 0, map 1 → 0, map 1 → 1, with 1x1 kernels 2, 3, 5 and biases 10, 20
    layer = TableConv2d(2, [(0, 1), (1,)], 1).astype(np.float64)
    layer.W.value[:], layer.b.value[:] = [[[2, 3, 5]]], [10, 20]
    y = layer.forward(np.array([[[[1.0, 4.0]]]]), keep=True)
    np.testing.assert_array_equal(y, [[[[10 + 2 + 12, 20 + 20]]]])
    # dy = (1, 100): map 0 gets 2, map 1 gets 3 + 500; the kernels get x · dy: 1, 4, 400
    np.testing.assert_array_equal(layer.backward(np.array([[[[1.0, 100.0]]]])), [[[[2, 503]]]])
    np.testing.assert_array_equal(layer.W.grad, [[[1, 4, 400]]])
    np.testing.assert_array_equal(layer.b.grad, [1, 100])


def test_with_every_connection_it_is_a_convolution():
    x, C, F = distinct(2, 5, 6, 3, dtype=np.float32), 3, 4
    layer, conv = make(C, [tuple(range(C))] * F, (3, 2)), Conv2d(C, F, (3, 2))
    conv.b.value = layer.b.value
    for f in range(F):
        conv.W.value[..., f] = layer.W.value[:, :, f * C:(f + 1) * C]
    assert_close(layer.forward(x), conv.forward(x))


def test_what_a_map_does_not_see_does_not_matter():
    layer, x = make(3, [(0, 2), (1,)], 2), distinct(1, 4, 4, 3, dtype=np.float32)
    y, other = layer.forward(x), x.copy()
    other[..., 1] += 1
    changed = layer.forward(other)
    np.testing.assert_array_equal(changed[..., 0], y[..., 0])
    assert (changed[..., 1] != y[..., 1]).all()


def test_nothing_is_computed_for_frozen_kernels(monkeypatch):
    monkeypatch.setattr("tinynet.layers.table_conv.table_weights", None)
    layer, x = make(3, [(0, 2), (1,)], 2).freeze("W"), distinct(1, 4, 4, 3, dtype=np.float32)
    assert layer.backward(layer.forward(x, keep=True)).shape == x.shape and layer.b.grad is not None


def test_parameters_are_those_of_the_connections():
    layer = TableConv2d(4, [(0, 1, 2), (3,)], 5)
    assert count_parameters(layer) == 4 * 25 + 2
    assert layer.multiply_adds((), (1, 10, 10, 2)) == 4 * 25 * 100


def test_the_kernels_of_a_map_are_drawn_by_its_own_number_of_inputs():
    rng = np.random.default_rng(0)
    layer = TableConv2d(5, [(0,), (0, 1, 2, 3)], 10, rng=rng, weight_init=uniform_fan_in(2.4))
    one, four = np.abs(layer.W.value[:, :, 0]).max(), np.abs(layer.W.value[:, :, 1:]).max()
    assert 0.95 * 2.4 / 100 < one <= 2.4 / 100 and 0.95 * 2.4 / 400 < four <= 2.4 / 400


@pytest.mark.parametrize("table, message", [
    ([], "TableConv2d: expected a table with a row for each output map, got an empty one"),
    ([(0,), ()], "TableConv2d table[1]: expected different input maps from 0 to 2, at least one, got ()"),
    ([(0, 3)], "TableConv2d table[0]: expected different input maps from 0 to 2, at least one, got (0, 3)"),
    ([(1, 0, 1)], "TableConv2d table[0]: expected different input maps from 0 to 2, at least one, got (1, 0, 1)"),
    ([(0, -1)], "TableConv2d table[0]: expected a whole number of 0 or more, got -1"),
    ([0, 1], "TableConv2d: expected a table with a row of input maps for each output map, got [0, 1]"),
    ([(0, 1.5)], "TableConv2d table[0]: expected a whole number of 0 or more, got 1.5"),
])
def test_tables_that_are_none_are_refused(table, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        TableConv2d(3, table, 2)


def test_bad_input_is_refused():
    net = Sequential(C3=TableConv2d(6, [(0,)], 5))
    with pytest.raises(ValueError, match=re.escape("C3 (TableConv2d): the kernel (5, 5) is larger than the input "
                                                   "(4 x 9)")):
        net.forward(np.ones((1, 4, 9, 6), np.float32))
    with pytest.raises(ValueError, match=re.escape("C3 (TableConv2d): expected x of shape (N, H, W, 6)")):
        net.forward(np.ones((1, 9, 9, 5)))
