"""Doors with every fault that the fuzzer is to find: what `test_readers.py` tries the fuzzer itself on."""
from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

from tinynet.data import DataError

from .door import Door
from .mutate import flat


def _hang() -> None:
    number, _ = os.pipe()
    os.read(number, 1)


def _loop() -> None:
    while True:
        pass


def _refuse() -> None:
    raise DataError("something is wrong with this file")


def _assert() -> None:
    raise AssertionError("that is no digit")


def _trap(fault: Callable[[], object]) -> Callable[[Path], Door]:
    """Every third file springs it, not the first."""
    def door(folder: Path) -> Door:
        cases = iter(range(10 ** 6))
        return Door(folder / "x", b"a file", lambda: fault() if next(cases) % 3 == 2 else None, (flat,), "its name",
                    odd=False)
    return door


TRAPS = {"crash": _trap(lambda: ctypes.string_at(0)), "hang": _trap(_hang), "loop": _trap(_loop),
         "exit": _trap(lambda: os._exit(3)), "bomb": _trap(lambda: b"x" * 10 ** 8),
         "address bomb": _trap(lambda: bytearray(10 ** 12)), "other error": _trap(lambda: {}["x"]),
         "wrong answer": _trap(_assert), "no name": _trap(_refuse)}
