"""Gradient clipping."""
from __future__ import annotations

import math

import numpy as np
import pytest
from naive import assert_close

from tinynet import SGD, Linear, Sequential, clip_gradients, simulated
from tinynet.data import Loader, Split
from tinynet.training.diverged import Diverged
from tinynet.training.optim import gradient_norm
from tinynet.training.train import train


def parts(devices=(None, None)):
    net = Sequential(one=Linear(1, 2, bias=False, rng=np.random.default_rng(0)),
                     two=Linear(2, 1, bias=False, rng=np.random.default_rng(1)))
    for layer, device in zip(net, devices, strict=True):
        if device:
            layer.to(device)
    sgd = SGD(net.parameters(), lr=1.0, momentum=0, weight_decay=0)
    for layer, numbers in zip(net, ([[3.0, 0.0]], [[0.0], [4.0]]), strict=True):
        layer.W.grad = layer.device.asarray(np.array(numbers, np.float32))
    return net, sgd


@pytest.mark.parametrize("devices", [(None, None), (simulated(0), simulated(1))])
@pytest.mark.parametrize("most, factor", [(2.5, 0.5), (5.0, 1.0), (50.0, 1.0)])
def test_a_gradient_of_length_5(devices, most, factor):
    net, sgd = parts(devices)
    clip_gradients(sgd, most)()
    for layer, expected in zip(net, ([[3.0, 0.0]], [[0.0], [4.0]]), strict=True):
        grad = layer.device.tohost(layer.W.grad)
        assert_close(grad, factor * np.array(expected))
        assert grad.dtype == np.float32


@pytest.mark.parametrize("devices", [(None, None), (simulated(0), simulated(1))])
def test_a_gradient_whose_length_is_infinite_does_not_become_zero(devices):
    net, sgd = parts(devices)
    net.astype(np.float64)
    for layer in net:
        layer.W.grad = layer.device.asarray(np.full(layer.W.shape, 1e200))          # (1e200)² is more than there is
    with np.errstate(over="ignore", invalid="ignore"):
        clip_gradients(sgd, 1.0)()
    assert all(np.isnan(layer.device.tohost(layer.W.grad)).all() for layer in net)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_does_not_get_through(value):
    net, sgd = parts()
    net["one"].W.grad[:] = value
    with np.errstate(invalid="ignore"):
        clip_gradients(sgd, 1.0)()
    assert np.isnan(net["one"].W.grad).all() and (net["two"].W.grad != [[0], [4]]).any()


def test_after_a_gradient_that_was_not_finite_the_next_is_clipped_as_ever():
    net, sgd = parts()
    clip = clip_gradients(sgd, 2.5)
    net["one"].W.grad[:] = math.nan
    clip()                                                      # NaN all over the flat array, between parameters too
    net["one"].W.grad[:], net["two"].W.grad[:] = [[3.0, 0.0]], [[0.0], [4.0]]
    assert gradient_norm(sgd) == 5
    clip()
    assert_close(net["one"].W.grad, [[1.5, 0]])


def test_what_a_hook_writes_between_the_parameters_does_not_count():
    net, sgd = parts()
    for g in sgd.gradients():
        g += 1
    assert gradient_norm(sgd) == pytest.approx(math.sqrt(4 ** 2 + 1 + 1 + 5 ** 2))


def test_in_a_training():
    net = Sequential(fc=Linear(2, 2, rng=np.random.default_rng(0)))
    data = Split(np.array([[9.0, 1.0], [1.0, 9.0]], np.float32), np.array([0, 1]))
    sgd = SGD(net.parameters(), lr=0.1)
    (record,) = train(net, sgd, Loader(data, 2, np.random.default_rng(0)), 1, before_step=clip_gradients(sgd, 0.01))
    assert record["grad_norm"] == pytest.approx(0.01)
    net["fc"].W.value[:] = 1e30
    data.images[:] = 1e30
    with pytest.raises(Diverged):
        train(net, sgd, Loader(data, 2, np.random.default_rng(0)), 1, before_step=clip_gradients(sgd, 0.01))


@pytest.mark.parametrize("most", [0, -1, math.nan, math.inf])
def test_wrong_lengths(most):
    with pytest.raises(ValueError, match=f"clip_gradients: expected a length above 0 and finite, got {most}"):
        clip_gradients(parts()[1], most)
