"""AlexNet (Krizhevsky, Sutskever, Hinton 2012), section 3.5 and Figure 2: five convolutions, three fully-connected
layers, in two columns on two devices.

Each column holds half of the kernels of every layer. The columns see each other's maps in conv3, fc6, fc7 and fc8 and
nowhere else: the lines `to_conv3`, `to_fc6`, `to_fc7` and `to_fc8` below are all the crossings there are.

    input 224x224x3    conv1 55x55x48    conv2 27x27x128    conv3 13x13x192    conv4 13x13x192    conv5 13x13x128
    fc6 2048    fc7 2048    in each column;    fc8 1000, softmax, on the first device

`columns=1` is the same function on one device: what sees its own column only is a convolution in two groups, and
response normalisation stays within the groups. `convert` carries the parameters from one form to the other.

224 or 227: with stride 4, the last 11x11 window reaches 3 pixels beyond a 224x224 image; the code of 2012 let it hang
over the edge, reading zeros. So here: conv1 pads the right and the bottom until the last window fits.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..columns import Exchange, Fork, Join
from ..devices.device import Device, cpu
from ..devices.pairs import pair
from ..init import constant, generator
from ..layer import Layer
from ..layers.activation import ReLU
from ..layers.conv import Conv2d
from ..layers.dropout import Dropout
from ..layers.linear import Flatten, Linear
from ..layers.lrn import LRN
from ..layers.pool import MaxPool2d
from ..net import Sequential
from ..parameter import drawn_later
from . import alexnet_source
from .alexnet_parts import Shape, both, with_conv6
from .changed import left_out

ONE = constant(1.0)  # the biases that give the ReLUs of their layer positive inputs at the start (section 5)


def two_columns(shape: Shape, classes: int, devices: tuple[Device, Device], rng: np.random.Generator) -> Sequential:
    """The paper's net. The numbers of kernels are those of one column."""
    k1, k2, k3, k4, k5, hidden = (size // 2 for size in (*shape.kernels, shape.hidden))
    conv, linear = both(Conv2d, devices, rng=rng), both(Linear, devices, rng=rng)
    relu, norm, flatten = both(ReLU, devices), both(LRN, devices), both(Flatten, devices)
    pool = both(MaxPool2d, devices, kernel_size=3, stride=2, ceil_mode=True)
    dropout = both(Dropout, devices, rng=rng)
    return Sequential(
        fork=Fork(devices),
        conv1=conv(3, k1, 11, stride=4, padding=shape.padding, input_grad=False),
        relu1=relu(), norm1=norm(), pool1=pool(),
        conv2=conv(k1, k2, 5, padding=2, bias_init=ONE),
        relu2=relu(), norm2=norm(), pool2=pool(),

        to_conv3=Exchange(),
        conv3=conv(2 * k2, k3, 3, padding=1), relu3=relu(),
        conv4=conv(k3, k4, 3, padding=1, bias_init=ONE), relu4=relu(),
        conv5=conv(k4, k5, 3, padding=1, bias_init=ONE), relu5=relu(), pool5=pool(),

        to_fc6=Exchange(), flat=flatten(),
        fc6=linear(shape.places * 2 * k5, hidden, bias_init=ONE), relu6=relu(), drop6=dropout(0.5),

        to_fc7=Exchange(),
        fc7=linear(2 * hidden, hidden, bias_init=ONE), relu7=relu(), drop7=dropout(0.5),

        to_fc8=Join(devices[0]),
        fc8=Linear(2 * hidden, classes, device=devices[0], rng=rng))


def one_column(shape: Shape, classes: int, device: Device, rng: np.random.Generator, groups: int) -> Sequential:
    """The same net on one device; with `groups=1`, a net that never was in two columns."""
    k1, k2, k3, k4, k5, hidden = (*shape.kernels, shape.hidden)
    at = {"device": device, "rng": rng}
    return Sequential(
        conv1=Conv2d(3, k1, 11, stride=4, padding=shape.padding, input_grad=False, **at),
        relu1=ReLU(), norm1=LRN(groups=groups), pool1=MaxPool2d(3, stride=2, ceil_mode=True),
        conv2=Conv2d(k1, k2, 5, padding=2, groups=groups, bias_init=ONE, **at),
        relu2=ReLU(), norm2=LRN(groups=groups), pool2=MaxPool2d(3, stride=2, ceil_mode=True),
        conv3=Conv2d(k2, k3, 3, padding=1, **at), relu3=ReLU(),
        conv4=Conv2d(k3, k4, 3, padding=1, groups=groups, bias_init=ONE, **at), relu4=ReLU(),
        conv5=Conv2d(k4, k5, 3, padding=1, groups=groups, bias_init=ONE, **at), relu5=ReLU(),
        pool5=MaxPool2d(3, stride=2, ceil_mode=True), flat=Flatten(),
        fc6=Linear(shape.places * k5, hidden, bias_init=ONE, **at), relu6=ReLU(), drop6=Dropout(0.5, rng),
        fc7=Linear(hidden, hidden, bias_init=ONE, **at), relu7=ReLU(), drop7=Dropout(0.5, rng),
        fc8=Linear(hidden, classes, **at))


def alexnet(classes: int = 1000, columns: int = 2, devices: tuple[Device, Device] | Device | None = None,
            variant: str = "paper", input_size: int = 224, kernels: tuple[int, ...] = (96, 256, 384, 384, 256),
            hidden: int = 4096, extra_conv: bool = False, without: Sequence[str] = (), groups: int = 2,
            rng: np.random.Generator | None = None) -> Sequential:
    """AlexNet for images (input_size, input_size, 3), ending in the classes' scores.

    columns     2, on two `devices` (by default those of `pair()`: two GPUs, two streams of one, or the CPU twice); or
                1, on one device (by default the CPU)
    variant     "paper", or "source": what the code of 2012 did (alexnet_source.py)
    kernels     of conv1 to conv5, and `hidden` units of fc6 and fc7: of both columns together, so even numbers
    extra_conv  with the sixth convolution of Table 2 (`with_conv6`), one more layer that sees both columns
    without     layers to leave out, with their ReLU and dropout: ("conv3", "conv4") or ("fc7",). Section 7, and ZFNet's
                Table 2
    groups      of one column: 1, if every layer is to see all maps, as in a net that never was in two

    Raises ValueError for sizes that leave a layer without pixels: 32x32 images must be enlarged first.
    """
    rng = generator(rng)
    build_two, build_one, add_conv6 = _builders(variant)
    if columns not in (1, 2):
        raise ValueError(f"alexnet: expected columns=1 or columns=2, got {columns!r}")
    if groups not in (columns, 2):
        raise ValueError(f"alexnet: expected groups=2, or, of one column, groups=1, got {groups!r}")
    shape = Shape(input_size, tuple(kernels), hidden, columns=2)
    with drawn_later():
        net = (build_one(shape, classes, devices or cpu, rng, groups) if columns == 1 else
               build_two(shape, classes, devices or pair(), rng))
        net = add_conv6(net, rng) if extra_conv else net
    return left_out(_with_input(net, input_size), without, rng)


def alexnet_half(classes: int = 1000, device: Device = cpu, variant: str = "paper", input_size: int = 224,
                 kernels: tuple[int, ...] = (48, 128, 192, 192, 256), hidden: int = 4096,
                 rng: np.random.Generator | None = None) -> Sequential:
    """The net on one GPU that section 3.2 compares with: one column's kernels, but conv5, fc6 and fc7 as wide as
    both together, so that most of the parameters stay (the paper's footnote)."""
    rng = generator(rng)
    _, build_one, _ = _builders(variant)
    shape = Shape(input_size, tuple(kernels), hidden, columns=1)
    return _with_input(build_one(shape, classes, device, rng, groups=1), input_size)


def convert(source: Layer, target: Layer) -> Layer:
    """Copy all parameters of one AlexNet into another, of another number of columns; returns `target`.

    A layer on one device holds both columns' weights and biases, joined along the last axis, left first. Nothing but
    parameters is copied: a normalisation's constants, dropout and the order of the layers stay `target`'s. Raises
    ValueError if the two nets do not fit; `target` is unchanged then.
    """
    columns: dict[str, list[np.ndarray]] = {}
    for name, p in source.parameters():  # left comes before right
        columns.setdefault(_without_column(name), []).append(p.device.tohost(p.value))
    whole = {name: np.concatenate(parts, axis=-1) for name, parts in columns.items()}
    used, parts, wrong = dict.fromkeys(whole, 0), [], []
    for name, p in target.parameters():
        layer = _without_column(name)
        first = used.setdefault(layer, 0)
        used[layer] += p.shape[-1]
        part = whole[layer][..., first:used[layer]] if layer in whole else np.empty(0)
        parts.append((p, part))
        if part.shape != p.shape:
            wrong.append(f"{name} has shape {p.shape}, the other net offers {part.shape}")
    wrong += [f"{name} is not used up" for name, array in whole.items() if used[name] < array.shape[-1]]
    if wrong:
        raise ValueError("convert: the nets do not fit:\n  " + "\n  ".join(wrong))
    for p, part in parts:
        p.assign(part)
    return target


def _without_column(name: str) -> str:
    return name.replace(".left.", ".").replace(".right.", ".")


def _builders(variant: str) -> tuple[Callable[..., Sequential], ...]:
    """For two columns, for one, and what adds the sixth convolution."""
    variants = {"paper": (two_columns, one_column, with_conv6),
                "source": (alexnet_source.two_columns, alexnet_source.one_column, alexnet_source.with_conv6)}
    if variant not in variants:
        raise ValueError(f"alexnet: the variants are {', '.join(map(repr, variants))}, got {variant!r}")
    return variants[variant]


def _with_input(net: Sequential, input_size: int) -> Sequential:
    net.input_shape = (input_size, input_size, 3)  # what summary() takes if it is told no other
    return net
