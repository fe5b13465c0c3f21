import subprocess
import sys

import numpy as np
import pytest

from tinynet.data import Dataset, Loader, Split, View, batches

X = np.arange(7 * 2 * 2 * 3, dtype=np.uint8).reshape(7, 2, 2, 3)
Y = np.arange(7)


def test_a_data_set_unpacks_into_its_splits_and_shows_its_source():
    data = Dataset(Split(X, Y), Split(X[:2], Y[:2]), ("a", "b"), "seven images")
    (x, y), (x_test, y_test) = data
    assert x is X and y is Y and len(x_test) == len(y_test) == 2
    assert repr(data) == "<Dataset: seven images>"
    with pytest.raises(AttributeError):
        data.train = None


def test_without_a_generator_batches_are_in_order_and_the_last_is_short():
    got = list(batches(X, Y, 3))
    assert [y.tolist() for _, y in got] == [[0, 1, 2], [3, 4, 5], [6]]
    assert np.array_equal(np.concatenate([x for x, _ in got]), X)
    assert np.shares_memory(got[0][0], X)


def test_a_generator_shuffles_images_and_labels_alike_each_once():
    got = list(batches(X, Y, 3, np.random.default_rng(0)))
    labels = np.concatenate([y for _, y in got])
    assert [len(y) for _, y in got] == [3, 3, 1]
    assert sorted(labels) == list(range(7)) and list(labels) != list(range(7))
    assert np.array_equal(np.concatenate([x for x, _ in got]), X[labels])
    again = np.concatenate([y for _, y in batches(X, Y, 3, np.random.default_rng(0))])
    assert np.array_equal(labels, again)


@pytest.mark.parametrize("arguments, message", [
    ((X, Y[:5], 3), "one label per image, got 7 images and 5 labels"),
    ((X[:0], Y[:0], 3), "at least one image"),
    ((X, Y, 0), "batch_size of 1 or more, got 0"),
])
def test_wrong_arguments_raise_at_the_call(arguments, message):
    with pytest.raises(ValueError, match=message):
        batches(*arguments)


def test_wrong_types_raise_at_the_call():
    with pytest.raises(TypeError, match="default_rng"):
        batches(X, Y, 3, 0)
    with pytest.raises(TypeError):
        batches(X, Y, 2.5)


@pytest.mark.parametrize("images, labels, message", [
    (list(X), Y, r"expected images in one array \(N, H, W, C\), got a list; make them one with np.stack"),
    (tuple(X), Y, "got a tuple"), (dict(enumerate(X)), Y, "got a dict"), ("seven77", Y, "got a str"),
    (X, Y.tolist(), "an array of labels, got a list; make it one with np.asarray"), (X, tuple(Y), "got a tuple"),
    (X, "seven77", "got a str")])
def test_lists_raise_at_the_call(images, labels, message):
    """Some of them could be cut into slices, but not be put into a random order."""
    for rng in None, np.random.default_rng(0):
        for make in batches, lambda images, labels, *more: Loader(Split(images, labels), *more):
            with pytest.raises(TypeError, match=f"(batches|Loader): .*{message}"):
                make(images, labels, 3, rng)


def test_importing_needs_numpy_only():
    code = ("import sys, tinynet.data; slow = ['PIL', 'tarfile', 'http.client', 'urllib.request']; "
            "print([name for name in slow if name in sys.modules])")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize("way", [lambda a: np.ma.masked_array(a, a > 3), lambda a: a.view(np.recarray)])
def test_masked_arrays_and_the_like_are_refused(way):
    images, labels = np.arange(8).reshape(4, 2), np.arange(4)
    for name, given in {"images": (way(images), labels), "labels": (images, way(labels))}.items():
        for call in lambda *split: batches(*split, 2), lambda *split: Loader(Split(*split), 2):
            with pytest.raises(TypeError, match=f"expected an array for {name}, got a (MaskedArray|recarray), which"):
                call(*given)
    with pytest.raises(TypeError, match="View: expected an array for images, got a "):
        View().center(way(np.zeros((1, 2, 2, 3), np.uint8)))
