"""The strongest activations over a data set: against all of them sorted, in batches of any size; and their pieces."""
from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tinynet import (
    Branches,
    Conv2d,
    ConvTranspose2d,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    gaussian,
    pair,
)
from tinynet.look.deconvnet import project
from tinynet.look.images import as_large
from tinynet.look.strongest import as_picture, draw_strongest, pieces, strongest
from tinynet.models import alexnet

IMAGES = np.random.default_rng(0).integers(0, 256, (25, 9, 8, 3), dtype=np.uint8)
AT = ["relu1", "fc", "mix.two"]


def prepare(images):
    return images.astype(np.float32) - 127


def make_net():
    rng = np.random.default_rng(1)
    start = {"rng": rng, "weight_init": gaussian(0.1)}
    return Sequential(conv1=Conv2d(3, 4, 3, stride=2, padding=1, **start), relu1=ReLU(), pool1=MaxPool2d(2),
                      mix=Branches(one=Conv2d(4, 2, 1, **start), two=Conv2d(4, 3, 3, padding=1, **start)),
                      flat=Flatten(), fc=Linear(20, 6, **start))


def activations(net, at):
    seen = {}
    net.forward(prepare(IMAGES), seen=lambda name, layer, x, y: seen.update({name: y}))
    return seen[at]


@pytest.mark.parametrize("batch_size", [1, 4, 25, 100])
@pytest.mark.parametrize("count", [1, 9, 30])
def test_they_are_the_first_of_all_sorted(batch_size, count):
    net = make_net()
    found = strongest(net, IMAGES, AT, prepare, count, batch_size)
    assert list(found) == AT
    for at in AT:
        y = activations(net, at)
        y = y.reshape(len(y), -1, y.shape[-1])
        assert found[at].values.shape == found[at].images.shape == (y.shape[-1], count)
        for f in range(y.shape[-1]):
            largest = y[:, :, f].max(axis=1)
            order = np.argsort(-largest, kind="stable")[:count]
            np.testing.assert_array_equal(found[at].images[f, :len(order)], order)
            np.testing.assert_allclose(found[at].values[f, :len(order)], largest[order], rtol=1e-5)
            assert (found[at].images[f, len(order):] == -1).all()


@pytest.mark.parametrize("batch_size", [1, 2, 6])
def test_of_equally_strong_ones_the_earlier_image_stays(batch_size):
    images = np.array([5, 9, 5, 9, 9, 5], np.uint8).reshape(6, 1, 1, 1)
    found = strongest(Sequential(relu=ReLU()), images, ["relu"], lambda x: x.astype(np.float32), 4, batch_size)
    np.testing.assert_array_equal(found["relu"].images, [[1, 3, 4, 0]])


def test_places():
    net, (at, unit) = make_net(), ("mix.two", 2)
    y, found = activations(net, at), strongest(net, IMAGES, [at], prepare)[at]
    for i, (p, q), value in zip(found.images[unit], found.places[unit], found.values[unit], strict=True):
        assert y[i, p, q, unit] == pytest.approx(value, rel=1e-5)
        assert value == pytest.approx(y[i, :, :, unit].max(), rel=1e-5)
    np.testing.assert_array_equal(strongest(net, IMAGES, ["fc"], prepare)["fc"].places, 0)


def test_pieces_are_what_the_unit_sees_and_its_projection_has_nothing_elsewhere():
    net, unit = make_net(), 1
    found = strongest(net, IMAGES, ["mix.two"], prepare, 30)["mix.two"]
    shown = pieces(net, IMAGES, "mix.two", unit, found, prepare, lambda images: images)
    assert len(shown) == len(IMAGES) and {piece.image.shape for piece in shown} == {(13, 13, 3)}
    for piece, i, place in zip(shown, found.images[unit], found.places[unit], strict=False):
        whole = project(net, prepare(IMAGES[i:i + 1]), "mix.two", unit, tuple(place))[0]
        (top, bottom), (left, right) = piece.field.beyond
        inside = np.s_[top:13 - bottom, left:13 - right]
        np.testing.assert_array_equal(piece.projection[inside], whole[piece.field.rows, piece.field.columns])
        np.testing.assert_array_equal(piece.image[inside], IMAGES[i][piece.field.rows, piece.field.columns])
        whole[piece.field.rows, piece.field.columns] = 0
        assert not whole.any()
        outside = np.ones((13, 13), bool)
        outside[inside] = False
        assert (piece.image[outside] == 127).all() and not piece.projection[outside].any()


def test_two_columns():
    net = alexnet(classes=2, kernels=(4, 4, 4, 4, 4), hidden=4, input_size=67, devices=pair("simulated"))
    images = np.random.default_rng(0).integers(0, 256, (3, 67, 67, 3), dtype=np.uint8)
    found = strongest(net, images, ["conv2.left", "conv2.right"], prepare, 2)
    assert found["conv2.right"].images.shape == (2, 2)
    piece = pieces(net, images, "conv2.right", 1, found["conv2.right"], prepare, lambda images: images)[0]
    assert piece.image.shape == piece.projection.shape == (51, 51, 3)


def test_what_is_not_there():
    with pytest.raises(KeyError, match="no layer is called conv7, mix; there are conv1, relu1, pool1, mix.one"):
        strongest(make_net(), IMAGES, ["conv7", "mix", "fc"], prepare)
    with pytest.raises(ValueError, match="strongest: expected one image or more, got none"):
        strongest(make_net(), IMAGES[:0], ["fc"], prepare)
    with pytest.raises(TypeError, match=r"strongest: expected a list of layers, got 'fc' alone: write \['fc'\]"):
        strongest(make_net(), IMAGES, "fc", prepare)
    with pytest.raises(ValueError, match="strongest: expected the name of one layer or more, got none"):
        strongest(make_net(), IMAGES, [], prepare)


def test_a_projection_as_a_picture():
    picture = as_picture(np.array([[[0.0, 2.0, -2.0]], [[1.0, -1.0, 0.0]]]))
    np.testing.assert_array_equal(picture, [[[128, 255, 0]], [[191, 64, 128]]])
    assert (as_picture(np.zeros((2, 2, 3))) == 128).all()


def test_the_picture(tmp_path):
    net = make_net()
    found = strongest(net, IMAGES, ["relu1", "mix.two"], prepare)
    shown = {f"{at}, map {unit}": pieces(net, IMAGES, at, unit, found[at], prepare, lambda images: images)
             for at in found for unit in (0, 2)}
    draw_strongest(tmp_path / "top9.png", shown, "a note")
    with Image.open(tmp_path / "top9.png") as picture:
        assert picture.size[0] > 800 and len(picture.convert("RGB").getcolors(2 ** 20)) > 100
    with pytest.raises(ValueError, match="expected one piece or more of every map, got none"):
        draw_strongest(tmp_path / "none.png", {"relu1": []})


def test_pieces_of_several_sizes(tmp_path):
    """Some pixels of a transposed convolution lie in one window, others in two."""
    net = Sequential(up=ConvTranspose2d(3, 2, 3, 2, rng=np.random.default_rng(0), weight_init=gaussian(0.5)),
                     relu=ReLU())
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3)).astype(np.uint8)
    found = strongest(net, images, ("relu",), lambda x: x.astype(np.float32))["relu"]
    shown = pieces(net, images, "relu", 0, found, lambda x: x.astype(np.float32), lambda x: x)
    assert len({piece.image.shape for piece in shown}) > 1
    draw_strongest(tmp_path / "top9.png", {"map 0": shown})
    with Image.open(tmp_path / "top9.png") as picture:
        assert picture.size[0] > 0
    np.testing.assert_array_equal(as_large([np.zeros((1, 2, 1), np.uint8), np.ones((2, 1, 1), np.uint8)], 9)[..., 0],
                                  [[[0, 0], [9, 9]], [[1, 9], [1, 9]]])
