"""Doors: CIFAR-10, CIFAR-100 and MNIST, their files."""
from __future__ import annotations

import gzip
import io
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tinynet.data import Dataset, cifar10, cifar100, mnist

from .door import Door
from .mutate import flat
from .packed import gzipped, pickled

STEMS = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()


def check(data: Dataset, item: tuple[int, ...], classes: int = 10) -> None:
    """That this may be the data set: its form, its labels."""
    for images, labels in data:
        assert images.shape == (len(labels), *item) and images.dtype == np.uint8 and labels.dtype == np.int64
        assert len(labels) and labels.min() >= 0 and labels.max() < len(data.classes) == classes
    assert all(type(name) is str for name in data.classes)


def idx(*item: int, seed: int) -> bytes:
    values = np.random.default_rng(seed).integers(0, 10, item, np.uint8)
    return struct.pack(f">{1 + len(item)}I", 0x800 + len(item), *item) + values.tobytes()


def _digits(name: str, zipped: bool) -> Callable[[Path], Door]:
    def door(folder: Path) -> Door:
        for i, stem in enumerate(("train", "t10k")):
            (folder / f"{stem}-images-idx3-ubyte").write_bytes(idx(3, 28, 28, seed=i))
            (folder / f"{stem}-labels-idx1-ubyte").write_bytes(idx(3, seed=i))
        path = folder / name
        original = path.read_bytes()
        original = gzip.compress(original, mtime=0) if zipped else original

        def read() -> None:
            check(mnist(folder, download=False), (28, 28, 1))
        return Door(path, original, read, (flat, gzipped) if zipped else (flat,), str(folder))
    return door


def batch(seed: int) -> tuple[np.ndarray, list[int]]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (2, 3072), np.uint8), rng.integers(0, 10, 2).tolist()


def write_binary(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for i, stem in enumerate(STEMS):
        rows, labels = batch(i)
        (folder / f"{stem}.bin").write_bytes(np.column_stack([np.array(labels, np.uint8), rows]).tobytes())
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    return folder


class Python2Pickler(pickle._Pickler):
    """Writes texts and bytes as Python 2 wrote its strings."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_string(self, value: str | bytes) -> None:
        value = value.encode() if isinstance(value, str) else value
        self.write(b"T" + struct.pack("<i", len(value)) + value)                     # BINSTRING

    dispatch[str] = dispatch[bytes] = save_string


def python2(value: Any) -> bytes:
    buffer = io.BytesIO()
    Python2Pickler(buffer, 2).dump(value)
    return buffer.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def write_pickles(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for i, stem in enumerate(STEMS):
        rows, labels = batch(i)
        whole = {"batch_label": stem, "labels": labels, "data": rows, "filenames": ["x.png"] * 2}
        (folder / stem).write_bytes(python2(whole))
    (folder / "batches.meta").write_bytes(python2({"label_names": NAMES, "num_vis": 3072}))
    return folder


def _batches(name: str, write: Callable[[Path], Path], *mutates: Any) -> Callable[[Path], Door]:
    def door(folder: Path) -> Door:
        path = write(folder / "batches") / name

        def read() -> None:
            check(cifar10(path.parent, download=False), (32, 32, 3))
        return Door(path, path.read_bytes(), read, mutates or (flat,), str(path.parent))
    return door


def write_hundred(folder: Path, binary: bool) -> Path:
    folder.mkdir(parents=True)
    names = {f"{kind}_label_names": [f"{kind}{i}" for i in range(n)] for kind, n in (("coarse", 20), ("fine", 100))}
    for i, part in enumerate(("train", "test")):
        rows, fine = batch(i)
        coarse = [label * 2 for label in fine]
        if binary:
            records = np.column_stack([np.array([coarse, fine], np.uint8).T, rows])
            (folder / f"{part}.bin").write_bytes(records.tobytes())
        else:
            whole = {"batch_label": part, "fine_labels": fine, "coarse_labels": coarse, "data": rows}
            (folder / part).write_bytes(python2(whole))
    if binary:
        for name, of in names.items():
            (folder / f"{name}.txt").write_text("\n".join(of) + "\n")
    else:
        (folder / "meta").write_bytes(python2(names))
    return folder


def _hundred(name: str, *mutates: Any) -> Callable[[Path], Door]:
    def door(folder: Path) -> Door:
        binary = name.endswith((".bin", ".txt"))
        path = write_hundred(folder / ("cifar-100-binary" if binary else "cifar-100-python"), binary) / name

        def read() -> None:
            for labels, classes in ("fine", 100), ("coarse", 20):
                check(cifar100(folder, download=False, labels=labels), (32, 32, 3), classes)
        return Door(path, path.read_bytes(), read, mutates or (flat,), str(path.parent))
    return door


DOORS = {"MNIST images": _digits("train-images-idx3-ubyte", False),
         "MNIST labels": _digits("t10k-labels-idx1-ubyte", False),
         "MNIST images, gzip": _digits("train-images-idx3-ubyte", True),
         "CIFAR-10 binary": _batches("data_batch_1.bin", write_binary),
         "CIFAR-10 names": _batches("batches.meta.txt", write_binary),
         "CIFAR-10 pickle": _batches("test_batch", write_pickles, flat, pickled, pickled),
         "CIFAR-10 names, pickle": _batches("batches.meta", write_pickles, flat, pickled),
         "CIFAR-100 binary": _hundred("train.bin"), "CIFAR-100 names": _hundred("fine_label_names.txt"),
         "CIFAR-100 pickle": _hundred("train", flat, pickled, pickled),
         "CIFAR-100 names, pickle": _hundred("meta", flat, pickled)}
