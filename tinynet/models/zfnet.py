"""ZFNet (Zeiler and Fergus 2014), Figure 3: AlexNet, changed where pictures of its features showed flaws (section 4.1).

conv1 has 7x7 kernels with stride 2 instead of 11x11 with stride 4, conv2 has stride 2, and every layer sees all the
maps of the one below: one device, no columns. The pooling comes before the normalisation, unlike AlexNet's.

    input 224x224x3    conv1 110x110x96     relu, pool1 55x55, norm1
                       conv2 26x26x256      relu, pool2 13x13, norm2
                       conv3 13x13x384      conv4 13x13x384      conv5 13x13x256      pool5 6x6
                       fc6 4096    fc7 4096    fc8 1000, softmax

Weights start as N(0, 0.01), biases at 0 (section 3). There, too: a few filters of the first layer would dominate the
others, so after each update every filter whose root mean square exceeds 0.1 is scaled back to it:

    loss.forward(net.forward(x, train=True), labels)
    net.backward(loss.backward())
    sgd.step()
    renormalise_filters(net)
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..devices.device import Device, cpu
from ..init import generator
from ..layer import Layer
from ..layers.activation import ReLU
from ..layers.conv import Conv2d
from ..layers.dropout import Dropout
from ..layers.linear import Flatten, Linear
from ..layers.lrn import LRN
from ..layers.pool import MaxPool2d
from ..net import Sequential
from ..parameter import drawn_later
from .changed import left_out


def zfnet(classes: int = 1000, input_size: int = 224, kernels: tuple[int, ...] = (96, 256, 384, 384, 256),
          hidden: int = 4096, without: Sequence[str] = (), device: Device = cpu,
          rng: np.random.Generator | None = None) -> Sequential:
    """ZFNet for images (input_size, input_size, 3), ending in the classes' scores.

    kernels   of conv1 to conv5, and `hidden` units of fc6 and fc7. Table 2: (96, 256, 512, 1024, 512); 2048 or 8192
    without   layers to leave out, with their ReLU and dropout. Table 2: ("conv3", "conv4"), ("fc7",), ("fc6", "fc7"),
              ("conv3", "conv4", "fc6", "fc7")

    Raises ValueError for layers that cannot be left out, and for sizes that leave a layer without pixels.
    """
    if len(kernels) != 5:
        raise ValueError(f"zfnet: expected kernels for five convolutions, got {kernels}")
    rng = generator(rng)
    at = {"device": device, "rng": rng}
    k1, k2, k3, k4, k5 = kernels
    with drawn_later():
        net = Sequential(
            conv1=Conv2d(3, k1, 7, stride=2, padding=1, input_grad=False, **at),
            relu1=ReLU(), pool1=_pool(), norm1=LRN(),
            conv2=Conv2d(k1, k2, 5, stride=2, **at), relu2=ReLU(), pool2=_pool(), norm2=LRN(),
            conv3=Conv2d(k2, k3, 3, padding=1, **at), relu3=ReLU(),
            conv4=Conv2d(k3, k4, 3, padding=1, **at), relu4=ReLU(),
            conv5=Conv2d(k4, k5, 3, padding=1, **at), relu5=ReLU(), pool5=_pool(), flat=Flatten(),
            fc6=Linear(_places(input_size) * k5, hidden, **at), relu6=ReLU(), drop6=Dropout(0.5, rng),
            fc7=Linear(hidden, hidden, **at), relu7=ReLU(), drop7=Dropout(0.5, rng),
            fc8=Linear(hidden, classes, **at))
    net.input_shape = (input_size, input_size, 3)  # what summary() takes if it is told no other
    return left_out(net, without, rng)


def _pool() -> MaxPool2d:
    return MaxPool2d(3, stride=2, ceil_mode=True)


def _places(input_size: int) -> int:
    """Pixels of a map of pool5: 6 · 6 for images of 224x224. 3x3 pooling with stride 2, rounding up, halves a size."""
    conv1 = (input_size + 2 - 7) // 2 + 1                             # 110 for 224
    conv2 = (conv1 // 2 - 5) // 2 + 1                                 # 26
    pool5 = conv2 // 2 // 2                                           # 6
    if pool5 < 1:
        raise ValueError(f"zfnet: images of {input_size}x{input_size} pixels leave a layer without pixels; enlarge "
                         "them first, to 64x64 for example")
    return pool5 ** 2


def renormalise_filters(net: Layer, radius: float = 0.1) -> None:
    """Scale every filter of every convolution in `net` whose root mean square exceeds `radius` back to it.

    A filter is the weights of one output map, its bias not among them. Frozen filters stay as they are. Call it after
    each update (section 3). One whose squares overflow becomes NaN, which `train` finds; to divide it by infinity would
    be to forget it. Raises ValueError if `radius` is not positive.
    """
    if not radius > 0:  # also true of NaN
        raise ValueError(f"renormalise_filters: expected a radius above 0, got {radius!r}")
    for W in (layer.W for layer in net.tree() if isinstance(layer, Conv2d) and layer.W.trainable):
        with W.device as device:
            rms = (W.value * W.value).mean(axis=(0, 1, 2)) ** 0.5     # (F,)
            rms = device.xp.where(device.xp.isinf(rms), np.nan, rms)
            W.value *= radius / device.xp.maximum(rms, radius)
