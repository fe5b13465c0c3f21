"""CIFAR-10 and CIFAR-100 in their publisher's python layout: pickles written by Python 2, or once more by Python 3.

    data_batch_1 ... data_batch_5, test_batch   a dict
        b"data"         (n, 3072) uint8; a row: 1024 red, 1024 green, 1024 blue, each 32 x 32, row by row
        b"labels"       a list of n ints, 0 to 9
        b"batch_label", b"filenames"            not used here
    batches.meta                                a dict
        b"label_names"  the 10 names            b"num_vis"  3072

CIFAR-100 has train, test and meta, with b"fine_labels" and b"coarse_labels", b"fine_label_names" and
b"coarse_label_names" in them.

`pickled.py` reads them without carrying anything out. What an array would have been made of is looked at here:

    _reconstruct(ndarray, (0,), b"b"), with the state (version, shape, dtype, first index fastest, bytes)
    _frombuffer(bytes, dtype, shape, "C" or "F"), in protocol 5
    dtype("u1", ...)
"""
from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...files.reading import shortened, wrong
from . import pickled
from .pickled import Call

_NUMPY = ("numpy.core.", "numpy._core.")  # where NumPy 1 and NumPy 2 have these functions
_DTYPES = {np.dtype(code).str[1:]: np.dtype(code).name for code in np.typecodes["AllInteger"] + np.typecodes["Float"]}


class _Array(NamedTuple):
    shape: tuple
    dtype: str
    fortran: bool
    data: bytes


def _load(path: Path) -> dict[str, Any]:
    """The dict in a pickle, with str keys."""
    value = pickled.read(path)
    if type(value) is not dict:
        raise wrong(path, "a dict whose keys are strings", f"a {type(value).__name__}")
    named = {_text(key): part for key, part in value.items()}
    if len(named) < len(value):
        raise wrong(path, "a dict whose keys are strings", "one with a key twice")
    return named


def read_batch(path: Path, name: str = "labels") -> tuple[np.ndarray, np.ndarray]:
    """The rows (n, 3072) uint8 and the labels called `name` (n,) int64 of one batch; their range is not checked here.
    """
    batch = _load(path)
    array, labels = _array(batch.get("data")), batch.get(name)
    if array is None or array.dtype != "u1" or len(array.shape) != 2 or array.shape[1] != 3072:
        raise wrong(path, "'data', a uint8 array of shape (n, 3072)", _describe(batch, "data"))
    if type(labels) is not list or not all(type(label) is int and abs(label) < 2**31 for label in labels):
        raise wrong(path, f"{name!r}, a list of ints", _describe(batch, name))
    n = array.shape[0]
    if not 0 < n == len(labels):
        raise wrong(path, "as many labels as images, and at least one", f"{n} images and {len(labels)} labels")
    if len(array.data) != n * 3072:
        raise wrong(path, f"{n * 3072:,} bytes of 'data'", f"{len(array.data):,}")
    rows = np.frombuffer(array.data, np.uint8)
    return rows.reshape(3072, n).T if array.fortran else rows.reshape(n, 3072), np.array(labels, np.int64)


def read_names(path: Path, name: str = "label_names") -> list[str]:
    """The names of the classes, the list called `name`; how many, is not checked here."""
    meta = _load(path)
    names = meta.get(name)
    if type(names) is not list or not all(type(each) in (bytes, str) for each in names):
        raise wrong(path, f"{name!r}, a list of strings", _describe(meta, name))
    return [_text(each) for each in names]


def _text(name: bytes | str) -> str:
    return name.decode("latin-1") if type(name) is bytes else name


def _array(value: Any) -> _Array | None:
    """The array that a pickle describes, checked; None if it describes none."""
    if type(value) is not Call or not value.name.startswith(_NUMPY):
        return None
    function, state = value.name.rpartition(".")[2], value.state
    if function == "_reconstruct" and type(state) is tuple and len(state) == 5:
        _, shape, dtype, fortran, data = state
    elif function == "_frombuffer" and len(value.arguments) == 4:
        data, dtype, shape, order = value.arguments
        fortran = type(order) is str and order == "F"
    else:
        return None
    if type(dtype) is not Call or dtype.name != "numpy.dtype" or type(data) is not bytes:
        return None
    if type(shape) is not tuple or not all(type(side) is int for side in shape):
        return None
    text = dtype.arguments[0] if dtype.arguments else None
    return _Array(shape, _text(text), fortran is True, data) if type(text) in (bytes, str) else None


def _describe(batch: dict[str, Any], name: str) -> str:
    value = batch.get(name)
    if value is None:
        return f"none; there are {', '.join(shortened(key[:30]) for key in list(batch)[:8]) or 'no others'}"
    if (array := _array(value)) is not None:
        return f"a {_DTYPES.get(array.dtype, array.dtype[:20])} array of shape {shortened(array.shape)}"
    return f"a {type(value).__name__}"
