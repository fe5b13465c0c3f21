"""Arrays in files, NumPy's .npy and .npz: looked at before they are read.

A .npy is a header (dtype, shape) and the numbers; a .npz is a zip of such files. A zip may be a thousandth of what it
unpacks to, and so the headers are read first: `ArrayFile.headers` says what there would be, and whoever opens a file
reads only what fits. Objects (pickles) are refused.

    with ArrayFile(path) as file:
        if file.headers.get("W") == Header((3, 4), np.dtype("float32")):
            W = file.read("W")
"""
from __future__ import annotations

import io
import math
import zipfile
from os import PathLike
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy

from .reading import DataError, opened, wrong

LONGEST_HEADER = 10_000  # bytes; NumPy's own limit
PIECE = 2 ** 20          # bytes that are unpacked at a time
WHOLE = "a whole .npz file of arrays"
SAVE = "In PyTorch, write np.savez(path, **net.state_dict()), and read that with from_torch"


class Header(NamedTuple):
    """What a file says of an array before its numbers."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class ArrayFile:
    """The arrays in the .npz file at `path`, by name.

    Raises DataError if it is no such file: here, or where `read` finds that the numbers are damaged.
    """

    def __init__(self, path: str | PathLike) -> None:
        self.path, self._file = path, opened(path)
        try:
            if self._file.read(1) == b"\x80":  # so a pickle begins
                raise wrong(path, WHOLE, "a pickle, as torch.save made them once", SAVE)
            self._zip = zipfile.ZipFile(self._file)
            names = [info.filename for info in self._zip.infolist()]
            if any(name.endswith("/data.pkl") for name in names):
                raise wrong(path, WHOLE, "one that torch.save made", SAVE)
            if len(set(names)) < len(names):
                raise ValueError("two arrays of one name")
            self.headers = {name.removesuffix(".npy"): self._header(name) for name in names}
        except DataError:
            self.close()
            raise
        except Exception as error:  # damaged bytes fail in a dozen ways
            self.close()
            raise wrong(path, WHOLE, f"the error {error}") from error

    def _header(self, name: str) -> Header:
        if not name.endswith(".npy"):
            raise ValueError(f"{name!r}, which is no array")
        info = self._zip.getinfo(name)
        with self._zip.open(info) as member:
            header, _, length = read_header(member)
        if length + header.nbytes != info.file_size:
            raise ValueError(f"{name!r} of {info.file_size:,} bytes, where its header promises "
                             f"{length + header.nbytes:,}")
        return header

    def read(self, name: str) -> np.ndarray:
        """The array called `name`. Raises DataError if its numbers are damaged (each has a checksum)."""
        try:
            with self._zip.open(f"{name}.npy") as member:
                header, fortran, _ = read_header(member)
                return _numbers(member, header, fortran)
        except MemoryError:
            raise
        except Exception as error:
            raise wrong(self.path, WHOLE, f"the error {error} in {name!r}") from error

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def read_header(file: Any) -> tuple[Header, bool, int]:
    """(header, whether the first index is the fastest, how many bytes it has) of a .npy file that begins here.

    Raises ValueError for what is none, and for dtypes other than numbers, truths and texts.
    """
    begin = file.read(npy.MAGIC_LEN)
    version = npy.read_magic(io.BytesIO(begin))
    read, size = {(1, 0): (npy.read_array_header_1_0, 2), (2, 0): (npy.read_array_header_2_0, 4)}[version]
    length = file.read(size)
    if int.from_bytes(length, "little") > LONGEST_HEADER:
        raise ValueError(f"a header of more than {LONGEST_HEADER:,} bytes")
    text = file.read(int.from_bytes(length, "little"))
    shape, fortran, dtype = read(io.BytesIO(length + text))
    if dtype.kind not in "biufcSU" or any(side < 0 for side in shape):
        raise ValueError(f"an array of shape {shape} of {dtype}")
    return Header(shape, dtype), fortran, len(begin) + len(length) + len(text)


def read_array(path: str | PathLike, most: int) -> np.ndarray:
    """The array in the .npy file at `path`. Raises DataError if it is no such file, or has more than `most` numbers."""
    with opened(path) as file:
        try:
            header, fortran, _ = read_header(file)
            if math.prod(header.shape) > most:
                raise ValueError(f"an array of shape {header.shape}, more than {most:,} numbers")
            return _numbers(file, header, fortran)
        except Exception as error:
            raise wrong(path, "a whole .npy file", f"the error {error}") from error


def _numbers(file: BinaryIO, header: Header, fortran: bool) -> np.ndarray:
    """What comes after the header: piece by piece, and to the end of the file, where a zip looks at the checksum."""
    array = np.empty(math.prod(header.shape), header.dtype)
    rest = memoryview(array.view(np.uint8)) if array.nbytes else memoryview(b"")
    while len(rest):
        piece = file.read(min(PIECE, len(rest)))
        if not piece:
            raise ValueError(f"it ends {len(rest):,} bytes early")
        rest[:len(piece)], rest = piece, rest[len(piece):]
    if file.read(1):
        raise ValueError("it goes on after the last number")
    return array.reshape(header.shape[::-1]).T if fortran else array.reshape(header.shape)
