"""How weights come to rest: directions by hand, epochs in order, files of other nets; and the pictures."""
from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tinynet import Conv2d, Linear, ReLU, Sequential
from tinynet.files.reading import DataError
from tinynet.look.evolution import draw_evolution, draw_settling, epochs_kept, likeness, settled, way_left
from tinynet.look.receptive import receptive_field
from tinynet.look.strongest import Piece


def make_net():
    return Sequential(conv=Conv2d(1, 2, (1, 2)), relu=ReLU(), fc=Linear(2, 1))


@pytest.fixture
def folder(tmp_path):
    """A run whose fc, and one of the two maps of conv, turn by 90, 45, 20 and 0 degrees from where they end."""
    (tmp_path / "checkpoints").mkdir()
    for epoch, degrees in {2: 90, 10: 20, 4: 45, 12: 0}.items():
        net, turn = make_net(), np.deg2rad(degrees)
        net["conv"].W.assign(np.array([[np.cos(turn), 0.0], [np.sin(turn), 1.0]]).reshape(1, 2, 1, 2))
        net["fc"].W.assign(np.array([[np.cos(turn)], [np.sin(turn)]]) * epoch)
        net.save(tmp_path / f"checkpoints/epoch-{epoch:04}.npz")
    net.save(tmp_path / "checkpoints/last.npz")
    return tmp_path


def test_likeness_is_the_cosine_of_each_map(folder):
    assert list(epochs_kept(folder)) == [2, 4, 10, 12]
    alike = likeness(folder, make_net())
    assert list(alike) == ["conv.W", "fc.W"]
    for epoch, degrees in {2: 90, 4: 45, 10: 20, 12: 0}.items():
        assert alike["fc.W"][epoch] == pytest.approx(np.cos(np.deg2rad(degrees)), abs=1e-6)
        assert alike["conv.W"][epoch] == pytest.approx((np.cos(np.deg2rad(degrees)) + 1) / 2, abs=1e-6)


def test_a_layer_has_settled_when_it_stays():
    assert settled({1: 0.5, 2: 0.95, 5: 0.8, 7: 0.91, 9: 1.0}) == 7
    assert settled({1: 0.95, 2: 0.99, 3: 1.0}) == 1
    assert settled({1: 0.1, 2: 0.2, 3: 1.0}) == 3


def test_what_is_left_of_the_way(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    start = np.zeros((1, 1, 1, 4), np.float32)
    for epoch, at in (1, 1.0), (2, 3.0), (3, 4.0):
        net = Sequential(conv=Conv2d(1, 4, 1))
        net["conv"].W.assign(np.full((1, 1, 1, 4), at, np.float32))
        net.save(tmp_path / f"checkpoints/epoch-{epoch:04}.npz")
    assert way_left(tmp_path, net, {"conv.W": start}) == {"conv.W": {1: 0.75, 2: 0.25, 3: 0.0}}
    assert way_left(tmp_path, net, {"conv.W": start + 100})["conv.W"][1] == pytest.approx(3 / 96)
    with pytest.raises(FileNotFoundError, match="has not the checkpoints of two epochs or more"):
        way_left(tmp_path / "checkpoints", net, {"conv.W": start})


def test_what_is_not_there(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="none has not the checkpoints of two epochs or more: train with"):
        likeness(tmp_path / "none", make_net())
    with pytest.raises(DataError, match=r"epoch-0002.npz does not fit this net:\n  conv9.W: missing in the file"):
        likeness(folder, Sequential(conv9=Conv2d(1, 2, 1)))


@pytest.mark.parametrize("weights, message", [
    (np.zeros((1, 1, 1, 3), np.float32), r"expected shape \(1, 2, 1, 2\), the file has \(1, 1, 1, 3\)"),
    (np.full((1, 2, 1, 2), np.nan, np.float32), "holds NaN, infinity"),
    (np.full((1, 2, 1, 2), 1j), "expected floating-point numbers, the file has complex128"),
    (np.full((1, 2, 1, 2), "1"), "expected floating-point numbers, the file has <U1")])
def test_weights_that_cannot_be_this_net_s(folder, weights, message):
    np.savez(folder / "checkpoints/epoch-0012.npz", **{"conv.W": weights, "fc.W": np.ones((2, 1), np.float32)})
    with pytest.raises(DataError, match=f"epoch-0012.npz does not fit this net:\n  conv.W: {message}"):
        likeness(folder, make_net())


def test_the_pictures(folder, tmp_path):
    draw_settling(tmp_path / "settling.png", likeness(folder, make_net()), "a note")
    rng = np.random.default_rng(0)
    field = receptive_field(make_net(), "conv", (0, 0), (4, 4))
    shown = {f"conv, map {unit}": {epoch: Piece(np.zeros((3, 3, 1), np.uint8), rng.normal(size=(3, 3, 1)), field)
                                   for epoch in (1, 2, 5)} for unit in (0, 1)}
    draw_evolution(tmp_path / "evolution.png", shown, "a note")
    for name in "settling", "evolution":
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert len(picture.convert("RGB").getcolors(2 ** 20)) > 10
    with pytest.raises(ValueError, match="expected the same epochs for every map"):
        draw_evolution(tmp_path / "no.png", {"a": shown["conv, map 0"], "b": {}})
