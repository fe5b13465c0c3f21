"""The run folder: what is in it and when, what it refuses, and how a run ends and goes on."""
from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest
from tiny import CONFIG, go, parts

from tinynet import SGD, Flatten, Linear, MeanSquaredError, Sequential, set_threads
from tinynet.data import Split, View
from tinynet.look import curves
from tinynet.look.curves import draw_training
from tinynet.training import checkpoint, run
from tinynet.training.diverged import Diverged
from tinynet.training.run import Run
from tinynet.training.schedule import ByEpoch
from tinynet.training.train import train


@pytest.fixture(autouse=True)
def no_curves(monkeypatch):
    """To draw, and to wait for the disk, takes most of the time of these runs; one test draws."""
    drawn = []
    monkeypatch.setattr(os, "fsync", lambda file: None)
    monkeypatch.setattr(run, "CURVES", np.inf)  # the share of the time that they may take
    monkeypatch.setattr(curves, "draw_training", lambda path, records: drawn.append((path.name, len(records))))
    return drawn


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def without_times(folder):
    return [{**record, "images_per_second": 0, "waited": 0} for record in metrics(folder)]


def assert_same_end(folder, other):
    """The two runs wrote the same metrics and ended in the same arrays, bit for bit."""
    assert without_times(folder) == without_times(other)
    with np.load(folder / "checkpoints/last.npz") as first, np.load(other / "checkpoints/last.npz") as second:
        assert first.files == second.files
        for name in set(first.files) - {"training/rest"}:
            np.testing.assert_array_equal(first[name], second[name], name)
        ends = [json.loads(file["training/rest"].item()) for file in (first, second)]
    assert ends[0]["generators"] == ends[1]["generators"] and ends[0]["schedule"] == ends[1]["schedule"]


def test_what_is_in_the_folder(tmp_path, no_curves, capsys):
    errors = iter([0.5, 0.25, 0.25])
    net, at = go(tmp_path / "a/run", keep_every=2, validate=lambda: {"val_error": next(errors)})
    folder = tmp_path / "a/run"
    assert sorted(os.listdir(folder)) == ["checkpoints", "config.json", "metrics.jsonl"]
    assert sorted(os.listdir(folder / "checkpoints")) == ["best.npz", "epoch-0002.npz", "last.npz"]
    config = json.loads((folder / "config.json").read_text())
    assert {name: config[name] for name in CONFIG} == {**CONFIG, "rates": [0.1, 0.01]}
    assert list(config["environment"]) == ["tinynet", "numpy", "threads", "on"]
    assert [(r["epoch"], r["lr"], r["val_error"]) for r in metrics(folder)] == [
        (1, 0.1, 0.5), (2, 0.1, 0.25), (3, pytest.approx(0.01), 0.25)]
    assert metrics(folder) == at.history
    assert no_curves == [("curves.png", 1), ("curves.png", 2), ("curves.png", 3)]
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3 and printed[1].startswith("run  epoch   2  loss ")
    assert "train error " in printed[1] and ", val error 25.0%  " in printed[1]
    twins = {name: parts()[0].load(folder / "checkpoints" / f"{name}.npz") for name in ("last", "best", "epoch-0002")}
    assert (twins["last"]["fc1"].W.value == net["fc1"].W.value).all()
    assert (twins["best"]["fc1"].W.value == twins["epoch-0002"]["fc1"].W.value).all()
    assert (twins["best"]["fc1"].W.value != net["fc1"].W.value).any()


def test_the_best_is_found_beside_epochs_without_a_validation_error(tmp_path):
    errors = iter([np.nan, 0.5, np.nan, 0.25, 0.3])
    go(tmp_path / "run", epochs=5, validate=lambda: {"val_error": next(errors)})
    with np.load(tmp_path / "run/checkpoints/best.npz") as file:
        assert json.loads(file["training/rest"].item())["progress"]["epoch"] == 4 + 1


def test_the_best_is_one_of_the_epochs_that_were_validated_if_only_some_are(tmp_path):
    found = iter([{}, {"val_error": 0.9}, {}, {"val_error": 0.8}, {}, {"val_error": 0.85}])
    _, at = go(tmp_path / "run", epochs=6, validate=lambda: next(found))
    assert min(record["train_error"] for record in at.history) < 0.8                         # they are no match
    with np.load(tmp_path / "run/checkpoints/best.npz") as file:
        assert json.loads(file["training/rest"].item())["progress"]["epoch"] == 4 + 1


def test_an_error_that_is_no_number_leaves_a_checkpoint_that_can_be_resumed(tmp_path):
    with pytest.raises(TypeError, match="expected a number as validate's test_error, got None"):
        go(tmp_path / "run", validate=lambda: {"test_error": None})
    go(tmp_path / "run", resume=True)
    go(tmp_path / "whole")
    assert_same_end(tmp_path / "run", tmp_path / "whole")


@pytest.mark.parametrize("links", [True, False])
def test_what_is_the_same_is_written_once(tmp_path, monkeypatch, links):
    written, save = [], checkpoint.save
    monkeypatch.setattr(checkpoint, "save", lambda path, *rest: (written.append(path.stem), save(path, *rest)))
    if not links:
        def refuse(source, path):
            raise OSError("no links here")
        monkeypatch.setattr(os, "link", refuse)
    errors = iter([0.5, 0.6, 0.7, 0.4])
    go(tmp_path / "run", epochs=4, keep_every=2, validate=lambda: {"val_error": next(errors)})
    assert written == ["last", "best", "epoch-0002", "last", "best"]
    folder = tmp_path / "run/checkpoints"
    content = {name: (folder / f"{name}.npz").read_bytes() for name in ("best", "epoch-0002", "epoch-0004", "last")}
    assert content["best"] == content["epoch-0004"] == content["last"] != content["epoch-0002"]
    assert len({os.stat(path).st_ino for path in folder.iterdir()}) == (2 if links else 4)
    monkeypatch.undo()
    monkeypatch.setattr(os, "fsync", lambda file: None)
    monkeypatch.setattr(curves, "draw_training", lambda path, records: None)
    go(tmp_path / "run", epochs=5, resume=True, validate=lambda: {"val_error": 0.9})        # replaces last alone
    assert (folder / "best.npz").read_bytes() == content["best"] != (folder / "last.npz").read_bytes()


def test_a_table_of_rates_that_ends_loses_no_epoch(tmp_path):
    net, sgd, loader, _ = parts()
    schedule = ByEpoch(lambda epoch: [0.1, 0.01][epoch - 1])
    with Run(tmp_path / "run", CONFIG) as run:
        progress = run.start(net, sgd, loader, schedule)
        train(net, sgd, loader, 2, progress=progress, schedule=schedule, on_batch=run.on_batch, on_epoch=run.on_epoch)
        assert len(metrics(tmp_path / "run")) == 2
        with pytest.raises(IndexError):                                 # there is no rate for a third
            train(net, sgd, loader, 3, progress=progress, schedule=schedule, on_epoch=run.on_epoch)
    with np.load(tmp_path / "run/checkpoints/last.npz") as file:
        assert json.loads(file["training/rest"].item())["progress"]["epoch"] == 3
        np.testing.assert_array_equal(file["fc2.W"], net["fc2"].W.value)


def test_without_errors_the_best_is_that_of_the_lowest_loss(tmp_path):
    net, sgd, loader, _ = parts()
    loader.split = Split(loader.split.images, np.ones((20, 3), np.float32))
    with Run(tmp_path / "run", CONFIG) as run:
        progress = run.start(net, sgd, loader)
        train(net, sgd, loader, 3, loss=MeanSquaredError(), progress=progress, on_batch=run.on_batch,
              on_epoch=lambda record: run.on_epoch(record) or setattr(sgd, "lr", 10.0))      # from now on it gets worse
    losses = [record["train_loss"] for record in metrics(tmp_path / "run")]
    with np.load(tmp_path / "run/checkpoints/best.npz") as file:
        assert json.loads(file["training/rest"].item())["progress"]["epoch"] == losses.index(min(losses)) + 2 == 2


@pytest.mark.parametrize("waited, said", [(0.004, ""), (0.01, ", waited 1%"), (0.35, ", waited 35%")])
def test_an_epoch_in_words(waited, said):
    record = {"epoch": 7, "lr": 0.1, "train_loss": 1.5, "train_error": 0.25, "images_per_second": 812.4,
              "waited": waited, "val_error": 0.5}
    assert run.in_words(record) == f"epoch   7  loss 1.500  train error 25.0%, val error 50.0%  812 images/s{said}"
    del record["train_error"], record["val_error"]
    assert run.in_words(record) == f"epoch   7  loss 1.500  812 images/s{said}"


def test_without_a_validation_error_the_best_is_that_of_training(tmp_path):
    _, at = go(tmp_path / "run", epochs=8)
    errors = [record["train_error"] for record in at.history]
    with np.load(tmp_path / "run/checkpoints/best.npz") as file:
        progress = json.loads(file["training/rest"].item())["progress"]
    assert 1 < len(errors) and progress["epoch"] == errors.index(min(errors)) + 2


def test_the_curves_of_short_epochs_are_drawn_with_a_later_one(tmp_path, monkeypatch, no_curves):
    monkeypatch.setattr(run, "CURVES", 1e-9)
    go(tmp_path / "whole", epochs=5)
    assert no_curves == [("curves.png", 1), ("curves.png", 5)]
    no_curves.clear()
    errors = iter([0.5, 0.4])
    with pytest.raises(StopIteration):
        go(tmp_path / "stopped", epochs=5, validate=lambda: {"val_error": next(errors)})
    assert no_curves == [("curves.png", 1), ("curves.png", 2)]


def test_the_curves_are_drawn_and_their_failure_does_not_end_the_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(curves, "draw_training", draw_training)
    go(tmp_path / "run", epochs=1)
    assert matplotlib.image.imread(tmp_path / "run/curves.png").std() > 0.05

    def broken(path, records):
        raise RuntimeError("no fonts")
    monkeypatch.setattr(curves, "draw_training", broken)
    go(tmp_path / "other", epochs=2)
    assert len(metrics(tmp_path / "other")) == 2 and "curves.png: no fonts" in capsys.readouterr().out


def test_the_first_checkpoint_is_there_before_the_first_batch(tmp_path):
    seen = []
    go(tmp_path / "run", epochs=1, hook=lambda net, at: seen.append((tmp_path / "run/checkpoints/last.npz").exists()))
    assert seen == [True] * 3


@pytest.mark.parametrize("minutes, expected", [(0, [1, 2, 3, 1, 2, 3]), (10, [2, 2]), (60, [])])
def test_checkpoints_within_an_epoch(tmp_path, monkeypatch, minutes, expected):
    """On a clock by which a batch takes 400 seconds. That of the end of an epoch counts, too."""
    saved, save, done = [], Run._save, []
    monkeypatch.setattr(run, "time", SimpleNamespace(monotonic=lambda: 400 * len(done)))

    def noted(self, *names, like=None):
        saved.append(self.progress.batch)
        save(self, *names, like=like)
    monkeypatch.setattr(Run, "_save", noted)
    go(tmp_path / "run", epochs=2, minutes=minutes, hook=lambda net, at: done.append(at))
    assert saved[:1] == [0] and [batch for batch in saved if batch] == expected


# ---------------------------------------------------------------------------------------- starting and resuming


class Crash(Exception):
    pass


def crash_at(epoch, batch):
    def hook(net, at):
        if (at.epoch, at.batch) == (epoch, batch):
            raise Crash
    return hook


@pytest.mark.parametrize("minutes", [0, 10])
def test_a_run_that_crashed_goes_on_as_if_it_had_not(tmp_path, minutes):
    go(tmp_path / "whole")
    with pytest.raises(Crash):
        go(tmp_path / "run", hook=crash_at(2, 3), minutes=minutes)
    _, at = go(tmp_path / "run", seed=5, resume=True)           # what the seed decides is in the checkpoint
    assert [record["epoch"] for record in at.history] == [1, 2, 3]
    assert_same_end(tmp_path / "run", tmp_path / "whole")


def test_metrics_later_than_the_checkpoint_and_torn_files_are_gone_when_it_goes_on(tmp_path):
    go(tmp_path / "whole")
    with pytest.raises(Crash):
        go(tmp_path / "run", hook=crash_at(2, 1))
    with open(tmp_path / "run/metrics.jsonl", "a") as file:
        file.write(json.dumps({"epoch": 2}) + '\n{"epoch": 3, "l')
    (tmp_path / "run/checkpoints/.0123456789abcdef.tinynet").write_bytes(b"PK")
    (tmp_path / "run/.fedcba9876543210.tinynet").write_bytes(b"{")
    (tmp_path / "run/.note.txt").write_bytes(b"not ours")
    go(tmp_path / "run", resume=True)
    assert_same_end(tmp_path / "run", tmp_path / "whole")
    assert sorted(os.listdir(tmp_path / "run")) == [".note.txt", "checkpoints", "config.json", "metrics.jsonl"]
    assert sorted(os.listdir(tmp_path / "run/checkpoints")) == ["best.npz", "last.npz"]


def test_a_run_can_be_made_longer_and_one_that_is_over_does_nothing_more(tmp_path):
    go(tmp_path / "whole")
    go(tmp_path / "run", epochs=1)
    go(tmp_path / "run", epochs=3, config={**CONFIG, "epochs": 3}, resume=True)
    assert_same_end(tmp_path / "run", tmp_path / "whole")
    go(tmp_path / "run", resume=True)
    assert_same_end(tmp_path / "run", tmp_path / "whole")


def test_an_earlier_run_is_refused_and_left_alone(tmp_path):
    go(tmp_path / "run", epochs=1)
    before = (tmp_path / "run/metrics.jsonl").read_bytes()
    with pytest.raises(FileExistsError, match="run holds an earlier run: resume it, name another folder"):
        go(tmp_path / "run")
    assert (tmp_path / "run/metrics.jsonl").read_bytes() == before


def test_the_view_of_another_run_stays_as_it_is(tmp_path):
    first, second = Run(tmp_path / "run", CONFIG), Run(tmp_path / "run", CONFIG)     # before either has begun
    first.start(*parts()[:3], view=View(np.full((2, 2, 1), 1.0)))
    with pytest.raises(OSError):
        second.start(*parts()[:3], view=View(np.full((2, 2, 1), 9.0)))
    assert (np.load(tmp_path / "run/mean.npy") == 1).all()


def test_a_folder_without_a_run_cannot_be_resumed(tmp_path):
    (tmp_path / "run").mkdir()
    for folder in "run", "nothing":
        with pytest.raises(FileNotFoundError, match="no run that could be resumed: there is no config.json in it"):
            go(tmp_path / folder, resume=True)
    assert os.listdir(tmp_path) == ["run"] and os.listdir(tmp_path / "run") == []


def test_a_run_that_lost_its_checkpoint_does_not_begin_anew_by_itself(tmp_path):
    go(tmp_path / "run", epochs=1)
    (tmp_path / "run/checkpoints/last.npz").unlink()
    with pytest.raises(FileNotFoundError, match="last.npz"):
        go(tmp_path / "run", resume=True)
    assert len(metrics(tmp_path / "run")) == 1


def test_another_config_is_refused_and_every_difference_named(tmp_path):
    go(tmp_path / "run", epochs=1)
    before = (tmp_path / "run/config.json").read_bytes()
    config = {"seed": 1, "batch_size": 8, "epochs": 9, "rates": (0.1,), "workers": 2, "device": "gpu", "net": "other"}
    with pytest.raises(ValueError) as error:
        go(tmp_path / "run", config=config, resume=True)
    assert str(error.value).splitlines() == [
        f"{tmp_path / 'run'} is another run than the one to be resumed:", "  seed: now 1, the run has 0",
        "  rates: now [0.1], the run has [0.1, 0.01]", "  net: now 'other', the run has None"]
    assert (tmp_path / "run/config.json").read_bytes() == before


def test_another_number_of_threads_is_said(tmp_path, capsys):
    set_threads(1)
    go(tmp_path / "run", epochs=1)
    set_threads(2)
    go(tmp_path / "run", epochs=2, resume=True)
    assert "goes on, but not bit for bit as it would have: threads 2 (was 1)\n" in capsys.readouterr().out
    assert json.loads((tmp_path / "run/config.json").read_text())["environment"]["threads"] == 2


@pytest.mark.parametrize("what, message", [
    ("no generator", r"the loader gives the images in order, .* Loader\(split, batch_size, rng\)"),
    ("that of a layer", "drop.rng is the loader's generator: give the layer one of its own")])
def test_a_loader_that_no_training_can_go_on_with_leaves_no_folder(tmp_path, what, message):
    net, sgd, loader, schedule = parts()
    loader.rng = None if what == "no generator" else dict(net.state())["drop.rng"]
    with pytest.raises(ValueError, match=message), Run(tmp_path / "run", CONFIG) as run:
        run.start(net, sgd, loader, schedule)
    assert os.listdir(tmp_path) == []


def test_another_net_is_refused(tmp_path):
    go(tmp_path / "run", epochs=1)
    net = Sequential(flat=Flatten(), fc1=Linear(4, 3))
    with pytest.raises(ValueError, match="does not fit this training:\n  fc1.W: expected float32 of shape"):
        Run(tmp_path / "run", CONFIG, resume=True).start(net, SGD(net.parameters(), 0.1), *parts()[2:])


def test_a_config_that_json_cannot_hold_is_refused(tmp_path):
    with pytest.raises(TypeError, match="which JSON can hold, got <object"):
        Run(tmp_path / "run", {"net": object()})
    assert os.listdir(tmp_path) == []


# ---------------------------------------------------------------------------------------- when writing fails


def test_a_folder_that_cannot_be_written_to_is_an_error_at_once(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        go(tmp_path / "file" / "run")
    (tmp_path / "locked").mkdir(mode=0o500)
    if not os.access(tmp_path / "locked", os.W_OK):             # root may write everywhere
        with pytest.raises(PermissionError, match="locked"):
            go(tmp_path / "locked" / "run")


def test_a_disk_that_is_too_small_is_an_error_at_once(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10 ** 9, 10 ** 9 - 1000, 1000))
    with pytest.raises(OSError, match=r"need 0 MB, the disk has 0 MB free") as error:
        go(tmp_path / "run")
    assert error.value.errno == errno.ENOSPC and not (tmp_path / "run/config.json").exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10 ** 9, 0, 3 * 2 * 67 * 4))   # 67 parameters
    go(tmp_path / "run")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10 ** 9, 0, 2 * 67 * 4))       # last and best exist
    go(tmp_path / "run", resume=True)


def full_disk():
    """From now on, no file gets beyond 100 bytes. Gives the limit that held before."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up_later_keeps_the_checkpoint_before(tmp_path):
    last = tmp_path / "run/checkpoints/last.npz"
    before, make_room = [], []

    def hook(net, at):
        if (at.epoch, at.batch) == (2, 2):
            before.append(last.read_bytes())
            make_room.append(full_disk())
    try:
        with pytest.raises(OSError, match="File too large .*: the checkpoint could not be written, the ones "
                                          "before are intact; make room, then go on with Run"):
            go(tmp_path / "run", hook=hook, minutes=0)
    finally:
        make_room[0]()
    assert last.read_bytes() == before[0] and sorted(os.listdir(last.parent)) == ["best.npz", "last.npz"]
    go(tmp_path / "run", resume=True)
    go(tmp_path / "whole")
    assert_same_end(tmp_path / "run", tmp_path / "whole")


def test_what_is_not_finite_never_comes_into_a_checkpoint(tmp_path):
    def hook(net, at):
        if (at.epoch, at.batch) == (2, 2):
            net["fc1"].W.value[0, 0] = np.nan
    with pytest.raises(Diverged, match="epoch 2, after batch 2: fc1.W holds NaN or infinity"):
        go(tmp_path / "run", hook=hook, minutes=0)
    with np.load(tmp_path / "run/checkpoints/last.npz") as file:
        assert all(np.isfinite(file[name]).all() for name in file.files if name != "training/rest")


# ---------------------------------------------------------------------------------------- signals


def signalled(epoch, batch, *numbers):
    def hook(net, at):
        if (at.epoch, at.batch) == (epoch, batch):
            for number in numbers:
                signal.raise_signal(number)
    return hook


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_signal_ends_the_run_after_the_step_with_a_checkpoint(tmp_path, capfd, number, status, batch):
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as ended:
        go(tmp_path / "run", hook=signalled(2, batch, number), how_to_resume="go on with: me --resume run")
    assert ended.value.code == status and signal.getsignal(number) is before
    printed = capfd.readouterr()
    assert f"stopped in epoch 2, after batch {batch}; go on with: me --resume run" in printed.out
    assert "stopping after this step; once more to stop at once" in printed.err
    go(tmp_path / "run", resume=True)
    go(tmp_path / "whole")
    assert_same_end(tmp_path / "run", tmp_path / "whole")


def test_a_signal_between_two_epochs(tmp_path, capsys):
    def validate():
        signal.raise_signal(signal.SIGTERM)
        return {}
    with pytest.raises(SystemExit):
        go(tmp_path / "run", validate=validate)
    assert f"stopped after epoch 1; go on with Run('{tmp_path / 'run'}', ..., resume=True)" in (
        capsys.readouterr().out)
    go(tmp_path / "run", resume=True)
    go(tmp_path / "whole")
    assert_same_end(tmp_path / "run", tmp_path / "whole")


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_after_the_last_step_ends_the_program_with_the_block(tmp_path, number, status):
    net, sgd, loader, _ = parts()
    tested = []
    with pytest.raises(SystemExit) as ended, Run(tmp_path, CONFIG) as run:
        train(net, sgd, loader, 1, progress=run.start(net, sgd, loader), on_batch=run.on_batch, on_epoch=run.on_epoch)
        signal.raise_signal(number)
        tested.append("what follows within the block")
    assert ended.value.code == status and tested
    with Run(tmp_path, CONFIG, resume=True) as run:
        assert run.start(net, sgd, loader).epoch == 2


@pytest.mark.skipif(os.name != "posix", reason="links as POSIX has them")
def test_checkpoints_on_another_disk_need_their_room_there(tmp_path, monkeypatch):
    (tmp_path / "large").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoints").symlink_to(tmp_path / "large")
    usage, there = namedtuple("usage", "total used free"), tmp_path / "large"
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 0, 10 ** 9 * (Path(path).resolve() == there)))
    go(tmp_path / "run")
    assert (there / "last.npz").exists()


def test_a_second_signal_stops_at_once(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "run", hook=signalled(2, 1, signal.SIGINT, signal.SIGINT))
    go(tmp_path / "run", resume=True)
    go(tmp_path / "whole")
    assert_same_end(tmp_path / "run", tmp_path / "whole")


def test_in_another_thread_there_are_no_handlers_and_the_run_goes_well(tmp_path):
    ended = []
    thread = threading.Thread(target=lambda: ended.append(go(tmp_path / "run")))
    thread.start()
    thread.join()
    go(tmp_path / "whole")
    assert len(ended) == 1
    assert_same_end(tmp_path / "run", tmp_path / "whole")


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_status_of_a_program_that_was_asked_to_stop(tmp_path, number, status):
    program = ("import sys, time; sys.path.insert(0, sys.argv[1]); import test_run\n"
               "test_run.curves.draw_training = lambda path, records: None\n"
               "def hook(net, at): print('batch', flush=True); time.sleep(0.02)\n"
               "test_run.go(sys.argv[2], epochs=1000, hook=hook)")
    process = subprocess.Popen([sys.executable, "-c", program, str(Path(__file__).parent), str(tmp_path / "run")],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == status and "Traceback" not in err
    assert "stopped in epoch " in out or "stopped after epoch " in out
