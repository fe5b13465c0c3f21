"""What comes from the host to a GPU: in which order it is asked for what. CuPy and the streams are stand-ins here; that
the bits arrive on a GPU that is busy is tried in tests/fast/test_cuda_glance.py."""
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tinynet import Fork, cpu, simulated
from tinynet.devices import crossing, cuda, device
from tinynet.devices.cuda import bring, each_array


class Stand:
    """Streams, events and arrays of a GPU, as far as `bring` asks for them; `log` has all that it asks."""

    def __init__(self, name, log):
        self.name, self.log, self.events = name, log, 0

    def record(self):
        self.events += 1
        self.log.append((self.name, "record"))
        return SimpleNamespace(of=f"{self.name} {self.events}", done=False)

    def wait_event(self, event):
        self.log.append((self.name, "wait for", event.of))

    def __enter__(self):
        self.log.append(("enter", self.name))

    def __exit__(self, *error):
        self.log.append(("leave", self.name))


class Array:
    def __init__(self, shape, dtype, log):
        self.shape, self.log = shape, log
        log.append(("allocate", shape))

    def set(self, host):
        self.log.append(("copy", host))


@pytest.fixture
def stand_ins(monkeypatch):
    log = []
    inbound, own = Stand("inbound", log), Stand("own", log)
    monkeypatch.setattr(cuda, "_inbound", lambda index: inbound)
    monkeypatch.setattr(cuda, "_under_way", [])
    monkeypatch.setitem(sys.modules, "cupyx", SimpleNamespace(empty_pinned=np.empty))
    to = Stand("gpu", log)
    to.index, to.xp, to.stream = 0, SimpleNamespace(empty=lambda shape, dtype: Array(shape, dtype, log)), own
    return to, log


def test_all_memory_is_allocated_before_what_was_launched_is_recorded_and_that_before_any_copy(stand_ins):
    to, log = stand_ins
    here = bring((np.ones(3), None, np.zeros((2, 2), np.uint8)), to)
    copies = [step[1] for step in log if step[0] == "copy"]
    assert [step if step[0] != "copy" else ("copy",) for step in log] == [
        ("enter", "gpu"), ("enter", "inbound"), ("allocate", (3,)), ("allocate", (2, 2)), ("own", "record"),
        ("inbound", "wait for", "own 1"), ("copy",), ("copy",), ("inbound", "record"), ("leave", "inbound"),
        ("leave", "gpu")]
    assert (copies[0] == 1).all() and (copies[1] == 0).all()
    log.clear()
    x, nothing, y = here()
    assert log == [("enter", "gpu"), ("own", "wait for", "inbound 1"), ("leave", "gpu")]
    assert x.shape == (3,) and nothing is None and y.shape == (2, 2)


def test_pinned_memory_is_kept_until_it_has_arrived(stand_ins):
    to, log = stand_ins
    bring(np.ones(3), to)
    bring(np.ones(4), to)
    assert [pinned[0].shape for _, pinned in cuda._under_way] == [(3,), (4,)]
    cuda._under_way[0][0].done = True
    bring(np.ones(5), to)
    assert [pinned[0].shape for _, pinned in cuda._under_way] == [(4,), (5,)]


def test_without_pinned_memory_any_other_serves(monkeypatch):
    def empty_pinned(shape, dtype):
        raise RuntimeError(message)
    monkeypatch.setitem(sys.modules, "cupyx", SimpleNamespace(empty_pinned=empty_pinned))
    message = "cudaErrorMemoryAllocation: out of memory"
    assert cuda._pinned((2, 3), np.float32).shape == (2, 3)
    message = "cudaErrorLaunchFailure: unspecified launch failure"
    with pytest.raises(RuntimeError, match="cudaErrorLaunchFailure"):
        cuda._pinned((2, 3), np.float32)


def test_the_host_may_write_to_its_array_at_once(stand_ins):
    to, log = stand_ins
    x = np.ones(3)
    bring(x, to)
    x[...] = 0
    assert (next(step[1] for step in log if step[0] == "copy") == 1).all()


def test_a_copy_from_stream_to_stream_is_in_order_on_both():
    """The second wait keeps others out of the memory that is read, should it be let go of at once."""
    log = []
    left, right = Stand("left", log), Stand("right", log)
    left.stream, right.stream = Stand("left's stream", log), Stand("right's stream", log)
    left.xp = SimpleNamespace(empty=lambda shape, dtype: Array(shape, dtype, log),
                              copyto=lambda y, x: log.append("copy"))
    cuda._copy(np.ones(3), left, right)
    assert log == [
        ("enter", "left"), ("left's stream", "record"), ("leave", "left"),
        ("enter", "right"), ("right's stream", "wait for", "left's stream 1"), ("allocate", (3,)), "copy",
        ("right's stream", "record"), ("leave", "right"),
        ("enter", "left"), ("left's stream", "wait for", "right's stream 1"), ("leave", "left")]


@pytest.mark.parametrize("place", [cpu, simulated(0)])
def test_other_devices_take_the_plain_way(place):
    x, nothing, there = place.bring((np.ones(2), None, place.asarray(np.zeros(2))))()
    assert place.holds(x) and place.holds(there) and nothing is None
    assert place.holds(place.bring(np.ones(2))())


def test_the_arrays_of_a_named_tuple_stay_in_one():
    sent = crossing.Crossing("a", np.ones(1), None, (np.ones(2), 5))
    assert each_array(sent, len) == crossing.Crossing("a", 1, None, (2, 5))


def test_two_streams_of_one_gpu_get_an_array_from_the_host_once(monkeypatch):
    asked = []

    class TwoStreams(device.Gpu):
        def __init__(self, stream):
            device.Device.__init__(self, f"stream {stream}", np)
            self.index = 0

        def asarray(self, host):
            asked.append(self.name)
            return host + 0

    monkeypatch.setattr(TwoStreams, "_context", device.Device._context)
    monkeypatch.setattr(cuda, "copy", lambda x, source, to: asked.append((source.name, to.name)) or x.copy())
    with crossing.traffic() as log:
        y = Fork((TwoStreams(0), TwoStreams(1))).forward(np.ones(3))
    assert asked == ["stream 0", ("stream 0", "stream 1")] and log == []
    for part in y:
        np.testing.assert_array_equal(part, np.ones(3))
