"""The array module of a simulated device: `device.xp`, where a GPU has CuPy and the CPU has NumPy.

It gives NumPy's names. A function or ufunc is bound to the device and runs through `compute`
(simulated.py), so that what it creates lives there, and arrays of another device, or of the host, are
refused: `xp.zeros(3)`, `xp.add.at(...)`, `xp.lib.stride_tricks.as_strided(...)`. Types and constants
(`xp.float32`, `xp.pi`) are NumPy's own. What CuPy has not is not here either, so that code written against
it runs on a GPU.
"""
from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from .simulated import NOT_IN_CUPY, SimulatedArray, compute


class ArrayModule:
    """NumPy's names for one device. Raises AttributeError for those that CuPy lacks."""

    def __init__(self, device: Any, module: ModuleType = np, path: str = "") -> None:
        self._device, self._module, self._path = device, module, path

    def __repr__(self) -> str:
        return f"<{self._path or 'array module '}of {self._device}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "random":
            raise AttributeError("random: CuPy's Generator has no normal, permutation, shuffle or choice; "
                                 "draw on the host, then device.asarray(x): the same numbers everywhere")
        if self._path + name in NOT_IN_CUPY:
            raise AttributeError(f"CuPy has no {self._path}{name}, so {self._device} has none")
        value = self._bind(name, getattr(self._module, name))
        setattr(self, name, value)                    # found at once the next time
        return value

    def _bind(self, name: str, value: Any) -> Any:
        if name == "ndarray":
            return SimulatedArray
        if isinstance(value, ModuleType):
            return ArrayModule(self._device, value, f"{self._path}{name}.")
        if isinstance(value, type) or not callable(value):
            return value
        if name == "as_strided":
            value = _as_strided
        bound = _FromHost if name in ("array", "asarray", "asanyarray") else _Operation
        return bound(self._device, name, value)


class _Operation:
    """A NumPy function or ufunc (with its `.at`, `.reduce`, ...) that runs on one device."""

    def __init__(self, device: Any, name: str, function: Any) -> None:
        self._device, self._name, self._function = device, name, function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return compute(self._device, self._name, self._function, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._function, name)
        return _Operation(self._device, f"{self._name}.{name}", value) if callable(value) else value


class _FromHost(_Operation):
    """One of the functions that may be given a host array: they copy it to the device."""

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(x, np.ndarray):
            x = SimulatedArray(x.copy(), self._device)
        return super().__call__(x, *args, **kwargs)


def _as_strided(x: np.ndarray, shape: Any = None, strides: Any = None) -> np.ndarray:
    return np.lib.stride_tricks.as_strided(x, shape, strides)      # CuPy's takes neither subok nor writeable
