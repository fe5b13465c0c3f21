"""Work done ahead of its use, by threads, in order: batches for a net, squares of photographs."""
from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from functools import partial
from itertools import islice
from typing import Any

from ..fast.workers import Crew, Job, call_off


def in_background(work: Callable[..., Any], jobs: Iterable[tuple], threads: int, ahead: int) -> Iterator[Any]:
    """Yield `work(*job)` for each job, in their order; at most `ahead` are done, or begun, before they are asked for.

    An error is raised in its turn. Whoever leaves early closes the iterator: when that is done, nobody is at work any
    more, and the threads end.
    """
    crew, begun = Crew(), deque()
    # In a copy of the context, np.errstate holds there too.
    waiting = (Job(partial(copy_context().run, work, *job)) for job in jobs)

    def begin(count: int) -> None:
        for job in islice(waiting, count):
            begun.append(job)
            crew.do(job, threads)

    try:
        begin(ahead)
        while begun:
            result = begun[0].get()
            begun.popleft()
            begin(1)
            yield result
    finally:
        try:
            crew.end()
            call_off(begun)
        except KeyboardInterrupt:
            crew.end()
            call_off(begun)
            raise
