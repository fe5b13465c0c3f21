"""Which activation is picked, what each way shows of it, and how alike pictures are; the sheet they are drawn on."""
from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from tinynet import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, gaussian
from tinynet.look.compare import WAYS, Picked, alike, pick, shown_by
from tinynet.look.deconvnet import climb, project
from tinynet.look.sheet import draw_sheet

X = np.random.default_rng(0).normal(size=(4, 9, 8, 3)).astype(np.float32)


def make_net():
    start = {"rng": np.random.default_rng(1), "weight_init": gaussian(0.2)}
    return Sequential(conv=Conv2d(3, 5, 3, padding=1, **start), relu=ReLU(), pool=MaxPool2d(2), flat=Flatten(),
                      fc=Linear(4 * 4 * 5, 6, **start))


def test_the_highest_of_all_of_a_map_and_at_a_place():
    net = make_net()
    y = net[:"relu"].forward(X)                                                      # (4, 9, 8, 5)
    of_all, of_map = pick(net, X, "relu"), pick(net, X, "relu", 2)
    at_place = pick(net, X, "relu", flat=of_all.flat)
    for i in range(len(X)):
        row, column = divmod(int(of_all.flat[i]), 8)
        assert y[i, row, column, of_all.units[i]] == y[i].max()
        assert of_map.units[i] == 2 and y[i].reshape(-1, 5)[of_map.flat[i], 2] == y[i, :, :, 2].max()
        assert y[i, row, column, at_place.units[i]] == y[i, row, column].max()
    scores = net.forward(X)
    np.testing.assert_array_equal(pick(net, X, "fc").units, scores.argmax(axis=1))
    np.testing.assert_array_equal(pick(net, X, "fc").flat, 0)
    with pytest.raises(ValueError, match="relu: expected units from 0 to 4, got 5"):
        pick(net, X, "relu", 5)
    with pytest.raises(KeyError, match="no layer is called 'relu9'; there are conv, relu, pool, flat, fc"):
        pick(net, X, "relu9")


@pytest.mark.parametrize("way", WAYS)
def test_each_way_shows_the_activation_that_was_picked(way):
    net, picked = make_net(), Picked(np.array([1, 3]), np.array([17, 40]))
    found = shown_by(way, net, X[:2], "relu", picked, scale=4.0)
    assert found.shape == (2, 9, 8, 3)
    for i, (unit, place) in enumerate([(1, (2, 1)), (3, (5, 0))]):
        one = (climb(net, X[i:i + 1], "relu", unit, place, 100, 0.25, 0.05) if way == "ascent" else
               project(net, X[i:i + 1], "relu", unit, place, way))
        np.testing.assert_array_equal(found[i:i + 1], one)
    assert shown_by(way, net, X[:1], "fc", Picked(np.array([1]), np.array([0]))).shape == (1, 9, 8, 3)


def test_the_ascent_excites_its_unit():
    net = make_net()
    picked = pick(net, X, "fc", 3)
    found = shown_by("ascent", net, X, "fc", picked)
    assert (net.forward(found)[:, 3] > net.forward(X)[:, 3] + 1).all()


@pytest.mark.parametrize("flat", [[99, 3, 0, 0], [-1, 3, 0, 0], [3]])
def test_places_that_are_none(flat):
    with pytest.raises(ValueError, match="relu: expected a place from 0 to 71 for each image, got"):
        pick(make_net(), X, "relu", flat=np.array(flat))


def test_how_alike():
    a = np.array([[1.0, 2, 3], [1, 2, 3], [1, 2, 3], [5, 5, 5]])[:, None, :, None]
    b = np.array([[10.0, 20, 30], [3, 2, 1], [1, 3, 2], [1, 2, 3]])[:, None, :, None]
    np.testing.assert_allclose(alike(a, b), [1, -1, 0.5, 0], atol=1e-12)


@pytest.mark.parametrize("value, other", [(0.1, 0.1), (0.1, 0.7), (0.0, 0.7)])
def test_a_picture_that_is_the_same_everywhere_is_like_none(value, other):
    """Also where the rounded mean is not quite the number that is everywhere."""
    assert alike(np.full((1, 7, 7, 3), value), np.full((1, 7, 7, 3), other)) == 0


def test_the_sheet(tmp_path):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (8, 8, channels), dtype=np.uint8) for channels in (3, 1)]
    draw_sheet(tmp_path / "sheet.png", [("one", pictures), ("two", pictures)], ["color", "grey"], "a note\nof two")
    with Image.open(tmp_path / "sheet.png") as picture:
        assert len(picture.convert("RGB").getcolors(2 ** 20)) > 50
    for rows in [], [("one", pictures[:1])]:
        with pytest.raises(ValueError, match=re.escape("draw_sheet: expected rows of 2 pictures, got ")):
            draw_sheet(tmp_path / "none.png", rows, ["color", "grey"])
