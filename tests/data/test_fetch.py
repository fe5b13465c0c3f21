import errno
import functools
import gzip
import hashlib
import importlib
import io
import os
import struct
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from tinynet.data import DataError, cifar10, mnist
from tinynet.data.download import fetch, folders
from tinynet.data.download.fetch import DownloadError, fetched
from tinynet.data.progress import Progress, megabytes

CONTENT = np.random.default_rng(0).bytes(300_000)


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


SUM = md5(CONTENT)


class Handler(BaseHTTPRequestHandler):
    """Serves server.files as the other attributes of the server say; notes the Range of each request."""

    def do_GET(self):
        server, content = self.server, self.server.files.get(self.path[1:])
        asked = self.headers["Range"]
        server.requests.append((self.path[1:], asked, self.headers["If-Range"]))
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
        self.wfile.write(content[start:start + cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setattr(fetch, "PAUSE", 0)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("TINYNET_DATA", raising=False)
    for variable in "XDG_CACHE_HOME", "LOCALAPPDATA":
        monkeypatch.setenv(variable, str(tmp_path / "cache"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.requests = {"f": CONTENT}, []
        server.answers, server.cuts, server.knows_range, server.shift = [], [], True, 0
        server.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(server, folder, sums=SUM, names=("f",)):
    with fetched([server.url + name for name in names], folder, "f", sums) as path:
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
    server.cuts = [1000] * fetch.TRIES
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
    (tmp_path / "f.part").write_bytes(CONTENT + b"more")  # the server answers 416
    assert get(server, tmp_path) == CONTENT and ranges(server) == ["bytes=300004-", None]
    server.shift, server.requests = 1, []  # another range than the one asked for
    (tmp_path / "f.part").write_bytes(CONTENT[:10])
    assert get(server, tmp_path) == CONTENT and ranges(server) == ["bytes=10-", None]


def test_a_complete_part_needs_no_server(tmp_path):
    (tmp_path / "f.part").write_bytes(CONTENT)
    with fetched([], tmp_path, "f", SUM) as path:
        assert path.read_bytes() == CONTENT


def test_a_wrong_checksum_deletes_the_part(server, tmp_path):
    with pytest.raises(DataError, match="MD5 sum 000.*got 300,000 bytes with.*It has been deleted"):
        get(server, tmp_path, "0" * 32)
    assert names(tmp_path) == []


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
        with fetched(["http://127.0.0.1:1/f"], tmp_path, "f", SUM):
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


def test_the_part_of_a_killed_process_is_continued_once_it_is_old(server, tmp_path):
    left = tmp_path / "f.0123abcd.part"
    left.write_bytes(CONTENT[:7])
    assert get(server, tmp_path) == CONTENT and ranges(server) == [None] and left.exists()
    os.utime(left, (0, 0))
    assert get(server, tmp_path) == CONTENT and ranges(server) == [None, "bytes=7-"] and not left.exists()


def test_many_at_once_do_not_disturb_each_other(server, tmp_path):
    (tmp_path / "f.part").write_bytes(CONTENT[:1000])
    got = []
    threads = [threading.Thread(target=lambda: got.append(get(server, tmp_path))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [CONTENT] * 6 and names(tmp_path) == [] and ranges(server).count("bytes=1000-") == 1


def test_what_a_terminal_shows(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    progress = Progress("f", 100_000_000, "MB", megabytes, have=10_000_000)
    progress.drawn -= 1
    progress.at(40_000_000)
    assert "\r40.0 of 100.0 MB (40%), " in capsys.readouterr().err
    assert progress.line(40_000_000, 10) == "40.0 of 100.0 MB (40%), 3.0 MB/s, 0:20 left"
    assert Progress("f", None, "MB", megabytes).line(4_000_000, 2) == "4.0 MB, 2.0 MB/s"


# The whole way: download, check, unpack, move into place, read.

def archive(broken=None):
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    records = dict.fromkeys(names, bytes(3073 * 2))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in {**records, "batches.meta.txt": b"x\n" * 10, "readme.html": b"?"}.items():
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
    monkeypatch.setattr(cifar, "MD5", md5(server.files["cifar.tar.gz"]))
    for stem in "train", "t10k":
        images = struct.pack(">IIII", 0x803, 2, 28, 28) + bytes(2 * 784)
        server.files[f"{stem}-images-idx3-ubyte.gz"] = gzip.compress(images)
        server.files[f"{stem}-labels-idx1-ubyte.gz"] = gzip.compress(struct.pack(">II", 0x801, 2) + bytes(2))
    monkeypatch.setattr(digits, "MIRRORS", [server.url + "away/", server.url])
    monkeypatch.setattr(digits, "MD5", {name.partition("-idx")[0]: md5(content)
                                        for name, content in server.files.items() if "idx" in name})
    return server


@pytest.mark.parametrize("load, folder, files", [(cifar10, "cifar-10-batches-bin", 7), (mnist, "mnist", 4)])
def test_a_data_set_is_downloaded_once(publisher, tmp_path, load, folder, files):
    data = load(tmp_path)
    assert f"{len(data.test.labels)} test images" in data.source and folder in data.source
    assert [path.name for path in tmp_path.iterdir()] == [folder] and len(names(tmp_path / folder)) == files
    publisher.files.clear()
    assert load(tmp_path).source == load(tmp_path, download=False).source


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


@pytest.mark.parametrize("code, reason", [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only"),
                                          (errno.EACCES, "no permission")])
def test_a_full_or_read_only_disk(publisher, tmp_path, monkeypatch, code, reason):
    def fail(*_, **__):
        raise OSError(code, os.strerror(code))
    with monkeypatch.context() as patched, pytest.raises(OSError, match=f"{reason}.*TINYNET_DATA") as error:
        patched.setattr(tarfile.TarFile, "extractall", fail)
        cifar10(tmp_path)
    assert error.value.errno == code and names(tmp_path) == ["cifar-10-binary.tar.gz.part"]
    with monkeypatch.context() as patched, pytest.raises(OSError, match=reason):
        patched.setattr(Path, "mkdir", fail)
        cifar10(tmp_path)
    publisher.files.clear()  # with room again, the archive that was kept is enough
    assert len(cifar10(tmp_path).test.labels) == 2 and names(tmp_path)[0] == "batches.meta.txt"


def test_a_hostile_archive_leaves_nothing(publisher, tmp_path, monkeypatch):
    publisher.files["cifar.tar.gz"] = hostile = archive(tarfile.TarInfo("../outside"))
    monkeypatch.setattr(importlib.import_module("tinynet.data.sets.cifar10"), "MD5", md5(hostile))
    with pytest.raises(DataError, match="lead out of the folder"):
        cifar10(tmp_path / "root")
    assert names(tmp_path / "root") == []


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
