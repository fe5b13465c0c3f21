"""Which pixels a unit sees: its receptive field.

A window of size K and stride S, with padding p, makes row r of a map from the rows r·S - p to r·S - p + K - 1 of its
input. So the rows from a to b are made from

    a·S - p  to  b·S - p + K - 1                                                     (1)

and, layer by layer, down from the one unit, the range grows until it is one of pixels. Side by side (Branches, Sum) all
branches count. Fully connected layers see all there is. Beyond the edges of the image there is only padding: what
reaches over them is cut off. All this is exact, but for the last rows of a map where a stride leaves some out: a unit
further up, whose window reaches over the edge into padding, is said to see them, too.
"""
from __future__ import annotations

from typing import NamedTuple

from ..columns import Columns
from ..layer import Layer
from ..layers.linear import Flatten, Linear
from ..layers.lrn import WithinMapNorm
from ..layers.pool import GlobalAvgPool2d
from ..layers.rbf import RBF
from ..layers.subsample import Subsample2d
from ..net import Branches, Sequential, Sum
from ..sizes import as_int

Range = tuple[int, int]                # the first row and the last, or column
EVERYTHING = (-(10 ** 9), 10 ** 9)     # from far above the first row to far below the last


class Field(NamedTuple):
    """The pixels `image[field.rows, field.columns]`, and how many rows and columns lie beyond the edges."""

    rows: slice
    columns: slice
    beyond: tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right))


def receptive_field(net: Sequential, at: str, place: tuple[int, int], image: tuple[int, int]) -> Field:
    """Of the unit at `place` (row, column) in a map of the layer called `at`, in images of `image` = (H, W) pixels.

    It is empty if the unit sees padding only. Raises KeyError for a layer that the net does not have.
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
    before, behind = max(-seen[0], 0), max(seen[1] - length + 1, 0)
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
    for part in reversed(before) if isinstance(layer, Sequential) else ():
        seen = _through(part, seen)
    return seen


def _through(layer: Layer, seen: tuple[Range, Range]) -> tuple[Range, Range]:
    """What lies under a range of a layer's output, in its input."""
    if isinstance(layer, Sequential):
        for _, part in reversed(layer.children()):
            seen = _through(part, seen)
        return seen
    if isinstance(layer, (Branches, Sum, Columns)):
        parts = [_through(part, seen) for _, part in layer.children()]
        return tuple((min(first for first, _ in axis), max(last for _, last in axis))
                     for axis in zip(*parts, strict=True))
    if isinstance(layer, (Linear, RBF, Flatten, GlobalAvgPool2d)):
        return EVERYTHING, EVERYTHING
    return tuple(_window(*axis) for axis in zip(seen, *_windows(layer), strict=True))


def _window(seen: Range, K: int, S: int, padding: int) -> Range:
    if seen == EVERYTHING:
        return seen
    return seen[0] * S - padding, seen[1] * S - padding + K - 1                      # eq. (1)


def _windows(layer: Layer) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Kernel, stride and the padding above and on the left, each (vertical, horizontal)."""
    if isinstance(layer, WithinMapNorm):
        return (layer.size,) * 2, (1, 1), (layer.size // 2,) * 2
    kernel, stride = getattr(layer, "kernel_size", (1, 1)), getattr(layer, "stride", (1, 1))
    if isinstance(layer, Subsample2d):
        stride = kernel
    before = [p[0] if isinstance(p, tuple) else p for p in getattr(layer, "padding", (0, 0))]
    return kernel, stride if isinstance(stride, tuple) else (stride,) * 2, tuple(before)
