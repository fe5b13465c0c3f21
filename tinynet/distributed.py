"""Many machines: the same program on each, started by MPI; every process is a rank, with a device or two columns.

    mpiexec -n 4 python -m tinynet train-imagenet DATA ...

All have the same net. Each sees its part of every batch, and the mean of their gradients is what all step by:

    g = Σ_r  n_r / N · g_r        n_r of the batch's N images are rank r's, g_r is its mean gradient over them       (1)

So n ranks give what one process gives, but for the order in which sums are rounded. What makes it true is spread over
few places: the Loader deals out one permutation (data/loader.py); Mean computes (1), in buckets that are on their way
while backward computes the next (training/mean.py, buckets.py); Run lets rank 0 write (training/run.py). Here is what
they talk by.

All that MPI does, it does collectively: who waits for one that never comes waits for ever. So nobody leaves alone.
Where a rank may fail, all ask each other (`together`) and fail with one message; one that fails elsewhere takes the
others with it (`Abort`); one that is killed is missed by mpiexec, which ends the others.

mpi4py is imported under mpiexec only, which is known by what it sets in the environment: STARTED_BY.
"""
from __future__ import annotations

import copy
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from functools import cache
from typing import Any

import numpy as np

from .devices.device import Device, on_host
from .devices.sums import ByHost, Nccl, known_to_nccl, name_for_nccl
from .files.storage import assign
from .files.terminal import tell
from .layer import Layer

STARTED_BY = ("OMPI_COMM_WORLD_SIZE",  # Open MPI
              "PMI_SIZE",              # MPICH, Intel MPI, Microsoft MPI, Slurm's srun --mpi=pmi2
              "MV2_COMM_WORLD_SIZE",   # MVAPICH
              "SLURM_STEP_NUM_TASKS")  # Slurm's srun --mpi=pmix
PIECE = 2 ** 20  # numbers: Open MPI sums 60 million of them in less time if the pieces fit into a cache


class Failed(RuntimeError):
    """A rank has failed, and so all have; the message says which one, and how."""


class Alone:
    """A program of one process, the only rank: what ranks do together, it does by itself."""

    rank, size, share, machine, agreed = 0, 1, (0, 1), "", False

    def gather(self, value: Any) -> list[Any]:
        return [value]

    def most(self, *numbers: float) -> list[float]:
        return list(numbers)

    def first(self, work: Callable[[], Any]) -> Any:
        return work()

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def expect_same(self, **what: Any) -> None:
        pass

    def own_generators(self, net: Layer) -> None:
        pass


ALONE = Alone()


class Ranks:
    """All ranks of this program, and which of them this one is: `rank`, of 0 to `size` - 1."""

    def __init__(self, comm: Any) -> None:
        self.comm, self.rank, self.size = comm, comm.Get_rank(), comm.Get_size()
        self.share = self.rank, self.size
        self.agreed = False  # whether all are about to leave
        self.machine = os.environ.get("SLURM_NODEID") or _host()
        self._by_host, self._sums = ByHost(self.begin_sum), {}

    def gather(self, value: Any) -> list[Any]:
        """What all ranks have, on all."""
        return self.comm.allgather(value)

    def most(self, *numbers: float) -> list[float]:
        """Of each number, the largest that a rank has."""
        of_all = np.array(numbers, np.float64)
        self.comm.Allreduce(self._in_place, of_all, self._mpi.MAX)
        return of_all.tolist()

    def sum(self, array: np.ndarray) -> np.ndarray:
        """Write the sum over the ranks into an array."""
        self.comm.Allreduce(self._in_place, array)
        return array

    def begin_sum(self, array: np.ndarray) -> Any:
        """The same, of a flat array, on its way: `Test()` of what this returns moves it on, `Wait()` ends it. All ranks
        begin their sums in the same order."""
        return _Pieces([self.comm.Iallreduce(self._in_place, array[at:at + PIECE])
                        for at in range(0, len(array), PIECE)])

    def sums_on(self, device: Device) -> ByHost | Nccl:
        """What has `begin_sum(array, device)` for arrays of a device. All ranks ask for it, and do nothing else
        together while such a sum is on its way."""
        if device.name not in self._sums:
            gpus = self.gather((self.machine, known_to_nccl(device)))
            by_nccl = all(gpu for _, gpu in gpus) and len(set(gpus)) == self.size
            self._sums[device.name] = (Nccl(device, *self.share, self.first(name_for_nccl)) if by_nccl
                                       else self._by_host)
        return self._sums[device.name]

    def first(self, work: Callable[[], Any]) -> Any:
        """What `work()` gives on rank 0, on all ranks; no other calls it. Raises on all what it raises there."""
        with self.together():
            result = work() if self.rank == 0 else None
        return self.comm.bcast(result)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is raised in here on one rank is raised on all: on the others, and if more than one fails in different
        ways, as Failed. All ranks must come here, and meet nowhere inside."""
        error = None
        try:
            yield
        except BaseException as raised:
            error = raised
        self.raise_together(error)

    def raise_together(self, error: BaseException | None) -> None:
        """Raise what one of the ranks brings as an error. Nothing, if none does."""
        all_errors = self.gather(error and _in_words(error))
        failed = [rank for rank, each in enumerate(all_errors) if each]
        if not failed:
            return
        self.agreed = True
        if failed == [self.rank] or len(failed) == self.size and len(set(all_errors)) == 1:
            raise error
        raise Failed(f"rank {failed[0]}: {all_errors[failed[0]]}") from error

    def expect_same(self, **what: Any) -> None:
        """Raise ValueError on all ranks unless each of these is the same on all."""
        of_all = self.gather({name: repr(value) for name, value in what.items()})
        for name, value in of_all[0].items():
            for rank, other in enumerate(of_all):
                if other[name] != value:
                    self.agreed = True
                    raise ValueError(f"the ranks differ in their {name}: rank 0 has {value[:200]}, rank {rank} "
                                     f"{other[name][:200]}; start all with the same code, options and data")

    def broadcast(self, net: Layer, optimizer: Any) -> None:
        """Give all ranks rank 0's parameters, running statistics and slots."""
        arrays = [p.value for _, p in net.parameters()] + [s for _, s in net.state() if hasattr(s, "shape")]
        arrays += [array for of in optimizer.slots.values() for _, array in sorted(of.items())]
        for array in arrays:
            values = np.ascontiguousarray(on_host(array))
            self.comm.Bcast(values)
            if self.rank:
                assign(array, values)

    def mean_of_statistics(self, net: Layer) -> None:
        """Give all ranks the mean of their running statistics: each has normalised its own part of the batch."""
        for _, array in net.state():
            if hasattr(array, "shape"):
                assign(array, self.sum(np.array(on_host(array))) / self.size)

    def own_generators(self, net: Layer) -> None:
        """Give the layers of every rank but the first random numbers of their own, unless they have them: those of rank
        0's state and this rank's number. Two ranks with the same masks would be one."""
        generators = [s for _, s in net.state() if isinstance(s, np.random.Generator)]
        of_all = self.gather([pickle.dumps(rng.bit_generator.state) for rng in generators])
        alike = all(states == of_all[0] for states in of_all)
        for rng in generators if self.rank and alike else ():
            seed = int(copy.deepcopy(rng).integers(0, 2 ** 63))
            fresh = type(rng.bit_generator)(np.random.SeedSequence([seed, self.rank]))
            rng.bit_generator.state = fresh.state

    def leave(self, message: str) -> None:
        """Without the others: end them all, with one line."""
        tell("stderr", f"rank {self.rank}: {message}\n")
        self.comm.Abort(1)

    @property
    def _mpi(self) -> Any:
        from mpi4py import MPI

        return MPI

    @property
    def _in_place(self) -> Any:
        return self._mpi.IN_PLACE


@cache
def ranks() -> Ranks | Alone:
    """The ranks of this program; ALONE, if there is but one, which mpi4py is not even imported for.

    Raises ImportError under mpiexec without mpi4py, RuntimeError if that belongs to another MPI than mpiexec.
    """
    size = next((int(os.environ[name]) for name in STARTED_BY if os.environ.get(name, "").isdecimal()), 1)
    if size == 1:
        return ALONE
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise ImportError('several ranks need mpi4py: pip install "tinynet-papers[mpi]", with the MPI that mpiexec is '
                          f"of ({error})") from error
    if MPI.COMM_WORLD.Get_size() != size:
        raise RuntimeError(f"mpiexec has started {size} ranks, mpi4py sees {MPI.COMM_WORLD.Get_size()}: they are of "
                           "two MPIs; use the mpiexec that belongs to mpi4py, or install mpi4py for this one")
    team = Ranks(MPI.COMM_WORLD.Dup())
    before = sys.excepthook

    def end_all(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        if not team.agreed:
            before(kind, error, trace)
            team.leave(_in_words(error))
        elif team.rank == 0:
            before(kind, error, trace)

    sys.excepthook = end_all
    return team


@contextmanager
def program() -> Iterator[Ranks | Alone]:
    """A command, which may end with `sys.exit`: under mpiexec, one rank says why, and none is left behind."""
    try:
        team = ranks()
    except (ImportError, RuntimeError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        try:
            with redirect_stdout(nowhere) if team.rank else nullcontext():  # rank 0 speaks for all
                yield team
        except Failed as error:
            sys.exit(str(error) if team.rank == 0 else 1)
        except SystemExit as end:
            if team.size == 1 or not end.code:
                raise
            if not team.agreed:
                team.leave(str(end.code))
            sys.exit(end.code if team.rank == 0 or isinstance(end.code, int) else 1)


class _Pieces:
    """A sum in several."""

    def __init__(self, requests: list[Any]) -> None:
        self.requests = requests

    def Test(self) -> None:
        for request in self.requests:
            request.Test()

    def Wait(self) -> None:
        for request in self.requests:
            request.Wait()


def _in_words(error: BaseException) -> str:
    return str(error.code) if isinstance(error, SystemExit) else f"{type(error).__name__}: {error}"


def _host() -> str:
    import platform

    return platform.node()
