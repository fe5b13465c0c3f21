"""A table of a net: every layer with its output's shape, its neurons, parameters and multiply-adds, and what crosses.

For a net of two columns the table shows both columns' numbers where they differ, and one of them with "x2" where they
are the same, as Figure 2 of the AlexNet paper draws one column and cuts off the other.
"""
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .columns import Columns
from .container import run
from .devices.crossing import traffic
from .devices.device import Device
from .layer import Layer, aside


class Row(NamedTuple):
    """One layer, for one image. Where there are two columns, numbers are the sum of both; `columns` has each."""

    name: str
    kind: str
    shape: tuple[int, ...]      # of the output, in one column
    neurons: int                # outputs of a layer with parameters; other layers are counted as a part of it
    parameters: int
    multiply_adds: int
    bytes: int                  # sent from one column to the other, both ways together, in the forward pass
    columns: tuple[Row, ...] = ()


def count_parameters(net: Layer) -> int:
    """How many numbers the net learns."""
    return sum(p.size for _, p in net.parameters())


def summary(net: Layer, input_shape: tuple[int, ...] | None = None, show: bool = True) -> list[Row]:
    """Print the table of `net` for one input of `input_shape`, (H, W, C) or (features,), and return its rows.

    Nets that know the size of their images, like AlexNet, need no `input_shape`. The shapes are those of a real
    forward pass of zeros through the net. Raises ValueError if no input shape is known, TypeError if it is a number.
    """
    input_shape = getattr(net, "input_shape", None) if input_shape is None else input_shape
    if input_shape is None:
        raise ValueError(f"summary: which input? Say summary(net, (H, W, C)) or, for vectors, summary({net.label}, "
                         "(features,))")
    if not isinstance(input_shape, (tuple, list)):
        raise TypeError(f"summary: expected an input_shape (H, W, C) or (features,), got {input_shape!r}")
    dtype = next((p.value.dtype for _, p in net.parameters()), np.float32)
    x = np.zeros((1, *input_shape), dtype)
    rows = _rows(net, net.device.asarray(x) if isinstance(net.device, Device) else x)
    if show:
        print(_table(rows, input_shape))
    return rows


def _rows(net: Layer, x: Any) -> list[Row]:
    """A row for each layer that a forward pass of x comes through; one for both columns' layers."""
    rows: dict[str, Row] = {}
    with aside(), traffic() as log:
        def note(name: str, layer: Layer, x: Any, y: Any) -> None:
            rows[name] = _row(layer, name, x, y, sum(crossing.bytes for crossing in log))
            log.clear()
        run("", net, x, seen=note)
    for columns in (name for name, layer in net.walk() if isinstance(layer, Columns)):
        for name in [name for name in rows if f"{name}.".startswith(f"{columns}.left.")]:
            inside = name.removeprefix(f"{columns}.left")
            if right := rows.pop(f"{columns}.right{inside}", None):
                rows[name] = _both_columns(columns + inside, rows[name], right)
    return list(rows.values())


def _row(layer: Layer, name: str, x: Any, y: Any, sent: int) -> Row:
    first_x, first_y = (a[0] if isinstance(a, tuple) else a for a in (x, y))
    shape, parameters = tuple(first_y.shape[1:]), count_parameters(layer)
    return Row(name, type(layer).__name__, shape, int(np.prod(shape)) if parameters else 0, parameters,
               layer.multiply_adds(first_x.shape, first_y.shape), sent)


def _both_columns(name: str, left: Row, right: Row) -> Row:
    kinds = left.kind if left.kind == right.kind else f"{left.kind} | {right.kind}"
    return Row(name, kinds, left.shape, left.neurons + right.neurons, left.parameters + right.parameters,
               left.multiply_adds + right.multiply_adds, left.bytes + right.bytes, (left, right))


HEAD = ("layer", "kind", "output", "neurons", "parameters", "multiply-adds", "bytes sent")


def _table(rows: list[Row], input_shape: tuple[int, ...]) -> str:
    cells = [HEAD, ("input", "", _sizes(input_shape), f"{np.prod(input_shape):,}", "", "", "")]
    cells += [(r.name, r.kind, _per_column(r, lambda row: _sizes(row.shape)),
               *(_per_column(r, lambda row, what=what: f"{getattr(row, what):,}" if getattr(row, what) else "")
                 for what in ("neurons", "parameters", "multiply_adds")), f"{r.bytes:,}" if r.bytes else "")
              for r in rows]
    cells.append(("total", "", "", *(f"{sum(getattr(r, what) for r in rows):,}"
                                     for what in ("neurons", "parameters", "multiply_adds", "bytes"))))
    widths = [max(len(row[i]) for row in cells) for i in range(len(HEAD))]
    return "\n".join("  ".join(f"{cell:<{width}}" if i < 2 else f"{cell:>{width}}"
                               for i, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
                     for row in cells)


def _per_column(row: Row, text: Any) -> str:
    """What `text` says of a row; of two columns, "27x27x128 x2" if it says the same of both, else both."""
    if not row.columns:
        return text(row)
    left, right = map(text, row.columns)
    if left != right:
        return f"{left} | {right}"
    return f"{left} x2" if left else ""


def _sizes(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
