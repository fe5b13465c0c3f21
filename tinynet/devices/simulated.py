"""NumPy arrays that know their device and refuse every mix: two "GPUs" on a machine that has none.

A `SimulatedArray` is a duck array: it holds an ndarray but is none, so NumPy cannot look inside without
asking. Ufuncs come through `__array_ufunc__`, other functions through `__array_function__`; these, the
methods, and the functions of the device's array module (simulated_xp.py) all end in one function,
`compute`, which

    1. takes the ndarray out of each argument, or raises DeviceMismatch if one lives elsewhere (the host too),
    2. calls NumPy,
    3. puts the results behind arrays of this device.

That is stricter than CuPy, whose elementwise operations only warn of a mix and whose matmul does not even
look. As in CuPy, views stay views, 0-d results stay arrays, and Python and NumPy scalars may join in.
"""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

# NumPy has these functions and modules, CuPy 14 has not (compared name by name).
NOT_IN_CUPY = frozenset("""
    asmatrix block bmat busday_count busday_offset char core ctypeslib datetime64 datetime_as_string
    datetime_data dtypes einsum_path emath errstate frompyfunc fromregex geomspace get_include getbufsize
    geterr geterrcall histogram_bin_edges info insert is_busday isnat longdouble ma matrix matvec memmap
    nanpercentile nanquantile ndenumerate nditer nested_iters object_ polyder polydiv polyint rec recarray
    setbufsize seterr seterrcall show_runtime spacing str_ strings test timedelta64 unstack vecdot vecmat
    void linalg.diagonal linalg.matrix_norm linalg.multi_dot linalg.outer linalg.svdvals linalg.tensordot
    linalg.trace linalg.vecdot linalg.vector_norm""".split())

ATTRIBUTES = "dtype flags itemsize nbytes ndim shape size strides".split()
VIEWS = "T imag mT real".split()
METHODS = """all any argmax argmin argsort astype clip copy cumsum diagonal dot fill flatten max mean min
    nonzero prod ravel repeat reshape round searchsorted sort squeeze std sum swapaxes take trace transpose
    var view""".split()


class DeviceMismatch(ValueError):
    """An operation was given an array of another device."""

    def __init__(self, operation: str, expected: object, got: object) -> None:
        super().__init__(f"{operation}: expected arrays of {expected}, got one of {got}; "
                         "bring it over with send(x, to)")


# -------------------------------------------------------------------------------- the one way to an operation

def compute(device: Any, name: str, function: Callable, args: tuple, kwargs: dict) -> Any:
    """`function(*args, **kwargs)` on `device`. Raises DeviceMismatch for an array that lives elsewhere."""
    mine: list[SimulatedArray] = []
    args = tuple([_take_out(x, device, name, mine) for x in args])
    if kwargs:
        kwargs = {key: _take_out(x, device, name, mine) for key, x in kwargs.items()}
    result = function(*args, **kwargs)
    if _strict and ("out" in kwargs or _is_new(result)):
        _check_current(device, name)
    return _put_back(result, device, mine)


def _take_out(x: Any, device: Any, name: str, mine: list[SimulatedArray]) -> Any:
    kind = type(x)
    if kind is SimulatedArray:
        if x.device is not device:
            raise DeviceMismatch(name, device, x.device)
        mine.append(x)
        return x._data
    if kind is tuple or kind is list:
        return kind([_take_out(part, device, name, mine) for part in x])
    if isinstance(x, np.ndarray):
        raise DeviceMismatch(name, device, "cpu")
    return x


def _put_back(result: Any, device: Any, mine: list[SimulatedArray]) -> Any:
    if isinstance(result, np.ndarray):
        for x in mine:                                # out=, in-place operators: the same object again
            if x._data is result:
                return x
        return SimulatedArray(result, device)
    if isinstance(result, np.generic):                # a 0-d result stays on the device
        return SimulatedArray(np.asarray(result), device)
    if isinstance(result, (tuple, list)):
        parts = [_put_back(part, device, mine) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return result


# -------------------------------------------------------------------------------------------------- the array

class SimulatedArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An ndarray behind its device's door; made by `device.asarray` and by the functions of `device.xp`."""

    __slots__ = ("_data", "device")

    def __init__(self, data: np.ndarray, device: Any) -> None:
        self._data, self.device = data, device

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = ufunc.__name__
        if name in NOT_IN_CUPY:
            return NotImplemented
        if method == "__call__":
            return compute(self.device, name, ufunc, inputs, kwargs)
        return compute(self.device, f"{name}.{method}", getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function: Callable, types: Any, args: tuple, kwargs: dict) -> Any:
        name = f"{function.__module__}.{function.__name__}".removeprefix("numpy.")
        return NotImplemented if name in NOT_IN_CUPY else compute(self.device, name, function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError(f"an array of {self.device} does not turn into a host array by itself: use "
                        "device.tohost(x), or send(x, to) to bring it to another device")

    def __getitem__(self, key: Any) -> SimulatedArray:
        return compute(self.device, "getitem", _getitem, (self, key), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        compute(self.device, "setitem", np.ndarray.__setitem__, (self, key, value), {})

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[SimulatedArray]:
        return (self[i] for i in range(len(self)))

    def item(self, *index: int) -> Any:
        """The one element (or the one at `index`) as a Python number."""
        return self._data.item(*index)

    def tolist(self) -> Any:
        return self._data.tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __repr__(self) -> str:
        return f"<{self.device}: {self._data!r}>"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __copy__(self) -> SimulatedArray:
        return SimulatedArray(self._data.copy(), self.device)

    def __deepcopy__(self, memo: dict) -> SimulatedArray:
        return self.__copy__()


def _getitem(data: np.ndarray, key: Any) -> np.ndarray:
    part = data[key]
    if isinstance(part, np.generic):                  # x[2, 3] is a 0-d view, as in CuPy, and not a scalar
        part = data[(*key, ...) if isinstance(key, tuple) else (key, ...)]
    return part


def _method(name: str) -> Callable:
    function = getattr(np.ndarray, name)

    def method(self: SimulatedArray, *args: Any, **kwargs: Any) -> Any:
        return compute(self.device, name, function, (self, *args), kwargs)
    return method


for _name in METHODS:
    setattr(SimulatedArray, _name, _method(_name))
for _name in ATTRIBUTES:
    setattr(SimulatedArray, _name, property(lambda self, name=_name: getattr(self._data, name)))
for _name in VIEWS:
    setattr(SimulatedArray, _name, property(
        lambda self, name=_name: SimulatedArray(getattr(self._data, name), self.device)))


# --------------------------------------------------------------------------- computing on the current device

class _PerThread(threading.local):
    current: Any = None                               # the simulated device this thread is in, the innermost


_here = _PerThread()
_strict = False


@contextmanager
def entered(device: Any) -> Iterator[None]:
    """Make `device` the current one of this thread."""
    before, _here.current = _here.current, device
    try:
        yield
    finally:
        _here.current = before


@contextmanager
def must_be_current() -> Iterator[None]:
    """In here, arrays of a simulated device are created and written only `with device:`, in every thread.

    CUDA computes on the *current* device, wherever the arrays are: without `with gpu(1):`, new arrays go to
    GPU 0. Run a net within this context to see that nothing forgets it. Making a view needs no device.
    """
    global _strict
    before, _strict = _strict, True
    try:
        yield
    finally:
        _strict = before


def _check_current(device: Any, name: str) -> None:
    now = _here.current
    if now is not device:
        raise DeviceMismatch(f"{name} outside `with {device}:`", now or "the current device", device)


def _is_new(result: Any) -> bool:
    """Whether an operation made memory (or wrote it and returns None), not just a view or a Python value."""
    if isinstance(result, (tuple, list)):
        return any(_is_new(part) for part in result)
    if isinstance(result, np.ndarray):
        return result.base is None
    return result is None or isinstance(result, np.generic)
