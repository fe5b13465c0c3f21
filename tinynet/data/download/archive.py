"""Unpacks known files from a .tar.gz that is not trusted.

A tar archive is a list of members, each a header of 512 bytes (name, type, size) and its bytes, filled up to blocks of
512. The names, types and sizes are up to who wrote it: an archive can name a file outside the folder it is unpacked
into (`/etc/passwd`, `../x`), put a link in the way of a later member, say a petabyte, or be a thousandth of what comes
out of it. So Python's tarfile only tells what stands in one header; nothing that it says is followed. The archive is
gone through twice: first every header and the checksum are looked at, then the expected files alone are written, under
their last name, in pieces. Records of long names and the like, which stand before a member, are passed over.
"""
from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ...files.reading import opened, wrong

MOST_BYTES = 2 ** 28  # that come out of an archive: CIFAR-10 has 184 MB
MOST_MEMBERS = 100
BLOCK = tarfile.BLOCKSIZE
PIECE = 2 ** 20
REPLACE = "Nothing of it has been unpacked: delete the archive and get it from its publisher again"
_RECORDS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


def unpack(archive: Path, folder: Path, names: Sequence[str]) -> None:
    """Write the regular files NAME, or FOLDER/NAME in the archive, of all `names` into `folder`.

    Raises DataError, before anything is written, if the archive is damaged, if one of the files is missing, if more
    than MOST_BYTES come out of it, or if any member at all is hostile.
    """
    problem = _problem(archive, names)
    if problem:
        raise wrong(archive, *problem, REPLACE)
    with opened(archive) as packed, gzip.GzipFile(fileobj=packed) as file:
        for member, name in _members(file):
            if name in names and member.isfile():
                with open(folder / name, "xb") as to:
                    for piece in _pieces(file, member.size):
                        to.write(piece)
                _pass(file, -member.size % BLOCK)
            else:
                _pass(file, _blocks(member))


def _problem(archive: Path, names: Sequence[str]) -> tuple[str, str] | None:
    """What was expected of the archive and what came instead; None if nothing is wrong."""
    found, left = set(), MOST_BYTES
    with opened(archive) as packed, gzip.GzipFile(fileobj=packed) as file:
        try:
            for count, (member, name) in enumerate(_members(file), 1):
                problem = (_hostile(member) or (count > MOST_MEMBERS and f"more than {MOST_MEMBERS} members")
                           or (_blocks(member) > left and f"more than {MOST_BYTES:,} bytes, with {member.name!r}")
                           or (name in found and f"a second {name}"))
                if problem:
                    return "an archive of a few plain files", problem
                if name in names and member.isfile():
                    found.add(name)
                left -= _blocks(member)
                _pass(file, _blocks(member))
            while piece := file.read(PIECE):  # to the end, where the checksum is
                left -= len(piece)
                if left < 0:
                    return "an archive of a few plain files", f"more than {MOST_BYTES:,} bytes"
        except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
            return "a whole .tar.gz archive", f"the error {error!r}"
    missing = sorted(set(names) - found)
    return (f"an archive with {', '.join(names)}", f"none of {', '.join(missing)}") if missing else None


def _members(file: BinaryIO) -> Iterator[tuple[tarfile.TarInfo, str]]:
    """Each header with the last part of its name. Whoever asks for the next has read or passed over the member's
    bytes, in whole blocks."""
    while (block := file.read(BLOCK)).strip(b"\0"):
        member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        yield member, PurePosixPath(member.name).name


def _blocks(member: tarfile.TarInfo) -> int:
    """How many bytes come after this header before the next one. A folder has none, whatever its size."""
    return 0 if member.isdir() else member.size + -member.size % BLOCK


def _hostile(member: tarfile.TarInfo) -> str:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or ":" in member.name:
        return f"the name {member.name!r}, which can lead out of the folder"
    if member.issparse() or not (member.isfile() or member.isdir() or member.type in _RECORDS):
        return f"{member.name!r}, a link, a device or another special file"
    return f"{member.name!r} of {member.size} bytes" if member.size < 0 else ""


def _pieces(file: BinaryIO, count: int) -> Iterator[bytes]:
    while count:
        piece = file.read(min(PIECE, count))
        if not piece:
            raise EOFError("the archive ends within a member")
        yield piece
        count -= len(piece)


def _pass(file: BinaryIO, count: int) -> None:
    for _ in _pieces(file, count):
        pass
