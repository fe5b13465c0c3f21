"""Near-duplicates: planted copies, changed in every way that the header speaks of."""
import numpy as np
import pytest

from tinynet.data import Split
from tinynet.data.duplicates import near_duplicates, thumbnails, without

RNG = np.random.default_rng(0)
# Coarse patterns with some detail, no two alike.
IMAGES = np.clip(RNG.normal(110, 30, (40, 8, 8, 3)).repeat(4, axis=1).repeat(4, axis=2)
                 + RNG.normal(0, 8, (40, 32, 32, 3)), 0, 255).astype(np.uint8)


def changed(how):
    x = IMAGES[7].astype(float)
    return {"copied": x, "brighter": x + 30, "less contrast": 60 + 0.5 * x, "in another light": x + [20, 0, -20],
            "noisy": x + RNG.normal(0, 10, x.shape),
            "larger": x.repeat(2, axis=0).repeat(2, axis=1), "mirrored": x[:, ::-1], "turned": x[::-1],
            "moved": np.roll(x, 4, axis=1)}[how].clip(0, 255).astype(np.uint8)[None]


@pytest.mark.parametrize("how", ["copied", "brighter", "less contrast", "in another light", "noisy", "larger"])
@pytest.mark.parametrize("block", [3, 1024])
def test_a_planted_copy_is_found(how, block):
    pairs, found = near_duplicates(changed(how), IMAGES, block=block)
    assert pairs.tolist() == [[0, 7]] and found[0] > 0.95


@pytest.mark.parametrize("side", [8, 16])
def test_with_a_threshold_of_1_all_copies_are_found_and_nothing_else(side):
    smooth = RNG.integers(0, 256, (40, 2, 2, 3), np.uint8).repeat(16, axis=1).repeat(16, axis=2)
    for images in IMAGES, smooth:
        pairs, found = near_duplicates(images, images, threshold=1, side=side)
        assert pairs.tolist() == [[i, i] for i in range(40)] and (found > 0.9999).all()
    assert not len(near_duplicates(changed("noisy"), IMAGES, threshold=1)[0])


@pytest.mark.parametrize("how", ["mirrored", "turned", "moved"])
def test_what_is_not_found(how):
    pairs, found = near_duplicates(changed(how), IMAGES)
    assert pairs.shape == (0, 2) and found.shape == (0,)


def test_mirrored_copies_by_looking_for_them():
    assert near_duplicates(changed("mirrored")[:, :, ::-1], IMAGES)[0].tolist() == [[0, 7]]


def test_the_correlation_is_numpys_and_the_order_that_of_the_pairs():
    pairs, found = near_duplicates(IMAGES[:6], IMAGES[3:], threshold=0.01, block=2)
    small = IMAGES.reshape(40, 8, 4, 8, 4, 3).mean(axis=(2, 4))
    expected = np.corrcoef((small - small.mean(axis=(1, 2), keepdims=True)).reshape(40, -1))[:6, 3:]
    np.testing.assert_array_equal(pairs, np.argwhere(expected >= 0.01))
    np.testing.assert_allclose(found, expected[expected >= 0.01], atol=1e-5)


def test_two_blue_skies_are_not_the_same():
    skies = RNG.normal(0, 3, (2, 32, 32, 3)) + [70, 140, 230]
    assert not len(near_duplicates(skies[:1].astype(np.uint8), skies[1:].astype(np.uint8), 0.5)[0])


def test_images_of_one_colour_are_never_found():
    plain = np.full((2, 32, 32, 3), 200, np.uint8)
    assert not thumbnails(plain).any() and not len(near_duplicates(plain, plain)[0])
    assert not len(near_duplicates(plain, plain, threshold=1e-9)[0])


def test_sizes_that_do_not_divide():
    x = np.arange(5 * 7, dtype=np.uint8).reshape(1, 5, 7, 1)
    rows = np.stack([x[0, a:b, :, 0].mean(axis=0) for a, b in ((0, 1), (1, 3), (3, 5))])
    small = np.stack([rows[:, a:b].mean(axis=1) for a, b in ((0, 2), (2, 4), (4, 7))], axis=1).ravel()
    small = small - small.mean()
    np.testing.assert_allclose(thumbnails(x, 3)[0], small / np.linalg.norm(small), atol=1e-6)


def test_without():
    left = without(Split(IMAGES, np.arange(40)), np.array([7, 0, 7]))
    assert left.labels.tolist() == [*range(1, 7), *range(8, 40)]
    np.testing.assert_array_equal(left.images[:], IMAGES[left.labels])
    assert len(without(Split(IMAGES, np.arange(40)), np.zeros(0, int)).labels) == 40


def test_what_is_refused():
    for threshold in 0, 1.5, float("nan"):
        with pytest.raises(ValueError, match="expected a threshold above 0"):
            near_duplicates(IMAGES, IMAGES, threshold)
    with pytest.raises(ValueError, match="expected images of the same channels"):
        near_duplicates(IMAGES, IMAGES[..., :1])
    with pytest.raises(ValueError, match="uint8 of at least 8 x 8 pixels, got shape"):
        near_duplicates(IMAGES[:, :7], IMAGES)
    split = Split(IMAGES, np.arange(40))
    with pytest.raises(ValueError, match="indices, whole numbers from 0 to 39, got int64 from 0 to 40"):
        without(split, [0, 40])
    with pytest.raises(ValueError, match="indices, whole numbers from 0 to 39, got float64 from 0.5 to 1.0"):
        without(split, [0.5, 1])
    masked = np.ma.masked_array(IMAGES, IMAGES > 7)
    for pair in (masked, IMAGES), (IMAGES, masked):
        with pytest.raises(TypeError, match="thumbnails: expected an array for images, got a MaskedArray"):
            near_duplicates(*pair)
    with pytest.raises(ValueError, match="nothing is left of 40 images"):
        without(split, np.arange(40))


@pytest.mark.parametrize("indices, told", [([-1, 3], "-1 to 3"), ([0, 40], "0 to 40")])
def test_images_that_are_not_there_cannot_be_left_out(indices, told):
    message = f"without: expected indices, whole numbers from 0 to 39, got int64 from {told}"
    with pytest.raises(ValueError, match=message):
        without(Split(IMAGES, np.arange(40)), np.array(indices))
