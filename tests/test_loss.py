"""Softmax and cross-entropy, and the squared error: by hand, against the naive loops, far out, and what is refused."""
from __future__ import annotations

import math
import re

import naive
import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import MeanSquaredError, SoftmaxCrossEntropy, gradcheck, softmax
from tinynet.devices.device import simulated
from tinynet.devices.simulated import must_be_current
from tinynet.models import MAPLoss

GRID = [(1, 1), (1, 3), (5, 2), (4, 7)]  # N, K


def labels_for(N, K):
    return np.random.default_rng(2).integers(0, K, N)


def test_by_hand():
    # e^0 : e^ln 3 = 1 : 3, so the probabilities are 1/4 and 3/4. Labels 1 and 0: L = -(log 3/4 + log 1/4) / 2
    loss = SoftmaxCrossEntropy()
    logits = np.array([[0.0, math.log(3)], [0.0, math.log(3)]])
    assert math.isclose(loss.forward(logits, [1, 0]), -(math.log(0.75) + math.log(0.25)) / 2)
    assert_close(loss.probs, [[0.25, 0.75], [0.25, 0.75]])
    assert_close(loss.backward(), [[0.25 / 2, (0.75 - 1) / 2], [(0.25 - 1) / 2, 0.75 / 2]])


def test_knowing_nothing_costs_the_logarithm_of_the_classes():
    assert math.isclose(SoftmaxCrossEntropy().forward(np.zeros((3, 1000)), [0, 500, 999]), math.log(1000))


@pytest.mark.parametrize("N, K", GRID)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_agrees_with_the_naive_loops(N, K, dtype):
    loss, z, labels = SoftmaxCrossEntropy(), 3 * distinct(N, K, dtype=dtype), labels_for(N, K)
    L, probs, dz = naive.softmax_cross_entropy(z.astype(np.float64), labels)
    got = loss.forward(z, labels)
    assert type(got) is float
    assert_close(dtype(got), L)
    assert_close(loss.probs, probs)
    gradient = loss.backward()
    assert gradient.dtype == loss.probs.dtype == dtype
    np.testing.assert_allclose(gradient, dz, rtol=0, atol=1e-6 if dtype is np.float32 else 1e-12)


@pytest.mark.parametrize("N, K", GRID)
def test_gradients_agree_with_finite_differences(N, K):
    gradcheck(SoftmaxCrossEntropy(), 3 * distinct(N, K), labels=labels_for(N, K))


def test_the_loss_is_a_mean_so_a_batch_given_twice_costs_the_same():
    loss, z, labels = SoftmaxCrossEntropy(), distinct(3, 4), np.array([0, 3, 1])
    once = loss.forward(z, labels)
    gradient = loss.backward()
    assert math.isclose(loss.forward(np.tile(z, (2, 1)), np.tile(labels, 2)), once)
    assert_close(loss.backward()[:3], gradient / 2)


def test_gradients_of_a_row_sum_to_zero():
    loss = SoftmaxCrossEntropy()
    loss.forward(distinct(4, 5), [0, 1, 2, 4])
    np.testing.assert_allclose(loss.backward().sum(axis=1), np.zeros(4), atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_scores_neither_overflow_nor_lose_the_loss(dtype):
    # the right class is 1000 below the other: its probability rounds to 0, its logarithm is -1000 all the same
    loss = SoftmaxCrossEntropy()
    assert loss.forward(np.array([[1e4, 1e4 - 1000]], dtype), [1]) == 1000
    np.testing.assert_array_equal(loss.probs, [[1, 0]])
    np.testing.assert_array_equal(loss.backward(), [[1, -1]])
    assert loss.forward(np.array([[-1e4, 1e4]], dtype), [1]) == 0


@pytest.mark.parametrize("size", [1e-20, 1e-10, 1e-7, 1e-3, 1.0, 15.0, 20.0, 88.0, 104.0, 745.0, 1e4])
def test_small_and_large_scores_keep_their_digits(size):
    rng = np.random.default_rng(0)
    logits = (size * (rng.choice([-1, 0, 1], (64, 7)) + rng.normal(size=(64, 7)))).astype(np.float32)
    labels, z, loss = rng.integers(0, 7, 64), logits.astype(np.float64), SoftmaxCrossEntropy()
    shifted = z - z.max(axis=1, keepdims=True)
    p = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    expected = (np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(64), labels]).mean()
    eps = np.finfo(np.float32).eps
    assert abs(loss.forward(logits, labels) - expected) <= 4 * eps * expected
    np.testing.assert_allclose(loss.probs, p, rtol=64 * eps, atol=1e-44)  # z has few digits after its point
    np.testing.assert_allclose(loss.backward(), (p - np.eye(7)[labels]) / 64, rtol=0, atol=4 * eps / 64)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_labels_of_any_whole_kind(kind):
    z = distinct(3, 4)
    expected = SoftmaxCrossEntropy().forward(z, [0, 3, 1])
    assert SoftmaxCrossEntropy().forward(z, np.array([0, 3, 1], kind)) == expected


def test_logits_of_a_device_with_labels_from_the_host_or_from_there():
    loss, z, labels, device = SoftmaxCrossEntropy(), distinct(3, 4), np.array([0, 3, 1]), simulated(0)
    expected, gradient = loss.forward(z, labels), loss.backward()
    for given in labels, [0, 3, 1], device.asarray(labels):
        loss = SoftmaxCrossEntropy()
        assert math.isclose(loss.forward(device.asarray(z), given), expected)
        assert_close(device.tohost(loss.backward()), gradient)


def test_the_device_of_the_logits_becomes_the_current_one():
    loss, z = SoftmaxCrossEntropy(), simulated(1).asarray(distinct(3, 4))
    with must_be_current():  # as on a GPU: new arrays go to the current device, wherever the others are
        loss.forward(z, [0, 3, 1])
        loss.backward()


def test_inputs_are_not_written_to_and_results_not_overwritten():
    loss, z, labels = SoftmaxCrossEntropy(), distinct(3, 4), np.array([0, 3, 1])
    z.flags.writeable = labels.flags.writeable = False
    loss.forward(z, labels)
    probs, gradient = loss.probs, loss.backward()
    copies = probs.copy(), gradient.copy()
    assert not np.shares_memory(probs, gradient)
    loss.forward(-z, labels)
    loss.backward()
    np.testing.assert_array_equal((probs, gradient), copies)


def test_backward_before_forward_or_twice_is_an_error():
    loss = SoftmaxCrossEntropy()
    with pytest.raises(RuntimeError, match="CrossEntropy: backward has nothing to work from; call forward first,"):
        loss.backward()
    loss.forward(distinct(2, 3), [0, 1])
    loss.backward()
    with pytest.raises(RuntimeError, match="SoftmaxCrossEntropy: backward has nothing to work from"):
        loss.backward()


# ---------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("wrong", [-1, 3, 99])
def test_labels_out_of_range_are_refused(wrong):
    message = f"expected labels from 0 to 2, got {min(wrong, 1)} to {max(wrong, 1)}"
    with pytest.raises(ValueError, match=f"SoftmaxCrossEntropy: {message}"):
        SoftmaxCrossEntropy().forward(np.zeros((2, 3)), np.array([wrong, 1]))


@pytest.mark.parametrize("wrong, kind", [([0.0, 1.0], "float64"), (np.array([0, 1], np.float32), "float32"),
                                         ([True, False], "bool"), (["cat", "dog"], "<U3")])
def test_labels_that_are_no_whole_numbers_are_refused(wrong, kind):
    with pytest.raises(TypeError, match=f"SoftmaxCrossEntropy: expected whole numbers as labels, got {kind}"):
        SoftmaxCrossEntropy().forward(np.zeros((2, 3)), wrong)


@pytest.mark.parametrize("wrong", [[0], [0, 1, 2], [[0, 1]], [[0], [1]], 0])
def test_as_many_labels_as_rows(wrong):
    message = f"SoftmaxCrossEntropy: expected 2 labels, one for each row of the logits, got shape {np.shape(wrong)}"
    with pytest.raises(ValueError, match=re.escape(message)):
        SoftmaxCrossEntropy().forward(np.zeros((2, 3)), wrong)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_refused(wrong):
    logits = np.zeros((2, 3))
    logits[1, 2] = wrong
    with pytest.raises(ValueError, match="SoftmaxCrossEntropy: the logits hold NaN or infinity"):
        SoftmaxCrossEntropy().forward(logits, [0, 1])


def test_finite_logits_too_far_apart_give_infinity_and_no_warning():
    loss = SoftmaxCrossEntropy()
    assert loss.forward(np.array([[3e38, -3e38]], np.float32), [1]) == np.inf        # warnings are errors in tests
    np.testing.assert_array_equal(loss.backward(), [[1, -1]])


def test_logits_of_another_kind_are_refused():
    loss = SoftmaxCrossEntropy()
    message = "SoftmaxCrossEntropy: expected logits of shape (N, K), got (2, 3, 1)"
    with pytest.raises(ValueError, match=re.escape(message)):
        loss.forward(np.zeros((2, 3, 1)), [0, 1])
    with pytest.raises(TypeError, match="SoftmaxCrossEntropy: expected float32 or float64 for logits, got int64"):
        loss.forward(np.zeros((2, 3), np.int64), [0, 1])
    with pytest.raises(ValueError, match="SoftmaxCrossEntropy: logits is empty"):
        loss.forward(np.zeros((0, 3)), np.zeros(0, int))


# ---------------------------------------------------------------------------------------- softmax


def test_softmax_by_hand():
    # e^0 : e^ln 2 : e^ln 5 = 1 : 2 : 5
    assert_close(softmax(np.array([[0, math.log(2), math.log(5)]])), [[1 / 8, 2 / 8, 5 / 8]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_rows_sum_to_one_and_do_not_change_when_all_scores_grow(dtype):
    z = 5 * distinct(4, 6, dtype=dtype)
    p = softmax(z, np)
    assert p.dtype == dtype
    assert_close(p.sum(axis=1), np.ones(4))
    assert_close(softmax(z + dtype(32), np), p)  # in float32 the sum is rounded to about 2e-6
    np.testing.assert_array_equal(softmax(np.array([[1e30, -1e30], [0, 0]], dtype), np), [[1, 0], [0.5, 0.5]])


# ---------------------------------------------------------------------------------------- mean squared error


def test_squared_error_by_hand():
    # differences 1, -2, 0, 3: squares 1 + 4 + 0 + 9 = 14, over four numbers
    loss = MeanSquaredError()
    assert loss.forward(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 4.0], [3.0, 1.0]])) == 14 / 4
    assert_close(loss.backward(), [[2 / 4, -4 / 4], [0, 6 / 4]])


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (2, 3, 2, 2)])
def test_squared_errors_gradient_agrees_with_finite_differences(shape):
    gradcheck(MeanSquaredError(), distinct(*shape), labels=distinct(*shape, seed=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_squared_error_keeps_the_dtype_and_its_inputs(dtype):
    loss, y, target = MeanSquaredError(), distinct(3, 4, dtype=dtype), distinct(3, 4, dtype=dtype, seed=1)
    y.flags.writeable = target.flags.writeable = False
    assert type(loss.forward(y, target)) is float
    gradient = loss.backward()
    assert gradient.dtype == dtype
    assert_close(gradient, 2 * (y - target) / 12)


def test_squared_error_on_a_device_with_a_target_from_the_host_or_from_there():
    y, target, device = distinct(3, 4), distinct(3, 4, seed=1), simulated(1)
    expected, loss = MeanSquaredError().forward(y, target), MeanSquaredError()
    with must_be_current():
        for given in target, device.asarray(target):
            assert math.isclose(loss.forward(device.asarray(y), given), expected)
            assert device.holds(loss.backward())


def test_squared_error_refuses_what_does_not_fit():
    loss, y = MeanSquaredError(), np.zeros((2, 3))
    with pytest.raises(ValueError, match=re.escape("MeanSquaredError: expected target of shape (2, 3), got (2, 1)")):
        loss.forward(y, np.zeros((2, 1)))
    with pytest.raises(TypeError, match="MeanSquaredError: expected float64 for target, as its input was, got float32"):
        loss.forward(y, np.zeros((2, 3), np.float32))
    for wrong in np.nan, np.inf:
        for name, arguments in ("target", (y, np.full((2, 3), wrong))), ("y", (np.full((2, 3), wrong), y)):
            with pytest.raises(ValueError, match=f"MeanSquaredError: the loss is (nan|inf): {name} holds NaN or inf"):
                loss.forward(*arguments)
            with pytest.raises(RuntimeError, match="MeanSquaredError: backward has nothing to work from"):
                loss.backward()
    assert loss.forward(y, np.full((2, 3), 1e300)) == np.inf
    assert np.isfinite(loss.backward()).all()
    loss.forward(y, y)
    loss.backward()
    with pytest.raises(RuntimeError, match="MeanSquaredError: backward has nothing to work from"):
        loss.backward()


@pytest.mark.parametrize("make, target", [(SoftmaxCrossEntropy, np.array([0, 2])), (MAPLoss, np.array([0, 2])),
                                          (MeanSquaredError, distinct(2, 3))])
def test_a_loss_computes_where_the_scores_are_whatever_it_saw_before(make, target):
    loss, y = make(), distinct(2, 3, seed=1)
    L = loss.forward(y, target)
    dy = loss.backward()
    with must_be_current():
        assert loss.forward(simulated(1).asarray(y), target) == pytest.approx(L)
        assert_close(simulated(1).tohost(loss.backward()), dy)
    assert loss.forward(y, target) == L


def test_labels_that_are_a_pytorch_tensor_are_refused():
    tensor = type("Tensor", (), {"__module__": "torch", "shape": (2,), "dtype": "torch.int64"})()
    with pytest.raises(TypeError, match=re.escape("SoftmaxCrossEntropy: expected an array for labels, got a PyTorch "
                                                  "tensor; convert it first: labels.numpy()")):
        SoftmaxCrossEntropy().forward(distinct(2, 3), tensor)


@pytest.mark.parametrize("way", [lambda a: np.ma.masked_array(a, a > 0), lambda a: a.view(np.recarray)])
def test_masked_arrays_and_the_like_are_refused(way):
    z, labels = distinct(2, 3), np.array([0, 1])
    for name, call in {"logits": lambda: SoftmaxCrossEntropy().forward(way(z), labels),
                       "labels": lambda: SoftmaxCrossEntropy().forward(z, way(labels)),
                       "y": lambda: MeanSquaredError().forward(way(z), z),
                       "target": lambda: MeanSquaredError().forward(z, way(z))}.items():
        with pytest.raises(TypeError, match=f"expected an array for {name}, got a (MaskedArray|recarray), which"):
            call()
