"""Dropout: the paper's form. What is silent in forward is silent in backward; the test scales; masks differ."""
from __future__ import annotations

import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import Dropout, Sequential, gradcheck, set_threads
from tinynet.devices.device import simulated


def make(p=0.5, seed=0):
    return Dropout(p, np.random.default_rng(seed))


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_silences_units_with_probability_p_and_leaves_the_others_alone(p, dtype):
    x = distinct(100, 100, dtype=dtype)
    y = make(p).forward(x, train=True)
    assert y.dtype == dtype
    silent = y == 0
    np.testing.assert_array_equal(y, np.where(silent, 0, x))  # not divided by 1 - p: the paper's form, not "inverted"
    # 10,000 units: the share deviates from p by 0.005 at most in two runs of three, by 0.03 never
    assert abs(silent.mean() - p) < 0.03


def test_backward_applies_the_mask_of_forward():
    dropout, x = make(), distinct(4, 50)
    y = dropout.forward(x, train=True)
    dy = distinct(4, 50, seed=1)
    np.testing.assert_array_equal(dropout.backward(dy), np.where(y == 0, 0, dy))


@pytest.mark.parametrize("how", [{}, {"keep": True}])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_test_multiplies_by_1_minus_p(how, dtype):
    x = np.array([[1.0, -2.0, 0.0]], dtype)
    y = make(p=0.75).forward(x, **how)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, [[0.25, -0.5, 0]])


def test_backward_of_the_test_multiplies_by_1_minus_p():
    dropout = make(p=0.75)
    dropout.forward(np.ones((1, 2)), keep=True)
    np.testing.assert_array_equal(dropout.backward(np.array([[4.0, 8.0]])), [[1, 2]])


def test_the_test_is_the_average_over_masks():
    dropout, x = make(p=0.3), distinct(2, 5)
    average = np.mean([dropout.forward(x, train=True) for _ in range(2000)], axis=0)
    # the average of 2000 masks has a standard deviation of sqrt(0.3 · 0.7 / 2000) = 0.01
    np.testing.assert_allclose(average, dropout.forward(x), atol=0.05)


def test_every_forward_draws_a_new_mask():
    dropout, x = make(), np.ones((4, 50))
    assert not np.array_equal(dropout.forward(x, train=True), dropout.forward(x, train=True))


def test_the_mask_differs_from_unit_to_unit_and_from_image_to_image():
    y = make().forward(np.ones((20, 5, 5, 20)), train=True)
    for axis in range(4):
        assert (np.diff(y, axis=axis) != 0).any()


def test_layers_built_from_one_generator_draw_different_masks():
    rng, x = np.random.default_rng(0), np.ones((4, 50))
    first, second = Dropout(0.5, rng), Dropout(0.5, rng)
    assert not np.array_equal(first.forward(x, train=True), second.forward(x, train=True))


def test_masks_do_not_depend_on_what_else_draws():
    rng, x = np.random.default_rng(0), np.ones((4, 50))
    dropout = Dropout(0.5, rng)
    rng.random(10)
    np.testing.assert_array_equal(dropout.forward(x, train=True), make().forward(x, train=True))


def test_masks_do_not_depend_on_the_dtype():
    x = np.ones((4, 50))
    np.testing.assert_array_equal(make().forward(x.astype(np.float32), train=True), make().forward(x, train=True))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("sizes", [(2, 6, 100_000, 4), (1, 6), (6, 7, 2), (5, 5, 4)])  # odd ones leave half a draw over
@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.MT19937])
def test_threads_draw_what_the_generator_draws_by_itself(threads, sizes, kind):
    set_threads(threads)
    dropout = Dropout(0.3, np.random.Generator(kind(0)))
    alone = np.random.Generator(kind(0)).spawn(1)[0]
    for size in sizes:
        y = dropout.forward(np.ones((size, 1)), train=True)
        np.testing.assert_array_equal(y, alone.random((size, 1), np.float32) >= 0.3)
    assert dropout.rng.random() == alone.random()


def test_the_mask_that_is_kept_is_of_one_byte_a_unit():
    dropout, device = make().to(simulated(0)), simulated(0)
    dropout.forward(device.asarray(np.ones((4, 50), np.float32)), train=True)
    (mask,) = [a for a in dropout._kept if device.holds(a)]
    assert mask.dtype == bool and mask.shape == (4, 50)


def test_the_test_draws_nothing():
    dropout, x = make(), np.ones((4, 50))
    dropout.forward(x)
    dropout.forward(x, keep=True)
    np.testing.assert_array_equal(dropout.forward(x, train=True), make().forward(x, train=True))


def test_the_generator_is_the_state():
    dropout, x = make(), np.ones((4, 50))
    (name, rng), = dropout.state()
    assert name == "rng"
    saved = rng.bit_generator.state
    first = dropout.forward(x, train=True)
    rng.bit_generator.state = saved
    np.testing.assert_array_equal(dropout.forward(x, train=True), first)


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (2, 3, 4, 2)])
@pytest.mark.parametrize("train", [True, False])
def test_gradients_agree_with_finite_differences(shape, train):
    gradcheck(make(0.4), distinct(*shape), train=train)


def test_two_in_a_row_multiply():
    net = Sequential(one=make(0.5), two=make(0.75))
    assert_close(net.forward(np.ones((1, 3))), np.full((1, 3), 0.125))


@pytest.mark.parametrize("wrong", [-0.1, 1.0, 1.5, float("nan")])
def test_what_is_no_probability_is_refused(wrong):
    with pytest.raises(ValueError, match="Dropout: expected a probability p with 0 <= p < 1, got"):
        Dropout(wrong)
