"""The update rule of AlexNet, section 5: by hand, against the naive rule, multipliers, frozen parameters."""
from __future__ import annotations

import naive
import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import SGD, FixedRate, Linear, Parameter, Sequential
from tinynet.devices.device import simulated
from tinynet.devices.simulated import must_be_current


def parameter(*value, grad=None, **settings):
    p = Parameter(np.array(value, np.float64), **settings)
    p.grad = None if grad is None else np.full(p.shape, float(grad))
    return p


def test_two_steps_by_hand():
    # w = 1, g = 2, m = 0.5, λ = 0.01, ε = 0.1
    # v =      0      - 0.01 · 0.1 · 1     - 0.1 · 2 = -0.201        w = 1 - 0.201        = 0.799
    # v = 0.5 · -0.201 - 0.01 · 0.1 · 0.799 - 0.1 · 2 = -0.301299     w = 0.799 - 0.301299 = 0.497701
    w = parameter(1, grad=2)
    sgd = SGD([("w", w)], lr=0.1, momentum=0.5, weight_decay=0.01)
    sgd.step()
    assert_close(w.value, [0.799])
    sgd.step()
    assert_close(w.value, [0.497701])
    assert_close(sgd.velocities["w"], [-0.301299])


def test_constants_are_the_papers_unless_given():
    sgd = SGD([], lr=0.01)
    assert (sgd.momentum, sgd.weight_decay) == (0.9, 5e-4)


@pytest.mark.parametrize("shape", [(1,), (3, 4), (2 ** 15,), (2 ** 15 + 1,), (3, 2 ** 15 - 1), (257, 300)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_agrees_with_the_naive_rule(shape, dtype):
    w, g = distinct(*shape), [distinct(*shape, seed=seed) for seed in (1, 2, 3)]
    p, v = Parameter(w.astype(dtype)), np.zeros(shape)
    sgd = SGD([("w", p)], lr=0.1, momentum=0.7, weight_decay=0.3)
    for gradient in g:
        p.grad = gradient.astype(dtype)
        sgd.step()
        w, v = naive.sgd(w, v, gradient, 0.1, 0.7, 0.3)
        assert p.value.dtype == sgd.velocities["w"].dtype == dtype
        assert_close(p.value, w)
        assert_close(sgd.velocities["w"], v)
        np.testing.assert_array_equal(p.grad, gradient.astype(dtype))  # the gradient is read only


def test_rates_of_double_precision_leave_float32_alone():
    p = Parameter(np.ones(3, np.float32), lr=np.float64(2), decay=np.float64(3))
    p.grad = np.ones(3, np.float32)
    sgd = SGD([("w", p)], lr=np.float64(0.1))
    sgd.step()
    assert p.value.dtype == sgd.velocities["w"].dtype == np.float32


def test_multipliers_are_a_parameters_own():
    # ε = 0.1, λ = 0.5, no gradient but from the decay and g = 1: Δw = -ε · lr · (λ · decay · w + g)
    plain, fast, undecayed = parameter(2, grad=1), parameter(2, grad=1, lr=3), parameter(2, grad=1, decay=0)
    SGD([("plain", plain), ("fast", fast), ("undecayed", undecayed)], lr=0.1, weight_decay=0.5).step()
    assert_close(plain.value, [2 - 0.1 * (0.5 * 2 + 1)])
    assert_close(fast.value, [2 - 0.3 * (0.5 * 2 + 1)])
    assert_close(undecayed.value, [2 - 0.1 * 1])


def test_a_decay_multiplier_scales_the_decay_only():
    w = parameter(2, grad=1, decay=4)
    SGD([("w", w)], lr=0.1, weight_decay=0.5).step()
    assert_close(w.value, [2 - 0.1 * (4 * 0.5 * 2 + 1)])


def test_a_schedule_changes_multiplied_rates_but_not_fixed_ones():
    # AlexNet's source code: the biases' rate stays .02 while the weights' falls
    W, b = parameter(0, grad=1, lr=2), parameter(0, grad=1, lr=FixedRate(0.02), decay=0)
    sgd = SGD([("W", W), ("b", b)], lr=0.01, momentum=0, weight_decay=0)
    sgd.step()
    assert_close((W.value.item(), b.value.item()), (-0.02, -0.02))
    sgd.lr = 0.001
    sgd.step()
    assert_close((W.value.item(), b.value.item()), (-0.022, -0.04))


def test_frozen_parameters_and_their_velocities_stay_as_they_are():
    w = parameter(1, grad=1)
    sgd = SGD([("w", w)], lr=0.1, momentum=0.5, weight_decay=0)
    sgd.step()  # v = -0.1
    w.trainable = False
    sgd.step()
    assert_close(w.value, [0.9])
    w.trainable = True
    sgd.step()  # v = 0.5 · -0.1 - 0.1
    assert_close(w.value, [0.75])


def test_a_frozen_net_needs_no_gradients():
    net = Sequential(fc6=Linear(2, 2), fc7=Linear(2, 1)).freeze("fc6")
    net["fc7"].forward(np.ones((1, 2), np.float32), keep=True)
    net["fc7"].backward(np.ones((1, 1), np.float32))
    before = net["fc6"].W.value.copy()
    SGD(net.parameters(), lr=0.1).step()
    np.testing.assert_array_equal(net["fc6"].W.value, before)


def test_missing_gradients_are_named_and_nothing_is_changed():
    first, second, third = parameter(1, grad=1), parameter(1), parameter(1)
    sgd = SGD([("fc6.W", first), ("fc7.W", second), ("fc7.b", third)], lr=0.1)
    with pytest.raises(RuntimeError, match="SGD: no gradient in fc7.W, fc7.b: call the net's backward before step"):
        sgd.step()
    assert first.value.item() == 1


def test_the_order_of_the_numbers_in_memory_does_not_matter():
    value, gradient = distinct(3, 4), distinct(3, 4, seed=1)
    layouts = {"as usual": (value, gradient), "gradient": (value, np.asfortranarray(gradient)),
               "value": (np.asfortranarray(value), gradient)}  # as weights of another library, transposed, would be
    for what, (w, g) in layouts.items():
        p = Parameter(w.copy(order="K"))
        p.grad = g
        SGD([("w", p)], lr=0.1, weight_decay=0.5).step()
        assert_close(p.value, naive.sgd(value, 0, gradient, 0.1, 0.9, 0.5)[0], what)


def test_parameters_of_a_device_are_updated_there():
    device = simulated(0)
    p = Parameter(distinct(3, 4), device)
    p.grad = device.asarray(distinct(3, 4, seed=1))
    with must_be_current():  # as on a GPU: new arrays go to the current device, wherever the others are
        SGD([("w", p)], lr=0.1, weight_decay=0.5).step()
    assert_close(device.tohost(p.value), naive.sgd(distinct(3, 4), 0, distinct(3, 4, seed=1), 0.1, 0.9, 0.5)[0])


def test_training_a_linear_layer_finds_the_line():
    # y = 3 x - 1 from four points; the mean squared error's gradient is 2 (ŷ - y) / N
    x = np.array([[-1.0], [0.0], [1.0], [2.0]])
    layer = Linear(1, 1, rng=np.random.default_rng(0)).astype(np.float64)
    sgd = SGD(layer.parameters(), lr=0.1, weight_decay=0)
    for _ in range(300):
        layer.backward(2 * (layer.forward(x, train=True) - (3 * x - 1)) / len(x))
        sgd.step()
    np.testing.assert_allclose([layer.W.value.item(), layer.b.value.item()], [3, -1], atol=1e-5)


@pytest.mark.parametrize("wrong", [-0.1, float("nan")])
@pytest.mark.parametrize("what", ["lr", "momentum", "weight_decay"])
def test_negative_rates_are_refused(what, wrong):
    with pytest.raises(ValueError, match=f"SGD: expected {what} of 0 or more, got {wrong}"):
        SGD([], **{"lr": 0.1, what: wrong})
