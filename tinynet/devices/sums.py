"""The sum of a device's array over all ranks, on its way while the device computes on.

NCCL, where CuPy finds it and each rank has GPUs of its own: these send to one another, on a stream that does nothing
else. The host only says in which order:

    the GPU's stream    backward fills g, event `filled`    ... backward goes on ...     wait for `summed`, g is read
    the sums' stream                      wait for `filled`, g becomes the sum, event `summed`

Otherwise by way of the host, and MPI: g is copied there by a stream of its own (into pinned memory: cuda.fetch), and
MPI can begin when it has come. Nobody waits for that; whoever passes by looks (`Test`). MPI wants all ranks to begin
in the same order, so what is next waits for what was asked before it.

Both give something like a request of MPI's: `Test()` moves the sum on, `Wait()` ends it, with the sum in g; on a GPU
for what is launched from then on. Neither has met a machine with several GPUs: tests/devices/test_sums.py has stand-ins
for CuPy and NCCL, and simulated devices.
"""
from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from . import cuda
from .device import Device


class ByHost:
    """Sums by way of the host, where `begin(array)` begins one, in place, and gives its request."""

    def __init__(self, begin: Callable[[np.ndarray], Any]) -> None:
        self.begin, self._asked = begin, deque()

    def begin_sum(self, array: Any, device: Device) -> Any:
        self._asked.append(asked := _OnItsWay(self, array, device))
        self.begin_what_has_come()
        return asked

    def begin_what_has_come(self, until: Any = None) -> None:
        """In the order in which it was asked for; up to and including `until`, even if that means to wait."""
        while self._asked and (until or self._asked[0].coming.done()):
            first = self._asked.popleft()
            first.host = first.coming.host()
            first.request = self.begin(first.host)
            if first is until:
                return


class _OnItsWay:
    def __init__(self, sums: ByHost, array: Any, device: Device) -> None:
        self.sums, self.array, self.device, self.coming, self.request = sums, array, device, device.fetch(array), None

    def Test(self) -> None:
        self.sums.begin_what_has_come()
        if self.request:
            self.request.Test()

    def Wait(self) -> None:
        if not self.request:
            self.sums.begin_what_has_come(until=self)
        self.request.Wait()
        if self.host is not self.array:                   # on the CPU it is
            with self.device:
                self.array[...] = self.device.asarray(self.host)


def known_to_nccl(device: Device) -> str | None:
    """What NCCL tells a GPU from the others of its machine by; None for all that it cannot add up on."""
    if device.asynchronous and cuda.nccl():
        return device.xp.cuda.Device(device.index).pci_bus_id
    return None


def name_for_nccl() -> tuple:
    """What all ranks that add up together must be told by one of them."""
    return cuda.nccl().get_unique_id()


class Nccl:
    """Sums by NCCL, between this rank's `device` and one of each other rank's; all make one together."""

    def __init__(self, device: Device, rank: int, size: int, name: tuple) -> None:
        self.nccl = cuda.nccl()
        with device:
            self.comm, self.stream = self.nccl.NcclCommunicator(size, name, rank), cuda.stream()

    def begin_sum(self, array: Any, device: Device) -> Any:
        kind = {"float32": self.nccl.NCCL_FLOAT32, "float64": self.nccl.NCCL_FLOAT64}[str(array.dtype)]
        with device:
            self.stream.wait_event(device.stream.record())                               # filled
            self.comm.allReduce(array.data.ptr, array.data.ptr, array.size, kind, self.nccl.NCCL_SUM, self.stream.ptr)
            return _OnGpu(device, self.stream.record())                                  # summed


class _OnGpu:
    def __init__(self, device: Device, summed: Any) -> None:
        self.device, self.summed = device, summed

    def Test(self) -> None:
        """A GPU needs nobody who moves it on."""

    def Wait(self) -> None:
        with self.device:
            self.device.stream.wait_event(self.summed)
