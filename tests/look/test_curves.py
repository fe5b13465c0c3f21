"""Pictures: what they compute, and that the files are there. What they look like, only eyes can tell."""
from contextlib import contextmanager
from functools import partial

import matplotlib.image
import numpy as np
import pytest

from tinynet.look import curves
from tinynet.look.confusion import draw_confusion
from tinynet.look.curves import (
    crossing,
    crossing_in_words,
    draw_lr_finder,
    draw_relu_vs_tanh,
    draw_training,
    ratio_in_words,
)
from tinynet.look.figure import figure


@pytest.mark.parametrize("errors, at", [
    ([0.5, 0.3, 0.2], 2.5),        # half-way between epoch 2 (0.3) and epoch 3 (0.2)
    ([0.5, 0.25, 0.3], 2.0),       # on the level is across it
    ([0.2, 0.1], 1.0),             # below it from the first epoch on
    ([0.5, 0.4, 0.3], None),
    ([], None),
])
def test_crossing(errors, at):
    assert crossing(errors, 0.25) == (None if at is None else pytest.approx(at))


def test_the_crossing_in_words():
    assert crossing_in_words("ReLU", [0.5, 0.3, 0.2], 0.25) == "ReLU reaches 25% training error after 2.5 epochs"
    assert crossing_in_words("tanh", [0.5, 0.31], 0.3) == (
        "tanh has not reached 30% training error after 2 epochs (it is at 31.0%)")
    assert crossing_in_words("tanh", [], 0.3) == "tanh has not finished an epoch"


def test_the_ratio_says_more_than_when_the_second_curve_has_not_crossed():
    fast, slow = [0.5, 0.25], [0.5, 0.45, 0.4, 0.35, 0.3, 0.25]
    assert ratio_in_words(fast, slow, 0.25) == "3.0"
    assert ratio_in_words(fast, slow[:5], 0.25) == "more than 2.5"
    assert ratio_in_words(slow[:5], slow[:5], 0.25) is None
    assert ratio_in_words(fast, slow[:1], 0.25) is None and ratio_in_words(fast, slow[:2], 0.25) == "more than 1.0"


@pytest.mark.parametrize("tanh", [[0.9, 0.8, 0.7], [0.9, 0.2], [0.9], []])
def test_curves_are_written(tmp_path, tanh):
    draw_relu_vs_tanh(tmp_path / "curves.png", [0.7, 0.4, 0.2], tanh, note="which data")
    picture = matplotlib.image.imread(tmp_path / "curves.png")
    assert picture.std() > 0.05
    assert [file.name for file in tmp_path.iterdir()] == ["curves.png"]


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("errors", [[], ["train_error"], ["train_error", "test_error", "val_error"]])
def test_the_curves_of_a_training_are_written(tmp_path, epochs, errors):
    records = [{"epoch": i, "lr": 0.1 / i, "train_loss": 2 / i, **{name: 1 / (i + 1) for name in errors}}
               for i in range(1, epochs + 1)]
    draw_training(tmp_path / "curves.png", records)
    assert matplotlib.image.imread(tmp_path / "curves.png").std() > 0.05


def test_the_largest_number_is_inside_the_frame_and_few_rates_are_told(tmp_path, monkeypatch):
    """Losses that hardly fall left the line on the frame; of thirty rates no word could be read."""
    drawn = []
    monkeypatch.setattr(curves, "figure", partial(kept, drawn))
    for losses, rates, told in ([2.303, 2.302], [0.1, 0.1], 0), ([2.3], [0.1], 0), ([2, 1] * 10, range(1, 21), 2):
        draw_training(tmp_path / "curves.png", [{"epoch": i, "lr": lr, "train_loss": loss, "train_error": 0.9}
                                                for i, (loss, lr) in enumerate(zip(losses, rates, strict=True), 1)])
        ax, right = drawn.pop().figure.axes
        for axis, most in (ax, 0.9), (right, max(losses)):
            assert axis.get_ylim()[0] == 0 and 1.04 * most < axis.get_ylim()[1] < 1.2 * most
        assert len(ax.texts) == told
        assert all(tick == int(tick) for tick in ax.get_xticks())


@contextmanager
def kept(drawn, *args, **kwargs):
    """`figure`, of which the axes are put into `drawn`."""
    with figure(*args, **kwargs) as ax:
        yield ax
        drawn.append(ax)


@pytest.mark.parametrize("losses", [[2.3, 2.2, 2.0, 7.0], [2.3, 2.3], [2.3]])
def test_what_the_lr_finder_found_is_drawn(tmp_path, losses):
    draw_lr_finder(tmp_path / "lr.png", [10.0 ** i for i in range(len(losses))], losses, chosen=0.1, note="which net")
    assert matplotlib.image.imread(tmp_path / "lr.png").std() > 0.03


def test_confusion_is_written(tmp_path):
    draw_confusion(tmp_path / "confusion.png", np.array([[3, 1], [0, 0]]), ("cat", "dog"), "title")
    assert matplotlib.image.imread(tmp_path / "confusion.png").std() > 0.05
    with pytest.raises(ValueError, match=r"as there are names, 2, got shape \(3, 3\)"):
        draw_confusion(tmp_path / "other.png", np.eye(3), ("cat", "dog"))
    assert not (tmp_path / "other.png").exists()


def test_confusion_writes_no_share_that_is_rounded_to_nothing(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr("matplotlib.axes.Axes.text", lambda ax, x, y, text, **how: written.append((x, y, text)))
    draw_confusion(tmp_path / "confusion.png", np.array([[995, 5], [6, 994]]), ("cat", "dog"))
    assert written == [(0, 0, "100%"), (0, 1, "1%"), (1, 1, "99%")]                  # 5 of 1,000 are 0%
