"""Pooling: by hand, against the naive loops, ties, windows over the edge."""
from __future__ import annotations

import re

import naive
import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import AvgPool2d, GlobalAvgPool2d, MaxPool2d, Sequential, cpu, gradcheck
from tinynet.devices.device import simulated
from tinynet.fast import parallel
from tinynet.fast.operation import plain
from tinynet.fast.parallel import pieces
from tinynet.layer import aside
from tinynet.models.changed import changed
from tinynet.sizes import as_pair

GRID = [  # x (N, H, W, C), kernel, stride, padding, ceil_mode
    ((1, 4, 4, 1), 2, 2, 0, False),
    ((2, 7, 5, 3), 3, 2, 0, False),  # overlapping, as in AlexNet
    ((2, 6, 8, 3), 3, 2, 0, False),  # leaves pixels over
    ((2, 4, 5, 3), 2, 2, 0, False),  # on the right alone
    ((2, 6, 8, 3), 3, 2, 0, True),  # clips the last windows
    ((2, 7, 7, 2), 3, 2, 0, True),  # nothing to clip
    ((1, 5, 6, 2), 2, 3, 0, False),  # stride larger than the kernel
    ((1, 5, 6, 2), 2, 4, 0, True),
    ((1, 4, 4, 2), 2, 3, 0, True),
    ((1, 4, 3, 2), 1, 5, 0, True),  # stride larger than the map
    ((2, 5, 4, 2), 3, 1, 1, False),
    ((2, 5, 6, 2), 3, 2, 1, True),
    ((1, 4, 5, 2), 3, 3, 2, True),  # the last window would lie wholly in the padding: there is none
    ((1, 3, 3, 1), 3, 2, 2, True),
    ((2, 5, 7, 2), (2, 3), (1, 2), (1, 0), False),
    ((2, 7, 5, 2), (3, 1), (2, 3), (0, 0), True),
    ((1, 6, 7, 2), (4, 5), (3, 1), (2, 4), True),
    ((2, 3, 5, 2), (3, 5), 1, 0, False),  # one window
    ((3, 5, 4, 2), 1, 1, 0, False),  # nothing changes
]


def image(*rows):
    return np.array(rows, np.float64)[None, :, :, None]


def sizes_of(kernel, stride, padding, ceil_mode):
    return as_pair(kernel, ""), as_pair(stride, ""), as_pair(padding, "", least=0), ceil_mode


# ---------------------------------------------------------------------------------------- both


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", GRID, ids=str)
def test_max_pool_agrees_with_the_naive_loops(case, dtype):
    shape, *sizes = case
    x = distinct(*shape, dtype=dtype)
    pool = MaxPool2d(*sizes)
    y = pool.forward(x, keep=True)
    expected, switches = naive.max_pool(x, *sizes_of(*sizes))
    np.testing.assert_array_equal(y, expected)  # a maximum is one of the numbers: no rounding
    np.testing.assert_array_equal(pool.switches, switches)
    dy = distinct(*y.shape, dtype=dtype, seed=1)
    assert_close(pool.backward(dy), naive.max_pool_backward(x, dy, *sizes_of(*sizes)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", GRID, ids=str)
def test_average_pool_agrees_with_the_naive_loops(case, dtype):
    shape, *sizes = case
    x = distinct(*shape, dtype=dtype)
    pool = AvgPool2d(*sizes)
    y = pool.forward(x, keep=True)
    assert_close(y, naive.avg_pool(x, *sizes_of(*sizes)))
    dy = distinct(*y.shape, dtype=dtype, seed=1)
    assert_close(pool.backward(dy), naive.avg_pool_backward(x, dy, *sizes_of(*sizes)))


@pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
@pytest.mark.parametrize("case", GRID, ids=str)
def test_gradients_agree_with_finite_differences(kind, case):
    gradcheck(kind(*case[1:]), distinct(*case[0]), samples=30)


@pytest.mark.parametrize("budget", [1, 200, 1000])
@pytest.mark.parametrize("case", GRID, ids=str)
def test_images_in_pieces_of_a_few_rows(case, budget, monkeypatch):
    shape, *sizes = case
    for kind in MaxPool2d, AvgPool2d:
        pool, x = kind(*sizes), distinct(*shape)
        with plain():
            y = pool.forward(x, keep=True)
            dy = distinct(*y.shape, seed=1)
            dx = pool.backward(dy)
        monkeypatch.setattr("tinynet.fast.windows.pieces", lambda part, size: pieces(part, size * 2 ** 21 // budget))
        assert_close(pool.forward(x, keep=True), y)
        assert_close(pool.backward(dy), dx)


@pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_maps_too_large_for_the_cache(kind, stride, monkeypatch):
    monkeypatch.setattr(parallel, "CACHE", 2 ** 17)                     # one image has over half a megabyte
    x, pool = distinct(3, 97, 90, 8), kind(3, stride, 1, ceil_mode=True)
    y = pool.forward(x, keep=True)
    dy = distinct(*y.shape, seed=1)
    dx = pool.backward(dy)
    with plain():
        assert_close(y, pool.forward(x, keep=True))
        assert_close(dx, pool.backward(dy))


@pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
@pytest.mark.parametrize("size, sizes, expected", [
    (55, (3, 2), 27), (27, (3, 2), 13), (13, (3, 2), 6),  # AlexNet
    (110, (3, 2, 0, True), 55), (26, (3, 2, 0, True), 13),  # ZFNet, rounding up
    (32, (3, 2, 0, True), 16), (32, (3, 2), 15),  # CIFAR-10
    (14, (5, 3), 4), (28, (2,), 14),  # GoogLeNet's heads; the stride is the kernel's size unless given
])
def test_output_sizes_of_the_papers(kind, size, sizes, expected):
    assert kind(*sizes).output_size(size, size) == (expected, expected)


@pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
def test_stride_is_the_kernel_size_unless_given(kind):
    assert kind((2, 3)).stride == (2, 3)
    assert kind((2, 3), stride=1).stride == (1, 1)


@pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
def test_bad_input_is_refused(kind):
    name = kind.__name__
    with pytest.raises(ValueError, match=re.escape(f"pool1 ({name}): the window (4, 4) is larger than the padded input "
                                                   "(2 x 5, padding (0, 0))")):
        Sequential(pool1=kind(4)).forward(np.ones((1, 2, 5, 1)))
    with pytest.raises(ValueError, match=re.escape(f"{name}: padding (2, 1) must be smaller than the kernel (2, 2)")):
        kind(2, padding=(2, 1))
    with pytest.raises(ValueError, match=f"{name} kernel_size: expected a whole number of 1 or more"):
        kind(0)
    with pytest.raises(ValueError, match=f"{name} stride: expected"):
        kind(2, 0)
    with pytest.raises(ValueError, match=f"{name} padding: expected a whole number of 0 or more"):
        kind(2, 1, -1)


# ---------------------------------------------------------------------------------------- maximum


def test_max_pool_by_hand():
    # 1 8 2
    # 4 3 5    windows of 2 x 2 at stride 1: the maxima are 8 8 / 9 9
    # 6 9 7
    pool = MaxPool2d(2, 1)
    y = pool.forward(image([1, 8, 2], [4, 3, 5], [6, 9, 7]), keep=True)
    np.testing.assert_array_equal(y, image([8, 8], [9, 9]))
    # where in its window the maximum is: 0 1
    #                                     2 3
    np.testing.assert_array_equal(pool.switches[0, :, :, 0], [[1, 0], [3, 2]])
    # overlapping windows add: the 8 won two windows and gets 1 + 2, the 9 gets 3 + 4
    np.testing.assert_array_equal(pool.backward(image([1, 2], [3, 4])), image([0, 3, 0], [0, 0, 0], [0, 7, 0]))


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_of_equal_pixels_the_first_wins_and_only_it(stride):
    pool = MaxPool2d(3, stride)
    y = pool.forward(np.full((2, 7, 8, 3), 5.0), keep=True)
    np.testing.assert_array_equal(pool.switches, np.zeros(y.shape))
    expected = np.zeros((2, 7, 8, 3))
    expected[:, :y.shape[1] * stride:stride, :y.shape[2] * stride:stride] = 1  # each window's upper left pixel
    np.testing.assert_array_equal(pool.backward(np.ones(y.shape)), expected)


def test_the_first_is_the_first_in_row_major_order():
    # 1 2      the two 2s tie. Row by row, the upper right is first; column by column it would be the lower left
    # 2 0
    pool = MaxPool2d(2)
    pool.forward(image([1, 2], [2, 0]), keep=True)
    assert pool.switches.item() == 1
    np.testing.assert_array_equal(pool.backward(image([7])), image([0, 7], [0, 0]))


def test_ties_agree_with_the_naive_loops():
    x = np.random.default_rng(0).integers(0, 3, (2, 6, 7, 2)).astype(np.float64)  # most windows have ties
    for sizes in (3, 2, 1, True), (2, 1, 0, False), ((3, 2), (1, 3), 0, True):
        pool = MaxPool2d(*sizes)
        y = pool.forward(x, keep=True)
        dy = distinct(*y.shape)
        assert_close(pool.backward(dy), naive.max_pool_backward(x, dy, *sizes_of(*sizes)))


def test_padding_never_wins():
    pool = MaxPool2d(3, 1, 1)
    y = pool.forward(image([-5, -6], [-7, -8]), keep=True)  # a padding of zeros would be larger than all
    np.testing.assert_array_equal(y, image([-5, -5], [-5, -5]))
    np.testing.assert_array_equal(pool.backward(image([1, 1], [1, 1])), image([4, 0], [0, 0]))


def test_minus_infinity_is_a_number_like_others():
    pool = MaxPool2d(2)
    assert pool.forward(np.full((1, 2, 2, 1), -np.inf), keep=True).item() == -np.inf
    np.testing.assert_array_equal(pool.backward(image([3])), image([3, 0], [0, 0]))


@pytest.mark.parametrize("x", [image([1, 1, np.nan, 1], [1, 1, 1, 1]), image([np.nan, 3, 1, 2], [1, 1, 2, 1])])
def test_where_the_largest_is_nan_no_pixel_wins(x):
    expected = image([7, 0, 0, 0], [0, 0, 0, 0]) if np.isnan(x[0, 0, 2, 0]) else image([0, 0, 0, 7], [0, 0, 0, 0])
    pool = MaxPool2d(2)
    y = pool.forward(x, keep=True)
    np.testing.assert_array_equal(pool.switches == 4, np.isnan(y))
    np.testing.assert_array_equal(pool.backward(np.full((1, 1, 2, 1), 7.0)), expected)


def test_beyond_the_map_nothing_wins_not_even_against_minus_infinity():
    pool = MaxPool2d(3, 2, 1)
    y = pool.forward(np.full((1, 3, 3, 1), -np.inf), keep=True)
    np.testing.assert_array_equal(pool.switches[0, :, :, 0], [[4, 3], [1, 0]])
    np.testing.assert_array_equal(pool.backward(np.ones(y.shape)), image([1, 1, 0], [1, 1, 0], [0, 0, 0]))


@pytest.mark.parametrize("kernel, dtype", [((15, 17), np.uint8), ((16, 16), np.uint16), ((32, 9), np.uint16),
                                           ((9, 32), np.uint16), ((255, 257), np.uint16), ((256, 256), np.uint32)])
def test_switches_count_the_pixels_of_large_windows_and_one_more(kernel, dtype):
    pool = MaxPool2d(kernel)
    pool.forward(np.zeros((1, *kernel, 1)), keep=True)
    assert pool.switches.dtype == dtype
    for place in (0, 0), (7, 3), (8, 8), (kernel[0] - 1, kernel[1] - 1):
        x = np.zeros((1, *kernel, 1))
        x[0, place[0], place[1], 0] = 1
        pool.forward(x, keep=True)
        assert pool.switches.item() == place[0] * kernel[1] + place[1]
        np.testing.assert_array_equal(pool.backward(np.ones((1, 1, 1, 1))), x)


def test_switches_are_there_from_a_forward_that_keeps_to_the_backward():
    pool, x = MaxPool2d(2), distinct(1, 4, 4, 3)
    pool.forward(x)
    assert pool.switches is None
    for how in {"keep": True}, {"train": True}:
        pool.forward(x, **how)
        assert pool.switches.shape == (1, 2, 2, 3) and pool.switches.dtype == np.uint8
        pool.backward(np.ones((1, 2, 2, 3)))
        assert pool.switches is None
    pool.forward(x, keep=True)
    pool.forward(x)
    assert pool.switches is None


def test_an_answer_asked_for_between_forward_and_backward_leaves_the_switches():
    pool, x = MaxPool2d(2), distinct(1, 4, 4, 3)
    pool.forward(x, keep=True)
    switches = pool.switches
    with aside():
        pool.forward(-x)
    assert pool.switches is switches
    pool.backward(np.ones((1, 2, 2, 3)))


def test_switches_go_with_what_was_kept():
    pool = MaxPool2d(2)
    pool.forward(distinct(1, 4, 4, 3), keep=True)
    pool.to(cpu)
    assert pool.switches is None


# ---------------------------------------------------------------------------------------- mean


def test_average_pool_by_hand():
    # 1 2 3
    # 4 5 6   windows of 2 x 2 at stride 2, rounding up: the last ones hold 2, 2 and 1 pixels
    # 7 8 9   (1+2+4+5)/4 = 3, (3+6)/2 = 4.5, (7+8)/2 = 7.5, 9/1
    pool = AvgPool2d(2, 2, ceil_mode=True)
    y = pool.forward(image([1, 2, 3], [4, 5, 6], [7, 8, 9]), keep=True)
    np.testing.assert_array_equal(y, image([3, 4.5], [7.5, 9]))
    # dy = 4 8 / 12 16, each divided by the pixels of its window: 1, 4, 6, 16
    np.testing.assert_array_equal(pool.backward(image([4, 8], [12, 16])), image([1, 1, 4], [1, 1, 4], [6, 6, 16]))


def test_overlapping_means_add_their_gradients():
    # windows (a, b) and (b, c): each gives half of its dy to both pixels
    pool = AvgPool2d((1, 2), 1)
    pool.forward(image([0, 0, 0]), keep=True)
    np.testing.assert_array_equal(pool.backward(image([2, 4])), image([1, 1 + 2, 2]))


def test_the_areas_of_the_windows_are_counted_once_for_a_shape(monkeypatch):
    pool, x = AvgPool2d(3, 2, 1), distinct(2, 6, 8, 2)
    first, other = pool.forward(x), pool.forward(x[:, :5])
    np.testing.assert_array_equal(pool.forward(x), first)  # counted again, after another shape
    with monkeypatch.context() as patch:
        patch.setattr("numpy.arange", None)
        pool.forward(x)
        pool.forward(x, keep=True)
        pool.backward(first)
    np.testing.assert_array_equal(pool.forward(x[:, :5]), other)
    for a in x[:, :, :7].astype(np.float32), x[:, :, :7], x:
        np.testing.assert_array_equal(pool.forward(a), AvgPool2d(3, 2, 1).forward(a))
    device = simulated(0)
    assert_close(device.tohost(pool.to(device).forward(device.asarray(x))), first)


def test_a_pooling_that_is_changed_counts_anew():
    net, x = Sequential(pool=AvgPool2d(3, 2)), distinct(1, 7, 7, 2)
    net.forward(x)
    np.testing.assert_array_equal(changed(net, pool=2).forward(x), AvgPool2d(2).forward(x))


@pytest.mark.parametrize("padding, ceil_mode", [(0, True), (1, False), (1, True)])
def test_a_mean_divides_by_the_pixels_that_exist(padding, ceil_mode):
    pool = AvgPool2d(3, 2, padding, ceil_mode)
    assert_close(pool.forward(np.ones((1, 6, 8, 2))), np.ones((1, *pool.output_size(6, 8), 2)))


def test_global_average_pool_by_hand():
    # Two maps of 1 x 2 pixels: (1, 3) and (10, 30). dy = 4 and 8 is shared equally by the two pixels.
    pool = GlobalAvgPool2d()
    x = np.array([[1.0, 10.0], [3.0, 30.0]]).reshape(1, 1, 2, 2)
    np.testing.assert_array_equal(pool.forward(x, keep=True), [[2, 20]])
    np.testing.assert_array_equal(pool.backward(np.array([[4.0, 8.0]])).reshape(2, 2), [[2, 4], [2, 4]])


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 5, 4), (1, 7, 2, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_global_average_pool_is_the_average_pool_of_one_window(shape, dtype):
    x, whole, window = distinct(*shape, dtype=dtype), GlobalAvgPool2d(), AvgPool2d(shape[1:3])
    y = whole.forward(x, keep=True)
    assert_close(y, window.forward(x, keep=True)[:, 0, 0])
    dy = distinct(*y.shape, dtype=dtype, seed=1)
    assert_close(whole.backward(dy), window.backward(dy[:, None, None]))
    gradcheck(whole, x)


def test_the_mean_of_a_large_map_keeps_its_digits():
    """One sum over 512 x 512 pixels in float32 is wrong by 2.5e-3."""
    y = GlobalAvgPool2d()(np.full((1, 512, 512, 2), 0.1, np.float32))
    np.testing.assert_allclose(y, 0.1, rtol=2e-5)


@pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
def test_rounding_up_is_so_or_not(kind):
    for wrong in "floor", None, 2:
        with pytest.raises(ValueError, match=f"{kind.__name__} ceil_mode: expected True or False, got"):
            kind(2, ceil_mode=wrong)
    assert kind(2, ceil_mode=np.bool_(True)).ceil_mode is True
