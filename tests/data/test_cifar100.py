"""CIFAR-100 in both layouts; what it shares with CIFAR-10 is tested there."""
import os
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from test_cifar10 import HOSTILE, python2, python3

from tinynet.data import DataError, cifar100

FINE = [f"fine{i}" for i in range(100)]
COARSE = [f"coarse{i}" for i in range(20)]


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.delenv("TINYNET_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))


def parts(counts=(5, 3)):
    rng = np.random.default_rng(0)
    return {name: (rng.integers(0, 256, (n, 3072), np.uint8), rng.integers(0, 100, n), rng.integers(0, 20, n))
            for name, n in zip(("train", "test"), counts, strict=True)}


def write_binary(folder, counts=(5, 3)):
    folder.mkdir(parents=True)
    for name, (rows, fine, coarse) in parts(counts).items():
        np.column_stack([coarse.astype(np.uint8), fine.astype(np.uint8), rows]).tofile(folder / f"{name}.bin")
    (folder / "fine_label_names.txt").write_text("\n".join(FINE) + "\n")
    (folder / "coarse_label_names.txt").write_text("\n".join(COARSE) + "\n\n")
    return folder


def write_pickles(folder, dumps=python2, **changes):
    folder.mkdir(parents=True)
    for name, (rows, fine, coarse) in parts().items():
        part = {"filenames": ["x.png"] * len(rows), "batch_label": f"{name}ing batch", "fine_labels": fine.tolist(),
                "coarse_labels": coarse.tolist(), "data": rows}
        (folder / name).write_bytes(dumps({**part, **changes}))
    (folder / "meta").write_bytes(dumps({"fine_label_names": FINE, "coarse_label_names": COARSE}))
    return folder


def test_a_record_is_two_labels_and_three_planes(tmp_path):
    folder = write_binary(tmp_path / "cifar-100-binary")
    planes = np.zeros((3, 32, 32), np.uint8)
    planes[0, 0, 1], planes[1, 2, 0], planes[2, 31, 31] = 10, 20, 30
    (folder / "test.bin").write_bytes(b"\x07\x5b" + planes.tobytes())
    image, label = (part[0] for part in cifar100(tmp_path).test)
    assert label == 91 and image[0, 1].tolist() == [10, 0, 0]
    assert image[2, 0].tolist() == [0, 20, 0] and image[31, 31].tolist() == [0, 0, 30] and image.sum() == 60
    assert cifar100(tmp_path, labels="coarse").test.labels.tolist() == [7]


@pytest.mark.parametrize("labels, names", [("fine", FINE), ("coarse", COARSE)])
def test_the_splits_and_the_source(tmp_path, labels, names):
    write_binary(tmp_path / "cifar-100-binary")
    data = cifar100(tmp_path, labels=labels)
    for split, n in (data.train, 5), (data.test, 3):
        assert split.images.shape == (n, 32, 32, 3) and split.images.dtype == np.uint8
        assert split.labels.shape == (n,) and split.labels.dtype == np.int64 and split.images.flags.c_contiguous
    assert data.classes == tuple(names)
    assert data.source == (f"CIFAR-100 ({labels} labels), 5 training and 3 test images, read from cifar-100-binary in "
                           f"{tmp_path}")


@pytest.mark.parametrize("labels", ["fine", "coarse"])
@pytest.mark.parametrize("dumps", [python2, python3])
def test_both_layouts_give_the_same(tmp_path, dumps, labels):
    binary = cifar100(write_binary(tmp_path / "b"), labels=labels)
    python = cifar100(write_pickles(tmp_path / "p", dumps), labels=labels)
    for a, b in zip(binary, python, strict=True):
        assert np.array_equal(a.images, b.images) and np.array_equal(a.labels, b.labels)
        assert b.images.dtype == np.uint8 and b.labels.dtype == np.int64
    assert binary.classes == python.classes


@pytest.mark.parametrize("place", [
    "cifar-100-binary", "", "cifar-100-binary/cifar-100-binary", "cifar-100-python",
    "cifar-100-python/cifar-100-python", "cifar-100-python-target/cifar-100-python"])
def test_every_place(tmp_path, place):
    folder = (write_pickles if "python" in place else write_binary)(tmp_path / "root" / place)
    assert cifar100(tmp_path / "root", download=False).source.endswith(f"read from {folder.name} in {folder.parent}")


def test_photographs_in_folders_called_train_and_test_are_none(tmp_path):
    for name in "train", "test", "meta":
        (tmp_path / name).mkdir()
    with pytest.raises(FileNotFoundError, match="CIFAR-100: expected cifar-100-binary or cifar-100-python in one of"):
        cifar100(tmp_path, download=False)


def test_other_labels_are_refused_before_anything_is_looked_for(tmp_path):
    with pytest.raises(ValueError, match="cifar100 labels: expected one of fine, coarse, got 'both'"):
        cifar100(tmp_path / "nowhere", labels="both")


@pytest.mark.parametrize("name, content, message", [
    ("train.bin", b"", r"records of 3074 bytes \(two labels and 3 x 32 x 32 values\), at least one, got 0 bytes"),
    ("test.bin", bytes(3074 + 5), "got 3,079 bytes: 1 records and 5 bytes more"),
    ("test.bin", bytes(3074) + b"\0\x64" + bytes(3072), "labels from 0 to 99, got 100 for image 1"),
    ("fine_label_names.txt", b"cat\n", "expected the names of 100 fine classes, got 1"),
    ("fine_label_names.txt", b"a " * 200, "expected the names of 100 fine classes, got 101 or more"),
    ("fine_label_names.txt", b"\xff", "expected a text in UTF-8"),
])
def test_wrong_binary_files(tmp_path, name, content, message):
    folder = write_binary(tmp_path / "cifar-100-binary")
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        cifar100(tmp_path)
    assert str(folder / name) in str(error.value)


def test_coarse_labels_have_a_range_of_their_own(tmp_path):
    folder = write_binary(tmp_path / "data")
    (folder / "test.bin").write_bytes(b"\x14\0" + bytes(3072))
    assert cifar100(folder).test.labels.tolist() == [0]
    with pytest.raises(DataError, match="labels from 0 to 19, got 20 for image 0"):
        cifar100(folder, labels="coarse")


@pytest.mark.parametrize("kind", [Path.mkdir, Path.touch], ids=["folders", "files"])
@pytest.mark.parametrize("strangers", [["meta"], ["train.bin"], ["train.bin", "test.bin"], ["train", "test"]])
def test_files_of_the_same_names_are_none(tmp_path, strangers, kind):
    """Some of the names in a folder of another name: it may hold anything, is not CIFAR-100, and hides none."""
    for name in strangers:
        kind(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="CIFAR-100: expected cifar-100-binary or cifar-100-python in one of"):
        cifar100(tmp_path, download=False)
    write_pickles(tmp_path / "cifar-100-python")
    assert "read from cifar-100-python in" in cifar100(tmp_path).source


@pytest.mark.parametrize("write, name", [(write_binary, "test.bin"), (write_binary, "coarse_label_names.txt"),
                                         (write_pickles, "train")])
def test_a_missing_file_is_named(tmp_path, write, name):
    folder = write(tmp_path / {write_binary: "cifar-100-binary", write_pickles: "cifar-100-python"}[write])
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{folder.name}: expected the files .*, got no {name}.*delete "
                       f"{re.escape(str(folder))}, and they are downloaded again"):
        cifar100(tmp_path)


def test_a_copy_under_the_other_name_is_said(tmp_path):
    folder = write_binary(tmp_path / "data")
    (folder / "test.bin").write_bytes((folder / "train.bin").read_bytes())
    assert "5 test images (train and test hold the same images), read from" in cifar100(folder).source


@pytest.mark.parametrize("changes, message", [
    ({"data": None}, "'data', a uint8 array.*got none"),
    ({"fine_labels": [1] * 4}, "got 5 images and 4 labels"),
    ({"fine_labels": ["1"] * 5}, "'fine_labels', a list of ints, got a list"),
    ({"fine_labels": [100] * 5}, "labels from 0 to 99, got 100"),
])
def test_wrong_fields_of_pickles(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        cifar100(write_pickles(tmp_path / "data", **changes))


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_and_damaged_pickles(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    folder = write_pickles(tmp_path / "data")
    (folder / "train").write_bytes(HOSTILE[kind])
    with pytest.raises(DataError, match="expected .*, got ") as error:
        cifar100(folder)
    assert str(folder / "train") in str(error.value) and not list(tmp_path.glob("hostile*"))


@pytest.mark.parametrize("write, name, limit", [(write_binary, "train.bin", "cifar10.MOST_RECORDS"),
                                                (write_pickles, "train", "pickled.MOST_BYTES")])
def test_a_file_of_holes(tmp_path, write, name, limit):
    folder = write(tmp_path / "data")
    os.truncate(folder / name, 400_000 * 3074)
    tracemalloc.start()
    with pytest.raises(DataError, match=f"{name}: expected .*at most .* set tinynet.data.sets.{limit} higher"):
        cifar100(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
