"""The same layer's weights in two layouts: ours, and the one of PyTorch and Caffe ("theirs").

    convolution       (KH, KW, C/groups, F)   ↔   (F, C/groups, KH, KW)                                     (1)
    fully connected   (H·W·C, F)              ↔   (F, C·H·W), where the maps x (H, W, C) were flattened      (2)

(2) needs to know C. And their dropout divides by 1 - p in training, ours multiplies by 1 - p at test. For both to
compute the same at test the weights W of the next layer must differ:

    W · (1 - p) x = W' · x        W = W' / (1 - p)                                                          (3)

With this W the two nets are the same in training, too. What stands between the dropout and these weights must let a
factor through: f(c · x) = c · f(x) for c > 0; `lets_a_factor_through` says which layers do.
"""
from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from ..columns import Columns
from ..layer import Layer
from ..layers.conv import Conv2d
from ..layers.dropout import Dropout
from ..layers.linear import Flatten, Linear
from ..layers.norm import BatchNorm2d
from ..net import Branches, Sequential, Sum
from .storage import arrays_of


class Maps(NamedTuple):
    """What goes from layer to layer: how many channels, None if unknown; how many times theirs ours are at test; and
    whether the maps were flattened, so that the two layouts have their numbers in another order."""

    channels: int | None
    factor: float = 1.0
    flat: bool = False


def to_ours(array: np.ndarray, x: Maps) -> np.ndarray:
    """Weights of a layer that sees the maps x; one-dimensional arrays as they are."""
    if array.ndim == 4:
        array = array.transpose(2, 3, 1, 0)                                          # (KH, KW, C/G, F), eq. (1)
    elif array.ndim == 2:
        F, C = len(array), x.channels or array.shape[1]
        array = array.reshape(F, C, -1).transpose(2, 1, 0).reshape(-1, F)            # (H·W·C, F), eq. (2)
    return array if array.ndim == 1 or x.factor == 1 else array / x.factor  # eq. (3)


def to_theirs(array: np.ndarray, x: Maps) -> np.ndarray:
    """The same backward, always a copy."""
    if array.ndim == 4:
        array = array.transpose(3, 2, 0, 1)                                          # (F, C/G, KH, KW)
    elif array.ndim == 2:
        F, C = array.shape[1], x.channels or len(array)
        array = array.reshape(-1, C, F).transpose(2, 1, 0).reshape(F, -1)            # (F, C·H·W)
    return np.array(array if array.ndim == 1 else array * x.factor, order="C")


def inputs_of(net: Layer, kinds: Collection[str]) -> dict[str, Maps]:
    """The layers of `net` with weights, in order, and the maps that each of them sees.

    Raises ValueError for a layer with arrays that are not all of these `kinds` ("W", "b", ...), and for one whose place
    in the net makes (2) or (3) impossible.
    """
    shape, inputs = getattr(net, "input_shape", None), {}
    end = _walk(net, "", Maps(shape[-1] if shape else None), inputs, kinds)
    if end.factor != 1:
        raise ValueError(f"{net.label}: no weights follow the last dropout, which could take its factor at test; carry "
                         "over a net that ends behind them")
    return inputs


def _walk(layer: Layer, name: str, x: Maps, inputs: dict[str, Maps], kinds: Collection[str]) -> Maps:
    """Note the layers with weights in `layer`, which sees the maps x; returns the maps that it gives. It is a forward
    pass of what is known about maps, and so takes the ways that `forward` takes."""
    def inside(x: Maps, child: str, part: Layer) -> Maps:
        return _walk(part, f"{name}.{child}" if name else child, x, inputs, kinds)

    if isinstance(layer, Sequential):
        for child in layer.children():
            x = inside(x, *child)
        return x
    if isinstance(layer, (Branches, Sum)):
        return _joined(layer, [inside(x, *child) for child in layer.children()])
    own = arrays_of(layer)
    if own and not (isinstance(layer, (Conv2d, Linear, BatchNorm2d)) and set(own) <= set(kinds)):
        raise ValueError(f"{layer.label}: no such layer's weights can be carried over"
                         + ("; take a net of one column, and models.convert" if isinstance(layer, Columns) else ""))
    if isinstance(layer, Flatten) and x.channels is None:
        raise ValueError(f"{layer.label}: how many channels do its maps have? Set net.input_shape = (H, W, C)")
    if x.factor != 1 and not (layer.lets_a_factor_through or isinstance(layer, (Conv2d, Linear))):
        raise ValueError(f"{layer.label}: stands between a dropout and the next weights; the dropout's factor at test "
                         "cannot be put into these")
    if own:
        size = next(iter(own.values())).shape[-1]
        if isinstance(layer, BatchNorm2d) and x.flat and size != x.channels:
            raise ValueError(f"{layer.label}: stands behind Flatten, where the two layouts have its numbers in another "
                             "order; only Linear can be carried over there")
        inputs[name] = x
        return Maps(size)
    if isinstance(layer, Flatten):
        return x._replace(flat=True)
    if isinstance(layer, Dropout):
        return x._replace(factor=x.factor * (1 - layer.p))
    return x._replace(channels=getattr(layer, "out_channels", x.channels))           # of a ZeroPadShortcut, more than x


def _joined(layer: Branches | Sum, outputs: list[Maps]) -> Maps:
    channels, factors, flat = zip(*outputs, strict=True)
    if len(set(factors)) > 1:
        raise ValueError(f"{layer.label}: a dropout stands in one of its branches only; its factor at test cannot be "
                         "put into the weights that follow")
    if any(flat) and (isinstance(layer, Branches) or not all(flat)):
        raise ValueError(f"{layer.label}: a Flatten stands in one of its branches, so the two layouts have the numbers "
                         "behind it in another order; put one Flatten behind all of them")
    if isinstance(layer, Sum):
        return Maps(next((C for C in channels if C is not None), None), factors[0], flat[0])
    return Maps(None if None in channels else sum(channels), factors[0])
