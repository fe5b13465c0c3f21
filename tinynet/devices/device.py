"""Where arrays live.

    cpu              NumPy
    gpu(i)           CuPy on GPU i; CuPy is imported at the first call
    simulated(i)     NumPy behind arrays that refuse every mix with another device's (simulated.py)

A layer takes its array module from its device (`device.xp`) and so runs on all of them. Two of them for the columns of
AlexNet are a `pair` (pairs.py); what a net computes changes device through `send` and nothing else
(crossing.py), its parameters by `Layer.to`.
"""
from __future__ import annotations

import functools
import operator
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from ..fast.memory import fresh, give_back
from . import cuda, pools
from .cuda import each_array
from .simulated import DeviceMismatch, SimulatedArray, entered
from .simulated_xp import ArrayModule

__all__ = ["Device", "DeviceMismatch", "cpu", "device_of", "free_memory", "gpu", "simulated"]


class Device:
    """A place that holds arrays and computes on them: `name`, and its array module `xp`. This one is the CPU.

    `with device:` makes it the current device of this thread, and can be nested. Devices compare by identity.
    `asynchronous` says whether a call only asks for work, and returns before it is done.
    """

    asynchronous = False
    array: type = np.ndarray  # what its arrays are; one of a subclass may compute by other rules (check_kind)

    def __init__(self, name: str, xp: Any) -> None:
        self.name, self.xp = name, xp
        self._open = _Contexts()

    def holds(self, x: Any) -> bool:
        """Whether `x` is an array that lives here. (Columns on one CPU or GPU cannot tell theirs apart.)"""
        return isinstance(x, (np.ndarray, np.generic))

    def asarray(self, host: Any) -> Any:
        """A host array (or a list of numbers) as an array of this device; no copy on the CPU.

        An array that is here already is returned as it is. Raises DeviceMismatch for one of another device, and what
        `check_kind` raises.
        """
        check_kind(host, f"{self}.asarray")
        if place_of(host) not in (None, cpu) and not self.holds(host):
            raise DeviceMismatch(f"{self}.asarray", self, device_of(host))
        with self:
            return self._from_host(host)

    def tohost(self, x: Any) -> np.ndarray:
        """An array of this device on the host; no copy on the CPU. Raises DeviceMismatch for another's."""
        if not self.holds(x):
            raise DeviceMismatch(f"{self}.tohost", self, device_of(x))
        with self:
            return self._to_host(x)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """A new array, not cleared; on the CPU, memory of large ones is lent again and again (fast/memory.py)."""
        with self:
            return fresh(shape, dtype, self.xp)

    def bring(self, x: Any) -> Callable[[], Any]:
        """Begin to send a host array here, or a tuple of them; a call of what this returns gives them. A GPU gets them
        while it computes, and nobody waits; the call is to be made once, by whoever will use them."""
        return lambda: each_array(x, self.asarray)

    def fetch(self, x: Any) -> Any:
        """Begin to copy an array of this device to the host: `done()` of what this returns says whether it has come,
        `host()` gives it. A GPU goes on computing meanwhile; nobody may write to x before."""
        return _Fetched(self.tohost(x))

    def number(self, x: Any) -> Any:
        """The one number in `x`, an array of this device. An asynchronous device gives it as an array of no dimension:
        whoever reads it (`float`) waits for it, nobody else does."""
        return x.reshape(()) if self.asynchronous else self.tohost(x).item()

    def synchronize(self) -> None:
        """Wait until everything asked of this device is done: on the CPU it is."""

    def _from_host(self, host: Any) -> Any:
        return np.asarray(host)

    def _to_host(self, x: Any) -> np.ndarray:
        return np.asarray(x)

    def _context(self) -> AbstractContextManager:
        return nullcontext()

    def __enter__(self) -> Device:
        context = self._context()
        context.__enter__()
        self._open.stack.append(context)
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.stack.pop().__exit__(*error)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple:
        return named, (self.name,)                    # a copied or unpickled net is on the same device


class _Fetched:
    def __init__(self, host: np.ndarray) -> None:
        self._host = host

    def done(self) -> bool:
        return True

    def host(self) -> np.ndarray:
        return self._host


class _Contexts(threading.local):
    def __init__(self) -> None:                       # once per thread: several may be on one device
        self.stack: list[AbstractContextManager] = []


class Simulated(Device):
    """The CPU again, behind arrays that refuse to mix: see simulated.py."""

    def __init__(self, index: int) -> None:
        super().__init__(f"simulated({index})", ArrayModule(self))

    def holds(self, x: Any) -> bool:
        return isinstance(x, SimulatedArray) and x.device is self

    def _from_host(self, host: Any) -> Any:
        return host if self.holds(host) else SimulatedArray(np.array(host), self)

    def _to_host(self, x: Any) -> np.ndarray:
        return x._data.copy()

    def _context(self) -> AbstractContextManager:
        return entered(self)


class Gpu(Device):
    """GPU `index` through CuPy, on a stream of its own or on the null stream, which waits for all others.

    A step enters its device hundreds of times, and as often this thread is there already: then nothing is to be done.
    (A stream that somebody else has made the current one meanwhile stays it.)
    """

    asynchronous = True

    def __init__(self, index: int, stream: int | None = None) -> None:
        cuda.check_index(index)
        name = f"gpu({index})" if stream is None else f"gpu({index}) stream {stream}"
        super().__init__(name, cuda.load_cupy(name))
        self.index, self.array = index, self.xp.ndarray
        with self.xp.cuda.Device(index):
            self._stream = self.xp.cuda.Stream(null=stream is None)

    @property
    def stream(self) -> Any:
        """Its stream; while this thread records a graph (graph.py), the one in its place."""
        return _here.recording.stream_of(self) if _here.recording else self._stream

    def holds(self, x: Any) -> bool:
        return isinstance(x, self.xp.ndarray) and x.device.id == self.index

    def synchronize(self) -> None:
        with self:
            self.stream.synchronize()

    def bring(self, x: Any) -> Callable[[], Any]:
        return cuda.bring(x, gpu(self.index))         # the null stream's, as which the arrays will be known: device_of

    def fetch(self, x: Any) -> Any:
        return cuda.fetch(x, self)

    def _from_host(self, host: Any) -> Any:
        if self.holds(host):
            return host
        return _here.recording.place_of(host) if _here.recording else self.xp.asarray(host)

    def _to_host(self, x: Any) -> np.ndarray:
        return self.xp.asnumpy(x)                     # waits for the stream

    def __exit__(self, *error: Any) -> None:
        try:
            explained = cuda.explained(error[1], self.name) if error[1] else None
        finally:
            super().__exit__(*error)
        if explained:
            raise explained from error[1]

    def _context(self) -> AbstractContextManager:
        return nullcontext() if _here.gpu is self else _OnStream(self)


class _OnStream(AbstractContextManager):
    """In here a GPU and its stream are the current ones."""

    def __init__(self, gpu: Gpu) -> None:
        self.gpu, self.place = gpu, gpu.xp.cuda.Device(gpu.index)  # remembers what to go back to: a new one

    def __enter__(self) -> None:
        self.stream, self.before = self.gpu.stream, _here.gpu
        if _here.recording:
            _here.recording.moved(self.before, self.gpu)
        self.place.__enter__()
        self.stream.__enter__()
        _here.gpu = self.gpu

    def __exit__(self, *error: Any) -> None:
        _here.gpu = self.before
        self.stream.__exit__(*error)
        self.place.__exit__(*error)
        if _here.recording:
            _here.recording.moved(self.gpu, self.before)


class _Here(threading.local):
    gpu: Gpu | None = None                            # the one that this thread is on
    recording: Any = None                             # what it writes down instead of doing it: graph.py


_here = _Here()
cpu = Device("cpu", np)
_cached_gpu, _cached_simulated = functools.cache(Gpu), functools.cache(Simulated)


def gpu(index: int = 0, tf32: bool | None = None) -> Device:
    """GPU `index`; the same object at every call.

    `tf32=True` lets its matrix products round float32 factors to TF32, to 11 binary digits from 24, which GPUs from
    Ampere on multiply faster; sums are still float32. docs/gpu.md says what it does to a net's errors. It concerns the
    convolutions, fully and locally connected layers of all nets on this GPU, on its streams too, until `tf32=False`; a
    call that says nothing leaves it as it is, off to begin with. float64 stays what it is.

    Raises ImportError without CuPy or one of CUDA's libraries, RuntimeError without a GPU or a driver that is new
    enough, ValueError if there is none of this index.
    """
    device = _cached_gpu(operator.index(index))
    if tf32 is not None:
        (cuda.tf32_gpus.add if tf32 else cuda.tf32_gpus.discard)(device.index)
    return device


def simulated(index: int = 0) -> Device:
    """The simulated device `index`; the same object at every call."""
    return _cached_simulated(operator.index(index))


def place_of(x: Any) -> Device | None:
    """The device an array lives on; None for what is not an array."""
    if isinstance(x, SimulatedArray):
        return x.device
    if isinstance(x, (np.ndarray, np.generic)):
        return cpu
    cupy = sys.modules.get("cupy")                    # if nobody imported it, x is none of its arrays
    return gpu(x.device.id) if isinstance(x, getattr(cupy, "ndarray", ())) else None


def check_kind(x: Any, who: str, what: str = "x") -> None:
    """Raise TypeError, in the name of `who`, for what looks like an array but computes by other rules: PyTorch tensors,
    and NumPy's subclasses: masked arrays, matrices, recarrays. A memory map is an array like others."""
    if type(x) is np.ndarray or isinstance(x, np.memmap):
        return
    if _is_torchs(type(x)):
        raise TypeError(f"{who}: expected an array for {what}, got a PyTorch tensor; convert it first: {what}.numpy()")
    if isinstance(x, np.ndarray):
        convert = f"{what}.filled(0)" if isinstance(x, np.ma.MaskedArray) else f"np.asarray({what})"
        raise TypeError(f"{who}: expected an array for {what}, got a {type(x).__name__}, which computes by rules of "
                        f"its own; convert it first: {convert}")


@functools.cache
def _is_torchs(kind: type) -> bool:
    return any(base.__module__.partition(".")[0] == "torch" for base in kind.__mro__)


def check_device(device: Any, who: str) -> None:
    """Raise TypeError, in the name of `who`, for what is no device: a name of one, None."""
    if not isinstance(device, Device):
        raise TypeError(f"{who}: expected a device, tinynet.cpu or tinynet.gpu() for example, got {device!r}")


def device_of(x: Any) -> Device:
    """The device an array lives on. Raises TypeError for what is not an array."""
    check_kind(x, "device_of")
    device = place_of(x)
    if device is None:
        raise TypeError(f"expected an array, got {type(x).__name__}: make it one with device.asarray(x)")
    return device


def on_host(x: Any) -> np.ndarray:
    """The array x on the host; no copy of what is there. Raises TypeError for what is not an array."""
    return device_of(x).tohost(x)


def free_memory() -> None:
    """Give back to the system, and to the other users of a GPU, the memory that is kept for the next arrays.

    On a CPU that happens by itself a few seconds after the last large array was made.
    """
    give_back()
    pools.sweep()
    cuda.free_memory()


def named(name: str) -> Device:
    """The device of this name: "cpu", "gpu(1)", "simulated(0)", or one of a pair, "cpu:0", "gpu(0) stream 1".

    Raises what `gpu` raises if this machine has no such GPU.
    """
    from .pairs import pair  # which is made of devices

    if name == "cpu":
        return cpu
    if name.startswith("cpu:"):
        return pair("cpu")[int(name[-1])]
    if " stream " in name:
        return pair("streams")[int(name[-1])]
    kind, _, index = name.rstrip(")").partition("(")
    return {"gpu": gpu, "simulated": simulated}[kind](int(index))
