"""What the fuzzer needs to know of a way into tinynet."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tinynet.data import DataError

from .mutate import Mutate, flat

MEMORY = 32 * 2 ** 20  # bytes that a reader may take for a mutant, of at most a few kilobytes


class Door(NamedTuple):
    """A file, and what reads it.

    path       where the file lies
    original   its bytes, which are good
    read       reads it: returns if the answer is one that can be right, raises one of the `refusals` if the file is
               refused, AssertionError if the answer cannot be right
    mutates    what makes other bytes of it
    named      what the message of every refusal must contain
    memory     how many bytes the reader may take
    odd        whether something that is no file may stand in its place
    """

    path: Path
    original: bytes
    read: Callable[[], None]
    mutates: tuple[Mutate, ...] = (flat,)
    named: str = ""
    refusals: tuple[type[Exception], ...] = (DataError,)
    memory: int = MEMORY
    odd: bool = True
