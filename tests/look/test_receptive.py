"""Receptive fields: by hand, and as the pixels that a change shows to matter."""
from __future__ import annotations

import re

import numpy as np
import pytest

from tinynet import (
    AvgPool2d,
    Branches,
    Conv2d,
    ConvTranspose2d,
    Flatten,
    GlobalAvgPool2d,
    Identity,
    Layer,
    Linear,
    LocalContrastNorm,
    LocallyConnected2d,
    MaxPool2d,
    Sequential,
    Subsample2d,
    Sum,
    TableConv2d,
    Unpool2d,
    WithinMapNorm,
    constant,
    gaussian,
)
from tinynet.look.receptive import receptive_field
from tinynet.models import alexnet, zfnet
from tinynet.models.catalogue import build
from tinynet.models.resnet import ZeroPadShortcut

ONES = {"weight_init": constant(1.0)}
NETS = {  # all weights 1, nothing that could hide a pixel
    "conv": lambda: Sequential(a=Conv2d(1, 1, (3, 2), (2, 3), ((0, 1), (2, 0)), **ONES)),
    "deep": lambda: Sequential(a=Conv2d(1, 2, 3, 2, 1, **ONES), b=AvgPool2d(3, 2, 1, ceil_mode=True),
                               c=Conv2d(2, 1, 2, **ONES)),
    "branches": lambda: Sequential(a=Conv2d(1, 2, 2, **ONES), mix=Branches(
        one=Conv2d(2, 1, 1, **ONES), two=Sequential(deep=Conv2d(2, 1, 3, padding=1, **ONES), pool=AvgPool2d(3, 1, 1))),
        z=Conv2d(2, 1, 2, 2, **ONES)),
    "sum": lambda: Sequential(a=Sum(block=Conv2d(1, 1, 5, padding=2, **ONES), shortcut=Identity()),
                              b=AvgPool2d(2)),
    "others": lambda: Sequential(a=TableConv2d(1, [(0,), (0,)], (3, 2), **ONES), b=Subsample2d(2, 2),
                                 c=LocallyConnected2d(2, 1, 3, (4, 5), padding=1, **ONES)),
    "norm": lambda: Sequential(a=Conv2d(1, 1, 2, **ONES), b=WithinMapNorm(3, 0.5, 0.75)),
    "mean": lambda: Sequential(a=Conv2d(1, 1, 2, **ONES), b=GlobalAvgPool2d()),
    "full": lambda: Sequential(a=Conv2d(1, 1, 2, **ONES), flat=Flatten(), c=Linear(90, 1, **ONES)),
}


@pytest.mark.parametrize("name", NETS)
def test_it_is_the_pixels_that_matter(name):
    net = NETS[name]().astype(np.float64)
    H, W = image = 10, 11
    base = np.random.default_rng(0).uniform(1, 2, (1, H, W, 1))
    y, at = net.forward(base), list(net.layers)[-1]
    for place in np.ndindex(y.shape[1:3] if y.ndim == 4 else (1, 1)):
        matters = np.zeros(image, bool)
        for h, w in np.ndindex(image):
            x = base.copy()
            x[0, h, w] += 1
            moved = net.forward(x)
            matters[h, w] = (moved != y)[(0, *place) if y.ndim == 4 else 0].any()
        field = receptive_field(net, at, place, image)
        expected = np.zeros(image, bool)
        expected[field.rows, field.columns] = True
        np.testing.assert_array_equal(matters, expected, str(place))


def by_gradient(net, at, image):
    """Which pixels (P, Q, H, W) have a gradient for the unit at each place of a map, in one of some random images."""
    rng, part = np.random.default_rng(0), net[:at].astype(np.float64)
    x = rng.normal(size=(150, *image, 2))
    N, P, Q, F = part.forward(x, keep=True).shape
    found = np.zeros((P, Q, *image), bool)
    for place in np.ndindex(P, Q):
        dy = np.zeros((N, P, Q, F))
        dy[(slice(None), *place)] = rng.normal(size=F)
        part.forward(x, keep=True)
        found[place] = part.backward(dy, input_grad=True).any(axis=(0, 3))
    return found


def drawn(seed):
    return {"weight_init": gaussian(1.0), "rng": np.random.default_rng(seed)}


def with_unpooling(pool):
    return Sequential(a=Conv2d(2, 3, 2, **drawn(0)), pool=pool, b=Conv2d(3, 3, 1, **drawn(1)), up=Unpool2d(pool))


@pytest.mark.parametrize("net", [
    Sequential(a=Conv2d(2, 3, 3, **drawn(0)), norm=LocalContrastNorm(3)),
    Sequential(a=Conv2d(2, 3, 3, 2, 1, **drawn(0)), up=ConvTranspose2d(3, 2, (4, 3), (2, 1), 1, **drawn(1))),
    Sequential(up=ConvTranspose2d(2, 2, (5, 2), (3, 2), ((1, 2), (0, 1)), (1, 0), **drawn(1)),
               b=Conv2d(2, 1, (2, 3), **drawn(2))),
    Sequential(up=ConvTranspose2d(2, 2, 2, 3, **drawn(1))),                          # some places see nothing
    Sequential(mix=Sum(one=ConvTranspose2d(2, 2, 1, 2, ((1, 0), (1, 0)), 1, **drawn(2)),
                       two=ConvTranspose2d(2, 2, 1, 2, **drawn(3)))),
    with_unpooling(MaxPool2d(2, ceil_mode=True)), with_unpooling(MaxPool2d(3, 2, ceil_mode=True)),
    with_unpooling(MaxPool2d(3, 2, 1)),
    Sequential(shortcut=ZeroPadShortcut(2, 3, 2), b=Conv2d(3, 1, 2, **drawn(0))),
], ids=["contrast", "transposed", "transposed, then a convolution", "wide strides", "sum", "unpooling", "overlapping",
        "padded", "shortcut"])
def test_it_is_where_the_gradient_is_not_zero(net):
    *_, at = net.layers
    found = by_gradient(net, at, image := (7, 6))
    for place in np.ndindex(found.shape[:2]):
        field, expected = receptive_field(net, at, place, image), np.zeros(image, bool)
        rows, columns = (np.flatnonzero(found[place].any(axis=axis)) for axis in (1, 0))
        if len(rows):
            expected[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1] = True
        got = np.zeros(image, bool)
        got[field.rows, field.columns] = True
        np.testing.assert_array_equal(got, expected, str(place))


@pytest.mark.parametrize("name", ["resnet20", "cifar-nin", "lenet5", "googlenet", "vgg-a-lrn"])
def test_every_layer_of_the_nets_of_the_catalogue_is_known(name):
    net = build(name)
    *_, last = net.layers
    field = receptive_field(net, last, (0, 0), net.input_shape[:2])
    assert field[:2] == tuple(slice(0, length) for length in net.input_shape[:2])


def test_a_layer_of_a_kind_that_it_does_not_know():
    class Shifted(Identity):
        """A kind of a known one."""

    class Blurred(Layer):
        """Nobody knows what it sees."""

    class Block(Layer):
        """Made of others, in a way that nobody knows."""

        def children(self):
            return [("first", inside)]

    inside = Conv2d(1, 1, 3)
    net = Sequential(a=Conv2d(1, 1, 3), mine=Shifted(), b=Blurred(), c=Conv2d(1, 1, 3), d=Block())
    assert receptive_field(net, "mine", (0, 0), (9, 9)).rows == slice(0, 3)
    for at in "b", "c":
        with pytest.raises(ValueError, match=re.escape("receptive_field: what a unit of b (Blurred) sees is not known; "
                                                       "ask for a layer below it")):
            receptive_field(net, at, (0, 0), (9, 9))
    with pytest.raises(ValueError, match=re.escape("what a unit of d (Block) sees is not known")):
        receptive_field(net, "d.first", (0, 0), (9, 9))


def test_the_heads_beside_googlenet():
    with pytest.raises(ValueError, match=re.escape("receptive_field: head1 is beside the layers of GoogLeNet, not one "
                                                   "of them: conv1, relu1, ")):
        receptive_field(build("googlenet"), "head1.conv", (0, 0), (224, 224))


SMALL = {"classes": 2, "kernels": (2, 4, 4, 4, 4), "hidden": 4}
KNOWN = {"one column": alexnet(columns=1, **SMALL), "two columns": alexnet(columns=2, **SMALL),
         "zfnet": zfnet(**SMALL), "80sec": build("cifar-80sec")}


@pytest.mark.parametrize("net, at, size, stride", [
    ("one column", "conv1", 11, 4), ("one column", "pool1", 19, 8), ("one column", "conv2", 51, 8),
    ("one column", "conv5", 163, 16), ("two columns", "conv5.left", 163, 16), ("zfnet", "conv1", 7, 2),
    ("zfnet", "conv2", 27, 8), ("zfnet", "conv5", 139, 16), ("80sec", "pool3", 43, 8)])
def test_sizes_and_strides_of_known_nets(net, at, size, stride):
    fields = [receptive_field(KNOWN[net], at, (5, q), (10 ** 6, 10 ** 6)) for q in (50, 51)]
    assert [f.columns.stop - f.columns.start for f in fields] == [size, size]
    assert fields[1].columns.start - fields[0].columns.start == stride


def test_what_lies_beyond_the_edges():
    net = Sequential(a=Conv2d(1, 1, 5, padding=2))
    field = receptive_field(net, "a", (0, 6), (9, 7))
    assert field == (slice(0, 3), slice(4, 7), ((2, 0), (0, 2)))


def test_what_is_not_there():
    net = Sequential(a=Conv2d(1, 1, 3), b=MaxPool2d(2))
    with pytest.raises(KeyError, match="no layer is called 'c'; there are a, b"):
        receptive_field(net, "c", (0, 0), (9, 9))
    with pytest.raises(ValueError, match="a place: expected a whole number of 0 or more, got -1"):
        receptive_field(net, "a", (0, -1), (9, 9))



def test_what_sees_everything_and_what_sees_only_padding():
    assert receptive_field(Sequential(a=Linear(3, 2)), "a", (0, 0), (4, 5))[:2] == (slice(0, 4), slice(0, 5))
    field = receptive_field(Sequential(a=Conv2d(1, 1, 2, padding=2)), "a", (0, 2), (4, 5))
    assert field == (slice(0, 0), slice(0, 2), ((2, 0), (0, 0)))
    net = Sequential(a=Conv2d(1, 1, 3, padding=5))                                  # windows with room before the edge
    assert receptive_field(net, "a", (0, 12), (4, 5)) == (slice(0, 0), slice(5, 5), ((3, 0), (0, 3)))
    assert receptive_field(net, "a", (3, 9), (4, 5)) == (slice(0, 1), slice(4, 5), ((2, 0), (0, 2)))
