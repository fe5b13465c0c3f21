"""What both forms of AlexNet's list of layers need: sizes that follow from one another, layers made in pairs, and the
convolution that Table 2 adds to them."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..columns import Columns, Exchange
from ..devices.device import Device
from ..init import Initialiser, constant, gaussian
from ..layer import Layer
from ..layers.activation import ReLU
from ..layers.conv import Conv2d
from ..net import Sequential


class Shape:
    """The sizes of an AlexNet, and what follows from them.

    padding   of conv1: as many zeros at the right and the bottom as the last 11x11 window reaches over the edge
    places    pixels of a map of the last pooling: 6 · 6 for 224x224 images

    Raises ValueError if a layer would have no pixel, or the kernels cannot be dealt out to the columns.
    """

    def __init__(self, input_size: int, kernels: tuple[int, ...], hidden: int, columns: int) -> None:
        if len(kernels) != 5 or any(size < columns or size % columns for size in (*kernels, hidden)):
            raise ValueError(f"alexnet: expected kernels for five convolutions and a number of hidden units, each "
                             f"divisible by {columns}, got kernels={kernels} and hidden={hidden}")
        self.kernels, self.hidden = kernels, hidden
        conv1 = -(-(input_size - 11) // 4) + 1                       # rounding up
        over = (conv1 - 1) * 4 + 11 - input_size
        self.padding = ((0, over), (0, over))
        pools = [conv1]
        for _ in range(3):
            pools.append(-(-(pools[-1] - 3) // 2) + 1)               # 3x3, stride 2, rounding up
        if input_size < 11 or min(pools) < 1:
            raise ValueError(f"alexnet: images of {input_size}x{input_size} pixels leave a layer without pixels "
                             f"(conv1 and the poolings would have {pools}); enlarge them first, to 64x64 for example")
        self.places = pools[-1] ** 2


def both(kind: Callable[..., Layer], devices: tuple[Device, Device], **fixed: Any) -> Callable[..., Columns]:
    """A function that makes two layers of one kind, one on each device, side by side."""
    def make(*args: Any, **kwargs: Any) -> Columns:
        left, right = (kind(*args, **fixed, **kwargs).to(device) for device in devices)
        return Columns(left, right)
    return make


def with_conv6(net: Sequential, rng: np.random.Generator, weight_init: Initialiser = gaussian(0.01)) -> Sequential:
    """The net with a sixth convolution over its last pooling layer: Table 2, for training on very many classes first.

    The paper does not say how large it is. Here it has 3x3 kernels, as many as conv5, each of which sees the maps of
    both columns; biases start at 1. So fc6 stays as it is.
    """
    conv5, options = net["conv5"], {"padding": 1, "rng": rng, "weight_init": weight_init, "bias_init": constant(1.0)}
    if isinstance(conv5, Columns):
        above, K = "to_fc6", conv5.left.out_channels
        conv6 = {"to_conv6": Exchange(), "conv6": both(Conv2d, conv5.device, **options)(2 * K, K, 3),
                 "relu_conv6": both(ReLU, conv5.device)()}
    else:
        above, K = "flat", conv5.out_channels
        conv6 = {"conv6": Conv2d(K, K, 3, device=conv5.device, **options), "relu_conv6": ReLU()}
    layers, i = net.children(), list(net.layers).index(above)
    return Sequential(**dict(layers[:i]), **conv6, **dict(layers[i:]))
