"""Files that are written: they take their place whole, or not at all.

A program may be killed at any moment, a disk may be full, and two may write at once. So a file is written under a name
that nobody else has, in the same folder, brought to the disk, and then renamed, which the operating system does in one
step: whoever reads finds the old file or the new one. What a killed program leaves has a name that is made here alone,
`.<16 hex digits>.tinynet`, and nobody has it locked any more: so `remove_torn` knows it.
"""
from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from .locks import claim

_TORN = re.compile(r"\.[0-9a-f]{16}\.tinynet")


@contextmanager
def atomic_write(path: str | PathLike) -> Iterator[BinaryIO]:
    """A file that takes its place at `path` only once it is complete: a crash leaves the old file, or none.

    The new file has the permissions of the old one; where `path` is a link, what it leads to is replaced. Raises
    OSError that names `path` if it cannot be written, or something is there that is no file: what was there before is
    still there then.
    """
    path = _resolved(path)
    file, temporary = None, None
    try:
        file, temporary = _new_file(path.parent)
        if path.exists() and hasattr(os, "fchmod"):
            os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
        yield file
        file.flush()
        os.fsync(file.fileno())
        if os.name == "nt":
            file.close()  # or it could not be renamed
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        if error.filename is None or str(error.filename).endswith(".tinynet"):  # not one from the caller's block
            raise OSError(error.errno, f"{error.strerror or error} (what was there before is intact)", str(path)
                          ) from error
        raise
    finally:
        if file is not None:
            with suppress(OSError):  # what was not written for want of room
                file.close()
            temporary.unlink(missing_ok=True)


def _resolved(path: str | PathLike) -> Path:
    """Where a link leads. OSError if it is no name of a file, or that of something else."""
    path = Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)
    if not path.name:
        raise FileNotFoundError(errno.ENOENT, "expected the name of a file to write to", str(path))
    if path.exists() and not path.is_file():
        kind, number = ("a folder", errno.EISDIR) if path.is_dir() else ("a special file", errno.EINVAL)
        raise OSError(number, f"expected a file, or nothing, where something is to be written, got {kind}", str(path))
    return path


def _new_file(folder: Path) -> tuple[BinaryIO, Path]:
    """A new file in `folder`, locked for as long as it is open."""
    while True:
        path = folder / f".{secrets.token_hex(8)}.tinynet"
        file = open(path, "xb")
        claim(file.fileno(), wait=True)
        with suppress(FileNotFoundError):  # taken for torn before we had it locked
            if os.stat(path).st_ino == os.fstat(file.fileno()).st_ino:
                return file, path
        file.close()


def sync_folder(folder: str | PathLike) -> None:
    """Bring the names in `folder` to the disk, so that a power cut does not take back a rename."""
    if os.name == "nt":
        return
    with suppress(OSError):  # a disk that does not do it for folders
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def write_text(path: str | PathLike, text: str) -> None:
    """`text` as the file at `path`, in UTF-8. Raises what `atomic_write` raises."""
    with atomic_write(path) as file:
        file.write(text.encode("utf-8"))


def write_json(path: str | PathLike, value: Any, indent: int | None = 1) -> None:
    """`value` as a JSON file. Raises what `atomic_write` raises."""
    write_text(path, json.dumps(value, indent=indent) + "\n")


def write_json_lines(path: str | PathLike, rows: Iterable[Any], default: Callable[[Any], Any] | None = None) -> None:
    """A line of JSON for each of the `rows`; `default` is json's. Raises what `atomic_write` raises."""
    write_text(path, "".join(json.dumps(row, default=default) + "\n" for row in rows))


def link_or_copy(source: str | PathLike, path: str | PathLike) -> None:
    """Put the file `source` at `path` too: as a second name for it, if the file system can do that, which writes
    nothing. Neither is to be written into afterwards, only replaced. A crash leaves the old file, or none."""
    path = _resolved(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}.tinynet")
    try:
        os.link(os.path.realpath(source), temporary)  # of a link, the file: what replaces that must not write into it
    except OSError:
        with open(source, "rb") as there, atomic_write(path) as here:
            shutil.copyfileobj(there, here)
        return
    try:
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def remove_torn(folder: str | PathLike) -> None:
    """Delete the files in `folder` that were being written when a program was killed. Whatever else lies there stays,
    as does what another process is writing."""
    for path in Path(folder).iterdir():
        if _TORN.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            with suppress(OSError), open(path, "rb") as file:  # gone already, or not ours to delete
                if claim(file.fileno()):
                    path.unlink()
