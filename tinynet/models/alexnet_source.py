"""AlexNet as the source code of 2012 has it (the net called layers-145), where that differs from the paper.

    conv1     conv, LRN, pool, relu                         (the paper: conv, relu, LRN, pool)
    conv2     conv, relu, LRN, a normalisation within each map, pool
    conv5     conv, pool, relu                              (the same values: both are monotone)
    LRN       α = 1e-4 / 5; within maps: 5x5 windows, α = 0.001 / 25, β = 0.75, k = 1
    weights   N(0, 0.01), but N(0, 0.03) in conv3, conv4 and conv5
    biases    keep a learning rate of 0.02 while that of the weights falls, and do not decay

The lists of layers are those of alexnet.py otherwise; read that first.
"""
from __future__ import annotations

import numpy as np

from ..columns import Exchange, Fork, Join
from ..devices.device import Device
from ..init import constant, gaussian
from ..layers.activation import ReLU
from ..layers.conv import Conv2d
from ..layers.dropout import Dropout
from ..layers.linear import Flatten, Linear
from ..layers.lrn import LRN, WithinMapNorm
from ..layers.pool import MaxPool2d
from ..net import Sequential
from ..parameter import FixedRate
from . import alexnet_parts
from .alexnet_parts import Shape, both

ONE, WIDE = constant(1.0), gaussian(0.03)
ACROSS = {"alpha": 1e-4 / 5}                                        # the code divides by the number of maps
WITHIN = {"size": 5, "alpha": 1e-3 / 25, "beta": 0.75, "k": 1.0}    # and by the number of pixels of a window


def two_columns(shape: Shape, classes: int, devices: tuple[Device, Device], rng: np.random.Generator) -> Sequential:
    """The net on two devices. The numbers of kernels are those of one column."""
    k1, k2, k3, k4, k5, hidden = (size // 2 for size in (*shape.kernels, shape.hidden))
    conv, linear = both(Conv2d, devices, rng=rng), both(Linear, devices, rng=rng)
    relu, flatten, dropout = both(ReLU, devices), both(Flatten, devices), both(Dropout, devices, rng=rng)
    norm, within = both(LRN, devices, **ACROSS), both(WithinMapNorm, devices, **WITHIN)
    pool = both(MaxPool2d, devices, kernel_size=3, stride=2, ceil_mode=True)
    return _bias_rates(Sequential(
        fork=Fork(devices),
        conv1=conv(3, k1, 11, stride=4, padding=shape.padding, input_grad=False),
        norm1=norm(), pool1=pool(), relu1=relu(),
        conv2=conv(k1, k2, 5, padding=2, bias_init=ONE),
        relu2=relu(), norm2=norm(), within2=within(), pool2=pool(),

        to_conv3=Exchange(),
        conv3=conv(2 * k2, k3, 3, padding=1, weight_init=WIDE), relu3=relu(),
        conv4=conv(k3, k4, 3, padding=1, weight_init=WIDE, bias_init=ONE), relu4=relu(),
        conv5=conv(k4, k5, 3, padding=1, weight_init=WIDE, bias_init=ONE), pool5=pool(), relu5=relu(),

        to_fc6=Exchange(), flat=flatten(),
        fc6=linear(shape.places * 2 * k5, hidden, bias_init=ONE), relu6=relu(), drop6=dropout(0.5),

        to_fc7=Exchange(),
        fc7=linear(2 * hidden, hidden, bias_init=ONE), relu7=relu(), drop7=dropout(0.5),

        to_fc8=Join(devices[0]),
        fc8=Linear(2 * hidden, classes, device=devices[0], rng=rng)))


def one_column(shape: Shape, classes: int, device: Device, rng: np.random.Generator, groups: int) -> Sequential:
    """The same net on one device; with `groups=1`, a net that never was in two columns."""
    k1, k2, k3, k4, k5, hidden = (*shape.kernels, shape.hidden)
    at = {"device": device, "rng": rng}
    return _bias_rates(Sequential(
        conv1=Conv2d(3, k1, 11, stride=4, padding=shape.padding, input_grad=False, **at),
        norm1=LRN(groups=groups, **ACROSS), pool1=MaxPool2d(3, stride=2, ceil_mode=True), relu1=ReLU(),
        conv2=Conv2d(k1, k2, 5, padding=2, groups=groups, bias_init=ONE, **at),
        relu2=ReLU(), norm2=LRN(groups=groups, **ACROSS), within2=WithinMapNorm(**WITHIN),
        pool2=MaxPool2d(3, stride=2, ceil_mode=True),
        conv3=Conv2d(k2, k3, 3, padding=1, weight_init=WIDE, **at), relu3=ReLU(),
        conv4=Conv2d(k3, k4, 3, padding=1, groups=groups, weight_init=WIDE, bias_init=ONE, **at), relu4=ReLU(),
        conv5=Conv2d(k4, k5, 3, padding=1, groups=groups, weight_init=WIDE, bias_init=ONE, **at),
        pool5=MaxPool2d(3, stride=2, ceil_mode=True), relu5=ReLU(), flat=Flatten(),
        fc6=Linear(shape.places * k5, hidden, bias_init=ONE, **at), relu6=ReLU(), drop6=Dropout(0.5, rng),
        fc7=Linear(hidden, hidden, bias_init=ONE, **at), relu7=ReLU(), drop7=Dropout(0.5, rng),
        fc8=Linear(hidden, classes, **at)))


def with_conv6(net: Sequential, rng: np.random.Generator) -> Sequential:
    """The net with the sixth convolution of Table 2, treated as the other upper ones are."""
    return _bias_rates(alexnet_parts.with_conv6(net, rng, WIDE))


def _bias_rates(net: Sequential) -> Sequential:
    for name, p in net.parameters():
        if name.endswith(".b"):
            p.lr, p.decay = FixedRate(0.02), 0.0
    return net
