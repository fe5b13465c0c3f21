"""Arrays in .safetensors files, the format in which most weights are published today: no code can be in them.

    8 bytes      N, the length of the header, little end first
    N bytes      the header in JSON: {name: {"dtype": "F32", "shape": [64, 3, 11, 11], "data_offsets": [0, 92928]}, ...}
    the rest     the numbers, little end first; "data_offsets" says where those of an array begin and end

The header is looked at as a whole before a number is read: every array has as many bytes as its shape needs, and
together they are the rest of the file, without gaps.
"""
from __future__ import annotations

import math
import os
from os import PathLike
from typing import Any

import numpy as np

from .arrays import Header
from .reading import DataError, entry, opened, parse_json, shortened, wrong

LONGEST_HEADER = 2 ** 24  # bytes; a thousand arrays take a hundred thousand
MOST_AXES = 64            # NumPy's own limit; the product of millions of sides would take hours
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U64": "<u8",
          "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"}
HALF = "BF16"             # the upper half of a float32, which NumPy does not know: read as a float32


class SafetensorsFile:
    """The arrays in the .safetensors file at `path`, by name; as `ArrayFile` has those of an .npz file.

    Raises DataError if it is no such file.
    """

    def __init__(self, path: str | PathLike) -> None:
        self.path, self._file = path, opened(path)
        try:
            size = os.fstat(self._file.fileno()).st_size
            N = int.from_bytes(self._file.read(8), "little")
            if not 2 <= N <= min(LONGEST_HEADER, size - 8):
                raise self._wrong(f"a header of {N:,} bytes in a file of {size:,}")
            try:
                text = self._file.read(N).decode("utf-8")
            except UnicodeDecodeError as error:
                raise self._wrong(f"the error {error}") from error
            told = parse_json(path, text)
            told.pop("__metadata__", None)
            self._begin = 8 + N
            self._arrays = {name: self._checked(name, told) for name in told}
            self._expect_no_gaps(size - self._begin)
        except BaseException:
            self.close()
            raise
        self.headers = {name: Header(shape, np.dtype(np.float32 if dtype == HALF else DTYPES[dtype]))
                        for name, (shape, dtype, _, _) in self._arrays.items()}

    def _checked(self, name: str, told: dict[str, Any]) -> tuple[tuple[int, ...], str, int, int]:
        """(shape, dtype, first byte, the byte after the last) of an array."""
        of = entry(self.path, told, name, dict, "what is said of an array")
        dtype, shape, at = (entry(self.path, of, key, kind) for key, kind in (("dtype", str), ("shape", list),
                                                                              ("data_offsets", list)))
        if dtype not in DTYPES and dtype != HALF:
            raise self._wrong(f"{name!r} of the dtype {shortened(dtype)}; known are {', '.join([*DTYPES, HALF])}")
        if len(at) != 2 or len(shape) > MOST_AXES or not all(type(number) is int and number >= 0
                                                             for number in (*shape, *at)):
            raise self._wrong(f"{name!r} of shape {shortened(shape)} at {shortened(at)}")
        itemsize = 2 if dtype == HALF else np.dtype(DTYPES[dtype]).itemsize
        if at[1] - at[0] != math.prod(shape) * itemsize:
            raise self._wrong(f"{name!r} of shape {shortened(shape)} of {dtype} in {at[1] - at[0]:,} bytes")
        return tuple(shape), dtype, *at

    def _expect_no_gaps(self, size: int) -> None:
        end = 0
        for first, last in sorted((first, last) for _, _, first, last in self._arrays.values()):
            if first != end:
                raise self._wrong(f"an array that begins at byte {first:,}, where the one before ends at {end:,}")
            end = last
        if end != size:
            raise self._wrong(f"{size:,} bytes of numbers, where the header says {end:,}")

    def _wrong(self, got: str) -> DataError:
        return wrong(self.path, "a whole .safetensors file", got)

    def read(self, name: str) -> np.ndarray:
        """The array called `name`."""
        shape, dtype, first, last = self._arrays[name]
        self._file.seek(self._begin + first)
        data = self._file.read(last - first)
        if len(data) < last - first:
            raise self._wrong("a file that has become shorter since it was opened")
        if dtype == HALF:
            upper = np.frombuffer(data, "<u2").astype(np.uint32) << 16
            return upper.view(np.float32).reshape(shape)
        return np.frombuffer(data, DTYPES[dtype]).reshape(shape)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> SafetensorsFile:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
