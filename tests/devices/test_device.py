"""Devices, pairs of them, and the one crossing between them. CUDA tests run where CuPy and a GPU are."""
import copy
import pickle
import re
import subprocess
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tinynet.devices import cuda, pairs
from tinynet.devices import device as device_module
from tinynet.devices.crossing import Crossing, send, traffic
from tinynet.devices.device import Device, DeviceMismatch, cpu, device_of, gpu, simulated
from tinynet.devices.pairs import pair


def on_gpu(count=1):
    """Mark a test that needs `count` GPUs."""
    def mark(test):
        reason = f"needs CuPy and {count} CUDA GPU(s), found {cuda.gpu_count()}"
        return pytest.mark.gpu(pytest.mark.skipif(cuda.gpu_count() < count, reason=reason)(test))
    return mark


# -------------------------------------------------------------------------------------------- a device

@pytest.mark.parametrize("device", [cpu, simulated(0), simulated(1), *pair("cpu")], ids=repr)
def test_there_and_back(device):
    host = np.arange(6.0).reshape(2, 3)
    x = device.asarray(host)
    assert device.holds(x) and not device.holds([1.0, 2.0])
    assert np.array_equal(device.tohost(x), host) and type(device.tohost(x)) is np.ndarray
    assert device.asarray(x) is x
    assert device.asarray([1, 2]).shape == (2,) and device.asarray(np.float32(2)).dtype == np.float32
    with device as entered, device:                                   # can be nested
        assert entered is device
    device.synchronize()


def test_the_cpu_is_plain_numpy():
    host = np.zeros(3)
    assert cpu.xp is np and cpu.asarray(host) is host and cpu.tohost(host) is host
    assert isinstance(cpu, Device) and cpu.name == repr(cpu) == "cpu"


def test_the_same_object_at_every_call():
    assert simulated(1) is simulated(np.int64(1)) and simulated(0) is not simulated(1)
    assert simulated(0) != simulated(1) and len({cpu, simulated(0), simulated(0)}) == 2
    assert repr(simulated(1)) == simulated(1).name == "simulated(1)"
    assert copy.deepcopy({"net": simulated(1)})["net"] is simulated(1)
    with pytest.raises(TypeError):
        simulated("0")


def test_device_of():
    assert device_of(np.ones(2)) is device_of(np.float32(1)) is cpu
    assert device_of(simulated(1).asarray([1.0])) is simulated(1)
    assert all(device_of(device.asarray([1.0])) is cpu for device in pair("cpu"))
    for x in ([1.0], 1.0, None):
        with pytest.raises(TypeError, match="expected an array, got .*: make it one with device.asarray"):
            device_of(x)


@pytest.mark.parametrize("device, other", [(simulated(0), simulated(1)), (cpu, simulated(0))], ids=repr)
def test_asarray_and_tohost_are_no_crossing(device, other):
    x = other.asarray([1.0])
    assert not device.holds(x)
    with pytest.raises(DeviceMismatch, match=r"asarray: expected .* bring it over with send\(x, to\)"):
        device.asarray(x)
    with pytest.raises(DeviceMismatch, match="tohost"):
        device.tohost(x)


def test_a_simulated_device_takes_no_host_array_for_its_own():
    with pytest.raises(DeviceMismatch):
        simulated(0).tohost(np.ones(2))
    with pytest.raises(TypeError, match="expected an array, got float"):
        simulated(0).tohost(1.0)


def test_the_context_is_the_threads_own():
    device, errors = simulated(0), []

    def column():
        try:
            for _ in range(200):
                with device, simulated(1), device:
                    pass
        except Exception as error:
            errors.append(error)
    threads = [threading.Thread(target=column) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


# ------------------------------------------------------------------------------------------------ pairs

def test_pairs_by_kind():
    assert pair("simulated") == (simulated(0), simulated(1))
    left, right = pair("cpu")
    assert (left.name, right.name) == ("cpu:0", "cpu:1") and left is not right and left.xp is right.xp is np
    assert pair("cpu") == (left, right)
    with pytest.raises(ValueError, match="the kinds are 'gpu', 'streams', 'cpu', 'simulated', got 'two'"):
        pair("two")


def test_without_a_gpu_the_pair_is_the_cpu_twice(monkeypatch):
    monkeypatch.setattr(cuda, "gpu_count", lambda: 0)
    assert pair() == pair("cpu")


@pytest.mark.parametrize("device", [cpu, *pair("cpu"), simulated(0), simulated(12)], ids=str)
def test_a_device_is_pickled_and_copied_by_its_name(device):
    assert pickle.loads(pickle.dumps(device)) is device
    assert copy.deepcopy([device])[0] is copy.copy(device) is device


def test_an_array_of_a_simulated_device_is_pickled_with_its_device():
    x = simulated(1).asarray(np.arange(6.0).reshape(2, 3))
    y = pickle.loads(pickle.dumps(x[:, 1:]))
    assert y.device is simulated(1)
    np.testing.assert_array_equal(simulated(1).tohost(y), [[1, 2], [4, 5]])


# ---------------------------------------------------------------------------- what is no array


def test_a_pytorch_tensor_is_no_array():
    tensor = type("Tensor", (), {"__module__": "torch", "shape": (2,), "dtype": "torch.float32"})()
    for device in cpu, simulated(0):
        with pytest.raises(TypeError, match=re.escape(f"{device}.asarray: expected an array for x, got a PyTorch "
                                                      "tensor; convert it first: x.numpy()")):
            device.asarray(tensor)
    with pytest.raises(TypeError, match=re.escape("expected an array for x, got a PyTorch tensor; convert it first")):
        device_of(tensor)


@pytest.mark.parametrize("x, convert", [
    (np.ma.masked_array([1.0], [True]), "x.filled(0)"), (np.ones((1, 1)).view(np.matrix), "np.asarray(x)"),
    (np.ones(1).view(np.recarray), "np.asarray(x)"), (np.ones(1).view(type("Own", (np.ndarray,), {})), "asarray(x)")])
def test_arrays_with_rules_of_their_own_are_refused(x, convert):
    message = f"asarray: expected an array for x, got a {type(x).__name__}, which computes by rules of its own; convert"
    for device in cpu, simulated(0):
        with pytest.raises(TypeError, match=re.escape(message) + ".*" + re.escape(convert)):
            device.asarray(x)
    with pytest.raises(TypeError, match=type(x).__name__):
        device_of(x)


# ---------------------------------------------------------------------------- what is missing for a GPU

@pytest.fixture
def no_cupy(monkeypatch):
    device_module._cached_gpu.cache_clear()                           # on a machine that has both
    pairs._PAIRS["streams"].cache_clear()
    monkeypatch.setitem(sys.modules, "cupy", None)                    # makes `import cupy` raise


@pytest.mark.parametrize("ask", [lambda: gpu(7), lambda: pair("gpu"), lambda: pair("streams")])
def test_without_cupy(no_cupy, ask):
    with pytest.raises(ImportError, match=r"needs CuPy: pip install \"cupy-cuda12x\[ctk\]>=14\", or cupy-cuda13x"):
        ask()
    assert cuda.gpu_count() == 0
    assert device_of(np.ones(1)) is cpu                               # the rest works


def fake_cupy(monkeypatch, available=True, driver=12090, made_for=12090, missing="", error=""):
    """A machine with such a CuPy, driver and libraries; and a GPU that says this `error`."""
    def find(library):
        if library == missing:
            raise ImportError("it is nowhere")

    class Cuda:
        runtime = SimpleNamespace(driverGetVersion=lambda: driver, runtimeGetVersion=lambda: made_for,
                                  getDeviceCount=lambda: 2, memGetInfo=lambda: (1000, 4_000_000))
        nvrtc = SimpleNamespace(getVersion=lambda: find("nvrtc"))
        cublas = property(lambda self: find("cuBLAS"))

        def is_available(self):
            return available

        def Device(self, index):
            if error:
                raise RuntimeError(error)
            return nullcontext()

    device_module._cached_gpu.cache_clear()
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=Cuda()))


@pytest.mark.parametrize("driver, made_for, message", [
    (0, 12090, r"gpu\(7\): CuPy is installed but sees no CUDA device; does"),
    (12020, 12090, r"gpu\(7\): CuPy is installed but sees no CUDA device; does"),  # of the same CUDA: new enough
    (12090, 13010, r"gpu\(7\): the GPU's driver is made for CUDA 12\.9, and too old for CuPy, made for CUDA 13\.1: "
                   r"install a newer driver, or the CuPy of an older CUDA, pip install \"cupy-cuda12x\[ctk\]>=14\""),
    (11080, 12090, r"too old for CuPy, made for CUDA 12\.9: install a newer driver$"),  # no older CuPy is known
])
def test_cupy_without_a_gpu(monkeypatch, driver, made_for, message):
    fake_cupy(monkeypatch, available=False, driver=driver, made_for=made_for)
    with pytest.raises(RuntimeError, match=message):
        gpu(7)


@pytest.mark.parametrize("library", ["nvrtc", "cuBLAS"])
def test_a_library_is_missing(monkeypatch, library):
    fake_cupy(monkeypatch, missing=library)
    with pytest.raises(ImportError, match=rf"gpu\(1\): CuPy does not find CUDA's library {library}: pip install "
                                          r"\"cupy-cuda12x\[ctk\]\", or cupy-cuda13x\[ctk\], brings it; .*"
                                          r"\(it is nowhere\)"):
        gpu(1)


@pytest.mark.parametrize("error, message", [
    ("cudaErrorMemoryAllocation: out of memory", r"gpu\(1\): the GPU has no room for another process, or takes none in "
     r"while one has it: end those that nvidia-smi lists, .* \(cudaErrorMemoryAllocation: out of memory\)"),
    ("cudaErrorDevicesUnavailable: busy or unavailable", r"gpu\(1\): the GPU has no room for another process, or "),
    ("cudaErrorUnknown: unknown error", "^cudaErrorUnknown: unknown error$"),
])
def test_another_process_has_the_gpu(monkeypatch, error, message):
    fake_cupy(monkeypatch, error=error)
    with pytest.raises(RuntimeError, match=message):
        gpu(1)


@pytest.mark.parametrize("index", [2, -1])
def test_no_gpu_of_that_index(monkeypatch, index):
    monkeypatch.setattr(cuda, "load_cupy", lambda name: None)
    monkeypatch.setattr(cuda, "gpu_count", lambda: 2)
    with pytest.raises(ValueError, match=r"this machine has 2 CUDA device\(s\), gpu\(0\) to gpu\(1\)"):
        gpu(index)


class OutOfMemoryError(MemoryError):
    """As CuPy's is called."""


class FakeGpu(device_module.Gpu):
    """A GPU as far as its errors go."""

    def __init__(self):
        Device.__init__(self, "gpu(0)", np)

    def _context(self):
        return Device._context(self)


@pytest.mark.parametrize("error, message", [
    (OutOfMemoryError("Out of memory allocating 2,048 bytes (allocated so far: 512 bytes)."),
     r"^gpu\(0\): Out of memory allocating 2,048 bytes \(allocated so far: 512 bytes\)\. Of the GPU's 4,000,000 bytes "
     r"1,000 are free\. Take a smaller batch or smaller images, or end other processes on this GPU"),
    (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"), r"^gpu\(0\): CUBLAS_STATUS_ALLOC_FAILED\. Of the GPU's"),
    (RuntimeError("cudaErrorMemoryAllocation: out of memory"), r"^gpu\(0\): cudaError.*: out of memory\. Of the GPU's"),
    (RuntimeError("CUDA_ERROR_OUT_OF_MEMORY: out of memory"), r"^gpu\(0\): CUDA_.*: out of memory\. Of the GPU's"),
    (RuntimeError("anything else"), "^anything else$"),
    (MemoryError("on the host"), "^on the host$"),
])
def test_a_full_gpu_says_what_to_do(monkeypatch, error, message):
    fake_cupy(monkeypatch)
    device = FakeGpu()
    with pytest.raises((MemoryError, RuntimeError), match=message), device, device:
        raise error


def test_a_broken_gpu_is_left_all_the_same(monkeypatch):
    fake_cupy(monkeypatch)
    device = FakeGpu()

    def broken():
        raise RuntimeError("an illegal memory access was encountered")
    monkeypatch.setattr(sys.modules["cupy"].cuda.runtime, "memGetInfo", broken)
    with pytest.raises(RuntimeError, match="illegal memory access"), device:
        raise OutOfMemoryError("Out of memory allocating 2,048 bytes")
    assert device._open.stack == []


def test_memory_is_given_back_by_the_gpus_that_were_asked_for(monkeypatch):
    """To enter another one would take some of its memory."""
    fake_cupy(monkeypatch)
    cupy, entered, emptied = sys.modules["cupy"], [], []
    monkeypatch.setattr(cuda, "_asked_for", set())
    monkeypatch.setattr(cupy.cuda, "Device", lambda index: entered.append(index) or nullcontext(), raising=False)
    for kind in "memory", "pinned_memory":
        pool = SimpleNamespace(free_all_blocks=lambda kind=kind: emptied.append(kind))
        monkeypatch.setattr(cupy, f"get_default_{kind}_pool", lambda pool=pool: pool, raising=False)
    cuda.free_memory()
    assert (entered, emptied) == ([], ["pinned_memory"])
    cuda.check_index(1)
    entered.clear()
    cuda.free_memory()
    assert (entered, emptied) == ([1], ["pinned_memory", "memory", "pinned_memory"])


def test_a_gpu_is_entered_once_however_often_it_is_asked_for():
    log = []

    class Counted(device_module.Gpu):
        def __init__(self, name):
            xp = SimpleNamespace(cuda=SimpleNamespace(Device=lambda index: nullcontext()))
            Device.__init__(self, name, xp)
            self.index, self._stream = 0, Noted(name)

    class Noted(AbstractContextManager):
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            log.append(f"enter {self.name}")

        def __exit__(self, *error):
            log.append(f"leave {self.name}")

    left, right = Counted("left"), Counted("right")
    with left, left:
        with right, cpu, right, left, left:
            log.append("work")
        with left:
            log.append("more")
    assert log == ["enter left", "enter right", "enter left", "work", "leave left", "leave right", "more", "leave left"]


def test_tf32_is_a_gpus_own_until_it_is_told_otherwise(monkeypatch):
    monkeypatch.setattr(cuda, "tf32_gpus", set())
    monkeypatch.setattr(device_module, "_cached_gpu", lambda index: SimpleNamespace(index=index))
    states = []
    for index, tf32 in (0, None), (0, True), (0, None), (1, True), (0, False), (1, None):
        gpu(index, tf32=tf32)
        states.append(set(cuda.tf32_gpus))
    assert states == [set(), {0}, {0}, {0, 1}, {1}, {1}]


# -------------------------------------------------------------------------------------- send and traffic

WAYS = [(simulated(0), simulated(1)), (simulated(0), simulated(0)), (simulated(0), cpu), (cpu, simulated(1)),
        (cpu, cpu), pair("cpu")]


@pytest.mark.parametrize("source, to", WAYS, ids=repr)
@pytest.mark.parametrize("layout", [lambda x: x, lambda x: x.T, lambda x: x[:, ::2], lambda x: x[0, 0, ...]])
def test_send_copies(source, to, layout):
    x = layout(source.asarray(np.arange(12, dtype=np.float32).reshape(3, 4)))
    before = source.tohost(x).copy()
    y = send(x, to, source=source)
    assert to.holds(y) and y is not x
    assert y.dtype == np.float32 and y.shape == x.shape and y.flags.c_contiguous
    x[...] = -1
    assert np.array_equal(to.tohost(y), before)
    y[...] = -2
    assert np.all(source.tohost(x) == -1)


def test_the_log_is_exact():
    left, right = pair("simulated")
    x = left.asarray(np.ones((2, 3), dtype=np.float32))
    with traffic() as log:
        y = send(x, right, label="conv3")
        send(send(y[:1], cpu), left, "fc6")
        send(x, left)
    send(x, right)
    assert log == [Crossing("simulated(0)", "simulated(1)", 24, "conv3"),
                   Crossing("simulated(1)", "cpu", 12, ""),
                   Crossing("cpu", "simulated(0)", 12, "fc6"),
                   Crossing("simulated(0)", "simulated(0)", 24, "")]
    assert sum(crossing.bytes for crossing in log) == 72


def test_asarray_and_tohost_are_not_in_the_log():
    with traffic() as log:
        simulated(0).tohost(simulated(0).asarray([1.0]))
    assert log == []


def test_arrays_that_cannot_tell_are_logged_from_where_they_are_said_to_be():
    left, right = pair("cpu")
    x = np.ones(4)
    with traffic() as log:
        y = send(x, right, source=left)
        send(x, right)
    assert y is not x and not np.shares_memory(x, y)
    assert [crossing[:2] for crossing in log] == [("cpu:0", "cpu:1"), ("cpu", "cpu:1")]


def test_nested_logs_each_record():
    x = np.ones(1)
    with traffic() as outer:
        send(x, cpu, "1")
        with traffic() as inner:
            send(x, cpu, "2")
        with traffic() as other:                                      # equal to none, though empty like one
            pass
        send(x, cpu, "3")
    assert [crossing.label for crossing in outer] == ["1", "2", "3"]
    assert [crossing.label for crossing in inner] == ["2"] and other == []


def test_a_log_goes_on_when_an_equal_one_within_it_ends():
    with traffic() as outer:
        with traffic():
            pass
        send(simulated(0).asarray(np.ones(3)), simulated(1))
    assert len(outer) == 1


def test_a_log_ends_with_an_error():
    with pytest.raises(ZeroDivisionError), traffic() as log:
        raise ZeroDivisionError
    send(np.ones(1), cpu)
    assert log == []


def test_the_log_records_every_thread():
    x = simulated(0).asarray([1.0])
    with traffic() as log:
        def column():
            for _ in range(50):
                send(x, simulated(1))
        threads = [threading.Thread(target=column) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(log) == 200


def test_send_refuses_what_is_not_there():
    x = simulated(0).asarray([1.0])
    with traffic() as log:
        with pytest.raises(DeviceMismatch, match=r"send: expected .*simulated\(1\), got .*simulated\(0\)"):
            send(x, cpu, source=simulated(1))
        with pytest.raises(TypeError, match="expected an array, got list"):
            send([1.0], cpu)
    assert log == []


# ------------------------------------------------------------ two GPUs whose copies cannot be trusted

class StandIn:
    """A simulated device with an index, as a Gpu has."""

    def __init__(self, index):
        self.index, device = index, simulated(index)
        self.asarray, self.tohost = device.asarray, device.tohost


@pytest.mark.parametrize("spoiled", [None, 0, 1], ids=["sound", "the way there", "the way back"])
def test_the_self_test_of_copies(monkeypatch, spoiled):
    calls, (a, b) = [], (StandIn(0), StandIn(1))

    def transfer(x, source, to):
        calls.append(source.index)
        host = source.tohost(x)
        host[-1] += source.index == spoiled
        return to.asarray(host)
    monkeypatch.setattr(cuda, "_copy", transfer)
    x = a.asarray([1, 2, 3])
    if spoiled is None:
        assert cuda.copy(x, a, b).tolist() == cuda.copy(x, a, b).tolist() == [1, 2, 3]
        assert calls == [0, 1, 0, 0]                                  # the test, once, and two copies
    else:
        with pytest.warns(RuntimeWarning, match="arrive changed: they go through the host"):
            assert cuda.copy(x, a, b).tolist() == [1, 2, 3]
        assert cuda.copy(x, a, b).tolist() == [1, 2, 3] and calls == [0, 1]
    cuda.peers_work.cache_clear()


# ------------------------------------------------------------------------------------------- on real GPUs

def test_the_import_needs_no_cupy():
    code = "import sys, tinynet; assert 'cupy' not in sys.modules, 'cupy was imported'"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


@on_gpu()
def test_gpu_there_and_back():
    device, host = gpu(0), np.arange(6.0).reshape(2, 3)
    x = device.asarray(host)
    assert gpu() is device and repr(device) == "gpu(0)" and device.xp.__name__ == "cupy"
    assert device.holds(x) and not cpu.holds(x) and device_of(x) is device
    assert np.array_equal(device.tohost(x), host) and device.asarray(x) is x
    with pytest.raises(DeviceMismatch):
        cpu.asarray(x)
    with pytest.raises(DeviceMismatch):
        device.asarray(simulated(0).asarray(host))
    device.synchronize()


@on_gpu()
def test_the_current_stream_is_the_devices():
    left, right = pair("streams")
    current = left.xp.cuda.get_current_stream
    assert (left.name, right.name) == ("gpu(0) stream 0", "gpu(0) stream 1")
    with left, right:
        assert current() == right.stream
        with left, gpu(0):
            assert current() == left.xp.cuda.Stream.null
        assert current() == right.stream
    assert left.stream != right.stream


@on_gpu()
@pytest.mark.parametrize("told", [True, False])
def test_send_is_in_order_on_both_streams(told):
    left, right = pair("streams")
    xp, n = left.xp, 2048
    for _ in range(5):
        with left:
            x = xp.ones((n, n), dtype=xp.float32)
            for _ in range(20):
                x = x @ x / n                                         # ones again, after a while
        with traffic() as log:
            y = send(x, right, source=left if told else None)
        with left:
            x.fill(0)
            del x
            xp.full((n, n), 7, dtype=xp.float32)                      # in the memory that x had
        assert np.all(right.tohost(y) == 1)
        assert log == [Crossing(left.name if told else "gpu(0)", right.name, 4 * n * n, "")]


@on_gpu()
@pytest.mark.parametrize("layout", [lambda x: x, lambda x: x.T, lambda x: x[:, ::2], lambda x: x[0, 0, ...]])
def test_send_from_and_to_a_gpu_copies(layout):
    left, right = pair("streams")
    for source, to in ((left, right), (gpu(0), gpu(0)), (gpu(0), cpu), (cpu, gpu(0)), (left, simulated(0))):
        with source:
            x = layout(source.asarray(np.arange(12, dtype=np.float32).reshape(3, 4)))
        before = source.tohost(x).copy()
        y = send(x, to, source=source)
        with source:
            x += 1
        assert to.holds(y) and y.flags.c_contiguous and np.array_equal(to.tohost(y), before)


@on_gpu(2)
def test_two_gpus():
    left, right = pair("gpu")
    assert pair() == (left, right) == (gpu(0), gpu(1))
    x = left.asarray(np.arange(1000.0))
    for _ in range(10):
        y = send(x, right)
        with right:
            assert right.xp.cuda.Device().id == 1
            y += 1
        x = send(y, left)
    assert np.array_equal(left.tohost(x), np.arange(1000.0) + 10)
    assert not left.holds(y) and device_of(y) is right
    with pytest.raises(DeviceMismatch):
        left.asarray(y)
