"""Reading what is not trusted: files only, texts and JSON of a size that can be, entries of the right kind."""
from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tinynet.files import reading
from tinynet.files.reading import DataError, entry, opened, parse_json, read_json, read_text, wrong

NOT_FILES = {"folder": "a folder", "pipe": "a named pipe", "socket": "a socket", "device": "a device"}


@pytest.fixture
def special(tmp_path, monkeypatch):
    """One of each kind of what is no file."""
    if os.name != "posix":
        pytest.skip("special files as POSIX has them")
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as at:
        at.bind("socket")
    os.symlink("/dev/zero", "device")
    return tmp_path


@pytest.mark.parametrize("name", NOT_FILES)
def test_what_is_no_file_is_not_opened(special, name):
    for read in opened, read_text, read_json:
        with pytest.raises(DataError, match=f"{name}: expected a file, got {NOT_FILES[name]}"):
            read(special / name)


def test_a_file_that_is_exchanged_for_a_pipe_while_it_is_opened(special, monkeypatch):
    (special / "file").write_bytes(b"")
    real = os.stat(special / "file")
    monkeypatch.setattr(os, "stat", lambda path: real)
    with pytest.raises(DataError, match="got a named pipe"):
        opened(special / "pipe")


def test_a_file_is_read(tmp_path):
    (tmp_path / "file").write_text('{"a": [1, "ä"]}', encoding="utf-8")
    with opened(tmp_path / "file") as file:
        assert file.read(4) == b'{"a"'
    assert read_json(tmp_path / "file") == {"a": [1, "ä"]}
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "none")


def test_a_text_of_another_coding_or_too_long(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match="file: expected a text in UTF-8, got the error 'utf-8' codec can't decode"):
        read_text(tmp_path / "file")
    monkeypatch.setattr(reading, "MOST_TEXT", 3)
    with pytest.raises(DataError, match="at most 3 bytes, got more. If it is right, set .*reading.MOST_TEXT"):
        read_text(tmp_path / "file")


@pytest.mark.parametrize("text, error", {
    "": "expected JSON, got the error Expecting value", "{": "expected JSON",
    "[1]": "a dictionary in JSON, got list .1.",
    "null": "got NoneType None", "[" * 100_000: "expected JSON", '{"a": 1, "b": 2, "a": 3}': "a name stands twice",
    "1" * 5000: "expected JSON", '"' + "x" * 100 + '"': "got str 'x{59}[.]{3}"}.items())
def test_what_is_no_dictionary_in_json(text, error):
    with pytest.raises(DataError, match=f"file: .*{error}"):
        parse_json("file", text)


def test_entries_of_the_right_kind():
    found = {"n": 3, "x": 0.5, "on": True, "text": "t", "none": None}
    assert entry("file", found, "n", int) == 3 and entry("file", found, "on", bool) is True
    assert entry("file", found, "x", (int, float)) == 0.5
    for name, kind, error in [("on", int, "'on', int, got bool True"), ("y", int, "'y', int, got none"),
                              ("text", (int, float), "'text', int or float, got str 't'"),
                              ("none", str, "'none', str, got NoneType None")]:
        with pytest.raises(DataError, match=f"file: expected {error}"):
            entry("file", found, name, kind)
    with pytest.raises(DataError, match="expected 'n', a name, got int 3"):
        entry("file", found, "n", str, "a name")


def test_of_what_was_got_the_first_letters_are_enough():
    for letters, cut in (10_000, "..."), (500, ""):
        message = str(wrong("x.npz", "an array", "y" * letters, "Look"))
        assert message == f"x.npz: expected an array, got {'y' * 500}{cut}. Look."
