"""What is said where nobody listens, or cannot read every letter."""
from __future__ import annotations

import errno
import io
import os
import sys

import pytest

from tinynet.data.progress import Progress
from tinynet.files.terminal import fitted, tell, watched, width_of
from tinynet.training.train import say, show_progress


class Broken(io.StringIO):
    def __init__(self, error):
        super().__init__()
        self.error, self.tries = error, 0

    def write(self, text):
        self.tries += 1
        raise self.error


@pytest.mark.parametrize("error", [BrokenPipeError(errno.EPIPE, "Broken pipe"), OSError(errno.ENOSPC, "full"),
                                   OSError(errno.EIO, "Input/output error")])
def test_what_takes_nothing_is_told_nothing_more(monkeypatch, error):
    broken, stderr = Broken(error), io.StringIO()
    monkeypatch.setattr(sys, "stdout", broken)
    monkeypatch.setattr(sys, "stderr", stderr)
    for _ in range(3):
        say("line")
        print("other", flush=True)
    assert broken.tries == 1 and stderr.getvalue() == f"\nnothing more can be said on standard output: {error}\n"


def test_both_may_be_broken(monkeypatch):
    for name in "stdout", "stderr":
        monkeypatch.setattr(sys, name, Broken(OSError(errno.ENOSPC, "full")))
    say("line")
    tell("stderr", "line")
    assert not watched() and sys.stderr.isatty() is False


def test_closed_and_missing_streams(monkeypatch):
    for stream in io.StringIO(), None:
        if stream:
            stream.close()
        for name in "stdout", "stderr":
            monkeypatch.setattr(sys, name, stream)
        assert not watched()
        say("line")
        show_progress("net")
        Progress("photographs", 3).end()


def test_letters_that_a_stream_does_not_have(monkeypatch):
    for encoding, expected in {"ascii": b"\\xfc \\u2192 x\n", "latin-1": b"\xfc \\u2192 x\n",
                               "utf-8": "ü → x\n".encode()}.items():
        file = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, encoding=encoding, newline="\n"))
        say("ü → x")
        assert file.getvalue() == expected
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, encoding="utf-8", newline="\n"))
    say(os.fsdecode(b"name \xff"))                               # a file name that is no text
    assert file.getvalue() == b"name \\udcff\n"


def test_other_errors_are_not_hidden(monkeypatch):
    for error in ValueError("another"), KeyboardInterrupt(), ZeroDivisionError():
        monkeypatch.setattr(sys, "stdout", Broken(error))
        with pytest.raises(type(error)):
            say("line")


def test_places_on_a_terminal():
    assert [width_of(text) for text in ("", "cat", "é", "e\u0301", "青空", "ｶ", "가", "Ａ")] == [0, 3, 1, 1, 4, 1, 2, 2]
    assert fitted("青空", 5) == "青空 " and fitted("青空", 5, right=True) == " 青空"
    assert fitted("青空", 3) == "青 " and fitted("cat", 2) == "ca"
