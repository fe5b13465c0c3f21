"""A graphics card that is not there: lesson 17's queue with a clock, and its threads.

    card = Card()
    card.launch("conv1", 0.001)        asks for a millisecond of work; the host goes on after `card.ask` seconds
    card.synchronize()                 the host waits until all is done
    card.now                           the host's clock

    run(kernel, total, x, y)           kernel(0, x, y), ..., kernel(total - 1, x, y), in any order

Both raise Race where a result would depend on who comes first.
"""
from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from tinynet.fast.cuda.kernels import parameters_of

HOST = "host"


class Race(Exception):
    """Two want one thing, and nothing says who comes first."""


class Task(NamedTuple):
    """What was done, by whom ("host", or a stream), from when to when."""

    name: str
    stream: Any
    start: float
    end: float


class Event(NamedTuple):
    """A mark in a stream: when it is reached, and which tasks of each stream are done by then."""

    time: float
    done: dict[Any, int]


class Card:
    """A card with a queue for each stream. Streams run side by side, each as if it were alone; `ask` are the seconds
    that the host needs to ask for a task."""

    def __init__(self, ask: float = 5e-6) -> None:
        self.ask, self.now, self.tasks = ask, 0.0, []
        self._free: dict[Any, float] = defaultdict(float)            # when a stream has done what was asked of it
        self._asked: dict[Any, int] = defaultdict(int)
        self._done: dict[Any, dict[Any, int]] = defaultdict(dict)    # what a stream may rely on
        self._all: dict[Any, int] = {}                               # what the host has waited for
        self._uses: dict[str, list[tuple[str, Any, int, bool]]] = defaultdict(list)

    def launch(self, name: str, seconds: float, stream: Any = 0, reads: Iterable[str] = (),
               writes: Iterable[str] = ()) -> None:
        """Ask for a task of so many seconds; it begins when the stream has done what was asked of it before.

        Raises Race if it reads or writes what a task of another stream writes or reads, and nobody waits.
        """
        self.work(self.ask, f"ask for {name}")
        start = max(self.now, self._free[stream])
        self._asked[stream] += 1
        for array, writing in [(a, False) for a in reads] + [(a, True) for a in writes]:
            self._use(array, writing, name, stream)
        self._free[stream] = start + seconds
        self.tasks.append(Task(name, stream, start, start + seconds))

    def work(self, seconds: float, name: str = "work") -> None:
        """The host does something else."""
        self.tasks.append(Task(name, HOST, self.now, self.now + seconds))
        self.now += seconds

    def synchronize(self) -> None:
        """The host waits until all streams have done all."""
        end = max([self.now, *self._free.values()])
        self.tasks.append(Task("wait", HOST, self.now, end))
        self.now, self._all = end, dict(self._asked)

    def record(self, stream: Any = 0) -> Event:
        """An event: the moment when the stream has done what was asked of it up to now."""
        return Event(max(self.now, self._free[stream]), self._relies_on(stream) | {stream: self._asked[stream]})

    def wait(self, event: Event, stream: Any = 0) -> None:
        """What is asked of the stream from now on begins after the event. The host does not wait."""
        self._free[stream] = max(self._free[stream], event.time)
        old = self._done[stream]
        self._done[stream] = {s: max(old.get(s, 0), event.done.get(s, 0)) for s in {*old, *event.done}}

    def _relies_on(self, stream: Any) -> dict[Any, int]:
        mine = self._done[stream]
        return {s: max(mine.get(s, 0), self._all.get(s, 0)) for s in {*mine, *self._all}}

    def _use(self, array: str, writing: bool, name: str, stream: Any) -> None:
        done = self._relies_on(stream)
        for other, where, number, wrote in self._uses[array]:
            if (writing or wrote) and where != stream and number > done.get(where, 0):
                raise Race(f"{name} {'writes' if writing else 'reads'} {array}, which {other} "
                           f"{'writes' if wrote else 'reads'} in another stream, and nobody waits")
        self._uses[array].append((name, stream, self._asked[stream], writing))


class Memory:
    """An array in the card's memory, of which one sees who reads and writes which number."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.thread = values.ravel().copy(), None
        self.reads: list[tuple[int, int]] = []                       # (thread, place)
        self.writes: list[tuple[int, int]] = []
        self._readers: dict[int, set[int]] = defaultdict(set)
        self._writer: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, place: int) -> Any:
        place = self._place(place)
        self.reads.append((self.thread, place))
        self._readers[place].add(self.thread)
        if self._writer.get(place, self.thread) != self.thread:
            raise Race(f"thread {self.thread} reads number {place}, which thread {self._writer[place]} writes")
        return self.values[place]

    def __setitem__(self, place: int, value: Any) -> None:
        place = self._place(place)
        self.writes.append((self.thread, place))
        if self._writer.setdefault(place, self.thread) != self.thread:
            raise Race(f"threads {self._writer[place]} and {self.thread} both write number {place}")
        if self._readers[place] - {self.thread}:
            raise Race(f"thread {self.thread} writes number {place}, which thread "
                       f"{min(self._readers[place] - {self.thread})} reads")
        self.values[place] = value

    def _place(self, place: int) -> int:
        if not 0 <= place < len(self.values):
            raise IndexError(f"thread {self.thread} reaches for number {place} of {len(self.values)}")
        return int(place)


def run(kernel: Callable, total: int, *arguments: Any, block: int = 128, rng: np.random.Generator | None = None) -> int:
    """Run a kernel for the numbers 0 to total - 1, a thread each: whole blocks, so some threads too many, the blocks in
    any order. Arguments that are `Memory` are watched. Returns the bytes that were read and written.

    Raises Race if a thread reads or writes what another one writes.
    """
    memories = [a for a in arguments if isinstance(a, Memory)]
    for memory in memories:
        memory.reads, memory.writes = [], []
        memory._readers, memory._writer = defaultdict(set), {}
    blocks = range(-(-total // block)) if rng is None else rng.permutation(-(-total // block))
    for number in blocks:
        for thread in range(number * block, (number + 1) * block):
            for memory in memories:
                memory.thread = int(thread)
            kernel(int(thread), *arguments)
    return sum((len(m.reads) + len(m.writes)) * m.values.itemsize for m in memories)


def source_of(source: str, name: str) -> str:
    """The kernel `name` of a source in CUDA C++."""
    return re.search(rf"__global__ void {name}\(.*?\n}}", source, re.DOTALL)[0]


def from_cuda(source: str, name: str) -> Callable:
    """A kernel of a few plain lines, as a Python function of the thread's number and the kernel's arguments.

    Only what such a kernel has is understood: declarations, assignments, and the test for threads too many.
    """
    lines = [f"def {name}(THREAD, {', '.join(p.split()[-1] for p in parameters_of(source, name))}):"]
    body = source_of(source, name).partition("{\n")[2]
    for line in body.splitlines()[:-1]:
        line = line.partition("//")[0].strip().rstrip(";").replace("(real)", "")
        line = re.sub(r"^if \((.*)\) return$", r"if \1: return", line)
        line = re.sub(r"^(real|index) ", "", line)
        lines.append("    " + re.sub(r", (\w+) = ", r"; \1 = ", line))
    names: dict[str, Any] = {"sqrt": np.sqrt, "tanh": np.tanh, "exp": np.exp, "fabs": np.abs, "fmin": np.fmin}
    exec("\n".join(lines), names)
    return names[name]
