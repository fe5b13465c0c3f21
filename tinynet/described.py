"""How layers and nets print themselves: a layer as it was made, a net as a table.

    Conv2d(3, 64, 11, stride=4)                 what has no default, then what is not the default
    print(net)                                  a line for each layer, with the shapes of its parameters

The output's sizes need an input: summary(net, (H, W, C)) has them.
"""
from __future__ import annotations

import inspect
from typing import Any

from .parameter import Parameter

NOT_SHOWN = ("self", "rng", "device", "weight_init", "bias_init")  # of no use when the layer is there


def described(layer: Any) -> str:
    """The layer as its constructor was called: what can be read from its attributes of the same names."""
    parts = []
    for name, argument in inspect.signature(type(layer).__init__).parameters.items():
        value = _value(layer, name)
        if name in NOT_SHOWN or value is inspect.Parameter.empty:
            continue
        if argument.default is inspect.Parameter.empty:
            parts.append(f"{value!r}" if not isinstance(value, tuple) or len(value) == 2 else "...")
        elif value != argument.default and not (name == "stride" and argument.default is None
                                                and value == _value(layer, "kernel_size")):
            parts.append(f"{name}={value!r}")
    return f"{type(layer).__name__}({', '.join(parts)})"


def _value(layer: Any, name: str) -> Any:
    """An argument as one would write it: 3 rather than (3, 3). `empty` for what is no number, text or pair."""
    value = vars(layer).get(name, inspect.Parameter.empty)
    if name == "bias" and "b" in vars(layer):
        return layer.b is not None
    return _short(value) if isinstance(value, (bool, int, float, str, tuple)) else inspect.Parameter.empty


def _short(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    value = tuple(map(_short, value))
    return value[0] if len(value) == 2 and value[0] == value[1] and not isinstance(value[0], tuple) else value


def table(net: Any) -> str:
    """A head, and a line for each layer: its name, the layer, the shapes of its own parameters, how many numbers."""
    rows = [_row(name, layer) for name, layer in net.walk()]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    total = sum(p.size for _, p in net.parameters())
    head = f"{type(net).__name__} of {len(net.children())} layers, {total:,} parameters"
    return "\n".join([head, *(f"  {name:<{widths[0]}}  {kind:<{widths[1]}}  {shapes:<{widths[2]}}  {size:>{widths[3]}}"
                              .rstrip() for name, kind, shapes, size in rows)])


def _row(name: str, layer: Any) -> tuple[str, str, str, str]:
    own = {key: p for key, p in list(vars(layer).items()) if isinstance(p, Parameter)}
    shapes = "  ".join(f"{key} {'x'.join(map(str, p.shape))}" for key, p in own.items())
    kind = type(layer).__name__ if layer.children() else repr(layer)
    return name, kind, shapes, f"{sum(p.size for p in own.values()):,}" if own else ""
