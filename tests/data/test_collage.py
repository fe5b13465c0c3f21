"""Collages: what is where, and what is said of it."""
import numpy as np
import pytest

from tinynet.data.collage import collages


def test_four_images_at_half_their_size():
    labels = np.array([0, 1, 2, 3, 3])
    images = (10 * np.arange(5, dtype=np.uint8)).reshape(5, 1, 1, 1).repeat(4, 1).repeat(6, 2).repeat(3, 3)
    images[:, ::2] += 2                                                              # rows of x and x + 2: their mean
    made, present = collages(images, labels, 6, 30, np.random.default_rng(0))
    assert made.shape == (30, 4, 6, 3) and made.dtype == np.uint8 and present.shape == (30, 6)
    for collage, there in zip(made, present, strict=True):
        four = [collage[:2, :3], collage[:2, 3:], collage[2:, :3], collage[2:, 3:]]
        assert all((part == part[0, 0, 0]).all() for part in four)
        which = [(int(part[0, 0, 0]) - 1) // 10 for part in four]
        assert len(set(which)) == 4 and set(np.flatnonzero(there)) == {labels[i] for i in which}
    again, _ = collages(images, labels, 6, 30, np.random.default_rng(0))
    np.testing.assert_array_equal(made, again)


def test_means_of_pixels_are_rounded():
    images = np.zeros((4, 2, 2, 1), np.uint8)
    images[:, 0] = images[:, 1, :1] = 1                                  # three of four pixels: 0.75
    made, _ = collages(images, np.arange(4), 4, 1, np.random.default_rng(0))
    assert (made == 1).all()


@pytest.mark.parametrize("images", [np.zeros((3, 4, 4, 3), np.uint8), np.zeros((5, 5, 4, 3), np.uint8),
                                    np.zeros((5, 4, 4, 3)), np.zeros((5, 4, 4), np.uint8)])
def test_what_is_refused(images):
    with pytest.raises(ValueError, match="collages: expected four images or more"):
        collages(images, np.zeros(len(images), int), 2, 1, np.random.default_rng(0))


@pytest.mark.parametrize("labels, error, message", [
    ([0, 1, -1, 0], ValueError, "labels, whole numbers from 0 to 1, got int64 from -1 to 1"),  # -1: the last class?
    ([0, 1, 2, 0], ValueError, "labels, whole numbers from 0 to 1, got int64 from 0 to 2"),
    ([[0], [1], [1], [0]], ValueError, r"labels \(N,\), got .* and labels of shape \(4, 1\)"),
    ([0, 0.5, 1, 0], ValueError, "got float64 from 0.0 to 1.0"),
    (np.ma.masked_array([0, 1, 1, 0], [True, False, False, False]), TypeError, "for labels, got a MaskedArray")])
def test_labels_that_are_none(labels, error, message):
    with pytest.raises(error, match=f"collages: expected .*{message}"):
        collages(np.zeros((4, 4, 4, 3), np.uint8), labels, 2, 1, np.random.default_rng(0))
