"""Hiding parts of an image: where the square lies, what the net then answers, and the average over images."""
from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from tinynet import Conv2d, Flatten, GlobalAvgPool2d, Linear, ReLU, Sequential, gaussian, softmax
from tinynet.data import View
from tinynet.look.occlusion import GREY, Occluded, average, draw_average, draw_occlusion, hidden, occlusion

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)


def make_net(size=(12, 10)):
    start = {"rng": np.random.default_rng(7), "weight_init": gaussian(0.05)}
    return Sequential(conv=Conv2d(3, 4, 3, padding=1, **start), relu=ReLU(), flat=Flatten(),
                      fc=Linear(4 * size[0] * size[1], 5, **start))


def test_every_answer_is_that_of_the_image_with_its_square():
    net, view = make_net(), View(100.0, 50.0)
    found = occlusion(net, IMAGE, 3, view, 5, 5, at="relu", batch_size=4)
    np.testing.assert_array_equal(found.rows, [0, 5, 10])
    np.testing.assert_array_equal(found.columns, [0, 5])
    maps = {}

    def answer(image):
        scores = net.forward(view.center(image[None]), seen=lambda name, layer, x, y: maps.update({name: y}))
        return softmax(scores, np)[0]
    assert found.whole == pytest.approx(answer(IMAGE)[3], rel=1e-6)
    unit = maps["relu"][0].max(axis=(0, 1)).argmax()
    assert found.unit == unit != maps["relu"][0].sum(axis=(0, 1)).argmax()
    for i, row in enumerate(found.rows):
        for j, column in enumerate(found.columns):
            image = IMAGE.copy()
            image[max(row - 2, 0):row + 3, max(column - 2, 0):column + 3] = GREY
            p = answer(image)
            assert found.probability[i, j] == pytest.approx(p[3], rel=1e-5)
            assert found.likeliest[i, j] == p.argmax()
            assert found.activity[i, j] == pytest.approx(maps["relu"][0, :, :, unit].sum(), rel=1e-5)


def test_the_class_of_a_patch_is_lost_where_the_patch_is_hidden():
    """A net that recognises white: its probability falls where the square covers the white patch, and there alone."""
    net = Sequential(pool=GlobalAvgPool2d(), fc=Linear(1, 2))
    net["fc"].W.assign(np.array([[0, 9]], np.float32))
    image = np.full((16, 16, 1), GREY, np.uint8)
    image[10:14, 2:6] = 255
    found = occlusion(net, image, 1, View(float(GREY), 10.0), 5, 1)
    fell = found.probability < found.whole - 1e-6
    expected = np.zeros((16, 16), bool)
    expected[8:16, 0:8] = True                                            # centres whose square touches the patch
    np.testing.assert_array_equal(fell, expected)
    assert found.activity is None
    assert found.probability[11, 3] == pytest.approx(0.5)


def test_the_square_lies_on_what_the_net_sees():
    view = View(0.0, crop=6)
    images = hidden(IMAGE, view, [(0, 0), (3, 5)], 3)
    seen, before = view.pixels(images), view.pixels(IMAGE[None])[0]
    assert (seen[0, :2, :2] == GREY).all() and (seen[1, 2:5, 4:6] == GREY).all()
    np.testing.assert_array_equal(seen[0, 2:], before[2:])
    np.testing.assert_array_equal(images[0, :3], IMAGE[:3])               # beyond the crop nothing is hidden


def test_averages():
    rng = np.random.default_rng(0)
    maps = rng.uniform(0.1, 1, (7, 3, 4))
    found = average([Occluded(np.arange(3), np.arange(4), one, one.astype(int), 0.5) for one in maps])
    np.testing.assert_allclose(found.mean, 2 * maps.mean(axis=0))
    np.testing.assert_allclose(found.error, 2 * maps.std(axis=0, ddof=1) / 7 ** 0.5)
    lowest = 2 * maps.min(axis=(1, 2))
    assert found.lowest == pytest.approx((lowest.mean(), lowest.std(ddof=1) / 7 ** 0.5)) and found.count == 7
    with pytest.raises(ValueError, match=re.escape("two images or more, all of one size, got (3, 4)")):
        average([Occluded(np.arange(3), np.arange(4), maps[0], maps[0], 0.5)])
    with pytest.raises(ValueError, match="expected images of whose true class the net is a little sure"):
        average([Occluded(np.arange(3), np.arange(4), maps[0], maps[0], whole) for whole in (0.5, 0.0)])


@pytest.mark.parametrize("change, error", [
    ({"label": 5}, "expected a label from 0 to 4, got 5"),
    ({"square": 11}, "a square that fits into 12x10 pixels, got 11"),
    ({"at": "conv9"}, "no layer is called 'conv9'; there are conv, relu, flat, fc"),
    ({"stride": 0}, "occlusion stride: expected a whole number of 1 or more, got 0"),
])
def test_what_cannot_be(change, error):
    how = {"label": 3, "square": 5, "stride": 4, "at": None} | change
    with pytest.raises((KeyError, ValueError), match=re.escape(error)):
        occlusion(make_net(), IMAGE, how["label"], View(100.0), how["square"], how["stride"], how["at"])


def test_a_net_whose_answers_are_nan():
    net = make_net()
    net["fc"].W.value[...] = np.nan
    with pytest.raises(ValueError, match="occlusion: the net's answers hold NaN"):
        occlusion(net, IMAGE, 3, View(100.0), 5, 4)


@pytest.mark.parametrize("at", [None, "relu"])
def test_the_picture(tmp_path, at):
    found = occlusion(make_net(), IMAGE, 3, View(100.0, 50.0), 5, 4, at)
    projection = None if at is None else IMAGE
    draw_occlusion(tmp_path / "occlusion.png", IMAGE, found, list("abcde"), 3, 5, projection, "a note")
    with Image.open(tmp_path / "occlusion.png") as picture:
        assert picture.size[0] > 1000 and len(picture.convert("RGB").getcolors(2 ** 20)) > 50


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn of maps of places: (numbers, extent) of each."""
    found = []
    imshow = Axes.imshow

    def noted(self, values, *args, extent=None, **options):
        found.extend([(np.shape(values), extent)] if extent is not None else [])
        return imshow(self, values, *args, extent=extent, **options)
    monkeypatch.setattr(Axes, "imshow", noted)
    return found


@pytest.mark.parametrize("stride, extent", [(1, (-0.5, 9.5, 11.5, -0.5)), (2, (-1, 9, 11, -1)),
                                            (5, (-2.5, 7.5, 12.5, -2.5)),
                                            (11, (-5.5, 5.5, 16.5, -5.5)), (99, (-0.5, 0.5, 0.5, -0.5))])
def test_each_number_is_drawn_around_the_centre_of_its_square(tmp_path, drawn, stride, extent):
    found = occlusion(make_net(), IMAGE, 3, View(100.0, 50.0), 5, stride, "relu")
    draw_occlusion(tmp_path / "one.png", IMAGE, found, list("abcde"), 3, 5)
    draw_average(tmp_path / "average.png", average([found, found]), found.rows, found.columns)
    assert drawn == [(found.probability.shape, extent)] * 4               # activity, probability, class; and the mean
    left, right, bottom, top = extent
    P, Q = found.probability.shape
    np.testing.assert_allclose(found.columns, left + (np.arange(Q) + 0.5) * (right - left) / Q)
    np.testing.assert_allclose(found.rows, top + (np.arange(P) + 0.5) * (bottom - top) / P)


def test_the_picture_of_an_average(tmp_path):
    rng = np.random.default_rng(0)
    maps = rng.uniform(size=(5, 3, 4))
    found = average([Occluded(np.arange(3), np.arange(4), one, one.astype(int), 0.5) for one in maps])
    draw_average(tmp_path / "average.png", found, np.arange(3) * 8, np.arange(4) * 8, "a note")
    with Image.open(tmp_path / "average.png") as picture:
        assert picture.size[0] > 900 and len(picture.convert("RGB").getcolors(2 ** 20)) > 50
