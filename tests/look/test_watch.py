"""Curves of several runs: drawn once, and again whenever one of them has come further."""
import json
import re
import sys
from types import ModuleType, SimpleNamespace

import matplotlib.image
import numpy as np
import pytest

from tinynet.commands.watch import main
from tinynet.files.reading import DataError
from tinynet.look.watch import MOST, draw_runs, in_notebook, watch


def run(folder, *errors, **more):
    folder.mkdir(parents=True, exist_ok=True)
    records = [{"epoch": i, "train_loss": 2 * error, "train_error": error, "lr": 0.1, **more}
               for i, error in enumerate(errors, 1)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def test_two_runs_and_what_is_said_of_them(tmp_path, capsys):
    runs = [run(tmp_path / "a", 0.5, 0.3, val_error=0.4), run(tmp_path / "b/relu", 0.6)]
    watch([runs[0], tmp_path / "b"], tmp_path / "two.png", once=True)
    assert capsys.readouterr().out == f"{runs[0]}  epoch 2  0.4\n{runs[1]}  epoch 1  0.6\n"
    one = tmp_path / "one.png"
    watch(runs[:1], one, once=True)
    pictures = [matplotlib.image.imread(path) for path in (tmp_path / "two.png", one)]
    assert pictures[0].shape == pictures[1].shape and np.abs(pictures[0] - pictures[1]).max() > 0.5


def test_it_draws_again_when_there_is_more(tmp_path, monkeypatch, capsys):
    folder, sizes, slept = run(tmp_path / "a"), [], []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 4:
            raise KeyboardInterrupt
        run(folder, *[0.5, 0.4][:len(slept) // 2 + 1])                       # one more epoch, the same again, another
    monkeypatch.setattr("tinynet.look.watch.sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        watch([folder], tmp_path / "w.png", every=7, show=lambda path: sizes.append(path.stat().st_size))
    assert slept == [7] * 4 and len(sizes) == 3                              # nothing yet, one epoch, two
    assert re.findall(r"epoch (\d)", capsys.readouterr().out) == ["1", "2"]


def test_a_training_without_errors_shows_its_loss(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "metrics.jsonl").write_text('{"epoch": 1, "train_loss": 1.5, "lr": 0.1}\n')
    watch([folder], tmp_path / "w.png", once=True)
    assert matplotlib.image.imread(tmp_path / "w.png").std() > 0.02


@pytest.mark.parametrize("other, drawn", [({"val_error": 0.5}, {"a: validation error", "b: training error"}),
                                          ({}, {"a: training loss", "b: training loss"})])
def test_what_all_trainings_have_is_drawn_of_all(tmp_path, monkeypatch, other, drawn):
    shown = set()
    monkeypatch.setattr("matplotlib.axes.Axes.legend", lambda ax, *a, **k: shown.update(
        line.get_label() for line in ax.get_lines()))
    record = {"epoch": 1, "train_loss": 1.5}
    draw_runs(tmp_path / "w.png", {"a": [{**record, **other}], "b": [{**record, "train_error": 0.7}]})
    assert shown == drawn


def test_what_cannot_be_watched(tmp_path):
    with pytest.raises(NotADirectoryError, match="none is not the folder of a run"):
        watch([tmp_path / "none"], tmp_path / "w.png", once=True)
    for i in range(MOST + 1):
        run(tmp_path / f"many/{i}", 0.5)
    with pytest.raises(ValueError, match="at most 7 trainings, .* got 8: name fewer runs"):
        watch([tmp_path / "many"], tmp_path / "w.png", once=True)
    (tmp_path / "many/0/metrics.jsonl").write_text("something else\n")
    with pytest.raises(DataError, match="metrics.jsonl: expected JSON"):
        watch([tmp_path / "many/0"], tmp_path / "w.png", once=True)
    (tmp_path / "many/0/metrics.jsonl").write_text('{"train_loss": 1.5}\n')
    with pytest.raises(DataError, match="metrics.jsonl: .* in line 1 the error expected epoch, got no epoch"):
        watch([tmp_path / "many/0"], tmp_path / "w.png", once=True)


def test_the_command_makes_the_folder_of_the_picture(tmp_path):
    main([str(run(tmp_path / "a", 0.5)), "--once", "--out", str(tmp_path / "new" / "watch.png")])
    assert (tmp_path / "new" / "watch.png").exists()


def test_the_command(tmp_path, monkeypatch, capsys):
    folder, out = run(tmp_path / "a", 0.5), tmp_path / "w.png"
    main([str(folder), "--once", "--out", str(out)])
    assert capsys.readouterr().out == f"the picture: {out}\n{folder}  epoch 1  0.5\n"
    monkeypatch.setattr("tinynet.look.watch.sleep", lambda seconds: (_ for _ in ()).throw(KeyboardInterrupt))
    main([str(folder), "--out", str(out)])                                   # Ctrl-C ends it as it should
    assert "Ctrl-C ends it" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="NotADirectoryError: .* is not the folder of a run"):
        main([str(out)])


def test_in_a_notebook_the_next_picture_takes_the_place_of_the_last(tmp_path, monkeypatch):
    """IPython need not be there: what it would be asked."""
    asked = []

    class Shown:
        def update(self, picture):
            asked.append(("update", picture))

    def display(picture, display_id):
        asked.append(("display", picture))
        return Shown()
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(Image=lambda data: data, display=display))
    show, path = in_notebook(), tmp_path / "a.png"
    for data in b"one", b"two":
        path.write_bytes(data)
        show(path)
    assert asked == [("display", b"one"), ("update", b"two")]
