"""The figure of what features are worth."""
import pytest

from tinynet.look.transfer import draw_transfer

matplotlib = pytest.importorskip("matplotlib")


def test_a_figure(tmp_path):
    points = [(1, 0.2, 0.02), (3, 0.3, 0.01), (60, 0.5, float("nan"))]
    draw_transfer(tmp_path / "a.png", {"features": points, "from random weights": points[:2]}, 0.1, "note")
    assert matplotlib.image.imread(tmp_path / "a.png").shape[:2] == (540, 840)
    with pytest.raises(ValueError, match="expected 1 to 6 curves, got 0"):
        draw_transfer(tmp_path / "a.png", {}, 0.1)
