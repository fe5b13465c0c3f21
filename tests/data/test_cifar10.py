import io
import os
import pickle
import re
import struct
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tinynet.data import DataError, cifar10

STEMS = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.delenv("TINYNET_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))


def fake_batches(n=3):
    rng = np.random.default_rng(0)
    return {stem: (rng.integers(0, 256, (n, 3072), np.uint8), rng.integers(0, 10, n)) for stem in STEMS}


def write_binary(folder, n=3):
    folder.mkdir(parents=True)
    for stem, (rows, labels) in fake_batches(n).items():
        np.column_stack([labels.astype(np.uint8), rows]).tofile(folder / f"{stem}.bin")
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    return folder


class Python2Pickler(pickle._Pickler):
    """Writes str and bytes as Python 2 wrote its strings, and finds NumPy's function where NumPy 1 had it."""
    dispatch = dict(pickle._Pickler.dispatch)

    def save_string(self, value):
        value = value.encode() if isinstance(value, str) else value
        self.write(b"T" + struct.pack("<i", len(value)) + value)  # BINSTRING

    dispatch[str] = dispatch[bytes] = save_string


def python2(value):
    buffer = io.BytesIO()
    Python2Pickler(buffer, 2).dump(value)
    return buffer.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def python3(value):
    return pickle.dumps(value, 2)  # bytes as calls of _codecs.encode


def write_pickles(folder, dumps=python2, **changes):
    folder.mkdir(parents=True)
    for stem, (rows, labels) in fake_batches().items():
        batch = {"batch_label": stem, "labels": labels.tolist(), "data": rows, "filenames": ["x.png"] * 3}
        (folder / stem).write_bytes(dumps({**batch, **changes}))
    (folder / "batches.meta").write_bytes(dumps({"label_names": NAMES, "num_vis": 3072}))
    return folder


CALLED = {write_binary: "cifar-10-batches-bin", write_pickles: "cifar-10-batches-py"}


def test_a_record_is_a_label_and_three_planes(tmp_path):
    folder = write_binary(tmp_path / "cifar-10-batches-bin", n=1)
    planes = np.zeros((3, 32, 32), np.uint8)
    planes[0, 0, 1], planes[1, 2, 0], planes[2, 31, 31] = 10, 20, 30
    (folder / "test_batch.bin").write_bytes(b"\x07" + planes.tobytes())
    image, label = (part[0] for part in cifar10(folder).test)
    assert label == 7 and image[0, 1].tolist() == [10, 0, 0]
    assert image[2, 0].tolist() == [0, 20, 0] and image[31, 31].tolist() == [0, 0, 30] and image.sum() == 60


def test_the_splits_and_the_source(tmp_path):
    write_binary(tmp_path / "cifar-10-batches-bin")
    data = cifar10(tmp_path)
    for split, n in (data.train, 15), (data.test, 3):
        assert split.images.shape == (n, 32, 32, 3) and split.images.dtype == np.uint8
        assert split.labels.shape == (n,) and split.labels.dtype == np.int64
        assert split.images.flags.c_contiguous
    assert data.classes == tuple(NAMES)
    assert data.source == ("CIFAR-10, 15 training and 3 test images, read from cifar-10-batches-bin in "
                           f"{tmp_path}")


@pytest.mark.parametrize("dumps", [python2, python3])
def test_both_layouts_give_the_same(tmp_path, dumps):
    binary = cifar10(write_binary(tmp_path / "b"))
    python = cifar10(write_pickles(tmp_path / "p", dumps))
    for a, b in zip(binary, python, strict=True):
        assert np.array_equal(a.images, b.images) and np.array_equal(a.labels, b.labels)
        assert b.images.dtype == np.uint8 and b.labels.dtype == np.int64
    assert binary.classes == python.classes


def test_order_of_search_argument_then_variable_then_cache(tmp_path, monkeypatch):
    argument, variable, cache = (tmp_path / name for name in ("argument", "variable", "cache/tinynet"))
    monkeypatch.setenv("TINYNET_DATA", str(variable))
    for n, place in (1, cache), (2, variable), (3, argument):
        write_binary(place / "cifar-10-batches-bin", n)
        assert len(cifar10(argument, download=False).test.labels) == n
    assert len(cifar10(download=False).test.labels) == 2


def test_the_binary_layout_is_preferred(tmp_path):
    write_pickles(tmp_path / "cifar-10-batches-py")
    assert "batches-py" in cifar10(tmp_path).source
    write_binary(tmp_path / "cifar-10-batches-bin")
    assert "batches-bin" in cifar10(tmp_path).source


def test_nothing_found_names_every_place_and_the_ways_out(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYNET_DATA", str(tmp_path / "variable"))
    (tmp_path / "cifar-10-batches-bin").mkdir()  # an empty folder holds no data
    with pytest.raises(FileNotFoundError) as error:
        cifar10(tmp_path, download=False)
    for part in (f"{tmp_path} (the argument root)", "variable (the variable TINYNET_DATA)",
                 f"{tmp_path / 'cache' / 'tinynet'} (the cache)", "download=True", "cifar10_sample()"):
        assert part in str(error.value)


def test_root_must_not_be_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="expected a folder, got a file"):
        cifar10(tmp_path / "file")


def test_the_variable_may_be_wrong(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TINYNET_DATA", str(tmp_path / "file"))
    with pytest.raises(NotADirectoryError, match=r"file \(the variable TINYNET_DATA\): expected a folder, got a file"):
        cifar10(download=False)
    monkeypatch.setenv("TINYNET_DATA", "")
    with pytest.raises(FileNotFoundError, match="found none:\n  .*tinynet .the cache.\n"):
        cifar10(download=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYNET_DATA", "relative")
    write_binary(tmp_path / "relative" / "cifar-10-batches-bin")
    assert cifar10(download=False).source.endswith("in relative")


@pytest.mark.skipif(os.name == "nt", reason="other homes there")
def test_no_such_home(tmp_path, monkeypatch):
    """No folder called ~nosuchuser is made, and where there is no home, the cache is not looked for."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"~nosuchuser/x \(the argument root\): no home folder of such a user"):
        cifar10("~nosuchuser/x")
    monkeypatch.setattr(os.path, "expanduser", str)  # as where neither HOME nor the list of users has one
    monkeypatch.delenv("XDG_CACHE_HOME")
    with pytest.raises(FileNotFoundError, match=r"no home folder for a cache here; name one with root="):
        cifar10()
    with pytest.raises(FileNotFoundError, match="found none:\n  here .the argument root.\nPut"):
        cifar10("here", download=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content, message", [
    (b"", "got 0 bytes"),
    (bytes(3000), "got 3,000 bytes: 0 records and 3,000 bytes more"),
    (bytes(3073 + 5), "got 3,078 bytes: 1 records and 5 bytes more"),
    (bytes(3073) + b"\x0a" + bytes(3072), r"labels from 0 to 9, got 10 for image 1"),
])
def test_wrong_binary_files(tmp_path, content, message):
    folder = write_binary(tmp_path / "cifar-10-batches-bin")
    (folder / "data_batch_3.bin").write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        cifar10(tmp_path)
    assert str(folder / "data_batch_3.bin") in str(error.value) and "delete it" in str(error.value)


@pytest.mark.parametrize("write, name", [(write_binary, "data_batch_3.bin"), (write_binary, "batches.meta.txt"),
                                         (write_pickles, "data_batch_3"), (write_pickles, "batches.meta")])
@pytest.mark.parametrize("make, kind", [(getattr(os, "mkfifo", None), "a named pipe"), (Path.mkdir, "a folder"),
                                        (lambda path: path.symlink_to("/dev/zero"), "a device")])
def test_what_is_no_file(tmp_path, write, name, make, kind):
    """A named pipe would wait for ever, a device has no end."""
    if make is None or kind == "a device" and not os.path.exists("/dev/zero"):
        pytest.skip("not on this system")
    folder = write(tmp_path / CALLED[write])
    (folder / name).unlink()
    make(folder / name)
    with pytest.raises(DataError, match=f"{name}: expected a file, got {kind}"):
        cifar10(folder)


@pytest.mark.parametrize("write, name, limit", [(write_binary, "data_batch_3.bin", "cifar10.MOST_RECORDS"),
                                                (write_pickles, "data_batch_3", "pickled.MOST_BYTES")])
def test_a_file_of_holes(tmp_path, write, name, limit):
    """1.2 GB that take no room on the disk."""
    folder = write(tmp_path / "data")
    os.truncate(folder / name, 400_000 * 3073)
    tracemalloc.start()
    with pytest.raises(DataError, match=f"{name}: expected .*at most .* set tinynet.data.sets.{limit} higher"):
        cifar10(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_the_limit_can_be_raised(tmp_path, monkeypatch):
    folder = write_binary(tmp_path / "data", n=3)
    module = sys.modules["tinynet.data.sets.cifar10"]
    monkeypatch.setattr(module, "MOST_RECORDS", 2)
    with pytest.raises(DataError, match="at most 2 records of 3073 bytes, got 3"):
        cifar10(folder)
    monkeypatch.setattr(module, "MOST_RECORDS", 3)
    assert len(cifar10(folder).test.labels) == 3


@pytest.mark.parametrize("place", [
    "cifar-10-batches-bin", "", "cifar-10-binary/cifar-10-batches-bin", "cifar-10-batches-bin/cifar-10-batches-bin",
    "cifar-10-batches-py", "cifar-10-python/cifar-10-batches-py", "cifar-10-batches-py/cifar-10-batches-py",
    "cifar-10-batches-py-target/cifar-10-batches-py"])
def test_every_place(tmp_path, place):
    """As the archives hold it, and one folder deeper, as unpacking programs and Keras 3 leave it."""
    folder = (write_pickles if "py" in place else write_binary)(tmp_path / "root" / place)
    assert cifar10(tmp_path / "root", download=False).source.endswith(f"read from {folder.name} in {folder.parent}")


@pytest.mark.parametrize("write, suffix", [(write_binary, ".bin"), (write_pickles, "")])
def test_a_batch_under_two_names_is_said(tmp_path, write, suffix):
    folder = write(tmp_path / "data")
    (folder / f"data_batch_4{suffix}").write_bytes((folder / f"data_batch_2{suffix}").read_bytes())
    said = "15 training and 3 test images (data_batch_2 and data_batch_4 hold the same images), read from"
    assert said in cifar10(folder).source


@pytest.mark.parametrize("place", [0, -1])                              # the first label, the last pixel
def test_batches_that_differ_in_anything_are_not_the_same(tmp_path, place):
    folder = write_binary(tmp_path / "data")
    content = bytearray((folder / "data_batch_2.bin").read_bytes())
    content[place] ^= 1
    (folder / "data_batch_4.bin").write_bytes(content)
    assert "15 training and 3 test images, read from" in cifar10(folder).source


@pytest.mark.parametrize("write, suffix", [(write_binary, ".bin"), (write_pickles, "")])
def test_wrong_number_of_files(tmp_path, write, suffix):
    folder = write(tmp_path / CALLED[write])
    os.rename(folder / f"data_batch_2{suffix}", folder / f"data_batch_7{suffix}")
    for root in folder, tmp_path:
        with pytest.raises(DataError, match=f"none of data_batch_2{suffix} and also data_batch_7{suffix}.*delete "
                           f"{re.escape(str(folder))}, and they are downloaded again"):
            cifar10(root)


@pytest.mark.parametrize("write, suffix", [(write_binary, ".bin"), (write_pickles, "")])
def test_nobody_is_told_to_delete_a_folder_of_their_own(tmp_path, write, suffix):
    folder = write(tmp_path / "my_data")
    (folder / f"data_batch_7{suffix}").touch()
    with pytest.raises(DataError, match=f"got also data_batch_7{suffix}. Move the files away that are too many"):
        cifar10(folder)
    (folder / f"data_batch_2{suffix}").unlink()                      # some files alone are no data of ours
    with pytest.raises(FileNotFoundError, match="CIFAR-10: expected cifar-10-batches-bin or"):
        cifar10(folder, download=False)
    write_pickles(folder / "cifar-10-batches-py")                    # and hide nothing
    assert "read from cifar-10-batches-py in" in cifar10(folder).source


def test_wrong_number_of_names(tmp_path):
    folder = write_binary(tmp_path / "data")
    (folder / "batches.meta.txt").write_text("cat\ndog\n")
    with pytest.raises(DataError, match="names of 10 classes, got 2"):
        cifar10(folder)
    (folder / "batches.meta.txt").write_text("a " * 1_000_000)
    with pytest.raises(DataError, match="names of 10 classes, got 11 or more"):
        cifar10(folder)
    (folder / "batches.meta.txt").write_bytes(b"L\xf6we\n" * 10)
    with pytest.raises(DataError, match="batches.meta.txt: expected a text in UTF-8"):
        cifar10(folder)
    (folder / "batches.meta.txt").unlink()
    assert cifar10(folder).classes == tuple(NAMES)


ROWS = fake_batches()["test_batch"][0]


@pytest.mark.parametrize("changes, message", [
    ({"data": None}, "'data', a uint8 array.*got none"),
    ({"data": [1, 2]}, "got a list"),
    ({"data": ROWS.astype(np.int16)}, "got a int16 array"),
    ({"data": ROWS[:, :-1]}, r"got a uint8 array of shape \(3, 3071\)"),
    ({"data": ROWS[:0], "labels": []}, "at least one, got 0 images"),
    ({"labels": [1, 2]}, "got 3 images and 2 labels"),
    ({"labels": [1, 2, "3"]}, "'labels', a list of ints"),
    ({"labels": [1, 2, 2**70]}, "'labels', a list of ints"),
    ({"labels": [1, 2, 10]}, "labels from 0 to 9, got 10"),
    ({"labels": [1, 2, -1]}, "labels from 0 to 9, got -1"),
])
def test_wrong_fields_of_pickles(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        cifar10(write_pickles(tmp_path / "data", **changes))


class Call:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


HERE = Path("hostile-pickle-was-here")
HOSTILE = {
    "os.system": python3(Call(os.system, f"touch {HERE}")),
    "eval": python3(Call(eval, f"open({str(HERE)!r}, 'w')")),
    "another function of numpy": python3(Call(np.save, str(HERE), 1)),
    "an attribute of an allowed class": b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93.",
    "another encoding": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00xX\x03\x00\x00\x00bz2\x86R.",
    "an array too large": b"\x80\x02cnumpy\nndarray\n\x8a\x07" + bytes(6) + b"\x40\x85\x85R.",  # 2**54
    "cut short": python2({"data": ROWS})[:-100],
    "trailing bytes": python2({"data": ROWS}) + b"more",
    "no dict": python2([1, 2]),
    "other keys": python2({1: 2}),
    "not a pickle": b"hello, world",
    "empty": b"",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_and_damaged_pickles(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    folder = write_pickles(tmp_path / "data")
    (folder / "data_batch_4").write_bytes(HOSTILE[kind])
    with pytest.raises(DataError, match="expected .*, got ") as error:
        cifar10(folder)
    assert str(folder / "data_batch_4") in str(error.value)
    assert not list(tmp_path.glob(f"{HERE}*"))


def test_the_hostile_pickles_would_work_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(HOSTILE["os.system"])
    assert HERE.exists()
