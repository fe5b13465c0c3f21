"""Convolution: by hand, against the naive loops, against finite differences; sizes and messages."""
from __future__ import annotations

import re

import naive
import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import Conv2d, Sequential, constant, gaussian, gradcheck
from tinynet.fast import parallel
from tinynet.fast.operation import plain
from tinynet.sizes import as_padding, as_pair

GRID = [  # x (N, H, W, C), then F, kernel, stride, padding, groups
    ((1, 4, 4, 1), 1, 2, 1, 0, 1),  # one image, one channel, one kernel
    ((2, 5, 5, 3), 4, 3, 1, 1, 1),
    ((2, 7, 5, 2), 3, 3, 2, 0, 1),  # odd, not square
    ((1, 6, 8, 2), 3, 3, 2, 0, 1),  # a stride that leaves pixels over
    ((2, 5, 6, 3), 2, (1, 3), (2, 1), 0, 1),
    ((2, 6, 5, 2), 2, (3, 2), 1, (0, 1), 1),
    ((2, 5, 6, 2), 2, 2, (1, 2), 0, 1),
    ((1, 7, 8, 1), 2, 2, 3, 0, 1),  # stride larger than the kernel
    ((1, 5, 4, 2), 2, 3, 1, 2, 1),  # padding larger than the stride, windows start as far out as can be
    ((1, 4, 5, 2), 2, 2, 1, 3, 1),  # padding larger than the kernel: whole windows of zeros
    ((1, 4, 5, 2), 2, (3, 2), 2, 4, 1),
    ((2, 5, 5, 2), 3, 3, 1, ((0, 1), (2, 0)), 1),
    ((2, 5, 6, 2), 3, 3, 2, ((1, 0), (0, 3)), 1),
    ((1, 4, 4, 2), 3, 2, 1, ((3, 0), (0, 1)), 1),  # cuts above and adds below in backward
    ((2, 5, 4, 4), 6, 3, 1, 1, 2),
    ((2, 5, 4, 4), 6, 3, 2, ((0, 1), (1, 0)), 2),
    ((2, 4, 4, 3), 3, 2, 1, 0, 3),  # as many groups as channels
    ((2, 4, 5, 2), 6, 2, 2, 1, 2),
    ((3, 4, 5, 3), 4, 1, 1, 0, 1),  # 1 x 1
    ((2, 4, 5, 4), 6, 1, 1, 0, 2),
    ((2, 4, 5, 3), 4, 1, 1, 1, 1),
    ((2, 3, 5, 2), 3, (3, 5), 1, 0, 1),  # the kernel is as large as the image: a fully-connected layer
]
GRADCHECK_GRID = [
    ((1, 4, 4, 1), 1, 2, 1, 0, 1),
    ((2, 4, 3, 2), 2, (3, 2), 1, ((1, 0), (2, 1)), 1),
    ((1, 5, 4, 4), 2, 2, (2, 3), ((0, 2), (1, 0)), 2),
    ((1, 3, 3, 1), 2, 2, 1, 3, 1),
    ((2, 3, 2, 2), 2, 1, 1, 0, 2),
]


def make(shape, F, kernel, stride, padding, groups, **options):
    return Conv2d(shape[-1], F, kernel, stride, padding, groups, rng=np.random.default_rng(3),
                  weight_init=gaussian(0.5), bias_init=gaussian(0.5), **options)


def one_kernel(*rows, bias=0.0):
    """A convolution of one map with the one kernel given."""
    kernel = np.array(rows, np.float64)
    conv = Conv2d(1, 1, kernel.shape, weight_init=lambda rng, shape: kernel.reshape(shape), bias_init=constant(bias))
    return conv.astype(np.float64)


def image(*rows):
    return np.array(rows, np.float64)[None, :, :, None]


def test_by_hand():
    # 1 2 3                1 2      upper left window: 1·1 + 2·2 + 4·3 + 5·4 = 37, and the bias 0.5. The kernel is
    # 4 5 6   and kernel   3 4      not mirrored (that would give 1·4 + 2·3 + 4·2 + 5·1 = 23).
    # 7 8 9                         Then 2 + 6 + 15 + 24 = 47; 4 + 10 + 21 + 32 = 67; 5 + 12 + 24 + 36 = 77
    conv = one_kernel([1, 2], [3, 4], bias=0.5)
    y = conv.forward(image([1, 2, 3], [4, 5, 6], [7, 8, 9]), keep=True)
    np.testing.assert_array_equal(y, image([37.5, 47.5], [67.5, 77.5]))

    # dy = 1 at the upper left and 2 at the lower right: db = 1 + 2; dW = the first window + 2 · the last one;
    # dx = the kernel at the first place + 2 · the kernel at the last
    dx = conv.backward(image([1, 0], [0, 2]))
    np.testing.assert_array_equal(conv.b.grad, [3])
    np.testing.assert_array_equal(conv.W.grad[:, :, 0, 0], [[1 + 2 * 5, 2 + 2 * 6], [4 + 2 * 8, 5 + 2 * 9]])
    np.testing.assert_array_equal(dx, image([1, 2, 0], [3, 4 + 2 * 1, 2 * 2], [0, 2 * 3, 2 * 4]))


def test_stride_and_padding_by_hand():
    # Padded by 1 at the top and 1 at the left:   0 0 0
    #                                             0 1 2    At stride 2 there is room for one window of 2 x 2.
    #                                             0 3 4    Its last pixel is the 1, which meets the kernel's 4.
    conv = Conv2d(1, 1, 2, stride=2, padding=((1, 0), (1, 0)), weight_init=lambda rng, shape: np.array(
        [1.0, 2.0, 3.0, 4.0]).reshape(shape))
    np.testing.assert_array_equal(conv.astype(np.float64).forward(image([1, 2], [3, 4]), keep=True), image([4]))
    np.testing.assert_array_equal(conv.backward(image([10])), image([40, 0], [0, 0]))
    np.testing.assert_array_equal(conv.W.grad.ravel(), [0, 0, 0, 10])


def test_groups_by_hand():
    # Two channels 1, 2; two groups. Kernels 10, 20 see the first channel only, kernels 30, 40 the second.
    conv = Conv2d(2, 4, 1, groups=2, weight_init=lambda rng, shape: np.array([10.0, 20.0, 30.0, 40.0]).reshape(shape))
    y = conv.astype(np.float64).forward(np.array([1.0, 2.0]).reshape(1, 1, 1, 2), keep=True)
    np.testing.assert_array_equal(y.ravel(), [10, 20, 60, 80])
    dx = conv.backward(np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 1, 4))
    np.testing.assert_array_equal(dx.ravel(), [1 * 10 + 2 * 20, 3 * 30 + 4 * 40])
    np.testing.assert_array_equal(conv.W.grad.ravel(), [1 * 1, 1 * 2, 2 * 3, 2 * 4])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", GRID, ids=str)
def test_agrees_with_the_naive_loops(case, dtype):
    shape, _, _, stride, padding, groups = case
    stride, padding = as_pair(stride, ""), as_padding(padding, "")
    conv, x = make(*case), distinct(*shape)
    conv.astype(dtype)
    W, b = conv.W.value.astype(np.float64), conv.b.value.astype(np.float64)

    y = conv.forward(x.astype(dtype), keep=True)
    dy = distinct(*y.shape, seed=1)
    dx = conv.backward(dy.astype(dtype))

    assert_close(y, naive.conv(x, W, b, stride, padding, groups), "y")
    expected = naive.conv_backward(x, W, dy, stride, padding, groups)
    for what, got, wanted in zip(("dx", "dW", "db"), (dx, conv.W.grad, conv.b.grad), expected, strict=True):
        assert_close(got, wanted, what)


@pytest.mark.parametrize("case", GRID, ids=str)
def test_without_input_gradient_the_others_are_the_same(case):
    x, full, first = distinct(*case[0], dtype=np.float32), make(*case), make(*case, input_grad=False)
    y = full.forward(x, keep=True)
    np.testing.assert_array_equal(first.forward(x, keep=True), y)
    dy = distinct(*y.shape, dtype=np.float32, seed=1)
    full.backward(dy)
    assert first.backward(dy) is None
    assert_close(first.W.grad, full.W.grad)
    assert_close(first.b.grad, full.b.grad)


@pytest.mark.parametrize("case", GRADCHECK_GRID, ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("input_grad", [True, False])
def test_gradients_agree_with_finite_differences(case, bias, input_grad):
    report = gradcheck(make(*case, bias=bias, input_grad=input_grad), distinct(*case[0]))
    assert set(report) == {"W"} | ({"b"} if bias else set()) | ({"x"} if input_grad else set())


@pytest.mark.parametrize("kernel, stride, padding, groups", [(3, 1, 1, 1), (5, 1, 0, 2), (4, 3, 1, 1), (1, 1, 0, 1)])
def test_images_too_large_for_the_cache_are_worked_on_in_pieces(kernel, stride, padding, groups, monkeypatch):
    # 96 x 96 x 8 numbers in float64 are over half a megabyte, their windows many times that
    monkeypatch.setattr(parallel, "CACHE", 2 ** 19)
    x = distinct(3, 96, 96, 8)
    conv = make(x.shape, 4, kernel, stride, padding, groups).astype(np.float64)
    y = conv.forward(x, keep=True)
    dy = distinct(*y.shape, seed=1)
    dx, dW, db = conv.backward(dy), conv.W.grad, conv.b.grad
    with plain():
        assert_close(y, conv.forward(x, keep=True), "y")
        assert_close(dx, conv.backward(dy), "dx")
    assert_close(dW, conv.W.grad, "dW")
    assert_close(db, conv.b.grad, "db")


# ---------------------------------------------------------------------------------------- sizes, counts, weights


@pytest.mark.parametrize("size, kernel, stride, padding, expected", [
    (227, 11, 4, 0, 55), (224, 11, 4, ((0, 3), (0, 3)), 55), (224, 11, 4, 0, 54), (27, 5, 1, 2, 27), (13, 3, 1, 1, 13),
    (224, 7, 2, 1, 110)])
def test_output_sizes_of_the_papers(size, kernel, stride, padding, expected):
    assert Conv2d(3, 1, kernel, stride, padding).output_size(size, size) == (expected, expected)


def test_height_comes_before_width():
    conv = Conv2d(1, 1, (3, 1), stride=(2, 1), padding=((1, 0), (0, 4)))
    assert conv.output_size(9, 9) == ((9 + 1 - 3) // 2 + 1, 9 + 4 - 1 + 1)
    assert conv.forward(np.ones((1, 9, 9, 1), np.float32)).shape == (1, 4, 13, 1)


def test_multiply_adds_are_the_products_of_equation_1():
    # 96 kernels of 11 x 11 x 3 at 55 x 55 places: AlexNet's conv1, 105.4 million
    assert Conv2d(3, 96, 11, 4).multiply_adds((1, 227, 227, 3), (1, 55, 55, 96)) == 55 * 55 * 96 * 11 * 11 * 3
    assert Conv2d(4, 6, 3, groups=2).multiply_adds((2, 5, 5, 4), (2, 3, 3, 6)) == 2 * 3 * 3 * 6 * 3 * 3 * 2


def test_weights_start_as_the_paper_says():
    conv = Conv2d(64, 64, 5, rng=np.random.default_rng(0))
    assert conv.W.shape == (5, 5, 64, 64) and conv.W.value.dtype == np.float32
    assert abs(conv.W.value.std() - 0.01) < 1e-4 and abs(conv.W.value.mean()) < 1e-4  # 102,400 numbers
    np.testing.assert_array_equal(conv.b.value, np.zeros(64, np.float32))
    np.testing.assert_array_equal(Conv2d(1, 3, 1, bias_init=constant(1)).b.value, [1, 1, 1])


def test_the_same_generator_gives_the_same_weights():
    first, second = (Conv2d(2, 3, 3, rng=np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.W.value, second.W.value)
    assert not np.array_equal(Conv2d(2, 3, 3).W.value, Conv2d(2, 3, 3).W.value)


# ---------------------------------------------------------------------------------------- bad input


def test_wrong_channel_count_names_the_layer():
    net = Sequential(conv1=Conv2d(3, 8, 3))
    message = "conv1 (Conv2d): expected x of shape (N, H, W, 3), got (2, 9, 9, 1)"
    with pytest.raises(ValueError, match=re.escape(message)):
        net.forward(np.ones((2, 9, 9, 1)))


def test_kernel_larger_than_the_padded_input_names_the_layer():
    net = Sequential(conv1=Conv2d(1, 1, (3, 5), padding=(0, (1, 0))))
    message = "conv1 (Conv2d): the kernel (3, 5) is larger than the padded input (3 x 3, padding ((0, 0), (1, 0)))"
    with pytest.raises(ValueError, match=re.escape(message)):
        net.forward(np.ones((1, 3, 3, 1), np.float32))
    assert net.forward(np.ones((1, 3, 4, 1), np.float32)).shape == (1, 1, 1, 1)  # just fits


@pytest.mark.parametrize("groups", [3, 4])
def test_groups_must_divide_the_channels(groups):
    with pytest.raises(ValueError, match=f"Conv2d: groups={groups} must divide in_channels=4 and out_channels=6"):
        Conv2d(4, 6, 3, groups=groups)


@pytest.mark.parametrize("wrong, message", [
    ({"in_channels": 0}, "Conv2d in_channels: expected a whole number of 1 or more, got 0"),
    ({"out_channels": 1.5}, "Conv2d out_channels: expected a whole number of 1 or more, got 1.5"),
    ({"groups": 0}, "Conv2d groups: expected a whole number of 1 or more, got 0"),
    ({"groups": 1.0}, "Conv2d groups: expected a whole number of 1 or more, got 1.0"),
    ({"kernel_size": 0}, "Conv2d kernel_size: expected a whole number of 1 or more, or a pair of them, got 0"),
    ({"kernel_size": (3, 3, 3)}, "Conv2d kernel_size: expected"),
    ({"stride": 0}, "Conv2d stride: expected"),
    ({"padding": -1}, "Conv2d padding: expected a whole number of 0 or more, or a pair of them, got -1"),
    ({"padding": ((0, 1), (2,))}, "Conv2d padding: expected"),
])
def test_senseless_sizes_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Conv2d(**{"in_channels": 1, "out_channels": 1, "kernel_size": 1, **wrong})


# ---------------------------------------------------------------------------------------- padding="same"


@pytest.mark.parametrize("kernel, padding", [(1, 0), (3, 1), ((5, 3), (2, 1)), (2, ((0, 1), (0, 1))),
                                             ((4, 1), ((1, 2), (0, 0)))])
def test_the_same_size(kernel, padding):
    x = distinct(2, 5, 6, 3, dtype=np.float32)
    same, given = (Conv2d(3, 4, kernel, padding=p, rng=np.random.default_rng(0)) for p in ("same", padding))
    assert same.padding == given.padding
    y = same.forward(x)
    assert y.shape == (2, 5, 6, 4)
    np.testing.assert_array_equal(y, given.forward(x))


def test_the_same_size_is_for_a_stride_of_1():
    with pytest.raises(ValueError, match=re.escape("Conv2d padding: 'same' is for a stride of 1, got (2, 2): with "
                                                   "another it would depend on the image.")):
        Conv2d(3, 4, 3, stride=2, padding="same")
    with pytest.raises(ValueError, match="Conv2d padding: expected a whole number"):
        Conv2d(3, 4, 3, padding="valid")


def test_the_maps_of_a_transpose_are_the_smallest_that_give_these():
    conv = Conv2d(1, 1, 3, stride=2)                                     # of 7 and of 8 pixels it makes 3
    assert conv.transpose(np.ones((1, 3, 3, 1), np.float32)).shape == (1, 7, 7, 1)


def test_maps_that_are_padding_only_have_no_images():
    dy = np.ones((1, 1, 1, 1), np.float32)
    assert Conv2d(1, 1, 3, stride=3, padding=2).transpose(dy).shape == (1, 1, 1, 1)  # windows of 5 pixels, 4 of them 0
    for size, P in ((None, 1), (None, 2), ((0, 0), 2), ((-1, -1), 1)):
        with pytest.raises(ValueError, match="Conv2d: images of .* pixels give maps of .*, dy has"):
            Conv2d(1, 1, 3, padding=2).transpose(np.ones((1, P, P, 1), np.float32), size)
