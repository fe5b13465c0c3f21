"""Squares of photographs and several processes: who makes, reads, cleans up; and what may go wrong meanwhile."""
import copy
import errno
import gc
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from pictures import photographs

from tinynet.data import DataError, ImageFolder, PreparedImages, prepared_squares
from tinynet.data.download.folders import remove_unfinished
from tinynet.data.photos import outdated, photograph, preparing
from tinynet.files.locks import Lock, alone

pytest.importorskip("PIL")
locks = pytest.mark.skipif(sys.platform == "win32", reason="there are no locks")
SIZE = 16
FILES = ["header.json", "images.jpegs", "index.npz", "statistics.npz"]
PREPARE = """
import sys
from tinynet.data import ImageFolder, prepared_squares
root, cache = sys.argv[1:]
images, labels = prepared_squares(ImageFolder(root), cache, 16)
print(images.folder.name, len(images), flush=True)
"""


def start(code, *arguments):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], text=True, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def end(process, code=0):
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    return out, err


def only_whole(cache, *names):
    """In the cache are these folders, with our four files, and nothing else."""
    assert {path.name: sorted(file.name for file in path.iterdir()) for path in cache.iterdir()} == dict.fromkeys(
        names, FILES)


def add_a_photograph(root):
    shutil.copy(root / "a" / "000.png", root / "b" / "new.png")


@locks
def test_the_second_process_waits_and_finds_them(root, cache):
    slow = PREPARE.replace("root, cache", """
from tinynet.data.photos import preparing
fast = preparing.read_square
def slow(path, size):
    if path.name == "003.png": print("begun", flush=True); sys.stdin.readline()
    return fast(path, size)
preparing.read_square = slow
root, cache""", 1)
    first = start(slow, root, cache)
    assert first.stdout.readline() == "begun\n"
    second = start(PREPARE, root, cache)
    assert second.stderr.readline() == f"{cache}: another process prepares photographs here; waiting for it\n"
    out, err = first.communicate("\n" * 9, timeout=60)
    name = out.splitlines()[-1].split()[0]
    assert first.returncode == 0 and out.endswith(f"{name} 20\n")
    assert end(second) == (f"{name} 20\n", "")             # nothing was prepared a second time
    only_whole(cache, name)


@locks
def test_what_another_process_reads_is_not_deleted(root, cache):
    reading = start(PREPARE + "sys.stdin.readline()\nprint(images[:].sum() > 0, flush=True)\n", root, cache)
    old = reading.stdout.readline().split()[0]
    add_a_photograph(root)
    out, err = end(start(PREPARE, root, cache))
    new = out.split()[0]
    assert (f"{cache / old}: not deleted, since they are being read; delete it when nobody needs it\n") in err
    only_whole(cache, old, new)
    assert reading.communicate("\n", timeout=60)[0] == "True\n" and reading.returncode == 0
    (root / "b" / "new.png").rename(root / "b" / "newer.png")                        # now nobody reads
    newest = end(start(PREPARE, root, cache))[0].split()[0]
    only_whole(cache, newest)


@locks
def test_who_reads_in_this_process_keeps_them_too_and_lets_go(root, cache):
    images = prepared_squares(ImageFolder(root), cache, SIZE).images
    copies = [copy.copy(images), copy.deepcopy(images), pickle.loads(pickle.dumps(images))]
    array, folder = images[:], images.folder
    assert outdated.remove(folder) == "they are being read"
    del images
    while copies:                                          # each has a lock of its own
        gc.collect()
        assert outdated.remove(folder) == "they are being read" and np.array_equal(copies[-1][:], array)
        copies.pop()
    gc.collect()
    assert outdated.remove(folder) == "" and list(cache.iterdir()) == []


@locks
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_fork_goes_on_reading(root, cache):
    forked = start(PREPARE + """
import os, sys
if os.fork():
    os._exit(0)  # the child lives on, alone
sys.stdin.readline()
print(images[3].shape, flush=True)
""", root, cache)
    folder = cache / forked.stdout.readline().split()[0]
    forked.wait(timeout=60)
    assert outdated.remove(folder) == "they are being read"
    assert forked.communicate("\n", timeout=60)[0] == "(16, 16, 3)\n"


def test_a_failed_opening_keeps_no_lock(root, cache):
    folder = prepared_squares(ImageFolder(root), cache, SIZE).images.folder
    (folder / "index.npz").write_bytes(b"")
    with pytest.raises(DataError) as error:
        PreparedImages(folder)
    assert Lock(folder).take() and error                   # though the error holds on to all that failed


def test_a_users_folder_stays_whatever_is_in_it(root, cache, capsys):
    before = prepared_squares(ImageFolder(root), cache, SIZE).images.folder
    header = (before / "header.json").read_text()
    mine = {"my-thesis": ["header.json", "thesis.tex"], "photos-0123456789abcdef": ["header.json", "notes.txt"],
            "photos": ["header.json"], "photos-0123456789abcdefg": ["header.json"], "xphotos-0123456789abcdef":
            ["header.json"], ".photos.01234567.new": ["thesis.tex"], ".photos-0123456789abcdef.new": ["header.json"],
            "photos.01234567.new": ["header.json"], ".photos.0123456g.new": ["header.json"]}
    for name, files in mine.items():
        (cache / name).mkdir()
        for file in files:
            (cache / name / file).write_text(header)
    (cache / ".photos.89abcdef.new").write_text("a file")
    (cache / "photos-0000000000000000").write_text("a file")
    (cache / "photos-1111111111111111").symlink_to(cache / "my-thesis")
    (cache / ".photos.00000000.new").symlink_to(cache / "photos")
    there = {path.name for path in cache.iterdir()} - {before.name}
    add_a_photograph(root)
    after = prepared_squares(ImageFolder(root), cache, SIZE).images.folder
    assert {path.name for path in cache.iterdir()} == there | {after.name}
    for name, files in mine.items():
        assert sorted(path.name for path in (cache / name).iterdir()) == files
    assert (f"{cache / 'photos-0123456789abcdef'}: not deleted, since there is something else in it: notes.txt; delete "
            "it when nobody needs it") in capsys.readouterr().err


def test_without_locks_nothing_is_deleted(root, cache, capsys, monkeypatch):
    """On Windows and on some network disks: somebody may be at it."""
    monkeypatch.setattr("tinynet.files.locks.fcntl", None)
    before = prepared_squares(ImageFolder(root), cache, SIZE).images.folder
    (cache / ".photos-0123456789abcdef.01234567.new").mkdir()
    add_a_photograph(root)
    after = prepared_squares(ImageFolder(root), cache, SIZE).images.folder
    assert f"{before}: not deleted, since this disk has no locks" in capsys.readouterr().err
    assert {path.name for path in cache.iterdir()} == {before.name, after.name, ".photos-0123456789abcdef.01234567.new"}


@locks
def test_what_killed_processes_leave_is_deleted_by_the_next(root, cache):
    code = PREPARE.replace("root, cache", """
import os, signal
from tinynet.data.photos import preparing
fast = preparing.{name}
def killed(*arguments, **options):
    fast(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)
preparing.{name} = killed
root, cache""", 1)
    for name in "_check", "_save", "read_square":
        end(start(code.replace("{name}", name), root, cache), -signal.SIGKILL)
        assert len(list(cache.glob(".photos-*.new"))) == 1  # the one before is gone
    name = end(start(PREPARE, root, cache))[0].split()[0]
    only_whole(cache, name)
    add_a_photograph(root)                                  # and while it deletes
    end(start(PREPARE.replace("root, cache", """
import os, shutil, signal
def killed(path, **options):
    if os.path.isdir(path):
        os.kill(os.getpid(), signal.SIGKILL)
shutil.rmtree = killed
root, cache""", 1), root, cache), -signal.SIGKILL)
    assert len(list(cache.glob(".photos-*.new"))) == 1 and len(list(cache.glob("photos-*"))) == 1
    (root / "b" / "new.png").unlink()
    only_whole(cache, end(start(PREPARE, root, cache))[0].split()[0])


def test_an_unfinished_folder_holds_nothing_but_known_files(tmp_path):
    for name, files in {".a.01234567.new": ["x"], ".b.01234567.new": [], ".c.01234567.new": ["x", "y"],
                        ".d.0123456.new": ["x"], ".01234567.new": ["x"]}.items():
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_text("")
    (tmp_path / ".e.01234567.new" / "x").mkdir(parents=True)
    with alone(tmp_path, None):
        remove_unfinished(tmp_path, {"x"})
    kept = {".c.01234567.new", ".d.0123456.new", ".01234567.new", ".e.01234567.new"}
    assert {path.name for path in tmp_path.iterdir()} == (kept if os.name != "nt" else
                                                          kept | {".a.01234567.new", ".b.01234567.new"})


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_ends_the_preparation_at_once_and_leaves_nothing(tmp_path, cache):
    root = photographs(tmp_path / "many", {"a": 150, "b": 150})
    process = start(PREPARE.replace("root, cache", """
import signal, time
from tinynet.data.photos import preparing
signal.signal(signal.SIGINT, signal.default_int_handler)   # a shell's background processes are told to ignore it
fast = preparing.read_square
def slow(path, size):
    if path.name == "003.png": print("begun", flush=True)
    time.sleep(0.1)
    return fast(path, size)
preparing.read_square = slow
root, cache""", 1), root, cache)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)                        # all of it would take longer on most machines
    assert process.returncode == -signal.SIGINT and list(cache.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_named_pipes_and_devices_among_the_photographs(root, cache):
    os.mkfifo(root / "a" / "pipe.jpg")
    (root / "b" / "zero.jpg").symlink_to("/dev/zero")
    (root / "b" / "nowhere.jpg").symlink_to("/nowhere")
    code = PREPARE.replace("16)", "16, skip_unreadable=len(sys.argv) > 3)\nprint(images.skipped)").replace(
        "sys.argv[1:]", "sys.argv[1:3]")
    _, err = end(start(code, root, cache), 1)
    assert "expected images, got 3 files of 23 that cannot be read" in err
    assert f"{root / 'a' / 'pipe.jpg'}: expected a file, got a named pipe" in err and "got a device" in err
    out, err = end(start(code, root, cache, "skip"))
    assert "left out 3 of 23 files" in err and out.splitlines()[0].startswith("{'a/pipe.jpg': ")


def test_photographs_that_change_while_they_are_prepared(root, cache, monkeypatch):
    def writes(path, size):
        square = photograph.read_square(path, size)
        if path.name == "002.png":
            shutil.copy(root / "a" / "000.png", path)
        return square
    monkeypatch.setattr(preparing, "read_square", writes)
    with pytest.raises(DataError, match="photographs that stay as they are while .* prepared, got some that have ch"):
        prepared_squares(ImageFolder(root), cache, SIZE)
    assert list(cache.iterdir()) == []
    monkeypatch.undo()
    assert len(prepared_squares(ImageFolder(root), cache, SIZE).images) == 20


def test_files_of_the_future(root, cache):
    for path in root.rglob("*.png"):
        os.utime(path, (2**33, 2**33))
    folder = prepared_squares(ImageFolder(root), cache, SIZE).images.folder
    os.utime(folder / "index.npz", (0, 0))
    assert prepared_squares(ImageFolder(root), cache, SIZE).images.folder == folder


def test_an_image_that_does_not_fit_into_memory_is_left_out(root, cache, monkeypatch):
    prepare, large = photograph.prepare, photograph.read(root / "b" / "001.png").shape

    def fails(image, size):
        if image.shape == large:
            raise MemoryError
        return prepare(image, size)
    monkeypatch.setattr(photograph, "prepare", fails)
    with pytest.raises(DataError, match="001.png: expected an image that fits into memory, got one that does not"):
        prepared_squares(ImageFolder(root), cache, SIZE)
    images = prepared_squares(ImageFolder(root), cache, SIZE, skip_unreadable=True).images
    assert "b/001.png" in images.skipped and len(images) == 20 - len(images.skipped)


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_what_is_not_the_files_fault_leaves_none_out(root, cache, monkeypatch, code):
    def fails(path, size):
        if path.name == "005.png":
            raise OSError(code, os.strerror(code), str(path))
        return photograph.read_square(path, size)
    monkeypatch.setattr(preparing, "read_square", fails)
    with pytest.raises(OSError, match=os.strerror(code)):
        prepared_squares(ImageFolder(root), cache, SIZE, skip_unreadable=True)
    assert list(cache.iterdir()) == []


def test_other_files_are_counted_once(root, cache, capsys):
    for name in "a/1.heic", "a/2.HEIC", "b/list", *(f"c/x.{i}" for i in range(9)):
        (root / name).write_text("")
    prepared_squares(ImageFolder(root), cache, SIZE)
    said = capsys.readouterr().err.splitlines()[0]
    assert said == (f"{root}: left out 12 files that are no images by their names: 2 .heic, 1 without an ending, 1 .0, "
                    "1 .1, 1 .2, ...") or said.startswith(f"{root}: left out 12 files") and "2 .heic, " in said
    prepared_squares(ImageFolder(root), cache, SIZE)
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is always full")
def test_a_full_disk_leaves_nothing_and_says_what_to_do(root, cache, monkeypatch):
    open_ = open
    monkeypatch.setattr("builtins.open", lambda path, *mode, **more: open_(
        "/dev/full" if str(path).endswith("images.jpegs") else path, *(("wb",) if mode == ("xb",) else mode), **more))
    with pytest.raises(OSError, match="cannot write the data .the disk is full.: make room, or .* cache=") as error:
        prepared_squares(ImageFolder(root), cache, SIZE)
    assert error.value.errno == errno.ENOSPC and error.value.filename == str(cache) and list(cache.iterdir()) == []


def test_a_closed_terminal_is_no_reason_to_stop(root, cache, monkeypatch):
    class Closed:
        def write(self, text):
            raise BrokenPipeError
        flush = isatty = lambda self: False
    monkeypatch.setattr(sys, "stderr", Closed())
    preparing._say("x")
    monkeypatch.setattr(sys, "stderr", None)
    preparing._say("x")


def test_killed_at_any_moment(root, cache):
    """Ten times; then the next one finds or makes the right squares, and nothing else is there."""
    expected = prepared_squares(ImageFolder(root), cache / "other", SIZE).images[:]
    rng, shutil_cache = np.random.default_rng(0), cache / "squares"
    for _ in range(10):
        process = start("print(1, flush=True)\n" + PREPARE, root, shutil_cache)
        process.stdout.readline()
        time.sleep(rng.uniform(0.1, 0.5))
        process.kill()
        process.communicate()
    images = prepared_squares(ImageFolder(root), shutil_cache, SIZE).images
    assert np.array_equal(images[:], expected)
    if os.name != "nt":
        only_whole(shutil_cache, images.folder.name)


@locks
def test_what_was_left_at_the_very_end_goes_when_the_squares_are_found(root, cache):
    images = prepared_squares(ImageFolder(root), cache, SIZE).images
    unfinished = cache / f".{images.folder.name}.0123abcd.new"
    unfinished.mkdir()
    (unfinished / "images.jpegs").write_bytes(b"half")
    with alone(cache, lambda: None):                       # another process prepares
        prepared_squares(ImageFolder(root), cache, SIZE)
        assert unfinished.exists()
    prepared_squares(ImageFolder(root), cache, SIZE)
    only_whole(cache, images.folder.name)
