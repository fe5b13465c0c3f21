"""How a net starts if not as its paper says: from weights scaled by fan-in; or from another net's weights, with a new
last layer for other classes.

Fine-tuning is AlexNet's Table 2: a net that has learned very many classes first is better at the thousand than one that
has seen only these. The lower layers are what carries over:

    net.load("runs/mine/checkpoints/best.npz")
    replace_last(net, classes=20, rng=rng)
    net.freeze("conv1")                                    # if they are not to change at all
"""
from __future__ import annotations

import numpy as np

from ..columns import Columns
from ..init import Initialiser, constant, fan_in, gaussian
from ..layer import Layer
from ..layers.activation import ReLU
from ..layers.conv import Conv2d
from ..layers.linear import Linear
from ..layers.pool import GlobalAvgPool2d
from ..layers.table_conv import TableConv2d
from ..net import Branches, Sequential, Sum


def replace_last(net: Sequential, classes: int, rng: np.random.Generator,
                 weight_init: Initialiser = gaussian(0.01)) -> Sequential:
    """Give `net` new, random last layers for `classes` classes; all others keep their weights. Returns the net.

    GoogLeNet's heads get new last layers too. They learn, also where the old ones were frozen; how fast, and how they
    decay, stays as it was. An SGD of the net made before has velocities of the old shape: make a new one.

    Raises ValueError for fewer than two classes, and for a net that does not end in a fully-connected layer or a
    convolution that gives all the scores, or cannot end otherwise (LeNet-5's codes).
    """
    if classes < 2:
        raise ValueError(f"replace_last: expected two classes or more, got {classes}")
    layers = classifiers(net)
    beside = [part for _, part in net.walk() if isinstance(part, (Branches, Sum, Columns))]
    for layer in layers:
        if any(inside is layer for part in beside for _, inside in part.walk()):
            raise ValueError(f"replace_last: {layer.label} gives only a part of the scores; others stand beside it")
        if classes % getattr(layer, "groups", 1):
            raise ValueError(f"replace_last: {classes} classes cannot be divided among the {layer.groups} groups of "
                             f"{layer.label}")
    for layer in layers:
        for p, init in (layer.W, weight_init), (layer.b, constant(0.0)):
            if p is not None:
                value = init(rng, (*p.shape[:-1], classes)).astype(p.value.dtype)
                p.value, p.grad, p.trainable = p.device.asarray(value), None, True
        setattr(layer, "out_features" if isinstance(layer, Linear) else "out_channels", classes)
    return net


def start_by_fan_in(net: Sequential, rng: np.random.Generator) -> Sequential:
    """Draw the weights of all but the last layers from N(0, sqrt(2 / inputs)); biases stay. Returns the net.

    For images of about unit variance (a View with a scale). The paper's N(0, 0.01) suits layers of thousands of
    inputs: in a narrower net the signal fades from layer to layer, and the net never begins to learn. A first layer
    whose kernels are large enough to be looked at, above 3x3, keeps its small weights: it learns with them too, and its
    kernels soon show what they have learned rather than what was drawn.
    """
    last, init = classifiers(net), fan_in(2.0)
    for _, layer in net.walk():
        W = getattr(layer, "W", None)
        if W is not None and layer not in last and not _large_first(layer):
            W.assign((layer.map_by_map(init) if isinstance(layer, TableConv2d) else init)(rng, W.shape))
    return net


def _large_first(layer: Layer) -> bool:
    return isinstance(layer, Conv2d) and not layer.input_grad and min(layer.kernel_size) > 3


def classifiers(net: Sequential) -> list[Linear | Conv2d]:
    """The layers that give the classes' scores: the last with weights, of the net and of each head it has."""
    return [_last(part) for part in (net[:], *getattr(net, "heads", {}).values())]


def _last(net: Layer) -> Linear | Conv2d:
    """The last layer of the net that gives scores, not counting what only passes them on."""
    layers = [layer for _, layer in net.walk() if not (layer.children() or isinstance(layer, (ReLU, GlobalAvgPool2d)))]
    if not isinstance(layers[-1], (Linear, Conv2d)):
        raise ValueError("expected a net that ends in a fully-connected layer or a convolution, got "
                         f"{layers[-1].label}")
    return layers[-1]
