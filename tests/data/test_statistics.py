"""The mean image and the principal components of the colours: exact, in one pass, by all threads."""
import numpy as np
import pytest

from tinynet import set_threads
from tinynet.data import mean_image
from tinynet.data.augment import color_components
from tinynet.data.statistics import Statistics, measure, possible, sums

IMAGES = np.arange(3 * 6 * 7 * 2, dtype=np.uint8).reshape(3, 6, 7, 2)


@pytest.mark.parametrize("n", [1, 256, 257, 258, 1000])
def test_the_mean_of_bytes_is_exact(n):
    images = np.random.default_rng(n).integers(0, 256, (n, 3, 2, 3), np.uint8)
    exact = images.astype(object).sum(axis=0) / n  # Python's integers
    assert np.array_equal(mean_image(images), exact.astype(np.float32))
    assert mean_image(images).dtype == np.float32
    assert np.all(mean_image(np.full((n, 1, 1, 1), 255, np.uint8)) == 255)


def test_the_mean_of_other_types():
    assert mean_image(np.full((3, 1, 1, 1), 2**40)) == 2**40
    assert mean_image(np.full((1000, 1, 1, 1), 0.5, np.float32)) == 0.5
    assert mean_image(np.array([2**24, 1, 1, -2**24], np.float32).reshape(4, 1, 1, 1)) == 0.5    # summed in float64
    with pytest.raises(ValueError, match="at least one image"):
        mean_image(IMAGES[:0])


def covariance_by_loops(images):
    """Of red, green and blue in 0..1, over all pixels, straight from the definition."""
    pixels = [pixel / 255 for image in images for row in image for pixel in row]
    mean = sum(pixels) / len(pixels)
    return sum(np.outer(pixel - mean, pixel - mean) for pixel in pixels) / len(pixels)


def colourful(n, seed=0, H=3, W=5):
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 100, (n, H, W, 1)) + rng.integers(0, [90, 30, 150], (n, H, W, 3))).astype(np.uint8)


def test_components_of_two_pixels_by_hand():
    """Black and (255, 255, 0): covariance 1/4 between and within red and green, so λ = (1/2, 0, 0)."""
    image = np.array([[0, 0, 0], [255, 255, 0]], np.uint8).reshape(1, 1, 2, 3)
    values, vectors = color_components(image)
    np.testing.assert_allclose(values, [0.5, 0, 0], atol=1e-15)
    np.testing.assert_allclose(vectors[:, 0], [0.5 ** 0.5, 0.5 ** 0.5, 0], atol=1e-15)
    assert (values >= 0).all()


@pytest.mark.parametrize("n", [1, 256, 257])
def test_components_diagonalise_the_covariance(n):
    images = colourful(n)
    values, vectors = color_components(images)
    covariance = covariance_by_loops(images)
    np.testing.assert_allclose(covariance @ vectors, vectors * values, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-12)
    assert values[0] > values[1] > values[2] > 0
    assert (np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0) > 0).all()


def test_components_of_images_larger_than_a_block_and_in_any_order():
    images = colourful(3, H=150, W=250)
    values, vectors = color_components(images)
    expected = np.linalg.eigvalsh(np.cov(images.reshape(-1, 3).T / 255, bias=True))[::-1]
    np.testing.assert_allclose(values, expected, rtol=1e-10)
    for ours, again in zip((values, vectors), color_components(images[::-1]), strict=True):
        np.testing.assert_array_equal(ours, again)        # the sums are exact: the order leaves no trace


@pytest.mark.parametrize("threads", [1, 3])
def test_a_few_images_are_read_at_a_time_each_once_and_threads_leave_no_trace(threads):
    asked = []

    class Decoded:
        def __len__(self):
            return 600

        def __getitem__(self, part):
            asked.append(range(600)[part])
            return colourful(600)[part]
    set_threads(threads)
    found, expected = measure(Decoded()), sums(colourful(600))
    assert found.count == 600 and (found.total == expected.total).all() and (found.products == expected.products).all()
    assert sorted(i for part in asked for i in part) == list(range(600)) and max(map(len, asked)) == 64


def test_sums_of_the_brightest_images_do_not_overflow():
    found = measure(np.full((2000, 1, 2, 3), 255, np.uint8))
    assert (found.total == 2000 * 255).all() and (found.products == 4000 * 255 ** 2).all()


def test_sums_beyond_int64_are_exact():
    few = sums(np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8))
    many = Statistics(*(2**20 * number for number in few))               # of a million times as many images
    for ours, theirs in zip(many.components, few.components, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_sums_that_no_images_have():
    gray = Statistics(1, np.full((1, 1, 3), 200), np.full((3, 3), 40_000))
    assert possible(gray)
    assert not possible(gray._replace(products=np.full((3, 3), 30_000)))  # less than the square of the mean


@pytest.mark.parametrize("n", [1, 2, 300])
def test_the_spread_is_around_the_mean_image(n):
    images = colourful(n)
    assert measure(images).spread == pytest.approx((images - images.mean(axis=0)).std(), rel=1e-9, abs=1e-6)


def test_progress_is_shown_under_its_title(capsys):
    measure(colourful(5), "mean of five")
    assert capsys.readouterr().err.startswith("mean of five: 5 images\nmean of five: done after ")
    measure(colourful(5))
    assert capsys.readouterr().err == ""


def test_photographs_without_colour_have_one_component():
    """Grey stored as red, green and blue: two eigenvalues are zero, which rounding must not make negative."""
    for seed in range(20):
        grey = np.random.default_rng(seed).integers(0, 256, (2, 3, 5, 1), np.uint8).repeat(3, axis=3)
        values, vectors = color_components(grey)
        assert values[0] > 0.01 and (0 <= values[1:]).all() and (values[1:] < 1e-15).all()
        np.testing.assert_allclose(vectors[:, 0], 3 ** -0.5)


def test_components_of_what_is_not_colour():
    with pytest.raises(ValueError, match=r"statistics: expected colour images of shape \(H, W, 3\), got \(6, 7, 2\)"):
        color_components(IMAGES)
    with pytest.raises(TypeError, match="uint8, got float32"):
        color_components(np.zeros((1, 2, 2, 3), np.float32))
    with pytest.raises(ValueError, match="at least one image"):
        color_components(np.zeros((0, 2, 2, 3), np.uint8))


def test_a_list_of_images_is_refused():
    with pytest.raises(TypeError, match="mean_image: expected images in one array .* got a list; make them one with"):
        mean_image(list(IMAGES))
