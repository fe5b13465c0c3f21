"""Which pixels a unit sees: its receptive field.

A window of size K and stride S, with padding p, makes row r of a map from the rows r·S - p to r·S - p + K - 1 of its
input. So the rows from a to b are made from

    a·S - p  to  b·S - p + K - 1                                                     (1)

and, layer by layer, down from the one unit, the range grows until it is one of pixels. A transposed convolution and
unpooling go the other way through their windows: their rows from a to b lie in the windows

    ⌈(a + p - K + 1) / S⌉  to  ⌊(b + p) / S⌋                                         (2)

or in none, where windows smaller than the stride leave rows between them. Side by side (Branches, Sum) all branches
count. Fully connected layers see all there is, and so does local contrast normalisation, by the mean over the image
that it takes for its least divisor. Of other kinds than those named below nothing is known.

Beyond the edges of the image there is only padding: what reaches over them is cut off. All this is exact, but near the
edges of maps in between, which are taken to go on for ever: a unit further up, whose window reaches over the edge into
padding, is said to see the rows of the image that would lie under it, too; the last ones, for example, where a stride
leaves some out.
"""
from __future__ import annotations

from typing import NamedTuple

from ..columns import Columns, Exchange, Fork, Join
from ..layer import Layer
from ..layers.activation import ACTIVATIONS
from ..layers.contrast import LocalContrastNorm
from ..layers.conv import Conv2d
from ..layers.conv_transpose import ConvTranspose2d
from ..layers.dropout import Dropout
from ..layers.linear import Flatten, Linear
from ..layers.local import LocallyConnected2d
from ..layers.lrn import LRN, WithinMapNorm
from ..layers.norm import BatchNorm2d
from ..layers.pool import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from ..layers.rbf import RBF
from ..layers.subsample import Subsample2d
from ..layers.table_conv import TableConv2d
from ..layers.unpool import Unpool2d
from ..models.resnet import ZeroPadShortcut
from ..net import Branches, Identity, Sequential, Sum
from ..sizes import Size, as_int

Range = tuple[int, int]                # the first row and the last, or column
EVERYTHING = (-(10 ** 9), 10 ** 9)     # from far above the first row to far below the last
NOTHING = (0, -1), (0, -1)             # of both, for what sees no row sees no column

SIDE_BY_SIDE = (Branches, Sum, Columns)
OF_ALL = (Linear, Flatten, RBF, GlobalAvgPool2d, LocalContrastNorm)
OF_ONE_PIXEL = (*ACTIVATIONS, Dropout, LRN, BatchNorm2d, Identity, Fork, Exchange, Join)
OF_WINDOWS = (Conv2d, LocallyConnected2d, TableConv2d, MaxPool2d, AvgPool2d, Subsample2d, WithinMapNorm,
              ZeroPadShortcut)
IN_WINDOWS = (ConvTranspose2d, Unpool2d)  # the other way


class Field(NamedTuple):
    """The pixels `image[field.rows, field.columns]`, and how many rows and columns lie beyond the edges."""

    rows: slice
    columns: slice
    beyond: tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right))


def receptive_field(net: Sequential, at: str, place: tuple[int, int], image: tuple[int, int]) -> Field:
    """Of the unit at `place` (row, column) in a map of the layer called `at`, in images of `image` = (H, W) pixels.

    It is empty if the unit sees padding only, or nothing. Raises KeyError for a layer that the net does not have,
    ValueError for one beside the net's own, as GoogLeNet's heads are, and for kinds of layers that are not known.
    """
    if at not in dict(net.walk()):
        raise KeyError(f"{net.label}: no layer is called {at!r}; there are {', '.join(name for name, _ in net.walk())}")
    rows, columns = ((as_int(i, f"{at} place", least=0),) * 2 for i in place)
    found = [_cut(*axis) for axis in zip(_from_layer(net, "", at, (rows, columns)), image, strict=True)]
    return Field(found[0][0], found[1][0], (found[0][1], found[1][1]))


def _cut(seen: Range, length: int) -> tuple[slice, tuple[int, int]]:
    """What is left of a range between the edges; how much lay before the first, and behind the last."""
    if seen == EVERYTHING:
        return slice(0, length), (0, 0)
    rows = seen[1] - seen[0] + 1  # all of them may be on one side
    before, behind = min(max(-seen[0], 0), rows), min(max(seen[1] - length + 1, 0), rows)
    return slice(min(max(seen[0], 0), length), max(min(seen[1], length - 1) + 1, 0)), (before, behind)


def _from_layer(layer: Layer, name: str, at: str, seen: tuple[Range, Range]) -> tuple[Range, Range]:
    """What a unit of the layer called `at`, which is this one or lies in it, sees of the input of this one."""
    if name == at:
        return _through(layer, seen)
    within = at[len(name) + 1:] if name else at
    before: list[Layer] = []
    for child, part in layer.children():
        if child == within.partition(".")[0]:
            seen = _from_layer(part, f"{name}.{child}" if name else child, at, seen)
            break
        before.append(part)
    if isinstance(layer, SIDE_BY_SIDE):
        return seen
    if not isinstance(layer, Sequential):
        raise _unknown(layer)
    if len(before) >= len(layer):
        raise ValueError(f"receptive_field: {child} is beside the layers of {layer.label}, not one of them: "
                         f"{', '.join(layer.layers)}")
    for part in reversed(before):
        seen = _through(part, seen)
    return seen


def _through(layer: Layer, seen: tuple[Range, Range]) -> tuple[Range, Range]:
    """What lies under a range of a layer's output, in its input."""
    if seen == NOTHING:
        return seen
    if isinstance(layer, Sequential):
        for part in reversed([*layer]):
            seen = _through(part, seen)
        return seen
    if isinstance(layer, SIDE_BY_SIDE):
        parts = [part for part in (_through(part, seen) for _, part in layer.children()) if part != NOTHING]
        return tuple((min(first for first, _ in axis), max(last for _, last in axis))
                     for axis in zip(*parts, strict=True)) or NOTHING
    if isinstance(layer, OF_ALL):
        return EVERYTHING, EVERYTHING
    if isinstance(layer, OF_ONE_PIXEL):
        return seen
    if isinstance(layer, OF_WINDOWS):
        return tuple(_under(*axis) for axis in zip(seen, *_windows(layer), strict=True))
    if isinstance(layer, IN_WINDOWS):
        over = tuple(_over(*axis) for axis in zip(seen, *_windows(layer), strict=True))
        return over if all(first <= last for first, last in over) else NOTHING
    raise _unknown(layer)


def _unknown(layer: Layer) -> ValueError:
    return ValueError(f"receptive_field: what a unit of {layer.label} sees is not known; ask for a layer below it")


def _under(seen: Range, K: int, S: int, padding: int) -> Range:
    """What the windows of these rows are made from."""
    if seen == EVERYTHING:
        return seen
    return seen[0] * S - padding, seen[1] * S - padding + K - 1                      # eq. (1)


def _over(seen: Range, K: int, S: int, padding: int) -> Range:
    """The windows that these rows lie in; in none, if the first comes out behind the last."""
    if seen == EVERYTHING:
        return seen
    return -((K - 1 - padding - seen[0]) // S), (seen[1] + padding) // S             # eq. (2)


def _windows(layer: Layer) -> tuple[Size, Size, Size]:
    """Kernel, stride and the padding above and on the left, each (vertical, horizontal)."""
    if isinstance(layer, Unpool2d):
        return _windows(layer.pool)
    if isinstance(layer, WithinMapNorm):
        return (layer.size,) * 2, (1, 1), (layer.size // 2,) * 2
    if isinstance(layer, ZeroPadShortcut):
        return (1, 1), (layer.stride,) * 2, (0, 0)
    if isinstance(layer, TableConv2d):
        return layer.kernel_size, (1, 1), (0, 0)
    if isinstance(layer, Subsample2d):
        return layer.kernel_size, layer.kernel_size, (0, 0)
    return layer.kernel_size, layer.stride, tuple(p[0] if isinstance(p, tuple) else p for p in layer.padding)
