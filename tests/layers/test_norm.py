"""Batch normalisation: by hand, against the naive loops, its running averages, and what becomes of them."""
from __future__ import annotations

from contextlib import nullcontext

import naive
import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import BatchNorm1d, BatchNorm2d, Sequential, constant, gaussian, gradcheck, set_threads
from tinynet.devices.device import simulated
from tinynet.devices.simulated import must_be_current
from tinynet.fast.operation import plain

GRID = [(2, 1, 1, 1), (1, 3, 2, 2), (3, 2, 5, 4), (5, 1, 3, 1)]  # batch 1; two values in all; one map


def norm_of(C, **arguments):
    """A layer with γ, β and running averages that are all different."""
    norm = BatchNorm2d(C, **arguments).astype(np.float64)
    for i, array in enumerate((norm.gamma.value, norm.beta.value, norm.running_mean, norm.running_var)):
        array[:] = abs(distinct(C, seed=10 + i))
    return norm


def one_map(*values):
    """One map of images of one pixel each."""
    return np.array(values, np.float64).reshape(-1, 1, 1, 1)


def test_by_hand():
    # μ = 2, σ² = (9 + 1 + 1 + 9) / 4 = 5; with ε = 4, √(σ² + ε) = 3; y = γ (x - 2) / 3 + β with γ = 6, β = 1
    norm = BatchNorm2d(1, eps=4.0).astype(np.float64)
    norm.gamma.value[:], norm.beta.value[:] = 6, 1
    assert_close(norm.forward(one_map(-1, 1, 3, 5), train=True), one_map(-5, -1, 3, 7))
    # dy = (0, 0, 3, 0): dβ = 3, dγ = 3 · 1/3 = 1, dx = 6/3 · (dy - 3/4 - x̂ · 1/4), x̂ = (-1, -1/3, 1/3, 1)
    assert_close(norm.backward(one_map(0, 0, 3, 0)), one_map(-1, -4 / 3, 13 / 3, -2))
    assert (norm.beta.grad.item(), norm.gamma.grad.item()) == (3, pytest.approx(1))


def test_it_starts_by_bringing_every_map_to_mean_0_and_variance_1():
    x = 50 + 9 * distinct(4, 5, 3, 6, dtype=np.float32)
    y = BatchNorm2d(6).forward(x, train=True)
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.var(axis=(0, 1, 2)), 1, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", GRID)
def test_training_agrees_with_the_naive_loops(shape, dtype):
    norm, x, dy = norm_of(shape[-1], eps=0.1), distinct(*shape, dtype=dtype), distinct(*shape, dtype=dtype, seed=1)
    gamma, beta = norm.astype(dtype).gamma.value, norm.beta.value
    y, dx = norm.forward(x, train=True), norm.backward(dy)
    assert y.dtype == dx.dtype == dtype
    assert_close(y, naive.batch_norm(x, gamma, beta, 0.1)[0], "y")
    for what, got, expected in zip(("dx", "dγ", "dβ"), (dx, norm.gamma.grad, norm.beta.grad),
                                   naive.batch_norm_backward(x, dy, gamma, 0.1), strict=True):
        assert_close(got, expected, what)


@pytest.mark.parametrize("shape", [(1, 1, 1, 2), *GRID])  # without training, one value will do
def test_everywhere_else_the_running_averages_are_constants(shape):
    norm, x, dy = norm_of(shape[-1], eps=0.1), distinct(*shape), distinct(*shape, seed=1)
    gamma, beta, mean, var = norm.gamma.value, norm.beta.value, norm.running_mean.copy(), norm.running_var.copy()
    expected = naive.batch_norm(x, gamma, beta, 0.1, mean, var)[0]
    assert_close(norm.forward(x), expected)
    assert_close(norm.forward(x, keep=True), expected)
    assert_close(norm.backward(dy), dy * gamma / np.sqrt(var + 0.1))
    assert_close(norm.gamma.grad, (dy * (x - mean) / np.sqrt(var + 0.1)).sum(axis=(0, 1, 2)))
    assert_close(norm.beta.grad, dy.sum(axis=(0, 1, 2)))
    np.testing.assert_array_equal(norm.running_mean, mean)  # and stay what they were
    np.testing.assert_array_equal(norm.running_var, var)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("shape", GRID[1:])  # of two values, dx is 0 but for ε: nothing to compare
def test_gradients_agree_with_finite_differences(shape, train):
    norm = norm_of(shape[-1])
    before = [average.copy() for _, average in norm.state()]
    report = gradcheck(norm, distinct(*shape), train=train)
    assert set(report) == {"x", "gamma", "beta"}
    for (_, average), old in zip(norm.state(), before, strict=True):
        np.testing.assert_array_equal(average, old)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_large_maps_are_summed_in_pieces_to_the_last_digits(threads):
    set_threads(threads)
    x = (100 + distinct(7, 60, 50, 32)).astype(np.float32)  # 384 kB an image: several pieces a thread
    norm, expected = BatchNorm2d(32, momentum=1.0), x.astype(np.float64)
    norm.forward(x, train=True)
    np.testing.assert_allclose(norm.running_mean, expected.mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(norm.running_var, expected.var(axis=(0, 1, 2), ddof=1), rtol=1e-4)


@pytest.mark.parametrize("fast", [True, False])
def test_maps_of_one_number_have_no_variance_and_no_negative_one(fast):
    norm, x = BatchNorm2d(4), np.full((16, 56, 56, 4), 1013.3, np.float32)
    with nullcontext() if fast else plain():
        for _ in range(3):
            assert np.abs(norm.forward(x, train=True)).max() < 0.1
    assert (norm.running_var >= 0).all() and (norm.running_var < 1).all()


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("mean, spread", [(1e7, 2), (1e6, 1), (1e5, 0.1), (-3e4, 1e-2)])
def test_many_data_far_from_zero(mean, spread, fast):
    x = (mean + spread * np.random.default_rng(0).normal(size=(16, 56, 56, 2))).astype(np.float32)
    norm, exact = BatchNorm2d(2, momentum=1.0), x.astype(np.float64)
    with nullcontext() if fast else plain():
        norm.forward(x, train=True)
    np.testing.assert_allclose(norm.running_mean, exact.mean(axis=(0, 1, 2)), rtol=1e-7)
    np.testing.assert_allclose(norm.running_var, exact.var(axis=(0, 1, 2), ddof=1), rtol=0.02)


def test_a_batch_that_is_not_finite_leaves_no_mark_in_the_averages():
    norm, x = BatchNorm2d(2), distinct(4, 3, 3, 2, dtype=np.float32)
    norm.forward(x, train=True)
    before = [average.copy() for _, average in norm.state()]
    bad = x.copy()
    bad[0, 0, 0, 1] = np.nan
    norm.forward(bad, train=True)
    for (_, average), old in zip(norm.state(), before, strict=True):
        assert average[1] == old[1] and average[0] != old[0]


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("shape", [(32, 16, 16, 8), (3, 7, 5, 4)])
def test_data_far_from_zero_lose_no_more_digits_than_their_mean_has(fast, shape):
    x = (1000 + np.random.default_rng(0).normal(size=shape)).astype(np.float32)
    norm, exact = BatchNorm2d(shape[-1], momentum=1.0), x.astype(np.float64)
    with nullcontext() if fast else plain():
        y = norm.forward(x, train=True)
    mean, std = exact.mean(axis=(0, 1, 2)), exact.std(axis=(0, 1, 2))
    assert np.abs(norm.running_mean - mean).max() < 3.8e-5  # float32 numbers around 1000 lie 6.1e-5 apart
    np.testing.assert_allclose(y, (exact - mean) / np.sqrt(std ** 2 + 1e-5), rtol=0, atol=1e-4)


# ---------------------------------------------------------------------------------------- frozen


def test_a_frozen_layer_stays_the_function_that_it_is():
    norm, x = norm_of(3), distinct(4, 3, 2, 3)
    expected = norm.forward(x)
    averages = [average.copy() for _, average in norm.state()]
    norm.freeze()
    for _ in range(3):
        np.testing.assert_array_equal(norm.forward(x, train=True), expected)
    for (_, average), before in zip(norm.state(), averages, strict=True):
        np.testing.assert_array_equal(average, before)
    norm.forward(x[:1, :1, :1], train=True)  # of one value there is no variance, and none is needed
    norm.backward(x[:1, :1, :1])
    norm.unfreeze()
    assert not np.array_equal(norm.forward(x, train=True), expected)


def test_the_gradient_of_a_frozen_layer_is_that_of_a_fixed_function():
    norm, x, dy = norm_of(3).freeze(), distinct(4, 3, 2, 3), distinct(4, 3, 2, 3, seed=1)
    norm.forward(x, train=True)
    assert_close(norm.backward(dy), dy * norm.gamma.value / np.sqrt(norm.running_var + norm.eps))
    assert norm.gamma.grad is None and norm.beta.grad is None


@pytest.mark.parametrize("frozen, trained", [("gamma", "beta"), ("beta", "gamma")])
def test_with_one_of_the_two_frozen_it_goes_on_following_the_batch(frozen, trained):
    norm, other, x, dy = norm_of(3).freeze(frozen), norm_of(3), distinct(4, 3, 2, 3), distinct(4, 3, 2, 3, seed=1)
    np.testing.assert_array_equal(norm.forward(x, train=True), other.forward(x, train=True))
    np.testing.assert_array_equal(norm.backward(dy), other.backward(dy))
    gradients = dict(norm.parameters())
    assert gradients[frozen].grad is None
    np.testing.assert_array_equal(gradients[trained].grad, dict(other.parameters())[trained].grad)


def test_what_is_kept_does_not_move_with_the_averages():
    norm, x, dy = norm_of(3), distinct(4, 3, 2, 3), distinct(4, 3, 2, 3, seed=1)
    norm.forward(x, keep=True)
    norm.backward(dy)
    expected = norm.gamma.grad.copy()
    norm.forward(x, keep=True)
    norm.running_mean += 1
    norm.backward(dy)
    np.testing.assert_array_equal(norm.gamma.grad, expected)


# ---------------------------------------------------------------------------------------- running averages


def test_running_averages_by_hand():
    # batch 1: μ = 2, unbiased variance (9 + 1 + 1 + 9) / 3 = 20/3; batch 2: μ = 6, variance 0
    norm = BatchNorm2d(1, momentum=0.25).astype(np.float64)
    norm.forward(one_map(-1, 1, 3, 5), train=True)
    assert (norm.running_mean.item(), norm.running_var.item()) == (0.25 * 2, pytest.approx(0.75 + 0.25 * 20 / 3))
    norm.forward(one_map(6, 6), train=True)
    assert norm.running_mean.item() == pytest.approx(0.75 * 0.5 + 0.25 * 6)
    assert norm.running_var.item() == pytest.approx(0.75 * (0.75 + 0.25 * 20 / 3))


def test_gamma_and_beta_start_as_they_are_told():
    rng, twin = np.random.default_rng(0), np.random.default_rng(0)
    norm = BatchNorm1d(5, rng=rng, weight_init=gaussian(0.5, 1.0), bias_init=constant(2.0))
    np.testing.assert_array_equal(norm.gamma.value, twin.normal(1.0, 0.5, 5).astype(np.float32))
    assert (norm.beta.value == 2).all()
    with pytest.raises(TypeError, match="rng: expected None or a Generator, got 0"):
        BatchNorm2d(5, rng=0)


def test_the_averages_come_to_what_the_batches_are():
    norm, rng = BatchNorm2d(2), np.random.default_rng(0)
    for _ in range(100):
        norm.forward(rng.normal((3, -1), (2, 0.5), (64, 4, 4, 2)).astype(np.float32), train=True)
    np.testing.assert_allclose(norm.running_mean, (3, -1), atol=0.05)
    np.testing.assert_allclose(norm.running_var, (4, 0.25), rtol=0.05)


def test_one_value_has_no_variance():
    net = Sequential(norm1=BatchNorm2d(3))
    with pytest.raises(ValueError, match=r"norm1 \(BatchNorm2d\): training needs two values or more in every map to "
                                         r"have a variance, got x of shape \(1, 1, 1, 3\): take a larger batch, or a "
                                         "smaller `accumulate`, or leave out a last batch of one image"):
        net.forward(np.ones((1, 1, 1, 3), np.float32), train=True)
    assert (net["norm1"].running_mean == 0).all() and (net["norm1"].running_var == 1).all()


def test_the_averages_are_saved_and_loaded(tmp_path):
    first, second = Sequential(norm1=norm_of(3)), Sequential(norm1=BatchNorm2d(3).astype(np.float64))
    assert [name for name, _ in first.state()] == ["norm1.running_mean", "norm1.running_var"]
    first.save(tmp_path / "net.npz")
    second.load(tmp_path / "net.npz")
    x = distinct(2, 2, 2, 3)
    np.testing.assert_array_equal(second.forward(x), first.forward(x))
    second.forward(x, train=True)  # what was loaded is what goes on to be averaged
    assert not np.array_equal(second["norm1"].running_mean, first["norm1"].running_mean)


def test_the_averages_move_with_the_layer_and_go_on_there(tmp_path):
    here, there = Sequential(norm=norm_of(3)), Sequential(norm=norm_of(3))
    device, x = simulated(1), distinct(2, 3, 2, 3)
    there.to(device)
    assert all(device.holds(average) for _, average in there.state())
    with must_be_current():
        assert_close(device.tohost(there.forward(x, train=True)), here.forward(x, train=True))
        there.save(tmp_path / "net.npz")
    for (name, a), (_, b) in zip(there.state(), here.state(), strict=True):
        assert_close(device.tohost(a), b, name)
    back = Sequential(norm=BatchNorm2d(3).astype(np.float64)).load(tmp_path / "net.npz")
    assert_close(back.forward(x), here.forward(x))


def test_a_layer_can_be_made_on_a_device():
    norm = BatchNorm2d(2, device=simulated(0))
    assert norm.device is simulated(0)
    assert all(simulated(0).holds(a) for a in (norm.gamma.value, norm.running_mean, norm.running_var))


def test_astype_converts_the_averages_too():
    net = Sequential(norm=BatchNorm2d(2))
    assert net.astype(np.float64) is net
    assert {average.dtype.name for _, average in net.state()} == {"float64"}
    net.forward(distinct(2, 2, 2, 2), train=True)
    assert {average.dtype.name for _, average in net.state()} == {"float64"}


@pytest.mark.parametrize("arguments, message", [
    ({"channels": 0}, "BatchNorm2d channels: expected a whole number of 1 or more, got 0"),
    ({"channels": 2, "momentum": 0}, "expected a momentum with 0 < momentum <= 1, got 0"),
    ({"channels": 2, "momentum": 1.1}, "expected a momentum with 0 < momentum <= 1, got 1.1"),
    ({"channels": 2, "eps": 0}, "expected an eps above 0, got 0"),
])
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        BatchNorm2d(**arguments)


def test_the_number_of_maps_must_be_right():
    with pytest.raises(ValueError, match=r"BatchNorm2d: expected x of shape \(N, H, W, 3\), got \(1, 2, 2, 4\)"):
        BatchNorm2d(3).forward(np.ones((1, 2, 2, 4)))


# ---------------------------------------------------------------------------------------- vectors


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("N, C", [(2, 1), (5, 3)])
def test_vectors_are_maps_of_one_pixel(N, C, train):
    vectors, maps, x, dy = BatchNorm1d(C), BatchNorm2d(C), distinct(N, C), distinct(N, C, seed=1)
    vectors.astype(np.float64), maps.astype(np.float64)
    y, expected = vectors.forward(x, train, keep=True), maps.forward(x[:, None, None], train, keep=True)
    np.testing.assert_array_equal(y, expected[:, 0, 0])
    np.testing.assert_array_equal(vectors.backward(dy), maps.backward(dy[:, None, None])[:, 0, 0])
    for (name, p), (_, q) in zip(vectors.parameters(), maps.parameters(), strict=True):
        np.testing.assert_array_equal(p.grad, q.grad, name)
    np.testing.assert_array_equal(vectors.running_var, maps.running_var)


@pytest.mark.parametrize("norm, x, message", [
    (BatchNorm1d(3), np.ones((2, 1, 1, 3)), r"BatchNorm1d: expected x of shape \(N, 3\), got \(2, 1, 1, 3\)"),
    (BatchNorm2d(3), np.ones((2, 3)), r"BatchNorm2d: expected x of shape \(N, H, W, 3\), got \(2, 3\)"),
    (BatchNorm1d(3), np.ones((1, 3)), r"BatchNorm1d: training needs two values or more .* got x of shape \(1, 3\)"),
])
def test_vectors_and_maps_are_not_confused(norm, x, message):
    with pytest.raises(ValueError, match=message):
        norm.forward(x.astype(np.float32), train=True)


def test_the_message_of_a_wrong_setting_names_the_kind():
    with pytest.raises(ValueError, match="^BatchNorm1d: expected an eps above 0, got 0"):
        BatchNorm1d(3, eps=0)
