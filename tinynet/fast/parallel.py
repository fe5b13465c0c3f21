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

Ctrl-C at any moment, and a fork beside threads at work, leave BLAS's threads, locks and workers as they were. A forked
process has BLAS as the user has set it, and makes workers of its own. (BLAS itself must bear a fork; OpenBLAS does,
which NumPy's wheels bring along.) A step that Ctrl-C ends may have moved running averages, drawn from a Generator, or,
in an optimiser's `step`, changed some parameters and not others: then the checkpoint knows what was before.
"""
from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial, wraps
from typing import Any

from .workers import Workers, together

WORTH_A_THREAD = 2 ** 17  # numbers handled, about 100 µs of work
CACHE = 2 ** 22  # bytes of scratch memory that a piece may have


class _Blas:
    """Holds BLAS to one thread while any thread is inside `held`, and gives back the user's setting afterwards.

    Ctrl-C may come after any call. So who is inside is a set, and what was usual is known before it is changed: what
    `_let_go` does can be done twice, or without `_hold` having come to its end.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside: set[int] = set()             # threads
        self.usual: list[tuple[Any, int]] = []    # libraries, and how many threads each had before
        try:
            from threadpoolctl import ThreadpoolController
        except ImportError:
            self.controller = None
        else:
            self.controller = ThreadpoolController()

    def held(self, work: Callable[[], Any]) -> Any:
        """`work()`, with BLAS held to one thread."""
        if self.controller is None or getattr(_here, "alone", False):
            return work()
        me = threading.get_ident()
        try:
            self._hold(me)
            _here.alone = True  # what this thread computes within need not ask again
            return work()
        finally:
            try:
                self._let_go(me)
            except KeyboardInterrupt:
                self._let_go(me)
                raise

    def _hold(self, me: int) -> None:
        with self.lock:
            self.inside.add(me)
            self.usual = self.usual or self._now()
            self._set((library, 1) for library, _ in self.usual)

    def _now(self) -> list[tuple[Any, int]]:
        """How many threads BLAS's libraries have. Apart, since no loop may stand within a lock: memory.py, `_block`."""
        return [(library, library.num_threads) for library in self.controller.lib_controllers
                if library.user_api == "blas"]

    def _let_go(self, me: int) -> None:
        _here.alone = False
        with self.lock:
            self.inside.discard(me)
            if not self.inside:
                self._set(self.usual)
                self.usual = []

    def _set(self, threads: Iterable[tuple[Any, int]]) -> None:
        """threadpoolctl 3.8 and later obey one thread only, the first to set a limit. Here it is often one thread that
        comes first and another that leaves last; the lock keeps them apart."""
        for library, n in threads:
            anyone = getattr(library, "clear_controlling_thread", lambda force: None)
            anyone(force=True)
            library.set_num_threads(n)
            anyone(force=True)

    def after_fork(self) -> None:
        """Of the threads that were inside, a forked process has at most the one that forked it."""
        self.lock.release()
        self.inside &= {threading.get_ident()}
        if not self.inside:
            self._let_go(0)


_blas: _Blas | None = None
_workers, _columns = Workers(), Workers()  # for slices; for right columns, which have slices done
_threads = 0  # 0: not yet decided
_here = threading.local()  # of each thread: .alone, see `held`; if it computes one of two columns: .threads, .caller


def set_threads(n: int) -> None:
    """Use `n` threads from now on. The default is `TINYNET_THREADS` or, unset, the cores this process may use. Raises
    ValueError for what is no whole number of 1 or more."""
    global _threads, _blas, _workers
    if isinstance(n, bool) or not hasattr(n, "__index__") or n < 1:
        raise ValueError(f"set_threads: expected a whole number of threads, 1 or more, got {n!r}")
    _blas = _blas or _Blas()
    if n != _threads:
        _threads, _workers = int(n), Workers()


def _before_fork() -> None:
    """No other thread may be changing BLAS's threads meanwhile: threadpoolctl has locks, too."""
    if _blas:
        _blas.lock.acquire()


def _after_fork_in_parent() -> None:
    if _blas:
        _blas.lock.release()


def _after_fork_in_child() -> None:
    """A process that was forked off has none of its parent's threads."""
    global _workers, _columns
    _workers, _columns = Workers(), Workers()
    if _blas:
        _blas.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent,
                        after_in_child=_after_fork_in_child)


def get_threads() -> int:
    """How many threads share a batch; inside one of two columns, its share. Raises ValueError for a `TINYNET_THREADS`
    that is no whole number of 1 or more."""
    if not _threads:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        wanted = os.environ.get("TINYNET_THREADS", str(cores))
        if not wanted.isdecimal() or int(wanted) < 1:
            raise ValueError(f"TINYNET_THREADS: expected a whole number of threads, 1 or more, got {wanted!r}")
        set_threads(int(wanted))
    return getattr(_here, "threads", _threads)


def caller() -> threading.Thread:
    """For whom this thread computes: for itself, unless it computes one of two columns for another."""
    return getattr(_here, "caller", None) or threading.current_thread()


def one_blas_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, with BLAS held to one thread all the while, as each call of `over_batch` does for itself: to hold it
    and to let it go takes some 20 µs, which a small net would spend as often as it has layers."""
    @wraps(function)
    def held(*args: Any, **kwargs: Any) -> Any:
        get_threads()
        return _blas.held(partial(function, *args, **kwargs))

    return held


def over_batch(work: Callable[[slice], Any], n: int, cost: float = math.inf) -> list[Any]:
    """Call `work(slice)` for slices that cover `range(n)`; the results, in the order of the slices.

    `cost` is about how many numbers `work` handles for all of `range(n)`; 64 multiply-adds of a matrix product count
    as one.
    """
    threads, workers = min(get_threads(), n), _workers  # `set_threads` may be called meanwhile: we keep ours
    if cost < WORTH_A_THREAD or _blas.controller is None:
        threads = 1
    cuts = [n * i // threads for i in range(threads + 1)]
    first, *others = [partial(work, slice(a, b)) for a, b in zip(cuts, cuts[1:], strict=False)]
    return _blas.held(partial(together, workers, first, others))


def over_pieces(work: Callable[[slice], Any], n: int, bytes_of_one: int, cost: float) -> list[Any]:
    """As `over_batch`, but each slice a piece after another (`pieces`, of which one of the n needs `bytes_of_one` of
    scratch memory): `work(piece)` for all of them; the results, in order."""
    def one_slice(batch: slice) -> list[Any]:
        return [work(piece) for piece in pieces(batch, bytes_of_one)]

    return [result for results in over_batch(one_slice, n, cost) for result in results]


def side_by_side(left: Callable[[], Any], right: Callable[[], Any]) -> tuple[Any, Any]:
    """Call both at the same time, a thread each, and return both results. Each gets half of the threads.

    An error of either is raised once both have ended; if both fail, the left one's.
    """
    if get_threads() == 1 or hasattr(_here, "threads"):  # one thread, or columns within a column: one after the other
        return left(), right()
    threads, me = max(1, get_threads() // 2), caller()

    def column(work: Callable[[], Any]) -> Any:
        _here.threads, _here.caller = threads, me
        try:
            return _blas.held(work)
        finally:
            del _here.threads, _here.caller

    return tuple(_blas.held(partial(together, _columns, partial(column, left), [partial(column, right)])))


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
