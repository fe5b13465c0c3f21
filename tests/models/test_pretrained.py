"""The trained net in the package: it is there, it is small, it knows what it learned; and how it is made."""
from __future__ import annotations

import sys

import make_pretrained
import numpy as np
import pytest

from tinynet import count_parameters
from tinynet.data import View, cifar10_sample, mean_image
from tinynet.files.writing import write_json
from tinynet.models import build, pretrained
from tinynet.models.pretrained import FOLDER, PRETRAINED
from tinynet.training.config import about_the_net
from tinynet.training.evaluate import load_net
from tinynet.training.metrics import top_k_error


def test_it_knows_what_it_learned():
    trained, sample = pretrained("80sec"), cifar10_sample().test
    assert count_parameters(trained.net) == 145_578 and trained.classes[3] == "cat"
    assert trained.view.mean.shape == (32, 32, 3)
    assert 0.24 < top_k_error(trained.probabilities(sample), sample.labels) < 0.30      # 26.4 % on all 10,000


def test_all_of_them_are_small_and_nothing_else_is_there():
    assert sorted(folder.name for folder in FOLDER.iterdir()) == sorted(PRETRAINED)
    for folder in FOLDER.iterdir():
        assert sorted(file.name for file in folder.iterdir()) == ["config.json", "mean.npy", "net.npz"]
        assert sum(file.stat().st_size for file in folder.iterdir()) < make_pretrained.MOST_BYTES


def test_another_name():
    with pytest.raises(ValueError, match="no trained net called 'vgg16' comes with tinynet; there are 80sec"):
        pretrained("vgg16")
    with pytest.raises(ValueError, match="no trained net called '../80sec'"):
        pretrained("../80sec")


def test_it_is_made_from_a_run(tmp_path, monkeypatch, capsys):
    net, view = build("cifar-80sec", rng=np.random.default_rng(0)), View(mean_image(cifar10_sample().test.images))
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    net.save(tmp_path / "run" / "checkpoints" / "best.npz")
    view.save(tmp_path / "run")
    write_json(tmp_path / "run" / "config.json", {"options": {"net": "80sec"}, "environment": {"numpy": "2"}}
               | about_the_net("cifar-80sec", {}, view, tuple("abcdefghij")))
    monkeypatch.setattr(sys, "argv", ["make", str(tmp_path / "run"), "mine", "--out", str(tmp_path / "trained")])
    make_pretrained.main()
    assert "mine: 145,578 parameters, 597," in capsys.readouterr().out
    made = load_net(tmp_path / "trained" / "mine")
    np.testing.assert_array_equal(made.net["conv1"].W.value, net["conv1"].W.value)
    np.testing.assert_array_equal(made.view.mean, view.mean)
    assert made.classes == tuple("abcdefghij") and set(made.config) == {"options", "net", "settings", "view", "classes"}
    monkeypatch.setattr(make_pretrained, "MOST_BYTES", 1000)
    before = {file.name: file.read_bytes() for file in (tmp_path / "trained" / "mine").iterdir()}
    net["conv1"].W.assign(2 * net["conv1"].W.value)
    net.save(tmp_path / "run" / "checkpoints" / "best.npz")
    with pytest.raises(SystemExit, match="has 597,.* bytes, at most 1,000 may come with the package"):
        make_pretrained.main()
    assert {file.name: file.read_bytes() for file in (tmp_path / "trained" / "mine").iterdir()} == before
