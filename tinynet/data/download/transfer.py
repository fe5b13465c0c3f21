"""One file from one address over HTTP, continued where it was cut off.

What is missing is asked for with `Range: bytes=<have>-` (RFC 9110, section 14); `If-Range: <ETag>` makes the server
send the whole file instead if it has changed. The answer is one of
    206  the rest: Content-Range must start at <have>
    200  the whole file, from a server that does not know Range, or has another file now: start from zero
    416  we have more bytes than the server: start from zero

The server is not trusted, nor is what lies on the way. It is left at once if it says another size than the file has, or
sends more; a connection counts as cut if it brings twice the file, or fewer than SLOWEST bytes a second for a minute:
both are looked at where the bytes come in, below everything that HTTP makes of them. From https no redirect leads away,
and from http only to https: never to ftp or a file of this machine.
"""
from __future__ import annotations

import contextlib
import functools
import http.client
import io
import os
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from ..progress import Progress, megabytes

TRIES = 4        # connections per address, before the next address or giving up
PAUSE = 1.0      # seconds before the second try; doubled before each further one
TIMEOUT = 30.0   # seconds without a byte, after which a connection counts as cut
SLOWEST = 1000   # bytes per second, over WINDOW seconds
WINDOW = 60.0
PIECE = 1 << 16


class Failed(Exception):
    """This address does not give the file. The message says why."""


class _Cut(Exception):
    """The connection failed in a way that another try may mend."""


class Transfer:
    """The file at `url`, of `size` bytes, into the file `part`, over as many connections as that takes."""

    def __init__(self, url: str, part: Path, name: str, size: int) -> None:
        self.url, self.part, self.name, self.size = url, part, name, size
        self.etag = None

    def run(self) -> None:
        """Raises Failed if this address does not give `size` bytes, and OSError from the disk."""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSE * 2 ** (attempt - 1))
            try:
                return self._connect()
            except _Cut as cut:
                reason = cut
        raise Failed(f"{reason} (tried {TRIES} times)")

    def _connect(self) -> None:
        """One connection: write what it brings to the part file. Raises _Cut if that is not all."""
        have = self.part.stat().st_size
        with self._open(have) as response, open(self.part, "r+b") as file:
            start = self._start(response, have)
            file.seek(start)
            file.truncate()
            progress = Progress(f"downloading {self.name}", self.size, "MB", megabytes, have=start)
            try:
                for piece in _pieces(response):
                    if file.tell() + len(piece) > self.size:
                        raise Failed(f"it sent more than the {self.size:,} bytes that the file has")
                    file.write(piece)
                    progress.at(file.tell())
                if file.tell() < self.size:
                    raise _Cut(f"connection closed after {file.tell():,} of {self.size:,} bytes")
            except BaseException:
                progress.end(f"stopped at {megabytes(file.tell())} MB")
                raise
            progress.end(f"{megabytes(file.tell())} MB")

    def _open(self, have: int) -> http.client.HTTPResponse:
        headers = {"Range": f"bytes={have}-"} if have else {}
        if have and self.etag:
            headers["If-Range"] = self.etag
        try:
            with _server("no connection"):
                return _opener(2 * self.size + 2 ** 20).open(urllib.request.Request(self.url, headers=headers),
                                                             timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            error.close()
            status = f"HTTP status {error.code} ({_printable(error.reason)})"
            if error.code == 416:
                os.truncate(self.part, 0)
            elif error.code < 500 and error.code not in (408, 429):
                raise Failed(status) from None
            raise _Cut(status) from None

    def _start(self, response: http.client.HTTPResponse, have: int) -> int:
        """Where in the file the response starts. Raises Failed if the server has a file of another size."""
        etag = response.headers.get("ETag", "")
        self.etag = etag if re.fullmatch(r'"[!#-~]{0,200}"', etag) else None  # only a strong one may stand in If-Range
        if response.status != 206:
            length = re.fullmatch(r"\s*([0-9]+)\s*", response.headers.get("Content-Length", ""))
            start, total = 0, length and length[1]
        else:
            content_range = response.headers.get("Content-Range", "")
            match = re.fullmatch(r"bytes ([0-9]+)-[0-9]+/([0-9]+|\*)", content_range)
            if match is None or match[1] != str(have):
                os.truncate(self.part, 0)
                raise _Cut(f"asked for the bytes from {have} on, the server sent {_printable(repr(content_range))}")
            start, total = have, match[2] if match[2] != "*" else None
        if total is not None and total.lstrip("0") != str(self.size):  # as texts: there may be thousands of digits
            raise Failed(f"it has {total[:20]} bytes, the file has {self.size}: it is another one")
        return start


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        with _server("connection cut"):
            piece = response.read1(PIECE)  # what is there: `read` would wait until it has so many
        if not piece:
            return
        yield piece


@contextlib.contextmanager
def _server(what: str) -> Iterator[None]:
    """Everything that a server can make Python's library raise is a _Cut, but for an HTTP status."""
    try:
        yield
    except urllib.error.HTTPError:
        raise
    except (OSError, http.client.HTTPException, ValueError, ArithmeticError) as error:
        reason = getattr(error, "reason", None)
        if isinstance(reason, socket.gaierror):  # offline: waiting will not help
            raise Failed(str(reason)) from None
        raise _Cut(f"{what}: {_printable(error)}") from error


def _printable(text: object) -> str:
    """What comes from a server, for a message: without control characters, and not without end."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text)[:200])


def _opener(most: int) -> urllib.request.OpenerDirector:
    """What urlopen does, for http and https only, and for connections that bring at most so many bytes."""
    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.ProxyHandler(), urllib.request.UnknownHandler(), _Handler(most), _Redirects(),
                    urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPErrorProcessor()):
        opener.add_handler(handler)
    return opener


class _Redirects(urllib.request.HTTPRedirectHandler):
    def http_error_302(self, request, file, code, message, headers):
        try:
            return super().http_error_302(request, file, code, message, headers)
        except BaseException:
            file.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, request, file, code, message, headers, url):
        file.close()  # a redirect may have a page of any length
        secure = urlsplit(request.full_url).scheme == "https"
        if urlsplit(url).scheme not in (("https",) if secure else ("http", "https")):
            raise Failed(f"it leads to {_printable(url)}, and a redirect must not leave https")
        return super().redirect_request(request, file, code, message, headers, url)


class _Handler(urllib.request.AbstractHTTPHandler):
    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def http_open(self, request):
        return self.do_open(_Http, request, most=self.most)

    def https_open(self, request):
        return self.do_open(_Https, request, most=self.most)

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_


class _Http(http.client.HTTPConnection):
    def __init__(self, *args, most: int, **options) -> None:
        super().__init__(*args, **options)
        self.response_class = functools.partial(_Response, most=most)


class _Https(_Http, http.client.HTTPSConnection):
    pass


class _Response(http.client.HTTPResponse):
    def __init__(self, *args, most: int, **options) -> None:
        super().__init__(*args, **options)
        self.fp = io.BufferedReader(_Paced(self.fp.detach(), most))


class _Paced(io.RawIOBase):
    """The bytes that come over a connection: not too many, and not too slowly."""

    def __init__(self, raw: io.RawIOBase, most: int) -> None:
        self.raw, self.left = raw, most
        self.since, self.came = time.monotonic(), 0  # of this minute

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        count, now = self.raw.readinto(buffer), time.monotonic()
        self.left, self.came = self.left - count, self.came + count
        if self.left < 0:
            raise OSError("more bytes than any way of sending the file needs")
        if now - self.since > WINDOW:
            if self.came < SLOWEST * (now - self.since):
                raise OSError(f"fewer than {SLOWEST:,} bytes a second")
            self.since, self.came = now, 0
        return count

    def close(self) -> None:
        self.raw.close()
        super().close()
