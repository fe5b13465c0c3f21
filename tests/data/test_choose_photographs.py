"""The list of the photographs that results were measured on, and the tool that picks them out of Imagenette."""
from __future__ import annotations

import sys

import choose_photographs
import pytest
from choose_photographs import choose, listed, main


def test_the_list_is_that_of_the_results():
    wanted = listed()
    halves = {half: [names for folder, names in wanted.items() if folder.startswith(half)] for half in ("train", "val")}
    assert [len(names) for names in halves["train"]] == [640] * 10
    assert [len(names) for names in halves["val"]] == [100] * 10
    names = [name for names in wanted.values() for name in names]
    assert len(set(names)) == 7400 and wanted["train/n01440764"][0] == "ILSVRC2012_val_00000293.JPEG"


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Imagenette with three files of one class, and a list of three, one of them not there."""
    for half, name in ("train", "n1_10.JPEG"), ("val", "n1_7.JPEG"), ("val", "ILSVRC2012_val_00000012.JPEG"):
        (tmp_path / "all" / half / "n1").mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / half / "n1" / name).write_text(name)
    (tmp_path / "list.txt").write_text("train/n1 7 v12\nval/n1 8\n")
    monkeypatch.setattr(choose_photographs, "listed", lambda: listed(tmp_path / "list.txt"))
    return tmp_path


def test_photographs_are_found_in_either_half(small):
    assert choose(small / "all", small / "out", listed(small / "list.txt")) == ["n1/n1_8.JPEG"]
    assert {path.name: path.read_text() for path in (small / "out" / "train" / "n1").iterdir()} == {
        name: name for name in ("n1_7.JPEG", "ILSVRC2012_val_00000012.JPEG")}
    assert (small / "out" / "val" / "n1").is_dir()


@pytest.mark.parametrize("source, out, message", [
    ("all", "out", "not found in .*all: n1/n1_8.JPEG"),
    ("all/train", "out", "expected a folder with train/ and val/, as Imagenette is unpacked"),
    ("all", "all", "is there already; name a new folder"),
])
def test_what_it_says(small, source, out, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["choose_photographs.py", str(small / source), str(small / out)])
    with pytest.raises(SystemExit, match=message):
        main()
    assert (": 2 of 3 photographs" in capsys.readouterr().out) == (out == "out" and source == "all")
