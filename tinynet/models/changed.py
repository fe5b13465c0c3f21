"""Nets with something changed: what the papers compare their nets with, for every net here.

    build("alexnet", without=("conv3", "conv4"), dropout=False)      catalogue.py: by name
    alexnet(without=("fc7",)), zfnet(...)                            ZFNet, Table 2
    changed(vgg("A-LRN"), lrn=False, dropout=0.2, bias=0.0)          a net that is there already

What needs no other weights is changed in a net that is there. A net that loses a layer, or gets another width, is built
without numbers first (`drawn_later`); then the layers that no longer fit what they see are made to fit, and only then
the weights are drawn.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from ..columns import Columns, Exchange, Fork, Join
from ..fast.im2col import output_length
from ..layer import Layer
from ..layers.activation import ACTIVATIONS
from ..layers.conv import Conv2d
from ..layers.dropout import Dropout
from ..layers.linear import Flatten, Linear
from ..layers.local import LocallyConnected2d
from ..layers.lrn import LRN, WithinMapNorm
from ..layers.norm import BatchNorm2d
from ..layers.pool import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from ..layers.rbf import RBF
from ..layers.subsample import Subsample2d
from ..layers.table_conv import TableConv2d
from ..net import Branches, Identity, Sequential, Sum
from ..parameter import Parameter

WITH_WEIGHTS = (Conv2d, Linear, LocallyConnected2d)
BETWEEN = (MaxPool2d, AvgPool2d, LRN, WithinMapNorm, BatchNorm2d)  # may stand between a layer and its nonlinearity
SAME = (*ACTIVATIONS, Dropout, Identity, LRN, WithinMapNorm)  # give what they get, whatever its shape


def changed(net: Sequential, *, lrn: bool = True, pool: int = 3, dropout: bool | float = True,
            bias: float | None = None) -> Sequential:
    """`net`, changed in place; its weights stay.

    lrn       False: without local response normalisation, across maps or within them
    pool      2: 2x2 windows side by side where 3x3 windows, 2 apart, overlap (AlexNet, section 3.4). Both leave maps
              of the same size, so nothing else changes, in the nets here: these pool odd maps, or round up (ceil_mode),
              without padding. Elsewhere what follows may not fit
    dropout   False: none; a number: with this probability
    bias      the initial biases of all layers, where the paper has ones and zeros (AlexNet, section 5)

    Raises ValueError for other values, and for a net that has nothing of the kind; the net is then as it was.
    """
    if pool not in (2, 3):
        raise ValueError(f"changed: pool: expected 3 or 2, the side of the windows, got {pool!r}")
    changes = []  # found first, all of them, and made then
    if not lrn:
        changes.append(_drop(net, (LRN, WithinMapNorm), "lrn: the net has no local response normalisation"))
    if dropout is False:
        changes.append(_drop(net, Dropout, "dropout: the net has none"))
    elif dropout is not True:
        changes.append(_each(net, Dropout, lambda layer: True, "dropout: the net has none", p=Dropout(dropout).p))
    if pool == 2:
        def overlapping(layer: Any) -> bool:
            return (layer.kernel_size, layer.stride) == ((3, 3), (2, 2))
        changes.append(_each(net, (MaxPool2d, AvgPool2d), overlapping, "pool: the net has no overlapping pooling",
                             kernel_size=(2, 2), ceil_mode=False))
    if bias is not None:
        biases = [b for _, layer in net.walk() if isinstance(b := getattr(layer, "b", None), Parameter)]
        if not biases:
            raise ValueError("changed: bias: the net has none")
        if not np.isfinite(np.float32(bias)):
            raise ValueError(f"changed: bias: expected a finite number, got {bias!r}")
        changes += [partial(b.assign, np.full(b.shape, bias, np.float32)) for b in biases]
    for change in changes:
        change()
    return net


def _kind(layer: Layer) -> Layer:
    """The layer; of columns, the left one, which is like the right one."""
    return layer.left if isinstance(layer, Columns) else layer


def _drop(net: Sequential, kinds: Any, problem: str) -> Callable[[], None]:
    """What takes out the layers of these kinds, also inside other layers. Raises ValueError if there are none."""
    parts = [net, *(layer for _, layer in net.walk() if isinstance(layer, (Sequential, Branches, Sum)))]
    if not any(isinstance(_kind(layer), kinds) for part in parts for _, layer in part.children()):
        raise ValueError(f"changed: {problem}")

    def change() -> None:
        for part in parts:
            if isinstance(part, Sequential):
                part.layers = {name: layer for name, layer in part.layers.items()
                               if not isinstance(_kind(layer), kinds)}
            else:  # a branch that was nothing else is a way around the others
                part.branches = {name: Identity() if isinstance(layer, kinds) else layer
                                 for name, layer in part.branches.items()}
                part.rename(part.name)
    return change


def _each(net: Sequential, kinds: Any, wanted: Any, problem: str, **attributes: Any) -> Callable[[], None]:
    """What sets attributes of the layers of these kinds that are `wanted`. Raises ValueError if there are none."""
    found = [layer for _, layer in net.walk() if isinstance(layer, kinds) and wanted(layer)]
    if not found:
        raise ValueError(f"changed: {problem}")

    def change() -> None:
        for layer in found:
            vars(layer).update(attributes)
    return change


def left_out(net: Sequential, names: Sequence[str], rng: np.random.Generator, width: float = 1.0) -> Sequential:
    """`net`, which was built within `drawn_later`, without the layers `names`, and with its weights drawn from `rng`.

    A layer goes with its nonlinearity and dropout, and the crossing of columns before it; pooling and normalisation
    stay, also those between them. What follows is made to fit. `width` multiplies the number of maps and units of every
    layer but the last. Raises ValueError for names that are none, or cannot be left out.
    """
    layers = list(net.layers)
    with_weights = [name for name in layers if net[name].parameters()]
    may_go = [name for name in with_weights[:-1] if name not in getattr(net, "needed", ())]
    if isinstance(names, str) or not set(names) <= set(may_go):
        raise ValueError(f"without: what can be left out is {', '.join(may_go)}, as a tuple of names, got {names!r}")
    if not width > 0:
        raise ValueError(f"width: expected a number above 0, got {width!r}")
    gone = {name for name in layers if name.removeprefix("to_") in names}.union(*(_of(net, name) for name in names))
    net.layers = {name: layer for name, layer in net.layers.items() if name not in gone}
    _cross_before_flat(net)
    if width != 1:
        _widen([layer for _, layer in net.walk() if isinstance(layer, WITH_WEIGHTS)][:-1], width)
    _fit(net, tuple(net.input_shape))
    for _, p in net.parameters():
        p.draw(rng)
    return net


def _cross_before_flat(net: Sequential) -> None:
    """Where fc6 has gone with its crossing, put the next one before `flat`, as that was: columns exchange maps. Joined
    as rows, their numbers would be in another order than one column has them in."""
    names = list(net.layers)
    for at, (flat, crossing) in enumerate(pairwise(names)):
        if isinstance(_kind(net[flat]), Flatten) and isinstance(net[crossing], (Exchange, Join)):
            names[at:at + 2] = crossing, flat
            net.layers = {name: net.layers[name] for name in names}
            if isinstance(net[crossing], Join):  # from there on, one array
                net.layers[flat] = Flatten()
                net.rename(net.name)
            return


def _of(net: Sequential, name: str) -> set[str]:
    """The nonlinearity and the dropout of a layer, which stand behind it, or behind its pooling and normalisation."""
    layers, found = list(net.layers), set()
    if isinstance(_kind(net[name]), BatchNorm2d):  # what is behind it is of the layer before
        return found
    for after in layers[layers.index(name) + 1:]:
        if isinstance(_kind(net[after]), (*ACTIVATIONS, Dropout)):
            found.add(after)
        elif not isinstance(_kind(net[after]), BETWEEN):
            break
    return found


def _widen(layers: list[Layer], width: float) -> None:
    for layer in layers:
        name = "out_features" if isinstance(layer, Linear) else "out_channels"
        setattr(layer, name, max(2, 2 * round(width * getattr(layer, name) / 2)))


def _fit(layer: Layer, shape: Any) -> Any:
    """Make a layer fit images of this `shape`, (H, W, C) or (features,), of columns a list of two; the shape of what
    it gives. Raises ValueError for kinds that cannot be made to fit, and branches that no longer fit each other."""
    if isinstance(layer, Sequential):
        heads, looked_at = getattr(layer, "heads", {}), getattr(layer, "looked_at", {})    # GoogLeNet's
        for name, part in layer.layers.items():
            shape = _fit(part, shape)
            if head := heads.get(looked_at.get(name)):
                _fit(head, shape)
        return shape
    if isinstance(layer, Columns):
        return [_fit(part, of) for (_, part), of in zip(layer.children(), shape, strict=True)]
    if isinstance(layer, (Branches, Sum)):
        return _fit_branches(layer, shape)
    if isinstance(layer, (Fork, Exchange)):
        return [shape if isinstance(layer, Fork) else _joined(shape)] * 2
    if isinstance(layer, Join):
        return _joined(shape)
    if isinstance(layer, (MaxPool2d, AvgPool2d)):
        return *layer.output_size(*shape[:2]), shape[2]
    if isinstance(layer, (Flatten, GlobalAvgPool2d)):
        return (math.prod(shape) if isinstance(layer, Flatten) else shape[-1],)
    if isinstance(layer, (Conv2d, LRN)) and shape[-1] % layer.groups:
        raise ValueError(f"without: {shape[-1]} maps cannot be dealt out to the {layer.groups} groups of "
                         f"{'a Conv2d' if isinstance(layer, Conv2d) else 'an LRN'}; leave out other layers")
    if isinstance(layer, TableConv2d):
        _expect_inputs(layer, layer.in_channels, "maps", shape)
        return *layer.output_size(*shape[:2]), layer.out_channels
    if isinstance(layer, RBF):
        _expect_inputs(layer, layer.in_features, "units", shape)
        return (len(layer.codes),)
    if isinstance(layer, (*WITH_WEIGHTS, BatchNorm2d, Subsample2d)):
        return _fit_weights(layer, shape)
    if not isinstance(layer, SAME):
        raise ValueError(f"width, without: a {type(layer).__name__} cannot be made to fit other inputs")
    return shape


def _expect_inputs(layer: Layer, number: int, of: str, shape: tuple[int, ...]) -> None:
    """Raise ValueError if a layer that is made for this number of maps or units would get another."""
    if shape[-1] != number:
        raise ValueError(f"width, without: {layer.label} is made for {number} {of}, and would get {shape[-1]}; leave "
                         "out other layers")


def _fit_branches(layer: Branches | Sum, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The same for layers side by side, whose outputs must fit each other, too."""
    names, shapes = [name for name, _ in layer.children()], [_fit(part, shape) for _, part in layer.children()]
    added = isinstance(layer, Sum)
    if len({of if added else of[:-1] for of in shapes}) > 1:
        given = ", ".join(f"{name} {of}" for name, of in zip(names, shapes, strict=True))
        raise ValueError(f"width, without: {layer.label}: its branches would give {given}, which cannot be "
                         f"{'added' if added else 'joined'}; leave out other layers")
    return shapes[0] if added else _joined(shapes)


def _joined(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    return *shapes[0][:-1], sum(shape[-1] for shape in shapes)


def _fit_weights(layer: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The same for a layer with weights, which have no numbers yet."""
    C = shape[-1]
    if isinstance(layer, BatchNorm2d):
        new = type(layer)(C, device=layer.device)  # for its running averages
        layer.channels, layer.running_mean, layer.running_var = C, new.running_mean, new.running_var
        layer.gamma.reshape((C,))
        layer.beta.reshape((C,))
        return shape
    if isinstance(layer, Subsample2d):
        layer.channels = C
        layer.w.reshape((C,))
        layer.b.reshape((C,))
        return *layer.output_size(*shape[:2]), C
    if isinstance(layer, Linear):
        layer.in_features, W, y = C, (C, layer.out_features), (layer.out_features,)
        b = y
    elif isinstance(layer, Conv2d):
        layer.in_channels, F = C, layer.out_channels
        W, y, b = (*layer.kernel_size, C // layer.groups, F), (*layer.output_size(*shape[:2]), F), (F,)
    else:
        layer.input_size, layer.in_channels, F = shape[:2], C, layer.out_channels
        axes = zip(shape, layer.kernel_size, layer.stride, layer.padding, strict=False)
        layer.output_size = P, Q = tuple(output_length(*axis) for axis in axes)
        W, y, b = (P, Q, *layer.kernel_size, C, F), (P, Q, F), (P, Q, F)
    for p, of in ((layer.W, W), (layer.b, b)):
        if p is not None and p.shape != of:
            p.reshape(of)
    return y
