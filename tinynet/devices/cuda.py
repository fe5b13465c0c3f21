"""What tinynet asks of CUDA beyond NumPy's functions: is a GPU there, how does an array get to another one.

CuPy is imported on first use: here, and where its compiler and cuBLAS are called (fast/cuda/kernels.py, blas.py).

A copy between two GPUs, or between two streams of one, is in order on both sides:

    source's stream   x is computed, event `ready`                          wait for `done`, x may be reused
    target's stream                        wait for `ready`, copy, event `done`, y may be used

The second wait is what keeps `x` alive: CuPy's memory pool hands freed memory to the next allocation on the
same stream, and what that stream does next comes after `done`.

What comes from the host need not stop a GPU either. It goes through pinned memory, which the GPU reads by itself, on a
stream that does nothing else:

    inbound stream    y is allocated; wait for `launched`, copy into y, event `arrived`
    the GPU's stream  what was launched so far, event `launched`              ...      wait for `arrived`, y may be read

y may be memory in which an earlier batch lay. Python let go of that batch before y was allocated, and whatever reads it
had been launched by then: so it comes before `launched`, which is recorded after. Hence the order: first allocate, then
record, then wait. The pinned memory is kept until `arrived`. The null stream stands for all streams of its GPU, but for
the inbound one, which is non-blocking: else each copy would wait for all that was launched, and all for the copy.

Peer access can be claimed by the driver and still corrupt data, so a pattern is sent both ways before two
GPUs are trusted. If it does not come back as it went, copies between these two go through the host.
"""
from __future__ import annotations

import functools
import sys
import threading
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

FULL = ("Out of memory allocating", "cudaErrorMemoryAllocation", "CUDA_ERROR_OUT_OF_MEMORY",
        "CUBLAS_STATUS_ALLOC_FAILED")                 # what CuPy's memory, CUDA, its driver and cuBLAS say
ADVICE = ". Take a smaller batch or smaller images, or end other processes on this GPU, which nvidia-smi lists"
tf32_gpus: set[int] = set()  # the GPUs that may round the factors of float32 products to TF32: device.gpu
_asked_for: set[int] = set()  # the GPUs that this process has been on


def load_cupy(name: str) -> ModuleType:
    """The module cupy, for the device called `name`. Raises ImportError, saying what to install."""
    try:
        import cupy
    except ImportError as error:
        raise ImportError(f"{name} needs CuPy: pip install \"cupy-cuda12x[ctk]>=14\", or cupy-cuda13x for a "
                          f"driver of CUDA 13 ({error})") from error
    return cupy


def gpu_count() -> int:
    """The number of GPUs that CuPy can use: 0 without CuPy, driver or GPU."""
    try:
        cupy = load_cupy("gpu_count")
    except ImportError:
        return 0
    return cupy.cuda.runtime.getDeviceCount() if cupy.cuda.is_available() else 0


def addresses() -> list[str]:
    """What tells each of these GPUs from the others of the machine, in whatever order a process sees them."""
    return [load_cupy("addresses").cuda.Device(index).pci_bus_id for index in range(gpu_count())]


def check_index(index: int) -> None:
    """Raises ImportError without CuPy or a library that it needs, RuntimeError without a GPU or a driver that is new
    enough, ValueError if `index` is none of the GPUs."""
    cupy = load_cupy(f"gpu({index})")
    count = gpu_count()
    if count == 0:
        driver, wanted = cupy.cuda.runtime.driverGetVersion(), cupy.cuda.runtime.runtimeGetVersion()
        if 0 < driver // 1000 < wanted // 1000:
            older = ", or the CuPy of an older CUDA, pip install \"cupy-cuda12x[ctk]>=14\"" if driver >= 12000 else ""
            raise RuntimeError(f"gpu({index}): the GPU's driver is made for CUDA {_dotted(driver)}, and too old for "
                               f"CuPy, made for CUDA {_dotted(wanted)}: install a newer driver{older}")
        raise RuntimeError(f"gpu({index}): CuPy is installed but sees no CUDA device; does nvidia-smi list "
                           "one, and does CUDA_VISIBLE_DEVICES allow it? Without, use cpu or simulated(i)")
    if not 0 <= index < count:
        raise ValueError(f"gpu({index}): this machine has {count} CUDA device(s), gpu(0) to gpu({count - 1})")
    _check_libraries(f"gpu({index})", cupy)
    _check_room(f"gpu({index})", cupy, index)
    _asked_for.add(index)


def _check_libraries(name: str, cupy: Any) -> None:
    """Raises ImportError unless there are CUDA's compiler and its matrix products, which CuPy looks for when they are
    first used."""
    for library, use in ("nvrtc", lambda: cupy.cuda.nvrtc.getVersion()), ("cuBLAS", lambda: cupy.cuda.cublas):
        try:
            use()
        except Exception as error:  # CuPy raises ImportError for one, RuntimeError for the other
            raise ImportError(f"{name}: CuPy does not find CUDA's library {library}: pip install "
                              "\"cupy-cuda12x[ctk]\", or cupy-cuda13x[ctk], brings it; or install NVIDIA's CUDA "
                              "toolkit and say in the environment variable CUDA_PATH where it is "
                              f"({error})") from error


def _check_room(name: str, cupy: Any, index: int) -> None:
    """Raises RuntimeError if other processes have the GPU: nearly all of its memory, or a setting that it is theirs."""
    try:
        with cupy.cuda.Device(index):
            cupy.cuda.runtime.memGetInfo()            # the first thing that is asked of it
    except RuntimeError as error:                     # CuPy's are
        if not any(code in str(error) for code in ("cudaErrorMemoryAllocation", "cudaErrorDevicesUnavailable")):
            raise
        raise RuntimeError(f"{name}: the GPU has no room for another process, or takes none in while one has it: end "
                           f"those that nvidia-smi lists, or choose another GPU ({error})") from error


def _dotted(version: int) -> str:
    """"12.9" for CUDA's 12090."""
    return f"{version // 1000}.{version % 1000 // 10}"


def explained(error: BaseException, name: str) -> MemoryError | None:
    """If `error` says that the memory of the current GPU, the device called `name`, is full: what to do about it."""
    if type(error) is MemoryError or not any(words in str(error) for words in FULL):
        return None
    free, total = load_cupy(name).cuda.runtime.memGetInfo()
    return MemoryError(f"{name}: {str(error).rstrip('.')}. Of the GPU's {total:,} bytes {free:,} are free{ADVICE}")


def room(index: int) -> int:
    """The bytes of GPU `index` that nobody has."""
    cuda = load_cupy(f"gpu({index})").cuda
    with cuda.Device(index):
        return cuda.runtime.memGetInfo()[0]


def free_memory() -> None:
    """Empty CuPy's pools of memory, if CuPy is in use: of the GPUs that were asked for. To enter another one takes half
    a gigabyte of it."""
    cupy = sys.modules.get("cupy")
    if cupy is not None and cupy.cuda.is_available():
        for index in sorted(_asked_for):
            with cupy.cuda.Device(index):
                cupy.get_default_memory_pool().free_all_blocks()
        cupy.get_default_pinned_memory_pool().free_all_blocks()


def copy(x: Any, source: Any, to: Any) -> Any:
    """A copy of `x`, an array of the Gpu `source`, on the Gpu `to`, in order on both streams."""
    if source.index != to.index and not peers_work(source, to):
        return to.asarray(source.tohost(x))
    return _copy(x, source, to)


def _copy(x: Any, source: Any, to: Any) -> Any:
    xp = source.xp
    with source:
        x = x if x.flags.c_contiguous else x.copy()   # one block of memory, so that the copy is one transfer
        ready = source.stream.record()
    with to:
        to.stream.wait_event(ready)
        y = xp.empty(x.shape, x.dtype)
        xp.copyto(y, x)
        done = to.stream.record()
    with source:
        source.stream.wait_event(done)
    return y


_under_way: list[tuple[Any, list[np.ndarray]]] = []   # event `arrived`, and the pinned memory that is kept until then
_lock = threading.Lock()


def bring(x: Any, to: Any) -> Callable[[], Any]:
    """Begin to send a host array, or a tuple of them, to the Gpu `to`. A call of what this returns, by whoever is about
    to launch what reads them, makes the GPU's stream wait for them, and gives them. What is there already, is there."""
    xp, inbound, pairs = to.xp, _inbound(to.index), []

    def allocated(host: np.ndarray) -> Any:
        pairs.append((host, xp.empty(host.shape, host.dtype)))
        return pairs[-1][1]

    with to, inbound:
        there = each_array(x, allocated)
        if not pairs:
            return lambda: there
        inbound.wait_event(to.stream.record())        # launched
        pinned = [_set(y, host) for host, y in pairs]
        arrived = inbound.record()
    _keep(arrived, pinned)

    def here() -> Any:
        with to:
            to.stream.wait_event(arrived)
        return there
    return here


def _keep(until: Any, pinned: list[np.ndarray]) -> None:
    """Let nobody else have this memory before the event, whoever lets go of it: CuPy gives it away at once."""
    with _lock:
        _under_way[:] = [*filter(lambda sent: not sent[0].done, _under_way), (until, pinned)]


def each_array(x: Any, function: Callable[[np.ndarray], Any]) -> Any:
    """`function` of a host array, or of each one in a tuple; what else is in there stays as it is."""
    if isinstance(x, tuple):
        parts = [each_array(part, function) for part in x]
        return type(x)(*parts) if hasattr(x, "_fields") else tuple(parts)
    return function(x) if isinstance(x, np.ndarray) else x


def _set(y: Any, host: np.ndarray) -> np.ndarray:
    """Ask the current stream to copy `host` into y. Returns the pinned memory that it will be read from."""
    pinned = _pinned(host.shape, host.dtype)
    pinned[...] = host
    y.set(pinned)
    return pinned


def _pinned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Memory of the host that a GPU reads and writes by itself; where the system has no more of it, ordinary memory,
    for which a copy waits."""
    from cupyx import empty_pinned
    try:
        return empty_pinned(shape, dtype)
    except RuntimeError as error:                     # CuPy's; its words are those of a GPU's memory: FULL
        if "cudaErrorMemoryAllocation" not in str(error):
            raise
        return np.empty(shape, dtype)


@functools.cache
def _inbound(index: int) -> Any:
    """The stream for what comes from the host to GPU `index`."""
    with load_cupy(f"gpu({index})").cuda.Device(index):
        return stream()


def stream() -> Any:
    """A new stream of the current GPU, for which no other waits."""
    return load_cupy("stream").cuda.Stream(non_blocking=True)


def wait() -> None:
    """Until the current stream has done what it was asked for."""
    load_cupy("stream").cuda.get_current_stream().synchronize()


class fetch:
    """Begin to copy `x`, an array of the Gpu `source`, to pinned memory of the host, while the GPU computes on:
    `done()` says whether it has come, `host()` waits for it. Until then nobody may write to x."""

    def __init__(self, x: Any, source: Any) -> None:
        self._host, outbound = _pinned(x.shape, x.dtype), _outbound(source.index)
        self._x = x                                   # kept, or its memory might be another's before it is read
        with source:
            outbound.wait_event(source.stream.record())
            x.get(stream=outbound, out=self._host, blocking=False)
            self._come = outbound.record()
        _keep(self._come, [self._host])

    def done(self) -> bool:
        return self._come.done

    def host(self) -> np.ndarray:
        self._come.synchronize()
        return self._host


@functools.cache
def _outbound(index: int) -> Any:
    """The stream for what GPU `index` gives to the host."""
    with load_cupy(f"gpu({index})").cuda.Device(index):
        return stream()


def nccl() -> ModuleType | None:
    """CuPy's module of NCCL, which adds up over several GPUs; None if its library is not there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")               # CuPy's, that it is not: there is another way
        from cupy.cuda import nccl
    return nccl if nccl.available else None


@functools.cache
def peers_work(a: Any, b: Any) -> bool:
    """Whether a pattern survives the way from Gpu `a` to Gpu `b` and back; tried once, warns if not."""
    rng = np.random.default_rng((a.index, b.index))   # no pattern twice: memory may still hold an old one
    pattern = rng.integers(0, 2**32, 2**18, dtype=np.uint32)                                     # 1 MiB
    there = _copy(a.asarray(pattern), a, b)
    back = _copy(there, b, a)
    works = np.array_equal(b.tohost(there), pattern) and np.array_equal(a.tohost(back), pattern)
    if not works:
        warnings.warn(f"copies between {a} and {b} arrive changed: they go through the host, more slowly",
                      RuntimeWarning, stacklevel=2)
    return works
