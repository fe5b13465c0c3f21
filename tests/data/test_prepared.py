"""Photographs prepared as squares of one size, kept in a file: made once, read like an array; and imagenet()."""
import errno
import io
import json
import os
import re
import shutil
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from pictures import photographs

from tinynet import set_threads
from tinynet.data import (
    DataError,
    ImageFolder,
    PreparedImages,
    Split,
    batches,
    imagenet,
    mean_image,
    prepared_squares,
)
from tinynet.data.augment import color_components
from tinynet.data.photos import prepared, preparing
from tinynet.data.photos.outdated import outdated
from tinynet.data.photos.photograph import prepare, read, read_square
from tinynet.data.statistics import statistics_of

Image = pytest.importorskip("PIL.Image")

SIZE = 16


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.delenv("TINYNET_DATA", raising=False)
    for variable in "XDG_CACHE_HOME", "LOCALAPPDATA":
        monkeypatch.setenv(variable, str(tmp_path / "user"))


def spoil(root, *names):
    for name in names:
        (root / name).write_bytes(b"spoiled")


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_squares_are_those_of_the_photographs_in_their_order(root, cache):
    folder = ImageFolder(root)
    images, labels = prepared_squares(folder, cache, SIZE)
    assert images.shape == (20, SIZE, SIZE, 3) and images.dtype == np.uint8 and images.ndim == 4 and len(images) == 20
    assert np.array_equal(labels, folder.labels) and labels.dtype == np.int64
    assert images.classes == ("a", "b", "c") and images.skipped == {}
    for image, path in zip(images, folder.paths, strict=True):
        assert np.abs(image.astype(int) - prepare(read(root / path), SIZE)).mean() < 4  # JPEG is not exact
    assert [path.name for path in cache.iterdir()] == [images.folder.name]
    assert sorted(files(images.folder)) == ["header.json", "images.jpegs", "index.npz", "statistics.npz"]


def test_colours_are_kept_at_full_resolution(tmp_path, cache):
    stripes = np.zeros((SIZE, SIZE, 3), np.uint8)
    stripes[:, ::2, 0], stripes[:, 1::2, 2] = 255, 255  # red and blue in turns: purple if chroma is subsampled
    for name in "a", "b":
        (tmp_path / "r" / name).mkdir(parents=True)
        Image.fromarray(stripes).save(tmp_path / "r" / name / "1.png")
    images, _ = prepared_squares(ImageFolder(tmp_path / "r"), cache, SIZE)
    assert np.abs(images[0].astype(int) - stripes).mean() < 10


def test_they_are_indexed_like_an_array(root, cache):
    images, _ = prepared_squares(ImageFolder(root), cache, SIZE)
    array = np.stack(list(images))
    assert array.shape == images.shape and len(np.unique(array.reshape(20, -1), axis=0)) == 20
    for index in (0, 19, -20, np.int64(3), slice(None), slice(3, 9), slice(25, 30), slice(None, None, -3), [1, 2],
                  np.array([4, 4, -1, 0]), np.array([], int), np.array([[1, 2], [3, 4]]), array[:, 0, 0, 0] > 99):
        got = images[index]
        assert isinstance(got, np.ndarray) and got.dtype == np.uint8 and got.flags.writeable
        assert got.shape == array[index].shape and np.array_equal(got, array[index]), index
    images[0][:] = 0
    assert np.array_equal(images[0], array[0])


@pytest.mark.parametrize("index", [20, -21, [0, 20], 1.5, "1", (0, 0)])
def test_what_is_no_index_raises(root, cache, index):
    images, _ = prepared_squares(ImageFolder(root), cache, SIZE)
    with pytest.raises(IndexError):
        images[index]


def test_batches_and_the_mean_image_take_them_as_an_array(root, cache):
    split = prepared_squares(ImageFolder(root), cache, SIZE)
    assert isinstance(split, Split)
    array = split.images[:]
    assert np.array_equal(mean_image(split.images), mean_image(array))
    for rng in None, 7:
        ours, theirs = (list(batches(images, split.labels, 6, rng and np.random.default_rng(rng)))
                        for images in (split.images, array))
        for (x, y), (x_array, y_array) in zip(ours, theirs, strict=True):
            assert np.array_equal(x, x_array) and np.array_equal(y, y_array)


def test_they_are_made_once_and_said_to_be(root, cache, capsys, monkeypatch):
    split = prepared_squares(ImageFolder(root), cache, SIZE)
    first, last = capsys.readouterr().err.splitlines()  # not a terminal: one line at each end
    assert first == f"preparing {root}: 20 images" and last.startswith(f"preparing {root}: done after 0 s")
    monkeypatch.setattr(preparing, "_make", None)
    again = prepared_squares(ImageFolder(root), str(cache), SIZE)
    assert again.images.folder == split.images.folder and capsys.readouterr().err == ""
    assert np.array_equal(again.images[:], split.images[:]) and np.array_equal(again.labels, split.labels)


def test_the_bytes_do_not_depend_on_the_threads(root, cache):
    made = []
    for threads in 1, 4:
        set_threads(threads)
        made.append(files(prepared_squares(ImageFolder(root), cache / str(threads), SIZE).images.folder))
    assert made[0] == made[1]


def test_few_photographs_are_in_the_works_at_a_time(root):
    folder, taken = ImageFolder(root), []
    folder.paths = (taken.append(path) or path for path in folder.paths)
    set_threads(2)
    squares = preparing._squares(folder, SIZE)
    next(squares)
    assert len(taken) == 9                                # the one that was asked for, and four for each thread
    assert len(list(squares)) == 19 and len(taken) == 20


@pytest.mark.parametrize("change", ["added", "removed", "written to", "renamed"])
def test_changed_photographs_are_prepared_again(root, cache, capsys, change):
    before = prepared_squares(ImageFolder(root), cache, SIZE).images.folder
    if change == "added":
        shutil.copy(root / "a" / "000.png", root / "b" / "new.png")
    elif change == "removed":
        (root / "b" / "000.png").unlink()
    elif change == "written to":
        os.utime(root / "b" / "000.png", ns=(1, 1))
    else:
        (root / "b" / "000.png").rename(root / "b" / "x.png")
    capsys.readouterr()
    images, labels = prepared_squares(ImageFolder(root), cache, SIZE)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"{before}: squares of photographs or classes that have changed; they are made again"
    assert len(images) == len(labels) == {"added": 21, "removed": 19}.get(change, 20)
    assert list(cache.iterdir()) == [images.folder] and images.folder != before


@pytest.mark.parametrize("size", [0, -1, 2.5, True])
def test_a_wrong_size_is_not_the_photographs_fault(root, size):
    with pytest.raises(ValueError, match="read_square size: expected a whole number of 1 or more, got") as error:
        read_square(root / "a" / "000.png", size)
    assert not isinstance(error.value, DataError)


def test_another_size_and_other_classes(root, cache, capsys):
    before = prepared_squares(ImageFolder(root), cache, SIZE).images
    capsys.readouterr()
    images, _ = prepared_squares(ImageFolder(root), cache, np.int64(8))
    assert f"{before.folder}: squares of size 16, not 8; they are made again" in capsys.readouterr().err
    assert images[0].shape == (8, 8, 3)
    assert prepared_squares(ImageFolder(root, "Aabc"), cache, 8).labels.tolist() == [1] * 9 + [2] * 4 + [3] * 7
    with pytest.raises(ValueError, match="prepared_squares size: expected a whole number"):
        prepared_squares(ImageFolder(root), cache, 0)


def test_nothing_but_squares_of_the_same_photographs_is_deleted(tmp_path, root, cache):
    other = photographs(tmp_path / "elsewhere" / "photos", {"a": 1, "b": 1})
    theirs = prepared_squares(ImageFolder(other), cache, SIZE).images.folder
    for name, header in ("mine", "{}"), ("photos-0123456789abcdef", "no json"), (".photos.new", '{"made_from": 1}'):
        (cache / name).mkdir()
        (cache / name / "header.json").write_text(header)
    there = set(cache.iterdir())
    ours = prepared_squares(ImageFolder(root), cache, SIZE).images.folder
    assert set(cache.iterdir()) == {*there, ours} and theirs in there
    assert outdated(root, ours) == {}  # as if another process had just made the same


def test_all_unreadable_files_are_named_after_a_look_at_every_one(root, cache):
    spoil(root, "a/000.png", "c/006.png")
    (root / "b" / "003.png").write_bytes(b"")
    (root / "b" / "lost.png").symlink_to(root / "nowhere")
    with pytest.raises(DataError, match="expected images, got 4 files of 21 that cannot be read:") as error:
        prepared_squares(ImageFolder(root), cache, SIZE)
    lines = str(error.value).splitlines()
    assert [line.split(": ")[0].strip() for line in lines[1:3]] == [str(root / "a/000.png"), str(root / "b/003.png")]
    assert "got an empty file" in lines[2] and "lost.png" in lines[3] and "c/006.png" in lines[4]
    assert lines[5] == "Replace them; or pass skip_unreadable=True to leave them out." and len(lines) == 6
    assert list(cache.iterdir()) == []


def test_of_many_unreadable_files_20_are_named(tmp_path, cache):
    root = photographs(tmp_path / "photos", {"a": 20, "b": 8})
    spoil(root, *(f"a/{i:03}.png" for i in range(19)), *(f"b/{i:03}.png" for i in range(7)))
    with pytest.raises(DataError, match="got 26 files of 28") as error:
        prepared_squares(ImageFolder(root), cache, SIZE)
    lines = str(error.value).splitlines()
    assert "b/000.png" in lines[20] and lines[21] == "  and 6 more" and len(lines) == 23


def test_unreadable_files_are_left_out_if_one_says_so(root, cache, capsys):
    spoil(root, "a/000.png", "c/006.png")
    images, labels = prepared_squares(ImageFolder(root), cache, SIZE, skip_unreadable=True)
    assert len(images) == 18 and labels.tolist() == [0] * 8 + [1] * 4 + [2] * 6
    assert np.abs(images[0].astype(int) - prepare(read(root / "a" / "001.png"), SIZE)).mean() < 4
    assert list(images.skipped) == ["a/000.png", "c/006.png"]
    assert "that begin with b'spoiled'" in images.skipped["a/000.png"]
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"left out 2 of 20 files, which cannot be read; {images.folder / 'header.json'} lists them"
    assert json.loads((images.folder / "header.json").read_text())["skipped"] == images.skipped
    prepared_squares(ImageFolder(root), cache, SIZE)  # what is made, is made
    assert capsys.readouterr().err == ""


def test_a_class_must_not_lose_all_its_images(root, cache):
    spoil(root, *(f"b/{i:03}.png" for i in range(4)))
    with pytest.raises(DataError, match="read in every class, got none in b"):
        prepared_squares(ImageFolder(root), cache, SIZE, skip_unreadable=True)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("code, reason", [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "no permission")])
def test_a_disk_that_takes_no_more(root, cache, monkeypatch, code, reason):
    def fail(*_, **__):
        raise OSError(code, os.strerror(code))
    monkeypatch.setattr(np, "savez", fail)
    before = threading.active_count()
    with pytest.raises(OSError, match=f"{reason}.*cache=") as error:
        prepared_squares(ImageFolder(root), cache, SIZE)
    assert error.value.errno == code and list(cache.iterdir()) == [] and threading.active_count() == before


def test_when_it_is_stopped_nothing_stays(root, cache, monkeypatch):
    def stop(path, size):
        if path.name == "005.png":
            raise KeyboardInterrupt
        return read_square(path, size)
    monkeypatch.setattr(preparing, "read_square", stop)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        prepared_squares(ImageFolder(root), cache, SIZE)
    assert list(cache.iterdir()) == [] and threading.active_count() == before


def test_progress_on_a_terminal(root, cache, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("tinynet.data.progress.EVERY", 0)
    prepared_squares(ImageFolder(root), cache, SIZE)
    lines = capsys.readouterr().err.replace("\n", "\r").split("\r")
    assert re.fullmatch(r"1 of 20 images \(5%\), [\d,]+ images/s, \d+:\d\d left *", lines[2])
    assert sum(line.startswith("20 of 20 images (100%), ") for line in lines) == 1


def damage_jpegs(folder):
    with open(folder / "images.jpegs", "r+b") as file:
        file.write(bytes(100))


def another_image(folder, mode):
    """The first image is one of a single pixel now, which NumPy would spread over the whole square."""
    buffer = io.BytesIO()
    Image.new(mode, (1, 1)).save(buffer, "JPEG")
    with np.load(folder / "index.npz") as index:
        length = index["offset"][1]
    with open(folder / "images.jpegs", "r+b") as file:
        assert file.write(buffer.getvalue().ljust(length, b"\0")) == length


def rewrite_index(folder, **arrays):
    with np.load(folder / "index.npz") as index:
        whole = dict(index)
    np.savez(folder / "index.npz", **{**whole, **{name: change(whole.get(name)) for name, change in arrays.items()}})


def rewrite_header(folder, **entries):
    header = json.loads((folder / "header.json").read_text())
    (folder / "header.json").write_text(json.dumps({**header, **entries}))


INDEX = ["offset", "label", "checksum"]


def changed(**values):
    """The index with some of its numbers changed: {name: {place: value}}."""
    def change(name):
        def apply(array):
            for place, value in values[name].items():
                array[place] = value
            return array
        return apply
    return {name: change(name) for name in values}


@pytest.mark.parametrize("damage", [
    lambda f: (f / "header.json").unlink(), lambda f: (f / "index.npz").unlink(),
    lambda f: (f / "images.jpegs").unlink(), lambda f: (f / "header.json").write_text("{"),
    lambda f: (f / "header.json").write_text("[]"),
    lambda f: (f / "index.npz").write_bytes((f / "index.npz").read_bytes()[:-30]),
    lambda f: (f / "images.jpegs").write_bytes((f / "images.jpegs").read_bytes()[:-1]),
    lambda f: rewrite_index(f, label=lambda a: a[:-1]), lambda f: rewrite_index(f, offset=lambda a: a[1:]),
    lambda f: rewrite_header(f, count=19), lambda f: rewrite_header(f, version=0), lambda f: rewrite_header(f, size=8),
    *(lambda f, n=name, v=value: rewrite_header(f, **{n: v}) for name, values in {
        "version": ["2", None, True, 3, 2.0], "size": ["16", 16.5, 0, -16, True, 65_501, 10**30], "count": ["20", 0, -1,
        10**12, 10**30, 20.0, [20]], "classes": ["abc", 3, [1, 2, 3], ["a", "b"], {"a": 1}],
        "skipped": [[], None, {"a": 3}]}.items() for value in values),
    lambda f: (f / "header.json").write_text((f / "header.json").read_text().replace("{", '{"size": 16,', 1)),
    lambda f: (f / "header.json").write_bytes(b"\xff\xfe" + (f / "header.json").read_bytes()),
    *(lambda f, n=name: rewrite_index(f, **{n: lambda a: a[:-1]}) for name in INDEX),
    *(lambda f, n=name: rewrite_index(f, **{n: lambda a: a.astype(np.float64)}) for name in INDEX),
    *(lambda f, n=name: rewrite_index(f, **{n: lambda a: a.astype("U20")}) for name in INDEX),
    *(lambda f, n=name: rewrite_index(f, **{n: lambda a: a[:, None]}) for name in INDEX),
    *(lambda f, n=name: rewrite_index(f, **{n: lambda a: a.astype(a.dtype.newbyteorder())}) for name in INDEX),
    lambda f: rewrite_index(f, **changed(label={3: 99})), lambda f: rewrite_index(f, **changed(label={0: -1})),
    lambda f: rewrite_index(f, **changed(offset={1: -5})), lambda f: rewrite_index(f, **changed(offset={2: 2**62})),
    lambda f: rewrite_index(f, **changed(offset={0: 1})), lambda f: rewrite_index(f, **changed(offset={-1: 5})),
    lambda f: rewrite_index(f, offset=lambda a: np.r_[0, a[2], a[1], a[3:]]),
    lambda f: rewrite_index(f, **changed(checksum={1: 0})), lambda f: np.savez(f / "index.npz", label=np.arange(20)),
    lambda f: rewrite_index(f, more=lambda a: a), lambda f: (f / "index.npz").write_bytes(b"PK\3\4nothing"),
    damage_jpegs, lambda f: another_image(f, "RGB"), lambda f: another_image(f, "L"),
    lambda f: rewrite_index(f, offset=lambda a: np.r_[0, a[1] - 9, a[2:]])])
def test_damaged_files(root, cache, damage):
    folder = prepared_squares(ImageFolder(root), cache, SIZE).images.folder
    damage(folder)
    with pytest.raises(DataError, match="expected prepared images.*It is damaged: delete this folder") as error:
        prepared_squares(ImageFolder(root), cache, SIZE).images[:3]
    assert str(error.value).startswith(str(folder))
    shutil.rmtree(folder)
    assert len(prepared_squares(ImageFolder(root), cache, SIZE).images[:3]) == 3


def test_no_changed_byte_passes(root, cache):
    images, _ = prepared_squares(ImageFolder(root), cache, SIZE)
    path, rng = images.folder / "images.jpegs", np.random.default_rng(0)
    whole, array = path.read_bytes(), images[:]
    for place in rng.integers(0, len(whole), 200):
        mutant = bytearray(whole)
        mutant[place] ^= 1 << rng.integers(8)
        path.write_bytes(mutant)
        with pytest.raises(DataError, match=r"the error image \d+: ValueError\('not the bytes that were written'\)"):
            images[:]
    path.write_bytes(whole)
    assert np.array_equal(images[:], array)


def test_folders_of_version_1_had_no_checksums(root, cache):
    images, labels = prepared_squares(ImageFolder(root), cache, SIZE)
    array, folder = images[:], images.folder
    with np.load(folder / "index.npz") as index:
        np.savez(folder / "index.npz", offset=index["offset"], label=index["label"])
    with pytest.raises(DataError, match="index.npz: expected the arrays .*'checksum'"):
        PreparedImages(folder)
    rewrite_header(folder, version=1)
    before = files(folder)
    again = prepared_squares(ImageFolder(root), cache, SIZE)
    assert again.images.folder == folder and np.array_equal(again.images[:], array)
    assert np.array_equal(again.labels, labels) and images.statistics().count == 20 and files(folder) == before
    damage_jpegs(folder)
    with pytest.raises(DataError, match="image 0"):
        again.images[0]


def test_the_fingerprint_is_still_that_of_version_1(tmp_path):
    """Or all squares in the world would be made again."""
    for name in "a", "b":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"four")
        os.utime(tmp_path / name / "1.png", ns=(10**18, 10**18))
    assert preparing._fingerprint(ImageFolder(tmp_path), 256) == "837b96af4d291dcd"


def test_from_eight_threads_the_same_as_from_one(root, cache):
    images, _ = prepared_squares(ImageFolder(root), cache, SIZE)
    array, wrong = images[:], []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(30):
            index = rng.integers(-20, 20, 7)
            if not np.array_equal(images[index], array[index]):
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory from Linux")
def test_to_read_them_again_and_again_takes_no_memory(root, cache):
    images, _ = prepared_squares(ImageFolder(root), cache, 128)

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    for _ in range(5):
        images[:]
    before, handles = resident(), len(os.listdir("/proc/self/fd"))
    for _ in range(40):
        images[:]  # 1 MB each time
    assert resident() - before < 8e6 and len(os.listdir("/proc/self/fd")) == handles


def exact(array):
    """The mean image, the second moments and the sums of colours, straight from the definition."""
    pixels = array.reshape(-1, 3).astype(int)
    return array.astype(int).sum(axis=0), pixels.T @ pixels


def test_mean_and_colours_are_found_while_the_squares_are_made(root, cache, capsys, monkeypatch):
    spoil(root, "a/000.png")                              # which is in no sum
    images, _ = prepared_squares(ImageFolder(root), cache, SIZE, skip_unreadable=True)
    capsys.readouterr()
    monkeypatch.setattr(PreparedImages, "__getitem__", None)                         # no image is decoded again
    found = images.statistics()
    monkeypatch.undo()
    total, products = exact(images[:])
    assert found.count == 19 and (found.total == total).all() and (found.products == products).all()
    assert np.array_equal(mean_image(images), mean_image(images[:])) and capsys.readouterr().err == ""
    for kept, measured in zip(statistics_of(images).components, color_components(images[:]), strict=True):
        np.testing.assert_array_equal(kept, measured)


def test_a_folder_without_them_as_earlier_versions_made_is_measured_once(root, cache, capsys, monkeypatch):
    images, labels = prepared_squares(ImageFolder(root), cache, SIZE)
    found = images.statistics()
    (images.folder / "statistics.npz").unlink()
    capsys.readouterr()
    images, _ = prepared_squares(ImageFolder(root), cache, SIZE)
    for _ in range(2):
        for before, now in zip(found, images.statistics(), strict=True):
            np.testing.assert_array_equal(before, now)
        said = capsys.readouterr().err.splitlines()
        assert [line.split(":")[0] for line in said] in ([f"mean and colours of {images.folder}"] * 2, [])
    assert said == [] and (images.folder / "statistics.npz").is_file()
    (images.folder / "statistics.npz").unlink()           # and where nothing may be written, each time

    def fail(*_, **__):
        raise OSError(errno.EROFS, "read-only")
    monkeypatch.setattr(np, "savez", fail)
    assert images.statistics().count == 20 and not (images.folder / "statistics.npz").exists()


def rewrite_sums(file, name, place, value):
    with np.load(file) as arrays:
        whole = dict(arrays)
    whole[name].flat[place] = value
    np.savez(file, **whole)


@pytest.mark.parametrize("damage", [
    lambda file: file.write_bytes(file.read_bytes()[:-30]), lambda file: file.write_bytes(b""),
    lambda file: np.savez(file, count=19, total=np.zeros((SIZE, SIZE, 3), int), products=np.zeros((3, 3), int)),
    lambda file: np.savez(file, count=20, total=np.zeros((8, 8, 3), int), products=np.zeros((3, 3), int)),
    lambda file: np.savez(file, count=20, total=np.zeros((SIZE, SIZE, 3)), products=np.zeros((3, 3), int)),
    lambda file: np.savez(file, count=20, products=np.zeros((3, 3), int)),
    lambda file: np.savez(file, count=[20], total=np.zeros((SIZE, SIZE, 3), int), products=np.eye(3, dtype=int)),
    lambda file: rewrite_sums(file, "total", 0, -1), lambda file: rewrite_sums(file, "total", 0, 20 * 255 + 1),
    lambda file: rewrite_sums(file, "products", 0, 0), lambda file: rewrite_sums(file, "products", 0, 2**62),
    lambda file: rewrite_sums(file, "products", 1, 5), lambda file: rewrite_sums(file, "products", [1, 3], -5),
    lambda file: rewrite_sums(file, "products", [1, 3], 2**62)])
def test_damaged_statistics(root, cache, damage):
    images, _ = prepared_squares(ImageFolder(root), cache, SIZE)
    damage(images.folder / "statistics.npz")
    with pytest.raises(DataError, match="expected prepared images.*It is damaged: delete this folder"):
        images.statistics()


def test_sums_that_are_packed_are_not_unpacked(root, cache, monkeypatch):
    """Zeros become a thousandth: a small file could fill the memory."""
    images, _ = prepared_squares(ImageFolder(root), cache, SIZE)
    monkeypatch.setattr(prepared, "_arrays", None)
    np.savez_compressed(images.folder / "statistics.npz", count=20, total=np.zeros((SIZE, SIZE, 3), int),
                        products=np.zeros((3, 3), int))
    with pytest.raises(DataError, match="expected sums that are not compressed"):
        images.statistics()


@pytest.fixture
def net(tmp_path):
    photographs(tmp_path / "net" / "train", {"n01": 3, "n02": 2, "n03": 4}, seed=1)
    photographs(tmp_path / "net" / "val", {"n01": 1, "n03": 2}, seed=2)
    return tmp_path / "net"


def test_imagenet(net):
    data = imagenet(net, SIZE)
    (x, y), (x_test, y_test) = data
    assert x.shape == (9, SIZE, SIZE, 3) and x_test.shape == (3, SIZE, SIZE, 3) and isinstance(x, PreparedImages)
    assert y.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2] and y_test.tolist() == [0, 2, 2]  # train's classes for both
    assert data.classes == ("n01", "n02", "n03")
    assert data.source == f"net, 9 training and 3 test images of 16x16, read from {net}"
    assert sorted(path.name[:-17] for path in (net / ".tinynet-16").iterdir()) == ["train", "val"]
    assert imagenet(net).train.images[0].shape == (256, 256, 3) and (net / ".tinynet-256").is_dir()


def test_where_nothing_may_be_written_the_users_cache_is_taken(net, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: not (path == net and mode == os.W_OK))
    folder = imagenet(net, SIZE).train.images.folder.parent
    assert folder.parent == tmp_path / "user" / "tinynet" and folder.name.startswith("net-")
    assert folder.name.endswith("-16") and not (net / ".tinynet-16").exists()
    (net / ".tinynet-16").mkdir()  # somebody who may write has made it
    assert imagenet(net, SIZE).train.images.folder.parent == net / ".tinynet-16"
    assert imagenet(net, SIZE, cache=tmp_path / "mine").test.images.folder.parent == tmp_path / "mine"


def test_readable_names(net):
    (net / "synset_words.txt").write_text("n01 tench, Tinca tinca\nn02 crane\nn03 crane, bird\nn99 more\n\n")
    assert imagenet(net, SIZE).classes == ("tench", "crane (n02)", "crane (n03)")
    (net / "LOC_synset_mapping.txt").write_text("n01 goldfish, Carassius\nn03 great white shark\n")
    assert imagenet(net, SIZE).classes == ("goldfish", "n02", "great white shark")
    (net / "LOC_synset_mapping.txt").write_text("\ufeffn01 goldfish, Carassius\nn03\tgreat white shark\n", "utf-8")
    assert imagenet(net, SIZE).classes == ("goldfish", "n02", "great white shark")
    (net / "LOC_synset_mapping.txt").write_bytes(b"n01 caf\xe9\n")
    with pytest.raises(DataError, match="LOC_synset_mapping.txt: expected a text in UTF-8"):
        imagenet(net, SIZE)
    (net / "LOC_synset_mapping.txt").unlink()
    (net / "LOC_synset_mapping.txt").mkdir()
    with pytest.raises(DataError, match="LOC_synset_mapping.txt: expected a file, got a folder"):
        imagenet(net, SIZE)


def test_skipped_files_are_part_of_the_name(net):
    spoil(net, "train/n01/000.png", "val/n03/001.png")
    with pytest.raises(DataError, match="skip_unreadable=True"):
        imagenet(net, SIZE)
    assert imagenet(net, SIZE, skip_unreadable=True).name == (
        "net, 8 training and 2 test images of 16x16, without 2 unreadable files")


def test_wrong_layouts(net, tmp_path):
    with pytest.raises(DataError, match="train/<class>/ and val/<class>/, got no train and no val"):
        imagenet(tmp_path / "nowhere")
    with pytest.raises(DataError, match=f"no train and no val. Name the folder that holds the two, which is {net}\\."):
        imagenet(tmp_path)                                 # one folder further down
    (tmp_path / "kaggle" / "ILSVRC" / "Data").mkdir(parents=True)
    (tmp_path / "kaggle" / "ILSVRC" / "Data" / "CLS-LOC").symlink_to(net)
    with pytest.raises(DataError, match="that holds the two, which is .*kaggle/ILSVRC/Data/CLS-LOC"):
        imagenet(tmp_path / "kaggle")
    with pytest.raises(DataError, match="~nosuchuser/x: expected"):
        imagenet("~nosuchuser/x")
    (net / "val").rename(net / "test")
    with pytest.raises(DataError, match="got no val. Name the folder"):
        imagenet(net)
    photographs(net / "val", {"n02": 1, "n04": 1, "n05": 1})
    with pytest.raises(DataError, match="3 classes of the training set, got also n04, n05"):
        imagenet(net)
