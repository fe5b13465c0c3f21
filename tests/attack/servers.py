"""Doors: what servers answer, and the archives that come from them."""
from __future__ import annotations

import gzip
import hashlib
import io
import socket
import tarfile
import threading
from pathlib import Path

from tinynet.data.download import transfer
from tinynet.data.download.archive import unpack
from tinynet.data.download.fetch import DownloadError, Wanted, downloading, fetched

from .door import Door
from .mutate import flat
from .packed import answered, tarred

CONTENT = bytes(range(256)) * 8
GOOD = b"HTTP/1.1 200 OK\r\nServer: x\r\nETag: \"one\"\r\nContent-Length: %d\r\n\r\n" % len(CONTENT)


def wanted(name: str, content: bytes) -> Wanted:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Wanted(name, len(content), md5, hashlib.sha256(content).hexdigest())


class Server:
    """Answers every request under /bad with what is in the file `answer`, every other one as it should."""

    def __init__(self, answer: Path) -> None:
        self.answer, self.socket = answer, socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self.socket.accept()
            with connection:
                try:
                    asked = connection.recv(65536)
                    connection.sendall(self.answer.read_bytes() if asked.startswith(b"GET /bad") else GOOD + CONTENT)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(65536)  # until the other side has read it all
                except OSError:
                    pass


def _answer(folder: Path) -> Door:
    """The second server is asked, whatever the first one says; without a second one, the error says so."""
    transfer.PAUSE, transfer.TRIES, transfer.TIMEOUT = 0, 2, 5
    answer, into = folder / "answer", folder / "into"
    server = Server(answer)

    def get(*addresses: str) -> bytes:
        urls = [server.url + address for address in addresses]
        with downloading(into, ()), fetched(urls, into, wanted("f", CONTENT)) as path:
            return path.read_bytes()

    def read() -> None:
        assert get("bad", "good") == CONTENT
        assert not list(into.iterdir())
        assert get("bad") == CONTENT
    return Door(answer, GOOD + CONTENT, read, (answered, answered, flat), "f", (DownloadError, ValueError), odd=False)


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


def _archive(folder: Path) -> Door:
    path, names = folder / "x.tar.gz", ["data_batch_1.bin", "test_batch.bin"]

    def read() -> None:
        into = folder / "into"
        into.mkdir(exist_ok=True)
        try:
            unpack(path, into, names)
        except ValueError:
            assert not list(into.iterdir())
            raise
        finally:
            assert sorted(each.name for each in folder.iterdir()) == ["into", "x.tar.gz"]
        assert sorted(each.name for each in into.iterdir()) == names
        for each in into.iterdir():
            assert each.is_file() and not each.is_symlink()
            each.unlink()
    original = archive(dict.fromkeys([*names, "readme.html"], bytes(3073)))
    return Door(path, original, read, (flat, tarred, tarred), str(path))


DOORS = {"HTTP answers": _answer, "tar.gz": _archive}
