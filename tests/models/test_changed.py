"""Nets with something changed: which layers they have, what they compute, and that nothing else is touched."""
import re
import tracemalloc

import numpy as np
import pytest
from naive import distinct

from tinynet import (
    LRN,
    AvgPool2d,
    BatchNorm2d,
    Branches,
    Columns,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Identity,
    Linear,
    MaxPool2d,
    Parameter,
    ReLU,
    Sequential,
    Sum,
    WithinMapNorm,
    count_parameters,
    gaussian,
    gradcheck,
    pair,
    simulated,
    summary,
)
from tinynet.layers.activation import ACTIVATIONS
from tinynet.layers.rbf import RBF
from tinynet.models import NETS, alexnet, build, convert, vgg
from tinynet.models.catalogue import settings_of
from tinynet.models.changed import changed, left_out
from tinynet.models.cifar import cifar_sample
from tinynet.parameter import drawn_later

SMALL = {"classes": 5, "input_size": 67, "kernels": (8, 12, 16, 20, 24), "hidden": 32}


def made(name, **settings):
    small = {"width": 0.1, "input_size": 79} if "input_size" in settings_of(name) else {}
    return build(name, rng=np.random.default_rng(0), **{**small, **settings})


def shapes(net):
    return {row.name: row.shape for row in summary(net, show=False)}


def kinds(net):
    return {type(layer) for _, layer in net.walk()}


@pytest.mark.parametrize("name", NETS)
def test_every_net_without_what_can_be_switched_off(name):
    net = made(name)
    there, before = kinds(net), shapes(net)
    for option, of, value in (("lrn", {LRN, WithinMapNorm}, False), ("dropout", {Dropout}, False)):
        if not there & of:
            with pytest.raises(ValueError, match=f"changed: {option}: the net has no"):
                made(name, **{option: value})
            continue
        other = made(name, **{option: value})
        assert not kinds(other) & of
        assert list(other.layers) == [n for n in net.layers if type(getattr(net[n], "left", net[n])) not in of]
        assert shapes(other).items() <= before.items()
        for (_, p), (_, q) in zip(net.parameters(), other.parameters(), strict=True):
            np.testing.assert_array_equal(p.value, q.value)          # the same start


@pytest.mark.parametrize("name", NETS)
def test_every_net_with_pooling_that_does_not_overlap(name):
    net = made(name)
    overlapping = [n for n, layer in net.walk() if isinstance(layer, (MaxPool2d, AvgPool2d))
                   and (layer.kernel_size, layer.stride) == ((3, 3), (2, 2))]
    if not overlapping:
        with pytest.raises(ValueError, match="pool: the net has no overlapping pooling"):
            made(name, pool=2)
        return
    other = made(name, pool=2)
    assert shapes(other) == shapes(net)                              # whatever the size: AlexNet's 55 is odd, 32 is not
    of = dict(other.walk())
    assert all((of[n].kernel_size, of[n].stride) == ((2, 2), (2, 2)) for n in overlapping)
    assert all(vars(layer).get("kernel_size") == vars(of[n]).get("kernel_size")
               for n, layer in net.walk() if n not in overlapping)


def test_dropout_and_biases():
    net = made("alexnet", dropout=0.3)
    assert [layer.p for _, layer in net.walk() if isinstance(layer, Dropout)] == [0.3] * 4
    for bias in 0.25, 0.0:
        net = made("alexnet", bias=bias)
        assert all((p.value == bias).all() for name, p in net.parameters() if name.endswith(".b"))
    assert not any((p.value == 0.25).all() for name, p in made("alexnet").parameters())


def test_biases_of_layers_of_all_kinds():
    biases = {name: p.value for name, p in made("lenet5", bias=0.25).parameters() if name.endswith(".b")}
    assert set(biases) == {"C1.b", "S2.b", "C3.b", "S4.b", "C5.b", "F6.b"}
    assert all((b == 0.25).all() for b in biases.values())


@pytest.mark.parametrize("change, message", [
    ({"pool": 4}, "pool: expected 3 or 2, the side of the windows, got 4"),
    ({"dropout": 1.5}, "Dropout"),
    ({"without": "conv3"}, "without: what can be left out is conv1, .*, fc7, as a tuple of names, got 'conv3'"),
    ({"without": ("fc8",)}, r"what can be left out is conv1, .*, fc7, as a tuple of names, got \('fc8',\)"),
    ({"without": ("relu3",)}, r"what can be left out is .* got \('relu3',\)"),
])
def test_what_cannot_be_changed(change, message):
    with pytest.raises(ValueError, match=message):
        made("alexnet", **change)


@pytest.mark.parametrize("names", [("conv1",), ("conv1", "conv2")])
def test_what_is_in_two_groups_cannot_see_three_colours(names):
    with pytest.raises(ValueError, match="without: 3 maps cannot be dealt out to the 2 groups of an LRN; leave out"):
        alexnet(columns=1, without=names, **SMALL)
    assert alexnet(columns=1, groups=1, without=names, **SMALL)["norm1"].groups == 1


def test_a_net_that_lacks_one_of_the_things_to_change_stays_as_it_was():
    net = vgg("A-LRN", classes=3, width=0.05, input_size=64, rng=np.random.default_rng(0))
    layers = list(net.layers)
    with pytest.raises(ValueError, match="changed: pool: the net has no overlapping pooling"):
        changed(net, lrn=False, dropout=False, pool=2)
    with pytest.raises(ValueError, match="could not convert"):
        changed(net, lrn=False, dropout=False, bias="none")
    with pytest.raises(ValueError, match="changed: bias: expected a finite number, got nan"):
        changed(net, lrn=False, dropout=False, bias=np.nan)
    assert list(net.layers) == layers
    assert "norm1" in layers and "norm1" not in changed(net, lrn=False, dropout=0.2, bias=0.0).layers
    assert {layer.p for layer in net if isinstance(layer, Dropout)} == {0.2}


@pytest.mark.parametrize("names", [("conv2",), ("conv3",), ("conv4", "conv5"), ("fc7",), ("fc6",), ("fc6", "fc7"),
                                   ("conv3", "conv4", "fc7")])
@pytest.mark.parametrize("variant", ["paper", "source"])
def test_alexnet_without_layers_is_one_net_in_one_column_and_in_two(names, variant):
    rng = np.random.default_rng(0)
    one = alexnet(columns=1, without=names, variant=variant, rng=rng, **SMALL).astype(np.float64)
    two = alexnet(devices=pair("cpu"), without=names, variant=variant, rng=rng, **SMALL).astype(np.float64)
    gone = {n for name in names for n in (name, f"relu{name[-1]}", f"drop{name[-1]}", f"to_{name}")}
    full = alexnet(devices=pair("cpu"), variant=variant, rng=rng, **SMALL)
    assert [n for n in full.layers if n not in two.layers] == [n for n in full.layers if n in gone]
    convert(one, two)
    x = rng.normal(0, 60, (2, 67, 67, 3))
    np.testing.assert_allclose(two.forward(x), one.forward(x), rtol=1e-9, atol=1e-9)


def test_free_connections():
    free = alexnet(columns=1, groups=1, rng=np.random.default_rng(0), **SMALL)
    assert {layer.groups for _, layer in free.walk() if isinstance(layer, (Conv2d, LRN))} == {1}
    with pytest.raises(ValueError, match="groups=2, or, of one column, groups=1, got 1"):
        alexnet(groups=1, **SMALL)


@pytest.mark.parametrize("name, names, before, after", [
    ("vgg-a", ("conv3_2", "conv5_1"), "conv3_1", "conv4_1"), ("cifar-80sec", ("conv3",), "conv2", "fc64"),
    ("cifar-13pct", ("local3",), "conv2", "local4"), ("googlenet", ("inception3b",), "inception3a", "inception4a"),
    ("resnet20", ("stage2",), "stage1", "stage3"), ("nin-cifar", ("mlpconv2",), "mlpconv1", "mlpconv3"),
    ("cifar-nin", ("mlpconv1",), None, "mlpconv2"), ("lenet5", ("S2", "C3"), "C1", "S4"),
    ("lenet5", ("C5",), "S4", "F6"), ("lenet5-linear", ("C3", "F6"), "S2", "C5")])
def test_other_nets_without_layers(name, names, before, after):
    if name == "resnet20":                                           # the shortcut pads with maps of zeros
        with pytest.raises(ValueError, match="a ZeroPadShortcut cannot be made to fit other inputs"):
            made(name, without=names)
        return
    net = made(name, without=names)
    assert not set(names) & set(net.layers) and {before, after} - {None} <= set(net.layers)
    assert net.forward(np.zeros((1, *net.input_shape), np.float32)).shape == (1, 1000 if "vgg" in name or "goo" in name
                                                                              else 10)
    for _, p in net.parameters():
        assert p.value.flags.writeable and p.value.dtype == np.float32


def test_lenet5_is_made_to_fit_and_what_cannot_be_says_why():
    net = made("lenet5", without=("C3",))
    assert [p.shape for _, p in net["S4"].parameters()] == [(6,), (6,)] and net["C5"].W.shape == (5, 5, 6, 120)
    assert net["S4"].w.value.std() > 0                               # drawn, as in the whole net
    assert (net["C1"].W.value == made("lenet5")["C1"].W.value).all()  # what is before it is drawn as if it were there
    for settings, message in [
            ({"without": ("C1",)}, r"C3 \(TableConv2d\) is made for 6 maps, and would get 1; leave out other layers"),
            ({"width": 2}, r"C3 \(TableConv2d\) is made for 6 maps, and would get 12;"),
            ({"without": ("F6",)}, "what can be left out is C1, S2, C3, S4, C5, as a tuple of names")]:
        with pytest.raises(ValueError, match=message):
            build("lenet5", **settings)


@pytest.mark.parametrize("name", ["resnet20", "cifar-resnet20"])
def test_residual_nets_of_another_width(name):
    net = made(name, width=0.5)
    assert net["conv1"].out_channels == 8 and net["fc"].in_features == 32
    assert net.forward(np.zeros((1, 32, 32, 3), np.float32)).shape == (1, 10)
    assert {p.decay for _, p in net.parameters()} == {p.decay for _, p in made(name).parameters()}


def test_pictures_of_other_units_are_refused():
    with drawn_later():
        net = Sequential(c1=Conv2d(1, 1, 3), c2=Conv2d(1, 1, 3), flat=Flatten(), output=RBF(16, np.zeros((2, 16))))
    net.input_shape = (8, 8, 1)
    with pytest.raises(ValueError, match=r"output \(RBF\) is made for 16 units, and would get 36"):
        left_out(net, ("c1",), np.random.default_rng(0))


@pytest.mark.parametrize("name, settings, names, gone", [
    ("cifar-80sec", {}, ("conv1",), ["conv1", "relu1"]), ("cifar-sample", {}, ("conv1",), ["conv1", "act1"]),
    ("cifar-sample-tanh", {}, ("conv1", "conv2"), ["conv1", "act1", "conv2", "act2"]),
    ("alexnet-source", {"columns": 1, "groups": 1}, ("conv1",), ["conv1", "relu1"]),
    ("alexnet-source", {"columns": 2}, ("conv1", "conv5"), ["conv1", "relu1", "conv5", "relu5"]),
    ("alexnet", {}, ("conv5",), ["conv5", "relu5"]), ("vgg-a", {}, ("conv5_2",), ["conv5_2", "relu5_2"]),
    ("nin-cifar", {}, ("mlpconv1",), ["mlpconv1", "drop1"]), ("googlenet", {}, ("inception5b",), ["inception5b"]),
    ("googlenet", {}, ("conv1",), ["conv1", "relu1"])])
def test_a_layer_goes_with_what_belongs_to_it_also_behind_pooling_and_normalisation(name, settings, names, gone):
    full, net = made(name, **settings), made(name, without=names, **settings)
    assert [n for n in full.layers if n not in net.layers] == gone
    assert net.forward(np.zeros((1, *net.input_shape), np.float32)).ndim == 2


def test_a_normalisation_that_is_left_out_leaves_the_nonlinearity_of_the_layer_before():
    def net():
        with drawn_later():
            net = Sequential(conv=Conv2d(3, 8, 3, padding=1), norm=BatchNorm2d(8), relu=ReLU(), flat=Flatten(),
                             fc=Linear(128, 2))
        net.input_shape = (4, 4, 3)
        return net
    assert list(left_out(net(), ("norm",), np.random.default_rng(0)).layers) == ["conv", "relu", "flat", "fc"]
    assert list(left_out(net(), ("conv",), np.random.default_rng(0)).layers) == ["norm", "flat", "fc"]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_layer_is_left_out_with_any_nonlinearity(activation):
    with drawn_later():
        net = cifar_sample(np.random.default_rng(0), activation)
    net.input_shape = (32, 32, 3)
    net = left_out(net, ("conv2",), np.random.default_rng(0))
    assert "conv2" not in net.layers and "act2" not in net.layers
    assert net.forward(np.zeros((1, 32, 32, 3), np.float32)).shape == (1, 10)


def test_branches_that_no_longer_fit_each_other():
    with pytest.raises(ValueError, match=re.escape(
            "width, without: stage1.block1.sum (Sum): its branches would give residual (32, 32, 16), shortcut "
            "(32, 32, 3), which cannot be added; leave out other layers")):
        build("resnet20", shortcut="projection", without=("conv1",))
    net = build("resnet20", shortcut="projection", without=("stage2",))
    assert net.forward(np.zeros((1, 32, 32, 3), np.float32)).shape == (1, 10)
    with drawn_later():
        net = Sequential(a=Conv2d(3, 4, 3, 2, 1), mix=Branches(one=Conv2d(4, 2, 1), two=MaxPool2d(3, 1)),
                         pool=GlobalAvgPool2d(), fc=Linear(6, 2))
    net.input_shape = (9, 9, 3)
    with pytest.raises(ValueError, match=re.escape("mix (Branches): its branches would give one (9, 9, 2), two "
                                                   "(7, 7, 3), which cannot be joined")):
        left_out(net, ("a",), np.random.default_rng(0))


def test_batch_normalisation_that_is_made_to_fit_learns_as_before():
    with drawn_later():
        net = Sequential(conv1=Conv2d(3, 8, 3, padding=1), norm1=BatchNorm2d(8, momentum=0.3),
                         conv2=Conv2d(8, 4, 3, padding=1), norm2=BatchNorm2d(4), flat=Flatten(), fc=Linear(64, 2))
    net.input_shape = (4, 4, 3)
    for _, p in net.parameters():
        p.lr, p.decay = 0.5, 1e-4
    net.freeze("norm1")
    left_out(net, (), np.random.default_rng(0), width=0.5)
    assert net["norm1"].label == "norm1 (BatchNorm2d)" and net["norm1"].momentum == 0.3
    assert [net[name].gamma.shape for name in ("norm1", "norm2")] == [(4,), (2,)]
    assert {(p.lr, p.decay) for _, p in net.parameters()} == {(0.5, 1e-4)}
    assert [name for name, p in net.parameters() if not p.trainable] == ["norm1.gamma", "norm1.beta"]
    assert net.forward(np.ones((2, 4, 4, 3), np.float32), train=True).shape == (2, 2)


def test_the_modules_that_googlenets_heads_look_at_stay():
    with pytest.raises(ValueError, match="what can be left out is .*3b, inception4c, inception5a, inception5b, as"):
        made("googlenet", without=("inception4a",))


def test_googlenets_heads_fit_what_they_look_at():
    net = build("googlenet", classes=3, width=0.1, input_size=79, without=("conv1",), rng=np.random.default_rng(0))
    x = np.zeros((1, *net.input_shape), np.float32)
    assert [scores.shape for scores in net.forward(x, train=True)] == [(1, 3)] * 3


def test_biases_of_a_net_that_has_none():
    with pytest.raises(ValueError, match="changed: bias: the net has none"):
        changed(Sequential(conv=Conv2d(1, 2, 3, bias=False)), bias=1.0)


@pytest.mark.parametrize("name, kernels", [("cifar-18pct", (16, 16, 32)), ("cifar-11pct", (32, 32, 32, 16)),
                                           ("alexnet", (48, 128, 192, 192, 128))])
def test_half_as_wide(name, kernels):
    net = build(name, width=0.5, rng=np.random.default_rng(0), **({"columns": 1} if name == "alexnet" else {}))
    assert tuple(layer.out_channels for _, layer in net.walk() if hasattr(layer, "out_channels")) == kernels
    assert net.forward(np.zeros((1, *net.input_shape), np.float32)).shape[1] in (10, 1000)
    for kept, halved in zip(build(name).parameters(), net.parameters(), strict=False):
        assert (kept[1].lr, kept[1].decay) == (halved[1].lr, halved[1].decay)


def test_a_net_that_changes_its_initial_values_does_so_at_any_width():
    net = build("cifar-nin", width=0.5, rng=np.random.default_rng(0))
    assert [net[f"mlpconv{i}"]["conv"].out_channels for i in (1, 2, 3)] == [96, 96, 96]
    for name, p in net.parameters():
        if name.endswith(".W"):
            gain = 0.1 if name == "mlpconv3.cccp2.W" else 2.0
            assert abs(p.value.std() / (gain / np.prod(p.shape[:-1])) ** 0.5 - 1) < 0.1
        else:
            assert (p.value == (name == "mlpconv3.cccp2.b")).all()


def test_gradients_of_a_net_that_lost_a_layer():
    net = alexnet(columns=1, without=("conv3", "fc6"), rng=np.random.default_rng(0), **SMALL).astype(np.float64)
    for name, p in net.parameters():
        p.value *= 8 if name.endswith(".W") else 0.1                 # or the signal fades
    gradcheck(net, np.random.default_rng(1).normal(0, 2, (1, 67, 67, 3)), samples=3)


def test_on_other_devices():
    net = build("alexnet", without=("conv4",), lrn=False, width=0.1, device=simulated(1), rng=np.random.default_rng(0))
    assert all(layer.device == pair("simulated") for layer in net if isinstance(layer, Columns))
    net = build("vgg-a", without=("fc6",), width=0.05, input_size=32, device=simulated(1))
    assert {p.device for _, p in net.parameters()} == {simulated(1)}


def test_nothing_takes_memory_before_it_is_drawn():
    tracemalloc.start()
    try:
        with drawn_later():
            net = vgg("D")
        assert count_parameters(net) == 138_357_544 and tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_a_parameter_without_numbers():
    with drawn_later():
        p, q = (Parameter.drawn(gaussian(2.0), None, (3, 4), simulated(0)) for _ in range(2))
    assert p.shape == (3, 4) and p.to(simulated(1)).device is simulated(1)
    p.reshape((50, 2))
    p.draw(np.random.default_rng(0))
    np.testing.assert_array_equal(p.device.tohost(p.value), gaussian(2.0)(np.random.default_rng(0), (50, 2)))
    q.assign(np.ones((3, 4), np.float32))
    q.draw(np.random.default_rng(0))                                 # it has its numbers
    assert (q.device.tohost(q.value) == 1).all()
    with pytest.raises(ValueError, match="has its numbers already, and cannot get the shape"):
        q.reshape((2, 2))


def test_left_out_of_a_net_of_ones_own():
    with drawn_later():
        net = Sequential(a=Conv2d(3, 4, 3, padding=1), a_relu=ReLU(), b=Conv2d(4, 8, 3), c=Linear(8 * 16, 2))
    net.input_shape = (6, 6, 3)
    with pytest.raises(ValueError, match="width: expected a number above 0, got 0"):
        left_out(net, (), np.random.default_rng(0), width=0)
    with pytest.raises(ValueError, match="changed: lrn: the net has no"):
        changed(net, lrn=False)
    left_out(net, ("a",), np.random.default_rng(0))
    assert list(net.layers) == ["b", "c"] and net["b"].W.shape == (3, 3, 3, 8)


def test_what_is_taken_out_of_branches_leaves_a_way_around():
    net = Sequential(n=LRN(), mix=Branches(a=LRN(), b=Identity()), s=Sum(i=Identity(), d=Dropout(0.5)), d=Dropout(0.5))
    changed(net, lrn=False, dropout=False)
    x = distinct(1, 2, 2, 3)
    np.testing.assert_array_equal(net.forward(x, train=True), 2 * np.concatenate([x, x], axis=-1))
    assert [name for name, _ in net.walk()] == ["mix", "mix.a", "mix.b", "s", "s.i", "s.d"]
    assert net["mix"].branches["a"].name == "mix.a"
