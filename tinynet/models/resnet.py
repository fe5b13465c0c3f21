"""Residual nets for CIFAR-10 (He, Zhang, Ren, Sun 2015, "Deep residual learning for image recognition"), section 4.2.

A block of two 3x3 convolutions need not learn the function that is wanted of it, only its difference F from its input:

    y = relu(F(x) + x)                                                               (1)

F = 0 is easy to learn, so another block does no harm, and backwards the gradient goes through "+ x" as it is: such nets
can be trained with far more layers than others. A net of 6n + 2 layers has a convolution, three stages of n blocks, and
a fully-connected layer:

    stage      conv1, stage 1      stage 2     stage 3
    maps       32x32x16            16x16x32    8x8x64      then the mean of every map, and 10 classes
    layers     1 + 2n              2n          2n          + 1

Where a stage begins, its first convolution takes every second pixel (stride 2), and the maps double in number. x in (1)
must follow. The paper's option A, without parameters, is here `shortcut="identity"`: every second pixel, and zeros for
the maps that are new. Option B, `shortcut="projection"`: a 1x1 convolution with stride 2, as many maps as needed.

Batch normalisation follows each convolution, so those need no biases. Weights start with the variance 2 / inputs (the
same authors' paper of that year on initial weights).
"""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..devices.device import Device, cpu
from ..init import fan_in, generator
from ..layer import Layer
from ..layers.activation import ReLU
from ..layers.conv import Conv2d
from ..layers.linear import Linear
from ..layers.norm import BatchNorm2d
from ..layers.pool import GlobalAvgPool2d
from ..net import Identity, Sequential, Sum
from .inception import scaled

Block = Callable[..., Layer]  # (maps in, maps out, stride, the convolutions' arguments) → layer


def resnet_cifar(depth: int = 20, classes: int = 10, shortcut: str = "identity", residual: bool = True,
                 width: float = 1.0, device: Device = cpu, rng: np.random.Generator | None = None) -> Sequential:
    """The residual net of `depth` = 6n + 2 layers (the paper's: 20, 32, 44, 56, 110) for images of 32x32x3 or another
    size, ending in the classes' scores. Names: conv1, stage1.block1.sum.residual.conv1, ..., stage3.blockn, fc.

    shortcut   "identity", the paper's option A, without parameters; or "projection", its option B
    residual   False: the same layers without shortcuts, what the paper calls the plain net
    width      multiplies the number of maps

    Raises ValueError for a depth that is none of 8, 14, 20, ..., or another shortcut.
    """
    if depth < 8 or depth % 6 != 2:
        raise ValueError(f"resnet_cifar: expected a depth of 6n + 2 layers, 8, 14, 20, 26, 32, ..., got {depth!r}")
    if shortcut not in SHORTCUTS:
        raise ValueError(f"resnet_cifar: the shortcuts are {', '.join(map(repr, SHORTCUTS))}, got {shortcut!r}")
    n, at = depth // 6, {"weight_init": fan_in(2.0), "rng": generator(rng)}
    C1, C2, C3 = (scaled(C, width) for C in (16, 32, 64))
    block = partial(residual_block, shortcut=SHORTCUTS[shortcut]) if residual else plain_block
    net = Sequential(
        conv1=Conv2d(3, C1, 3, padding=1, bias=False, input_grad=False, **at), norm1=BatchNorm2d(C1), relu1=ReLU(),
        stage1=_stage(n, block, C1, C1, 1, at),                                      # (N, 32, 32, C1)
        stage2=_stage(n, block, C1, C2, 2, at),                                      # (N, 16, 16, C2)
        stage3=_stage(n, block, C2, C3, 2, at),                                      # (N, 8, 8, C3)
        pool=GlobalAvgPool2d(), fc=Linear(C3, classes, **at))
    net.input_shape = (32, 32, 3)  # what summary() takes if it is told no other
    return net.to(device)


def residual_block(C_in: int, C_out: int, stride: int, at: dict[str, Any], shortcut: Block) -> Sequential:
    """Equation (1)."""
    F = Sequential(**_two_convolutions(C_in, C_out, stride, at))
    same = Identity() if stride == 1 and C_in == C_out else shortcut(C_in, C_out, stride, at)
    return Sequential(sum=Sum(residual=F, shortcut=same), relu2=ReLU())


def plain_block(C_in: int, C_out: int, stride: int, at: dict[str, Any]) -> Sequential:
    """y = relu(F(x))."""
    return Sequential(**_two_convolutions(C_in, C_out, stride, at), relu2=ReLU())


def padded_identity(C_in: int, C_out: int, stride: int, at: dict[str, Any]) -> Layer:
    """Option A."""
    return ZeroPadShortcut(C_in, C_out, stride)


def projection(C_in: int, C_out: int, stride: int, at: dict[str, Any]) -> Layer:
    """Option B."""
    return Sequential(conv=Conv2d(C_in, C_out, 1, stride=stride, bias=False, **at), norm=BatchNorm2d(C_out))


SHORTCUTS: dict[str, Block] = {"identity": padded_identity, "projection": projection}


def _two_convolutions(C_in: int, C_out: int, stride: int, at: dict[str, Any]) -> dict[str, Layer]:
    """F: two 3x3 convolutions, the first with the stride, and a ReLU between them."""
    return {
        "conv1": Conv2d(C_in, C_out, 3, stride=stride, padding=1, bias=False, **at), "norm1": BatchNorm2d(C_out),
        "relu1": ReLU(),
        "conv2": Conv2d(C_out, C_out, 3, padding=1, bias=False, **at), "norm2": BatchNorm2d(C_out)}


def _stage(n: int, block: Block, C_in: int, C_out: int, stride: int, at: dict[str, Any]) -> Sequential:
    """`n` blocks; the first has the stride, and changes the number of maps."""
    return Sequential(block1=block(C_in, C_out, stride, at),
                      **{f"block{i}": block(C_out, C_out, 1, at) for i in range(2, n + 1)})


class ZeroPadShortcut(Layer):
    """Option A: y (N, P, Q, out_channels) is every `stride`-th pixel of x (N, H, W, in_channels), then maps of zeros.

        y[n, p, q, c]        = x[n, p·S, q·S, c]   for c < in_channels, else 0
        dx[n, p·S, q·S, c]   = dy[n, p, q, c]                           else 0
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        if out_channels < in_channels:
            raise ValueError(f"ZeroPadShortcut: expected as many maps as there are, {in_channels}, or more, got "
                             f"out_channels={out_channels}")
        self.in_channels, self.out_channels, self.stride = in_channels, out_channels, stride

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp, C, S = self.expect(x, "N", "H", "W", self.in_channels), self.in_channels, self.stride
        seen = x[:, ::S, ::S]                                                        # (N, P, Q, C)
        y = xp.zeros((*seen.shape[:3], self.out_channels), x.dtype)
        y[..., :C] = seen
        self.remember(train or keep, x.shape, y.shape, x.dtype)
        return y

    def backward(self, dy: Any) -> Any:
        (x_shape, y_shape, dtype), C, S = self.take(), self.in_channels, self.stride
        xp = self.expect(dy, *y_shape, what="dy", dtype=dtype)
        dx = xp.zeros(x_shape, dtype)
        dx[:, ::S, ::S] = dy[..., :C]
        return dx
