"""The first example: it runs, learns, and draws one picture where one is."""
from __future__ import annotations

import runpy
from pathlib import Path

from PIL import Image

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello.py"


def test_it_learns_and_shows_the_mistakes_first(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = runpy.run_path(str(EXAMPLE))
    printed = capsys.readouterr().out.splitlines()
    wrong = names["answers"] != names["test_labels"]
    assert printed[0] == "Sequential of 4 layers, 79,510 parameters" and 5 < wrong.sum() < 75
    assert printed[5] == f"{wrong.sum()} of 500 digits wrong" and len(printed) == 11
    assert wrong[names["wrong"][:min(40, wrong.sum())]].all()
    with Image.open("hello.png") as image:
        assert image.size == (1120, 448)
