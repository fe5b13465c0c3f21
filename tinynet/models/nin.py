"""Network In Network (Lin, Chen, Yan 2014): a small net at every pixel, and no fully-connected layer.

A kernel of a convolution is a linear function of its window. An mlpconv layer (section 3.1) slides a multilayer
perceptron over the image instead: its first layer is a convolution, and each further one sees all the maps at one
pixel, which makes it a 1x1 convolution. The paper calls these cascaded cross channel parametric pooling, hence cccp.

    mlpconv    conv K x K, relu    cccp1 1x1, relu    cccp2 1x1, relu

The last mlpconv has one map for each class, and the mean of that map is the class's score (section 3.2, global average
pooling). It has no parameters, where fully-connected layers have most of a net's.

    nin_cifar   the authors' net for CIFAR-10: 966,986 parameters
    nin_small   a textbook's illustration for CIFAR-100, 3x3 convolutions without padding: 81,960 parameters

Weights start as N(0, 0.05), biases at 0; biases step twice as fast as weights and do not decay. So it is in the
authors' published code, and the textbook says nothing else.
"""
from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..devices.device import Device, cpu
from ..init import gaussian, generator
from ..layers.activation import ReLU
from ..layers.conv import Conv2d
from ..layers.dropout import Dropout
from ..layers.pool import GlobalAvgPool2d, MaxPool2d
from ..net import Sequential


def nin_cifar(classes: int = 10, maps: tuple[tuple[int, ...], ...] = ((192, 160, 96), (192, 192, 192), (192, 192)),
              device: Device = cpu, rng: np.random.Generator | None = None) -> Sequential:
    """The authors' net for CIFAR-10 images (32, 32, 3), ending in the classes' scores.

    `maps` has those of the three mlpconv layers; the last one's `classes` maps come after them.

    Raises ValueError if there are not three mlpconv layers.
    """
    rng = generator(rng)
    (first, second, third), at = _three(maps, classes), {"device": device, "rng": rng}
    return _settings(Sequential(
        mlpconv1=mlpconv(3, first, 5, padding=2, input_grad=False, **at),
        pool1=MaxPool2d(3, stride=2, ceil_mode=True), drop1=Dropout(0.5, rng),
        mlpconv2=mlpconv(first[-1], second, 5, padding=2, **at),
        pool2=MaxPool2d(3, stride=2, ceil_mode=True), drop2=Dropout(0.5, rng),
        mlpconv3=mlpconv(second[-1], third, 3, padding=1, **at),
        pool3=GlobalAvgPool2d()))


def nin_small(classes: int = 100, maps: tuple[tuple[int, ...], ...] = ((16, 16), (64, 64), (100,)),
              device: Device = cpu, rng: np.random.Generator | None = None) -> Sequential:
    """Three mlpconv layers of a 3x3 and a 1x1 convolution each, with no pooling between them: 30x30, 28x28, 26x26.

    `maps` and the error raised are as in `nin_cifar`.
    """
    (first, second, third), at = _three(maps, classes), {"device": device, "rng": generator(rng)}
    return _settings(Sequential(
        mlpconv1=mlpconv(3, first, 3, input_grad=False, **at),
        mlpconv2=mlpconv(first[-1], second, 3, **at),
        mlpconv3=mlpconv(second[-1], third, 3, **at),
        pool3=GlobalAvgPool2d()))


def mlpconv(in_channels: int, maps: tuple[int, ...], kernel_size: int, padding: int = 0, input_grad: bool = True, *,
            device: Device, rng: np.random.Generator) -> Sequential:
    """A convolution to maps[0] maps, then 1x1 convolutions to maps[1], maps[2], ...; a ReLU after each of them."""
    at = {"device": device, "rng": rng, "weight_init": gaussian(0.05)}
    layers = {"conv": Conv2d(in_channels, maps[0], kernel_size, padding=padding, input_grad=input_grad, **at),
              "relu": ReLU()}
    for i, (C, F) in enumerate(pairwise(maps), 1):
        layers |= {f"cccp{i}": Conv2d(C, F, 1, **at), f"relu{i}": ReLU()}
    return Sequential(**layers)


def _three(maps: tuple[tuple[int, ...], ...], classes: int) -> tuple[tuple[int, ...], ...]:
    """The maps of the three mlpconv layers, with the classes' at the end."""
    if len(maps) != 3 or not all(maps):
        raise ValueError(f"nin: expected the maps of three mlpconv layers, ((192, 160, 96), (192, 192, 192), "
                         f"(192, 192)) for example, got {maps}")
    first, second, third = maps
    return first, second, (*third, classes)


def _settings(net: Sequential) -> Sequential:
    for name, p in net.parameters():
        if name.endswith(".b"):
            p.lr, p.decay = 2.0, 0.0
    net.input_shape = (32, 32, 3)  # what summary() takes if it is told no other
    return net
