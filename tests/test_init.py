"""Initial values: their distribution, their dtype, the explicit generator."""
from __future__ import annotations

import numpy as np
import pytest

from tinynet import Conv2d, Dropout, Linear, constant, fan_in, gaussian, uniform_fan_in
from tinynet.models import alexnet, build, lenet5


def draw(init, *shape, seed=0):
    return init(np.random.default_rng(seed), shape)


def test_gaussian_has_the_mean_and_the_deviation_asked_for():
    # 100,000 numbers: their mean is off by 0.003 σ, their deviation by 0.002 σ, in two draws of three
    for init, std, mean in (gaussian(), 0.01, 0), (gaussian(0.5), 0.5, 0), (gaussian(0.1, mean=3), 0.1, 3):
        values = draw(init, 100, 1000)
        assert abs(values.mean() - mean) < 0.02 * std and abs(values.std() - std) < 0.02 * std


def test_gaussian_is_bell_shaped():
    values = draw(gaussian(1), 100, 1000)
    assert abs((np.abs(values) < 1).mean() - 0.683) < 0.01 and abs((np.abs(values) < 2).mean() - 0.954) < 0.01


def test_constant():
    np.testing.assert_array_equal(draw(constant(), 2, 3), np.zeros((2, 3)))
    np.testing.assert_array_equal(draw(constant(1), 2, 3), np.ones((2, 3)))


@pytest.mark.parametrize("shape, inputs", [
    ((400, 300), 400),  # linear: (in, out)
    ((5, 5, 20, 300), 500),  # convolution: (KH, KW, C, F)
    ((3, 2, 5, 5, 20, 100), 500),  # without shared weights: (P, Q, KH, KW, C, F); the places do not count
])
def test_fan_in_counts_the_inputs_of_one_unit(shape, inputs):
    for gain in 1.0, 2.0:
        values = draw(fan_in(gain), *shape)
        assert abs(values.std() / (gain / inputs) ** 0.5 - 1) < 0.02 and abs(values.mean()) < 0.02 * values.std()


def test_fan_in_keeps_the_scale_through_relus():
    # the mean square of the activations, halved by ReLU and doubled by gain 2, stays what it was
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (200, 400))
    start = (x ** 2).mean()
    for _ in range(5):
        x = np.maximum(0, x) @ fan_in()(rng, (400, 400))
    assert 0.7 < (x ** 2).mean() / start < 1.4


@pytest.mark.parametrize("init", [gaussian(0.5), constant(2), fan_in(), uniform_fan_in()])
def test_values_are_float32_from_the_generator_given(init):
    values = draw(init, 3, 4)
    assert values.dtype == np.float32 and values.shape == (3, 4)
    np.testing.assert_array_equal(draw(init, 3, 4), values)
    assert not np.shares_memory(draw(init, 3, 4), values)


@pytest.mark.parametrize("init", [gaussian(0.5), fan_in(), uniform_fan_in()])
def test_another_seed_and_a_second_draw_give_other_values(init):
    rng = np.random.default_rng(0)
    first, second = init(rng, (3, 4)), init(rng, (3, 4))
    assert (first != second).all()
    assert (draw(init, 3, 4, seed=1) != first).all()


@pytest.mark.parametrize("shape, inputs", [((50, 400), 50), ((5, 5, 2, 400), 50), ((400,), 1)])
def test_uniform_fan_in_fills_the_range_evenly(shape, inputs):
    values = draw(uniform_fan_in(2.4), *shape) * inputs / 2.4
    assert np.abs(values).max() <= 1 + 1e-6 and np.abs(values).max() > 0.97
    for quarter in range(4):  # each quarter of the range holds about a quarter of the numbers
        assert abs(((values + 1) * 2 // 1 == quarter).mean() - 0.25) < 0.1


@pytest.mark.parametrize("make", [
    lambda rng: Conv2d(2, 3, 3, rng=rng), lambda rng: Dropout(rng=rng), lambda rng: alexnet(rng=rng),
    lambda rng: lenet5(rng=rng), lambda rng: build("cifar-80sec", width=0.5, rng=rng)])
def test_a_seed_is_no_generator(make):
    for seed in 0, 42, np.random.RandomState(0):  # 0 is false, and must not pass for None
        with pytest.raises(TypeError, match=r"rng: expected None or a Generator, got (0|42|Random.*); make one with"):
            make(seed)


def test_a_number_is_no_initialiser():
    with pytest.raises(TypeError, match=r"expected an initialiser, gaussian\(0.01\) or .* for example, got 0.01"):
        Linear(2, 3, weight_init=0.01)


@pytest.mark.parametrize("init", [gaussian(), fan_in(), uniform_fan_in()])
def test_an_initialiser_wants_a_generator(init):
    for seed in 0, np.int64(3), None:
        with pytest.raises(TypeError, match="(gaussian|fan_in): expected a Generator as rng, got .*default_rng"):
            init(seed, (2, 2))


@pytest.mark.parametrize("make", [gaussian, fan_in, uniform_fan_in])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_a_spread_is_not_negative(make, value):
    with pytest.raises(ValueError, match=f"{make.__name__} (std|gain|bound): expected a finite number, 0 or more, got"):
        make(value)
