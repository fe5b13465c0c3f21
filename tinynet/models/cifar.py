"""Nets for CIFAR-10: four-layer relatives of the paper's Figure 1, and the published nets of cuda-convnet.

cuda-convnet is the code that AlexNet's authors wrote before and used for it; its example nets are known by the test
error they reach. All of them see raw pixels 0..255 minus the mean image. Convolutions of 5x5 are padded by 2, all
pooling is 3x3 with stride 2, rounding up. Weights start as N(0, σ), with a σ for each layer; biases at 0. Biases step
twice as fast as weights and do not decay.

    sample   the net of our Figure 1: three convolutions and a fully-connected layer, no regularisation at all
    80sec    26 % test error        18pct  18 %
    13pct    13 %, and 11pct, 11 %: with locally-connected layers, trained on random crops and mirror images
    nin      not theirs: Network In Network (nin.py), by a recipe of our own; published with 10.4 %
    resnet20 not theirs: the smallest residual net (resnet.py); published with 8.75 %

Each function returns a net on the CPU; `RECIPES` says how each is trained.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..init import Initialiser, constant, fan_in, gaussian
from ..layer import Layer
from ..layers.activation import ReLU
from ..layers.conv import Conv2d
from ..layers.linear import Flatten, Linear
from ..layers.local import LocallyConnected2d
from ..layers.lrn import LRN, WithinMapNorm
from ..layers.pool import AvgPool2d, MaxPool2d
from ..net import Sequential
from .nin import nin_cifar
from .resnet import resnet_cifar


def cifar_sample(rng: np.random.Generator, activation: Callable[[], Layer] = ReLU,
                 weight_init: Initialiser | None = None) -> Sequential:
    """The four-layer net of Figure 1. `weight_init` replaces the σ of 2012 in every layer."""
    net = Sequential(
        conv1=_conv(3, 32, 1e-4, rng, input_grad=False, init=weight_init), pool1=_max(), act1=activation(),
        conv2=_conv(32, 32, 0.01, rng, init=weight_init), act2=activation(), pool2=_mean(),
        conv3=_conv(32, 64, 0.01, rng, init=weight_init), act3=activation(), pool3=_mean(),
        flat=Flatten(), fc10=Linear(4 * 4 * 64, 10, rng=rng, weight_init=weight_init or gaussian(0.01)))
    return _settings(net, decay={})


def cifar_80sec(rng: np.random.Generator) -> Sequential:
    """26 % test error, in 80 seconds on a GPU of 2011."""
    net = Sequential(
        conv1=_conv(3, 32, 1e-4, rng, input_grad=False), pool1=_max(), relu1=ReLU(),
        conv2=_conv(32, 32, 0.01, rng), relu2=ReLU(), pool2=_mean(),
        conv3=_conv(32, 64, 0.01, rng), relu3=ReLU(), pool3=_mean(),
        flat=Flatten(), fc64=Linear(4 * 4 * 64, 64, rng=rng, weight_init=gaussian(0.1)), relu4=ReLU(),
        fc10=Linear(64, 10, rng=rng, weight_init=gaussian(0.1)))
    return _settings(net, decay={"conv1": 0.004, "conv2": 0.004, "conv3": 0.004, "fc64": 0.03, "fc10": 0.03})


def cifar_18pct(rng: np.random.Generator) -> Sequential:
    """18 % test error, without crops or mirror images."""
    net = Sequential(
        conv1=_conv(3, 32, 1e-4, rng, input_grad=False), relu1=ReLU(), pool1=_max(), norm1=_within_map(),
        conv2=_conv(32, 32, 0.01, rng), relu2=ReLU(), pool2=_mean(), norm2=_within_map(),
        conv3=_conv(32, 64, 0.01, rng), relu3=ReLU(), pool3=_mean(),
        flat=Flatten(), fc10=Linear(4 * 4 * 64, 10, rng=rng, weight_init=gaussian(0.01)))
    return _settings(net, decay={"conv1": 0.004, "conv2": 0.004, "conv3": 0.004, "fc10": 1.0})


def cifar_13pct(rng: np.random.Generator) -> Sequential:
    """13 % test error, on 24x24 crops: two convolutions, then two layers whose kernels are not shared."""
    net = Sequential(
        conv1=_conv(3, 64, 1e-4, rng, input_grad=False), relu1=ReLU(), pool1=_max(),
        conv2=_conv(64, 64, 0.01, rng), relu2=ReLU(), pool2=_max(),
        local3=_local(64, 32, rng), relu3=ReLU(),
        local4=_local(32, 32, rng), relu4=ReLU(),
        flat=Flatten(), fc10=Linear(6 * 6 * 32, 10, rng=rng, weight_init=gaussian(0.01)))
    return _settings(net, decay={"local3": 0.004, "local4": 0.004, "fc10": 0.004})


def cifar_11pct(rng: np.random.Generator) -> Sequential:
    """11 % test error: the 13 % net with response normalisation across maps, and twice as many maps in local3."""
    net = Sequential(
        conv1=_conv(3, 64, 1e-4, rng, input_grad=False), relu1=ReLU(), pool1=_max(), norm1=_across_maps(),
        conv2=_conv(64, 64, 0.01, rng), relu2=ReLU(), norm2=_across_maps(), pool2=_max(),
        local3=_local(64, 64, rng), relu3=ReLU(),
        local4=_local(64, 32, rng), relu4=ReLU(),
        flat=Flatten(), fc10=Linear(6 * 6 * 32, 10, rng=rng, weight_init=gaussian(0.01)))
    return _settings(net, decay={"local3": 0.004, "local4": 0.004, "fc10": 0.01})


def cifar_nin(rng: np.random.Generator) -> Sequential:
    """Network In Network. Its authors began with N(0, 0.05) and whitened pixels. Pixels here are not whitened, only
    scaled to a variance of about 1, and from those weights learning did not begin in our short tries; so they start
    scaled by fan-in. The maps of the classes start near 1: a ReLU is on them, too, and would silence some classes."""
    net = nin_cifar(rng=rng)
    for name, p in net.parameters():
        if name.endswith(".W"):
            gain = 0.1 if name == "mlpconv3.cccp2.W" else 2.0
            p.start_as(fan_in(gain), rng)
            p.decay = 1e-4
    net["mlpconv3"]["cccp2"].b.start_as(constant(1.0), rng)
    return net


def cifar_resnet20(rng: np.random.Generator, width: float = 1.0) -> Sequential:
    """The residual net of 20 layers, with the paper's weight decay in every parameter. `width` multiplies the number of
    maps."""
    net = resnet_cifar(20, width=width, rng=rng)
    for _, p in net.parameters():
        p.decay = 1e-4
    return net


SIDE = 32  # pixels of an image


class Recipe(NamedTuple):
    """How a net is trained: ε for weights in successive stages of (epochs, ε), what it sees, and the published test
    error."""

    build: Callable[[np.random.Generator], Sequential]
    stages: tuple[tuple[int, float], ...]
    crop: int | None = None       # train on random crops of this size and their mirror images; test on ten views
    scale: float = 1.0            # what the pixels are divided by after their mean was taken away
    pad: int = 0                  # take the crops from images with a rim so wide; then test on the whole image
    published: float | None = None

    @property
    def ten(self) -> bool:
        """Whether the test at the end takes ten views, rather than the centre."""
        return self.crop is not None and not self.pad

    @property
    def epochs(self) -> int:
        return sum(epochs for epochs, _ in self.stages)

    def lasting(self, epochs: Sequence[int]) -> Recipe:
        """The same, with stages of so many epochs each. Raises ValueError for another number of stages."""
        if len(epochs) != len(self.stages):
            raise ValueError(f"stages: expected {len(self.stages)} numbers of epochs, one for each ε ("
                             f"{', '.join(f'{rate:g}' for _, rate in self.stages)}), got {len(epochs)}")
        return self._replace(stages=tuple((n, rate) for n, (_, rate) in zip(epochs, self.stages, strict=True)))

    def padded(self, pad: int) -> Recipe:
        """The same on crops as large as the images, of images with a rim of `pad` zeros on each side, and their mirror
        images. Raises ValueError for a recipe of smaller crops, and unless 0 < pad < the images' side."""
        if self.ten:
            raise ValueError(f"pad: its crops of {self.crop}x{self.crop} pixels lie within the images")
        if not 0 < pad < SIDE:
            raise ValueError(f"pad: expected 1 to {SIDE - 1} pixels, got {pad}")
        return self._replace(crop=SIDE, pad=pad)

    def rate(self, epoch: int) -> float:
        """ε in an epoch, counted from 1; the last stage's goes on for ever."""
        for epochs, rate in self.stages:
            if epoch <= epochs:
                return rate
            epoch -= epochs
        return rate


# cuda-convnet ended a stage of the two large nets by hand, when the validation error stood still; the numbers of
# epochs here are those that others who repeated it report for the 11 % net (350 + 150, 10, 10), and a shorter first
# stage for the 13 % net, which was published with a third of the 11 % net's training time. NiN's stages are our own.
# ResNet-20's are the paper's: 64,000 steps of 128 images with a tenth of ε after 32,000 and 48,000, crops of 32x32 out
# of 40x40 pixels, 4 of them zeros on each side, and mirror images; tested on the whole images.
RECIPES = {
    "80sec": Recipe(cifar_80sec, ((8, 1e-3), (2, 1e-4)), published=0.26),
    "18pct": Recipe(cifar_18pct, ((120, 1e-3), (10, 1e-4), (10, 1e-5)), published=0.18),
    "13pct": Recipe(cifar_13pct, ((160, 1e-3), (10, 1e-4), (10, 1e-5)), crop=24, published=0.13),
    "11pct": Recipe(cifar_11pct, ((500, 1e-3), (10, 1e-4), (10, 1e-5)), crop=24, published=0.11),
    "nin": Recipe(cifar_nin, ((150, 0.03), (50, 3e-3), (25, 3e-4)), scale=64.0, published=0.104),
    "resnet20": Recipe(cifar_resnet20, ((82, 0.1), (41, 0.01), (41, 1e-3)), crop=32, pad=4, published=0.0875),
}
MOMENTUM, WEIGHT_DECAY, BATCH_SIZE = 0.9, 1.0, 128  # the decay of each layer is its parameters' own


def _conv(C: int, F: int, std: float, rng: np.random.Generator, input_grad: bool = True,
          init: Initialiser | None = None) -> Conv2d:
    return Conv2d(C, F, 5, padding=2, input_grad=input_grad, rng=rng, weight_init=init or gaussian(std))


def _local(C: int, F: int, rng: np.random.Generator) -> LocallyConnected2d:
    return LocallyConnected2d(C, F, 3, input_size=6, padding=1, rng=rng, weight_init=gaussian(0.04))


def _max() -> MaxPool2d:
    return MaxPool2d(3, stride=2, ceil_mode=True)


def _mean() -> AvgPool2d:
    return AvgPool2d(3, stride=2, ceil_mode=True)


def _within_map() -> WithinMapNorm:
    return WithinMapNorm(3, alpha=5e-5 / 9, beta=0.75)


def _across_maps() -> LRN:
    return LRN(n=9, k=1.0, alpha=1e-3 / 9, beta=0.75)


def _settings(net: Sequential, decay: dict[str, float]) -> Sequential:
    """Biases at twice the weights' rate and without decay; the weights' decay as given, none where not given."""
    for name, p in net.parameters():
        layer, kind = name.split(".")
        p.lr = 2.0 if kind == "b" else 1.0
        p.decay = decay.get(layer, 0.0) if kind == "W" else 0.0
    return net
