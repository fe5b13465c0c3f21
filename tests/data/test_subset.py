"""The first classes of a data set, and random parts of it, without reading an image."""
import numpy as np
import pytest

from tinynet.data import Dataset, Loader, Split
from tinynet.data.subset import divide, first_classes


class Unread:
    """Images that say which of them were asked for."""

    def __init__(self, n):
        self.shape, self.dtype, self.ndim, self.asked = (n, 1, 1, 3), np.dtype(np.uint8), 4, []

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        self.asked += np.atleast_1d(index).tolist()
        return np.broadcast_to(np.asarray(index, np.uint8)[..., None, None, None], (*np.shape(index), 1, 1, 3))


@pytest.fixture
def data():
    train, test = np.array([0, 2, 1, 0, 2, 1]), np.array([2, 0])
    return Dataset(Split(Unread(6), train), Split(Unread(2), test), ("a", "b", "c"), "six", "somewhere")


def test_only_the_first_classes_are_left(data):
    few = first_classes(data, 2)
    (x, y), (x_test, y_test) = few
    assert y.tolist() == [0, 1, 0, 1] and y_test.tolist() == [0] and few.classes == ("a", "b")
    assert few.source == "the first 2 classes of six: 4 training and 1 test, read from somewhere"
    assert (len(x), x.shape, x.dtype, x.ndim) == (4, (4, 1, 1, 3), np.uint8, 4) and x_test.shape == (1, 1, 1, 3)
    assert data.train.images.asked == []
    assert x[1:3].ravel()[::3].tolist() == [2, 3]
    assert x[np.array([3, 0])].ravel()[::3].tolist() == [5, 0] and x[-1].tolist() == [[[5, 5, 5]]]
    assert data.train.images.asked == [2, 3, 5, 0, 5]
    with pytest.raises(IndexError):
        x[4]


def test_a_loader_takes_it(data):
    labels = np.concatenate([y for _, y in Loader(first_classes(data, 2).train, 3, np.random.default_rng(0)).epoch()])
    assert sorted(labels) == [0, 0, 1, 1] and sorted(data.train.images.asked) == [0, 2, 3, 5]


@pytest.mark.parametrize("classes", [1, 4])
def test_wrong_numbers(data, classes):
    with pytest.raises(ValueError, match=f"expected 2 to 3 classes, as many as six has, got {classes}"):
        first_classes(data, classes)


def test_a_test_set_without_them(data):
    data.test.labels[:] = 2
    with pytest.raises(ValueError, match="six has no test image of the first 2 classes"):
        first_classes(data, 2)


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.8, 0.1, 0.1), (0.4, 0.11, 0.09, 0.4)])
def test_random_parts_are_disjoint_and_together_the_whole(shares):
    labels = np.random.default_rng(1).choice(4, 200, p=(0.1, 0.2, 0.3, 0.4))
    whole = Split(Unread(200), labels)
    parts = divide(whole, shares, np.random.default_rng(0))
    assert len(parts) == len(shares) and whole.images.asked == []
    indices = [part.images[:].ravel()[::3] for part in parts]               # of Unread, which image it is
    assert sorted(np.concatenate(indices).tolist()) == list(range(200))
    for share, part, which in zip(shares, parts, indices, strict=True):
        assert np.array_equal(labels[which], part.labels) and (np.diff(which.astype(int)) > 0).all()
        for label in range(4):
            assert abs((part.labels == label).sum() - share * (labels == label).sum()) < 2


def test_the_seed_decides_which_parts():
    whole = Split(Unread(50), np.arange(50) % 5)
    first, again, other = (divide(whole, (0.5, 0.5), np.random.default_rng(seed))[0].images[:] for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_class_of_one_image_goes_to_each_part_in_turn():
    whole, rng = Split(Unread(1000), np.arange(1000)), np.random.default_rng(0)
    train, test = divide(whole, (0.75, 0.25), rng)
    assert 700 < len(train.labels) < 800 and len(train.labels) + len(test.labels) == 1000


@pytest.mark.parametrize("shares, message", [
    ((1.0,), r"two or more positive shares that sum to 1, got \[1.0\]"), ((0.5, 0.6), "sum to 1"),
    ((0.5, 0.25), "sum to 1"), ((1.5, -0.5), "positive"), ((float("nan"), 0.5), "positive"),
    ((0.9999, 0.0001), "a share of 0.0001 of 4 images")])
def test_wrong_shares(shares, message):
    with pytest.raises(ValueError, match=f"divide: .*{message}"):
        divide(Split(Unread(4), np.zeros(4, np.int64)), shares, np.random.default_rng(3))
    with pytest.raises(ValueError, match="a share of 0.5 of 0 images is none"):
        divide(Split(Unread(0), np.zeros(0, np.int64)), (0.5, 0.5), np.random.default_rng(0))


def test_a_seed_divides_nothing():
    with pytest.raises(TypeError, match="divide: expected a Generator as rng, got 0; make one with"):
        divide(Split(Unread(4), np.zeros(4, np.int64)), (0.5, 0.5), 0)
