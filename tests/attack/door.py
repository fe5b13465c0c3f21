"""What the fuzzer needs to know of a way into tinynet."""
from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tinynet.data import DataError

from .mutate import Mutate, flat

MEMORY = 32 * 2 ** 20  # bytes that a reader may take for a mutant, of at most a few kilobytes


class Door(NamedTuple):
    """A reader and a file that it reads.

    original   the bytes of the file
    read       puts other bytes in its place and reads them: returns if the answer is one that can be right, raises one
               of the `refusals` if it is refused, AssertionError if the answer cannot be right
    mutates    what makes other bytes of it
    named      what the message of every refusal must contain
    memory     how many bytes the reader may take
    """

    original: bytes
    read: Callable[[bytes], None]
    mutates: tuple[Mutate, ...] = (flat,)
    named: str = ""
    refusals: tuple[type[Exception], ...] = (DataError,)
    memory: int = MEMORY
