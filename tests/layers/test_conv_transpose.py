"""Transposed convolution: the adjoint of the convolution of the same weights, its sizes, bad arguments."""
from __future__ import annotations

import re

import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import Conv2d, ConvTranspose2d, gaussian

GRID = [  # kernel, stride, padding, output_padding, groups, maps (P, Q)
    (1, 1, 0, 0, 1, (3, 4)), (3, 1, 1, 0, 1, (5, 4)), (3, 2, 1, 1, 2, (3, 3)), (2, 2, 0, 0, 1, (4, 2)),
    ((3, 2), (2, 3), ((0, 1), (2, 0)), (1, 2), 1, (4, 3)), (2, 3, 0, 2, 2, (2, 2)), (5, 1, 4, 0, 1, (7, 6)),
]


def pair(kernel, stride, padding, output_padding, groups, bias=True):
    """A transposed convolution of 4 maps to 6, and the convolution of 6 maps to 4 that has its weights."""
    rng, init = np.random.default_rng(0), {"weight_init": gaussian(0.5), "bias_init": gaussian(0.5)}
    up = ConvTranspose2d(4, 6, kernel, stride, padding, output_padding, groups, bias, rng=rng, **init)
    down = Conv2d(6, 4, kernel, stride, padding, groups, bias=False, rng=rng)
    up.astype(np.float64)
    down.astype(np.float64).W.assign(up.W.value)
    return up, down


@pytest.mark.parametrize("case", GRID, ids=str)
def test_it_is_the_adjoint_of_the_convolution_with_the_same_weights(case):
    *how, (P, Q) = case
    up, down = pair(*how, bias=False)
    x = distinct(2, P, Q, 4)
    y = up.forward(x)
    z = distinct(*y.shape, seed=1)
    assert down.forward(z).shape == x.shape
    np.testing.assert_allclose((y * z).sum(), (x * down.forward(z)).sum(), rtol=1e-12)


@pytest.mark.parametrize("case", GRID, ids=str)
def test_it_is_what_goes_back_through_the_convolution_and_the_bias_is_added(case):
    *how, (P, Q) = case
    up, down = pair(*how)
    x = distinct(2, P, Q, 4)
    y = up.forward(x)
    assert_close(y, down.transpose(x, y.shape[1:3]) + up.b.value)


def test_by_hand():
    up = ConvTranspose2d(1, 1, 3, stride=2, bias=False)
    up.W.assign(np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32)[:, :, None, None])
    y = up.forward(np.array([[1, 10]], np.float32)[None, :, :, None])[0, :, :, 0]
    np.testing.assert_array_equal(y, [[1, 2, 11, 20, 10], [2, 4, 22, 40, 20], [1, 2, 11, 20, 10]])


def test_multiply_adds_are_those_of_each_kernel_at_each_pixel_that_comes_in():
    up = ConvTranspose2d(4, 6, 3, stride=2, groups=2)
    assert up.multiply_adds((1, 5, 7, 4), up.forward(np.zeros((1, 5, 7, 4), np.float32)).shape) == 5 * 7 * 4 * 3 * 9


@pytest.mark.parametrize("arguments, message", [
    ((4, 6, 3, 1, 0, 1), "ConvTranspose2d: output_padding (1, 1) must be smaller than the stride (1, 1)"),
    ((4, 6, 3, (3, 1), 0, (0, 1)), "ConvTranspose2d: output_padding (0, 1) must be smaller than the stride (3, 1)"),
    ((4, 6, 3, 2, 0, 0, 3), "ConvTranspose2d: groups=3 must divide in_channels=4 and out_channels=6"),
    ((4, 0, 3), "ConvTranspose2d out_channels: expected a whole number of 1 or more, got 0"),
])
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ConvTranspose2d(*arguments)


def test_same_keeps_the_size():
    for kernel in 1, 2, 3, (4, 5):
        up = ConvTranspose2d(2, 3, kernel, padding="same")
        assert up.forward(np.zeros((1, 6, 7, 2), np.float32)).shape == (1, 6, 7, 3)


def test_a_padding_that_leaves_nothing():
    with pytest.raises(ValueError, match=re.escape("padding ((2, 2), (2, 2)) leaves nothing of maps of 2 x 2")):
        ConvTranspose2d(1, 1, 3, padding=2).forward(np.ones((1, 2, 2, 1), np.float32))
