"""New last layers on old nets, and starts by fan-in."""
import re

import numpy as np
import pytest

from tinynet import Branches, Conv2d, GlobalAvgPool2d, Linear, ReLU, Sequential, Subsample2d, pair, simulated
from tinynet.devices.simulated import must_be_current
from tinynet.models import NETS, alexnet, build
from tinynet.models.catalogue import settings_of
from tinynet.training.finetune import classifiers, replace_last, start_by_fan_in

RNG = np.random.default_rng(0)
LAST = {"googlenet": ["fc", "head1.fc2", "head2.fc2"], "lenet5-linear": ["output"], "nin-cifar": ["mlpconv3.cccp2"],
        "nin-small": ["mlpconv3.cccp1"], **{name: ["fc10"] for name in NETS if name.startswith("cifar")},
        "cifar-nin": ["mlpconv3.cccp2"], **{name: ["fc"] for name in NETS if "resnet" in name}}


def small(name):
    sizes = {"classes": 4, "width": 0.05, "input_size": 79} if "input_size" in settings_of(name) else {}
    return build(name, rng=np.random.default_rng(1), **sizes)


@pytest.mark.parametrize("name", [name for name in NETS if name != "lenet5"])
def test_every_net_gets_new_classes_and_keeps_the_rest(name):
    net = small(name)
    assert [layer.name for layer in classifiers(net)] == LAST.get(name, ["fc8"])
    ours = {id(p) for layer in classifiers(net) for p in (layer.W, layer.b)}
    for layer in classifiers(net):
        layer.W.grad = np.ones_like(layer.W.value)
    before = {name: (p.value.copy(), p.lr, p.decay, p.device) for name, p in net.parameters()}
    assert replace_last(net, 7, np.random.default_rng(2)) is net
    x = np.random.default_rng(3).normal(size=(2, *net.input_shape)).astype(np.float32)
    scores = net.forward(x, train=True)
    assert all(y.shape == (2, 7) for y in (scores if isinstance(scores, tuple) else (scores,)))
    for name, p in net.parameters():
        value, *rest = before[name]
        assert [p.lr, p.decay, p.device] == rest and p.value.dtype == value.dtype
        if id(p) in ours:
            assert p.grad is None                                        # that of the old shape fits no more
            assert p.shape == (*value.shape[:-1], 7)
            assert p.value.std() == pytest.approx(0.01, rel=0.5) if name.endswith("W") else not p.value.any()
        else:
            np.testing.assert_array_equal(p.value, value)


def test_two_columns_on_two_devices():
    net = alexnet(4, devices=pair("simulated"), input_size=67, kernels=(2, 2, 2, 2, 4), hidden=4, rng=RNG)
    replace_last(net, 3, RNG)
    y = net.forward(np.zeros((2, 67, 67, 3), np.float32), keep=True)
    assert y.shape == (2, 3) and net["fc8"].W.device is net["fc8"].device
    net.backward(y)
    assert net["fc8"].W.grad.shape == (4, 3)


def test_it_is_drawn_from_the_rng_in_the_dtype_of_the_net():
    nets = [replace_last(Sequential(fc=Linear(3, 2, rng=RNG)).astype(np.float64), 5, np.random.default_rng(seed))
            for seed in (0, 0, 1)]
    first, same, other = (net["fc"].W.value for net in nets)
    assert first.dtype == np.float64 and (first == same).all() and (first != other).all()


@pytest.mark.parametrize("net, got", [
    (lambda: build("lenet5"), r"output \(RBF\)"),
    (lambda: Sequential(conv=Conv2d(3, 4, 3), relu=ReLU(), sub=Subsample2d(4, 2)), r"sub \(Subsample2d\)"),
])
def test_what_cannot_end_otherwise(net, got):
    with pytest.raises(ValueError, match=f"ends in a fully-connected layer or a convolution, got {got}"):
        replace_last(net(), 3, RNG)


def test_one_class_is_nothing_to_learn():
    with pytest.raises(ValueError, match="two classes or more, got 1"):
        replace_last(Sequential(fc=Linear(3, 2)), 1, RNG)


@pytest.mark.parametrize("name, kept", [("alexnet", ("conv1.left.W", "conv1.right.W", "fc8.W")), ("vgg-a", ("fc8.W",)),
                                        ("googlenet", ("conv1.W", "fc.W", "head1.fc2.W", "head2.fc2.W"))])
def test_fan_in_starts_all_weights_but_the_last_and_large_first_kernels(name, kept):
    net = build(name, classes=10, input_size=79, width=0.2, rng=RNG)
    before = {name: p.value.copy() for name, p in net.parameters()}
    assert start_by_fan_in(net, np.random.default_rng(1)) is net
    for name, p in net.parameters():
        if name.endswith(".b") or name in kept:
            np.testing.assert_array_equal(p.value, before[name])
        else:
            std = (2 / np.prod(p.shape[:-1])) ** 0.5
            assert p.value.std() == pytest.approx(std, rel=5 / p.size ** 0.5), name


def test_a_map_of_few_inputs_starts_from_larger_weights():
    """LeNet-5's C3: six maps of its sixteen see three maps below, one sees all six."""
    net = start_by_fan_in(build("lenet5-linear", rng=np.random.default_rng(0)), np.random.default_rng(1))
    c3, at = net["C3"], 0
    for seen in c3.table:
        kernels = c3.W.value[..., at:at + len(seen)]
        at += len(seen)
        std = np.sqrt(2 / (25 * len(seen)))                         # of n drawn, right to 1 / √(2n), 8 % or less
        assert kernels.std() == pytest.approx(std, rel=0.3)          # four times that; it was 1.7 times as large
    assert {len(seen) for seen in c3.table} == {3, 4, 6} and at == c3.W.shape[-1]


@pytest.mark.parametrize("change", [lambda net: start_by_fan_in(net, RNG), lambda net: replace_last(net, 3, RNG)])
def test_weights_are_written_on_their_device(change):
    net = build("alexnet", classes=10, input_size=79, width=0.05, columns=1, device=simulated(1), rng=RNG)
    with must_be_current():
        change(net)


def test_fan_in_draws_in_the_dtype_of_the_net():
    net = start_by_fan_in(Sequential(fc1=Linear(8, 8), fc2=Linear(8, 2)).astype(np.float64), RNG)
    assert net["fc1"].W.value.dtype == np.float64


@pytest.mark.parametrize("net, classes, message", [
    (lambda: Sequential(fc=Linear(4, 3), out=Branches(a=Linear(3, 5), b=Linear(3, 5))), 7,
     "replace_last: out.b (Linear) gives only a part of the scores; others stand beside it"),
    (lambda: Sequential(conv=Conv2d(4, 4, 1, groups=2), pool=GlobalAvgPool2d()), 3,
     "replace_last: 3 classes cannot be divided among the 2 groups of conv (Conv2d)")])
def test_a_layer_that_cannot_give_all_the_scores_stays(net, classes, message):
    net = net()
    before = {name: p.value for name, p in net.parameters()}
    with pytest.raises(ValueError, match=re.escape(message)):
        replace_last(net, classes, RNG)
    assert all(p.value is before[name] for name, p in net.parameters())


def test_the_new_layer_of_a_frozen_net_learns():
    net = replace_last(small("cifar-80sec").freeze(), 3, RNG)
    assert [name for name, p in net.parameters() if p.trainable] == ["fc10.W", "fc10.b"]
