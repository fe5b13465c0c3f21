"""Nets from the folders of their runs, and their answers."""
import json

import numpy as np
import pytest

from tinynet import Flatten, Linear, Sequential, softmax
from tinynet.data import Split
from tinynet.models import build
from tinynet.models.cifar import RECIPES
from tinynet.training.evaluate import load_net, probabilities
from tinynet.training.train import minus

SETTINGS = {"classes": 3, "input_size": 40, "width": 0.03, "columns": 1}


def split(n, size, seed=0):
    rng = np.random.default_rng(seed)
    return Split(rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8), rng.integers(0, 3, n))


@pytest.fixture
def folder(tmp_path):
    """A run as train_imagenet.py leaves it."""
    net = build("alexnet", rng=np.random.default_rng(0), **SETTINGS)
    (tmp_path / "checkpoints").mkdir()
    net.save(tmp_path / "checkpoints" / "best.npz")
    np.save(tmp_path / "mean.npy", np.full((44, 44, 3), 100, np.float32))
    config = {"net": "alexnet", "settings": SETTINGS, "classes": ["a", "b", "c"], "size": 44, "crop": 40, "scale": 60.0}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


@pytest.fixture
def linear():
    net = Sequential(flat=Flatten(), fc=Linear(27, 3, rng=np.random.default_rng(0)))

    def scores(x):
        return softmax(x.reshape(len(x), 27).astype(np.float32) @ net["fc"].W.value + net["fc"].b.value, np)
    net.scores = scores
    return net


@pytest.mark.parametrize("workers", [0, 2])
def test_the_centre_of_every_image_is_seen(linear, workers):
    images, labels = split(7, 5)
    p = probabilities(linear, Split(images, labels), minus(np.float32(100), 60.0), 3, batch_size=3, workers=workers)
    np.testing.assert_allclose(p, linear.scores((images[:, 1:4, 1:4].astype(np.float32) - 100) / 60), rtol=1e-5)


def test_ten_views_are_averaged(linear):
    images, labels = split(4, 5)
    p = probabilities(linear, Split(images, labels), minus(np.float32(0)), 3, ten=True, batch_size=3)
    views = [images[:, i:i + 3, j:j + 3] for i, j in ((0, 0), (0, 2), (2, 0), (2, 2), (1, 1))]
    expected = sum(linear.scores(view) + linear.scores(view[:, :, ::-1]) for view in views) / 10
    np.testing.assert_allclose(p, expected, rtol=1e-5)


def test_a_net_comes_back_with_what_it_needs(folder):
    trained = load_net(folder)
    images, labels = split(5, 44)
    net = build("alexnet", rng=np.random.default_rng(0), **SETTINGS)
    x = (images[:, 2:42, 2:42].astype(np.float32) - 100) / 60
    np.testing.assert_allclose(trained.probabilities(Split(images, labels)), net.predict(x), rtol=1e-5)
    np.testing.assert_array_equal(trained.prepare(images)[:, 2:42, 2:42], x)
    assert trained.config["classes"] == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"trained on images of shape \(44, 44, 3\), got \(40, 40, 3\)"):
        trained.probabilities(split(1, 40))


def test_the_best_weights_are_taken_then_the_last_then_the_net_alone(folder):
    best = folder / "checkpoints" / "best.npz"
    for place in "checkpoints/last.npz", "net.npz":
        build("alexnet", rng=np.random.default_rng(1), **SETTINGS).save(folder / place)
    same = build("alexnet", rng=np.random.default_rng(0), **SETTINGS)["fc6"].W.value
    assert (load_net(folder).net["fc6"].W.value == same).all()
    best.unlink()
    assert (load_net(folder).net["fc6"].W.value != same).any()
    (folder / "checkpoints" / "last.npz").unlink()
    assert (load_net(folder).net["fc6"].W.value != same).any()
    (folder / "net.npz").unlink()
    with pytest.raises(FileNotFoundError, match="holds no trained net: none of .*best.npz.*last.npz.*net.npz"):
        load_net(folder)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_cifar_run_comes_back(tmp_path, recipe):
    net, crop, scale = RECIPES[recipe].build(np.random.default_rng(0)), RECIPES[recipe].crop, RECIPES[recipe].scale
    net.save(tmp_path / "net.npz")
    np.save(tmp_path / "mean.npy", np.full((32, 32, 3), 100, np.float32))
    (tmp_path / "config.json").write_text(json.dumps({"data": "some", "options": {"net": recipe}}))
    images, labels = split(2, 32)
    edge = (32 - crop) // 2 if crop else 0
    seen = images[:, edge:32 - edge, edge:32 - edge]
    expected = net.predict(((seen.astype(np.float32) - 100) / scale).astype(np.float32))
    trained = load_net(tmp_path)
    np.testing.assert_allclose(trained.probabilities(Split(images, labels)), expected, rtol=1e-4)
    assert trained.config["classes"][0] == "airplane"


def test_other_folders(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing holds no run: there is no config.json in it"):
        load_net(tmp_path / "nothing")
    (folder / "config.json").write_text(json.dumps({"net": "alexnet", "size": 44, "crop": 40, "classes": []}))
    with pytest.raises(ValueError, match="does not say how to build the net: no settings, scale; expected the folder"):
        load_net(folder)
