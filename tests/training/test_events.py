"""TensorBoard's event files: what is in them, also after a run has gone on; and what is said without tensorboardX."""
from __future__ import annotations

import importlib.util
import struct
import sys

import pytest
from tiny import go

from tinynet.commands import train_cifar10, train_imagenet, train_lenet5
from tinynet.training.events import EventFile, numbers_in
from tinynet.training.run import Run

there = pytest.mark.skipif(importlib.util.find_spec("tensorboardX") is None, reason="tensorboardX is not installed")


def numbers_of(folder):
    """{name: [(step, value)]} of the one event file in `folder`: records of length, checksum, event, checksum."""
    from tensorboardX.proto.event_pb2 import Event
    (file,), found = folder.glob("events.out.tfevents.*"), {}
    data = file.read_bytes()
    while data:
        size, = struct.unpack("<Q", data[:8])
        event, data = Event.FromString(data[12:12 + size]), data[16 + size:]
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, pytest.approx(value.simple_value, rel=1e-6)))
    return found


@there
def test_the_numbers_of_every_epoch_also_of_a_run_that_went_on(tmp_path):
    _, at = go(tmp_path / "run", epochs=2, tensorboard=True)
    assert numbers_of(tmp_path / "run")["train_loss"] == [(r["epoch"], r["train_loss"]) for r in at.history]
    _, at = go(tmp_path / "run", epochs=3, resume=True, tensorboard=True)
    found = numbers_of(tmp_path / "run")
    assert found.keys() == at.history[0].keys() - {"epoch"} and len(at.history) == 3
    for name, values in found.items():
        assert values == [(r["epoch"], r[name]) for r in at.history]


@there
def test_what_tensorboard_does_not_get_costs_a_line_and_no_epoch(tmp_path, monkeypatch, capsys):
    def full(self, history):
        raise OSError("no space left on device")
    monkeypatch.setattr(EventFile, "write", full)
    _, at = go(tmp_path / "run", tensorboard=True)
    assert len(at.history) == 3
    assert capsys.readouterr().out.count("nothing more for TensorBoard: no space left on device\n") == 1


@there
def test_a_disk_that_fills_up_in_the_middle_costs_a_line_and_no_epoch(tmp_path, monkeypatch, capsys):
    from tensorboardX.record_writer import RecordWriter

    def full(self):
        calls.append(self)
        if len(calls) > 2:
            raise OSError("no space left on device")
        return flush(self)
    calls, flush = [], RecordWriter.flush
    monkeypatch.setattr(RecordWriter, "flush", full)
    _, at = go(tmp_path / "run", epochs=6, tensorboard=True)  # more numbers than a queue would take
    assert len(at.history) == 6 and len(calls) == 3
    assert capsys.readouterr().out.count("nothing more for TensorBoard: no space left on device\n") == 1


@there
def test_the_event_files_of_others_stay(tmp_path):
    others = [tmp_path / "run" / f"events.out.tfevents.1700000000.{name}" for name in ("mine", "mine.v2", "mine.d")]
    others[2].mkdir(parents=True)
    for file in others[:2]:
        file.write_bytes(b"mine")
    for resume in False, True:
        go(tmp_path / "run", epochs=2 + resume, resume=resume, tensorboard=True)
        assert [file.read_bytes() for file in others[:2]] == [b"mine"] * 2 and others[2].is_dir()
        ours = set((tmp_path / "run").glob("events*")) - set(others)
        assert len(ours) == 1 and ours.pop().name.endswith(".tinynet")


def test_the_numbers_in_a_record():
    record = {"epoch": 3, "lr": 0.1, "net": "relu", "flat": {"relu1": 0.5, "deep": {"relu2": 1}}, "none": None}
    assert [*numbers_in(record)] == [("lr", 0.1), ("flat/relu1", 0.5), ("flat/deep/relu2", 1.0)]


def test_without_tensorboardx_a_line_says_so_before_anything_begins(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"^--tensorboard, or Run\(..., tensorboard=True\), needs tensorboardX: pip "
                                          r"install tensorboardX$"):
        Run(tmp_path / "run", {}, tensorboard=True)
    monkeypatch.setattr("tinynet.commands.options.find_spec", lambda name: None)
    for command, data in (train_cifar10, []), (train_lenet5, []), (train_imagenet, [str(tmp_path)]):
        with pytest.raises(SystemExit, match="2"):
            command.main([*data, "--tensorboard", "--out", str(tmp_path / "run")])
        assert capsys.readouterr().err.endswith(
            "--tensorboard: needs tensorboardX, which is not there: pip install tensorboardX\n")
    assert [*tmp_path.iterdir()] == []
