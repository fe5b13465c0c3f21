"""One GPU; its streams and events keep no order, but for which stream is the current one, and what is recorded."""
import ctypes
from contextlib import contextmanager
from types import SimpleNamespace

from blas_on_cpu import Library

from .. import capture


class Device:
    def __init__(self, index):
        assert index == 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def synchronize(self):
        pass


class Event:
    """`done`, unless it is recorded: then the steps that come before it."""

    def __init__(self, stream):
        self.stream, self.graph = stream, stream.graph
        self.done = self.graph.done.get(stream, 0) if self.graph else True

    def synchronize(self):
        assert not self.graph


class Stream:
    count, there = 0, []
    graph = None             # for which it is recorded

    def __init__(self, null=False, non_blocking=False):
        Stream.count += 1
        self.ptr, self.non_blocking = 0 if null else Stream.count, non_blocking
        Stream.there.append(self)

    def __eq__(self, other):
        return self.ptr == other.ptr

    def __hash__(self):
        return self.ptr

    def __enter__(self):
        capture.here.streams = (*capture.here.streams, self)

    def __exit__(self, *error):
        *before, last = capture.here.streams
        assert last is self
        capture.here.streams = tuple(before)

    def record(self):
        if self.graph and self.graph.invalid:
            raise capture.CUDARuntimeError("cudaErrorStreamCaptureInvalidated")
        return Event(self)

    def wait_event(self, event):
        assert isinstance(event, Event)
        if not event.graph:
            assert not self.graph, "cudaErrorStreamCaptureIsolation: a recorded stream waits for one that is not"
            return
        assert self.graph in (None, event.graph) and self.non_blocking
        self.graph = event.graph
        event.graph.away.discard(event.stream)
        self.graph.done[self] = self.graph.done.get(self, 0) | event.done
        if self is not self.graph.begun:
            self.graph.away.add(self)

    def synchronize(self):
        if self.graph:
            self.graph.invalid = True
            raise capture.CUDARuntimeError("cudaErrorStreamCaptureUnsupported")

    def begin_capture(self):
        assert self.ptr and self.non_blocking and not self.graph
        self.graph = capture.Graph(self)

    def end_capture(self):
        graph = self.graph
        assert graph.begun is self
        for stream in Stream.there:
            if stream.graph is graph:
                stream.graph = None
        graph.end()
        return graph


Stream.null = Stream(null=True)


def get_current_stream():
    return capture.here.streams[-1] if capture.here.streams else Stream.null


class MemoryPool:
    """As if each had taken a megabyte."""

    malloc = None

    def __init__(self, allocator):
        self.taken = 2 ** 20

    def set_limit(self, size):
        assert size == 0

    def total_bytes(self):
        return self.taken

    def free_all_blocks(self):
        self.taken = 0


class Memory:
    pass


MemoryPointer = Memory


@contextmanager
def using_allocator(allocator):
    yield


def is_available():
    return True


runtime = SimpleNamespace(
    driverGetVersion=lambda: 13000, runtimeGetVersion=lambda: 13000, getDeviceCount=lambda: 1,
    memGetInfo=lambda: (10 ** 9, 10 ** 10), getDeviceProperties=lambda index: {"name": b"a stand-in"})
nvrtc = SimpleNamespace(getVersion=lambda: (13, 0))


class Cublas(Library):
    setMathMode = staticmethod(lambda handle, mode: None)
    getVersion = staticmethod(lambda handle: 130000)

    def _gemm(self, *args):
        if capture.current():
            raise NotImplementedError("calling cuBLAS API during stream capture is currently unsupported")
        super()._gemm(*args)


class Function:
    """One of the library in libcublas.so.13, as ctypes gives it."""

    def __init__(self, call):
        self.call = call

    def __call__(self, *args):
        assert len(args) == len(self.argtypes) and self.restype is ctypes.c_int
        self.call(*args)
        return 0


def places(name, transa, transb, m, n, k, alpha, A, lda, *rest):
    """What a product reads and writes: the places of A and B, and that of C."""
    stride_a, (B, ldb), stride_b, (_, C, ldc), stride_c, batch = (
        (rest[0], rest[1:3], rest[3], rest[4:7], *rest[7:]) if name.endswith("Batched") else
        (0, rest[:2], 0, rest[2:], 0, 1))

    def of(start, rows, columns, apart, stride):
        return start, start + ((batch - 1) * stride + (columns - 1) * apart + rows) * (4 if name[0] == "s" else 8)
    return ([of(A, *((k, m) if transa else (m, k)), lda, stride_a),
             of(B, *((n, k) if transb else (k, n)), ldb, stride_b)], [of(C, m, n, ldc, stride_c)])


class Libcublas:
    def __init__(self):
        library, self.stream, self.workspace = Library(), None, {}

        def product(name):
            def call(handle, *args):
                assert self.stream == get_current_stream().ptr in self.workspace
                reads, writes = places(name, *args)
                capture.do(lambda: getattr(library, name)(handle, *args), reads, writes)
            return Function(call)
        self.cublasSgemm_v2, self.cublasDgemm_v2 = product("sgemm"), product("dgemm")
        self.cublasSgemmStridedBatched = product("sgemmStridedBatched")
        self.cublasDgemmStridedBatched = product("dgemmStridedBatched")
        self.cublasSetStream_v2 = Function(lambda handle, stream: setattr(self, "stream", stream))
        self.cublasSetWorkspace_v2 = Function(
            lambda handle, place, size: self.workspace.update({self.stream: (place, size)}))


cublas, libcublas, CDLL = Cublas(), Libcublas(), ctypes.CDLL
ctypes.CDLL = lambda name, *options, **named: (
    libcublas if name == "libcublas.so.13" else CDLL(name, *options, **named))
