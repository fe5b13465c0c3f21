"""Pictures in files, shown to the net of a run: what is printed, drawn, and refused."""
import os
import re
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

import tinynet
from tinynet.commands.predict import bars, main
from tinynet.data import Split, View
from tinynet.files.writing import write_json
from tinynet.models import build
from tinynet.training.evaluate import load_net

Image = pytest.importorskip("PIL.Image")
CLASSES = tuple("abcdefghij")
CIFAR = "airplane automobile bird cat deer dog frog horse ship truck".split()


def write_run(folder, name="cifar-80sec", mean=None, **config):
    """The folder of a run whose net has random weights."""
    net = build(name, rng=np.random.default_rng(0))
    folder.mkdir()
    net.save(folder / "net.npz")
    view = View(np.full((32, 32, 3), 100.0) if mean is None else mean, 64.0)
    view.save(folder)
    told = {"net": name, "settings": {}, "view": view.config(), "classes": CLASSES}
    write_json(folder / "config.json", {**told, **config})
    return folder


@pytest.fixture
def pictures(tmp_path):
    paths = []
    for i, size in enumerate([(60, 40), (32, 32), (20, 90)]):
        pixels = np.random.default_rng(i).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
        paths.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(pixels).save(paths[-1])
    return paths


def test_the_answers_are_those_of_the_net(tmp_path, pictures):
    trained = tinynet.load_run(write_run(tmp_path / "run"))
    answers = trained.predict(pictures)
    images = trained.squares(pictures)
    assert images.shape == (3, 32, 32, 3) and answers.shape == (3, 10)
    np.testing.assert_array_equal(images[1], Image.open(pictures[1]))                # of the right size: as it is
    np.testing.assert_array_equal(answers, trained.probabilities(Split(images, np.zeros(3, int))))
    np.testing.assert_array_equal(trained.predict(pictures, ten=True).argmax(axis=1), answers.argmax(axis=1))
    np.testing.assert_array_equal(trained.predict(iter(pictures)), answers)


def test_one_path_and_none_are_refused(tmp_path, pictures):
    trained = tinynet.load_run(write_run(tmp_path / "run"))
    for path in pictures[0], Path(pictures[0]), os.fsencode(pictures[0]):
        with pytest.raises(TypeError, match=r"expected a list of paths, got .*0.png' alone: write predict\(\[path\]\)"):
            trained.predict(path)
    for nothing in [], iter(()):
        with pytest.raises(ValueError, match="expected the paths of one picture or more, got none"):
            trained.predict(nothing)


def test_without_a_mean_image_the_run_says_how_large_its_squares_were(tmp_path, pictures):
    trained = load_net(write_run(tmp_path / "run", mean=0.0, size=40))
    assert trained.squares(pictures).shape == (3, 40, 40, 3)
    trained = load_net(write_run(tmp_path / "other", mean=0.0))
    assert trained.squares(pictures).shape == (3, 32, 32, 3)
    trained = load_net(write_run(tmp_path / "wrong", mean=0.0, size="x" * 99))
    with pytest.raises(ValueError, match="expected a 'size' from 1 to 4096 pixels, got 'xxx"):
        trained.squares(pictures)
    trained = trained._replace(view=View(0.0, crop=24), config={})
    with pytest.raises(ValueError, match="expected a 'size' .*, got None: how large its images are, before the"):
        trained.squares(pictures)                                    # not 32: of which size are the crops' images?


def test_the_command_prints_bars_and_draws(tmp_path, pictures, capsys):
    run, out = write_run(tmp_path / "run"), tmp_path / "new/p.png"
    main([*pictures, "--run", str(run), "--out", str(out), "--best", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == pictures[0] and lines[3] == pictures[1] and lines[-1] == f"the picture: {out}"
    shares = [float(share) for line in lines for share in re.findall(r"  (\d+\.\d)%", line)]
    assert len(shares) == 6 and all(first >= second for first, second in zip(shares[::2], shares[1::2], strict=True))
    assert matplotlib.image.imread(out).std() > 0.05


def test_the_net_in_the_package(pictures, capsys):
    main([*pictures[:1], "--net", "80sec"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == pictures[0] and len(lines) == 6 and {line.split()[0] for line in lines[1:]} <= set(CIFAR)
    with pytest.raises(SystemExit, match="ValueError: .*80sec"):
        main([*pictures, "--net", "vgg99"])
    with pytest.raises(SystemExit):
        main(pictures)
    assert "one of the arguments --run --net is required" in capsys.readouterr().err


def test_the_bars():
    assert bars(np.array([0.25, 0.5, 0.25]), ("a", "long", "c"), 5) == [
        "  long   50.0%  " + "#" * 20, "  a      25.0%  " + "#" * 10, "  c      25.0%  " + "#" * 10]
    assert bars(np.array([0.25, 0.5, 0.25]), ("青空", "é", "e\u0301"), 3) == [  # places
        "  é      50.0%  " + "#" * 20, "  青空   25.0%  " + "#" * 10, "  e\u0301      25.0%  " + "#" * 10]


def test_what_cannot_be_shown(tmp_path, pictures):
    run = str(write_run(tmp_path / "run"))
    (tmp_path / "text.png").write_text("no picture")
    for arguments, message in (([str(tmp_path / "text.png"), "--run", run], "DataError: .*text.png: expected an image"),
                               ([str(tmp_path / "no.png"), "--run", run], "FileNotFoundError: .*no.png"),
                               ([*pictures, "--run", str(tmp_path)], "FileNotFoundError: .*config.json")):
        with pytest.raises(SystemExit, match=message):
            main(arguments)
    digits = str(write_run(tmp_path / "digits", "lenet5-linear", mean=0.0))
    with pytest.raises(SystemExit, match="ValueError: a picture has three channels, the net sees images of 1"):
        main([*pictures, "--run", digits])
