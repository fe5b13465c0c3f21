"""What a net sees of an image: the crop minus the mean there, in another light, scaled; written down and read again."""
import json

import numpy as np
import pytest

from tinynet import simulated
from tinynet.data import Loader, Split, View
from tinynet.data.augment import center_crop, color_noise, random_crops, ten_views

N, H, W, S = 40, 9, 11, 6
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (N, H, W, 3), dtype=np.uint8)
MEAN = RNG.uniform(100, 150, (H, W, 3)).astype(np.float32)
COLOR = (np.array([0.25, 0.01, 0.0004]), np.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]]))


def normalised(images, mean=MEAN, scale=60.0):
    return (images.astype(np.float64) - mean) / scale


@pytest.mark.parametrize("mean", [MEAN, np.array([120.0, 110.0, 100.0]), 128.0])
@pytest.mark.parametrize("crop", [S, None])
def test_the_centre_is_cropped_minus_the_mean_there(mean, crop):
    x = View(mean, 60.0, crop).center(IMAGES)
    expected = normalised(IMAGES, mean)
    assert x.dtype == np.float32 and x.flags.c_contiguous
    np.testing.assert_allclose(x, center_crop(expected, crop) if crop else expected, rtol=1e-5, atol=1e-6)


def test_nothing_is_done_without_being_asked_for():
    np.testing.assert_array_equal(View().center(IMAGES), IMAGES.astype(np.float32))
    np.testing.assert_array_equal(View().train(IMAGES), IMAGES.astype(np.float32))      # nothing to draw: no rng


def test_the_ten_views_are_those_of_the_images_minus_the_mean():
    for x, expected in zip(View(MEAN, 60.0, S).ten(IMAGES), ten_views(normalised(IMAGES), S), strict=True):
        assert x.dtype == np.float32
        np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-6)
    views = View(MEAN).ten(IMAGES)                                                   # the whole image, ten times
    np.testing.assert_array_equal(views[3], views[4])
    np.testing.assert_array_equal(views[9], views[0][:, :, ::-1])


def test_pictures_show_what_the_centre_sees():
    pixels = View(MEAN, 60.0, S).pixels(IMAGES)
    np.testing.assert_array_equal(pixels, center_crop(IMAGES, S))
    assert np.shares_memory(pixels, IMAGES)


def test_training_sees_random_crops_minus_the_mean_there():
    """As if the mean had been subtracted from all of the image, and then a crop been taken."""
    x = View(MEAN, 60.0, S, mirror=True).train(IMAGES, np.random.default_rng(3))
    np.testing.assert_allclose(x, random_crops(normalised(IMAGES), S, np.random.default_rng(3)), rtol=1e-5, atol=1e-6)
    assert x.dtype == np.float32


@pytest.mark.parametrize("noise", ["paper", "2012"])
@pytest.mark.parametrize("crop", [S, None])
def test_training_in_another_light(noise, crop):
    values, vectors = COLOR
    x = View(MEAN, 60.0, crop, True, color=COLOR, noise=noise).train(IMAGES, np.random.default_rng(4))
    rng = np.random.default_rng(4)
    if crop:
        expected = random_crops(normalised(IMAGES, scale=1), crop, rng)
    else:
        rng.integers(0, 1, 2 * N)
        flipped = rng.random(N) < 0.5
        expected = np.where(flipped[:, None, None, None], normalised(IMAGES, scale=1)[:, :, ::-1],
                            normalised(IMAGES, scale=1))
    strengths, divided_by = (values, 60.0) if noise == "paper" else (np.sqrt(values), 66.0)
    expected = color_noise(expected, (strengths, vectors), rng).astype(np.float64) / divided_by
    np.testing.assert_allclose(x, expected, rtol=1e-4, atol=1e-5)


def test_the_noise_of_2012_by_hand():
    """α = (0.2, -0.1, 0.5): α√λ = (0.1, -0.01, 0.01); times the vectors (0.068, 0.074, 0.01); times 255; over 1.1."""
    class Says:
        def integers(self, low, high, n, endpoint):
            return np.zeros(n, int)

        def random(self, n):
            return np.ones(n)

        def normal(self, mean, std, shape):
            assert (mean, std, shape) == (0, 0.1, (1, 3))
            return np.array([[0.2, -0.1, 0.5]])
    x = View(color=COLOR, noise="2012").train(IMAGES[:1], Says())
    np.testing.assert_allclose(x, (IMAGES[:1] + np.array([17.34, 18.87, 2.55])) / 1.1, rtol=1e-5)
    x = View(color=COLOR).train(IMAGES[:1], Says())
    np.testing.assert_allclose(x, IMAGES[:1] + np.array([7.854, 10.047, 0.051]), rtol=1e-5)


def test_without_colours_there_is_no_noise_of_either_kind():
    x, expected = (View(MEAN, 60.0, S, True, noise=noise).train(IMAGES, np.random.default_rng(3))
                   for noise in ("2012", "paper"))
    np.testing.assert_array_equal(x, expected)


def test_crops_without_mirror_images():
    column = np.broadcast_to(np.arange(W, dtype=np.uint8)[None, None, :, None], IMAGES.shape)
    x = View(crop=S).train(column, np.random.default_rng(0))
    assert (np.diff(x, axis=2) == 1).all() and len(np.unique(x[:, 0, 0, 0])) == W - S + 1
    x = View(crop=S, mirror=True).train(column, np.random.default_rng(0))
    assert 8 < (np.diff(x, axis=2) == -1).all(axis=(1, 2, 3)).sum() < 32


@pytest.mark.parametrize("crop, color", [(None, None), (S, COLOR)])
def test_crops_of_padded_images(crop, color):
    """As if the image minus its mean had a rim of zeros, of which crops are taken."""
    x = View(MEAN, 60.0, crop, True, pad=2, color=color).train(IMAGES, np.random.default_rng(8))
    h, w = (crop, crop) if crop else (H, W)
    rng = np.random.default_rng(8)
    top, left, flipped = rng.integers(0, H + 4 - h + 1, N), rng.integers(0, W + 4 - w + 1, N), rng.random(N) < 0.5
    light = color_noise(normalised(IMAGES, scale=1), color, rng) / 60 if color else normalised(IMAGES)
    rim = np.pad(light, ((0, 0), (2, 2), (2, 2), (0, 0)))
    assert {0, 4} < set(top) and {0, 4} < set(left) and (x == 0).all(axis=3).any()
    for y, image, i, j, mirrored in zip(x, rim, top, left, flipped, strict=True):
        expected = image[i:i + h, j:j + w]
        np.testing.assert_allclose(y, expected[:, ::-1] if mirrored else expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(View(MEAN, pad=2).center(IMAGES), View(MEAN).center(IMAGES))


@pytest.mark.parametrize("mirror", [True, False])
def test_scale_jitter(mirror):
    """A slope across the image: how steep it is in the crop tells the scale."""
    slope = np.broadcast_to((4 * np.arange(60, dtype=np.uint8))[None, None, :, None], (N, 60, 60, 3))
    x = View(np.array([1, 2, 3]), 2.0, 30, mirror, (30, 90)).train(slope, np.random.default_rng(1))
    assert x.shape == (N, 30, 30, 3) and x.dtype == np.float32
    np.testing.assert_allclose(x[..., 0] - x[..., 2], 1, rtol=1e-5)
    steps = (x[:, 15, 20, 0] - x[:, 15, 10, 0]) / 10                                 # 2 grey levels a pixel, / scale
    assert (steps < 0).any() == mirror and np.abs(steps).min() < 1.6 and np.abs(steps).max() > 3


def test_the_images_stay_as_they_are():
    images = IMAGES.copy()
    view = View(MEAN, 60.0, S, True, color=COLOR)
    for see in view.train, view.center, view.ten, view.pixels:
        see(images, *([np.random.default_rng(0)] if see == view.train else []))
    assert (images == IMAGES).all()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_takes_it(workers):
    view, split = View(MEAN, 60.0, S, True, color=COLOR), Split(IMAGES, np.arange(N))
    epochs = [[x for x, _ in Loader(split, 16, np.random.default_rng(1), view.train, workers=w).epoch()]
              for w in (workers, 0)]
    for x, expected in zip(*epochs, strict=True):
        np.testing.assert_array_equal(x, expected)
    for x, labels in Loader(split, 16, transform=view.center, workers=workers).epoch():
        np.testing.assert_array_equal(x, view.center(IMAGES[labels]))


@pytest.mark.parametrize("options", [{"crop": S}, {"crop": S, "jitter": (7, 14)}, {"pad": 2}])
def test_a_part_of_a_batch_is_seen_as_in_the_whole(options):
    view = View(100.0, 60.0, mirror=True, color=COLOR, **options)
    whole = view.train(IMAGES, np.random.default_rng(5))
    for start, stop in (0, 15), (15, 40):
        part = view.train(IMAGES[start:stop], np.random.default_rng(5), (start, N))
        np.testing.assert_array_equal(part, whole[start:stop])


def test_ten_fixed_crops():
    """Each of the ten, and nothing else, as often as the others."""
    view, many = View(MEAN, 60.0, S, mirror=True, crops="ten"), IMAGES[:1].repeat(2000, axis=0)
    ten = {x.tobytes(): 0 for x in np.concatenate(view.ten(IMAGES[:1]))}
    for x in view.train(many, np.random.default_rng(0)):
        ten[x.tobytes()] += 1
    assert len(ten) == 10 and all(150 < count < 250 for count in ten.values())
    five = {x.tobytes() for x in View(MEAN, 60.0, S, crops="ten").train(many, np.random.default_rng(0))}
    assert five == {x.tobytes() for x in np.concatenate(view.ten(IMAGES[:1])[:5])}


def test_the_centre_alone():
    view = View(MEAN, 60.0, S, crops="center")
    np.testing.assert_array_equal(view.train(IMAGES), view.center(IMAGES))           # nothing to draw: no rng
    mirrored = View(MEAN, 60.0, S, mirror=True, crops="center").train(IMAGES, np.random.default_rng(0))
    same = [(x == y).all() for x, y in zip(mirrored, view.center(IMAGES), strict=True)]
    assert 0 < sum(same) < len(same)
    for is_same, x, y in zip(same, mirrored, view.center(IMAGES), strict=True):
        np.testing.assert_array_equal(x, y if is_same else y[:, ::-1])


def test_what_version_0_2_wrote():
    config = View(0.5).config()
    del config["crops"]
    assert View.from_config(config).crops == "random"


VIEWS = [View(), View(MEAN, 60.5, S, True, color=COLOR, noise="2012"), View([0.1, 0.2, 0.3], crop=S, jitter=(6, 9)),
         View(0.1, mirror=True, pad=2), View(MEAN, crop=S, crops="ten")]


@pytest.mark.parametrize("view", VIEWS)
def test_it_is_written_down_and_read_again(view, tmp_path):
    view.save(tmp_path / "run")
    config = json.loads(json.dumps(view.config()))
    again = View.from_config(config, tmp_path / "run")
    assert again.config() == view.config() == config and again.jitter == view.jitter
    assert (tmp_path / "run" / "mean.npy").exists() == (view.mean.ndim == 3)
    images = np.repeat(IMAGES[:2], 4, axis=2)[:, :, :40] if view.jitter else IMAGES
    for ours, theirs in zip(*(each.train(images, np.random.default_rng(0)) for each in (again, view)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("options", [
    {"mirror": np.True_}, {"crop": np.int64(S), "jitter": [np.int64(6), np.int32(9)]}, {"pad": np.int8(2)},
    {"scale": np.float32(3.3), "color": COLOR, "noise": "2012"}])
def test_what_was_given_as_numpys_is_read_again_too(options):
    view = View(**options)
    again = View.from_config(json.loads(json.dumps(view.config())))
    assert again.config() == view.config()
    ours, theirs = (each.train(IMAGES[:8], np.random.default_rng(0)) for each in (again, view))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("options, message", [
    ({"mean": np.zeros((2, 2))}, r"View mean: expected finite numbers, an image .* got shape \(2, 2\)"),
    ({"mean": [np.nan, 0, 0]}, "View mean: expected finite numbers, got NaN or infinity"),
    ({"scale": 0}, "View scale: expected a number above 0, got 0"),
    ({"scale": float("nan")}, "View scale: expected a number above 0, got nan"),
    ({"crop": 0}, "View crop: expected a whole number of 1 or more, got 0"),
    ({"crop": 10, "mean": MEAN}, r"View crop: .* fits into the mean image, of shape \(9, 11, 3\), got 10"),
    ({"crop": 2.5}, "View crop: expected a whole number"),
    ({"jitter": (8, 9)}, "View jitter: expected a crop, and crop <= low <= high, got crop=None, low=8, high=9"),
    ({"crop": 6, "jitter": (9, 8)}, "got crop=6, low=9, high=8"),
    ({"crop": 6, "jitter": (8, 9), "mean": MEAN}, r"View jitter: expected a mean of one .*mean\.mean\(axis=\(0, 1\)\)"),
    ({"color": COLOR[::-1]}, r"View color: expected eigenvalues \(3,\).* got shapes \(3, 3\) and \(3,\)"),
    ({"color": (np.array([0.2, 0.1, -1]), np.eye(3))}, r"View color: expected eigenvalues of 0 or more, .* got \[ 0.2"),
    ({"color": (np.ones(3),)}, r"View color: expected two arrays, eigenvalues and eigenvectors, got \(array"),
    ({"crop": 6, "jitter": (6.0, 9.0)}, "View jitter: expected a whole number of 1 or more, got 6.0"),
    ({"crop": 6, "jitter": (8, 5000)}, "View jitter: .* at most 4,096 pixels, got 5000; .*view.MOST_SIDE higher"),
    ({"mirror": 1}, "View mirror: expected True or False, got 1"),
    ({"mirror": 0.5}, "View mirror: expected True or False, got 0.5"),
    ({"crop": 6, "jitter": 8}, "View jitter: expected two sizes, the least and the largest, got 8"),
    ({"pad": -1}, "View pad: expected a whole number of 0 or more, got -1"),
    ({"pad": 1, "crop": 6, "jitter": (8, 9)}, "View pad: expected 0 together with jitter, got 1"),
    ({"noise": "none"}, "View noise: expected one of paper, 2012, got 'none'"),
    ({"crops": "five"}, "View crops: expected one of random, ten, center, and with jitter or pad .random., got 'five'"),
    ({"crops": "ten", "pad": 1}, "View crops: expected .* with jitter or pad .random., got 'ten'"),
])
def test_what_is_no_view(options, message):
    with pytest.raises(ValueError, match=message):
        View(**options)


@pytest.mark.parametrize("change, message", [
    (lambda c: [], r"a view: expected mean, scale, .* got \[\]"),
    (lambda c: {**c, "size": 3}, "a view: expected mean, scale, crop, mirror, jitter, pad, color, noise, crops, got {"),
    (lambda c: {name: c[name] for name in c if name != "scale"}, "a view: expected mean, scale"),
    (lambda c: {**c, "scale": "much"}, "a view: expected what View.config gives"),
    (lambda c: {**c, "color": {"values": [1, 2, 3]}}, "a view: expected what View.config gives"),
    (lambda c: {**c, "color": [1]}, "a view: expected what View.config gives"),
    (lambda c: {**c, "jitter": 5}, "View jitter: expected two sizes, the least and the largest, got 5"),
    (lambda c: {**c, "jitter": []}, r"View jitter: expected two sizes, the least and the largest, got \[\]"),
    (lambda c: {**c, "jitter": [5, 6.5]}, "View jitter: expected a whole number of 1 or more, got 6.5"),
    (lambda c: {**c, "jitter": [5, 5000]}, "View jitter: expected sizes of at most 4,096 pixels, got 5000; if it is"),
    (lambda c: {**c, "mirror": "no"}, "View mirror: expected True or False, got 'no'"),
    (lambda c: {**c, "noise": ["paper"]}, "View noise: expected one of paper, 2012, got .'paper'."),
    (lambda c: {**c, "mean": [10 ** 400] * 3}, "a view: expected what View.config gives|View mean"),
    (lambda c: {**c, "mean": "../other.npy"}, "other.npy"),
    (lambda c: {**c, "mean": None}, "View mean: expected finite numbers"),
    (lambda c: {**c, "crop": -1}, "View crop: expected a whole number"),
])
def test_configs_that_say_something_else(change, message, tmp_path):
    VIEWS[1].save(tmp_path)
    with pytest.raises(ValueError, match=message):
        View.from_config(change(VIEWS[1].config()), tmp_path)


def test_a_mean_image_that_is_missing_or_damaged(tmp_path):
    with pytest.raises(FileNotFoundError, match="mean.npy is not there, the mean image that is subtracted"):
        View.from_config(VIEWS[1].config(), tmp_path)
    VIEWS[1].save(tmp_path)
    (tmp_path / "mean.npy").write_bytes((tmp_path / "mean.npy").read_bytes()[:100])
    with pytest.raises(ValueError, match="mean.npy: expected a whole .npy file, got the error "):
        View.from_config(VIEWS[1].config(), tmp_path)


@pytest.mark.parametrize("mean, message", [
    (np.zeros((3, 3)), r"mean.npy: expected a mean image \(H, W, C\), got float64 of shape \(3, 3\)"),
    (np.zeros((3, 3, 0)), r"expected a mean image \(H, W, C\), got float64 of shape \(3, 3, 0\)"),
    (np.zeros((3, 3, 3), complex), r"expected a mean image \(H, W, C\), got complex128"),
    (np.full((3, 3, 3), "x"), r"expected a mean image \(H, W, C\), got <U1"),
    (np.full((3, 3, 3), np.nan), "mean.npy: expected finite numbers, got NaN, infinity, or a number too large"),
    (np.full((3, 3, 3), 1e300), "mean.npy: expected finite numbers"),
    (np.zeros((2, 2, 3)), r"View crop: expected one that fits into the mean image, of shape \(2, 2, 3\)"),
    (np.array([None]), "mean.npy: expected a whole .npy file")])
def test_a_mean_image_that_cannot_be(tmp_path, mean, message):
    np.save(tmp_path / "mean.npy", mean)
    config = VIEWS[1].config()
    with pytest.raises(ValueError, match=message):
        View.from_config({**config, "crop": 3, "jitter": None}, tmp_path)


def test_a_mean_image_that_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr("tinynet.data.view.MOST_MEAN", 8)
    np.save(tmp_path / "mean.npy", np.zeros((3, 3, 1)))
    with pytest.raises(ValueError, match=r"mean.npy: .*\(3, 3, 1\), more than 8 numbers"):
        View.from_config(VIEWS[1].config(), tmp_path)


@pytest.mark.parametrize("see", ["train", "center", "ten", "pixels"])
def test_images_that_do_not_fit(see):
    rng = [np.random.default_rng(0)] if see == "train" else []
    with pytest.raises(ValueError, match=r"images of shape \(9, 11, 3\), as those .* trained on, got \(6, 6, 3\)"):
        getattr(View(MEAN, crop=S), see)(IMAGES[:, :6, :6], *rng)
    with pytest.raises(ValueError, match=r"at least 6x6 pixels to crop, got shape \(40, 5, 11, 3\)"):
        getattr(View(crop=S), see)(IMAGES[:, :5], *rng)
    with pytest.raises(ValueError, match=r"images of shape \(H, W, C\) in .*\(9, 11, 3\); write image\[None\] for a s"):
        getattr(View(crop=S), see)(IMAGES[0], *rng)
    with pytest.raises(ValueError, match=r"images of shape \(H, W, C\) in .* \(N, H, W, C\), got shape \(9, 11\)$"):
        getattr(View(crop=S), see)(IMAGES[0, ..., 0], *rng)
    with pytest.raises(TypeError, match=r"View: expected images in one array \(N, H, W, C\), got a list"):
        getattr(View(crop=S), see)(list(IMAGES), *rng)


@pytest.mark.parametrize("view", [View([1, 2, 3]), View(color=COLOR), View([1, 2, 3], crop=S, jitter=(6, 9))])
def test_grey_images_for_a_view_of_colours(view):
    """A colour minus a grey image would be an image in colour."""
    for see in view.center, lambda images: view.train(images, np.random.default_rng(0)):
        with pytest.raises(ValueError, match=r"images of shape \(H, W, 3\), as those .* got \(9, 11, 1\)"):
            see(IMAGES[..., :1])


def test_grey_images():
    x = View(7, 2.0, S, mirror=True).train(IMAGES[..., :1], np.random.default_rng(0))
    np.testing.assert_allclose(x, random_crops((IMAGES[..., :1] - 7.0) / 2, S, np.random.default_rng(0)))


@pytest.mark.parametrize("options", [{"crop": S}, {"mirror": True}, {"pad": 1}, {"color": COLOR},
                                     {"crop": 6, "jitter": (6, 6)}])
def test_without_a_generator_nothing_is_drawn(options):
    with pytest.raises(ValueError, match="View.train: expected a Generator to draw from, got None; give the Loader an"):
        View(**options).train(IMAGES)


def test_ten_crops_need_a_generator():
    with pytest.raises(ValueError, match="View.train: expected a Generator to draw from"):
        View(crop=S, crops="ten").train(IMAGES)


def test_another_mean_is_brought_to_the_device_too():
    view, images = View(MEAN), simulated(0).asarray(IMAGES)
    view.center(images)
    view.mean = MEAN + 1
    np.testing.assert_array_equal(simulated(0).tohost(view.center(images)), view.center(IMAGES))


def test_a_seed_draws_nothing():
    for draw in View(crop=4).train, View(mirror=True).draw, View(color=COLOR).train:
        with pytest.raises(TypeError, match="View.train: expected a Generator as rng, got 0; make one with"):
            draw(IMAGES, 0)
