"""A net's arrays in a file: one .npz, no pickle, and never half a file.

Every array is stored under its name in the net, "conv1.W" for example, so that a file can be read without tinynet:
`numpy.load("net.npz")["conv1.W"]`. A checkpoint (training/checkpoint.py) is such a file too: what it holds besides the
net is called "training/...", and `load` passes over it.

A file is not trusted: its headers say what there would be, and only what the net has a place for is unpacked, so that a
file takes no more memory than the net. NaN and infinity are never written and never read.
"""
from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..devices.device import device_of, on_host
from ..parameter import select
from .arrays import ArrayFile
from .reading import DataError
from .writing import atomic_write

TRAINING = "training/"  # what a checkpoint holds besides the net is called so; no layer's name has a slash


def save(net: Any, path: str | os.PathLike) -> None:
    """Write the parameters and running statistics of `net` to `path`.

    Raises ValueError that names the arrays with NaN or infinity, which `load` would refuse, and OSError from the disk;
    what was at `path` before is still there then.
    """
    arrays = {name: on_host(array) for name, array in arrays_of(net).items()}
    wrong = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if wrong:
        raise ValueError(f"{path} is not written: NaN or infinity in {', '.join(wrong)}")
    with atomic_write(path) as file:
        np.savez(file, **arrays)


def load(net: Any, path: str | os.PathLike, names: tuple[str, ...] = ()) -> None:
    """Read into `net` what `save` wrote, or a checkpoint's net; or only what is called, or lies below, one of `names`.

    Raises what `read` raises; nothing has been changed then.
    """
    write_into(net, read(net, path, names))


def read(net: Any, path: str | os.PathLike, names: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """The arrays in a file that `load` would write into `net`, on the host, in the net's dtypes.

    Raises DataError, a ValueError, that lists every missing, unknown and misshapen array, or every array with NaN,
    infinity or numbers too large for the net.
    """
    wanted = arrays_of(net, names)
    with ArrayFile(path) as file:
        found = {name: header for name, header in file.headers.items() if not name.startswith(TRAINING)}
        wrong = [f"{n}: missing in the file" for n in wanted if n not in found]
        wrong += [f"{n}: unknown to this net" for n in found if n not in wanted and not names]
        for n, array in wanted.items():
            if n in found and found[n].shape != array.shape:
                wrong.append(f"{n}: expected shape {array.shape}, the file has {found[n].shape}")
            elif n in found and found[n].dtype.kind != "f":
                wrong.append(f"{n}: expected floating-point numbers, the file has {found[n].dtype}")
        arrays = {} if wrong else {n: converted(file.read(n), array.dtype) for n, array in wanted.items()}
    wrong += not_finite(arrays)
    if wrong:
        raise DataError(f"{path} does not fit this net:\n  " + "\n  ".join(wrong))
    return arrays


def converted(values: np.ndarray, dtype: Any) -> np.ndarray:
    """The values in the net's dtype: rounded, and infinite if they are too large for it."""
    with np.errstate(over="ignore"):
        return values.astype(dtype, copy=False)


def not_finite(arrays: dict[str, np.ndarray]) -> list[str]:
    """In words, which of the arrays hold NaN or infinity, or would lead to them: a variance below 0."""
    wrong = [f"{name}: holds NaN, infinity, or a number too large for {array.dtype}" for name, array in arrays.items()
             if not np.isfinite(array).all()]
    return wrong + [f"{name}: holds a variance below 0" for name, array in arrays.items()
                    if name.rpartition(".")[2] == "running_var" and (array < 0).any()]


def arrays_of(net: Any, names: tuple[str, ...] = ()) -> dict[str, Any]:
    """The net's own arrays, parameters and running statistics, by name."""
    named = [(name, p.value) for name, p in net.parameters()]
    named += [(name, s) for name, s in net.state() if not isinstance(s, np.random.Generator)]
    return select(named, names, net.label)


def write_into(net: Any, arrays: dict[str, np.ndarray]) -> None:
    """Write host arrays, which have the names and shapes of the net's own, into those."""
    parameters, others = dict(net.parameters()), dict(net.state())
    for name, values in arrays.items():
        if name in parameters:
            parameters[name].assign(values)
        else:
            assign(others[name], values)


def assign(array: Any, values: np.ndarray) -> None:
    """Write host values into an array that is no parameter's, on whatever device it lives."""
    with device_of(array) as device:
        array[...] = device.asarray(values.astype(array.dtype, copy=False))
