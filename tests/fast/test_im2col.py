"""im2col and col2im against loops, and as transposes of each other; padding; sizes."""
from __future__ import annotations

import numpy as np
import pytest
from naive import assert_close, conv_size, distinct

from tinynet.fast.im2col import channels_of_groups, col2im, im2col, output_length, pad, unpad

GRID = [  # x (N, H, W, C), kernel, stride
    ((1, 3, 3, 1), (2, 2), (1, 1)),
    ((2, 4, 5, 3), (1, 1), (1, 1)),  # each pixel is a window
    ((2, 4, 5, 3), (1, 1), (2, 3)),
    ((2, 4, 5, 3), (1, 1), (1, 2)),
    ((2, 5, 4, 2), (3, 2), (1, 1)),
    ((1, 7, 5, 2), (3, 3), (2, 2)),
    ((3, 6, 8, 1), (3, 2), (2, 3)),  # strides that leave pixels over
    ((2, 7, 7, 2), (2, 1), (3, 4)),  # strides larger than the kernel
    ((1, 4, 6, 2), (4, 6), (1, 1)),  # one window
]


def test_windows_become_rows():
    # 1 2 3
    # 4 5 6   has the four windows of 2 x 2 pixels
    # 7 8 9
    image = np.arange(1.0, 10.0).reshape(1, 3, 3, 1)
    expected = [[1, 2, 4, 5], [2, 3, 5, 6], [4, 5, 7, 8], [5, 6, 8, 9]]
    np.testing.assert_array_equal(im2col(image, (2, 2), (1, 1), np), expected)


def test_overlapping_windows_add_up():
    # How many of the four windows hold each pixel
    image = col2im(np.ones((4, 4)), (1, 3, 3, 1), (2, 2), (1, 1), np)
    np.testing.assert_array_equal(image[0, :, :, 0], [[1, 2, 1], [2, 4, 2], [1, 2, 1]])


def test_pixels_in_no_window_stay_zero():
    image = col2im(np.ones((1, 1)), (1, 2, 2, 1), (1, 1), (2, 2), np)
    np.testing.assert_array_equal(image[0, :, :, 0], [[1, 0], [0, 0]])


@pytest.mark.parametrize("shape, kernel, stride", GRID)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_im2col_agrees_with_loops(shape, kernel, stride, dtype):
    x = distinct(*shape, dtype=dtype)
    rows = []
    for n in range(shape[0]):
        for top in range(0, shape[1] - kernel[0] + 1, stride[0]):
            for left in range(0, shape[2] - kernel[1] + 1, stride[1]):
                rows.append(x[n, top:top + kernel[0], left:left + kernel[1]].ravel())  # row, column, channel
    cols = im2col(x, kernel, stride, np)
    assert cols.dtype == dtype
    np.testing.assert_array_equal(cols, rows)


@pytest.mark.parametrize("view", [lambda x: x[:, ::2], lambda x: x[..., 1:], lambda x: x.swapaxes(1, 3)])
def test_images_need_not_lie_side_by_side_in_memory(view):
    x = view(distinct(2, 6, 6, 6))
    np.testing.assert_array_equal(im2col(x, (3, 2), (1, 2), np), im2col(x.copy(), (3, 2), (1, 2), np))


@pytest.mark.parametrize("shape, kernel, stride", GRID)
def test_col2im_is_the_transpose_of_im2col(shape, kernel, stride):
    x = distinct(*shape)  # <im2col(x), c> = <x, col2im(c)> for every x and c
    cols = im2col(x, kernel, stride, np)
    c = distinct(*cols.shape, seed=1)
    image = col2im(c, shape, kernel, stride, np)
    assert image.shape == shape
    assert_close((image * x).sum(), (cols * c).sum())


@pytest.mark.parametrize("kernel, stride", [((1, 1), (1, 1)), ((2, 3), (1, 2))])
def test_im2col_reads_any_layout_of_memory(kernel, stride):
    x = distinct(2, 4, 5, 3)
    np.testing.assert_array_equal(im2col(np.asfortranarray(x), kernel, stride, np), im2col(x, kernel, stride, np))


# ---------------------------------------------------------------------------------------- padding


def test_pad_puts_zeros_around():
    x = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    padded = pad(x, ((1, 0), (0, 2)), np)
    assert padded.shape == (1, 3, 4, 1)
    np.testing.assert_array_equal(unpad(padded, ((1, 0), (0, 2))), x)
    np.testing.assert_array_equal(padded[0, :, :, 0], [[0, 0, 0, 0], [1, 2, 0, 0], [3, 4, 0, 0]])


def test_negative_padding_cuts_off():
    x = np.arange(1.0, 10.0).reshape(1, 3, 3, 1)
    np.testing.assert_array_equal(pad(x, ((-1, 1), (0, -2)), np)[0, :, :, 0], [[4], [7], [0]])
    np.testing.assert_array_equal(pad(x, ((1, -2), (-1, 0)), np)[0, :, :, 0], [[0, 0], [2, 3]])
    np.testing.assert_array_equal(pad(x, ((5, -4), (0, 0)), np), np.zeros((1, 4, 3, 1)))  # rows that lie wholly above


def test_groups_share_the_channels():
    assert channels_of_groups(2, 3, 8) == [(slice(0, 3), slice(0, 4)), (slice(3, 6), slice(4, 8))]


def test_nothing_to_pad_copies_nothing():
    x = distinct(1, 2, 2, 1)
    assert np.shares_memory(pad(x, ((0, 0), (0, 0)), np), x)


# ---------------------------------------------------------------------------------------- sizes


def test_output_length_counts_windows():
    for length in range(1, 9):
        for kernel in range(1, 5):
            for stride in range(1, 5):
                for padding in (0, 0), (1, 1), (0, 2), (3, 1):
                    if kernel <= length + sum(padding):
                        expected = conv_size(length, kernel, stride, padding)
                        assert output_length(length, kernel, stride, padding) == expected


def test_no_place_for_a_kernel_that_is_too_large():
    assert output_length(2, 3, 1, (0, 0)) < 1
    assert output_length(2, 5, 4, (1, 1)) < 1
