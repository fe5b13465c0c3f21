import errno
import functools
import gzip
import hashlib
import importlib
import io
import json
import os
import random
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tarfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from tinynet.data import DataError, cifar10, cifar100, mnist
from tinynet.data.download import archive as archives
from tinynet.data.download import folders, transfer
from tinynet.data.download.fetch import DownloadError, Wanted, downloading, fetched
from tinynet.data.progress import Progress, megabytes
from tinynet.files.locks import alone

CONTENT = np.random.default_rng(0).bytes(300_000)


def wanted(name, content):
    return Wanted(name, len(content), hashlib.md5(content, usedforsecurity=False).hexdigest(),
                  hashlib.sha256(content).hexdigest())


WANTED = wanted("f", CONTENT)


class Handler(BaseHTTPRequestHandler):
    """Serves server.files as the other attributes of the server say; notes the Range of each request."""

    def do_GET(self):
        server, name = self.server, self.path[1:]
        asked = self.headers["Range"]
        server.requests.append((name, asked, self.headers["If-Range"]))
        if name in server.raw:
            return self.send_raw(server.raw[name])
        content = server.files.get(name)
        if server.answers:
            return self.send_error(server.answers.pop(0))
        if content is None:
            return self.send_error(404)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.knows_range else 0
        if start >= len(content):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            first, size = start + server.shift, len(content)
            self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", '"one"')
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else len(content)
        for at in range(start, min(start + cut, len(content)), 10_000):
            self.wfile.write(content[at:min(at + 10_000, start + cut)])
            time.sleep(server.pause)

    def send_raw(self, pieces):
        """Send these pieces; a number is a pause in seconds."""
        for piece in pieces:
            if isinstance(piece, float):
                time.sleep(piece)
            else:
                self.server.sent += len(piece)
                self.wfile.write(piece)
        self.close_connection = True

    def handle(self):
        try:
            super().handle()
        except OSError:  # the other side has gone
            pass

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setattr(transfer, "PAUSE", 0)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("TINYNET_DATA", raising=False)
    for variable in "XDG_CACHE_HOME", "LOCALAPPDATA":
        monkeypatch.setenv(variable, str(tmp_path / "cache"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.requests, server.raw, server.sent = {"f": CONTENT}, [], {}, 0
        server.answers, server.cuts, server.knows_range, server.shift, server.pause = [], [], True, 0, 0
        server.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(server, folder, file=WANTED, names=("f",)):
    with downloading(folder, []), fetched([server.url + name for name in names], folder, file) as path:
        return path.read_bytes()


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


def ranges(server):
    return [asked for _, asked, _ in server.requests]


def test_a_download_is_given_and_then_deleted(server, tmp_path, capsys):
    assert get(server, tmp_path / "new" / "folder") == CONTENT
    assert names(tmp_path / "new" / "folder") == [] and ranges(server) == [None]
    first, last = capsys.readouterr().err.splitlines()  # not a terminal: one line at each end
    assert first == "downloading f: 0.3 MB" and last.startswith("downloading f: 0.3 MB after")


def test_a_cut_connection_is_continued_where_it_was_cut(server, tmp_path):
    server.cuts = [100_000, 50_000]
    assert get(server, tmp_path) == CONTENT
    assert ranges(server) == [None, "bytes=100000-", "bytes=150000-"]
    assert [tag for _, _, tag in server.requests] == [None, '"one"', '"one"']


def test_a_later_run_continues_too(server, tmp_path):
    server.cuts = [1000] * transfer.TRIES
    with pytest.raises(DownloadError, match="connection closed after 4,000 of 300,000 bytes.*tried 4 times"):
        get(server, tmp_path)
    assert names(tmp_path) == ["f.part"] and (tmp_path / "f.part").read_bytes() == CONTENT[:4000]
    assert get(server, tmp_path) == CONTENT
    assert ranges(server)[-1] == "bytes=4000-" and names(tmp_path) == []


def test_a_server_without_range_sends_all_again(server, tmp_path):
    server.cuts, server.knows_range = [100_000], False
    assert get(server, tmp_path) == CONTENT
    assert ranges(server) == [None, "bytes=100000-"]


def test_a_part_that_does_not_fit_starts_again(server, tmp_path):
    (tmp_path / "f.part").write_bytes(CONTENT + b"more")
    assert get(server, tmp_path) == CONTENT and ranges(server) == [None]
    (tmp_path / "f.part").write_bytes(CONTENT[:1000])
    server.files["short"] = CONTENT[:500]  # the server answers 416
    with pytest.raises(DownloadError, match="it has 500 bytes"):
        get(server, tmp_path, names=["short"])
    assert ranges(server)[1:] == ["bytes=1000-", None]
    server.shift, server.requests = 1, []  # another range than the one asked for
    (tmp_path / "f.part").write_bytes(CONTENT[:10])
    assert get(server, tmp_path) == CONTENT and ranges(server) == ["bytes=10-", None]


def test_a_complete_part_needs_no_server(tmp_path):
    (tmp_path / "f.part").write_bytes(CONTENT)
    with fetched([], tmp_path, WANTED) as path:
        assert path.read_bytes() == CONTENT


OTHER = bytes(len(CONTENT))


@pytest.mark.parametrize("field, value", [("md5", "0" * 32), ("sha256", "0" * 64)])
def test_a_wrong_checksum_deletes_the_part(server, tmp_path, field, value):
    """Either of the two."""
    with pytest.raises(DownloadError, match="300,000 bytes with the MD5 sum .* and the SHA-256 sum .*deleted") as error:
        get(server, tmp_path, WANTED._replace(**{field: value}))
    assert isinstance(error.value, DataError) and value in str(error.value) and server.url in str(error.value)
    assert names(tmp_path) == [] and len(server.requests) == 1


def test_after_a_wrong_checksum_the_next_address_is_asked(server, tmp_path):
    server.files["portal"], server.files["changed"] = b"<html>Log in here</html>", OTHER
    assert get(server, tmp_path, names=["portal", "changed", "f"]) == CONTENT
    assert [name for name, _, _ in server.requests] == ["portal", "changed", "f"] and names(tmp_path) == []
    with pytest.raises(DownloadError, match="portal: it has 24 bytes, the file has 300000: it is another one\n"
                                            ".*changed: 300,000 bytes with the MD5 sum (.|\n)*no: HTTP status 404"):
        get(server, tmp_path, names=["portal", "changed", "no"])


def test_what_was_there_before_may_be_wrong(server, tmp_path):
    (tmp_path / "f.part").write_bytes(OTHER[:1000])
    assert get(server, tmp_path) == CONTENT and ranges(server) == ["bytes=1000-", None]
    (tmp_path / "f.part").write_bytes(OTHER)  # as long as the file
    assert get(server, tmp_path) == CONTENT and ranges(server)[2:] == [None]


def test_404_is_not_tried_again_but_the_next_address_is(server, tmp_path):
    with pytest.raises(DownloadError, match="no server gave this file(.|\n)*404(.|\n)*by hand"):
        get(server, tmp_path, names=["absent"])
    assert len(server.requests) == 1 and names(tmp_path) == []
    assert get(server, tmp_path, names=["absent", "f"]) == CONTENT


def test_a_server_out_of_order_is_tried_again(server, tmp_path):
    server.answers = [503, 429]
    assert get(server, tmp_path) == CONTENT and len(server.requests) == 3


def test_no_server_at_all(server, tmp_path):
    with pytest.raises(DownloadError, match="no connection.*tried 4 times"):
        with fetched(["http://127.0.0.1:1/f"], tmp_path, WANTED):
            pass


def test_ctrl_c_leaves_only_the_part(server, tmp_path, monkeypatch):
    def stop(progress, done):
        if done > 100_000:
            raise KeyboardInterrupt
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Progress, "at", stop)
        get(server, tmp_path)
    assert names(tmp_path) == ["f.part"]
    assert get(server, tmp_path) == CONTENT and ranges(server)[1].startswith("bytes=1")


def test_what_version_0_1_0_left_is_continued(server, tmp_path):
    """It gave each process a part of its own. The largest is taken up, the others go; nobody else's file does."""
    for digits, size in ("0123abcd", 7), ("fedc0123", 5000), ("00000000", 20):
        (tmp_path / f"f.{digits}.part").write_bytes(CONTENT[:size])
    (tmp_path / "f.part").write_bytes(CONTENT[:10])
    others = ["f.0123ABCD.part", "f.0123abcd.part.mine", "f.thesis.part", "g.part", "xf.0123abcd.part"]
    for name in others:
        (tmp_path / name).write_text("mine")
    (tmp_path / "f.01234567.part").mkdir()
    (tmp_path / "f.76543210.part").symlink_to("g.part")
    assert get(server, tmp_path) == CONTENT and ranges(server) == ["bytes=5000-"]
    assert names(tmp_path) == sorted([*others, "f.01234567.part", "f.76543210.part"])
    assert all((tmp_path / name).read_text() == "mine" for name in others)


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("mine"),
                                  lambda path: path.symlink_to("none"), getattr(os, "mkfifo", Path.mkdir)])
def test_a_part_that_is_no_file(server, tmp_path, make):
    (tmp_path / "mine").write_text("mine")
    make(tmp_path / "f.part")
    with pytest.raises(DataError, match="f.part: expected a file that a download left, or none.*Move it away"):
        get(server, tmp_path)
    assert names(tmp_path) == ["f.part", "mine"] and (tmp_path / "mine").read_text() == "mine"


def test_many_at_once_wait_for_each_other(server, tmp_path, capsys):
    (tmp_path / "f.part").write_bytes(CONTENT[:1000])
    got = []
    threads = [threading.Thread(target=lambda: got.append(get(server, tmp_path))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [CONTENT] * 6 and names(tmp_path) == [] and ranges(server) == ["bytes=1000-"] + [None] * 5
    assert f"{tmp_path}: another process downloads into it; waiting for it\n" in capsys.readouterr().err


def test_what_killed_processes_left_half_unpacked_is_deleted(tmp_path):
    for name, file in (".a.0123abcd.new", "x.bin"), (".b.0123abcd.new", "mine"), ("a.0123abcd.new", "x.bin"):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).touch()
    with downloading(tmp_path, ["x.bin"]):
        assert names(tmp_path) == [".b.0123abcd.new", "a.0123abcd.new", "mine", "x.bin"]


# What a bad server can send.

OK = b"HTTP/1.1 200 OK\r\n"
PARTIAL, FOUND = b"HTTP/1.1 206 OK\r\nContent-Range: ", b"HTTP/1.1 302 Found\r\nLocation: "
CHUNKED, LENGTH = OK + b"Transfer-Encoding: chunked\r\n\r\n", OK + b"Content-Length: "
BAD = {  # each with what its error says
    "nothing": ([], "no connection: Remote end closed"),
    "no HTTP": ([b"hello\r\n\r\n"], "no connection: hello"),
    "binary": ([bytes(range(256)) * 10], "no connection"),
    "a status that is none": ([b"HTTP/1.1 2OO OK\r\n\r\n"], "no connection"),
    "a status of many digits": ([b"HTTP/1.1 " + b"9" * 5000 + b" OK\r\n\r\n"], "no connection"),
    "no content": ([b"HTTP/1.1 204 No Content\r\n\r\n"], "connection closed after 0 of 300,000 bytes"),
    "a length of other digits": ([LENGTH + b"\xb2\r\n\r\n"], "closed after 0 of 300,000"),
    "a length of 5,000 digits": ([LENGTH + b"9" * 5000 + b"\r\n\r\n"], "it has 99999999999999999999 bytes"),
    "a negative length": ([LENGTH + b"-5\r\n\r\n"], "closed after 0 of 300,000"),
    "two lengths": ([LENGTH + b"300000\r\nContent-Length: 5\r\n\r\n", CONTENT[:5]], "closed after 5 of 300,000"),
    "a part nobody asked for": ([b"HTTP/1.1 206 OK\r\n\r\n", CONTENT], "asked for the bytes from 0 on"),
    "a range of 5,000 digits": ([PARTIAL + b"bytes 0-5/" + b"9" * 5000 + b"\r\n\r\n"], "it has 99999999999999999999 b"),
    "a range of other digits": ([PARTIAL + b"bytes 0-\xb2/\xb2\r\n\r\n"], "asked for the bytes"),
    "a range that clears the screen": ([PARTIAL + b"\x1b[2J\r\n\r\n"], r"sent '\\x1b\[2J'"),
    "a reason that clears the screen": ([b"HTTP/1.1 403 \x1b[2J\r\n\r\n"], r"HTTP status 403 \(\?\[2J\)"),
    "a negative chunk": ([CHUNKED, b"-5\r\nhello\r\n"], "connection cut"),
    "a chunk of -1": ([CHUNKED, b"-1\r\n", CONTENT, CONTENT], "connection cut|it sent more"),
    "a chunk of no size": ([CHUNKED, b"xyz\r\nhello\r\n"], "connection cut"),
    "a chunk of 2**80": ([CHUNKED, b"f" * 20 + b"\r\nhello"], "connection cut"),
    "chunks that end early": ([CHUNKED, b"5\r\nhello\r\n"], "connection cut"),
    "a header of 70,000 letters": ([OK, b"X: " + b"x" * 70_000 + b"\r\n\r\n"], "no connection"),
    "a thousand headers": ([OK, b"X: y\r\n" * 1000 + b"\r\n"], "no connection: got more than 100 headers"),
    "no end of 100 Continue": ([b"HTTP/1.1 100 Continue\r\n\r\n" * 1000] * 100, "no connection: more bytes than"),
    "more than the file": ([OK, b"\r\n"] + [CONTENT] * 20, "it sent more than the 300,000 bytes that the file has"),
    "more than it says": ([LENGTH + b"300000\r\n\r\n", OTHER, CONTENT], "MD5 sum"),
    "an ETag of odd letters": ([OK, b'ETag: "x\x0by"\r\nContent-Length: 300000\r\n\r\n', CONTENT[:9]],
                              "closed after 9"),
    "a redirect to nowhere": ([b"HTTP/1.1 302 Found\r\n\r\n"], "HTTP status 302"),
    "a redirect of no address": ([FOUND + b"http://[::1\r\n\r\n"], "no connection"),
    "a redirect to no host": ([FOUND + b"http:///x\r\n\r\n"], "HTTP status 404"),
    "a redirect of odd letters": ([FOUND + b"http://\xff\xfe" + b"x" * 80 + b".\xe4/\r\n\r\n"], "no connection"),
    "a redirect to no port": ([FOUND + b"http://127.0.0.1:99999999/\r\n\r\n"], "no connection|leads|not "),
    "a redirect to ftp": ([FOUND + b"ftp://127.0.0.1/f\r\n\r\n"], "leads to ftp"),
    "a redirect to a file": ([FOUND + b"file:///etc/passwd\r\n\r\n"], "HTTP status 302"),
    "a redirect to data": ([FOUND + b"data:,hello\r\n\r\n"], "HTTP status 302"),
    "a redirect to itself": ([FOUND + b"/bad\r\n\r\n"], "HTTP status 302"),
    "a redirect with an endless page": ([FOUND + b"/no\r\n\r\n"] + [CONTENT] * 40, "HTTP status 404"),
    "an error with an endless page": ([b"HTTP/1.1 404 Not found\r\n\r\n"] + [CONTENT] * 40, "HTTP status 404"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_answer(server, tmp_path, kind):
    """It ends in a DownloadError that says why; the next address is asked. The disk never holds more than the file."""
    server.raw["bad"], message = BAD[kind]
    with pytest.raises(DownloadError, match=f"no server gave this file:\n  {server.url}bad: .*{message}"):
        get(server, tmp_path, names=["bad"])
    assert all(path.name == "f.part" and path.stat().st_size <= len(CONTENT) for path in tmp_path.iterdir())
    assert server.sent < 60 * len(CONTENT)
    assert get(server, tmp_path, names=["bad", "f"]) == CONTENT and names(tmp_path) == []


SLOW = {
    "the file": [OK, b"\r\n", *[b"x", 0.02] * 200],
    "the file in chunks": [OK, b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n", 0.02] * 200],
    "the size of a chunk": [OK, b"Transfer-Encoding: chunked\r\n\r\n", *[b"0", 0.02] * 200],
    "the status": [b"HTTP/1.1 ", *[b"2", 0.02] * 200],
    "a header": [OK, b"X: ", *[b"2", 0.02] * 200],
    "the page of an error": [b"HTTP/1.1 500 Later\r\n\r\n", *[b"x", 0.02] * 200],
}


@pytest.mark.parametrize("kind", SLOW)
def test_a_server_that_takes_for_ever(server, tmp_path, monkeypatch, kind):
    """Whatever it is that comes a byte at a time."""
    monkeypatch.setattr(transfer, "WINDOW", 0.2)
    server.raw["slow"] = SLOW[kind]
    with pytest.raises(DownloadError, match="fewer than 1,000 bytes a second .tried 4|HTTP status 500"):
        get(server, tmp_path, names=["slow"])
    assert server.sent < 4 * 100 + 4 * 60


def test_redirects(server, tmp_path):
    server.raw["moved"] = [b"HTTP/1.1 301 Moved\r\nLocation: /f\r\n\r\n"]
    (tmp_path / "f.part").write_bytes(CONTENT[:10])
    assert get(server, tmp_path, names=["moved"]) == CONTENT and ranges(server) == ["bytes=10-"] * 2


@pytest.mark.parametrize("url, to, goes", [
    ("https://a/f", "https://b/f", True), ("https://a/f", "http://a/f", False), ("https://a/f", "ftp://a/f", False),
    ("http://a/f", "https://a/f", True), ("http://a/f", "http://b/f", True), ("http://a/f", "ftp://a/f", False)])
def test_a_redirect_never_leaves_https(url, to, goes):
    def follow():
        request = urllib.request.Request(url)
        return transfer._Redirects().redirect_request(request, io.BytesIO(), 302, "Found", {}, to)
    if goes:
        assert follow().full_url == to
        return
    with pytest.raises(transfer.Failed, match=f"leads to {to}, and a redirect must not leave https"):
        follow()


@pytest.fixture
def secure(server, tmp_path):
    """The address of a server with a certificate, and the file that this is in."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return f"https://localhost:{server.server_port}/", certificate


def test_https_asks_for_the_certificate(server, secure, tmp_path, monkeypatch):
    """Without one that somebody vouches for, nothing is taken; with one, it works, and no redirect leads to http."""
    url, certificate = secure
    (tmp_path / "f").mkdir()
    with pytest.raises(DownloadError, match="CERTIFICATE_VERIFY_FAILED"), fetched([url + "f"], tmp_path / "f", WANTED):
        pass
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server.cuts = [100_000]
    with fetched([url + "f"], tmp_path / "f", WANTED) as path:
        assert path.read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=100000-"]
    server.raw["moved"] = [FOUND + b"http://localhost/f\r\n\r\n"]
    with pytest.raises(DownloadError, match="leads to http://localhost/f, and a redirect must not leave https"):
        with fetched([url + "moved"], tmp_path / "f", WANTED):
            pass


def test_only_http_and_https_are_opened(server, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    for url in f"file://{tmp_path}/file", "ftp://127.0.0.1/f", "data:,hello", "hello", "http://", "http://[::1":
        with pytest.raises(DownloadError, match="unknown url type|no host given|Invalid IPv6"):
            with fetched([url], tmp_path, WANTED):
                pass


def test_offline_is_not_tried_again(server, tmp_path, monkeypatch):
    tried = []
    def resolve(*_, **__):
        tried.append(1)
        raise socket.gaierror(-2, "Name or service not known")
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(DownloadError, match="Name or service not known"), fetched(["http://a/f"], tmp_path, WANTED):
        pass
    assert len(tried) == 1


def test_mutants_of_an_answer(server, tmp_path):
    """One to four changes of a right one, in its head or in the framing of its chunks."""
    rng = random.Random(0)
    chunks = b"".join(b"%x\r\n%s\r\n" % (10_000, CONTENT[i:i + 10_000]) for i in range(0, len(CONTENT), 10_000))
    answers = [b'HTTP/1.1 200 OK\r\nContent-Length: 300000\r\nETag: "one"\r\n\r\n' + CONTENT,
               b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n",
               b"HTTP/1.1 206 OK\r\nContent-Range: bytes 10-299999/300000\r\n\r\n" + CONTENT[10:],
               b"HTTP/1.1 302 Found\r\nLocation: " + server.url.encode() + b"f\r\n\r\n"]
    for _ in range(100):
        content = bytearray(rng.choice(answers))
        for _ in range(rng.randint(1, 4)):
            at = rng.choice([rng.randrange(min(90, len(content))), rng.randrange(len(content))])
            content[at:at + rng.choice([0, 1, 1, 5])] = rng.choice([b"", b"\r\n", b"-", b"\xb2", b"9" * 4999, b":",
                                                                   rng.randbytes(1), content[at:at + 40]])
        server.raw["mutant"] = [bytes(content)]
        if rng.random() < 0.5:
            (tmp_path / "f.part").write_bytes(CONTENT[:10])
        assert get(server, tmp_path, names=["mutant", "f"]) == CONTENT and names(tmp_path) == []


def test_what_a_terminal_shows(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    progress = Progress("f", 100_000_000, "MB", megabytes, have=10_000_000)
    progress.drawn -= 1
    progress.at(40_000_000)
    assert "\r40.0 of 100.0 MB (40%), " in capsys.readouterr().err
    assert progress.line(40_000_000, 10) == "40.0 of 100.0 MB (40%), 3.0 MB/s, 0:20 left"
    assert Progress("f", None, "MB", megabytes).line(4_000_000, 2) == "4.0 MB, 2.0 MB/s"


# The whole way: download, check, unpack, move into place, read.

def archive(broken=None, records=2):
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    rng = np.random.default_rng(0)
    batches = {name: b"".join(b"\0" + rng.bytes(3072) for _ in range(records)) for name in names}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in {**batches, "batches.meta.txt": b"x\n" * 10, "readme.html": b"?"}.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        if broken:
            tar.addfile(broken)
    return buffer.getvalue()


@pytest.fixture
def publisher(server, monkeypatch):
    """The server has both data sets, and the library asks it."""
    cifar = importlib.import_module("tinynet.data.sets.cifar10")
    digits = importlib.import_module("tinynet.data.sets.mnist")
    server.files = {"cifar.tar.gz": archive()}
    monkeypatch.setattr(cifar, "URLS", [server.url + "cifar.tar.gz"])
    monkeypatch.setattr(cifar, "ARCHIVE", wanted("cifar-10-binary.tar.gz", server.files["cifar.tar.gz"]))
    for stem in "train", "t10k":
        images = struct.pack(">IIII", 0x803, 2, 28, 28) + bytes(2 * 784)
        server.files[f"{stem}-images-idx3-ubyte.gz"] = gzip.compress(images)
        server.files[f"{stem}-labels-idx1-ubyte.gz"] = gzip.compress(struct.pack(">II", 0x801, 2) + bytes(2))
    monkeypatch.setattr(digits, "MIRRORS", [server.url + "away/", server.url])
    monkeypatch.setattr(digits, "FILES", {name.partition("-idx")[0]: wanted(name, content)
                                          for name, content in server.files.items() if "idx" in name})
    return server


@pytest.mark.parametrize("load, folder, files", [(cifar10, "cifar-10-batches-bin", 7), (mnist, "mnist", 4)])
def test_a_data_set_is_downloaded_once(publisher, tmp_path, load, folder, files):
    data = load(tmp_path)
    assert f"{len(data.test.labels)} test images" in data.source and folder in data.source
    assert [path.name for path in tmp_path.iterdir()] == [folder] and len(names(tmp_path / folder)) == files
    publisher.files.clear()
    assert load(tmp_path).source == load(tmp_path, download=False).source


def test_cifar100_is_downloaded_once(server, tmp_path, monkeypatch):
    contents = {"train.bin": bytes(3 * 3074), "test.bin": bytes(2 * 3074),
                "fine_label_names.txt": b"x\n" * 100, "coarse_label_names.txt": b"x\n" * 20}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"cifar-100-binary/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    server.files["hundred.tar.gz"] = packed.getvalue()
    sets = importlib.import_module("tinynet.data.sets.cifar100")
    monkeypatch.setattr(sets, "URLS", [server.url + "hundred.tar.gz"])
    monkeypatch.setattr(sets, "ARCHIVE", wanted("cifar-100-binary.tar.gz", packed.getvalue()))
    assert "3 training and 2 test images, read from cifar-100-binary in" in cifar100(tmp_path).source
    assert [path.name for path in tmp_path.iterdir()] == ["cifar-100-binary"]
    assert names(tmp_path / "cifar-100-binary") == sorted(contents)
    server.files.clear()
    whole = tmp_path / "cifar-100-binary.tar.gz.part"                       # what a process left that was killed
    whole.write_bytes(packed.getvalue())
    assert cifar100(tmp_path).source == cifar100(tmp_path, download=False).source and not whole.exists()


@pytest.mark.parametrize("load", [cifar10, mnist])
def test_where_a_data_set_goes(publisher, tmp_path, monkeypatch, load):
    assert str(tmp_path / "cache" / "tinynet") in load().source
    (tmp_path / "cache").rename(tmp_path / "elsewhere")
    monkeypatch.setenv("TINYNET_DATA", str(tmp_path / "variable"))
    assert str(tmp_path / "variable") in load().source


def test_four_files_appear_together_or_not_at_all(publisher, tmp_path):
    gone = publisher.files.pop("t10k-labels-idx1-ubyte.gz")
    with pytest.raises(DownloadError, match="t10k-labels-idx1-ubyte.gz"):
        mnist(tmp_path)
    assert names(tmp_path) == [f"{name}.part" for name in sorted(publisher.files) if "idx" in name]
    with pytest.raises(FileNotFoundError):
        mnist(tmp_path, download=False)
    publisher.files["t10k-labels-idx1-ubyte.gz"] = gone
    publisher.requests.clear()
    mnist(tmp_path)
    assert {name.rpartition("/")[2] for name, _, _ in publisher.requests} == {"t10k-labels-idx1-ubyte.gz"}
    assert len(names(tmp_path)) == 5


@pytest.mark.parametrize("load, folder, what", [(cifar10, "cifar-10-batches-bin", "CIFAR-10"),
                                                (cifar100, "cifar-100-binary", "CIFAR-100"), (mnist, "mnist", "MNIST")])
@pytest.mark.parametrize("make", [lambda path: (path.mkdir(), (path / "README.txt").touch()), Path.touch,
                                  lambda path: (path.with_name("empty").mkdir(), path.symlink_to("empty"))],
                         ids=["a folder", "a file", "a link"])
def test_nothing_is_downloaded_to_where_something_else_is(publisher, tmp_path, monkeypatch, load, folder, what, make):
    monkeypatch.setattr(importlib.import_module("tinynet.data.sets.cifar100"), "URLS", [publisher.url + "cifar.tar.gz"])
    make(tmp_path / folder)
    before = names(tmp_path)
    message = f"{re.escape(str(tmp_path / folder))} is there and holds no {what}, .*: move it away, or name another"
    with pytest.raises(FileExistsError, match=message):
        load(tmp_path)
    assert not publisher.requests and names(tmp_path) == before


def test_an_empty_folder_in_its_place_is_filled(publisher, tmp_path):
    (tmp_path / "mnist").mkdir()
    assert mnist(tmp_path).source.endswith(f"read from {tmp_path / 'mnist'}")


@pytest.mark.parametrize("at_fault", ["a server", "what lies there"])
def test_one_wrong_file_does_not_cost_the_others(publisher, tmp_path, at_fault):
    """Bytes that a server has changed, or a folder that is called as the download: both are a DataError."""
    last, right = "t10k-labels-idx1-ubyte.gz", publisher.files["t10k-labels-idx1-ubyte.gz"]
    if at_fault == "a server":
        publisher.files[last] = bytes(len(right))
    else:
        (tmp_path / f"{last}.part").mkdir()
    with pytest.raises(DataError, match=last):
        mnist(tmp_path)
    others = [f"{name}.part" for name in sorted(publisher.files) if "idx" in name and name != last]
    assert [name for name in names(tmp_path) if not name.startswith(last)] == others
    publisher.files[last] = right
    if at_fault != "a server":
        (tmp_path / f"{last}.part").rmdir()
    publisher.requests.clear()
    assert len(mnist(tmp_path).test.labels) == 2
    assert {name.rpartition("/")[2] for name, _, _ in publisher.requests} == {last}


@pytest.mark.parametrize("code, reason", [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only"),
                                          (errno.EACCES, "no permission")])
def test_a_full_or_read_only_disk(publisher, tmp_path, monkeypatch, code, reason):
    def fail(*_, **__):
        raise OSError(code, os.strerror(code))
    with monkeypatch.context() as patched, pytest.raises(OSError, match=f"{reason}.*TINYNET_DATA") as error:
        patched.setattr(archives, "open", fail, raising=False)
        cifar10(tmp_path)
    assert error.value.errno == code and names(tmp_path) == ["cifar-10-binary.tar.gz.part"]
    with monkeypatch.context() as patched, pytest.raises(OSError, match=reason):
        patched.setattr(Path, "mkdir", fail)
        cifar10(tmp_path)
    publisher.files.clear()  # with room again, the archive that was kept is enough
    assert len(cifar10(tmp_path).test.labels) == 2 and names(tmp_path)[0] == "batches.meta.txt"


def test_a_hostile_archive_leaves_nothing(publisher, tmp_path, monkeypatch):
    publisher.files["cifar.tar.gz"] = hostile = archive(tarfile.TarInfo("../outside"))
    monkeypatch.setattr(importlib.import_module("tinynet.data.sets.cifar10"), "ARCHIVE", wanted("x.tar.gz", hostile))
    with pytest.raises(DataError, match="lead out of the folder"):
        cifar10(tmp_path / "root")
    assert names(tmp_path / "root") == []


DOWNLOADS = """
import importlib, json, sys
from tinynet.data.download.fetch import Wanted
cifar, digits = (importlib.import_module("tinynet.data.sets." + name) for name in ("cifar10", "mnist"))
root, url, files = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
cifar.URLS, digits.MIRRORS = [url + "cifar.tar.gz"], [url]
cifar.ARCHIVE, *four = [Wanted(*file) for file in files]
digits.FILES = {file.name.partition("-idx")[0]: file for file in four}
print("ready", flush=True)
data = cifar.cifar10(root), digits.mnist(root)
print([len(one.train.labels) for one in data])
"""


def downloader(publisher, root):
    """The command of a process that downloads both data sets into `root`."""
    files = [wanted(name.replace("cifar.", "cifar-10-binary."), content) for name, content in publisher.files.items()]
    return [sys.executable, "-c", DOWNLOADS, str(root), publisher.url, json.dumps(files)]


@pytest.mark.skipif(os.name == "nt", reason="no locks there, and so what is left over stays")
def test_ten_killed_downloads_leave_nothing(publisher, tmp_path):
    publisher.files["cifar.tar.gz"] = archive(records=40)
    publisher.pause, rng = 0.003, random.Random(0)
    command = downloader(publisher, tmp_path / "root")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "mine.part").touch()
    for _ in range(10):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0, 0.4))
            process.kill()
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "ready\n[200, 2]\n", done.stderr
    assert sorted(os.listdir(tmp_path / "root")) == ["cifar-10-batches-bin", "mine.part", "mnist"]
    assert len(names(tmp_path / "root")) == 3 + 7 + 4


@pytest.mark.skipif(os.name == "nt", reason="no locks there")
def test_a_second_process_waits_and_finds_the_files(publisher, tmp_path):
    publisher.pause = 0.05
    command = downloader(publisher, tmp_path)
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]
    assert [out for out, _ in said] == ["ready\n[10, 2]\n"] * 2
    assert sorted(name for name, _, _ in publisher.requests) == sorted(publisher.files)
    assert sorted(os.listdir(tmp_path)) == ["cifar-10-batches-bin", "mnist"]


def test_a_folder_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(folders, "sync_folder", lambda folder: done.append((Path(folder).name, names(tmp_path))))
    with folders.new_folder(tmp_path / "data") as temporary:
        (temporary / "file").write_text("x")
    assert done == [(temporary.name, [temporary.name, "file"]), (tmp_path.name, ["data", "file"])]


def test_of_two_that_make_a_folder_the_first_stays(tmp_path):
    make = functools.partial(folders.new_folder, tmp_path / "data")
    with make() as late:
        (late / "file").write_text("late")
        with make() as early:
            (early / "file").write_text("early")
    assert names(tmp_path) == ["data", "file"] and (tmp_path / "data" / "file").read_text() == "early"
    with pytest.raises(RuntimeError), folders.new_folder(tmp_path / "other") as temporary:
        (temporary / "file").write_text("half")
        raise RuntimeError
    assert names(tmp_path) == ["data", "file"]


@pytest.mark.parametrize("load, folder", [(cifar10, "cifar-10-batches-bin"), (mnist, "mnist")])
def test_what_was_left_at_the_very_end_goes_when_the_data_are_found(publisher, tmp_path, load, folder):
    load(tmp_path)
    unfinished = tmp_path / f".{folder}.0123abcd.new"
    shutil.copytree(tmp_path / folder, unfinished)
    whole, begun = (tmp_path / name for name in ("cifar-10-binary.tar.gz.part", "other.part"))
    if load is cifar10:
        whole.write_bytes(publisher.files["cifar.tar.gz"])
    begun.write_bytes(b"a user's")
    with alone(tmp_path, lambda: None):                                     # another process downloads
        load(tmp_path)
        assert unfinished.exists()
    load(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder, "other.part"]
    whole.write_bytes(b"not the whole of it")                               # of whomever: it can be continued
    load(tmp_path)
    assert whole.exists()
