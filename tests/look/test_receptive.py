"""Receptive fields: by hand, and as the pixels that a change shows to matter."""
from __future__ import annotations

import numpy as np
import pytest

from tinynet import (
    AvgPool2d,
    Branches,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Identity,
    Linear,
    LocallyConnected2d,
    MaxPool2d,
    Sequential,
    Subsample2d,
    Sum,
    TableConv2d,
    WithinMapNorm,
    constant,
)
from tinynet.look.receptive import receptive_field
from tinynet.models import alexnet, zfnet
from tinynet.models.catalogue import build

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
