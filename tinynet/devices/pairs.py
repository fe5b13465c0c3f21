"""Two devices, one for each column of AlexNet: GPUs, streams of one GPU, the CPU twice, or simulated ones."""
from __future__ import annotations

import functools

import numpy as np

from . import cuda
from .device import Device, Gpu, gpu, simulated


def pair(kind: str | None = None) -> tuple[Device, Device]:
    """The two devices of the columns, left and right; the same objects at every call of one kind.

    "gpu"        two GPUs; if a copy between them does not arrive as it left, it goes through the host
    "streams"    one GPU with a stream for each column
    "cpu"        the CPU twice
    "simulated"  the CPU, with arrays that refuse to mix: slower, for lessons and tests

    Without `kind`: the first of the first three that this machine has. Raises ValueError for any other
    kind; if the kind needs a GPU that is missing, what `gpu` raises, or RuntimeError if there is only one.
    """
    if kind is None:
        kind = ("cpu", "streams", "gpu")[min(cuda.gpu_count(), 2)]
    if kind not in _PAIRS:
        raise ValueError(f"pair: the kinds are {', '.join(map(repr, _PAIRS))}, got {kind!r}")
    return _PAIRS[kind]()


def _two_gpus() -> tuple[Device, Device]:
    left = gpu(0)
    if cuda.gpu_count() < 2:
        raise RuntimeError('pair("gpu"): this machine has one GPU: use pair("streams") or pair("cpu")')
    cuda.peers_work(left, gpu(1))
    return left, gpu(1)


_PAIRS = {"gpu": _two_gpus,
          "streams": functools.cache(lambda: (Gpu(0, stream=0), Gpu(0, stream=1))),
          "cpu": functools.cache(lambda: (Device("cpu:0", np), Device("cpu:1", np))),
          "simulated": lambda: (simulated(0), simulated(1))}
