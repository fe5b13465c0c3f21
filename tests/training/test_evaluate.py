"""Nets from the folders of their runs, and their answers."""
import json
import math
import random
import shutil
import tracemalloc

import numpy as np
import pytest
from test_damaged_checkpoint import mutate

from tinynet import Flatten, Linear, Sequential, count_parameters, simulated, softmax
from tinynet.data import Split, View
from tinynet.files.reading import DataError
from tinynet.models import NETS, build
from tinynet.models.cifar import RECIPES
from tinynet.training.config import _CIFAR_0_1_0, about_the_net
from tinynet.training.evaluate import load_net, probabilities
from tinynet.training.rebuilt import DRAWN_TWICE

SETTINGS = {"classes": 3, "input_size": 40, "width": 0.03, "columns": 1}


def split(n, size, seed=0):
    rng = np.random.default_rng(seed)
    return Split(rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8), rng.integers(0, 3, n))


@pytest.fixture
def folder(tmp_path):
    """A run as any script leaves it."""
    net = build("alexnet", rng=np.random.default_rng(0), **SETTINGS)
    (tmp_path / "checkpoints").mkdir()
    net.save(tmp_path / "checkpoints" / "best.npz")
    view = View(np.full((44, 44, 3), 100), 60.0, crop=40, mirror=True)
    view.save(tmp_path)
    config = {"seed": 3, **about_the_net("alexnet", SETTINGS, view, "abc")}
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
    p = probabilities(linear, Split(images, labels), View(100, 60.0, crop=3), batch_size=3, workers=workers)
    np.testing.assert_allclose(p, linear.scores((images[:, 1:4, 1:4].astype(np.float32) - 100) / 60), rtol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 25, 128])
def test_ten_views_are_averaged(linear, batch_size):
    images, labels = split(4, 5)
    p = probabilities(linear, Split(images, labels), View(crop=3), ten=True, batch_size=batch_size)
    views = [images[:, i:i + 3, j:j + 3] for i, j in ((0, 0), (0, 2), (2, 0), (2, 2), (1, 1))]
    expected = sum(linear.scores(view) + linear.scores(view[:, :, ::-1]) for view in views) / 10
    np.testing.assert_allclose(p, expected, rtol=1e-5)


@pytest.mark.parametrize("busy, crop, most", [(False, None, 128), (True, None, 341), (True, 24, 606),
                                              (True, 300, 128)])
def test_a_gpu_computes_many_small_images_at_once(linear, monkeypatch, busy, crop, most):
    given = []
    monkeypatch.setattr(simulated(0), "asynchronous", busy, raising=False)
    monkeypatch.setattr(Sequential, "predict", lambda net, x, n: given.append(n) or np.zeros((len(x), 3)))
    size = max(32, crop or 0)
    images = np.broadcast_to(np.uint8(0), (3, size, size, 3))
    probabilities(linear.to(simulated(0)), Split(images, np.zeros(3, int)), View(crop=crop))
    assert given == [most]


def test_images_may_be_anything_with_a_length(linear):
    images, labels = split(4, 3)

    class Decoded:
        def __len__(self):
            return len(images)

        def __getitem__(self, part):
            return images[part]
    np.testing.assert_array_equal(probabilities(linear, Split(Decoded(), labels), View()),
                                  probabilities(linear, Split(images, labels), View()))


def test_a_net_comes_back_with_what_it_needs(folder):
    trained = load_net(folder)
    images, labels = split(5, 44)
    net = build("alexnet", rng=np.random.default_rng(0), **SETTINGS)
    x = (images[:, 2:42, 2:42].astype(np.float32) - 100) / 60
    np.testing.assert_allclose(trained.probabilities(Split(images, labels)), net.predict(x), rtol=1e-5)
    np.testing.assert_array_equal(trained.view.center(images), x)
    assert trained.view.mirror and trained.classes == ("a", "b", "c") and trained.config["seed"] == 3
    with pytest.raises(ValueError, match=r"images of shape \(44, 44, 3\), as those .* trained on, got \(40, 40, 3\)"):
        trained.probabilities(split(1, 40))


def test_pictures_become_squares_of_the_mean_image_s_size(folder):
    Image = pytest.importorskip("PIL.Image")
    Image.new("RGB", (60, 50)).save(folder / "one.png")
    trained = load_net(folder)
    assert trained.squares([folder / "one.png"]).shape == (1, 44, 44, 3)             # the config has no size
    assert trained.predict([folder / "one.png"]).shape == (1, 3)
    for _, p in trained.net.parameters():
        p.value[...] = 1e30
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="the net's answers hold NaN: its weights are too"):
        trained.predict([folder / "one.png"])


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


# ------------------------------------------------------------------------------------ runs of version 0.1.0


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("recipe", _CIFAR_0_1_0)
def test_a_cifar_run_of_the_version_before(tmp_path, recipe, flat):
    net, crop, scale = RECIPES[recipe].build(np.random.default_rng(0)), RECIPES[recipe].crop, RECIPES[recipe].scale
    net.save(tmp_path / "net.npz")
    np.save(tmp_path / "mean.npy", np.full((32, 32, 3), 100, np.float32))
    config = {"data": "some", "net": recipe} if flat else {"data": "some", "options": {"net": recipe}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    images, labels = split(2, 32)
    edge = (32 - crop) // 2 if crop else 0
    seen = images[:, edge:32 - edge, edge:32 - edge]
    expected = net.predict(((seen.astype(np.float32) - 100) / scale).astype(np.float32))
    trained = load_net(tmp_path)
    np.testing.assert_allclose(trained.probabilities(Split(images, labels)), expected, rtol=1e-4)
    assert trained.classes[0] == "airplane" and len(trained.classes) == 10
    assert trained.config["net"] == f"cifar-{recipe}" and trained.view.mirror == (crop is not None)


OLD = {"net": "alexnet", "settings": SETTINGS, "classes": ["a", "b", "c"], "size": 44, "crop": 40, "scale": 60.0}


@pytest.mark.parametrize("jitter", [None, [44, 60]])
@pytest.mark.parametrize("more, noise", [({}, "paper"), ({"variant": "source"}, "2012")])
def test_a_run_of_photographs_of_the_version_before(folder, jitter, more, noise):
    (folder / "config.json").write_text(json.dumps({**OLD, "no_color_noise": False, "jitter": jitter, **more}))
    values, vectors = np.array([0.2, 0.1, 0.0]), np.eye(3) / 3
    np.savez(folder / "colors.npz", values=values, vectors=vectors)
    trained = load_net(folder)
    images, labels = split(5, 44)
    x = (images[:, 2:42, 2:42].astype(np.float32) - 100) / 60
    np.testing.assert_allclose(trained.probabilities(Split(images, labels)), trained.net.predict(x), rtol=1e-5)
    assert trained.view.mean.shape == ((3,) if jitter else (44, 44, 3)) and trained.view.noise == noise
    assert trained.view.jitter == (jitter and (44, 60)) and trained.view.mirror
    assert (trained.view.color[0] == values).all() and (trained.view.color[1] == vectors).all()
    assert "scale" not in trained.config and trained.config["size"] == 44
    (folder / "config.json").write_text(json.dumps({**OLD, "no_color_noise": True}))
    assert load_net(folder).view.color is None


# ------------------------------------------------------------------------------------ other folders


def test_other_folders(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing holds no run: there is no config.json in it"):
        load_net(tmp_path / "nothing")
    (folder / "config.json").write_text(json.dumps({"net": "alexnet", "size": 44, "crop": 40, "classes": []}))
    with pytest.raises(ValueError, match="does not say how to build the net: no settings, view; expected .* classes$"):
        load_net(folder)


def test_the_folder_around_several_runs_says_where_they_are(folder):
    around = folder / "around"
    for name, text in ("damaged", "{"), ("other", '{"net": "alexnet"}'), ("", '{"options": {"net": "sample"}}'):
        (around / name).mkdir(parents=True, exist_ok=True)
        (around / name / "config.json").write_text(text)
    for name in "second", "first":
        shutil.copytree(folder, around / name, ignore=lambda *_: ["around"])
    with pytest.raises(ValueError) as error:
        load_net(around)
    assert str(error.value).endswith(f"; there are such below it: {around / 'first'}, {around / 'second'}")
    (around / "config.json").write_text('{"data": "CIFAR-10", "options": {"net": "80sec", "data": "full"}}')
    with pytest.raises(ValueError, match="there are such below it: ") as error:      # stopped, or still at it
        load_net(around)
    assert load_net(around / "second").classes


@pytest.mark.parametrize("text, message", [
    ("{", "config.json: expected JSON, got the error "), ("", "config.json: expected JSON, got the error "),
    ("[]", r"config.json: expected a dictionary in JSON, got list \[\]"),
    ('{"net": 1, "net": 2}', "a name stands twice"), ("[" * 10 ** 5, "config.json: expected JSON, got the error ")])
def test_a_damaged_config(folder, text, message):
    (folder / "config.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_net(folder)


def changed(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


@pytest.mark.parametrize("changes, message", [
    ({"classes": 7}, "config.json: expected 'classes', the names of the classes, got int 7"),
    ({"classes": ["a", 2, "c"]}, "config.json: expected 'classes', the names of the classes, got .'a', 2, 'c'"),
    ({"classes": ["a", "\x1b[2J", "c"]}, "config.json: expected 'classes', the names of the classes, got"),
    ({"classes": ["a", "b\n", "c"]}, "config.json: expected 'classes', the names of the classes, got"),
    ({"classes": ["a", "\u202eb", "c"]}, "config.json: expected 'classes', the names of the classes, got"),
    ({"classes": ["a"]}, "config.json: expected as many classes as the net has, 3, got 1 names"),
    ({"net": ["alexnet"]}, "config.json: expected 'net', str, got list"),
    ({"net": "bnet"}, "config.json: expected a net and settings that can be built, .* no net is called 'bnet'"),
    ({"settings": None}, "config.json: expected 'settings', dict, got NoneType None"),
    ({"settings": {"width": "wide"}}, "config.json: expected a net and settings that can be built"),
    ({"settings": {**SETTINGS, "rng": 3}}, "config.json: expected a net and settings that can be built"),
    ({"settings": {**SETTINGS, "columns": 2}}, "best.npz does not fit this net:\n  conv1.left.W: missing"),
    ({"view": True}, "config.json: expected 'view', dict, got bool True"),
    ({"environment": 3}, "config.json: expected 'environment', dict, got int 3")])
def test_entries_of_a_wrong_kind(folder, changes, message):
    changed(folder, **changes)
    with pytest.raises(DataError, match=message):
        load_net(folder)


@pytest.mark.parametrize("settings", [{"width": 1e9}, {"width": 40}, {"input_size": 10 ** 9}, {"hidden": 10 ** 9},
                                      {"kernels": [10 ** 6] * 5}, {"width": 1e300}, {"width": float("nan")}])
def test_a_net_that_is_larger_than_its_weights_is_not_built(folder, settings):
    changed(folder, settings={**SETTINGS, **settings})
    tracemalloc.start()
    with pytest.raises(DataError, match="config.json: expected a net and settings that can be built, with the weights"):
        load_net(folder)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 100e6


def test_weights_that_are_a_thousand_times_their_file_are_not_believed(folder):
    np.savez_compressed(folder / "checkpoints/best.npz", **{"conv1.W": np.zeros((3000, 3000), np.float32)})
    with pytest.raises(DataError, match="best.npz: expected a net of at most 100 times the file's .* got 36,000,000"):
        load_net(folder)


@pytest.mark.parametrize("name", NETS)
def test_every_net_draws_at_most_twice_its_weights(name):
    drawn = []

    class Noted(np.random.Generator):
        def normal(self, loc=0.0, scale=1.0, size=None):
            drawn.append(math.prod(size))
            return np.zeros(size, np.float32)
        uniform = normal
    assert count_parameters(build(name, rng=Noted(np.random.PCG64(0)))) * DRAWN_TWICE >= sum(drawn) > 0


def test_300_mutants_of_a_config_are_read_or_refused(folder):
    text, chance, refused = (folder / "config.json").read_text(), random.Random(0), 0
    for _ in range(300):
        config = json.loads(text)
        mutate(chance, config)
        (folder / "config.json").write_text(json.dumps(config))
        try:
            load_net(folder)
        except ValueError as error:
            assert str(folder) in str(error)
            refused += 1
    assert 100 < refused < 300


def test_a_damaged_view_is_named_with_its_file(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "view": {**config["view"], "scale": -1}}))
    with pytest.raises(ValueError, match=r"config.json: View scale: expected a number above 0, got -1"):
        load_net(folder)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "mean.npy").unlink()
    with pytest.raises(FileNotFoundError, match="mean.npy"):
        load_net(folder)
