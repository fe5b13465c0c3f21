"""The update rules: by hand, against naive twins, multipliers, frozen parameters. And where everything lies."""
from __future__ import annotations

import copy
import math
import weakref

import naive
import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import SGD, Adam, FixedRate, Linear, Optimizer, Parameter, Sequential, pair
from tinynet.devices.device import simulated
from tinynet.devices.simulated import must_be_current
from tinynet.training.optim import gradient_norm


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
    assert_close(sgd.slots["velocity"]["w"], [-0.301299])


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
        assert p.value.dtype == sgd.slots["velocity"]["w"].dtype == dtype
        assert_close(p.value, w)
        assert_close(sgd.slots["velocity"]["w"], v)
        np.testing.assert_array_equal(p.grad, gradient.astype(dtype))  # the gradient is read only


def test_rates_of_double_precision_leave_float32_alone():
    p = Parameter(np.ones(3, np.float32), lr=np.float64(2), decay=np.float64(3))
    p.grad = np.ones(3, np.float32)
    sgd = SGD([("w", p)], lr=np.float64(0.1))
    sgd.step()
    assert p.value.dtype == sgd.slots["velocity"]["w"].dtype == np.float32


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


def test_a_velocity_that_never_fades_is_refused():
    for momentum in 1, 9.0:
        with pytest.raises(ValueError, match=f"SGD: expected momentum below 1, got {momentum}"):
            SGD([], 0.1, momentum=momentum)


@pytest.mark.parametrize("what", ["lr", "momentum", "weight_decay"])
def test_infinite_rates_are_refused(what):
    with pytest.raises(ValueError, match=f"SGD: expected a finite {what}, got inf"):
        SGD([], **{"lr": 0.1, what: math.inf})


def test_a_new_learning_rate_is_checked_too():
    sgd = SGD([], lr=0.1)
    for wrong, message in (-0.5, "lr of 0 or more, got -0.5"), (math.nan, "lr of 0 or more, got nan"), (
            math.inf, "a finite lr, got inf"):
        with pytest.raises(ValueError, match=f"SGD: expected {message}"):
            sgd.lr = wrong
    assert sgd.lr == 0.1
    sgd.lr = 0
    assert sgd.lr == 0


def test_parameters_of_one_name_are_refused():
    first, second = Sequential(fc=Linear(2, 2)), Sequential(fc=Linear(2, 2))
    with pytest.raises(ValueError, match="SGD: two parameters are called fc.W; give their nets names of their own"):
        SGD(first.parameters() + second.parameters(), 0.1)
    SGD(Sequential(first=first, second=second).parameters(), 0.1)


def test_a_parameter_of_two_names_is_refused():
    w = parameter(1)
    with pytest.raises(ValueError, match="Adam: a.W and b.W are one and the same parameter"):
        Adam([("a.W", w), ("b.W", w)])


# ---------------------------------------------------------------------------------------- Adam


def test_two_steps_of_adam_by_hand():
    # w = 1, β₁ = 0.5, β₂ = 0.75, ε = 0.1, δ = 1; first g = 2, then g = -1
    # m = 0.5 · 2 = 1         v = 0.25 · 4 = 1           m̂ = 1 / 0.5 = 2        v̂ = 1 / 0.25 = 4
    # w = 1 - 0.1 · 2 / (2 + 1) = 0.93333
    # m = 0.5 - 0.5 = 0       v = 0.75 + 0.25 · 1 = 1    m̂ = 0                  v̂ = 1 / (1 - 0.75²)     w as before
    w = parameter(1, grad=2)
    adam = Adam([("w", w)], lr=0.1, beta1=0.5, beta2=0.75, eps=1.0)
    adam.step()
    assert_close(w.value, [1 - 0.2 / 3])
    w.grad = np.array([-1.0])
    adam.step()
    assert_close(w.value, [1 - 0.2 / 3])
    assert (adam.slots["mean"]["w"].item(), adam.slots["square"]["w"].item(), adam.steps) == (0, 1, 2)


def test_the_first_step_of_adam_is_the_learning_rate_whatever_the_gradient():
    for grad in 1e-3, 1e3:
        w = parameter(1, grad=grad)
        Adam([("w", w)], lr=0.1).step()
        assert w.value.item() == pytest.approx(0.9, abs=1e-5)


def test_a_parameter_that_begins_later_counts_its_own_steps():
    early, late = parameter(1, grad=1), parameter(1, grad=1)
    late.trainable = False
    adam = Adam([("early", early), ("late", late)], lr=0.1)
    for _ in range(5):
        adam.step()
    late.trainable, late.grad = True, np.array([1000.0])
    adam.step()
    assert late.value.item() == pytest.approx(0.9, abs=1e-5)


@pytest.mark.parametrize("shape", [(1,), (3, 4), (2 ** 18 + 1,), (257, 300)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam_agrees_with_the_naive_rule(shape, dtype):
    w, p = distinct(*shape), Parameter(distinct(*shape, dtype=dtype))
    m = v = np.zeros(shape)
    adam = Adam([("w", p)], lr=0.1, beta1=0.8, beta2=0.9, eps=1e-3, weight_decay=0.3)
    for t in 1, 2, 3:
        gradient = distinct(*shape, seed=t)
        p.grad = gradient.astype(dtype)
        adam.step()
        w, m, v = naive.adam(w, m, v, gradient, t, 0.1, 0.8, 0.9, 1e-3, 0.3)
        assert p.value.dtype == adam.slots["mean"]["w"].dtype == dtype
        for got, expected in (p.value, w), (adam.slots["mean"]["w"], m), (adam.slots["square"]["w"], v):
            assert_close(got, expected)


def test_adam_has_the_papers_constants_and_refuses_senseless_ones():
    adam = Adam([])
    assert adam.settings == {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0}
    for name, wrong, expected in (("beta1", 1, "beta1 below 1"), ("beta2", 1.5, "beta2 below 1"),
                                  ("eps", 0, "an eps above 0"), ("beta1", math.nan, "beta1 of 0 or more")):
        with pytest.raises(ValueError, match=f"Adam: expected {expected}, got {wrong}"):
            Adam([], **{name: wrong})
    with pytest.raises(TypeError, match="SGD: expected a number for lr, got '0.1'"):
        SGD([], lr="0.1")
    with pytest.raises(ValueError, match="Adam: expected beta1 of 0 or more, got -0.5"):
        Adam([], beta1=-0.5)


# ---------------------------------------------------------------------------------------- where everything lies


@pytest.fixture(params=[SGD, Adam])
def kind(request):
    return request.param


def two_layers(device=None):
    net = Sequential(fc1=Linear(3, 4, rng=np.random.default_rng(0)), fc2=Linear(4, 2, rng=np.random.default_rng(1)))
    return net if device is None else net.to(device)


def go(net, optimizer, seed=0):
    """One step, with a gradient drawn from `seed`."""
    dtype = net["fc1"].W.value.dtype
    y = net.forward(distinct(5, 3, dtype=dtype, seed=seed), keep=True)
    net.backward(net["fc2"].device.asarray(distinct(*y.shape, dtype=dtype, seed=seed + 100)))
    optimizer.step()


def everything(net, optimizer):
    arrays = {name: p.device.tohost(p.value) for name, p in net.parameters()}
    return arrays | {f"{slot} {name}": dict(net.parameters())[name].device.tohost(array)
                     for slot, of in optimizer.slots.items() for name, array in of.items()}


def assert_same(first, second, rtol=0.0):
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_allclose(array, second[name], rtol=rtol, atol=rtol, err_msg=name)


def test_values_gradients_and_slots_lie_side_by_side(kind):
    net = two_layers()
    before = {name: p.value.copy() for name, p in net.parameters()}
    optimizer = kind(net.parameters(), 0.1)
    net.forward(distinct(5, 3, dtype=np.float32), keep=True)
    net.backward(distinct(5, 2, dtype=np.float32))
    (g,) = optimizer.gradients()
    for name, p in net.parameters():
        np.testing.assert_array_equal(p.value, before[name])
        assert np.shares_memory(p.grad, g) and p.gradient() is p.grad
    assert len({id(p.value.base) for _, p in net.parameters()}) == 1
    for arrays in optimizer.slots.values():
        assert list(arrays) == [name for name, _ in net.parameters()]
        assert len({id(array.base) for array in arrays.values()}) == 1


def test_what_is_written_into_the_flat_gradient_is_what_step_takes():
    w, b = parameter(1, 2, grad=5), parameter(3, grad=7)
    sgd = SGD([("w", w), ("b", b)], lr=0.1, momentum=0, weight_decay=0)
    (g,) = sgd.gradients()
    g *= 2
    sgd.step()
    assert_close(w.value, [0, 1])
    assert_close(b.value, [3 - 1.4])


def test_a_gradient_that_a_layer_assigns_is_brought_to_its_place():
    w = parameter(1, 2)
    sgd = SGD([("w", w)], lr=0.1, momentum=0, weight_decay=0)
    for _ in range(2):
        w.grad = np.array([1.0, 2.0])
        sgd.step()
    assert_close(w.value, [0.8, 1.6])
    w.grad = np.ones((2, 2))
    with pytest.raises(ValueError, match=r"SGD: expected a gradient of shape \(2,\) for w, got \(2, 2\)"):
        sgd.step()


def test_the_norm_is_that_of_all_gradients_together():
    left, right = pair("simulated")
    parameters = [("w", Parameter(np.zeros(2), left)), ("b", Parameter(np.zeros(2, np.float32), right)),
                  ("frozen", Parameter(np.zeros(2), trainable=False))]
    for (_, p), g in zip(parameters, ([1, 2], [2, 4], [9, 9]), strict=True):
        p.grad = p.device.asarray(np.array(g, p.value.dtype))
    with must_be_current():
        assert gradient_norm(SGD(parameters, 0.1)) == 5
    assert gradient_norm(SGD([], 0.1)) == 0


def test_the_norm_of_numbers_whose_squares_are_too_large_for_float32():
    w, v = Parameter(np.zeros(2, np.float32)), Parameter(np.zeros(1))
    w.grad, v.grad = np.array([3e30, 4e30], np.float32), np.array([12e30])
    with np.errstate(over="ignore"):
        assert gradient_norm(SGD([("w", w), ("v", v)], 0.1)) == pytest.approx(13e30)
    w.grad[0] = np.inf
    with np.errstate(over="ignore"):
        assert gradient_norm(SGD([("w", w), ("v", v)], 0.1)) == np.inf


def test_neighbours_that_are_treated_alike_are_updated_in_one_go(monkeypatch):
    seen = []
    monkeypatch.setattr("tinynet.training.optim.sgd_step", lambda w, g, v, rate, momentum, decay, xp: seen.append(
        (w.size, rate, decay)))
    named = [(name, parameter(*range(16), grad=1, lr=lr, decay=decay)) for name, lr, decay in (
        ("W1", 1, 1), ("b1", 2, 0), ("W2", 1, 1), ("b2", 2, 0), ("W3", FixedRate(1), 1))]
    sgd = SGD(named, lr=0.5, weight_decay=0.1)
    sgd.step()
    assert seen == [(32, 0.5, 0.1), (16, 1.0, 0.1), (32, 1.0, 0.0)]
    named[2][1].lr = 4                                       # its multiplier has changed: no longer one go
    sgd.step()
    assert seen[3:] == [(16, 0.5, 0.1), (16, 2.0, 0.1), (16, 1.0, 0.1), (32, 1.0, 0.0)]


@pytest.mark.parametrize("frozen_at", [0, 1])
def test_who_is_frozen_leaves_the_flat_arrays_and_comes_back_with_its_slots(kind, frozen_at):
    net, twin = two_layers(), two_layers()
    optimizer, other = kind(net.parameters(), 0.1), kind(twin.parameters(), 0.1)
    for seed in range(frozen_at):
        go(net, optimizer, seed)
        go(twin, other, seed)
    net.freeze("fc1")
    fixed = everything(net, optimizer)
    for seed in 5, 6:
        go(net, optimizer, seed)
    now = everything(net, optimizer)
    assert_same({name: a for name, a in now.items() if "fc1" in name},
                {name: a for name, a in fixed.items() if "fc1" in name and (frozen_at or " " not in name)})
    (g,) = optimizer.gradients()
    W = net["fc1"].W.value
    assert W.base is None and not np.shares_memory(W, net["fc2"].W.value.base) and g.size < 100
    net.unfreeze()
    go(net, optimizer, 7)
    assert (net["fc1"].W.value != fixed["fc1.W"]).any() and len(optimizer.gradients()) == 1


def test_flat_arrays_that_nobody_needs_any_more_are_let_go():
    net = two_layers()
    sgd = SGD(net.parameters(), 0.1)
    go(net, sgd, 0)
    old = [weakref.ref(array) for flat in sgd.flats() for array in (flat.w, flat.g, *flat.slots.values())]
    net.freeze("fc1")
    go(net, sgd, 1)
    assert old and not any(array() is not None for array in old)


@pytest.mark.parametrize("change", [
    lambda net: net.to(simulated(0)), lambda net: net.to(simulated(1)).to(simulated(0)),
    lambda net: [setattr(p, "value", p.value.copy()) for _, p in net.parameters()],
    lambda net: setattr(net["fc2"].W, "value", net["fc2"].W.value.copy()),
    lambda net: net.astype(np.float64), lambda net: net.astype(np.float64).astype(np.float32)])
def test_a_net_that_is_moved_or_converted_goes_on(kind, change):
    net, twin = two_layers(), two_layers()
    optimizer, other = kind(net.parameters(), 0.1), kind(twin.parameters(), 0.1)
    for seed in range(4):
        if seed == 2:
            change(net)
        with must_be_current():
            go(net, optimizer, seed)
        go(twin, other, seed)
    assert_same(everything(net, optimizer), everything(twin, other), 1e-5)
    device, dtype = net["fc1"].W.device, net["fc1"].W.value.dtype
    for arrays in optimizer.slots.values():
        assert all(device.holds(array) and array.dtype == dtype for array in arrays.values())
    assert all(p.gradient() is p._place for _, p in net.parameters())


def test_a_net_on_two_devices():
    devices, twin = pair("simulated"), two_layers()
    net = two_layers()
    net["fc1"].to(devices[0])
    net["fc2"].to(devices[1])
    optimizer, other = SGD(net.parameters(), 0.1), SGD(twin.parameters(), 0.1)
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        gradient = distinct(*q[1].shape, dtype=np.float32)
        p[1].grad, q[1].grad = p[1].device.asarray(gradient), gradient
    assert len(optimizer.gradients()) == 2
    with must_be_current():
        optimizer.step()
    other.step()
    assert_same(everything(net, optimizer), everything(twin, other))


def test_a_parameter_of_another_shape_wants_a_new_optimiser():
    W, b = parameter(1, 2, grad=1), parameter(3, grad=1)
    sgd = SGD([("fc8.W", W), ("fc8.b", b)], 0.1)
    W.value, W.grad = np.ones(3), np.ones(3)
    sgd.step()                                               # there is nothing to remember before the first step
    W.value, W.grad = np.ones(4), np.ones(4)
    with pytest.raises(ValueError, match=r"SGD: fc8.W has shape \(4,\), its velocity \(3,\): the parameter is not what "
                                         r"it was; make a new optimiser, SGD\(net.parameters\(\), ...\)"):
        sgd.step()
    assert (W.value == 1).all()


def test_two_optimisers_of_the_same_parameters_take_turns(kind):
    net, twin = two_layers(), two_layers()
    both = kind(net.parameters(), 0.1), SGD(net.parameters(), 0.01)
    apart = kind(twin.parameters(), 0.1), SGD(twin.parameters(), 0.01)
    for seed in range(6):
        go(net, both[seed % 2], seed)
        values = {name: p.value.copy() for name, p in twin.parameters()}
        for name, p in twin.parameters():                    # the twin's are given arrays of their own each time
            p.value, p._place = values[name], None
        go(twin, apart[seed % 2], seed)
    for i in range(2):
        assert_same(everything(net, both[i]), everything(twin, apart[i]))


def test_an_optimiser_takes_over_the_gradients_that_are_there():
    w = parameter(1, grad=1)
    first, second = (SGD([("w", w)], lr=0.1, momentum=0, weight_decay=0) for _ in range(2))
    first.step()                                             # w.grad lies in its flat array
    second.step()
    assert_close(w.value, [0.8])


def test_a_copy_of_parameters_and_optimiser_goes_its_own_way(kind):
    w = Parameter(np.array([1.0, 2.0]))
    w.grad = np.array([1.0, -1.0])
    optimizer = kind([("w", w)], 0.1)
    optimizer.step()
    other = copy.deepcopy((w, optimizer))
    for p, o in (w, optimizer), other:
        p.grad = np.array([2.0, 3.0])
        o.step()
    np.testing.assert_array_equal(other[0].value, w.value)
    other[1].step()
    assert (other[0].value != w.value).all() and not np.shares_memory(other[0].value, w.value)


def test_a_net_that_is_loaded_or_initialised_anew_stays_where_it_is(tmp_path):
    net = two_layers()
    sgd = SGD(net.parameters(), 0.1)
    go(net, sgd)
    net.save(tmp_path / "net.npz")
    saved = {name: array.copy() for name, array in everything(net, sgd).items()}
    go(net, sgd, 1)
    places = {name: p.value for name, p in net.parameters()}
    net.load(tmp_path / "net.npz")
    assert all(p.value is places[name] for name, p in net.parameters())
    assert_same({name: p.value for name, p in net.parameters()}, {n: a for n, a in saved.items() if " " not in n})


def test_a_rule_of_ones_own_is_a_few_lines():
    class Plain(Optimizer):
        def __init__(self, parameters, lr):
            super().__init__(parameters, lr=lr, weight_decay=0)

        def _update(self, w, g, slots, rate, decay, xp):
            w -= rate * g

    w = parameter(1, grad=2)
    Plain([("w", w)], 0.25).step()
    assert w.value.item() == 0.5
