"""Letters that matplotlib's own font lacks: from another font if there is one, else a line; never boxes in silence."""
import matplotlib.image
import numpy as np
import pytest

from tinynet.look.figure import figure
from tinynet.look.letters import in_words

font_manager = pytest.importorskip("matplotlib.font_manager")
RARE = "ᴕ"  # DejaVu Serif has it, which comes with matplotlib; DejaVu Sans has not


def draw(path, text):
    with figure(path, 2, 1) as ax:
        ax.set_title(text, fontweight="bold")
    return matplotlib.image.imread(path)


def with_fonts(monkeypatch, *names):
    found = [font for font in font_manager.fontManager.ttflist if font.name in names]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", found)


def test_another_font_of_the_machine_is_taken(tmp_path, monkeypatch, capsys, caplog):
    with_fonts(monkeypatch, "DejaVu Sans", "DejaVu Serif")
    drawn = draw(tmp_path / "there.png", RARE)
    assert capsys.readouterr().out == "" and not caplog.records
    with_fonts(monkeypatch, "DejaVu Sans")
    assert not np.array_equal(drawn, draw(tmp_path / "box.png", RARE))


def test_without_one_a_line_says_which_letters_are_boxes(tmp_path, monkeypatch, capsys):
    with_fonts(monkeypatch, "DejaVu Sans")
    path = tmp_path / "p.png"
    draw(path, "青 sky é – 青空\n")
    assert capsys.readouterr().out == (f"{path}: no font on this machine has 空青: boxes stand for them; install Noto "
                                       "Sans CJK, for example\n")
    draw(path, "sky é – ß\tя")
    assert capsys.readouterr().out == ""
    assert in_words("กขคงจฉชซญดต") == ("no font on this machine has กขคงจฉชซญด...: boxes stand for them; install one "
                                       "of the Noto fonts, for example")


def test_a_font_file_that_is_gone_is_passed_over(tmp_path, monkeypatch, capsys):
    with_fonts(monkeypatch, "DejaVu Sans", "DejaVu Serif")
    gone = font_manager.FontEntry(fname=str(tmp_path / "gone.ttf"), name="Gone", style="normal", weight=400)
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [gone, *font_manager.fontManager.ttflist])
    draw(tmp_path / "p.png", RARE)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["a$\\frac$b", "caf\udce9", "$x$"])
def test_a_name_is_no_formula_and_may_have_bytes_that_are_no_letters(name, tmp_path):
    path = tmp_path / "p.png"
    with figure(path, 4, 3, note=name) as ax:
        ax.set_title(name)
        ax.plot([1, 2], [1, 2], label=name)
        ax.legend()
        ax.set_xticks([1, 2], [name, name])
        ax.set_yscale("log")
        ax.annotate(name, (1, 1))
    assert path.exists()
    assert ax.get_title().replace("\\$", "$") == name.replace("\udce9", "?")
    assert ax.get_xticklabels()[0].get_text().replace("\\$", "$") == name.replace("\udce9", "?")
    assert any("mathdefault" in label.get_text() for label in ax.get_yticklabels(which="both"))
