"""The batch in slices, one thread to each: on a CPU. (A GPU is parallel inside.)

Images of a batch do not depend on one another, so the batch is cut into as many slices as there are threads, which
work on them side by side; NumPy releases Python's global lock inside its loops and matrix products. The slices
depend on the batch size and the number of threads alone, never on which thread is quicker, so two runs add the same
numbers in the same order and give the same bits.

While slices run, the BLAS library behind `matmul` is held to one thread (by threadpoolctl, if it is installed): our
threads and its own together would fight for the same cores. Without threadpoolctl there is one slice, and BLAS uses
its own threads.

To hand work to a thread and wait for it takes some 50 µs, so what is done sooner than that is not cut up: whoever has
work may say what it costs, and below `WORTH_A_THREAD` there is one slice.
"""
from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

WORTH_A_THREAD = 2 ** 17  # numbers handled, about 100 µs of work
CACHE = 2 ** 22  # bytes of scratch memory that a piece may have


class _Blas:
    """Holds BLAS to one thread while anybody is inside `single()`, and gives back the user's setting afterwards."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.limiter: Any = None
        try:
            from threadpoolctl import ThreadpoolController
        except ImportError:
            self.controller = None
        else:
            self.controller = ThreadpoolController()

    @contextmanager
    def single(self) -> Iterator[None]:
        if self.controller is None or getattr(_here, "alone", False):
            yield
            return
        with self.lock:
            self.inside += 1
            if self.inside == 1:
                self._anyone_may_set()
                self.limiter = self.controller.limit(limits=1, user_api="blas")
        _here.alone = True  # what this thread computes within need not ask again
        try:
            yield
        finally:
            _here.alone = False
            with self.lock:
                self.inside -= 1
                if self.inside == 0:
                    self._anyone_may_set()
                    self.limiter.restore_original_limits()
                    self._anyone_may_set()

    def _anyone_may_set(self) -> None:
        """threadpoolctl 3.8 and later obey one thread only, the first to set a limit. Here it is often one thread that
        comes first and another that leaves last; the lock keeps them apart."""
        for library in self.controller.lib_controllers:
            if hasattr(library, "clear_controlling_thread"):
                library.clear_controlling_thread(force=True)


_blas: _Blas | None = None
_pool: ThreadPoolExecutor | None = None
_columns = ThreadPoolExecutor(1, thread_name_prefix="tinynet-column")  # starts its thread at the first use
_threads = 0  # 0: not yet decided
_here = threading.local()  # of each thread: .threads, its share if it computes one of two columns; .alone, see single()


def set_threads(n: int) -> None:
    """Use `n` threads from now on. The default is `TINYNET_THREADS` or, unset, the cores this process may use."""
    global _threads, _pool, _blas
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ValueError(f"set_threads: expected a whole number of threads, 1 or more, got {n!r}")
    _blas = _blas or _Blas()
    _pool = ThreadPoolExecutor(n - 1, thread_name_prefix="tinynet") if n > 1 else None
    _threads = n


def _after_fork() -> None:
    """A process that was forked off has none of its parent's threads."""
    global _pool, _columns, _blas
    _pool, _blas, _columns = None, None, ThreadPoolExecutor(1, thread_name_prefix="tinynet-column")
    if _threads:
        set_threads(_threads)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def get_threads() -> int:
    """How many threads share a batch; inside one of two columns, its share."""
    if not _threads:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        wanted = os.environ.get("TINYNET_THREADS", str(cores))
        if not wanted.isdecimal() or int(wanted) < 1:
            raise ValueError(f"TINYNET_THREADS: expected a whole number of threads, 1 or more, got {wanted!r}")
        set_threads(int(wanted))
    return getattr(_here, "threads", _threads)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread for a while, as each call of `over_batch` does for itself: to hold it and to let it go
    takes some 20 µs, which a small net would spend as often as it has layers."""
    get_threads()
    with _blas.single():
        yield


def over_batch(work: Callable[[slice], Any], n: int, cost: float = math.inf) -> list[Any]:
    """Call `work(slice)` for slices that cover `range(n)`; the results, in the order of the slices.

    `cost` is about how many numbers `work` handles for all of `range(n)`; 64 multiply-adds of a matrix product count
    as one.
    """
    threads, pool = min(get_threads(), n), _pool  # `set_threads` may be called meanwhile: we keep the pool that we have
    if cost < WORTH_A_THREAD or _blas.controller is None or pool is None:
        threads = 1
    cuts = [n * i // threads for i in range(threads + 1)]
    first, *others = [slice(a, b) for a, b in zip(cuts, cuts[1:], strict=False)]
    with _blas.single():
        futures = [pool.submit(copy_context().run, work, s) for s in others]  # np.errstate holds there too
        try:
            result = work(first)
        finally:
            wait(futures)  # also after an error: nobody may still be writing when it reaches the caller
    return [result, *(f.result() for f in futures)]


def side_by_side(left: Callable[[], Any], right: Callable[[], Any]) -> tuple[Any, Any]:
    """Call both at the same time, a thread each, and return both results. Each gets half of the threads.

    An error of either is raised once both have ended; if both fail, the left one's.
    """
    if get_threads() == 1 or hasattr(_here, "threads"):  # one thread, or columns within a column: one after the other
        return left(), right()
    threads = max(1, get_threads() // 2)

    def column(work: Callable[[], Any]) -> Any:
        _here.threads = threads
        try:
            with _blas.single():
                return work()
        finally:
            del _here.threads

    with _blas.single():
        future = _columns.submit(copy_context().run, column, right)
        try:
            result = column(left)
        finally:
            wait([future])
    return result, future.result()


def pieces(batch: slice, bytes_per_image: int, least: int = 1) -> Iterator[slice]:
    """Cut a slice of the batch into even pieces whose scratch memory fits a core's share of the cache; into larger
    ones, if that is needed for `least` images each.

    What a core has all for itself is less than `CACHE`. But threads take turns at Python's lock between two calls of
    NumPy: on pieces so small they would wait for each other longer than for memory.
    """
    n = batch.stop - batch.start
    count = -(-n // max(least, CACHE // max(1, bytes_per_image)))
    for i in range(count):
        yield slice(batch.start + n * i // count, batch.start + n * (i + 1) // count)


def rectangles(rows: slice, height: int, bytes_per_row: int, least: int = 1) -> Iterator[tuple[slice, slice]]:
    """Cut `rows` of a stack of images, each `height` rows high, into pieces as `pieces` does: (images, rows).

    A piece is some whole images, or a band of one: where an image is too large for the cache, and where `rows` begins
    or ends in the middle of one. `least` is a number of rows.
    """
    def bands(image: int, first: int, last: int) -> Iterator[tuple[slice, slice]]:
        for part in pieces(slice(first, last), bytes_per_row, least=least):
            yield slice(image, image + 1), part

    (image, first), (last_image, rest) = divmod(rows.start, height), divmod(rows.stop, height)
    if image == last_image:
        yield from bands(image, first, rest)
        return
    if first:
        yield from bands(image, first, height)
        image += 1
    for batch in pieces(slice(image, last_image), height * bytes_per_row, least=-(-least // height)):
        if batch.stop - batch.start == 1:
            yield from bands(batch.start, 0, height)
        else:
            yield batch, slice(0, height)
    if rest:
        yield from bands(last_image, 0, rest)
