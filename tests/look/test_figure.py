"""The file that a figure ends in."""
import pytest

from tinynet.look.figure import figure

matplotlib = pytest.importorskip("matplotlib")


@pytest.mark.parametrize("note, rows", [("", 240), ("short", 240), ("two\nshort ones", 240),
                                        ("a line of sixty letters and more, which is as long as three.", 271)])
def test_small_print_that_is_too_long_for_the_width_makes_the_figure_higher(tmp_path, note, rows):
    with figure(tmp_path / "f.png", 1.5, 2, note) as ax:
        ax.plot([0, 1])
        assert isinstance(ax, matplotlib.axes.Axes)
    assert matplotlib.image.imread(tmp_path / "f.png").shape == (rows, 180, 4)
