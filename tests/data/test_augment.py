"""Crops, mirror images, the ten views, and colour noise."""
import numpy as np
import pytest
from PIL import Image

from tinynet.data.augment import (
    center_crop,
    color_noise,
    enlarge,
    random_crops,
    scale_jitter,
    ten_views,
)

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


def test_what_a_generator_draws_for_crops():
    """All rows, all columns, then all mirrors: earlier results depend on it."""
    rng = np.random.default_rng(6)
    rows, columns, mirrored = rng.integers(0, 3, 3), rng.integers(0, 4, 3), rng.random(3) < 0.5
    assert 0 < mirrored.sum() < 3
    for image, crop, i, j, mirror in zip(IMAGES, random_crops(IMAGES, 4, np.random.default_rng(6)), rows, columns,
                                         mirrored, strict=True):
        expected = image[i:i + 4, j:j + 4]
        np.testing.assert_array_equal(crop, expected[:, ::-1] if mirror else expected)


def test_the_central_crop_is_the_fifth_view():
    np.testing.assert_array_equal(center_crop(IMAGES, 4), IMAGES[:, 1:5, 1:5])
    np.testing.assert_array_equal(center_crop(IMAGES, 3), ten_views(IMAGES, 3)[4])
    assert np.shares_memory(center_crop(IMAGES, 4), IMAGES)


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
    with pytest.raises(ValueError, match=r"got shape \(3, 6, 7, 2\)"):
        center_crop(IMAGES, size)


def test_enlarging_makes_squares_of_pixels():
    image = np.array([[1, 2], [3, 4]], np.uint8).reshape(1, 2, 2, 1)
    expected = [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    np.testing.assert_array_equal(enlarge(image, 2)[0, :, :, 0], expected)
    with pytest.raises(ValueError, match="1 or more times"):
        enlarge(image, 0)


def colourful(n, seed=0, H=3, W=5):
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 100, (n, H, W, 1)) + rng.integers(0, [90, 30, 150], (n, H, W, 3))).astype(np.uint8)


COMPONENTS = (np.array([0.25, 0.01, 0.0004]), np.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]]))


class Says:
    """A Generator whose normal numbers are known."""

    def __init__(self, alpha):
        self.alpha = np.array(alpha)

    def normal(self, mean, std, shape):
        assert (mean, shape) == (0, self.alpha.shape)
        return self.alpha * std / 0.1


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_noise_by_hand(dtype):
    """α = (0.2, -0.1, 0.5): αλ = (0.05, -0.001, 0.0002); times the vectors (0.0308, 0.0394, 0.0002); times 255."""
    x = np.arange(2 * 2 * 4 * 3).reshape(2, 2, 4, 3).astype(dtype)
    before = x.copy()
    y = color_noise(x, COMPONENTS, Says([[0.2, -0.1, 0.5], [0, 0, 0]]))
    assert y.dtype == np.float32 and y.shape == x.shape
    np.testing.assert_allclose(y[0] - x[0], np.broadcast_to([7.854, 10.047, 0.051], (2, 4, 3)), atol=2e-5)
    np.testing.assert_array_equal(y[1], x[1])
    np.testing.assert_array_equal(x, before)


def test_noise_is_one_shift_for_each_image_of_the_right_spread():
    y = color_noise(np.zeros((20_000, 2, 1, 3), np.float32), COMPONENTS, np.random.default_rng(0))
    np.testing.assert_array_equal(y[:, 0], y[:, 1])
    shifts = y[:, 0, 0].astype(np.float64)
    assert len(np.unique(shifts[:, 0])) > 19_900
    along = shifts @ COMPONENTS[1]                        # 255 α λ, a column for each component
    np.testing.assert_allclose(along.std(axis=0), 255 * 0.1 * COMPONENTS[0], rtol=0.02)
    np.testing.assert_allclose(along.mean(axis=0) / along.std(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(np.corrcoef(along.T), np.eye(3), atol=0.03)


def test_noise_is_decided_by_the_generator():
    x = colourful(4)
    a, b, c = (color_noise(x, COMPONENTS, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert (a != c).all()


def test_noise_of_wrong_shapes():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"color_noise: expected colour images .* got shape \(3, 6, 7, 2\)"):
        color_noise(IMAGES, COMPONENTS, rng)
    with pytest.raises(ValueError, match=r"got shapes \(3, 3\) and \(3,\)"):
        color_noise(colourful(1), COMPONENTS[::-1], rng)


@pytest.mark.parametrize("H, W, low, high", [(30, 30, 24, 60), (40, 64, 50, 50), (64, 40, 25, 25)])
def test_scale_jitter_is_a_crop_of_the_rescaled_image(H, W, low, high):
    images = (colourful(8, H=H, W=W) // 2 + np.linspace(0, 120, W, dtype=np.uint8)[:, None]).astype(np.uint8)
    crops = scale_jitter(images, low, high, 20, np.random.default_rng(5))
    rng, short = np.random.default_rng(5), min(H, W)
    sizes = rng.integers(low, high + 1, 8)
    top, left = (rng.integers(0, side * sizes // short - 20 + 1) for side in (H, W))
    mirrored = rng.random(8) < 0.5
    assert 0 < mirrored.sum() < 8 and crops.shape == (8, 20, 20, 3) and crops.dtype == np.uint8
    for n, image in enumerate(images):
        whole = np.asarray(Image.fromarray(image).resize((W * sizes[n] // short, H * sizes[n] // short),
                                                         Image.Resampling.BICUBIC))
        expected = whole[top[n]:top[n] + 20, left[n]:left[n] + 20].astype(int)
        assert np.abs(crops[n] - (expected[:, ::-1] if mirrored[n] else expected)).max() <= 1


def test_scale_jitter_draws_all_scales_and_places():
    """A slope of 0..63 across the image: the slope of a crop tells its scale, its first pixel the place."""
    images = np.repeat(np.arange(64, dtype=np.uint8)[None, None, :, None], 3, axis=3).repeat(64, axis=1)
    images = images.repeat(400, axis=0)                                              # (400, 64, 64, 3)
    crops = scale_jitter(images * 4, 32, 128, 32, np.random.default_rng(0)).astype(float)
    slopes = np.abs(crops[:, 16, 24, 0] - crops[:, 16, 7, 0]) / 17 / 4               # pixels of the image for one here
    sizes = 64 / slopes
    assert sizes.min() < 36 and sizes.max() > 118
    assert np.quantile(sizes, [0.25, 0.5, 0.75]) == pytest.approx([56, 80, 104], abs=8)
    assert crops[:, :, :, 0].min() < 4 and crops.max() > 248                         # both edges are reached
    assert 160 < (crops[:, 16, 24, 0] < crops[:, 16, 7, 0]).sum() < 240              # half are mirrored


def test_scale_jitter_fits_at_the_edges():
    """The last crop ends exactly where the image does, whatever the rounding."""
    image = np.full((1, 37, 53, 3), 7, np.uint8)
    for size in range(24, 120):
        assert (scale_jitter(image, size, size, 24, np.random.default_rng(size)) == 7).all()
    assert (scale_jitter(np.full((1, 49, 49, 3), 7, np.uint8), 33, 33, 33, np.random.default_rng(0)) == 7).all()


def test_scale_jitter_of_what_does_not_fit():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"scale_jitter: expected colour images .* got shape \(3, 6, 7, 2\)"):
        scale_jitter(IMAGES, 8, 8, 4, rng)
    with pytest.raises(TypeError, match="uint8, got float32"):
        scale_jitter(colourful(1).astype(np.float32), 8, 8, 4, rng)
    for low, high, crop in (8, 8, 9), (8, 7, 4), (8, 8, 0):
        with pytest.raises(ValueError, match=f"1 <= crop <= low <= high, got crop={crop}, low={low}, high={high}"):
            scale_jitter(colourful(1), low, high, crop, rng)


@pytest.mark.parametrize("draw", [lambda rng: random_crops(IMAGES, 4, rng), lambda rng: color_noise(
    colourful(1), COMPONENTS, rng), lambda rng: scale_jitter(colourful(1), 20, 20, 8, rng)])
def test_a_seed_is_no_generator(draw):
    for seed in 0, None:
        with pytest.raises(TypeError, match=r": expected a Generator as rng, got (0|None); make one with"):
            draw(seed)
