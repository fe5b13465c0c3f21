"""What nets have in common: the walk, what is seen of a forward, names, places, devices, and where backward ends."""
from __future__ import annotations

import copy
import functools
import pickle
import re
import threading

import naive
import numpy as np
import pytest
from naive import assert_close
from test_layer import branching_net, residual_net, small_net, start

from tinynet import (
    LRN,
    Branches,
    Columns,
    Conv2d,
    Dropout,
    Exchange,
    Flatten,
    Fork,
    Identity,
    Join,
    Layer,
    Linear,
    Parameter,
    ReLU,
    Sequential,
    Sum,
    Tanh,
    device_of,
    pair,
    simulated,
    summary,
)
from tinynet.devices.simulated import must_be_current
from tinynet.models import GoogLeNet, build
from tinynet.models.inception import inception_v1

MAPS = (2, 7, 6, 4)


distinct = functools.partial(naive.distinct, dtype=np.float32)  # as the nets' parameters


def two_columns(devices):
    def both(make):
        return Columns(make().to(devices[0]), make().to(devices[1]))
    return Sequential(fork=Fork(devices), conv1=both(lambda: Conv2d(4, 3, 3, **start())), relu1=both(ReLU),
                      cross=Exchange(), drop=both(lambda: Dropout(0.5, np.random.default_rng(0))),
                      join=Join(devices[0]), flat=Flatten(), fc=Linear(240, 3, device=devices[0], **start(8)))


def small_googlenet():
    return build("googlenet", width=0.03, input_size=79, rng=np.random.default_rng(0))


# ---------------------------------------------------------------------------------------- the walk


def test_a_walk_goes_to_the_depth_first_and_names_every_layer_in_full():
    net = Sequential(stem=Sequential(conv=Conv2d(4, 2, 1), relu=ReLU()),
                     mix=Branches(left=Tanh(), deep=Sum(conv=Conv2d(2, 2, 1), shortcut=Identity())), fc=Flatten())
    names = ["stem", "stem.conv", "stem.relu", "mix", "mix.left", "mix.deep", "mix.deep.conv", "mix.deep.shortcut",
             "fc"]
    assert [name for name, _ in net.walk()] == names
    assert dict(net.walk())["mix.deep.conv"] is net["mix"].branches["deep"].branches["conv"]
    assert all(layer.name == name for name, layer in net.walk())
    assert list(net["fc"].walk()) == []
    assert net.tree() == [net, *(layer for _, layer in net.walk())]
    assert net["fc"].tree() == [net["fc"]]


def test_a_walk_goes_through_columns_heads_and_slices():
    names = [name for name, _ in two_columns(pair("cpu")).walk()]
    assert names[:5] == ["fork", "conv1", "conv1.left", "conv1.right", "relu1"]
    googlenet = small_googlenet()
    names = [name for name, _ in googlenet.walk()]
    assert {"inception3a.five.conv", "head1.fc2", "head2.conv"} < set(names)
    assert not any(name.startswith("head") for name, _ in googlenet[:].walk())
    assert [name for name, _ in googlenet["drop":].walk()] == ["drop", "fc"]


# ---------------------------------------------------------------------------------------- what is seen


def seen_by(net, x, **how):
    """What a forward shows, and its result."""
    seen = []
    return seen, net.forward(x, **how, seen=lambda *what: seen.append(what))


def test_every_layer_is_seen_with_its_name_what_it_got_and_what_it_gave():
    net, x = Sequential(pre=Tanh(), mix=branching_net(), relu=ReLU()), distinct(*MAPS)
    seen, y = seen_by(net, x)
    names = ["pre", "mix.wide", "mix.deep.one", "mix.deep.tanh", "mix.deep.two", "mix.plain", "relu"]
    assert [name for name, *_ in seen] == names
    layers = dict(net.walk())
    assert all(layer is layers[name] for name, layer, _, _ in seen)
    given, made = ({name: what[i] for name, *what in seen} for i in (1, 2))
    assert given["pre"] is x and made["relu"] is y
    assert given["mix.wide"] is given["mix.deep.one"] is given["mix.plain"] is made["pre"]
    assert given["mix.deep.two"] is made["mix.deep.tanh"]
    np.testing.assert_array_equal(given["relu"], np.concatenate(
        [made["mix.wide"], made["mix.deep.two"], made["mix.plain"]], axis=-1))


def test_looking_on_changes_nothing():
    for make in small_net, branching_net, residual_net:
        net, x = make(), distinct(*MAPS)
        expected = net.forward(x, keep=True)
        dy = distinct(*expected.shape, seed=1)
        dx = net.backward(dy)
        np.testing.assert_array_equal(seen_by(net, x, keep=True)[1], expected)
        np.testing.assert_array_equal(net.backward(dy), dx)


def test_a_slice_is_seen_under_the_names_in_it():
    net = Sequential(block=Sequential(a=Tanh(), b=ReLU()), c=ReLU())
    assert [name for name, *_ in seen_by(net["block"][:"a"], distinct(2, 3))[0]] == ["a"]
    assert [name for name, *_ in seen_by(net["c":], distinct(2, 3))[0]] == ["c"]


@pytest.mark.parametrize("kind", ["cpu", "simulated"])
def test_columns_are_seen_in_order_from_one_thread(kind):
    net, x = two_columns(pair(kind)), distinct(*MAPS)
    threads, names = set(), []
    y = net.forward(x, seen=lambda name, *_: (names.append(name), threads.add(threading.get_ident())))
    assert names == ["fork", "conv1.left", "conv1.right", "relu1.left", "relu1.right", "cross", "drop.left",
                     "drop.right", "join", "flat", "fc"]
    assert threads == {threading.get_ident()}
    expected = net.forward(x)
    np.testing.assert_array_equal(*(net["fc"].device.tohost(a) for a in (y, expected)))


def test_the_heads_of_googlenet_are_seen_in_training():
    net, x = small_googlenet(), distinct(1, 79, 79, 3, dtype=np.float32)
    leaves = [name for name, layer in net.walk() if not layer.children()]
    assert [name for name, *_ in seen_by(net, x, train=True)[0]] == leaves
    assert [name for name, *_ in seen_by(net, x)[0]] == [name for name in leaves if not name.startswith("head")]


# ---------------------------------------------------------------------------------------- names and places


@pytest.mark.parametrize("kind", [Sequential, Branches, Sum])
@pytest.mark.parametrize("name", ["conv1.W", "training/x", ""])
def test_names_that_would_be_mistaken_for_others_are_refused(kind, name):
    message = (f"{kind.__name__}: a layer cannot be called {name!r}: names may not be empty, and points and slashes "
               "stand between names")
    with pytest.raises(ValueError, match=re.escape(message)):
        kind(conv1=ReLU(), **{name: Tanh()})


def test_two_layers_of_one_name_are_refused():
    with pytest.raises(ValueError, match="GoogLeNet: two layers are called head1"):
        GoogLeNet({"head1": Sequential(fc=ReLU())}, head1=ReLU())


@pytest.mark.parametrize("make, places", [
    (lambda relu: Sequential(relu1=relu, tanh=Tanh(), relu2=relu), "Sequential: relu1 and relu2 are one layer, ReLU"),
    (lambda relu: Branches(a=Sequential(b=relu), c=relu), "Branches: a.b and c are one layer, ReLU"),
    (lambda relu: Sum(a=relu, b=relu), "Sum: a and b are one layer, ReLU"),
    (lambda relu: Columns(relu, relu), "Columns: left and right are one layer, ReLU"),
    (lambda relu: Sequential(a=Sequential(b=relu), c=Branches(d=Tanh(), e=relu)),
     "Sequential: a.b and c.e are one layer, ReLU"),
])
def test_one_layer_in_two_places_is_refused(make, places):
    with pytest.raises(ValueError, match=re.escape(places + ". Each place needs a layer of its own: it keeps what the "
                                                   "backward of this place needs")):
        make(ReLU())


def test_a_new_net_may_take_the_layers_of_another():
    net = small_net()
    longer = Sequential(**net[:"lrn"].layers, relu2=ReLU(), top=net["pool":])
    assert dict(longer.walk())["top.fc"] is net["fc"]


# ---------------------------------------------------------------------------------------- devices


def unplaced_first():
    """Layers without weights come first everywhere: nothing says where they belong but their input."""
    block = Sum(shortcut=Identity(), deep=Sequential(tanh=Tanh(), conv=Conv2d(4, 4, 1, device=simulated(1))))
    return Sequential(pre=Sequential(lrn=LRN(3), relu=ReLU()), mix=Branches(same=Identity(), block=block),
                      flat=Flatten(), fc=Linear(7 * 6 * 8, 3, device=simulated(1)))


@pytest.mark.parametrize("kind", [Branches, Sum])
def test_layers_side_by_side_take_host_arrays_wherever_they_live(kind):
    x, net = distinct(*MAPS, dtype=np.float32), kind(a=Conv2d(MAPS[-1], 2, 1), b=Conv2d(MAPS[-1], 2, 1))
    expected = net.forward(x)
    net.to(simulated(1))
    y = net.forward(x, train=True)
    assert device_of(y) is simulated(1)
    np.testing.assert_array_equal(net.device.tohost(y), expected)
    assert device_of(net.backward(y, input_grad=True)) is simulated(1)


@pytest.mark.parametrize("make", [
    unplaced_first, lambda: two_columns(pair("simulated")),
    lambda: inception_v1(4, 2, (2, 2), (2, 2), 2, device=simulated(1)),
])
def test_what_was_put_nowhere_computes_on_the_device_of_its_input(make):
    net = make()
    x = distinct(*MAPS, dtype=np.float32)
    if not isinstance(net, Sequential):  # which would bring it over
        x = simulated(1).asarray(x)
    with must_be_current():
        y = net.forward(x, train=True)
        with y.device:
            dy = y.copy()
        net.backward(dy)


def test_a_net_lives_where_its_first_layer_lives_that_has_been_put_somewhere():
    assert unplaced_first().device is simulated(1)
    assert unplaced_first()["mix"].device is simulated(1)


# ---------------------------------------------------------------------------------------- copies


@pytest.mark.parametrize("make", [small_net, branching_net, residual_net, lambda: small_net().to(simulated(1)),
                                  lambda: two_columns(pair("cpu")), lambda: two_columns(pair("simulated"))])
@pytest.mark.parametrize("twin_of", [lambda net: pickle.loads(pickle.dumps(net)), copy.deepcopy],
                         ids=["pickle", "deepcopy"])
def test_nets_can_be_pickled_and_copied(make, twin_of):
    net, x = make(), distinct(*MAPS)
    net.forward(x)  # so that every layer is somewhere
    twin = twin_of(net)
    ours, theirs = (dict(layers.parameters()) for layers in (net, twin))
    assert ours.keys() == theirs.keys() and all(theirs[name].device is p.device for name, p in ours.items())
    assert not any(theirs[name] is p for name, p in ours.items())
    for how in {"train": False}, {"train": True}:  # the generators of dropout went with it
        y, y_twin = (device_of(y).tohost(y) for y in (net.forward(x, **how), twin.forward(x, **how)))
        np.testing.assert_array_equal(y_twin, y)


# ---------------------------------------------------------------------------------------- between forward and backward


def test_a_table_may_be_made_between_forward_and_backward():
    net, x = Sequential(lrn=LRN(3), more=Sum(lrn=LRN(3), same=Identity()), last=Branches(a=Identity())), distinct(*MAPS)
    net.forward(x, keep=True)
    expected = net.backward(x)
    net.forward(x, keep=True)
    summary(net, MAPS[1:], show=False)
    np.testing.assert_array_equal(net.backward(x), expected)


# ---------------------------------------------------------------------------------------- where backward ends


class Spy(Identity):
    """Counts its backwards."""

    count = 0

    def backward(self, dy):
        self.count += 1
        return super().backward(dy)


def spied(net):
    """`net` with a Spy before each of its layers."""
    layers = {}
    for name, layer in net.children():
        layers |= {f"before_{name}": Spy(), name: layer}
    return Sequential(**layers)


def results(net, x, **how):
    y = net.forward(x, keep=True)
    dx = net.backward(distinct(*y.shape, seed=1), **how)
    grads = {name: p.grad for name, p in net.parameters()}
    spies = {name: layer.count for name, layer in net.walk() if isinstance(layer, Spy)}
    return dx, grads, spies


def test_backward_ends_at_the_lowest_layer_that_learns():
    x = distinct(*MAPS)
    _, expected, _ = results(small_net(), x)
    net = spied(small_net()).freeze("conv")
    dx, grads, spies = results(net, x)
    assert dx is None
    assert spies == {"before_conv": 0, "before_relu": 0, "before_lrn": 0, "before_pool": 0, "before_flatten": 0,
                     "before_fc": 0}
    for name in "fc.W", "fc.b":
        np.testing.assert_array_equal(grads[name], expected[name])
    dx, _, spies = results(net, x, input_grad=True)
    assert dx.shape == x.shape and set(spies.values()) == {1}


class Asked(Linear):
    """Notes whether it was asked for dx."""

    def backward(self, dy, input_grad=True):
        self.asked = input_grad
        return super().backward(dy, input_grad)


@pytest.mark.parametrize("around", [Sequential, Branches, Sum])
def test_the_lowest_layer_that_learns_is_not_asked_for_dx(around):
    net = Sequential(below=Linear(3, 3), inside=around(fc=Asked(3, 3)), above=Asked(3, 2)).freeze("below")
    for how, asked in ({}, False), ({"input_grad": True}, True):
        dx, grads, _ = results(net, distinct(2, 3), **how)
        assert (net["inside"].children()[0][1].asked, net["above"].asked) == (asked, True)
        assert grads["inside.fc.W"].any() and (dx is not None) == asked


def test_a_layer_that_knows_no_input_grad_may_be_the_lowest_that_learns():
    class Scale(Layer):
        def __init__(self):
            self.w = Parameter(np.float32([2, 3]))

        def forward(self, x, train=False, keep=False):
            self.remember(train or keep, x)
            return x * self.w.value

        def backward(self, dy):
            (x,) = self.take()
            self.w.gradient()[...] = (dy * x).sum(axis=0)
            return dy * self.w.value

    net = Sequential(fc=Linear(2, 2), scale=Scale()).freeze("fc")
    dx, grads, _ = results(net, distinct(4, 2))
    assert dx is None and grads["scale.w"].any() and grads["fc.W"] is None


@pytest.mark.parametrize("kind", [Branches, Sum])
@pytest.mark.parametrize("frozen", ["a", "b"])
def test_of_layers_side_by_side_it_does_not_matter_which_comes_first(kind, frozen):
    net = Sequential(both=kind(a=Linear(3, 3), pool=Identity(), b=Linear(3, 3))).freeze(f"both.{frozen}")
    assert results(net, distinct(2, 3))[0].shape == (2, 3)
    deeper = Sequential(both=net["both"], fc=Linear(9 if kind is Branches else 3, 2)).freeze("both")
    assert results(deeper, distinct(2, 3))[0] is None


def test_where_backward_ends_nothing_stays_kept():
    net = Sequential(low=Sequential(conv=Conv2d(4, 3, 3), relu=ReLU()), flat=Flatten(), fc=Linear(60, 2)).freeze("low")
    y = net.forward(distinct(*MAPS), train=True)
    assert net.backward(np.ones_like(y)) is None
    assert [name for name, layer in net.walk() if layer._kept is not None] == []


def test_what_is_frozen_above_a_layer_that_learns_passes_the_gradient_on():
    x = distinct(*MAPS)
    expected_dx, expected, _ = results(deep_net(), x)
    for frozen in (), ("block.b",), ("block",), ("block", "mix"), ("first.b",), ("mix", "fc"):
        net = deep_net().freeze(*frozen) if frozen else deep_net()
        dx, grads, _ = results(net, x)
        np.testing.assert_array_equal(dx, expected_dx)
        for name, p in net.parameters():
            if p.trainable:
                np.testing.assert_array_equal(grads[name], expected[name], name)


def deep_net():
    return Sequential(
        first=Conv2d(4, 4, 3, padding=1, **start()),
        block=Sequential(a=Conv2d(4, 4, 1, **start(8)), spy=Spy(), tanh=Tanh(), b=Conv2d(4, 4, 1, **start(9))),
        mix=Branches(c=Conv2d(4, 2, 1, **start(10)), d=Sequential(e=Conv2d(4, 3, 1, **start(11)), spy=Spy(),
                                                                  f=Conv2d(3, 2, 1, **start(12)))),
        flat=Flatten(), fc=Linear(7 * 6 * 4, 3, **start(13)))


@pytest.mark.parametrize("frozen, spies", [
    (("first",), [1, 1]), (("first", "block.a"), [0, 1]), (("first", "block"), [0, 1]),
    (("first", "block", "mix.d.e"), [0, 0]), (("first", "block", "mix.c"), [0, 1]),
    (("first", "block", "mix"), [0, 0])])
def test_a_net_in_a_net_ends_where_the_whole_does(frozen, spies):
    x = distinct(*MAPS)
    _, expected, _ = results(deep_net(), x)
    net = deep_net().freeze(*frozen)
    dx, grads, counts = results(net, x)
    assert dx is None
    assert list(counts.values()) == spies
    for name, p in net.parameters():
        if p.trainable:
            np.testing.assert_array_equal(grads[name], expected[name], name)


def test_a_net_that_is_frozen_altogether_is_a_function_with_a_gradient():
    x = distinct(*MAPS)
    expected, _, _ = results(deep_net(), x)
    np.testing.assert_array_equal(results(deep_net().freeze(), x)[0], expected)


@pytest.mark.parametrize("kind", ["cpu", "simulated"])
def test_two_columns_end_where_nothing_below_learns(kind):
    devices, x = pair(kind), distinct(*MAPS)

    def gradient(net):
        y = net.forward(x, keep=True)
        dx = net.backward(devices[0].asarray(distinct(*y.shape, seed=1)))
        return dx, {name: p.device.tohost(p.grad) for name, p in net.parameters() if p.trainable}

    dx, expected = gradient(two_columns(devices))
    assert dx.shape == x.shape
    dx, got = gradient(two_columns(devices).freeze("conv1"))
    assert dx is None and list(got) == ["fc.W", "fc.b"]
    for name in got:
        assert_close(got[name], expected[name])


def test_googlenet_with_a_frozen_stem_learns_the_same_above():
    gradients = []
    for frozen in (), ("conv1", "reduce2", "conv2", "inception3a", "inception3b", "inception4a"):
        net, x = small_googlenet(), distinct(1, 79, 79, 3, dtype=np.float32)
        if frozen:
            net.freeze(*frozen)
        scores = net.forward(x, train=True)
        assert net.backward(tuple(distinct(*y.shape, dtype=np.float32, seed=1) for y in scores)) is None
        gradients.append({name: p.grad for name, p in net.parameters() if p.trainable})
    assert set(gradients[1]) < set(gradients[0])
    for name, grad in gradients[1].items():
        np.testing.assert_array_equal(grad, gradients[0][name], name)


def test_input_grad_false_behind_another_layer_says_where_it_belongs():
    net = Sequential(pre=ReLU(), conv=Conv2d(3, 2, 1, input_grad=False))
    y = net.forward(distinct(1, 2, 2, 3), keep=True)
    message = ("pre (ReLU): expected an array for dy, got NoneType: the layer after it gives no gradient; "
               "input_grad=False is for the first layer of a net")
    with pytest.raises(TypeError, match=re.escape(message)):
        net.backward(y)


@pytest.mark.parametrize("join", [Branches, Sum])
def test_input_grad_false_in_a_branch_behind_what_learns_is_refused(join):
    def made(input_grad):
        inner = Sequential(conv=Conv2d(3, 3, 1, input_grad=input_grad), relu=ReLU())
        return Sequential(pre=Conv2d(3, 3, 1), relu=ReLU(), mix=join(a=inner, b=Identity()))
    net, x = made(False), distinct(1, 2, 2, 3)
    message = ("mix.a.conv (Conv2d): expected input_grad=True, because layers before it learn from its dx; "
               "input_grad=False is for the first layer of a net")
    with pytest.raises(TypeError, match=re.escape(message)):
        net.backward(net.forward(x, keep=True))
    net.freeze("pre")                                                               # nobody learns from its dx now
    assert net.backward(net.forward(x, keep=True)) is None
    net = made(True)
    assert net.backward(net.forward(x, keep=True)).shape == x.shape


def test_input_grad_false_behind_another_layer_of_a_column_says_so_too():
    devices = pair("cpu")
    first = Columns(*(Conv2d(6, 2, 1, input_grad=False, device=device) for device in devices))
    for cross in Exchange(), Columns(ReLU(), ReLU()):
        net = Sequential(fork=Fork(devices), cross=cross, conv=first, join=Join(devices[0]))
        y = net.forward(distinct(1, 2, 2, 6 if cross.children() else 3), keep=True)
        message = (f"{cross.label}: expected an array in each column for dy, got None: the layer after it gives no "
                   "gradient; input_grad=False is for the first layer of a net")
        with pytest.raises(TypeError, match=re.escape(message)):
            net.backward(y)


# ---------------------------------------------------------------------------------------- what is no array


def test_a_pytorch_tensor_is_no_array():
    tensor = type("Tensor", (), {"__module__": "torch", "shape": (1, 3), "dtype": "torch.float32", "ndim": 2})()
    for layer in Layer(), Sequential(relu=ReLU()):
        call = layer.expect if type(layer) is Layer else layer.forward
        with pytest.raises(TypeError, match=re.escape(": expected an array for x, got a PyTorch tensor; convert it "
                                                      "first: x.numpy()")):
            call(tensor)


class Greedy(Layer):
    """A layer that finds no memory, forward or backward."""

    def __init__(self, way):
        self.way = way

    def forward(self, x, train=False, keep=False):
        if self.way == "forward":
            raise MemoryError("Unable to allocate 3 GiB")
        return x.copy()

    def backward(self, dy):
        raise MemoryError("Unable to allocate 3 GiB")


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_where_memory_runs_out_the_layer_is_named(way):
    net = Sequential(fc=Linear(2, 2), mix=Branches(a=Identity(), b=Sequential(greedy=Greedy(way))))
    with pytest.raises(MemoryError, match=r"^mix\.b\.greedy \(Greedy\): Unable to allocate 3 GiB$"):
        net.backward(net.forward(np.ones((1, 2), np.float32), train=True))
