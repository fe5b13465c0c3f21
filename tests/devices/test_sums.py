"""Sums over the ranks of arrays on GPUs: in which order whom they ask for what. CuPy, NCCL, MPI and the streams are
stand-ins here; tests/distributed has simulated devices under a real mpiexec."""
import gc
import sys
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from tinynet import cpu, simulated
from tinynet.devices import cuda
from tinynet.devices.device import Device
from tinynet.devices.sums import ByHost, Nccl
from tinynet.distributed import Ranks


class Stream:
    def __init__(self, name, log):
        self.name, self.log, self.ptr = name, log, f"{name}'s address"

    def record(self):
        self.log.append(f"{self.name}: record")
        return SimpleNamespace(of=self.name, done=False, synchronize=lambda: self.log.append("the host waits"))

    def wait_event(self, event):
        self.log.append(f"{self.name}: wait for {event.of}")


class StandInGpu(Device):
    asynchronous = True

    def __init__(self, log, index=0):
        super().__init__(f"gpu({index})", SimpleNamespace(cuda=SimpleNamespace(
            Device=lambda i: SimpleNamespace(pci_bus_id=f"0000:0{i}"))))
        self.index, self.stream = index, Stream("own", log)


class StandInArray:
    shape, size, dtype, data = (2, 3), 6, np.dtype(np.float32), SimpleNamespace(ptr="g's address")


@pytest.fixture
def log(monkeypatch):
    """What is asked for, of a CuPy that has NCCL."""
    log = []

    class Communicator:
        def __init__(self, size, name, rank):
            log.append(f"rank {rank} of {size} joins {name}")

        def allReduce(self, *arguments):
            log.append(("add up", *arguments))

    nccl = SimpleNamespace(NcclCommunicator=Communicator, NCCL_FLOAT32="float32", NCCL_FLOAT64="float64",
                           NCCL_SUM="sum", get_unique_id=lambda: ("a", "name"))
    monkeypatch.setattr(cuda, "nccl", lambda: nccl)
    monkeypatch.setattr(cuda, "stream", lambda: Stream("sums", log))
    return log


def test_nccl_adds_up_when_the_gradient_is_there_and_the_gpu_waits_for_the_sum_only_when_it_is_read(log):
    gpu = StandInGpu(log)
    asked = Nccl(gpu, 1, 4, ("a", "name")).begin_sum(StandInArray, gpu)
    asked.Test()
    assert log == ["rank 1 of 4 joins ('a', 'name')", "own: record", "sums: wait for own",
                   ("add up", "g's address", "g's address", 6, "float32", "sum", "sums's address"), "sums: record"]
    asked.Wait()
    assert log[5:] == ["own: wait for sums"]


def test_a_gradient_is_fetched_when_it_is_there_and_nobody_waits_for_it(log, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupyx", SimpleNamespace(empty_pinned=np.zeros))
    monkeypatch.setattr(cuda, "_outbound", lambda index: Stream("outbound", log))
    monkeypatch.setattr(cuda, "_under_way", [])

    class Array(StandInArray):
        def get(self, stream, out, blocking):
            log.append(f"{stream.name}: copy")
            assert not blocking
            out[...] = 7

    array = Array()
    coming, kept = cuda.fetch(array, StandInGpu(log)), weakref.ref(array)
    del array
    assert log == ["own: record", "outbound: wait for own", "outbound: copy", "outbound: record"]
    assert not coming.done() and log[4:] == []
    gc.collect()
    assert kept() is not None                           # or its memory might be another's before it is read
    assert [len(pinned) for _, pinned in cuda._under_way] == [1]        # nor is where it goes to, though nobody waits
    assert (coming.host() == np.full((2, 3), 7)).all() and log[4:] == ["the host waits"]


class Slow(Device):
    """A device from which arrays come when it is said that they have."""

    def __init__(self):
        super().__init__("slow", np)
        self.come = []

    def fetch(self, x):
        place = len(self.come)
        self.come.append(False)
        return SimpleNamespace(done=lambda: self.come[place], host=x.copy)


class Twice:
    """The sum over two ranks that have the same."""

    def __init__(self, array):
        self.array = array

    def Test(self):
        pass

    def Wait(self):
        self.array *= 2


def test_by_way_of_the_host_sums_begin_in_the_order_in_which_they_were_asked_for():
    begun, slow = [], Slow()
    sums = ByHost(lambda array: begun.append(array[0]) or Twice(array))
    arrays = [np.array([float(i)]) for i in range(4)]
    asked = [sums.begin_sum(array, slow) for array in arrays]
    slow.come[1] = True
    asked[1].Test()
    assert begun == []                                  # the first has not come
    slow.come[0] = True
    asked[3].Test()
    assert begun == [0, 1]
    asked[2].Wait()                                     # without looking: it has to
    assert begun == [0, 1, 2] and arrays[2] == 4 and arrays[1] == 1
    for each in asked[:2] + asked[3:]:
        each.Wait()
    assert begun == [0, 1, 2, 3] and arrays == [0, 2, 4, 6]


@pytest.mark.parametrize("device", [cpu, simulated(0)])
def test_what_is_here_begins_at_once_and_the_sum_is_written_back(device):
    begun, array = [], device.asarray(np.ones(3))
    asked = ByHost(lambda host: begun.append(host) or Twice(host)).begin_sum(array, device)
    assert len(begun) == 1
    asked.Wait()
    assert (device.tohost(array) == 2).all()


@pytest.mark.parametrize("gpus, kind", [
    ([("a", "0000:00"), ("a", "0000:01")], Nccl), ([("a", "0000:00"), ("b", "0000:00")], Nccl),
    ([("a", "0000:00"), ("a", "0000:00")], ByHost),                                  # two ranks, one GPU
    ([("a", "0000:00"), ("b", None)], ByHost)])                                      # a rank without NCCL
def test_nccl_is_used_if_all_ranks_have_it_and_a_gpu_of_their_own(gpus, kind, log):
    class Comm:
        def allgather(self, value):
            answers = {str: [machine for machine, _ in gpus], tuple: gpus, type(None): [None, None]}
            return answers[type(value)]

    comm = Comm()
    comm.Get_rank, comm.Get_size, comm.bcast = lambda: 0, lambda: 2, lambda value: value
    team = Ranks(comm)
    sums = team.sums_on(StandInGpu(log))
    assert type(sums) is kind and team.sums_on(StandInGpu(log)) is sums
    assert log == (["rank 0 of 2 joins ('a', 'name')"] if kind is Nccl else [])
