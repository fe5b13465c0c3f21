"""Work that a GPU is asked for once, and does again and again: a CUDA graph.

To ask for a kernel takes Python tens of microseconds, and a training step has a hundred of them: the GPU of a small net
mostly waits for Python. While a graph is recorded, nothing is computed; it is written down which kernels there are to
be, with which numbers, and at which places their arrays lie. `launch` then asks for all of it at once.

    graph = Graph(gpu(0), lambda x: net.forward(x, train=True), x)
    y = graph.launch(x)                               the same array each time, filled anew

Each launch does the same at the same places. Therefore

    memory     what is recorded gets its arrays from a pool of its own: nobody else does, as long as the graph is there
    input      what the work is given has places of its own, and is copied there before each launch
    draws      so is what is drawn anew each time: `each_time`
    streams    a GPU's null stream cannot be recorded. Each of its streams has another in its place, that begins with
               the first of them; and the first one ends when all have ended

What comes from the host, and to read a number, cannot be recorded: it is refused, by us or by CuPy.
"""
from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from . import cuda
from .device import Gpu, _here

REFUSALS = ("StreamCapture", "capturing", "stream capture")  # of CUDA and of CuPy


class NotRecorded(RuntimeError):
    """The work holds something that cannot be recorded; the message says what, and what to do."""


class Graph:
    """`work(*given)`, recorded on `home`, the GPU's null stream, and whichever streams of the same GPU it uses.

    `given` are arrays of the GPU, whose places `work` gets, or of the host, which it may bring over with `asarray`.
    Run the work once before: kernels are compiled and constants made at their first use, which cannot be recorded.
    Raises NotRecorded; MemoryError where a second set of the work's arrays has no room; and whatever `work` raises.
    """

    def __init__(self, home: Gpu, work: Callable[..., Any], *given: Any) -> None:
        self.home = home
        with home:
            home.xp.get_default_memory_pool().free_all_blocks()  # for the pool of our own, which needs as much again
            self._places = [home.xp.empty(x.shape, x.dtype) for x in given]
        pairs = list(zip(given, self._places, strict=True))
        self._recording = Recording(home, [(x, place) for x, place in pairs if isinstance(x, np.ndarray)])
        arguments = [x if isinstance(x, np.ndarray) else place for x, place in pairs]
        self._graph, self.result = self._recording.of(lambda: work(*arguments))

    def launch(self, *given: Any) -> Any:
        """Do all of it with other arrays, of the same shapes and dtypes: what `work` has returned, filled anew."""
        with self.home as home:
            for place, x in zip(self._places, given, strict=True):
                place[...] = home.asarray(x)
            for array, fill in self._recording.drawn:
                fill(array)
            self._graph.launch()
        return self.result

    @property
    def nbytes(self) -> int:
        """The bytes of the GPU that the graph's arrays take."""
        return self._recording.nbytes


class Recording:
    """What is known of a graph while it is recorded, and kept as long as it is there."""

    def __init__(self, home: Gpu, hosts: list[tuple[np.ndarray, Any]]) -> None:
        self.home, self.drawn, self._hosts, self._full = home, [], hosts, False
        cuda_of = home.xp.cuda
        with cuda_of.Device(home.index):
            self._streams, self._pool = {home: cuda.stream()}, cuda_of.MemoryPool(self._memory)
        self._others, self._workspaces = cuda_of.get_allocator(), {}

    def of(self, work: Callable[[], Any]) -> tuple[Any, Any]:
        """The graph of `work()`, and what that returned."""
        cuda_of, first = self.home.xp.cuda, self._streams[self.home]
        before, _here.gpu, _here.recording = _here.gpu, None, self
        try:
            with cuda_of.Device(self.home.index):
                first.begin_capture()
                try:
                    with self.home, cuda_of.using_allocator(self._pool.malloc):
                        result = work()
                    for stream in self._streams.values():
                        if stream is not first:
                            first.wait_event(stream.record())
                except BaseException:
                    with suppress(Exception):                    # that what was begun has failed, once more
                        first.end_capture()
                    raise
                graph = first.end_capture()
        except Exception as error:
            if isinstance(error, NotRecorded) or not any(words in str(error) for words in REFUSALS):
                raise
            raise NotRecorded(f"{self.home}: a step cannot be recorded, that reads a number from the GPU, brings an "
                              "array from the host, or calls a library that does: train it without graph=True "
                              f"({error})") from error
        finally:
            _here.gpu, _here.recording, self._hosts = before, None, []
        if self._full:
            raise MemoryError(f"{self.home}: there is not memory enough to record a step, whose arrays are kept beside "
                              "those of others: take a smaller batch, or train without graph=True")
        return graph, result

    def stream_of(self, gpu: Gpu) -> Any:
        """The stream that is recorded in the place of that of `gpu`."""
        if gpu not in self._streams:
            if gpu.index != self.home.index:
                raise NotRecorded(f"a graph on {self.home} cannot hold work of {gpu}: train nets on two GPUs without "
                                  "graph=True")
            self._streams[gpu] = cuda.stream()
            self._streams[gpu].wait_event(self._streams[self.home].record())
        return self._streams[gpu]

    def place_of(self, host: Any) -> Any:
        """Where a host array that the work was given will lie."""
        for given, place in self._hosts:
            if given is host:
                return place
        raise NotRecorded(f"{self.home}: a step cannot be recorded in which an array of shape {np.shape(host)} is "
                          "brought from the host: each launch would see the same one. Train without graph=True")

    def kept(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """An array that the graph's own arrays share no memory with."""
        with self.home.xp.cuda.using_allocator(self._others):
            return self.home.xp.empty(shape, dtype)

    def workspace(self, size: int) -> Any:
        """So many bytes for a library to work in, for each stream its own."""
        stream = self.home.xp.cuda.get_current_stream().ptr
        if stream not in self._workspaces:
            self._workspaces[stream] = self.kept((size,), np.uint8)
        return self._workspaces[stream]

    @property
    def nbytes(self) -> int:
        return self._pool.total_bytes()

    def _memory(self, size: int) -> Any:
        """For the pool. Where there is no more, it would give back what it has kept, which is still in the graph."""
        try:
            return self.home.xp.cuda.MemoryPointer(self.home.xp.cuda.Memory(size), 0)
        except Exception:
            self._full = True
            raise


def recording() -> Recording | None:
    """That of this thread, if it records a graph."""
    return _here.recording


def each_time(array: Any, fill: Callable[[Any], None]) -> None:
    """`fill(array)`: what differs from time to time. In a graph it is done before each launch, to an array beside it,
    which the graph copies from."""
    now = recording()
    if now is None:
        fill(array)
        return
    beside = now.kept(array.shape, array.dtype)
    now.drawn.append((beside, fill))
    now.home.xp.copyto(array, beside)
