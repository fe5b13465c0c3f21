"""Single images with their most probable classes: which bars are drawn, how long, in which colour; what is refused."""
import matplotlib.image
import numpy as np
import pytest

from tinynet.look import predictions
from tinynet.look.predictions import draw_predictions

CLASSES = ("cat", "dog", "ship")
P = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])


def images(n, channels=3):
    return np.random.default_rng(0).integers(0, 256, (n, 4, 6, channels), np.uint8)


@pytest.fixture
def bars(monkeypatch):
    """(name, probability, whether right) of every bar that is drawn."""
    drawn, real = [], predictions._draw_bar

    def record(ax, y, p, name, right):
        drawn.append((name, round(p, 6), right))
        real(ax, y, p, name, right)
    monkeypatch.setattr(predictions, "_draw_bar", record)
    return drawn


@pytest.mark.parametrize("k, expected", [
    (1, [("dog", 0.5, False), ("ship", 0.8, True)]),
    (2, [("dog", 0.5, False), ("ship", 0.3, False), ("ship", 0.8, True), ("cat", 0.1, False)]),  # equal: the first
    (5, [("dog", 0.5, False), ("ship", 0.3, False), ("cat", 0.2, True),
         ("ship", 0.8, True), ("cat", 0.1, False), ("dog", 0.1, False)])])
def test_the_most_probable_classes_first_and_the_right_one_marked(tmp_path, bars, k, expected):
    draw_predictions(tmp_path / "p.png", images(2), np.array([0, 2]), P, CLASSES, k, note="which net")
    assert bars == expected


def test_of_few_classes_there_is_no_room_for_more(tmp_path):
    heights = set()
    for k in 3, 9:
        draw_predictions(tmp_path / "p.png", images(2), np.array([0, 2]), P, CLASSES, k)
        heights.add(matplotlib.image.imread(tmp_path / "p.png").shape[0])
    assert len(heights) == 1


def test_the_right_bar_is_red_the_others_blue():
    from matplotlib.figure import Figure
    ax = Figure().add_subplot()
    for right in True, False:
        predictions._draw_bar(ax, 0.0, 0.5, "cat", right)
    (red, _, red_blue, _), (blue_red, _, blue, _) = (bar.get_facecolor() for bar in ax.patches)
    assert red > red_blue and blue > blue_red
    assert [bar.get_width() for bar in ax.patches] == [0.5, 0.5]


@pytest.mark.parametrize("n, channels", [(1, 3), (5, 1), (16, 3)])
def test_the_picture_is_written(tmp_path, n, channels):
    draw_predictions(tmp_path / "p.png", images(n, channels), np.zeros(n, int), np.tile(P[:1], (n, 1)), CLASSES)
    assert matplotlib.image.imread(tmp_path / "p.png").std() > 0.05
    assert [file.name for file in tmp_path.iterdir()] == ["p.png"]


def test_bad_input_is_refused(tmp_path):
    def draw(x=None, labels=(0, 2), p=P, classes=CLASSES, k=5):
        draw_predictions(tmp_path / "p.png", images(2) if x is None else x, np.array(labels), p, classes, k)
    with pytest.raises(TypeError, match="draw_predictions: expected images of uint8, 0 to 255, got float64"):
        draw(x=images(2) / 255)
    with pytest.raises(ValueError, match=r"draw_predictions: expected images \(N, H, W, 3\).* \(2, 4, 6, 2\)"):
        draw(x=images(2, 2))
    with pytest.raises(ValueError, match=r"draw_predictions: expected at most 16 .* got 17 images"):
        draw(x=images(17), labels=[0] * 17, p=np.tile(P[:1], (17, 1)))
    with pytest.raises(ValueError, match=r"as many rows of probabilities.* got 3 images, .* shape \(2, 3\)"):
        draw(x=images(3))
    with pytest.raises(ValueError, match="a name for each of their classes, .* and 2 names"):
        draw(classes=CLASSES[:2])
    with pytest.raises(ValueError, match="expected one of `names` for each image, got 1 names for 2 images"):
        draw_predictions(tmp_path / "p.png", images(2), np.array([0, 2]), P, CLASSES, names=["one"])
    with pytest.raises(ValueError, match="expected labels from 0 to 2, got 0 to 3"):
        draw(labels=(0, 3))
    with pytest.raises(ValueError, match="the probabilities hold NaN"):
        draw(p=P * np.nan)
    with pytest.raises(ValueError, match="draw_predictions k: expected a whole number of 1 or more, got 0"):
        draw(k=0)
    assert list(tmp_path.iterdir()) == []
