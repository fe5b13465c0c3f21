"""Crops, mirror images and the ten views."""
import numpy as np
import pytest

from tinynet.data.augment import enlarge, random_crops, ten_views

IMAGES = np.arange(3 * 6 * 7 * 2, dtype=np.uint8).reshape(3, 6, 7, 2)


def every_crop(image, size):
    """All crops of one image and their mirror images."""
    H, W, _ = image.shape
    crops = [image[i:i + size, j:j + size] for i in range(H - size + 1) for j in range(W - size + 1)]
    return crops + [crop[:, ::-1] for crop in crops]


def test_random_crops_are_crops_of_their_own_image_and_all_of_them_occur():
    seen = [set() for _ in IMAGES]
    rng = np.random.default_rng(0)
    for _ in range(400):
        for i, crop in enumerate(random_crops(IMAGES, 4, rng)):
            seen[i].add(crop.tobytes())
    for image, crops in zip(IMAGES, seen, strict=True):
        assert crops == {crop.tobytes() for crop in every_crop(image, 4)}  # 3 x 4 places, mirrored or not


def test_crops_are_decided_by_the_generator():
    a, b = (random_crops(IMAGES, 4, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_ten_views_are_the_corners_the_centre_and_their_mirror_images():
    views = ten_views(IMAGES, 4)
    corners = [(0, 0), (0, 3), (2, 0), (2, 3), (1, 1)]
    for view, mirror, (i, j) in zip(views[:5], views[5:], corners, strict=True):
        np.testing.assert_array_equal(view, IMAGES[:, i:i + 4, j:j + 4])
        np.testing.assert_array_equal(mirror, view[:, :, ::-1])


@pytest.mark.parametrize("size", [0, 7])
def test_a_crop_must_fit(size):
    with pytest.raises(ValueError, match=r"got shape \(3, 6, 7, 2\)"):
        random_crops(IMAGES, size, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"got shape \(3, 6, 7, 2\)"):
        ten_views(IMAGES, size)


def test_enlarging_makes_squares_of_pixels():
    image = np.array([[1, 2], [3, 4]], np.uint8).reshape(1, 2, 2, 1)
    expected = [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    np.testing.assert_array_equal(enlarge(image, 2)[0, :, :, 0], expected)
    with pytest.raises(ValueError, match="1 or more times"):
        enlarge(image, 0)
