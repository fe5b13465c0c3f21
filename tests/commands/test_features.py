"""What features are worth: the whole command on a tiny scale, that it goes on, and what it refuses."""
import json
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tinynet.commands import feature_parts, feature_rows, features
from tinynet.commands.feature_rows import Results, measured
from tinynet.data import Dataset, Split, View
from tinynet.files.locks import Lock
from tinynet.files.reading import DataError
from tinynet.files.writing import write_json
from tinynet.models import build

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("matplotlib")
RNG = np.random.default_rng(0)


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Calls the command on a net with random weights and pictures of noise, and gives its rows."""
    net = build("cifar-80sec", rng=np.random.default_rng(0))
    run, shots = tmp_path / "run", (1, 2)
    run.mkdir()
    net.save(run / "net.npz")
    view = View(np.full((32, 32, 3), 100.0))
    view.save(run)
    write_json(run / "config.json", {"net": "cifar-80sec", "settings": {}, "view": view.config(),
                                     "classes": list("abcdefghij")})
    for split, n in ("train", 8), ("val", 2):
        for name in "xyz":
            (tmp_path / "photos" / split / name).mkdir(parents=True)
            for i in range(n):
                pixels = RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "photos" / split / name / f"{i}.png")
    copy = np.asarray(Image.open(tmp_path / "photos" / "train" / "y" / "3.png"))[None]
    learned = Split(np.concatenate([RNG.integers(0, 256, (5, 32, 32, 3), dtype=np.uint8), copy]), np.zeros(6, int))
    monkeypatch.setattr(features, "cifar10", lambda root: Dataset(learned, learned, tuple("abcdefghij"), "ten"))
    for module in features, feature_parts:
        monkeypatch.setattr(module, "SHOTS", shots)
    for module, name, value in ((features, "TEST", 2), (features, "VALID", 2), (features, "SPARE", 2),
                                (feature_parts, "COLLAGES", 12), (feature_parts, "FOUND", 2),
                                (feature_parts, "PROBE_RATES", (0.1, 1.0)), (feature_parts, "PROBE_STEPS", (1,)),
                                (feature_parts, "NET_RATES", (0.001,)), (feature_parts, "NET_STEPS", (1, 2))):
        monkeypatch.setattr(module, name, value)

    def call(*more):
        features.main([str(run), "--photographs", str(tmp_path / "photos"), "--out", str(tmp_path / "out"),
                       "--folds", "2", *more])
        return [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    return call


def test_all_parts_and_that_what_is_there_is_not_done_again(command, tmp_path, capsys):
    rows = command()
    assert rows[1]["in"] == "train" and rows[1]["of_classes"] == rows[1]["correlations"] == [rows[1]["left_out"]] == [1]
    assert (rows[2]["in"], rows[2]["left_out"]) == ("test", 0)
    counts = {part: sum(row["part"] == part for row in rows) for part in feature_parts.PARTS}
    # layers x losses x folds; learners x shots x folds; none to four frozen x folds; losses x folds; both x folds
    assert counts == {"layers": 16, "shots": 12, "freezing": 10, "collages": 4, "codes": 4}
    assert all(0 <= row["accuracy"] <= 1 for row in rows if "accuracy" in row)
    assert (tmp_path / "out" / "shots.png").stat().st_size > 5000
    capsys.readouterr()
    assert command() == rows and '{"part"' not in capsys.readouterr().out


def test_what_is_told_and_drawn_is_of_the_layer_that_was_asked_for(command, monkeypatch, capsys):
    """Also if there are rows of another one."""
    shown = {"pool1": 0.25, "pool3": 0.75}
    monkeypatch.setattr(feature_parts, "accuracy", lambda scores, labels: {"accuracy": shown[asked]})
    monkeypatch.setattr(feature_parts, "average_precision", lambda scores, there: np.array([shown[asked]]))
    drawn = []
    monkeypatch.setattr(feature_parts, "draw_transfer", lambda path, curves, *_: drawn.append(curves))
    for asked, expected in shown.items():
        command("--parts", "shots", "collages", "--layers", asked)
        told = [line for line in capsys.readouterr().out.splitlines() if line.endswith(f": {expected:.1%} ± 0.0%")]
        assert [line.split(",")[0] for line in told if asked in line] == [
            *2 * [f"softmax on {asked}"], *2 * [f"linear SVM on {asked}"],
            f"softmax on {asked} of collages", f"sigmoid on {asked} of collages"]
        assert {mean for name in (f"softmax on {asked}", f"linear SVM on {asked}")
                for _, mean, _ in drawn[-1][name]} == {expected}


def test_what_was_best_on_the_validation_photographs_is_shown_to_the_test(tmp_path):
    work = SimpleNamespace(folds=2)
    asked = []

    def learn(f, part, lr, steps):
        asked.append((f, part, lr, steps))
        return {"accuracy": {"valid": lr + steps / 100, "test": 1 - lr}[part]}
    results = feature_rows.Results(tmp_path / "rows.jsonl")
    feature_rows.measured(work, results, {"part": "shots", "k": 1}, (0.1, 0.3, 0.2), (10, 20), learn)
    assert {at[:2] for at in asked[:6]} == {(0, "valid")} and asked[6:] == [(f, "test", 0.3, 20) for f in (0, 1)]
    assert results.rows[-1] == {"part": "shots", "k": 1, "fold": 1, "lr": 0.3, "steps": 20, "accuracy": 0.7}
    assert results.rows[0] == {"part": "tuning", "of": "shots", "k": 1, "lr": 0.1, "steps": 10, "accuracy": 0.2}


def test_of_settings_that_are_equally_good_the_first_is_taken(tmp_path):
    results = Results(tmp_path / "r.jsonl")
    measured(SimpleNamespace(folds=1), results, {"part": "p"}, (0.1, 1.0), (100, 300),
             lambda f, unseen, lr, n: {"accuracy": 0.5})
    assert (results.rows[-1]["lr"], results.rows[-1]["steps"]) == (0.1, 100)


def test_results_of_other_photographs_of_the_same_classes_are_not_given_out(command, tmp_path):
    rows = command("--parts", "codes")
    shutil.copytree(tmp_path / "photos", tmp_path / "copied")
    assert command("--parts", "codes", "--photographs", str(tmp_path / "copied")) == rows
    Image.fromarray(RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(tmp_path / "copied" / "val" / "x" / "0.png")
    with pytest.raises(SystemExit, match="results.jsonl is of another RUN, or of other --folds or --photographs"):
        command("--photographs", str(tmp_path / "copied"))


def test_results_of_another_net_in_a_folder_of_the_same_name_are_not_given_out(command, tmp_path):
    rows, path = command("--parts", "codes"), tmp_path / "out" / "results.jsonl"
    build("cifar-80sec", rng=np.random.default_rng(1)).save(tmp_path / "run" / "net.npz")
    with pytest.raises(SystemExit, match="results.jsonl is of another RUN"):
        command("--parts", "codes")
    del rows[0]["weights"], rows[0]["photographs"]                   # as the version before wrote it
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert command("--parts", "codes") == rows


def test_the_three_sets_share_no_photograph(command, monkeypatch):
    """Neither do two folds, and every class has its photographs in each."""
    found = []
    monkeypatch.setitem(feature_parts.PARTS, "codes", lambda work, results: found.append(work))
    command("--parts", "codes")
    work, = found
    rows = [image.tobytes() for split in (work.train, work.valid, work.test) for image in split.images]
    assert len(set(rows)) == len(rows) == 3 * (4 + 2 + 2)
    folds = [work.fold(f, 2) for f in (0, 1)]
    assert not set(folds[0]) & set(folds[1])
    assert all((np.bincount(work.train.labels[fold]) == 2).all() for fold in folds)
    assert (np.bincount(work.valid.labels) == 2).all() and set(work.fold(0, 1)) < set(folds[0])


def test_a_net_that_sees_crops(command, tmp_path):
    """So does the net that learns from the photographs alone."""
    view, settings = View(np.full((32, 32, 3), 100.0), crop=24), {"width": 0.1}
    build("cifar-13pct", rng=np.random.default_rng(0), **settings).save(tmp_path / "run" / "net.npz")
    view.save(tmp_path / "run")
    write_json(tmp_path / "run" / "config.json", {"net": "cifar-13pct", "settings": settings, "view": view.config(),
                                                  "classes": list("abcdefghij")})
    rows = command("--parts", "shots", "--layers", "pool2")
    assert any(row.get("by") == "scratch" and "accuracy" in row for row in rows)


def test_what_it_refuses(command, tmp_path):
    net = build("cifar-resnet20", width=0.1, rng=np.random.default_rng(0))
    assert features.layers_of(SimpleNamespace(net=net), ["stage1", "stage1.block1.relu2"]) == [
        "stage1", "stage1.block1.relu2"]
    with pytest.raises(ValueError, match="--layers: expected some of conv1, .*; got stage1.block1$"):  # made of others
        features.layers_of(SimpleNamespace(net=net), ["stage1.block1"])
    with pytest.raises(ValueError, match="got none, and none of them is a MaxPool2d or an AvgPool2d"):
        features.layers_of(SimpleNamespace(net=net), None)
    with pytest.raises(SystemExit, match="--layers: expected some of conv1, .*; got pool9"):
        command("--layers", "pool9")
    with pytest.raises(SystemExit, match="train: expected 10 photographs of each class, for 3 folds, got 8 of x"):
        command("--folds", "3")
    path = tmp_path / "run" / "config.json"
    config = json.loads(path.read_text())
    write_json(path, config | {"classes": list("abcdefghik")})
    with pytest.raises(SystemExit, match="run was trained on a, b, c..., not on CIFAR-10"):
        command()
    write_json(path, config)
    assert not (tmp_path / "out").exists()
    command("--parts", "codes")
    shutil.copytree(tmp_path / "photos", tmp_path / "others")
    for split in "train", "val":
        (tmp_path / "others" / split / "x").rename(tmp_path / "others" / split / "w")
    with pytest.raises(SystemExit, match="is of another RUN, or of other --folds or --photographs"):
        command("--folds", "2", "--photographs", str(tmp_path / "others"))
    (tmp_path / "out" / "results.jsonl").write_text("{nonsense")
    with pytest.raises(SystemExit, match="DataError: .*results.jsonl: expected JSON"):
        command()


@pytest.mark.parametrize("line, message", [
    ('{"k": 1}', "expected 'part', str, got none"),
    ('{"part": "shots", "accuracy": NaN}', "the error accuracy: expected a finite number from 0 to 1, got nan"),
    ('{"part": "shots", "ap": 1.5}', "ap: expected a finite number from 0 to 1, got 1.5"),
    ('{"part": "shots", "fold": 1}\n{"part": "shots", "fold": 1}', "each measurement once, got .*: 1} twice"),
    ('{"part": "codes", "codes": "x"}', "codes: expected a finite number from 0 to 1, got 'x'")])
def test_rows_that_cannot_be(tmp_path, line, message):
    (tmp_path / "rows.jsonl").write_text(line + "\n")
    with pytest.raises(DataError, match=f"rows.jsonl: .*{message}"):
        feature_rows.Results(tmp_path / "rows.jsonl")


def test_a_row_without_what_is_asked_for(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"part": "tuning", "of": "shots", "lr": 0.1, "steps": 10}\n')
    results = feature_rows.Results(tmp_path / "rows.jsonl")
    with pytest.raises(DataError, match="rows.jsonl: expected 'accuracy', int or float, got none"):
        feature_rows.measured(SimpleNamespace(folds=1), results, {"part": "shots"}, (0.1,), (10,), None)


@pytest.mark.skipif(sys.platform == "win32", reason="no locks on Windows")
def test_a_second_process_in_the_same_folder_is_refused(command, tmp_path):
    (tmp_path / "out").mkdir()
    lock = Lock(tmp_path / "out")
    assert lock.take()
    with pytest.raises(SystemExit, match="BlockingIOError: .*another process trains in this folder"):
        command()
    assert [*(tmp_path / "out").iterdir()] == []
    lock.release()
