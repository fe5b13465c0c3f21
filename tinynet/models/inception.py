"""Inception modules: kernels of several sizes look at the same maps side by side, and what they find is joined.

    v1  a 1x1, a 3x3 and a 5x5 kernel, and a pooling; 1x1 kernels reduce the maps before the costly ones
    v2  the 5x5 kernel becomes two 3x3: the same field of view, 18 weights instead of 25
    v3  an n x n kernel becomes 1 x n and n x 1: 2n weights instead of n²
    v4  the same ideas in five fixed modules, made for one another: A, B, C, and two that halve the maps between them

v1 is from "Going deeper with convolutions" (Szegedy et al. 2014), v2 and v3 from "Rethinking the Inception architecture
for computer vision" (Szegedy et al. 2015), v4 from "Inception-v4, Inception-ResNet and the impact of residual
connections on learning" (Szegedy et al. 2016). Each function has the figure that it draws; the branches stand in the
order of size, the figures' order varies. The second paper calls whole nets v2 and v3, and both have the modules of all
its figures; here, as usual, the names are those of the steps from one kind of module to the next.

Convolutions keep the size of their maps; those of stride 2, in the reductions, are not padded ("V" in the figures). v2
to v4 have batch normalisation after every convolution, which then needs no bias, and pool by the mean, as the authors'
code does. The papers do not say how weights start; for v2 to v4 our choice is `fan_in()`, for v1 see googlenet.py.
"""
from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..init import fan_in
from ..layers.activation import ReLU
from ..layers.conv import Conv2d
from ..layers.norm import BatchNorm2d
from ..layers.pool import AvgPool2d, MaxPool2d
from ..net import Branches, Sequential
from ..sizes import as_pair

Rng = np.random.Generator | None
Step = tuple[int, int | tuple[int, int]]  # a convolution: how many maps, and the kernel's size


# ---------------------------------------------------------------------------------------- v1: Going deeper, Figure 2(b)


def inception_v1(in_channels: int, one: int, three: tuple[int, int], five: tuple[int, int], pool: int, **options: Any
                 ) -> Branches:
    """(N, H, W, in_channels) → (N, H, W, one + three[1] + five[1] + pool).

    The numbers are a row of the paper's Table 1: #1x1; #3x3 reduce, #3x3; #5x5 reduce, #5x5; pool proj. `options` (rng,
    weight_init, bias_init) go to every convolution.
    """
    conv = partial(Conv2d, **options)
    return Branches(
        one=Sequential(conv=conv(in_channels, one, 1), relu=ReLU()),
        three=Sequential(reduce=conv(in_channels, three[0], 1), relu1=ReLU(),
                         conv=conv(*three, 3, padding=1), relu2=ReLU()),
        five=Sequential(reduce=conv(in_channels, five[0], 1), relu1=ReLU(),
                        conv=conv(*five, 5, padding=2), relu2=ReLU()),
        pool=Sequential(pool=MaxPool2d(3, stride=1, padding=1), proj=conv(in_channels, pool, 1), relu=ReLU()))


# ---------------------------------------------------------------------------------------- v2, v3: Rethinking


def inception_v2(in_channels: int, one: int, three: tuple[int, int], five: tuple[int, int, int], pool: int,
                 rng: Rng = None) -> Branches:
    """Figure 5: `five` is the branch whose 5x5 kernel has become two 3x3. Each tuple has the maps along its branch.

    (N, H, W, in_channels) → (N, H, W, one + three[-1] + five[-1] + pool).
    """
    path = partial(_path, in_channels, rng=rng)
    return Branches(
        one=path((one, 1)),
        three=path((three[0], 1), (three[1], 3)),
        five=path((five[0], 1), (five[1], 3), (five[2], 3)),
        pool=_pooled(in_channels, pool, rng=rng))


def inception_v3(in_channels: int, one: int, once: tuple[int, int, int], twice: tuple[int, int, int, int, int],
                 pool: int, n: int = 7, rng: Rng = None) -> Branches:
    """Figure 6: n x n kernels as 1 x n and n x 1, `once` and `twice` in a branch (n odd; the paper takes 7).

    (N, H, W, in_channels) → (N, H, W, one + once[-1] + twice[-1] + pool).
    """
    wide, tall = (1, n), (n, 1)
    path = partial(_path, in_channels, rng=rng)
    return Branches(
        one=path((one, 1)),
        once=path(*zip(once, (1, wide, tall), strict=True)),
        twice=path(*zip(twice, (1, wide, tall, wide, tall), strict=True)),
        pool=_pooled(in_channels, pool, rng=rng))


def inception_v3_expanded(in_channels: int, one: int, three: tuple[int, int], five: tuple[int, int, int], pool: int,
                          rng: Rng = None) -> Branches:
    """Figure 7, the expanded filter bank: 1x3 and 3x1 side by side, not one after the other; for the coarsest maps.

    (N, H, W, in_channels) → (N, H, W, one + 2 · three[-1] + 2 · five[-1] + pool).
    """
    split = partial(_split, in_channels, rng=rng)
    return Branches(
        one=_path(in_channels, (one, 1), rng=rng),
        three=split((three[0], 1), out=three[1]),
        five=split((five[0], 1), (five[1], 3), out=five[2]),
        pool=_pooled(in_channels, pool, rng=rng))


# ---------------------------------------------------------------------------------------- v4: Inception-v4
# The numbers of maps are those of the figures; `width` multiplies them all.


def inception_v4_a(in_channels: int = 384, width: float = 1.0, rng: Rng = None) -> Branches:
    """Figure 4, Inception-A: (N, 35, 35, 384) → (N, 35, 35, 384)."""
    path = partial(_path, in_channels, width=width, rng=rng)
    return Branches(
        one=path((96, 1)),
        three=path((64, 1), (96, 3)),
        five=path((64, 1), (96, 3), (96, 3)),
        pool=_pooled(in_channels, 96, width, rng))


def inception_v4_b(in_channels: int = 1024, width: float = 1.0, rng: Rng = None) -> Branches:
    """Figure 5, Inception-B: (N, 17, 17, 1024) → (N, 17, 17, 1024). (In its third branch the figure says 1x7 twice.)"""
    path = partial(_path, in_channels, width=width, rng=rng)
    return Branches(
        one=path((384, 1)),
        once=path((192, 1), (224, (1, 7)), (256, (7, 1))),
        twice=path((192, 1), (192, (1, 7)), (224, (7, 1)), (224, (1, 7)), (256, (7, 1))),
        pool=_pooled(in_channels, 128, width, rng))


def inception_v4_c(in_channels: int = 1536, width: float = 1.0, rng: Rng = None) -> Branches:
    """Figure 6, Inception-C: (N, 8, 8, 1536) → (N, 8, 8, 1536)."""
    split = partial(_split, in_channels, width=width, rng=rng)
    return Branches(
        one=_path(in_channels, (256, 1), width=width, rng=rng),
        three=split((384, 1), out=256),
        five=split((384, 1), (448, (1, 3)), (512, (3, 1)), out=256),
        pool=_pooled(in_channels, 256, width, rng))


def reduction_v4_a(in_channels: int = 384, width: float = 1.0, rng: Rng = None) -> Branches:
    """Figure 7, Reduction-A, with k, l, m, n = 192, 224, 256, 384: (N, 35, 35, 384) → (N, 17, 17, 1024)."""
    path = partial(_path, in_channels, stride=2, width=width, rng=rng)
    return Branches(
        three=path((384, 3)),
        five=path((192, 1), (224, 3), (256, 3)),
        pool=MaxPool2d(3, stride=2))


def reduction_v4_b(in_channels: int = 1024, width: float = 1.0, rng: Rng = None) -> Branches:
    """Figure 8, Reduction-B: (N, 17, 17, 1024) → (N, 8, 8, 1536)."""
    path = partial(_path, in_channels, stride=2, width=width, rng=rng)
    return Branches(
        three=path((192, 1), (192, 3)),
        seven=path((256, 1), (256, (1, 7)), (320, (7, 1)), (320, 3)),
        pool=MaxPool2d(3, stride=2))


# ---------------------------------------------------------------------------------------- what branches are made of


def _path(in_channels: int, *steps: Step, stride: int = 1, width: float = 1.0, rng: Rng = None) -> Sequential:
    """Convolutions one after another, each with batch normalisation and ReLU; the last one has the stride."""
    layers, C = {}, in_channels
    for i, (maps, kernel) in enumerate(steps, start=1):
        S, F, (KH, KW) = stride if i == len(steps) else 1, scaled(maps, width), as_pair(kernel, "Inception kernel")
        padding = (KH // 2, KW // 2) if S == 1 else 0
        layers |= {f"conv{i}": Conv2d(C, F, kernel, S, padding, bias=False, weight_init=fan_in(), rng=rng),
                   f"norm{i}": BatchNorm2d(F), f"relu{i}": ReLU()}
        C = F
    return Sequential(**layers)


def _split(in_channels: int, *steps: Step, out: int, width: float = 1.0, rng: Rng = None) -> Sequential:
    """A path that ends in a 1x3 and a 3x1 convolution side by side, `out` maps each."""
    C, path = scaled(steps[-1][0], width), partial(_path, width=width, rng=rng)
    return Sequential(**path(in_channels, *steps).layers,
                      split=Branches(wide=path(C, (out, (1, 3))), tall=path(C, (out, (3, 1)))))


def _pooled(in_channels: int, maps: int, width: float = 1.0, rng: Rng = None) -> Sequential:
    """The branch that pools, then projects."""
    return Sequential(pool=AvgPool2d(3, stride=1, padding=1),
                      **_path(in_channels, (maps, 1), width=width, rng=rng).layers)


def scaled(maps: int, width: float) -> int:
    """`maps` times `width`, 1 at least."""
    return max(1, round(maps * width))
