"""Unpacks known files from a .tar.gz that is not trusted.

A tar archive is a list of members, each a header (name, type, size) and its bytes. The names and types are up
to who wrote it, so an archive can name a file outside the folder it is unpacked into (`/etc/passwd`, `../x`),
put a link in the way of a later member, or say a petabyte. Here every header is read and checked before the
first byte is written, only the expected files are written, under their last name alone, and Python's own
filter for untrusted archives (PEP 706) stands behind our checks.
"""
from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ..dataset import wrong

MOST_BYTES = 64 << 20  # for one member: twice the largest file of CIFAR-10
MOST_MEMBERS = 100
REPLACE = "Nothing of it has been unpacked: delete the archive and get it from its publisher again"


def unpack(archive: Path, folder: Path, names: Sequence[str]) -> None:
    """Write the regular files NAME, or FOLDER/NAME in the archive, of all `names` into `folder`.

    Raises DataError, before anything is written, if the archive is damaged, if one of the files is missing,
    or if any member at all is hostile; RuntimeError if this Python has no safe way to unpack.
    """
    import tarfile
    if not hasattr(tarfile, "data_filter"):
        raise RuntimeError("unpacking safely needs the extraction filters of tarfile, for which this Python "
                           "is too old: use Python 3.10.12, 3.11.4, 3.12 or later")
    try:
        with tarfile.open(archive, "r:gz") as tar:
            members = _checked(archive, tar, names)
            tar.extractall(folder, members, filter="data")
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise wrong(archive, "a whole .tar.gz archive", f"the error {error!r}", REPLACE) from error


def _checked(archive, tar, names) -> list:
    """The members to extract, renamed to their last name."""
    chosen = {}
    for count, member in enumerate(tar, 1):
        path = PurePosixPath(member.name)
        problem = (_problem(member, path) or (count > MOST_MEMBERS and f"more than {MOST_MEMBERS} members")
                   or (path.name in chosen and f"a second {path.name}"))
        if problem:
            raise wrong(archive, "an archive of a few plain files", problem, REPLACE)
        if path.name in names and member.isfile():
            chosen[path.name] = member.replace(name=path.name, deep=False)
    missing = sorted(set(names) - set(chosen))
    if missing:
        raise wrong(archive, f"an archive with {', '.join(names)}", f"none of {', '.join(missing)}", REPLACE)
    return list(chosen.values())


def _problem(member, path) -> str:
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or ":" in member.name:
        return f"the name {member.name!r}, which can lead out of the folder"
    if not (member.isfile() or member.isdir()):
        return f"{member.name!r}, a link, a device or another special file"
    if not 0 <= member.size <= MOST_BYTES:
        return f"{member.name!r} of {member.size:,} bytes, more than {MOST_BYTES:,}"
    return ""
