"""Arrays that count what is done with them: lesson 12's clock, which shows the same on every machine.

    x = counted(x)
    with operations() as log:
        y = np.sqrt(x) + 1
    log["all"]            x.size for the root, x.size for the addition

Each number that a NumPy function makes costs 1; a power 10, as it takes about so long, and half of that whatever else
needs a series: x ** b is exp(b log x). A product of matrices costs its multiply-adds, and `log["products"]` counts the
calls of `@`. To copy, slice, pad or reshape costs nothing.
"""
from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

POWER = 10
SERIES = ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp", "logaddexp2", "cbrt", "sin", "cos",
          "tan", "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh")
UNCOUNTED = ("einsum", "tensordot", "convolve", "correlate", "dot", "inner", "vdot")
_log: Counter[str] = Counter()


class CountedArray(np.ndarray):
    """A NumPy array whose functions are counted; so is all that is made of it."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **how: Any) -> Any:
        how = {name: _plain(value) for name, value in how.items()}
        inputs = tuple(_plain(a) for a in inputs)
        result = getattr(ufunc, method)(*inputs, **how)
        _log["all"] += _cost(ufunc, method, inputs, result)
        _log["products"] += ufunc is np.matmul
        return _counted(result)

    def __array_function__(self, function: Any, types: Any, arguments: tuple, how: dict) -> Any:
        if function.__name__ in UNCOUNTED:
            raise TypeError(f"np.{function.__name__} is not counted: write it with + - * / ** and @")
        return _counted(super().__array_function__(function, types, arguments, how))


def counted(a: np.ndarray) -> CountedArray:
    """A copy of `a` that counts."""
    return a.copy().view(CountedArray)


@contextmanager
def operations() -> Iterator[Counter[str]]:
    """What is counted in the block, once it has ended."""
    _log.clear()
    log: Counter[str] = Counter()
    try:
        yield log
    finally:
        log.update(_log)


def _cost(ufunc: np.ufunc, method: str, inputs: tuple, result: Any) -> int:
    if ufunc is np.matmul:
        return np.size(result) * np.shape(inputs[0])[-1]
    size = np.size(result) if method == "__call__" else np.size(inputs[0])
    if ufunc.__name__ in SERIES:
        return POWER // 2 * size
    simple = ufunc not in (np.power, np.float_power) or (np.ndim(inputs[1]) == 0 and inputs[1] in (2, 1, 0.5, -1))
    return size if simple else POWER * size


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_plain(a) for a in value)
    return value.view(np.ndarray) if isinstance(value, CountedArray) else value


def _counted(result: Any) -> Any:
    if isinstance(result, tuple | list):
        return type(result)(_counted(a) for a in result)
    return result.view(CountedArray) if isinstance(result, np.ndarray) and math.prod(result.shape) else result
