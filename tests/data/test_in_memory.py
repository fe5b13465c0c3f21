"""Images that stay decoded: they are what they were, and are read once."""
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tinynet.data import Loader, Split
from tinynet.data.in_memory import InMemory, in_memory

ONE = 4 * 4 * 3


class Read:
    """An array that counts how often each image was read."""

    def __init__(self, count=20):
        self.array = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
        self.shape, self.dtype, self.ndim, self.times = self.array.shape, self.array.dtype, 4, np.zeros(count, int)

    def __len__(self):
        return len(self.array)

    def __getitem__(self, index):
        np.add.at(self.times, index, 1)
        return self.array[index]


@pytest.mark.parametrize("fit", [0, 7, 20, 100])
def test_they_are_indexed_like_an_array_however_many_are_kept(fit):
    images = Read()
    kept = InMemory(images, fit * ONE + ONE - 1)
    assert kept.shape == images.shape and kept.dtype == np.uint8 and kept.ndim == 4 and len(kept) == 20
    assert kept.nbytes == min(fit, 20) * ONE
    for _ in range(2):
        for index in (3, -1, slice(2, 15, 3), slice(None), [5, 5, 19, 0], np.arange(20) % 3 == 0,
                      np.array([[6, 7], [8, 1]]), np.array([], int)):
            np.testing.assert_array_equal(kept[index], images.array[index])


def test_what_is_kept_is_read_once():
    images = Read()
    kept = InMemory(images, 7 * ONE)
    for _ in range(3):
        kept[:]
    assert images.times.tolist() == [1] * 7 + [3] * 13


def test_who_writes_to_an_image_changes_nothing():
    kept = InMemory(Read(), 20 * ONE)
    for _ in range(2):
        kept[2:5][...] = 0
        kept[3][...] = 0
    np.testing.assert_array_equal(kept[:], Read().array)


def test_the_first_split_comes_first():
    train, test = in_memory([Split(Read(), np.arange(20) % 2), Split(Read(10), np.arange(10) % 2)], 25 * ONE)
    assert (train.images.nbytes, test.images.nbytes) == (20 * ONE, 5 * ONE)
    assert test.labels.tolist() == [0, 1] * 5


def test_batches_of_several_workers_are_what_they_were():
    split = Split(Read(), np.arange(20) % 2)
    (kept,) = in_memory([split], 12 * ONE)
    for _ in range(2):
        loaders = [Loader(of, 6, np.random.default_rng(1), workers=3) for of in (split, kept)]
        for (a, labels), (b, others) in zip(*loaders, strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(labels, others)


def test_from_eight_threads_the_same_as_from_one():
    images = Read()
    kept = InMemory(images, 15 * ONE)

    def right(seed):
        rng = np.random.default_rng(seed)
        return all(np.array_equal(kept[index], images.array[index]) for index in rng.integers(-20, 20, (50, 7)))
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(right, range(8)))


def test_no_memory_is_less_than_none():
    with pytest.raises(ValueError, match="expected 0 bytes or more, got -1"):
        InMemory(Read(), -1)
