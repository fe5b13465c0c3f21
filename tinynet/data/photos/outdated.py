"""Squares of photographs as they were before: which they are, and how they are deleted, and nothing else with them."""
from __future__ import annotations

import os
import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from ...files.locks import Lock, keeps_out
from ...files.reading import DataError, entry, read_json
from ...files.writing import remove_torn
from .prepared import FILES


def outdated(root: Path, folder: Path) -> dict[Path, int]:
    """The folders beside `folder` that hold squares of the photographs in `root`, and the size of these."""
    name, found = re.compile(re.escape(root.resolve().name) + "-[0-9a-f]{16}"), {}
    for path in folder.parent.iterdir():
        if name.fullmatch(path.name) and path != folder and path.is_dir() and not path.is_symlink():
            with suppress(OSError, DataError):  # not one of ours
                header = read_json(path / "header.json")
                if header.get("made_from") == str(root.resolve()):
                    found[path] = entry(path, header, "size", int)
    return found


def remove(path: Path) -> str:
    """Delete the squares in the folder `path`; or say why not."""
    lock = Lock(path)
    try:
        if not lock.take():
            return "they are being read"
        if not keeps_out(path):
            return "this disk has no locks, and so nobody knows whether they are being read"
        remove_torn(path)
        others = [file.name for file in path.iterdir() if file.name not in FILES or not file.is_file()]
        if others:
            return f"there is something else in it: {', '.join(sorted(others)[:5])}"
        going = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
        os.replace(path, going)  # gone in one step; should we be killed now, `remove_unfinished` goes on
        shutil.rmtree(going, ignore_errors=True)
        return ""
    except OSError as error:
        return str(error)
    finally:
        lock.release()
