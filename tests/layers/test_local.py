"""The locally-connected layer: by hand, against the naive loops and convolution, against finite differences."""
from __future__ import annotations

import re

import naive
import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import Conv2d, LocallyConnected2d, Sequential, gaussian, gradcheck
from tinynet.layers import local as module
from tinynet.sizes import as_padding, as_pair

GRID = [  # x (N, H, W, C), then F, kernel, stride, padding
    ((1, 3, 3, 1), 1, 2, 1, 0),
    ((2, 4, 5, 3), 2, 3, 1, 1),
    ((3, 5, 4, 2), 3, (2, 3), (2, 1), 0),
    ((2, 6, 5, 1), 2, 3, 2, ((1, 0), (0, 2))),
    ((1, 5, 7, 2), 2, 2, 3, 0),  # stride larger than the kernel
    ((1, 3, 4, 2), 2, 2, 1, 2),
    ((2, 3, 4, 2), 3, 1, 1, 0),
    ((2, 3, 4, 2), 2, (3, 4), 1, 0),  # one place
]


def make(shape, F, kernel, stride, padding, **options):
    return LocallyConnected2d(shape[-1], F, kernel, shape[1:3], stride, padding, rng=np.random.default_rng(3),
                              weight_init=gaussian(0.5), bias_init=gaussian(0.5), **options)


def test_by_hand():
    # x = 1 2 3, kernels of two pixels: (10, 20) at the first place, (30, 40) at the second; biases 5, 6
    # y = 1·10 + 2·20 + 5 = 55,  2·30 + 3·40 + 6 = 186
    local = LocallyConnected2d(1, 1, (1, 2), (1, 3),
                               weight_init=lambda rng, shape: np.array([10.0, 20.0, 30.0, 40.0]).reshape(shape),
                               bias_init=lambda rng, shape: np.array([5.0, 6.0]).reshape(shape))
    y = local.astype(np.float64).forward(np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1), keep=True)
    np.testing.assert_array_equal(y.ravel(), [55, 186])
    # dy = 1, 2: the middle pixel is in both windows, so dx = 1·10, 1·20 + 2·30, 2·40
    dx = local.backward(np.array([1.0, 2.0]).reshape(1, 1, 2, 1))
    np.testing.assert_array_equal(dx.ravel(), [10, 80, 80])
    np.testing.assert_array_equal(local.W.grad.ravel(), [1 * 1, 1 * 2, 2 * 2, 2 * 3])
    np.testing.assert_array_equal(local.b.grad.ravel(), [1, 2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", GRID, ids=str)
def test_agrees_with_the_naive_loops(case, dtype):
    shape, _, _, stride, padding = case
    stride, padding = as_pair(stride, ""), as_padding(padding, "")
    layer, x = make(*case), distinct(*shape)
    layer.astype(dtype)
    W, b = layer.W.value.astype(np.float64), layer.b.value.astype(np.float64)

    y = layer.forward(x.astype(dtype), keep=True)
    dy = distinct(*y.shape, seed=1)
    dx = layer.backward(dy.astype(dtype))

    assert_close(y, naive.local(x, W, b, stride, padding), "y")
    expected = naive.local_backward(x, W, dy, stride, padding)
    for what, got, wanted in zip(("dx", "dW", "db"), (dx, layer.W.grad, layer.b.grad), expected, strict=True):
        assert_close(got, wanted, what)


@pytest.mark.parametrize("case", GRID[:5], ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("input_grad", [True, False])
def test_gradients_agree_with_finite_differences(case, bias, input_grad):
    report = gradcheck(make(*case, bias=bias, input_grad=input_grad), distinct(*case[0]), samples=40)
    assert set(report) == {"W"} | ({"b"} if bias else set()) | ({"x"} if input_grad else set())


def test_with_the_same_kernels_everywhere_it_is_a_convolution():
    conv = Conv2d(3, 4, 3, 2, 1, rng=np.random.default_rng(0), weight_init=gaussian(0.5), bias_init=gaussian(0.5))
    local = LocallyConnected2d(3, 4, 3, (6, 5), 2, 1,
                               weight_init=lambda rng, shape: np.broadcast_to(conv.W.value, shape),
                               bias_init=lambda rng, shape: np.broadcast_to(conv.b.value, shape))
    x = distinct(2, 6, 5, 3)
    conv, local = conv.astype(np.float64), local.astype(np.float64)
    y = conv.forward(x, keep=True)
    assert_close(local.forward(x, keep=True), y)
    dy = distinct(*y.shape, seed=1)
    assert_close(local.backward(dy), conv.backward(dy))
    assert_close(local.W.grad.sum(axis=(0, 1)), conv.W.grad)  # a shared weight's gradient is the sum over its places
    assert_close(local.b.grad.sum(axis=(0, 1)), conv.b.grad)


def test_biases_and_kernels_are_not_shared():
    # local3 of cuda-convnet's 13 % net: 32 kernels of 3 x 3 x 64 at each of 6 x 6 places
    local = LocallyConnected2d(64, 32, 3, 6, padding=1, rng=np.random.default_rng(0))
    assert local.W.shape == (6, 6, 3, 3, 64, 32) and local.b.shape == (6, 6, 32)
    assert abs(local.W.value.std() - 0.01) < 1e-4
    np.testing.assert_array_equal(local.b.value, np.zeros((6, 6, 32)))
    assert local.multiply_adds((2, 6, 6, 64), (2, 6, 6, 32)) == 2 * 6 * 6 * 3 * 3 * 64 * 32


def test_the_same_generator_gives_the_same_weights():
    first, second = (LocallyConnected2d(2, 3, 3, 5, rng=np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.W.value, second.W.value)
    assert not np.array_equal(LocallyConnected2d(2, 3, 3, 5).W.value, LocallyConnected2d(2, 3, 3, 5).W.value)


def test_no_product_is_computed_for_frozen_kernels(monkeypatch):
    calls, products = [], module.products
    monkeypatch.setattr(module, "products", lambda *args: (calls.append(args), products(*args)))
    layer, x = make((2, 4, 5, 3), 2, 3, 1, 1), distinct(2, 4, 5, 3, dtype=np.float32)
    layer.backward(layer.forward(x, keep=True))
    assert len(calls) == 3  # y, dW and dx
    layer.freeze("W")
    layer.backward(layer.forward(x, keep=True))
    assert len(calls) == 3 + 2


def test_no_gradient_is_kept_for_frozen_biases():
    layer = LocallyConnected2d(1, 1, 3, 4)
    layer.freeze("b")
    y = layer.forward(np.ones((1, 4, 4, 1), np.float32), train=True)
    layer.backward(y)
    assert layer.b.grad is None and layer.W.grad is not None


def test_another_image_size_than_announced_is_refused():
    net = Sequential(local3=LocallyConnected2d(2, 3, 3, (6, 5)))
    message = "local3 (LocallyConnected2d): expected x of shape (N, 6, 5, 2), got (1, 5, 6, 2)"
    with pytest.raises(ValueError, match=re.escape(message)):
        net.forward(np.ones((1, 5, 6, 2)))


def test_same_keeps_the_size():
    layer = LocallyConnected2d(1, 1, (2, 3), (4, 5), padding="same")
    assert layer.output_size == (4, 5)
    with pytest.raises(ValueError, match="LocallyConnected2d padding: 'same' is for a stride of 1"):
        LocallyConnected2d(1, 1, 3, 4, stride=2, padding="same")


def test_kernel_larger_than_the_padded_input_is_refused():
    message = "LocallyConnected2d: the kernel (5, 5) is larger than the padded input ((3, 3), padding ((1, 0), (1, 1)))"
    with pytest.raises(ValueError, match=re.escape(message)):
        LocallyConnected2d(1, 1, 5, 3, padding=((1, 0), (1, 1)))


@pytest.mark.parametrize("wrong", ["in_channels", "kernel_size", "input_size", "stride"])
def test_senseless_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match=f"LocallyConnected2d {wrong}.*: expected a whole number of 1 or more"):
        LocallyConnected2d(**{"in_channels": 1, "out_channels": 1, "kernel_size": 1, "input_size": 4, wrong: 0})
