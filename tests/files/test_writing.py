"""Writing: whole or not at all, with the permissions and links that were there, and nothing left behind by the dead."""
from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading

import pytest

from tinynet.files import writing
from tinynet.files.writing import atomic_write, link_or_copy, remove_torn, write_json, write_text

posix = pytest.mark.skipif(os.name != "posix", reason="permissions, links and pipes as POSIX has them")


def put(path, data=b"new"):
    with atomic_write(path) as file:
        file.write(data)


@posix
def test_a_new_file_that_another_process_takes_for_torn_is_begun_again(tmp_path, monkeypatch):
    """It has opened and locked the file before we could, and unlinks it after we looked whether it is there."""
    claim, taken = writing.claim, []

    def too_late(number, **how):
        if not taken:
            taken.append(open(*tmp_path.iterdir(), "rb"))
            assert claim(taken[0].fileno())
            threading.Timer(0.1, lambda: (os.unlink(taken[0].name), taken[0].close())).start()
        return claim(number, **how)
    monkeypatch.setattr(writing, "claim", too_late)
    write_text(tmp_path / "a.txt", "whole")
    assert taken[0].closed and [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_until_it_is_complete_the_new_file_is_not_in_place(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new" and os.listdir(tmp_path) == ["file"]


def test_the_disk_s_error_names_the_file_and_nothing_is_left(tmp_path):
    put(tmp_path / "file", b"old")
    with pytest.raises(OSError, match="No space left on device .what was there before is intact.: .*file'") as caught:
        with atomic_write(tmp_path / "file") as file:
            file.write(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as write gives it: without a name
    assert caught.value.errno == errno.ENOSPC
    assert (tmp_path / "file").read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]


def test_an_error_about_another_file_stays_what_it_is(tmp_path):
    with pytest.raises(FileNotFoundError, match="source"), atomic_write(tmp_path / "file"):
        open(tmp_path / "source").close()


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="none/file'"):
        put(tmp_path / "none/file")


def test_no_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="expected the name of a file to write to"):
        put("")


def test_long_names(tmp_path):
    put(tmp_path / ("n" * 255))
    assert os.listdir(tmp_path) == ["n" * 255]


@posix
def test_permissions_stay(tmp_path):
    put(tmp_path / "file", b"old")
    os.chmod(tmp_path / "file", 0o600)
    put(tmp_path / "file")
    assert stat.S_IMODE(os.stat(tmp_path / "file").st_mode) == 0o600


@posix
def test_a_link_stays_one(tmp_path):
    (tmp_path / "far").mkdir()
    os.symlink(tmp_path / "far/file", tmp_path / "link")     # leads nowhere yet
    for data in b"first", b"second":
        put(tmp_path / "link", data)
        assert os.path.islink(tmp_path / "link") and (tmp_path / "far/file").read_bytes() == data
    assert os.listdir(tmp_path / "far") == ["file"]


@posix
def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="expected a file, or nothing, .* got a special file: .*pipe"):
        put(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match="expected a file, or nothing, .* got a folder: .*folder"):
        put(tmp_path / "folder")
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode) and sorted(os.listdir(tmp_path)) == ["folder", "pipe"]


def test_text_and_json(tmp_path):
    write_text(tmp_path / "text", "ä\n")
    write_json(tmp_path / "json", {"a": [1]})
    assert (tmp_path / "text").read_bytes() == "ä\n".encode()
    assert (tmp_path / "json").read_text() == '{\n "a": [\n  1\n ]\n}\n'


# ---------------------------------------------------------------------------------------- after a kill

KILLED = """
import os, signal, sys
from tinynet.files.writing import atomic_write
with atomic_write(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@posix
def test_what_a_killed_process_leaves_is_removed_and_nothing_else(tmp_path):
    kept = [".notes.2024-05", ".0123456789abcdef.tinynet.txt", "0123456789abcdef.tinynet", ".0123456789ABCDEF.tinynet"]
    for name in kept:
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / ".0123456789abcdef.tinynet").mkdir()
    os.symlink("file", tmp_path / ".fedcba9876543210.tinynet")
    kept += [".0123456789abcdef.tinynet", ".fedcba9876543210.tinynet"]
    assert subprocess.run([sys.executable, "-c", KILLED, tmp_path / "file"]).returncode == -9
    assert len(os.listdir(tmp_path)) == len(kept) + 1
    remove_torn(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(kept)


@posix
def test_what_is_being_written_is_not_torn(tmp_path):
    with atomic_write(tmp_path / "file") as file:
        remove_torn(tmp_path)
        file.write(b"whole")
    remove_torn(tmp_path)
    assert (tmp_path / "file").read_bytes() == b"whole"


# ---------------------------------------------------------------------------------------- one file, two names


@pytest.fixture(params=[True, False], ids=["links", "copies"])
def links(request, monkeypatch):
    """Whether the file system can give a file a second name."""
    if not request.param:
        def refuse(source, path):
            raise OSError("no links here")
        monkeypatch.setattr(os, "link", refuse)
    return request.param


def test_a_file_gets_a_second_name(tmp_path, links):
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"new")
    second.write_bytes(b"old")
    for _ in range(2):  # the second time it is there already
        link_or_copy(first, second)
        assert second.read_bytes() == b"new" and sorted(os.listdir(tmp_path)) == ["first", "second"]
        assert (os.stat(first).st_ino == os.stat(second).st_ino) == links
    with atomic_write(first) as file:
        file.write(b"newer")
    assert second.read_bytes() == b"new"


@posix
def test_a_second_name_that_is_a_link_stays_one(tmp_path):
    (tmp_path / "source").write_text("new")
    (tmp_path / "there").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    link_or_copy(tmp_path / "source", tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there").read_text() == "new"


@posix
def test_a_second_name_for_what_a_link_points_to_is_not_that_link(tmp_path):
    """Or what is written under the second name later would take the place of the first one's file."""
    (tmp_path / "there").write_text("best")
    (tmp_path / "best").symlink_to(tmp_path / "there")
    link_or_copy(tmp_path / "best", tmp_path / "last")
    assert not (tmp_path / "last").is_symlink() and (tmp_path / "last").read_text() == "best"
    write_text(tmp_path / "last", "last")
    assert (tmp_path / "best").read_text() == "best"


def test_an_accident_on_the_way_to_a_second_name_leaves_the_old_file(tmp_path, links):
    (tmp_path / "first").write_bytes(b"new")
    (tmp_path / "second").mkdir()
    with pytest.raises(OSError):
        link_or_copy(tmp_path / "first", tmp_path / "second")
    assert sorted(os.listdir(tmp_path)) == ["first", "second"]
    with pytest.raises(FileNotFoundError):
        link_or_copy(tmp_path / "none", tmp_path / "third")
    assert sorted(os.listdir(tmp_path)) == ["first", "second"]
