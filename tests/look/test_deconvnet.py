"""From an activation back to the pixels: by hand, as an adjoint, through branches and columns, without a trace."""
from __future__ import annotations

import copy
import re

import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import (
    LRN,
    AvgPool2d,
    BatchNorm2d,
    Branches,
    Columns,
    Conv2d,
    Dropout,
    Flatten,
    Fork,
    Identity,
    Layer,
    Linear,
    LocallyConnected2d,
    MaxPool2d,
    ReLU,
    Sequential,
    Sum,
    Tanh,
    Unpool2d,
    WithinMapNorm,
    constant,
    gaussian,
    pair,
    traffic,
)
from tinynet.look.deconvnet import METHODS, climb, project
from tinynet.models import alexnet, convert
from tinynet.models.catalogue import build

IMAGES = (2, 9, 8, 3)


def start(seed=0):
    return {"rng": np.random.default_rng(seed), "weight_init": gaussian(0.5), "bias_init": gaussian(0.5)}


def net_with_everything():
    mix = Branches(one=Conv2d(4, 3, 1, **start(2)),
                   two=Sequential(deep=Branches(a=Conv2d(4, 2, 3, padding=1, **start(3)), b=Identity()), relu=ReLU()))
    return Sequential(conv1=Conv2d(3, 4, 3, stride=2, padding=1, input_grad=False, **start(1)), relu1=ReLU(),
                      norm1=LRN(3, 1.0, 0.5, 0.75), pool1=MaxPool2d(3, 2, ceil_mode=True), mix=mix,
                      bn=BatchNorm2d(9), sum=Sum(block=Conv2d(9, 9, 3, padding=1, **start(4)), shortcut=Identity()),
                      tanh=Tanh(), avg=AvgPool2d(2), flat=Flatten(), drop=Dropout(rng=np.random.default_rng(0)),
                      fc=Linear(9, 5, **start(5))).astype(np.float64)


def linear_net():
    """A net without a kink: the same whatever comes in."""
    return Sequential(conv1=Conv2d(3, 4, 3, stride=2, padding=1, input_grad=False, **start(1)),
                      mix=Branches(one=Conv2d(4, 3, 1, **start(2)), two=AvgPool2d(3, 1, 1)), bn=BatchNorm2d(7),
                      sum=Sum(block=Conv2d(7, 7, 3, padding=1, **start(4)), shortcut=Identity()),
                      flat=Flatten(), fc=Linear(140, 5, **start(5))).astype(np.float64)


def gradient(net, x, at, unit, place, eps=1e-6):
    """∂a/∂x of an activation a, by finite differences."""
    def activation(x):
        seen = {}
        net.forward(x, seen=lambda name, layer, x, y: seen.update({name: y}))
        return seen[at][(slice(None), *place, unit)]
    g = np.zeros_like(x)
    for index in np.ndindex(*x.shape[1:]):
        step = np.zeros_like(x)
        step[(slice(None), *index)] = eps
        g[(slice(None), *index)] = (activation(x + step) - activation(x - step)) / (2 * eps)
    return g


@pytest.mark.parametrize("at, unit, place", [("conv1", 2, (1, 3)), ("mix.two.deep.a", 1, (0, 1)), ("tanh", 8, (1, 1)),
                                             ("mix.one", 0, (1, 1)), ("sum.block", 3, (1, 0)), ("fc", 4, ())])
def test_the_gradient_is_the_gradient(at, unit, place):
    net, x = net_with_everything(), distinct(*IMAGES)
    got = project(net, x, at, unit, place or None, "gradient")
    np.testing.assert_allclose(got, gradient(net, x, at, unit, place), atol=1e-7 * np.abs(got).max() + 1e-9)


@pytest.mark.parametrize("at", ["conv1", "mix.one", "bn", "sum.block", "fc"])
def test_on_a_linear_net_gradient_and_guided_agree_and_the_deconvnet_is_the_adjoint(at):
    net, x = linear_net(), distinct(*IMAGES)
    first, gradient, guided = (project(net, x, at, 1, None, method) for method in METHODS)
    np.testing.assert_array_equal(guided, gradient)
    seen, moved = {}, distinct(*IMAGES, seed=1)
    for images in x, x + moved:
        net.forward(images, seen=lambda name, layer, x, y: seen.setdefault(name, []).append(y))
    before, after = seen[at]                                              # of the whole layer; one number is picked
    flat = before.reshape(2, -1, before.shape[-1])[:, :, 1]
    images, places = np.arange(2), flat.argmax(axis=1)
    change = (after - before).reshape(2, -1, before.shape[-1])[images, places, 1]
    np.testing.assert_allclose((gradient * moved).sum(axis=(1, 2, 3)), change, rtol=1e-9)
    np.testing.assert_allclose((first * moved).sum(axis=(1, 2, 3)), change * flat[images, places], rtol=1e-11)


def test_a_negative_activation():
    """Through a ReLU: the gradient and guided show what raises the score, the deconvnet what keeps it down."""
    net = Sequential(fc1=Linear(3, 3, bias=False), relu=ReLU(), fc2=Linear(3, 1, bias=False)).astype(np.float64)
    net["fc1"].W.assign(np.eye(3))
    net["fc2"].W.assign(np.array([[1.0], [-2.0], [1.0]]))
    x = np.array([[2.0, 3.0, -1.0]])                                      # y = 2 - 6 = -4
    for method, expected in {"gradient": [1, -2, 0], "deconvnet": [0, 8, 0], "guided": [1, 0, 0]}.items():
        np.testing.assert_array_equal(project(net, x, "fc2", 0, None, method), [expected])


def test_an_activation_of_zero_has_a_gradient():
    net = Sequential(fc=Linear(2, 1, bias=False)).astype(np.float64)
    net["fc"].W.assign(np.array([[1.0], [-2.0]]))
    x = np.zeros((1, 2))
    for method, expected in {"gradient": [1, -2], "deconvnet": [0, 0], "guided": [1, -2]}.items():
        np.testing.assert_array_equal(project(net, x, "fc", 0, None, method), [expected])
    assert net.forward(climb(net, x, "fc", 0, steps=1)) > 0


@pytest.mark.parametrize("method", METHODS)
def test_a_net_whose_first_layer_gives_no_dx_in_training(method):
    layer = LocallyConnected2d(3, 4, 3, (9, 8), input_grad=False, **start())
    net, x = Sequential(local=layer, relu=ReLU()).astype(np.float64), distinct(*IMAGES)
    got = project(net, x, "relu", 2, None, method)
    layer.input_grad = True
    assert np.abs(got).max() > 0
    np.testing.assert_array_equal(got, project(net, x, "relu", 2, None, method))


def test_the_deconvnet_by_hand():
    """Up: convolution, ReLU, LRN, pooling, convolution. Down: each step of the paper in turn."""
    conv1, conv2 = Conv2d(3, 4, 3, padding=1, **start(1)), Conv2d(4, 2, 3, **start(2) | {"bias_init": constant(3)})
    net = Sequential(conv1=conv1, relu1=ReLU(), norm1=LRN(3, 1.0, 0.5, 0.75), pool1=MaxPool2d(3, 2), conv2=conv2,
                     relu2=ReLU()).astype(np.float64)
    x = distinct(*IMAGES)
    y = net.forward(x, keep=True)
    alone = np.zeros_like(y)
    alone[:, 1, 0, 1] = y[:, 1, 0, 1]
    d = conv2.transpose(np.maximum(alone, 0), (4, 3))                     # rectify, filter
    d = np.maximum(Unpool2d(net["pool1"]).forward(d), 0)                  # unpool, rectify; no normalisation
    expected = conv1.transpose(d, (9, 8))
    assert np.abs(expected).max() > 0
    assert_close(project(net, x, "relu2", 1, (1, 0)), expected)


def test_relu_lets_through_what_its_method_says():
    net = Sequential(fc1=Linear(3, 3, bias=False), relu=ReLU(), fc2=Linear(3, 1, bias=False)).astype(np.float64)
    net["fc1"].W.assign(np.eye(3))
    net["fc2"].W.assign(np.array([[1.0], [-1.0], [1.0]]))
    x = np.array([[2.0, 1.0, -1.0]])                                      # positive, positive, negative; a = 1
    for method, expected in {"gradient": [1, -1, 0], "deconvnet": [1, 0, 1], "guided": [1, 0, 0]}.items():
        np.testing.assert_array_equal(project(net, x, "fc2", 0, None, method), [expected])


@pytest.mark.parametrize("layer", [LRN(3, 1.0, 0.5, 0.75), WithinMapNorm(3, 0.5, 0.75), MaxPool2d(3, 2)])
def test_of_normalisation_and_overlapping_windows_guided_takes_the_gradient_and_the_deconvnet_does_not(layer):
    net = Sequential(conv1=Conv2d(3, 4, 3, **start(1)), layer=layer, conv2=Conv2d(4, 2, 2, **start(2)))
    x = 10 * distinct(*IMAGES)
    deconvnet, gradient, guided = (project(net.astype(np.float64), x, "conv2", 1, (1, 0), how) for how in METHODS)
    np.testing.assert_array_equal(guided, gradient)
    assert np.abs(deconvnet / np.abs(deconvnet).max() - gradient / np.abs(gradient).max()).max() > 1e-3


def test_through_normalisation_within_maps_the_deconvnet_passes_too():
    rng = np.random.default_rng(0)
    x, conv = rng.normal(size=(1, 6, 6, 1)).astype(np.float32), Conv2d(1, 2, 3, rng=rng)
    norm = WithinMapNorm(3, alpha=1e4, beta=0.75)
    found, expected = (project(Sequential(**layers), x, list(layers)[-1], 0, (1, 1))
                       for layers in ({"conv": conv, "norm": norm}, {"conv": conv}))
    assert_close(found / np.abs(found).max(), expected / np.abs(expected).max())    # but for its strength


def test_each_image_has_its_own_strongest_place_and_may_have_its_own_unit():
    net, x = net_with_everything(), distinct(*IMAGES)
    units = np.array([3, 1])
    both = project(net, x, "mix.two.relu", units)
    for i in 0, 1:
        assert_close(both[i:i + 1], project(net, x[i:i + 1], "mix.two.relu", int(units[i])))
    maps = {}
    net.forward(x, seen=lambda name, layer, x, y: maps.update({name: y}))
    place = np.unravel_index(maps["relu1"][1, :, :, 2].argmax(), maps["relu1"].shape[1:3])
    assert_close(project(net, x, "relu1", 2)[1], project(net, x[1:], "relu1", 2, place)[0])


# ---------------------------------------------------------------------------------------- columns


SMALL = {"classes": 5, "input_size": 67, "kernels": (4, 6, 8, 8, 6), "hidden": 10}


@pytest.mark.parametrize("kind", ["cpu", "simulated"])
@pytest.mark.parametrize("method", METHODS)
def test_two_columns_project_what_the_same_net_on_one_device_does(kind, method):
    one = alexnet(columns=1, **SMALL, rng=np.random.default_rng(0))
    for name, p in one.parameters():                                      # larger than the paper's, so that much passes
        if name.endswith("W"):
            p.value *= 20
    two = convert(one, alexnet(columns=2, devices=pair(kind), **SMALL))
    x = distinct(1, 67, 67, 3, dtype=np.float32)
    for at, (left, of_left), (right, of_right) in [("conv5", ("conv5.left", 2), ("conv5.right", 1)),
                                                   ("fc6", ("fc6.left", 3), ("fc6.right", 0))]:
        half = dict(one.walk())[at].W.shape[-1] // 2
        for name, unit, whole in (left, of_left, of_left), (right, of_right, half + of_right):
            expected = project(one, x, at, whole, method=method)
            assert np.abs(expected).max() > 0
            got = project(two, x, name, unit, method=method)
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4 * np.abs(expected).max())  # float32


@pytest.mark.parametrize("kind", ["cpu", "simulated"])
@pytest.mark.parametrize("method", METHODS)
def test_columns_of_several_layers_each(kind, method):
    """As columns of one layer each do, one after the other."""
    devices, x = pair(kind), distinct(1, 8, 7, 3, dtype=np.float32)

    def convs():
        return [Conv2d(3, 2, 3, device=device, **start(seed)) for seed, device in enumerate(devices)]

    one = Sequential(fork=Fork(devices), both=Columns(*(Sequential(conv=conv, relu=ReLU()) for conv in convs())))
    two = Sequential(fork=Fork(devices), conv=Columns(*convs()), relu=Columns(ReLU(), ReLU()))
    for side in "left", "right":
        for layer in "conv", "relu":
            expected = project(two, x, f"{layer}.{side}", 1, method=method)
            assert np.abs(expected).max() > 0
            np.testing.assert_array_equal(project(one, x, f"both.{side}.{layer}", 1, method=method), expected)


def test_the_crossings_run_in_reverse_and_are_logged():
    net = alexnet(columns=2, devices=pair("simulated"), **SMALL, rng=np.random.default_rng(0))
    with traffic() as log:
        project(net, distinct(1, 67, 67, 3, dtype=np.float32), "fc6.left", 0)
    up, down = log[:len(log) // 2], log[len(log) // 2:]
    assert [c.label for c in up if c.source.startswith("sim")] == ["to_conv3"] * 2 + ["to_fc6"] * 2
    assert [c.label for c in down][:4] == ["to_fc6"] * 2 + ["to_conv3"] * 2


# ---------------------------------------------------------------------------------------- the rest


@pytest.mark.parametrize("name", ["cifar-80sec", "cifar-sample-tanh", "nin-small", "resnet20", "lenet5", "cifar-13pct"])
def test_nets_of_the_catalogue(name):
    net = build(name, rng=np.random.default_rng(0))
    x = distinct(1, *net.input_shape, dtype=np.float32)
    for at in [name for name, layer in net.walk() if not layer.children()]:
        for method in METHODS:
            down = project(net, x, at, 0, method=method)
            assert down.shape == x.shape and down.dtype == x.dtype and np.isfinite(down).all()


def test_the_net_is_as_it_was():
    net, x = net_with_everything(), distinct(*IMAGES)
    twin = copy.deepcopy(net)
    y, _ = net.forward(x, keep=True), twin.forward(x, keep=True)
    for method in METHODS:
        project(net, x, "fc", 0, None, method)
    net.backward(np.ones_like(y))                                         # of the forward before
    twin.backward(np.ones_like(y))
    for (name, p), (_, other) in zip(net.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(p.value, other.value, name)
        np.testing.assert_array_equal(p.grad, other.grad, name)


class Block(Layer):
    """A layer of one's own, made of others: y = tanh(conv(x)) + x."""

    def __init__(self):
        self.conv, self.tanh = Conv2d(3, 3, 3, padding=1, input_grad=False, **start(1)), Tanh()

    def children(self):
        return [("conv", self.conv), ("tanh", self.tanh)]

    def forward(self, x, train=False, keep=False):
        return self.tanh.forward(self.conv.forward(x, train, keep), train, keep) + x

    def backward(self, dy):
        dx = self.conv.backward(self.tanh.backward(dy))
        return dy if dx is None else dy + dx


@pytest.mark.parametrize("method", METHODS)
def test_a_layer_of_ones_own_that_is_made_of_others_is_as_it_was(method):
    net, x = Sequential(block=Block(), fc=Flatten()).astype(np.float64), distinct(*IMAGES)
    dy = np.ones_like(net.forward(x, keep=True))
    net.backward(dy)
    before = {name: p.grad.copy() for name, p in net.parameters()}
    net.forward(x, keep=True)
    down = project(net, x, "fc", 7, None, method)
    for name, p in net.parameters():
        assert p.trainable
        np.testing.assert_array_equal(p.grad, before[name])
    net.backward(dy)                                                      # of the forward before
    if method == "gradient":
        np.testing.assert_allclose(down, gradient(net, x, "fc", 7, ()), rtol=0, atol=1e-8)


@pytest.mark.parametrize("at, unit, place, method, error", [
    ("conv9", 0, None, "deconvnet", "KeyError.*no layer is called 'conv9'; there are conv1, relu1, norm1"),
    ("mix", 0, None, "deconvnet", "KeyError.*no layer is called 'mix'"),
    ("conv1", 4, None, "deconvnet", "ValueError.*conv1: expected units from 0 to 3, got 4"),
    ("conv1", -1, None, "deconvnet", "ValueError.*conv1: expected units from 0 to 3, got -1"),
    ("conv1", 0, (5, 0), "deconvnet", re.escape("conv1: expected a place in maps of 5 x 4, got (5, 0)")),
    ("fc", 0, (0, 1), "deconvnet", re.escape("fc: expected a place in maps of 1 x 1, got (0, 1)")),
    ("fc", 0, None, "magic", "expected a method of deconvnet, gradient, guided, got 'magic'"),
])
def test_what_is_not_there(at, unit, place, method, error):
    with pytest.raises((KeyError, ValueError)) as caught:
        project(net_with_everything(), distinct(*IMAGES), at, unit, place, method)
    assert re.search(error, repr(caught.value))


def test_a_layer_beside_the_net():
    net = build("googlenet", classes=3, width=0.1, input_size=79, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="GoogLeNet: head1 is beside the net's layers, not one of them: conv1, "):
        project(net, np.zeros((1, 79, 79, 3), np.float32), "head1.conv", 0)


# ---------------------------------------------------------------------------------------- gradient ascent


def test_each_step_of_the_ascent_goes_uphill():
    net, x = net_with_everything(), 0.1 * distinct(*IMAGES)

    def activation(x):
        return net.forward(x)[:, 3]
    higher = climb(net, x, "fc", 3, steps=20, rate=0.01, decay=0.0)
    assert (activation(higher) > activation(x)).all()
    assert_close(climb(net, x, "fc", 3, steps=0), x)


def test_on_a_linear_unit_the_ascent_ends_at_its_weights():
    net = Sequential(fc=Linear(6, 2, bias=False, **start())).astype(np.float64)
    w = net["fc"].W.value[:, 1]
    x = climb(net, np.zeros((1, 6)) + 0.1, "fc", 1, steps=2000, rate=0.1, decay=0.01)[0]
    np.testing.assert_allclose(x / np.linalg.norm(x), w / np.linalg.norm(w), atol=1e-6)


def test_each_image_climbs_by_a_gradient_of_its_own():
    rng = np.random.default_rng(0)
    net = Sequential(conv=Conv2d(1, 2, 3, rng=rng), relu=ReLU(), conv2=Conv2d(2, 2, 3, rng=rng))
    x = rng.normal(size=(2, 6, 6, 1)).astype(np.float32) * np.float32([1, 9]).reshape(2, 1, 1, 1)
    both = climb(net, x, "conv2", 0, (0, 0), steps=2)
    for i in range(2):
        assert_close(both[i:i + 1], climb(net, x[i:i + 1], "conv2", 0, (0, 0), steps=2))


def test_a_unit_that_is_silent_sends_no_slope_but_nan_neither():
    net = Sequential(fc=Linear(3, 1, bias=False), relu=ReLU())
    net["fc"].W.assign(np.ones((3, 1), np.float32))
    x = -np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(climb(net, x, "relu", 0, steps=3, decay=0.0), x)
