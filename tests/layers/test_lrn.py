"""Response normalisation: by hand, against the naive loops, α as the paper has it.

The constants here are large (α from 0.1 to 2): with the paper's α = 1e-4 a wrong neighbourhood, or an α divided by n,
would disappear in the tolerance.
"""
from __future__ import annotations

import re
from functools import partial

import naive
import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import LRN, Sequential, WithinMapNorm, gradcheck

LRN_GRID = [  # x (N, H, W, C), n, k, alpha, beta, groups
    ((1, 1, 1, 1), 5, 2.0, 0.5, 0.75, 1),  # one map: it is its only neighbour
    ((2, 3, 2, 3), 5, 2.0, 0.5, 0.75, 1),  # fewer maps than n
    ((1, 2, 3, 8), 5, 2.0, 0.5, 0.75, 1),
    ((2, 2, 3, 8), 5, 1.0, 2.0, 0.75, 2),  # each column by itself
    ((1, 2, 1, 6), 3, 1.5, 1.0, 0.5, 3),
    ((1, 1, 2, 4), 3, 1.0, 1.0, 0.75, 4),  # groups of one map
    ((3, 1, 2, 5), 1, 1.0, 0.7, 1.0, 1),
    ((1, 2, 2, 11), 9, 1.0, 0.1, 0.75, 1),  # cuda-convnet's 11 % net has n = 9
]
MAP_GRID = [  # x (N, H, W, C), size, k, alpha, beta
    ((1, 1, 1, 1), 3, 1.0, 0.5, 0.75),
    ((2, 5, 4, 3), 3, 1.0, 0.5, 0.75),
    ((1, 6, 7, 2), 5, 2.0, 1.0, 0.5),
    ((2, 2, 3, 2), 5, 1.0, 0.3, 0.75),  # the window is larger than the map
    ((1, 3, 4, 2), 1, 1.0, 2.0, 1.0),
]


def pixel(*maps):
    """One pixel with these maps."""
    return np.array(maps, np.float64).reshape(1, 1, 1, -1)


def test_lrn_by_hand():
    # n = 3, k = 1, α = 1, β = 1: each map divided by 1 + the sum of squares of itself and the map on either side
    # 1 / (1 + 1+4) = 1/6,  2 / (1 + 1+4+9) = 2/15,  3 / (1 + 4+9) = 3/14
    lrn = LRN(n=3, k=1, alpha=1, beta=1)
    assert_close(lrn.forward(pixel(1, 2, 3), keep=True), pixel(1 / 6, 2 / 15, 3 / 14))
    # dy = (1, 0, 0) asks for the derivatives of y₁ = a / (1 + a² + b²) at a = 1, b = 2, by the quotient rule:
    # by a (1 + b² - a²) / 36 = 4/36, by b -2ab / 36 = -4/36, by the third map 0
    assert_close(lrn.backward(pixel(1, 0, 0)), pixel(4 / 36, -4 / 36, 0))


def test_alpha_is_not_divided_by_n():
    # one map of 1, n = 5, k = 0.5, α = 0.5, β = 1: 1 / (0.5 + 0.5 · 1) = 1; with α / 5 it would be 1 / 0.6
    assert LRN(n=5, k=0.5, alpha=0.5, beta=1).forward(pixel(1)).item() == 1


def test_alpha_is_not_divided_by_the_area_of_the_window():
    # the same in the middle of a 3 x 3 window of zeros
    assert WithinMapNorm(size=3, alpha=0.5, beta=1, k=0.5).forward(pixel(1)).item() == 1


def test_constants_are_the_papers_unless_given():
    lrn = LRN()
    assert (lrn.n, lrn.k, lrn.alpha, lrn.beta, lrn.groups) == (5, 2.0, 1e-4, 0.75, 1)
    # 100 in six maps: 5 of them reach the third: 100 / (2 + 1e-4 · 5 · 10,000)^0.75 = 100 / 7^0.75
    y = lrn.forward(pixel(*[100.0] * 6))
    assert_close(y[0, 0, 0, 2], 100 / 7 ** 0.75)
    assert_close(y[0, 0, 0, 0], 100 / 5 ** 0.75)  # at the edge there are 3
    assert WithinMapNorm(3, 1, 1).k == 1


def test_windows_stay_inside_a_group():
    # two groups of two maps, n = 3: the third map does not see the second
    y = LRN(n=3, k=1, alpha=1, beta=1, groups=2).forward(pixel(1, 2, 3, 4))
    assert_close(y, pixel(1 / 6, 2 / 6, 3 / 26, 4 / 26))


@pytest.mark.parametrize("groups", [1, 2])
def test_windows_do_not_reach_into_the_next_pixel(groups):
    lrn, x = LRN(n=5, k=1, alpha=1, beta=1, groups=groups), distinct(2, 3, 2, 4)
    y = lrn.forward(x)
    for n, h, w in np.ndindex(2, 3, 2):
        assert_close(lrn.forward(x[n:n + 1, h:h + 1, w:w + 1]), y[n:n + 1, h:h + 1, w:w + 1])


def test_within_map_norm_by_hand():
    # 1 2 in the first map, 10 20 in the second; each pixel sees the other one in its own map only:
    # 1 / (1 + 1+4), 2 / (1 + 1+4) and 10 / (1 + 100+400), 20 / (1 + 100+400)
    norm = WithinMapNorm(3, alpha=1, beta=1, k=1)
    x = np.array([[1.0, 10.0], [2.0, 20.0]]).reshape(1, 1, 2, 2)
    assert_close(norm.forward(x, keep=True).reshape(2, 2), [[1 / 6, 10 / 501], [2 / 6, 20 / 501]])
    dy = np.array([[1.0, 0.0], [0.0, 0.0]]).reshape(1, 1, 2, 2)
    assert_close(norm.backward(dy).reshape(2, 2), [[4 / 36, 0], [-4 / 36, 0]])  # as for LRN above


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape, n, k, alpha, beta, groups", LRN_GRID)
def test_lrn_agrees_with_the_naive_loops(shape, n, k, alpha, beta, groups, dtype):
    _agrees(LRN(n, k, alpha, beta, groups), shape, dtype, naive.maps_around(n, groups), k, alpha, beta)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape, size, k, alpha, beta", MAP_GRID)
def test_within_map_norm_agrees_with_the_naive_loops(shape, size, k, alpha, beta, dtype):
    _agrees(WithinMapNorm(size, alpha, beta, k), shape, dtype, naive.pixels_around(size), k, alpha, beta)


def _agrees(layer, shape, dtype, neighbours, k, alpha, beta):
    x, dy = distinct(*shape, dtype=dtype), distinct(*shape, dtype=dtype, seed=1)
    y, dx = layer.forward(x, keep=True), layer.backward(dy)
    assert y.dtype == dx.dtype == dtype
    assert_close(y, naive.response_norm(x, neighbours, k, alpha, beta), "y")
    assert_close(dx, naive.response_norm_backward(x, dy, neighbours, k, alpha, beta), "dx")


@pytest.mark.parametrize("shape, n, k, alpha, beta, groups", LRN_GRID)
def test_lrn_gradients_agree_with_finite_differences(shape, n, k, alpha, beta, groups):
    gradcheck(LRN(n, k, alpha, beta, groups), distinct(*shape), samples=30)


@pytest.mark.parametrize("shape, size, k, alpha, beta", MAP_GRID)
def test_within_map_norm_gradients_agree_with_finite_differences(shape, size, k, alpha, beta):
    gradcheck(WithinMapNorm(size, alpha, beta, k), distinct(*shape), samples=30)


@pytest.mark.parametrize("wrong", [0, -1, 5.0])
def test_other_neighbourhoods_are_refused(wrong):
    for what, make in {"LRN n": lambda: LRN(n=wrong), "LRN groups": lambda: LRN(groups=wrong),
                       "WithinMapNorm size": lambda: WithinMapNorm(wrong, 1, 1)}.items():
        with pytest.raises(ValueError, match=f"{what}: expected a whole number of 1 or more, got {wrong}"):
            make()


@pytest.mark.parametrize("wrong", [2, 4])
def test_neighbourhoods_have_a_middle(wrong):
    with pytest.raises(ValueError, match=f"LRN: expected an odd number n of neighbouring maps, got {wrong}"):
        LRN(n=wrong)
    with pytest.raises(ValueError, match=f"WithinMapNorm: expected an odd window size, got {wrong}"):
        WithinMapNorm(wrong, 1, 1)


def test_groups_must_divide_the_channels():
    with pytest.raises(ValueError, match=re.escape("norm1 (LRN): groups=2 must divide the 5 channels")):
        Sequential(norm1=LRN(groups=2)).forward(np.ones((1, 2, 2, 5)))


@pytest.mark.parametrize("constants", [{"k": 0.0}, {"k": np.nan}, {"alpha": -1e-4}, {"beta": np.inf}])
def test_a_strength_that_could_be_0_is_refused(constants):
    """k = 0 would make each neighbourhood of zeros, as there are many behind a ReLU, NaN."""
    for layer in LRN, partial(WithinMapNorm, 3):
        with pytest.raises(ValueError, match="expected k above 0, alpha and beta of 0 or more, all finite, got k="):
            layer(**{"alpha": 1e-4, "beta": 0.75, **constants})
