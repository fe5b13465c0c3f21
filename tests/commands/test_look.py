"""Pictures of trained nets: each kind of run gives those that it can."""
import json
import re
import sys

import numpy as np
import pytest
from mutants import mutants

from tinynet.commands import look as command
from tinynet.commands.looks import asked, paper
from tinynet.data import Dataset, Split, mean_image
from tinynet.models import NETS, build, nin_cifar
from tinynet.training.evaluate import load_net

NAMES, MUTANTS = ("a", "b", "c"), 60


def split(n, side, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    colors = rng.integers(0, 100, (n, side, side, 3)) + 70 * labels[:, None, None, None]
    return Split(colors.astype(np.uint8), labels)


def photographs(side):
    return Dataset(split(30, side, 0), split(12, side, 1), NAMES, "tiny")


@pytest.fixture
def look(tmp_path, monkeypatch, capsys):
    """Runs the command on a run that `write` makes; returns what it printed, and the names of the files it wrote."""
    monkeypatch.setattr(asked, "imagenet", lambda root, size, cache, skip: photographs(size))
    monkeypatch.setattr(paper, "HIDDEN", 8)
    monkeypatch.setattr(paper, "BITS", 8)
    monkeypatch.setattr("os.fsync", lambda file: None)

    def look(*arguments):
        monkeypatch.setattr(sys, "argv", ["look.py", str(tmp_path / "run"), "--out", str(tmp_path / "out"), *arguments])
        command.main()
        return capsys.readouterr().out, sorted(path.name for path in (tmp_path / "out").iterdir())
    return look


def write(folder, name, size, crop, **settings):
    """A run as train_imagenet.py leaves it."""
    settings = {"classes": 3, "input_size": crop, **settings}
    net = build(name, rng=np.random.default_rng(0), **settings)
    (folder / "checkpoints").mkdir(parents=True)
    net.save(folder / "checkpoints" / "last.npz")
    np.save(folder / "mean.npy", mean_image(photographs(size).train.images))
    config = {"net": name, "settings": settings, "classes": NAMES, "size": size, "crop": crop, "scale": 60.0,
              "skip_unreadable": False, "first_classes": None}
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("name, size, crop, settings, blocks", [
    ("alexnet", 44, 40, {"width": 0.05, "columns": 2}, ["conv1.left", "conv1.right"]),
    ("alexnet", 44, 40, {"width": 0.05, "columns": 1, "extra_conv": True}, ["conv1"]),
    ("vgg-a", 34, 32, {"width": 0.05}, ["conv1_1"]),
    ("googlenet", 80, 79, {"width": 0.05}, ["conv1"]),
])
def test_all_pictures_of_an_image_net(look, tmp_path, name, size, crop, settings, blocks):
    write(tmp_path / "run", name, size, crop, **settings)
    printed, files = look("--data", "somewhere")
    assert files == ["kernels.png", "neighbors.png", "pixels.png", "predictions.png"]
    lines = printed.splitlines()
    assert [line.split(":")[0] for line in lines[:len(blocks)]] == blocks
    assert "% of its kernels' weight is colour (67% at random)" in lines[0]
    assert "of the 6 images nearest in the last hidden layer, " in printed
    assert "search for 12 test images among 30 training images, the 10 nearest:\n  real numbers " in printed
    assert "  codes              1 bytes an image " in printed and "100% of the nearest by real numbers" in printed


def test_the_vectors_are_what_the_last_layer_sees(look, tmp_path):
    data = photographs(44)
    for columns in 1, 2:
        write(tmp_path / f"run{columns}", "alexnet", 44, 40, width=0.05, columns=columns)
        trained = load_net(tmp_path / f"run{columns}")
        found, (x, _) = paper.vectors(trained, data.test.images), data.test
        scores = found @ trained.net["fc8"].W.value + trained.net["fc8"].b.value
        expected = trained.net.forward(trained.view.center(x))
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-6)


def test_the_vectors_of_a_net_in_a_net(look, tmp_path, monkeypatch):
    monkeypatch.setitem(NETS, "cifar-nin", lambda device=None, rng=None: nin_cifar(3, ((4, 4), (4, 4), (4,)), rng=rng))
    write_cifar(tmp_path / "run", "nin", "full")
    trained, images = load_net(tmp_path / "run"), split(4, 32, 0).images
    found = paper.vectors(trained, images).reshape(4, 8, 8, 4)                # what the last convolution sees
    scores = trained.net["mlpconv3"]["relu1"].forward(trained.net["mlpconv3"]["cccp1"].forward(found)).mean(axis=(1, 2))
    np.testing.assert_allclose(scores, trained.net.forward(trained.view.center(images)), rtol=1e-4, atol=1e-6)


def test_without_photographs_only_the_kernels(look, tmp_path):
    write(tmp_path / "run", "alexnet", 44, 40, width=0.05)
    printed, files = look()
    assert files == ["kernels.png"] and "name the photographs with --data" in printed


def write_cifar(folder, name, data):
    """A run as train_cifar10.py leaves it."""
    folder.mkdir()
    build(f"cifar-{name}", rng=np.random.default_rng(0)).save(folder / "net.npz")
    np.save(folder / "mean.npy", np.full((32, 32, 3), 100, np.float32))
    (folder / "config.json").write_text(json.dumps({"options": {"net": name, "data": data}}))


@pytest.mark.parametrize("name, data", [("80sec", "full"), ("80sec", "sample"), ("nin", "sample")])
def test_a_cifar_run(look, tmp_path, monkeypatch, name, data):
    write_cifar(tmp_path / "run", name, data)
    roots, ten = [], Dataset(split(30, 32, 0), split(12, 32, 1), tuple("abcdefghij"), "ten")
    monkeypatch.setattr(asked, "cifar10", lambda root: roots.append(root) or ten)
    monkeypatch.setattr(asked, "cifar10_sample", lambda: ten)
    _, files = look()
    assert files == ["kernels.png", "neighbors.png", "pixels.png", "predictions.png"]
    assert roots == ([None] if data == "full" else [])


def test_a_cifar_run_and_a_folder_without_cifar10(look, tmp_path, monkeypatch):
    """Not that from elsewhere in its place, nor a download."""
    write_cifar(tmp_path / "run", "80sec", "sample")
    monkeypatch.setattr(asked, "cifar10", lambda root: pytest.fail(f"{root} was read"))
    with pytest.raises(SystemExit, match="FileNotFoundError: --data: expected CIFAR-10 in .*, which the net was"):
        look("--data", str(tmp_path))
    ten, roots = Dataset(split(30, 32, 0), split(12, 32, 1), tuple("abcdefghij"), "ten"), []
    monkeypatch.setattr(asked, "cifar10", lambda root: roots.append(root) or ten)
    for name in (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"):
        (tmp_path / name).touch()
    look("--data", str(tmp_path))
    assert roots == [str(tmp_path)]


def test_wrong_runs(look, tmp_path):
    with pytest.raises(SystemExit, match="FileNotFoundError: .*run holds no run"):
        look()
    write(tmp_path / "run", "alexnet", 44, 40, width=0.05)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    (tmp_path / "run" / "config.json").write_text(json.dumps({**config, "classes": ["x", "y", "z"]}))
    with pytest.raises(SystemExit, match=r"ValueError: somewhere has not the classes .*: a, b, c\.\.\. for x, y, z"):
        look("--data", "somewhere")


def test_a_config_with_something_else_in_it_ends_in_a_line_or_well(look, tmp_path, monkeypatch):
    write(tmp_path / "run", "alexnet", 44, 40, width=0.05)
    monkeypatch.setattr(paper, "draw_kernels", lambda path, net: None)
    monkeypatch.setattr(paper, "predictions", lambda *args: None)             # what comes then is the data's
    monkeypatch.setattr(paper, "vectors", lambda trained, images: np.zeros((len(images), 4)))
    monkeypatch.setattr(paper, "neighbors", lambda *args: None)
    monkeypatch.setattr(paper, "search", lambda *args: None)
    ends = []
    for _ in mutants(tmp_path / "run/config.json", MUTANTS):
        try:
            look("--data", "somewhere")
            ends.append("well")
        except SystemExit as end:
            ends.append("a line")
            assert re.match(r"\w+Error: .*(config.json|has not the classes|fit this net|first_classes)", str(end))
    assert "a line" in ends
