"""Downloads a file over HTTP: checked, and continued where it was cut off.

    NAME.<8 hex digits>.part   the file while a process downloads it, and no other process has this name
    NAME.part                  what an interrupted download leaves, and the next one continues

What is missing is asked for with `Range: bytes=<have>-` (RFC 9110, section 14); `If-Range: <ETag>` makes the
server send the whole file instead if it has changed. The answer is one of
    206  the rest: Content-Range must start at <have>
    200  the whole file, from a server that does not know Range, or has another file now: start from zero
    416  we have more bytes than the server: start from zero
Whatever way the bytes came, the MD5 sum of the whole decides whether they are the right ones.
"""
from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..dataset import DataError, wrong
from ..progress import Progress, megabytes

TRIES = 4        # connections per address, before the next address or giving up
PAUSE = 1.0      # seconds before the second try; doubled before each further one
TIMEOUT = 30.0   # seconds without a byte, after which a connection counts as cut
ABANDONED = 600  # seconds after its last byte that a part file of another process counts as left behind
PIECE = 1 << 16


class DownloadError(OSError):
    """No address gave the file. The message says what each one answered, and what to do."""


class _Cut(Exception):
    """The connection failed in a way that another try may mend."""


@contextlib.contextmanager
def fetched(urls: Sequence[str], folder: Path, name: str, md5: str) -> Iterator[Path]:
    """Download `name` from the first of `urls` that has it; give the path of the whole, checked file.

    The file is the block's to read or to move away; afterwards it is deleted. If anything else than the
    file's content is at fault (a cut connection, a full disk, Ctrl-C), it is kept as NAME.part and continued
    next time.

    Raises DataError if the checksum is wrong, DownloadError if no address has the file, OSError from the
    disk.
    """
    part = _claim(folder, name)
    try:
        if _md5(part) != md5:
            _download(urls, part, name)
            _verify(part, name, md5)
        yield part
    except DataError:
        part.unlink(missing_ok=True)
        raise
    except BaseException:
        _release(part, folder / f"{name}.part")
        raise
    part.unlink(missing_ok=True)


def _claim(folder: Path, name: str) -> Path:
    """A part file that is ours alone: one left behind, or an empty one."""
    folder.mkdir(parents=True, exist_ok=True)
    mine = folder / f"{name}.{secrets.token_hex(4)}.part"
    for left in [folder / f"{name}.part", *folder.glob(f"{name}.{'[0-9a-f]' * 8}.part")]:
        # Of two processes that want the same file, the one whose rename comes second finds it gone.
        with contextlib.suppress(FileNotFoundError):
            if left.name == f"{name}.part" or time.time() - left.stat().st_mtime > ABANDONED:
                os.rename(left, mine)
                os.utime(mine)
                return mine
    mine.touch()
    return mine


def _release(part: Path, to: Path) -> None:
    with contextlib.suppress(OSError):  # must not hide the error that brought us here
        if part.stat().st_size:
            os.replace(part, to)
        else:
            part.unlink()


def _md5(path: Path) -> str:
    sums = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            sums.update(piece)
    return sums.hexdigest()


def _verify(part: Path, name: str, md5: str) -> None:
    got = _md5(part)
    if got != md5:
        raise wrong(part.with_name(name), f"a download with the MD5 sum {md5}",
                    f"{part.stat().st_size:,} bytes with {got}", "It has been deleted: run again to download "
                    "it afresh; if that does not help, the server, or something on the way, has changed it")


def _download(urls: Sequence[str], part: Path, name: str) -> None:
    failures = []
    for url in urls:
        try:
            return _Transfer(url, part, name).run()
        except DownloadError as error:
            failures.append(f"\n  {error}")
    raise DownloadError(f"{name}: no server gave this file:{''.join(failures)}\nRun again to continue; or "
                        f"download it by hand, and put it (an archive: unpacked) into {part.parent}.")


class _Transfer:
    """One address into one part file, over as many connections as that takes."""

    def __init__(self, url: str, part: Path, name: str):
        self.url, self.part, self.name = url, part, name
        self.etag = None

    def run(self) -> None:
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSE * 2 ** (attempt - 1))
            try:
                return self._connect()
            except _Cut as cut:
                reason = cut
        raise DownloadError(f"{self.url}: {reason} (tried {TRIES} times)")

    def _connect(self) -> None:
        """One connection: write what it brings to the part file. Raises _Cut if that is not all."""
        have = self.part.stat().st_size
        with self._open(have) as response, open(self.part, "r+b") as file:
            start, total = self._extent(response, have)
            file.seek(start)
            file.truncate()
            progress = Progress(f"downloading {self.name}", total, "MB", megabytes, have=start)
            try:
                for piece in _pieces(response):
                    file.write(piece)
                    progress.at(file.tell())
                if total is not None and file.tell() < total:
                    raise _Cut(f"connection closed after {file.tell():,} of {total:,} bytes")
            except BaseException:
                progress.end(f"stopped at {megabytes(file.tell())} MB")
                raise
            progress.end(f"{megabytes(file.tell())} MB")

    def _open(self, have: int):
        import http.client
        import socket
        import urllib.error
        import urllib.request
        headers = {"Range": f"bytes={have}-"} if have else {}
        if have and self.etag:
            headers["If-Range"] = self.etag
        try:
            return urllib.request.urlopen(urllib.request.Request(self.url, headers=headers), timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 416:
                    os.truncate(self.part, 0)
                elif error.code < 500 and error.code not in (408, 429):
                    raise DownloadError(f"{self.url}: HTTP status {error.code} ({error.reason})") from None
                raise _Cut(f"HTTP status {error.code} ({error.reason})") from None
        except (OSError, http.client.HTTPException) as error:
            if isinstance(getattr(error, "reason", None), socket.gaierror):  # offline: waiting will not help
                raise DownloadError(f"{self.url}: {error.reason}") from None
            raise _Cut(f"no connection: {error}") from error

    def _extent(self, response, have: int) -> tuple[int, int | None]:
        """Where in the file the response starts, and the size of the whole file, if the server says it."""
        etag = response.headers.get("ETag", "")
        self.etag = etag if etag.startswith('"') else None  # only a strong ETag may stand in If-Range
        if response.status != 206:
            length = response.headers.get("Content-Length", "")
            return 0, int(length) if length.isdigit() else None
        content_range = response.headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range)
        if match is None or int(match[1]) != have:
            os.truncate(self.part, 0)
            raise _Cut(f"asked for the bytes from {have} on, the server sent {content_range!r}")
        return have, None if match[2] == "*" else int(match[2])


def _pieces(response) -> Iterator[bytes]:
    import http.client
    while True:
        try:
            piece = response.read(PIECE)
        except (OSError, http.client.HTTPException) as error:
            raise _Cut(f"connection cut: {error}") from error
        if not piece:
            return
        yield piece
