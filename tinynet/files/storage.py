"""A net's arrays in a file: one .npz, no pickle, and never half a file.

Every array is stored under its name in the net, "conv1.W" for example, so that a file can be read without tinynet:
`numpy.load("net.npz")["conv1.W"]`. A checkpoint (training/checkpoint.py) is such a file too: what it holds besides the
net is called "training/...", and `load` passes over it.
"""
from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..devices.device import device_of
from ..parameter import select
from .writing import atomic_write

TRAINING = "training/"  # what a checkpoint holds besides the net is called so; no layer's name has a slash


def save(net: Any, path: str | os.PathLike) -> None:
    """Write the parameters and running statistics of `net` to `path`."""
    arrays = {name: device_of(array).tohost(array) for name, array in arrays_of(net).items()}
    with atomic_write(path) as file:
        np.savez(file, **arrays)


def load(net: Any, path: str | os.PathLike, names: tuple[str, ...] = ()) -> None:
    """Read into `net` what `save` wrote, or a checkpoint's net; or only what is called, or lies below, one of `names`.

    Raises ValueError that lists every missing, unknown and misshapen array; nothing has been changed then.
    """
    wanted, found = arrays_of(net, names), read(path, without=TRAINING)
    wrong = [f"{n}: missing in the file" for n in wanted if n not in found]
    wrong += [f"{n}: unknown to this net" for n in found if n not in wanted and not names]
    for n, array in wanted.items():
        if n in found and found[n].shape != array.shape:
            wrong.append(f"{n}: expected shape {array.shape}, the file has {found[n].shape}")
        elif n in found and found[n].dtype.kind != "f":
            wrong.append(f"{n}: expected floating-point numbers, the file has {found[n].dtype}")
    if wrong:
        raise ValueError(f"{path} does not fit this net:\n  " + "\n  ".join(wrong))
    write_into(net, {n: found[n] for n in wanted})


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


def read(path: str | os.PathLike, without: str | None = None) -> dict[str, np.ndarray]:
    """The arrays in a file by name, but for those whose name begins with `without`."""
    with open(path, "rb") as file:
        try:
            arrays = np.load(file, allow_pickle=False)
            return {name: arrays[name] for name in arrays.files if not (without and name.startswith(without))}
        except Exception as error:  # damaged bytes make np.load fail in a dozen ways
            raise ValueError(f"{path} is not a complete .npz file of arrays: {error}") from error
