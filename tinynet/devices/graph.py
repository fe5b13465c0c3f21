"""Work that a GPU is asked for once, and does again and again: a CUDA graph.

To ask for a kernel takes Python tens of microseconds, and a training step has a hundred of them: the GPU of a small net
mostly waits for Python. While a graph is recorded, nothing is computed; it is written down which kernels there are to
be, with which numbers, and at which places their arrays lie. `launch` then asks for all of it at once.

    graph = Graph(gpu(0), lambda x: net.forward(x, train=True), x)
    y = graph.launch(x)                               the same array each time, filled anew

Each launch does the same at the same places. Therefore

    memory     what is recorded gets its arrays from a pool of its own: nobody else does, as long as the graph is there
    input      what the work is given has places of its own, and is copied there before each launch
    draws      what is drawn anew each time is drawn before each launch, too: `each_time`
    checks     what is refused of the input is refused before each launch: `check`
    streams    a GPU's null stream cannot be recorded. Each stream has another in its place, and all of these begin with
               the first one, which ends when all have ended. The null stream waits for all others, and they for it;
               those in their places have to be told so: `Recording.moved`

What comes from the host, and to read a number, cannot be recorded: it is refused, by us or by CuPy.
"""
from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from . import cuda
from .crossing import note
from .device import Gpu, _here
from .pools import Pool, sweep

REFUSALS = ("StreamCapture", "capturing", "stream capture")  # of CUDA and of CuPy


class NotRecorded(RuntimeError):
    """The work holds something that cannot be recorded; the message says what, and what to do."""


class Graph:
    """`work(*given)`, recorded on `home`, the GPU's null stream, and whichever streams of the same GPU it uses.

    `given` are arrays of the GPU, whose places `work` gets, or of the host: views, which it may bring with `asarray`.
    Run the work once before: kernels are compiled and constants made at their first use, which cannot be recorded.
    Raises NotRecorded; MemoryError where a second set of the work's arrays has no room; and whatever `work` raises.
    """

    def __init__(self, home: Gpu, work: Callable[..., Any], *given: Any) -> None:
        self.home = home
        sweep()
        with home:
            home.xp.get_default_memory_pool().free_all_blocks()  # for the pool of our own, which needs as much again
            self._places = [home.xp.empty(x.shape, x.dtype) for x in given]
        pairs = [(x.view() if isinstance(x, np.ndarray) else place, place)
                 for x, place in zip(given, self._places, strict=True)]
        arguments, self._recording = [x for x, _ in pairs], Recording(home, pairs)
        self._graph, self.result = self._recording.of(lambda: work(*arguments))

    def launch(self, *given: Any) -> Any:
        """Do all of it with other arrays, of the same shapes and dtypes: what `work` has returned, filled anew. Raises
        what `check` finds wrong with them; nothing is done then."""
        for i, by in self._recording.checks:
            by(given[i])
        with self.home as home:
            for place, x in zip(self._places, given, strict=True):
                place[...] = home.asarray(x)
            for array, fill in self._recording.drawn:
                fill(array)
            self._graph.launch()
        note(self._recording.crossings)
        return self.result

    @property
    def nbytes(self) -> int:
        """The bytes of the GPU that the graph's arrays take."""
        return self._recording.nbytes

    def __del__(self) -> None:
        with suppress(Exception):                                # a program that ends may have no CUDA any more
            self._recording.close()
            if not recording():
                self.home.synchronize()                          # it may still be running
                self._graph = self.result = None
                sweep()


class Recording:
    """What is known of a graph while it is recorded, and kept as long as it is there.

    drawn       [(array, what fills it before each launch)]
    checks      [(which of the given, what refuses it)]
    crossings   what goes from one stream to another
    """

    def __init__(self, home: Gpu, given: list[tuple[Any, Any]]) -> None:
        self.home, self._given, self._workspaces = home, given, {}
        self.drawn, self.checks, self.crossings = [], [], []
        self._pool, self._beside = Pool(home.index), Pool(home.index)
        with home.xp.cuda.Device(home.index):
            self._streams = {home: cuda.stream()}

    def of(self, work: Callable[[], Any]) -> tuple[Any, Any]:
        """The graph of `work()`, and what that returned."""
        first = self._streams[self.home]
        before, _here.gpu, _here.recording = _here.gpu, None, self
        try:
            with self.home.xp.cuda.Device(self.home.index):
                first.begin_capture()
                try:
                    with first, self._pool.in_use():             # as if on the null stream, where nothing else is said
                        result = work()
                    self._join()
                except BaseException:
                    with suppress(Exception):                    # what was begun has failed, once more
                        first.end_capture()
                    raise
                graph = first.end_capture()
            if self._pool.full:
                raise MemoryError(f"{self.home}: there is not memory enough to record a step, whose arrays are kept "
                                  "beside those of others: take a smaller batch, or train with graph=False")
        except BaseException as error:
            self.close()
            if isinstance(error, NotRecorded) or not any(words in str(error) for words in REFUSALS):
                raise
            raise NotRecorded(f"{self.home}: a step cannot be recorded, that reads a number from the GPU, brings an "
                              "array from the host, or calls a library that does: train it with graph=False "
                              f"({error})") from error
        finally:
            _here.gpu, _here.recording, self._given = before, None, []
        return graph, result

    def stream_of(self, gpu: Gpu) -> Any:
        """The stream that is recorded in the place of that of `gpu`."""
        if gpu not in self._streams:
            if gpu.index != self.home.index:
                raise NotRecorded(f"a graph on {self.home} cannot hold work of {gpu}: train nets on two GPUs with "
                                  "graph=False")
            stream = cuda.stream()
            stream.wait_event(self._streams[self.home].record())
            self._streams[gpu] = stream
        return self._streams[gpu]

    def moved(self, before: Gpu | None, now: Gpu | None) -> None:
        """What this thread asks for now is of another stream than before; None is the null stream's, too."""
        before, now = before or self.home, now or self.home
        if before is now:
            return
        if now is self.home:
            self._join()
        elif before is self.home:
            done = self._streams[self.home].record()
            for stream in self._others():
                stream.wait_event(done)

    def place_of(self, host: Any) -> Any:
        """Where a host array that the work was given will lie."""
        for given, place in self._given:
            if given is host:
                return place
        raise NotRecorded(f"{self.home}: a step cannot be recorded in which an array of shape {np.shape(host)} is "
                          "brought from the host: each launch would see the same one. Train with graph=False")

    def check(self, array: Any, by: Callable[[Any], None]) -> None:
        self.checks += [(i, by) for i, (given, _) in enumerate(self._given) if given is array]

    def kept(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """An array that the graph's own arrays share no memory with."""
        with self._beside.in_use():
            return self.home.xp.empty(shape, dtype)

    def workspace(self, stream: int, size: int) -> Any:
        """So many bytes for a library to work in, for each stream its own."""
        if stream not in self._workspaces:
            self._workspaces[stream] = self.kept((size,), np.uint8)
        return self._workspaces[stream]

    @property
    def nbytes(self) -> int:
        return self._pool.nbytes + self._beside.nbytes

    def close(self) -> None:
        """Its memory may go back."""
        self.drawn, self._workspaces = [], {}
        self._pool.close()
        self._beside.close()

    def _others(self) -> list[Any]:
        return [stream for gpu, stream in self._streams.items() if gpu is not self.home]

    def _join(self) -> None:
        """The first stream waits for the others."""
        for stream in self._others():
            self._streams[self.home].wait_event(stream.record())


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


def check_each_time(array: Any, by: Callable[[Any], None]) -> None:
    """`by(array)`, which raises if the array is not what it should be. In a graph that is asked before each launch, of
    what is then given for it."""
    by(array)
    if now := recording():
        now.check(array, by)
