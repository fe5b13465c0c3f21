"""Unpooling: each number where its switch says, the last where several would stand, and the gradient of that."""
from __future__ import annotations

import numpy as np
import pytest
from naive import distinct
from test_pool import GRID, image

from tinynet import Flatten, MaxPool2d, Sequential, Unpool2d, gradcheck


def unpooled(y, switches, shape, pool):
    """Window after window, in row-major order, what stands there is replaced."""
    x, (SH, SW), (top, left), KW = np.zeros(shape), pool.stride, pool.padding, pool.kernel_size[1]
    for n, p, q, c in np.ndindex(*y.shape):
        i, j = divmod(int(switches[n, p, q, c]), KW)
        x[n, p * SH + i - top, q * SW + j - left, c] = y[n, p, q, c]
    return x


@pytest.mark.parametrize("case", GRID, ids=str)
def test_each_number_goes_where_its_switch_says(case):
    shape, *sizes = case
    pool = MaxPool2d(*sizes)
    y = pool.forward(distinct(*shape), keep=True)
    other = distinct(*y.shape, seed=1)
    for numbers in y, other:
        np.testing.assert_array_equal(Unpool2d(pool).forward(numbers),
                                      unpooled(numbers, pool.switches, shape, pool))


@pytest.mark.parametrize("case", GRID, ids=str)
def test_its_gradient(case):
    shape, *sizes = case
    pool = MaxPool2d(*sizes)
    y = pool.forward(distinct(*shape), keep=True)
    gradcheck(Unpool2d(pool), distinct(*y.shape, seed=1))


def test_one_pixel_that_won_two_windows_by_hand():
    pool = MaxPool2d(3, 2)
    pool.forward(image([0, 0, 0, 0, 0], [0, 0, 9, 0, 0], [0, 0, 0, 0, 0]), keep=True)
    back = Unpool2d(pool).forward(image([3, 5]))[0, :, :, 0]
    np.testing.assert_array_equal(back, [[0, 0, 0, 0, 0], [0, 0, 5, 0, 0], [0, 0, 0, 0, 0]])  # pooling's backward: 8
    np.testing.assert_array_equal(pool.backward(image([3, 5]))[0, :, :, 0][1], [0, 0, 8, 0, 0])


def test_a_window_of_0_wipes_nothing_out():
    pool = MaxPool2d(3, 2)
    pool.forward(image([0, 0, 0, 0, 0], [0, 0, 9, 0, 0], [0, 0, 0, 0, 0]), keep=True)
    for numbers in [3, 0], [0, 3]:
        back = Unpool2d(pool)
        np.testing.assert_array_equal(back.forward(image(numbers), keep=True)[0, 1, :, 0], [0, 0, 3, 0, 0])
        np.testing.assert_array_equal(back.backward(np.full((1, 3, 5, 1), 7.0)), image([7 * (n > 0) for n in numbers]))


def test_without_switches():
    pool = MaxPool2d(2)
    pool.forward(np.ones((1, 2, 2, 1)))
    with pytest.raises(RuntimeError, match="Unpool2d: MaxPool2d has no switches: they are there from its forw"):
        Unpool2d(pool).forward(np.ones((1, 1, 1, 1)))


def test_maps_of_another_size():
    pool = MaxPool2d(2)
    pool.forward(np.ones((1, 4, 4, 1)), keep=True)
    with pytest.raises(ValueError, match=r"Unpool2d: expected x of shape \(1, 2, 2, 1\), got \(1, 1, 2, 1\)"):
        Unpool2d(pool).forward(np.ones((1, 1, 2, 1)))


def test_the_switches_of_another_batch_are_not_for_predict():
    pool = MaxPool2d(2)
    net = Sequential(pool=pool, up=Unpool2d(pool), flat=Flatten())
    x, other = distinct(1, 4, 4, 1), distinct(1, 4, 4, 1, seed=1)
    y = net.forward(x, keep=True)
    with pytest.raises(RuntimeError, match=r"up \(Unpool2d\): what pool \(MaxPool2d\) keeps is for a backward"):
        net.predict(other)
    assert net.backward(y).shape == x.shape
