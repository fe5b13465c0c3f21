"""Batches prepared in the background, while the net learns from the ones before.

To read, decode, crop and colour a batch takes time in which a device would stand idle. NumPy and Pillow release
Python's global lock while they work, so plain threads prepare the next batches; the consumer takes them in order:

    consumer    batch 0 ─────── batch 1 ─────── batch 2 ───────
    worker 1    0 ▒▒▒▒▒    2 ▒▒▒▒▒         4 ▒▒▒▒▒                  at most workers + 1 batches ahead: so much memory
    worker 2      1 ▒▒▒▒▒▒▒     3 ▒▒▒▒▒▒▒

A GPU computes while the CPU prepares, so there the work is divided: the workers send it what they have made, and only
what is left to `finish` is done in the consumer's thread, where it merely asks the GPU for it.

What comes out must not depend on which thread is quicker. So all randomness of an epoch is drawn at its start, by the
calling thread: the order of the images, then, if there is a transform, one seed for each batch.

Nor must it depend on how many machines share the work. `share=(rank, ranks)` gives this process its part of each batch:
the images of the whole batch are chosen, and what is random in how they are seen is drawn, as for one process alone;
only then are those read that are this rank's.
"""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import numpy as np

from ..devices.device import Device, cpu, place_of
from ..sizes import as_int
from .background import in_background
from .dataset import Dataset, Split
from .minibatch import check, draw_parts
from .photos.image_folder import ImageFolder

Batch = tuple[Any, np.ndarray]


class Loader:
    """Gives a split in batches (x, labels), epoch by epoch, in an order drawn from `rng`; without one, in order.

        Loader(data.train, 128, rng, view.train, workers=4)
        Loader(data.test, 128, transform=view.center)
        Loader(data.train, 128, rng, view.draw, finish=view.show, device=gpu(0), workers=4)

    A batch of images (B, H, W, C), as they are stored, becomes x = `transform(images, rng)`, with a Generator of its
    own for each batch; None, if the loader has none. Without a transform the images are x. With `finish`, which draws
    nothing, x becomes `finish(x)`.

    With a GPU as `device`, x is sent there between the two, while the GPU computes: an array, or a tuple of arrays. The
    images of the split may live there, too. Other devices are not sent to: a net takes host arrays wherever it lives.

    `workers` threads do this in the background; with 0 the calling thread does. They index `split.images` too, with
    an array of indices (or, in order, a slice): it may be an array, a memory map, or anything with a length that
    decodes the images it is asked for. The batches are the same bits for any number of workers and on every device.

    `drop_last` leaves out a last batch that is shorter than the others, of other images in each epoch.

    With a `share` of (rank, ranks), rank of 0 to ranks - 1, the loader gives the rank's part of each batch of
    `batch_size`, about as many images to each (none, to some, where the last batch has fewer images than there are
    ranks). The transform is then called with a third argument, (start, n): its images are those from `start` on, of a
    batch of n. It must draw for all n of them.

    `len(loader)` is the number of batches in an epoch, `size` that of images, of all ranks; `waited` the seconds that
    the consumer has waited for batches in the current or last epoch.

    Raises what `batches` raises, and ValueError if `workers` is no whole number of 0 or more, nothing is left without
    the last batch, or there are more ranks than images in a batch.
    """

    def __init__(self, split: Split, batch_size: int, rng: np.random.Generator | None = None,
                 transform: Callable[[np.ndarray, np.random.Generator | None], Any] | None = None, *,
                 finish: Callable[[Any], Any] | None = None, device: Device = cpu, workers: int = 0,
                 drop_last: bool = False, share: tuple[int, int] = (0, 1)) -> None:
        split = _as_split(split)
        check("Loader", *split, batch_size, rng)
        if not (transform is None or callable(transform)):
            raise TypeError(f"Loader: expected a transform that can be called with (images, rng), got {transform!r}")
        if not (finish is None or callable(finish)):
            raise TypeError(f"Loader: expected a finish that can be called with what transform gives, got {finish!r}")
        if not isinstance(device, Device):
            raise TypeError(f"Loader: expected one device, as gpu(0) gives it, got {device!r}")
        self.split, self.batch_size, self.rng, self.transform = split, batch_size, rng, transform
        self.finish, self.device = finish or _as_it_is, device
        self.workers = as_int(workers, "Loader workers", least=0)
        self.drop_last, self.share = bool(drop_last), share
        self.size = len(split.labels) // batch_size * batch_size if drop_last else len(split.labels)
        if not self.size:
            raise ValueError(f"Loader: drop_last leaves no batch: {len(split.labels)} images, batch_size={batch_size}")
        self._check_share(*share)
        self.waited = 0.0

    def __len__(self) -> int:
        return -(-self.size // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of an epoch: `for x, labels in loader`."""
        return self.epoch()

    def epoch(self, skip: int = 0) -> Iterator[Batch]:
        """All batches once, but for the first `skip`, whose images are not even read.

        The state of `rng` at the call decides the whole epoch, and `skip` changes nothing about what is drawn: given
        back that state, `epoch(skip=k)` goes on where an epoch was left after k batches.

        An error in making a batch is raised in its turn. An iterator that is left early (by `break`, by an error)
        ends its threads. Raises ValueError if `skip` is not a whole number from 0 to the number of batches.
        """
        if as_int(skip, "Loader.epoch skip", least=0) > len(self):
            raise ValueError(f"Loader.epoch: expected to skip at most the {len(self)} batches there are, got {skip}")
        parts = draw_parts(len(self.split.labels), self.batch_size, self.rng)[:len(self)]
        seeds = self.rng.integers(0, 2 ** 63, len(self)) if self.rng and self.transform else [None] * len(self)
        jobs = [(part, there, seed, *share_of(self._count(part), *self.share))
                for part, there, seed in zip(parts, self._sent(parts), seeds, strict=True)][skip:]
        self.waited = 0.0
        made = (in_background(self._batch, jobs, self.workers, self.workers + 1) if self.workers
                else (self._batch(*job) for job in jobs))
        return self._timed(made)

    def _check_share(self, rank: int, ranks: int) -> None:
        if not 0 <= rank < ranks:
            raise ValueError(f"Loader share: expected (rank, ranks) with a rank from 0 to ranks - 1, got {self.share}")
        if ranks > min(self.batch_size, self.size):
            raise ValueError(f"Loader: expected at most as many ranks as images in a batch, got {ranks} ranks and "
                             f"batches of {min(self.batch_size, self.size)}; start fewer, or take larger batches")

    def _count(self, part: slice | np.ndarray) -> int:
        return len(range(*part.indices(self.size))) if isinstance(part, slice) else len(part)

    def _sent(self, parts: list[slice | np.ndarray]) -> list[Any]:
        """The parts as the images are asked for them: indices where the images are, sent there all at once."""
        with place_of(self.split.images) or cpu as device:
            if device is cpu or isinstance(parts[0], slice):
                return parts
            order = device.asarray(np.concatenate(parts))
            return [order[start:start + self.batch_size] for start in range(0, len(order), self.batch_size)]

    def _batch(self, part: slice | np.ndarray, there: Any, seed: int | None, start: int, stop: int
               ) -> tuple[Any, np.ndarray]:
        """What a worker does: the batch, or this rank's part of it, from `start` to `stop`; on a GPU, what gives its x.
        """
        n, place, images = self._count(part), (), self.split.images
        with place_of(images) or cpu:
            if self.share[1] > 1:
                place = ((start, n),)
                part, there = (slice(each.start + start, each.start + stop) if isinstance(each, slice) else
                               each[start:stop] for each in (part, there))
            x = images[there]                                                        # (B, H, W, C)
        if isinstance(there, slice) and isinstance(x, np.ndarray) and not x.flags.owndata:
            x.flags.writeable = False  # a slice of the data set: who writes to it would change the data
        if self.transform:
            x = self.transform(x, None if seed is None else np.random.default_rng(seed), *place)
        labels = self.split.labels[part]
        return (self.device.bring(x) if self.device.asynchronous else self.finish(x)), labels

    def _timed(self, made: Iterator[Batch]) -> Iterator[Batch]:
        with closing(made):
            while True:
                start = time.perf_counter()
                batch = next(made, None)
                if batch and self.device.asynchronous:
                    here, labels = batch
                    batch = self.finish(here()), labels
                self.waited += time.perf_counter() - start
                if batch is None:
                    return
                yield batch


def _as_it_is(x: Any) -> Any:
    return x


def share_of(n: int, rank: int, ranks: int) -> tuple[int, int]:
    """Which of `n` things are this rank's: from the one up to but not including the other."""
    return n * rank // ranks, n * (rank + 1) // ranks


def _as_split(split: Any) -> Split:
    """Raises TypeError that says what to write for what is no pair of images and labels."""
    if isinstance(split, ImageFolder):
        raise TypeError("Loader: expected a Split (images, labels), got an ImageFolder, whose images differ in size; "
                        "make squares of them: Loader(prepared_squares(folder, cache), ...)")
    if isinstance(split, Dataset):
        raise TypeError("Loader: expected a Split (images, labels), got a Dataset of two; write "
                        "Loader(data.train, ...) or Loader(data.test, ...)")
    if not (isinstance(split, (tuple, list)) and len(split) == 2):
        raise TypeError(f"Loader: expected a Split (images, labels), got {type(split).__name__}; write "
                        "Loader(Split(images, labels), ...)")
    return Split(*split)
