"""Distances from fixed codes: by hand, against the naive loops, and what they are as scores."""
from __future__ import annotations

import math
import re

import naive
import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import RBF, Linear, Sequential, SoftmaxCrossEntropy, gradcheck

GRID = [(1, 1, 1), (1, 5, 3), (4, 3, 2), (3, 1, 4)]  # N, J, K


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("N, J, K", GRID)
def test_agrees_with_the_naive_loops(N, J, K, dtype):
    x, codes = distinct(N, J, dtype=dtype), 2 * distinct(K, J, dtype=np.float32, seed=2)
    layer = RBF(J, codes)
    y = layer.forward(x, keep=True)
    assert_close(y, naive.rbf(x, codes))
    dy = distinct(N, K, dtype=dtype, seed=1)
    assert_close(layer.backward(dy), naive.rbf_backward(x, codes, dy))


@pytest.mark.parametrize("N, J, K", GRID)
def test_gradients_agree_with_finite_differences(N, J, K):
    gradcheck(RBF(J, distinct(K, J, seed=2)), 2 * distinct(N, J))


def test_by_hand():
    # from (1, 2): to (1, 1) the distance is 0 + 1, to (-1, 1) it is 4 + 1; from a code to itself 0
    layer = RBF(2, [[1, 1], [-1, 1]])
    np.testing.assert_array_equal(layer.forward(np.array([[1.0, 2.0], [-1.0, 1.0]]), keep=True), [[-1, -5], [-4, 0]])
    # first row: -2 (3 · (0, 1) + 10 · (2, 1)) = (-40, -26); second: -2 (1 · (-2, 0) + 0) = (4, 0)
    np.testing.assert_array_equal(layer.backward(np.array([[3.0, 10.0], [1.0, 0.0]])), [[-40, -26], [4, 0]])


def test_the_nearest_code_is_the_most_probable():
    codes = distinct(5, 4, dtype=np.float32)
    net = Sequential(output=RBF(4, codes))
    assert net.predict(codes + np.float32(0.01)).argmax(axis=1).tolist() == [0, 1, 2, 3, 4]


def test_with_softmax_and_cross_entropy_it_is_the_papers_loss_without_j():
    # the paper's (9): the mean of d[D] + log(e^-j + Σ e^-d), here with e^-j = 0
    x, codes, labels = distinct(3, 4), distinct(5, 4, seed=2), np.array([4, 0, 2])
    d = -naive.rbf(x, codes.astype(np.float32))
    expected = sum(d[n, D] + math.log(sum(math.exp(-a) for a in d[n])) for n, D in enumerate(labels)) / 3
    assert SoftmaxCrossEntropy().forward(RBF(4, codes).forward(x), labels) == pytest.approx(expected, rel=1e-12)


def test_codes_of_one_length_learn_as_a_fixed_linear_layer_would():
    codes, x, labels = np.sign(distinct(3, 6, seed=2)), distinct(4, 6), np.array([0, 2, 1, 1])
    linear = Linear(6, 3, bias=False, weight_init=lambda rng, shape: 2 * codes.T).astype(np.float64)
    gradients = []
    for layer in RBF(6, codes), linear:
        loss = SoftmaxCrossEntropy()
        loss.forward(layer.forward(x, keep=True), labels)
        gradients.append(layer.backward(loss.backward()))
    assert_close(*gradients)


def test_codes_are_no_parameters_and_the_callers_array_stays_the_callers():
    codes = distinct(3, 4, dtype=np.float32)
    layer, before = RBF(4, codes), codes.copy()
    codes[:] = 0
    assert layer.parameters() == [] and layer.state() == []
    np.testing.assert_array_equal(layer.codes, before)


@pytest.mark.parametrize("codes, message", [
    (np.ones((10, 83)), "RBF: expected codes of shape (classes, 84), got (10, 83)"),
    (np.ones(84), "RBF: expected codes of shape (classes, 84), got (84,)"),
    (np.ones((0, 84)), "RBF: expected codes of shape (classes, 84), got (0, 84)"),
    (np.full((2, 84), np.nan), "RBF: the codes hold NaN or infinity"),
])
def test_codes_that_are_none_are_refused(codes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        RBF(84, codes)


def test_input_of_another_width_is_refused():
    with pytest.raises(ValueError, match=re.escape("output (RBF): expected x of shape (N, 3), got (2, 4)")):
        Sequential(output=RBF(3, np.ones((2, 3)))).forward(np.ones((2, 4)))
