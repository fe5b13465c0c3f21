"""Files that are read. None is trusted: only what is a file is opened, and what it promises is checked before it is
believed.

Whoever reads a kind of file (an image, a checkpoint, a run's config.json) raises DataError for one that is not what it
should be, before anything else has changed, and never takes much more memory than the file has bytes. Where a small
file may stand for much, a constant of the reader's module is the limit (MOST_PIXELS, MOST_TEXT, ...), and the error
names it: who trusts the file may raise it.
"""
from __future__ import annotations

import json
import os
import stat
from os import PathLike
from typing import Any, BinaryIO

LONGEST_GOT = 500    # letters in an error message
MOST_TEXT = 2 ** 26  # bytes of a text: a metrics.jsonl of 100,000 epochs has fewer

_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
          stat.S_IFBLK: "a device"}


class DataError(ValueError):
    """A file is not what it should be; the message says which, what was expected, what came, what to do."""


def wrong(path: str | PathLike, expected: str, got: str, do: str = "") -> DataError:
    """The DataError for `path`; `do` is the advice, by default to replace the file. Of what it `got`, which may come
    from the file itself, the first letters are enough."""
    got = got if len(got) <= LONGEST_GOT else got[:LONGEST_GOT] + "..."
    do = do or ("The file is damaged, or that of another kind of run: name another one" if _of_a_run(path) else
                "The file is damaged or is something else: delete it and get it again")
    return DataError(f"{path}: expected {expected}, got {got}. {do}.")


def _of_a_run(path: str | PathLike) -> bool:
    return os.path.basename(os.fspath(path)) == "config.json"


def opened(path: str | PathLike) -> BinaryIO:
    """The file at `path`, opened for reading.

    Raises DataError for what is there but is no file: to open a named pipe would wait for ever, and a device has no
    end. OSError as `open` does.
    """
    _expect_file(path, os.stat(path))
    file = open(path, "rb", opener=_without_waiting)
    try:
        _expect_file(path, os.fstat(file.fileno()))  # it may have been exchanged since
    except DataError:
        file.close()
        raise
    return file


def _expect_file(path: str | PathLike, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise wrong(path, "a file", _KINDS.get(stat.S_IFMT(found.st_mode), "something else"),
                    "Name another file, or move it away")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_text(path: str | PathLike) -> str:
    """The text in the file at `path`, in UTF-8. Raises DataError if it is none, or has more than MOST_TEXT bytes."""
    with opened(path) as file:
        if os.fstat(file.fileno()).st_size > MOST_TEXT:  # not read(MOST_TEXT): that takes so much memory at once
            raise wrong(path, f"a text of at most {MOST_TEXT:,} bytes", "more",
                        f"If it is right, set {__name__}.MOST_TEXT higher")
        data = file.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise wrong(path, "a text in UTF-8", f"the error {error}") from error


def read_json(path: str | PathLike) -> dict[str, Any]:
    """The dictionary in the JSON file at `path`. Raises DataError if there is none."""
    return parse_json(path, read_text(path))


def parse_json(path: str | PathLike, text: str) -> dict[str, Any]:
    """The dictionary that is written in `text`, which comes from the file at `path`. Raises DataError if it is none."""
    try:
        value = json.loads(text, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise wrong(path, "JSON", f"the error {error}") from error
    if not isinstance(value, dict):
        raise wrong(path, "a dictionary in JSON", f"{type(value).__name__} {shortened(value)}")
    return value


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in a dictionary")
    return found


def entry(path: str | PathLike, of: dict[str, Any], name: str, kind: type | tuple[type, ...], what: str = "") -> Any:
    """`of[name]`, a value from the file at `path` that must be there and of this `kind`: `str`, `(int, float)`, ...
    True and False are no numbers. Raises DataError, which calls what was expected `what`.
    """
    expected = f"{name!r}, {what or ' or '.join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))}"
    if name not in of:
        raise wrong(path, expected, "none")
    value, kinds = of[name], kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise wrong(path, expected, f"{type(value).__name__} {shortened(value)}")
    return value


def shortened(value: Any) -> str:
    """The value as Python writes it, for an error message: the first letters of it."""
    try:
        text = repr(value)
    except RecursionError:
        text = f"a {type(value).__name__} of very many levels"
    return text if len(text) <= 60 else text[:60] + "..."
