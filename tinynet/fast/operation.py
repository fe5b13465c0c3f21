"""The seam between what one reads and what runs fast: two functions of one name.

    layers/lrn.py    @operation                                              the equations, as the paper writes them:
                     def lrn_forward(x, y, s, ..., xp): ...                  this is what one reads
    fast/lrn.py      def lrn_forward(x, y, s, ..., xp): ...                  the same on all cores, a cacheful at a time
    fast/cuda/lrn.py def lrn_forward(x, y, s, ..., xp): ...                  the same as a kernel of a GPU

An operation works on arrays that exist already, and gets its array module `xp` last: on a CPU that is NumPy, on a GPU
CuPy. The fast function is called, if the file of the same name in this folder, or in cuda/, has one. It may return
NotImplemented where it knows no better way; then, and on simulated devices, the plain function runs, and fills all that
is to be filled.

`with plain():` switches the fast ones off, in this thread and those that it starts. tests/fast/test_operation.py goes
through all pairs.
"""
from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

ROOMS = {"numpy": __package__, "cupy": f"{__package__}.cuda"}  # by the name of the array module
_only_plain = ContextVar("only_plain", default=False)


@contextmanager
def plain() -> Iterator[None]:
    """In here the equations run as they are written."""
    token = _only_plain.set(True)
    try:
        yield
    finally:
        _only_plain.reset(token)


def operation(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, or the faster one of the same name. Arguments are given by position, the array module last."""
    file, name = function.__module__.rpartition(".")[2], function.__name__

    @functools.wraps(function)
    def chosen(*args: Any) -> Any:
        room = None if _only_plain.get() else ROOMS.get(getattr(args[-1], "__name__", ""))
        fast = _fast(f"{room}.{file}", name) if room else None
        done = fast(*args) if fast else NotImplemented
        return function(*args) if done is NotImplemented else done

    return chosen


@functools.cache
def _fast(module: str, name: str) -> Callable[..., Any] | None:
    """The function `name` of the module, if there is one."""
    try:
        module = importlib.import_module(module)
    except ModuleNotFoundError:
        return None
    return getattr(module, name, None)
