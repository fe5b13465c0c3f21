"""Batches prepared in the background, while the net learns from the ones before.

To read, decode, crop and colour a batch takes time in which a device would stand idle. NumPy and Pillow release
Python's global lock while they work, so plain threads prepare the next batches; the consumer takes them in order:

    consumer    batch 0 ─────── batch 1 ─────── batch 2 ───────
    worker 1    0 ▒▒▒▒▒    2 ▒▒▒▒▒         4 ▒▒▒▒▒                  at most workers + 1 batches ahead: so much memory
    worker 2      1 ▒▒▒▒▒▒▒     3 ▒▒▒▒▒▒▒

What comes out must not depend on which thread is quicker. So all randomness of an epoch is drawn at its start, by the
calling thread: the order of the images, then, if they are augmented, one seed for each batch.
"""
from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from itertools import islice

import numpy as np

from ..sizes import as_int
from .dataset import Split
from .minibatch import check, draw_parts

Batch = tuple[np.ndarray, np.ndarray]


class Loader:
    """Gives a split in batches (x, labels), epoch by epoch, in an order drawn from `rng`; without one, in order.

    A batch of images (B, H, W, C), as they are stored, becomes x in two steps, both left out by default:

        augment(images, rng)  what is random: it gets a Generator of its own for each batch, and needs `rng` to be given
        prepare(images)       what is not: for example `train.minus(mean)`

    `workers` threads do this in the background; with 0 the calling thread does. They index `split.images` too, with
    an array of indices (or, in order, a slice): it may be an array, a memory map, or anything with a length that
    decodes the images it is asked for. The batches are the same bits for any number of workers.

    `images` and `batches` are the numbers in an epoch; `waited` the seconds that the consumer has waited for batches
    in the current or last epoch.

    Raises what `batches` raises; ValueError for `augment` without `rng`, or if `workers` is no whole number of 0 or
    more.
    """

    def __init__(self, split: Split, batch_size: int, rng: np.random.Generator | None = None, *,
                 prepare: Callable[[np.ndarray], np.ndarray] | None = None,
                 augment: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
                 workers: int = 0) -> None:
        check("Loader", *split, batch_size, rng)
        if augment is not None and rng is None:
            raise ValueError("Loader: expected an rng for augment to draw from, got None; pass a Generator, or leave "
                             "augment out")
        self.split, self.batch_size, self.rng = split, batch_size, rng
        self.prepare, self.augment = prepare, augment
        self.workers = as_int(workers, "Loader workers", least=0)
        self.images = len(split.labels)
        self.batches = len(range(0, self.images, batch_size))
        self.waited = 0.0

    def epoch(self, skip: int = 0) -> Iterator[Batch]:
        """All batches once, but for the first `skip`, whose images are not even read.

        The state of `rng` at the call decides the whole epoch, and `skip` changes nothing about what is drawn: given
        back that state, `epoch(skip=k)` goes on where an epoch was left after k batches.

        An error in preparing a batch is raised in its turn. An iterator that is left early (by `break`, by an error)
        ends its threads. Raises ValueError if `skip` is not a whole number from 0 to `batches`.
        """
        if as_int(skip, "Loader.epoch skip", least=0) > self.batches:
            raise ValueError(f"Loader.epoch: expected to skip at most the {self.batches} batches there are, got {skip}")
        parts = draw_parts(self.images, self.batch_size, self.rng)
        seeds = self.rng.integers(0, 2 ** 63, self.batches) if self.augment else [None] * self.batches
        jobs = list(zip(parts, seeds, strict=True))[skip:]
        self.waited = 0.0
        return self._timed(self._in_background(jobs) if self.workers else (self._batch(*job) for job in jobs))

    def _batch(self, part: slice | np.ndarray, seed: int | None) -> Batch:
        x = self.split.images[part]                                                  # (B, H, W, C)
        if self.augment:
            x = self.augment(x, np.random.default_rng(seed))
        if self.prepare:
            x = self.prepare(x)
        return x, self.split.labels[part]

    def _in_background(self, jobs: list) -> Iterator[Batch]:
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="tinynet-loader")
        # Each is submitted only when it is asked for here. In a copy of the context, np.errstate holds there too.
        futures = (pool.submit(copy_context().run, self._batch, *job) for job in jobs)
        try:
            ahead = deque(islice(futures, self.workers + 1))
            while ahead:
                batch = ahead.popleft().result()
                ahead.extend(islice(futures, 1))
                yield batch
        finally:
            pool.shutdown(cancel_futures=True)

    def _timed(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        with closing(batches):
            while True:
                start = time.perf_counter()
                batch = next(batches, None)
                self.waited += time.perf_counter() - start
                if batch is None:
                    return
                yield batch
