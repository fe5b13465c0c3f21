"""metrics.jsonl: read, or refused with its line."""
import json

import pytest

from tinynet.files.reading import DataError
from tinynet.training.records import read_records

RECORD = {"epoch": 1, "lr": 0.1, "train_loss": 2.5, "train_error": 0.5, "flat": {"a": 0.1}}


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_what_is_written_is_read(tmp_path):
    records = [RECORD, {**RECORD, "epoch": 2, "val_error": float("inf")}]
    assert read_records(write(tmp_path / "metrics.jsonl", *records), "epoch", "flat") == records
    assert read_records(write(tmp_path / "metrics.jsonl")) == []


def test_a_last_line_that_was_cut_is_said_and_left_out(tmp_path, capsys):
    with open(write(tmp_path / "metrics.jsonl", RECORD), "a") as file:
        file.write('{"epoch": 2, "l')
    assert read_records(tmp_path / "metrics.jsonl") == [RECORD]
    assert "metrics.jsonl: its last line has no end and is left out: '{\"epoch\": 2, \"l'" in capsys.readouterr().out


@pytest.mark.parametrize("second, message", [
    (3, "metrics.jsonl: expected a dictionary in JSON, got int 3"),
    ({**RECORD, "epoch": 0}, "in line 2 the error epoch: expected a whole number of 1 or more, got 0"),
    ({**RECORD, "epoch": "2"}, "in line 2 the error epoch: expected a whole number"),
    ({**RECORD, "lr": float("nan")}, "in line 2 the error lr: expected a finite number, got nan"),
    ({**RECORD, "train_loss": 10 ** 400}, "in line 2 the error train_loss: expected a finite number"),
    ({**RECORD, "train_loss": 2 ** 63}, "in line 2 the error train_loss: expected a finite number"),
    ({**RECORD, "train_error": None}, "in line 2 the error train_error: expected a number, got None"),
    ({**RECORD, "val_error": [1]}, "in line 2 the error val_error: expected a number, got "),
    ({"epoch": 1, "lr": 0.1}, "in line 2 the error expected a val_error, train_error or train_loss, got "),
    ({"train_loss": 1}, "in line 2 the error expected epoch, lr, got no epoch, lr")])
def test_what_is_no_record(tmp_path, second, message):
    with pytest.raises(DataError, match=message):
        read_records(write(tmp_path / "metrics.jsonl", RECORD, second), "epoch", "lr")


def test_what_is_no_text(tmp_path):
    (tmp_path / "metrics.jsonl").write_bytes(b"\xff\n")
    with pytest.raises(DataError, match="metrics.jsonl: expected a text in UTF-8"):
        read_records(tmp_path / "metrics.jsonl")
    with pytest.raises(FileNotFoundError):
        read_records(tmp_path / "nothing")
