"""Nearest neighbours: against sorting all distances, with ties and far from the origin; features; the picture."""
import matplotlib.image
import numpy as np
import pytest
from naive import assert_close

from tinynet import Columns, Conv2d, Dropout, Exchange, Flatten, Fork, Linear, ReLU, Sequential, Tanh, pair
from tinynet.look.neighbors import draw_neighbors, features, nearest


def naive_nearest(queries, stored, k):
    """All distances in float64, sorted; of equal ones the smaller index first."""
    found = []
    for q in queries.astype(np.float64):
        distances = [(sum((a - b) ** 2 for a, b in zip(q, f, strict=True)), i) for i, f in enumerate(stored.tolist())]
        found.append(sorted(distances)[:k])
    found = np.array(found)
    return found[:, :, 1].astype(int), found[:, :, 0] ** 0.5


# ---------------------------------------------------------------------------------------- nearest


def test_by_hand():
    stored = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    indices, distances = nearest(np.array([[0.0, 0.0], [3.0, 3.0]]), stored, 3)
    np.testing.assert_array_equal(indices, [[0, 2, 1], [1, 2, 0]])
    assert_close(distances, [[0, 1, 5], [1, 13 ** 0.5, 18 ** 0.5]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k, batch_size", [(1, 100), (7, 4), (60, 3)])
def test_agrees_with_sorting_all_distances(dtype, k, batch_size):
    rng = np.random.default_rng(0)
    queries, stored = rng.normal(size=(10, 5)).astype(dtype), rng.normal(size=(60, 5)).astype(dtype)
    indices, distances = nearest(queries, stored, k, batch_size)
    expected, lengths = naive_nearest(queries, stored, k)
    np.testing.assert_array_equal(indices, expected)
    assert_close(distances, lengths)


def test_equally_near_ones_come_in_the_order_of_their_indices():
    grid = np.random.default_rng(0).integers(0, 3, (80, 2)).astype(np.float32)  # nine places for 80 points
    np.testing.assert_array_equal(nearest(grid[:9], grid, 30)[0], naive_nearest(grid[:9], grid, 30)[0])


@pytest.mark.parametrize("kinds", [(np.float32, np.float32), (np.float64, np.float32), (np.float32, np.float64)])
def test_far_from_the_origin_and_close_to_each_other(kinds):
    """Two far clusters of near points: |q|² + |f|² - 2 q·f in float32 has no digit left of the distances within one."""
    rng = np.random.default_rng(0)
    stored = np.concatenate([1000 + rng.normal(0, 0.01, (50, 6)), -1000 + rng.normal(0, 0.01, (50, 6))])
    stored, queries = stored.astype(kinds[1]), stored[::5].astype(kinds[0])
    q, f = queries.astype(np.float32), stored.astype(np.float32)
    rounded = (q * q).sum(axis=1)[:, None] + (f * f).sum(axis=1) - 2 * q @ f.T
    expected, lengths = naive_nearest(queries, stored, 5)
    assert (np.argsort(rounded, axis=1)[:, :5] != expected).any(axis=1).all()  # the plain formula fails everywhere
    indices, distances = nearest(queries, stored, 5)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(distances, lengths, rtol=1e-9)


@pytest.mark.parametrize("dtype, size", [(np.float32, 1e-30), (np.float32, 1e-23), (np.float32, 1e18),
                                         (np.float32, 1e19), (np.float32, 1e20), (np.float32, 1e38),
                                         (np.float64, 1e150)])
def test_numbers_whose_squares_are_too_large_or_too_small_for_their_dtype(dtype, size):
    stored = (size * np.random.default_rng(0).uniform(-2, 2, (50, 4))).astype(dtype)
    indices, distances = nearest(stored[::7], stored, 3)
    expected, lengths = naive_nearest(stored[::7] / size, stored / size, 3)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(distances / size, lengths, rtol=1e-6)


def test_squares_that_have_lost_digits_because_they_are_so_small():
    rng = np.random.default_rng(0)
    for _ in range(20):
        stored, queries = ((1e-22 * rng.normal(size=(N, 4))).astype(np.float32) for N in (50, 20))
        expected, _ = naive_nearest(queries.astype(np.float64), stored.astype(np.float64), 1)
        np.testing.assert_array_equal(nearest(queries, stored, 1)[0], expected)


def test_what_cannot_be_searched_is_refused():
    x = np.ones((4, 3), np.float32)
    with pytest.raises(TypeError, match=r"nearest: expected features of float32 or float64, got uint8; convert"):
        nearest(x.astype(np.uint8), x, 1)
    with pytest.raises(ValueError, match=r"nearest: expected features \(N, D\), got shape \(4,\)"):
        nearest(x[:, 0], x, 1)
    with pytest.raises(ValueError, match=r"nearest: expected features \(N, D\), got shape \(0, 3\)"):
        nearest(x, x[:0], 1)
    with pytest.raises(ValueError, match=r"nearest: .* of the same D, got shapes \(4, 2\) and \(4, 3\)"):
        nearest(x[:, :2], x, 1)
    for k in 0, 5:
        with pytest.raises(ValueError, match=f"nearest: expected k from 1 to 4, as many as are stored, got {k}"):
            nearest(x, x, k)
    with pytest.raises(ValueError, match="nearest: the features hold NaN or infinity, first in row 2"):
        nearest(x, np.where(np.arange(4)[:, None] == 2, np.nan, x), 1)
    with pytest.raises(ValueError, match="nearest batch_size: expected a whole number of 1 or more, got 0"):
        nearest(x, x, 1, batch_size=0)


# ---------------------------------------------------------------------------------------- features


def prepare(images):
    return images.astype(np.float32) / 255 - np.float32(0.5)


IMAGES = np.random.default_rng(1).integers(0, 256, (7, 5, 5, 3), np.uint8)


def test_features_are_the_activations_of_the_layer_without_dropout():
    rng = np.random.default_rng(0)
    net = Sequential(conv=Conv2d(3, 4, 3, rng=rng), relu=ReLU(), flat=Flatten(), drop=Dropout(0.5, rng),
                     fc=Linear(36, 2, rng=rng))
    maps = net["relu"].forward(net["conv"].forward(prepare(IMAGES)))
    for batch_size in 1, 3, 7, 100:
        assert_close(features(net, IMAGES, "relu", prepare, batch_size), maps.reshape(7, 36))
    assert_close(features(net, IMAGES, "drop", prepare), maps.reshape(7, 36) / 2)


@pytest.mark.parametrize("kind", ["simulated", "cpu"])
@pytest.mark.parametrize("upto, ends", [("conv", 4), ("both", 8), ("flat", 8)])
def test_features_of_two_columns_are_joined_along_the_channels(kind, upto, ends):
    devices = pair(kind)
    layers = [[Conv2d(3, 4, 3, rng=np.random.default_rng(i)).to(devices[i]), Flatten()] for i in (0, 1)]
    net = Sequential(fork=Fork(devices), conv=Columns(layers[0][0], layers[1][0]), both=Exchange(),
                     flat=Columns(layers[0][1], layers[1][1]))
    left, right = (Conv2d(3, 4, 3, rng=np.random.default_rng(i)).forward(prepare(IMAGES)) for i in (0, 1))
    whole = np.concatenate([left, right], axis=-1)                                   # (N, 3, 3, 8)
    if upto == "conv":
        expected = whole.reshape(7, -1)
    elif upto == "both":
        expected = np.concatenate([whole, whole], axis=-1).reshape(7, -1)
    else:
        expected = np.concatenate([whole.reshape(7, -1)] * 2, axis=-1)
    assert_close(features(net, IMAGES, upto, prepare, 3), expected)


def test_features_of_a_layer_in_a_layer():
    conv = Conv2d(3, 4, 3, rng=np.random.default_rng(0))
    net = Sequential(block=Sequential(conv=conv, relu=ReLU(), deep=Sequential(tanh=Tanh())), flat=Flatten())
    expected = conv.forward(prepare(IMAGES)).reshape(7, -1)
    for batch_size in 3, 7:
        assert_close(features(net, IMAGES, "block.conv", prepare, batch_size), expected)
    assert_close(features(net, IMAGES, "block.deep.tanh", prepare), np.tanh(np.maximum(expected, 0)))
    for wrong in "block.pool", "block.deep":
        with pytest.raises(KeyError, match=f"features: '{wrong}' is no layer of this net, or one that is made of"):
            features(net, IMAGES, wrong, prepare)


def test_features_between_a_forward_and_its_backward_disturb_nothing():
    net = Sequential(conv=Conv2d(3, 4, 3, rng=np.random.default_rng(0)), relu=ReLU())
    y = net.forward(prepare(IMAGES), train=True)
    features(net, IMAGES[:2], "relu", prepare)
    net.backward(np.ones_like(y))
    np.testing.assert_array_equal(net["conv"].b.grad, (y > 0).sum(axis=(0, 1, 2)))


def test_features_of_nothing_or_of_an_unknown_layer_are_refused():
    net = Sequential(relu=ReLU())
    with pytest.raises(ValueError, match="features: expected one image or more, got none"):
        features(net, IMAGES[:0], "relu", prepare)
    with pytest.raises(KeyError, match="no layer is called 'relu7'"):
        features(net, IMAGES, "relu7", prepare)


# ---------------------------------------------------------------------------------------- the picture


@pytest.mark.parametrize("channels", [1, 3])
def test_the_picture_is_written_with_a_frame_around_each_wrong_one(tmp_path, channels):
    found = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 6, channels), np.uint8)
    right = np.array([[True, False, True], [True, True, False]])
    orange = []
    for marks in None, right, right & False:
        draw_neighbors(tmp_path / "n.png", found[:, 0], found, "note", names=["cat", "dog"], right=marks)
        picture = matplotlib.image.imread(tmp_path / "n.png")[..., :3]
        orange.append((abs(picture - [1, 127 / 255, 14 / 255]).max(axis=-1) < 0.01).sum())
        assert picture.std() > 0.05
    assert orange[1] > orange[0] + 100 and orange[2] > 2 * orange[1] - orange[0]  # none, two, six frames
    assert [file.name for file in tmp_path.iterdir()] == ["n.png"]


def test_images_that_do_not_fit_are_refused(tmp_path):
    found = np.zeros((2, 3, 8, 6, 3), np.uint8)
    with pytest.raises(TypeError, match="draw_neighbors: expected images of uint8, 0 to 255, got float64"):
        draw_neighbors(tmp_path / "n.png", found[:, 0] / 255, found)
    with pytest.raises(ValueError, match=r"draw_neighbors: expected images \(Q, k, H, W, 3\), .* \(2, 8, 6, 3\)"):
        draw_neighbors(tmp_path / "n.png", found[:, 0], found[:, 0])
    for wrong in {"queries": found[:1, 0]}, {"right": np.ones((3, 2), bool)}, {"names": ["cat"]}:
        with pytest.raises(ValueError, match=r"draw_neighbors: expected queries \(Q, H, W, C\), .*, got shapes \("):
            draw_neighbors(tmp_path / "n.png", **{"queries": found[:, 0], "found": found, **wrong})
    assert list(tmp_path.iterdir()) == []
