"""CIFAR-10 in its publisher's python layout: pickles written by Python 2, read without trusting them.

    data_batch_1 ... data_batch_5, test_batch   a dict
        b"data"         (n, 3072) uint8; a row: 1024 red, 1024 green, 1024 blue, each 32 x 32, row by row
        b"labels"       a list of n ints, 0 to 9
        b"batch_label", b"filenames"            not used here
    batches.meta                                a dict
        b"label_names"  the 10 names            b"num_vis"  3072

A pickle is a small program: it may import any function and call it, `os.system` too. So the unpickler here
can import only the four names that such an array is made of, and everything it brings is checked.
"""
from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from ..dataset import wrong

# The files find this function in numpy.core, NumPy 2 has it in numpy._core; an array knows it under any name.
_reconstruct = np.empty(0).__reduce__()[0]


_ALLOWED = {("numpy.core.multiarray", "_reconstruct"): _reconstruct,
            ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
            ("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str):
        if (module, name) == ("_codecs", "encode"):
            def encode(text, encoding):  # a new one each time: a pickle can set attributes of what it gets
                if encoding != "latin1":  # all that a pickle of bytes needs; others could blow data up
                    raise pickle.UnpicklingError(f"it asks for the encoding {encoding!r}")
                return text.encode(encoding)
            return encode
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch needs")
        return _ALLOWED[module, name]


def _load(path: Path) -> dict:
    """The dict in a pickle, with str keys."""
    with open(path, "rb") as file:
        try:
            value = _Unpickler(file, encoding="bytes").load()
        except Exception as error:  # a damaged pickle may raise anything
            raise wrong(path, "a pickle of arrays, lists, strings and numbers",
                        f"{type(error).__name__}: {error}", "Delete it, do not open it otherwise: a pickle "
                        "can run programs; the binary layout, which cifar10() downloads, cannot") from error
        rest = file.read(1)
    if rest:
        raise wrong(path, "nothing after the pickle", "more bytes")
    if type(value) is not dict or not all(type(key) in (bytes, str) for key in value):
        raise wrong(path, "a dict whose keys are strings", f"a {type(value).__name__}")
    return {key.decode("latin-1") if isinstance(key, bytes) else key: part for key, part in value.items()}


def read_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The rows (n, 3072) uint8 and labels (n,) int64 of one batch; their range is not checked here."""
    batch = _load(path)
    data, labels = batch.get("data"), batch.get("labels")
    if type(data) is not np.ndarray or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3072:
        raise wrong(path, "'data', a uint8 array of shape (n, 3072)", _describe(data))
    if type(labels) is not list or not all(type(label) is int and abs(label) < 2**31 for label in labels):
        raise wrong(path, "'labels', a list of ints", _describe(labels))
    if not 0 < len(data) == len(labels):
        raise wrong(path, "as many labels as images, and at least one",
                    f"{len(data)} images and {len(labels)} labels")
    return data, np.array(labels, np.int64)


def read_names(path: Path) -> list[str]:
    """The names of the classes, from batches.meta; how many, is not checked here."""
    names = _load(path).get("label_names")
    if type(names) is not list or not all(type(name) in (bytes, str) for name in names):
        raise wrong(path, "'label_names', a list of strings", _describe(names))
    return [name.decode("latin-1") if isinstance(name, bytes) else name for name in names]


def _describe(value) -> str:
    if isinstance(value, np.ndarray):
        return f"a {value.dtype} array of shape {value.shape}"
    return "none" if value is None else f"a {type(value).__name__}"
