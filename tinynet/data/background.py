"""Work done ahead of its use, by threads, in order: batches for a net, squares of photographs."""
from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import Any


def in_background(work: Callable[..., Any], jobs: Iterable[tuple], threads: int, ahead: int, name: str
                  ) -> Iterator[Any]:
    """Yield `work(*job)` for each job, in their order; at most `ahead` are done, or begun, before they are asked for.

    An error is raised in its turn. Whoever leaves early closes the iterator: that ends the threads, called `name`.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    # Each is submitted only when it is asked for here. In a copy of the context, np.errstate holds there too.
    futures = (pool.submit(copy_context().run, work, *job) for job in jobs)
    try:
        begun = deque(islice(futures, ahead))
        while begun:
            result = begun.popleft().result()
            begun.extend(islice(futures, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
