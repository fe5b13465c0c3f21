"""What is asked for while a stream is recorded: it is not done but written down, and done when the graph is launched.

Arrays that are made meanwhile hold rubbish until then. As CUDA and CuPy do, it refuses copies from and to the host,
cuBLAS by way of CuPy, the null stream, and an end before all streams that were drawn in have come back. What a GPU may
do in any order, for no event says which comes first, must not touch the same memory: that is refused, too.
"""
import threading

import numpy as np


class CUDARuntimeError(RuntimeError):
    """As CuPy's, which has the name of CUDA's error in its text."""


class _PerThread(threading.local):
    streams = ()      # those that were entered, the innermost last


here = _PerThread()


class Graph:
    """What was written down: functions without arguments. `begun` is the stream that it began with.

    Of each step: which steps come before it (a number, whose bit i stands for step i), and what it reads and writes.
    """

    def __init__(self, begun):
        self.begun, self.steps, self.away, self.invalid = begun, [], set(), False
        self.before, self.touched, self.done = [], [], {}  # done: the steps that a stream has behind it

    def add(self, stream, step, reads, writes):
        if stream is not self.begun:
            self.away.add(stream)
        done = self.done.get(stream, 0)
        self.before.append(done)
        self.touched.append((list(reads), list(writes)))
        self.done[stream] = done | 1 << len(self.steps)
        self.steps.append(step)

    def end(self):
        """Raises CUDARuntimeError if a stream has not come back, AssertionError for two steps in no order."""
        if self.invalid:
            raise CUDARuntimeError("cudaErrorStreamCaptureInvalidated")
        if self.away:
            raise CUDARuntimeError("cudaErrorStreamCaptureUnjoined")
        for i, before in enumerate(self.before):
            for j in range(i):
                assert before >> j & 1 or not self.clash(i, j), f"steps {j} and {i} are in no order: {self.touched[j]}"

    def clash(self, i, j):
        """Whether one of two steps writes where the other reads or writes."""
        (reads, writes), (others, overwritten) = self.touched[i], self.touched[j]
        return any(a < d and c < b for one, other in ((writes, others + overwritten), (reads, overwritten))
                   for a, b in one for c, d in other)

    def launch(self):
        assert current() is None, "cudaErrorStreamCaptureUnsupported: a graph is launched while another is recorded"
        for step in self.steps:
            step()


def current():
    """The graph that the current stream is recorded for, or None."""
    return here.streams[-1].graph if here.streams else None


def refuse(what):
    if current():
        raise RuntimeError(f"the current stream is capturing, so {what} are disallowed")


def do(step, reads, writes):
    """Do it, or write it down: it reads and writes at these places, (first byte, the one after the last)."""
    graph = current()
    return graph.add(here.streams[-1], step, reads, writes) if graph else step()


def recorded(compute):
    """The `compute` of simulated.py, whose functions may be written down."""
    def either(device, name, function, args, kwargs):
        if name in ("array", "asarray", "asanyarray") and not hasattr(args[0], "_data"):
            refuse("H2D transfers")
        if name.startswith("empty"):   # makes an array, and computes nothing
            return compute(device, name, function, args, kwargs)
        return compute(device, name, lambda *a, **k: later(function, a, k), args, kwargs)
    return either


def later(function, args, kwargs):
    """`function(*args, **kwargs)` of NumPy's arrays; or what will be its result when the graph is launched."""
    if current() is None:
        return function(*args, **kwargs)
    copies = {}
    result = function(*copied(args, copies), **copied(kwargs, copies))
    pairs, reads = list(copies.values()), [place(x) for x, _ in copies.values()]
    written = pairs[:1] if result is None else [pair for pair in pairs if pair[1] is result]  # in place, or as out=
    if written:
        do(lambda: function(*args, **kwargs), reads, [place(written[0][0])])
        return None if result is None else written[0][0]
    if not isinstance(result, (np.ndarray, np.generic)):
        raise CUDARuntimeError("cudaErrorStreamCaptureUnsupported: a number is read")
    if any(np.may_share_memory(result, copy) for _, copy in pairs):      # a view: nothing is computed
        return function(*args, **kwargs)
    made = np.full_like(result, np.nan if result.dtype.kind == "f" else 1)

    def again():
        made[...] = function(*args, **kwargs)
    do(again, reads, [place(made)])
    return made


def place(x):
    return np.lib.array_utils.byte_bounds(x)


def copied(x, copies):
    """x, with each array in it copied, and noted in `copies`."""
    if isinstance(x, np.ndarray):
        return copies.setdefault(id(x), (x, x.copy()))[1]
    if isinstance(x, dict):
        return {key: copied(value, copies) for key, value in x.items()}
    return type(x)(copied(part, copies) for part in x) if type(x) in (tuple, list) else x
