"""Doors with every fault that the fuzzer is to find: what `test_readers.py` tries the fuzzer itself on."""
from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

from tinynet.data import DataError

from .door import Door
from .mutate import flat


def _hang(data: bytes) -> None:
    number, _ = os.pipe()
    os.read(number, 1)


def _loop(data: bytes) -> None:
    while True:
        pass


def _refuse(data: bytes) -> None:
    raise DataError("something is wrong with this file")


def _assert(data: bytes) -> None:
    raise AssertionError("that is no digit")


def _trap(fault: Callable[[bytes], object]) -> Callable[[Path], Door]:
    """Every third file springs it, not the first."""
    def door(folder: Path) -> Door:
        cases = iter(range(10 ** 6))
        return Door(b"a file", lambda data: fault(data) if next(cases) % 3 == 2 else None, (flat,), "its name")
    return door


TRAPS = {"crash": _trap(lambda data: ctypes.string_at(0)), "hang": _trap(_hang), "loop": _trap(_loop),
         "exit": _trap(lambda data: os._exit(3)), "bomb": _trap(lambda data: b"x" * 10 ** 8),
         "address bomb": _trap(lambda data: bytearray(10 ** 12)), "other error": _trap(lambda data: {}["x"]),
         "wrong answer": _trap(_assert), "no name": _trap(_refuse)}
