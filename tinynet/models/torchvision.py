"""AlexNet and GoogLeNet as torchvision has them, so that their published weights can be read; neither is the paper's.

    net = alexnet_torchvision()
    from_torch(net, "alexnet.safetensors", torchvision_names(net))
    from_torch(googlenet_torchvision(), "googlenet.safetensors", ignore=("aux1", "aux2"))

AlexNet is the one of "One weird trick" (Krizhevsky 2014), which the reproductions in PyTorch follow: one column, 64 and
192 kernels in conv1 and conv2 and 256 in conv4, no response normalisation, dropout before fc6 and fc7.

GoogLeNet has batch normalisation after every convolution (ε = 0.001, no biases), one 3x3 convolution where the paper's
module has a 5x5 (which its authors call a known bug), no response normalisation, and its last max-pooling is 2x2. Its
layers have torchvision's names. The heads for training (aux1, aux2) are left out.

Both see 224x224 images: of pixels in 0..1 minus (0.485, 0.456, 0.406), divided by (0.229, 0.224, 0.225), AlexNet's
weights; GoogLeNet's were made for pixels in -1..1 (torchvision's `transform_input`). VGG needs no net of its own:
`build("vgg16")`, with `torchvision_names` as AlexNet.
"""
from __future__ import annotations

import numpy as np

from ..devices.device import Device, cpu
from ..init import generator
from ..layer import Layer
from ..layers.activation import ReLU
from ..layers.conv import Conv2d
from ..layers.dropout import Dropout
from ..layers.linear import Flatten, Linear
from ..layers.norm import BatchNorm2d
from ..layers.pool import GlobalAvgPool2d, MaxPool2d
from ..net import Branches, Sequential
from .googlenet import INCEPTION


def alexnet_torchvision(classes: int = 1000, device: Device = cpu, rng: np.random.Generator | None = None
                        ) -> Sequential:
    """torchvision's AlexNet, for images (224, 224, 3), ending in the classes' scores."""
    rng = generator(rng)
    at = {"device": device, "rng": rng}
    net = Sequential(
        conv1=Conv2d(3, 64, 11, stride=4, padding=2, input_grad=False, **at), relu1=ReLU(), pool1=MaxPool2d(3, 2),
        conv2=Conv2d(64, 192, 5, padding=2, **at), relu2=ReLU(), pool2=MaxPool2d(3, 2),
        conv3=Conv2d(192, 384, 3, padding=1, **at), relu3=ReLU(),
        conv4=Conv2d(384, 256, 3, padding=1, **at), relu4=ReLU(),
        conv5=Conv2d(256, 256, 3, padding=1, **at), relu5=ReLU(), pool5=MaxPool2d(3, 2), flat=Flatten(),
        drop5=Dropout(0.5, rng), fc6=Linear(6 * 6 * 256, 4096, **at), relu6=ReLU(),
        drop6=Dropout(0.5, rng), fc7=Linear(4096, 4096, **at), relu7=ReLU(),
        fc8=Linear(4096, classes, **at))
    net.input_shape = (224, 224, 3)  # what summary() takes if it is told no other
    return net


def torchvision_names(net: Sequential) -> dict[str, str]:
    """What torchvision calls the layers of `alexnet_torchvision()` or a VGG: {"features.0": "conv1", ...}, the `names`
    for `from_torch`. It counts those before Flatten as features.0, features.1, ..., those after it as classifier.0, ...

    Raises ValueError for a net without a layer called flat.
    """
    layers = list(net.layers)
    if "flat" not in layers:
        raise ValueError(f"torchvision_names: expected AlexNet or VGG, with a layer 'flat', got {', '.join(layers)}")
    at = layers.index("flat")
    parts = {"features": layers[:at], "classifier": layers[at + 1:]}
    return {f"{part}.{i}": name for part, names in parts.items() for i, name in enumerate(names)}


def googlenet_torchvision(classes: int = 1000, device: Device = cpu, rng: np.random.Generator | None = None
                          ) -> Sequential:
    """torchvision's GoogLeNet without its heads, for images (224, 224, 3), ending in the classes' scores."""
    rng = generator(rng)
    at = {"device": device, "rng": rng}
    modules: dict[str, Layer] = {}
    C = 192
    for name, sizes in INCEPTION.items():
        modules[f"inception{name}"], C = _inception(C, sizes, at), sum(sizes[i] for i in (0, 2, 4, 5))
        if name in ("3b", "4e"):
            K = 3 if name == "3b" else 2
            modules[f"maxpool{int(name[0])}"] = MaxPool2d(K, 2, ceil_mode=True)
    net = Sequential(
        conv1=_conv(3, 64, 7, at, stride=2, input_grad=False), maxpool1=MaxPool2d(3, 2, ceil_mode=True),
        conv2=_conv(64, 64, 1, at), conv3=_conv(64, 192, 3, at), maxpool2=MaxPool2d(3, 2, ceil_mode=True),
        **modules, avgpool=GlobalAvgPool2d(), dropout=Dropout(0.2, rng), fc=Linear(C, classes, **at))
    net.input_shape = (224, 224, 3)
    return net


def _inception(C: int, sizes: tuple[int, ...], at: dict) -> Branches:
    c1, reduce3, c3, reduce5, c5, pool = sizes
    return Branches(
        branch1=_conv(C, c1, 1, at),
        branch2=Sequential(**{"0": _conv(C, reduce3, 1, at), "1": _conv(reduce3, c3, 3, at)}),
        branch3=Sequential(**{"0": _conv(C, reduce5, 1, at), "1": _conv(reduce5, c5, 3, at)}),  # the paper: 5x5
        branch4=Sequential(**{"0": MaxPool2d(3, 1, padding=1, ceil_mode=True), "1": _conv(C, pool, 1, at)}))


def _conv(C: int, F: int, K: int, at: dict, **how: int | bool) -> Sequential:
    return Sequential(conv=Conv2d(C, F, K, padding=K // 2, bias=False, **how, **at),
                      bn=BatchNorm2d(F, eps=0.001, device=at["device"]), relu=ReLU())
