"""The first classes of a data set, and a share of it, without reading an image."""
import numpy as np
import pytest

from tinynet.data import Dataset, Loader, Split, split
from tinynet.data.subset import first_classes


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


# ---------------------------------------------------------------------------------------- a part for validation


def test_a_share_of_each_class_is_held_out():
    labels = np.repeat([0, 1, 2], [20, 10, 2])
    images = np.arange(32)[:, None, None, None].astype(np.uint8)
    train, val = split(Split(images, labels), 0.2, np.random.default_rng(0))
    assert np.bincount(val.labels).tolist() == [4, 2, 1] and np.bincount(train.labels).tolist() == [16, 8, 1]
    assert isinstance(val.images, np.ndarray) and val.images.base is None
    assert sorted([*train.images.ravel(), *val.images.ravel()]) == list(range(32))
    for part in train, val:
        assert part.labels.tolist() == labels[part.images.ravel()].tolist() == sorted(part.labels)
    again, other = (split(Split(images, labels), 0.2, np.random.default_rng(seed))[1] for seed in (0, 1))
    assert again.images.tolist() == val.images.tolist() != other.images.tolist()


def test_one_is_left_of_each_class_whatever_the_share():
    train, val = split(Split(np.zeros((4, 1)), np.array([0, 0, 1, 1])), 0.99, np.random.default_rng(0))
    assert train.labels.tolist() == val.labels.tolist() == [0, 1]


def test_images_in_files_are_read_when_asked_for(data):
    train, val = split(data.train, 0.5, np.random.default_rng(0))
    assert data.train.images.asked == [] and train.images.shape == val.images.shape == (3, 1, 1, 3)
    assert val.labels.tolist() == data.train.labels[val.images[np.arange(3)].ravel()[::3]].tolist()


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_wrong_shares(data, share):
    with pytest.raises(ValueError, match=f"split: expected a share with 0 < share < 1, got {share}"):
        split(data.train, share, np.random.default_rng(0))


def test_a_class_of_one_image_cannot_be_split():
    with pytest.raises(ValueError, match="split: expected two images or more of each class, got one of class 1"):
        split(Split(np.zeros((3, 1)), np.array([0, 0, 1])), 0.5, np.random.default_rng(0))
