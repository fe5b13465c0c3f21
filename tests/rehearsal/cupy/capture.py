"""What is asked for while a stream is recorded: it is not done but written down, and done when the graph is launched.

Arrays that are made meanwhile hold rubbish until then. As CUDA and CuPy do, it refuses copies from and to the host,
cuBLAS by way of CuPy, the null stream, and an end before all streams that were drawn in have come back.
"""
import threading

import numpy as np


class CUDARuntimeError(RuntimeError):
    """As CuPy's, which has the name of CUDA's error in its text."""


class _PerThread(threading.local):
    streams = ()      # those that were entered, the innermost last


here = _PerThread()


class Graph:
    """What was written down: functions without arguments. `begun` is the stream that it began with."""

    def __init__(self, begun):
        self.begun, self.steps, self.away = begun, [], set()

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


def do(step):
    """Do it, or write it down."""
    graph, stream = current(), here.streams[-1] if here.streams else None
    if graph is None:
        return step()
    if stream is not graph.begun:
        graph.away.add(stream)
    return graph.steps.append(step)


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
    arrays = [copy for _, copy in copies.values()]
    if result is None or any(result is copy for copy in arrays):         # an array is written to, in place or as out=
        do(lambda: function(*args, **kwargs))
        return next((x for x, copy in copies.values() if copy is result), None)
    if not isinstance(result, (np.ndarray, np.generic)):
        raise CUDARuntimeError("cudaErrorStreamCaptureUnsupported: a number is read")
    if any(np.may_share_memory(result, copy) for copy in arrays):        # a view: nothing is computed
        return function(*args, **kwargs)
    made = np.full_like(result, np.nan if result.dtype.kind == "f" else 1)

    def again():
        made[...] = function(*args, **kwargs)
    do(again)
    return made


def copied(x, copies):
    """x, with each array in it copied, and noted in `copies`."""
    if isinstance(x, np.ndarray):
        return copies.setdefault(id(x), (x, x.copy()))[1]
    if isinstance(x, dict):
        return {key: copied(value, copies) for key, value in x.items()}
    return type(x)(copied(part, copies) for part in x) if type(x) in (tuple, list) else x
