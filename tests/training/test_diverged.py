"""Where the first number that is not finite comes from: in nets in nets, branches, columns and heads."""
from __future__ import annotations

import numpy as np
import pytest
from naive import distinct

from tinynet import Branches, Columns, Conv2d, Fork, Identity, Join, ReLU, Sequential, Sum, pair
from tinynet.models import build
from tinynet.training.diverged import _first_fault

HUGE = np.finfo(np.float32).max


def fault(net, x):
    with np.errstate(over="ignore", invalid="ignore"):  # as `train` does
        return _first_fault(net, x)


def branching():
    """Two 1x1 convolutions in a branch beside a shortcut, as a block; x is a batch of 2x2 images."""
    deep = Sequential(p=Conv2d(3, 3, 1), relu=ReLU(), q=Conv2d(3, 3, 1))
    return Sequential(a=Conv2d(3, 3, 1), b=Branches(c=deep, same=Identity()), d=Sum(e=ReLU(), same=Identity()))


X = distinct(2, 2, 2, 3, dtype=np.float32)


@pytest.mark.parametrize("name", ["a", "b.c.p", "b.c.q"])
def test_the_layer_that_overflows_is_named_in_full(name):
    net = branching()
    layer = dict(net.walk())[name]
    for other in (layer for _, layer in net.walk() if isinstance(layer, Conv2d)):
        other.W.assign(np.eye(3).reshape(1, 1, 3, 3))
    layer.W.value[...] = HUGE
    assert fault(net, 8 + X).startswith(f"{name} (Conv2d) gives the first of them, with a finite input.")


def test_the_parameter_that_is_not_finite_is_named_in_full():
    net = branching()
    dict(net.walk())["b.c.q"].b.value[1] = np.nan
    assert fault(net, X).startswith("the first of them is in the parameter b.c.q.b.")


def test_a_finite_net_has_no_fault():
    assert fault(branching(), X) == "no layer gives them a second time"
    assert fault(branching(), np.where(X > 0, np.nan, X)).startswith("the input does already")


@pytest.mark.parametrize("kind", ["cpu", "simulated"])
def test_the_column_is_named(kind):
    devices = pair(kind)
    net = Sequential(fork=Fork(devices), conv1=Columns(*(Conv2d(3, 2, 1, device=device) for device in devices)),
                     join=Join(devices[0]))
    with devices[1]:
        net["conv1"].right.W.value[...] = np.inf
    assert fault(net, X).startswith("the first of them is in the parameter conv1.right.W.")


@pytest.mark.parametrize("name", ["head1.fc1", "head2.conv", "inception4e.five.reduce", "fc"])
def test_googlenets_heads_and_modules_are_named(name):
    net = build("googlenet", width=0.03, input_size=79, rng=np.random.default_rng(0))
    dict(net.walk())[name].W.value[...] = np.nan
    x = np.random.default_rng(1).random((1, 79, 79, 3), np.float32)
    assert fault(net, x).startswith(f"the first of them is in the parameter {name}.W.")
