"""Threads that work for a caller, who waits for all of them, whatever comes between: an error, or Ctrl-C.

Ctrl-C may come at the beginning of any function, and after any call of one written in C: between any two lines, that
is. So there are only locks of C's here, in `with` statements, where it cannot come between the lock and what follows;
and what cleans up may be called twice.
"""
from __future__ import annotations

import sys
import threading
from _thread import start_new_thread
from collections.abc import Callable, Iterable
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any


class Job:
    """Something that a worker does, unless its caller calls it off before."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work, self.result, self.error = work, None, None
        self.taken: dict[str, str] = {}  # by whom: the worker or the caller, whoever comes first
        self.done = threading.Lock()     # held until the worker is done
        self.done.acquire()

    def run(self) -> None:
        if self.taken.setdefault("by", "worker") == "worker":
            try:
                self.result = self.work()
            except BaseException as error:
                self.error = error
        self.done.release()

    def get(self) -> Any:
        """The result, when it is there; an error is raised."""
        with self.done:
            error, self.error = self.error, None  # no circle: it knows its traceback, and that this job
        if error is not None:
            raise error
        return self.result

    def call_off(self) -> None:
        """See to it that nobody is at it, now and later. It may be said twice."""
        if self.taken.setdefault("by", "caller") == "worker":
            with self.done:
                pass


class Crew:
    """Threads that do what comes in a queue. Those of `concurrent.futures`, and futures, have locks with functions of
    Python around them: Ctrl-C may come within, and then they stay locked for ever."""

    threads = 0

    def __init__(self) -> None:
        self.queue: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def do(self, job: Job, threads: int) -> None:
        """Have it done, by one of so many threads at least; they are started when they are needed first."""
        while self.threads < threads:
            start_new_thread(_serve, (self.queue,))
            self.threads += 1
        self.queue.put(job.run)

    def end(self) -> None:
        """Nothing comes any more: the threads end when they have done what is in the queue. It may be said twice. One
        is told more than was counted: Ctrl-C may have come when it had just been started."""
        while self.threads >= 0:
            self.queue.put(sys.exit)
            self.threads -= 1


class Workers(Crew):
    """A crew that ends by itself, when nobody knows it any more: when `set_threads` has made another."""

    __del__ = Crew.end


def _serve(queue: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        queue.get()()


def together(workers: Workers, first: Callable[[], Any], others: list[Callable[[], Any]]) -> list[Any]:
    """Call all at the same time, the first in this thread; the results, in order.

    An error of any is raised, and so is Ctrl-C, when no other is at work any more: nobody may still be writing when it
    reaches the caller.
    """
    jobs = [Job(partial(copy_context().run, other)) for other in others]  # np.errstate holds there too
    try:
        for job in jobs:
            workers.do(job, len(jobs))
        return [first(), *(job.get() for job in jobs)]
    except BaseException:
        call_off(jobs)
        raise


def call_off(jobs: Iterable[Job]) -> None:
    """See to it that nobody is at any of these, though Ctrl-C comes meanwhile. The last first: they have not begun, and
    are not to begin while we wait for the first."""
    jobs = list(jobs)[::-1]
    try:
        _call_off(jobs)
    except KeyboardInterrupt:
        _call_off(jobs)
        raise


def _call_off(jobs: list[Job]) -> None:
    for job in jobs:
        job.call_off()
