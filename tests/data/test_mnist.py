import gzip
import os
import random
import struct
import sys
import tracemalloc

import numpy as np
import pytest

from tinynet.data import DataError, mnist

SIZES = {"train": 5, "t10k": 3}


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.delenv("TINYNET_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))


def pixels(n):
    return np.arange(n * 784).astype(np.uint8).tobytes()


def images(n, magic=0x803, rows=28, body=None):
    return struct.pack(">IIII", magic, n, rows, 28) + (pixels(n) if body is None else body)


def labels(n, magic=0x801, body=None):
    return struct.pack(">II", magic, n) + (bytes(range(n)) if body is None else body)


def write(folder, mark="-", suffix=".gz"):
    folder.mkdir(parents=True)
    pack = gzip.compress if suffix else bytes
    for half, n in SIZES.items():
        (folder / f"{half}-images{mark}idx3-ubyte{suffix}").write_bytes(pack(images(n)))
        (folder / f"{half}-labels{mark}idx1-ubyte{suffix}").write_bytes(pack(labels(n)))
    return folder


@pytest.mark.parametrize("below", ["", "mnist", "MNIST/raw"])
@pytest.mark.parametrize("mark, suffix", [("-", ".gz"), ("-", ""), (".", ""), (".", ".gz")])
def test_every_place_and_spelling(tmp_path, below, mark, suffix):
    folder = write(tmp_path / "root" / below, mark, suffix)
    data = mnist(tmp_path / "root", download=False)
    for split, n in zip(data, SIZES.values(), strict=True):
        assert split.images.shape == (n, 28, 28, 1) and split.images.dtype == np.uint8
        assert split.images.tobytes() == pixels(n) and split.images.flags.writeable
        assert split.labels.tolist() == list(range(n)) and split.labels.dtype == np.int64
    assert data.classes == tuple("0123456789")
    assert data.source == f"MNIST, 5 training and 3 test images, read from {folder}"


def test_a_file_that_was_unzipped_but_not_renamed(tmp_path):
    write(tmp_path / "root")
    (tmp_path / "root" / "train-images-idx3-ubyte.gz").write_bytes(images(5))
    assert len(mnist(tmp_path / "root").train.images) == 5


@pytest.mark.parametrize("mark", "-.")
def test_each_file_in_a_folder_of_its_own_name(tmp_path, mark):
    """As 7-Zip unpacks them, and as they come from Kaggle."""
    write(tmp_path / "flat", ".", "")
    for path in (tmp_path / "flat").iterdir():
        folder = tmp_path / "root" / path.name.replace(".idx", f"{mark}idx")
        folder.mkdir(parents=True)
        path.rename(folder / path.name)
    data = mnist(tmp_path / "root", download=False)
    assert data.source == f"MNIST, 5 training and 3 test images, read from {tmp_path / 'root'}"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_named_pipe(tmp_path):
    path = write(tmp_path / "root") / "t10k-labels-idx1-ubyte.gz"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte.gz: expected a file, got a named pipe"):
        mnist(tmp_path / "root")


def test_order_of_search(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYNET_DATA", str(tmp_path / "variable"))
    for place in "cache/tinynet", "variable", "argument":
        write(tmp_path / place / "mnist")
        assert str(tmp_path / place) in mnist(tmp_path / "argument", download=False).source


def test_nothing_found(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        mnist(tmp_path, download=False)
    for part in f"{tmp_path} (the argument root)", "(the cache)", "download=True", "mnist_sample()":
        assert part in str(error.value)


def test_a_file_is_missing(tmp_path):
    (write(tmp_path / "root") / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="four files of MNIST, got none of t10k-labels-idx1-ubyte.gz"):
        mnist(tmp_path / "root")


def test_a_file_alone_does_not_hide_all_four(tmp_path):
    folder = write(tmp_path / "root" / "mnist")
    (tmp_path / "root" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"cut")
    assert mnist(tmp_path / "root").source.endswith(f"read from {folder}")


@pytest.mark.parametrize("name, content, message", [
    ("train-images-idx3", b"", "magic number 00 00 08 03, got an empty file"),
    ("train-images-idx3", labels(5), "magic number 00 00 08 03, got 00 00 08 01"),
    ("train-images-idx3", images(5)[:9], "header of 16 bytes, got 9"),
    ("train-images-idx3", images(5, rows=27), "N x 28 x 28, N > 0, got 5 x 27 x 28"),
    ("train-images-idx3", images(0), "N > 0, got 0 x 28 x 28"),
    ("train-images-idx3", images(5)[:-1], "3,920 bytes after.*promises 5 items, got (at most )?3,919"),
    ("train-images-idx3", images(5) + b"x", "3,920 bytes after the header.*got more"),
    ("train-images-idx3", images(2**32 - 1, body=b""), "promises 4,294,967,295 items, got at most"),
    ("train-labels-idx1", labels(4), "5 labels, one per image of train-images-idx3-ubyte.*got 4"),
    ("train-labels-idx1", labels(5, body=b"\1\2\3\4\x0a"), "labels from 0 to 9, got 10 for image 4"),
    ("train-labels-idx1", labels(5, body=b"\1"), "5 bytes after the header.*got (at most )?1"),
])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_wrong_content(tmp_path, name, content, message, suffix):
    path = write(tmp_path / "root", suffix=suffix) / f"{name}-ubyte{suffix}"
    path.write_bytes(gzip.compress(content) if suffix else content)
    with pytest.raises(DataError, match=message) as error:
        mnist(tmp_path / "root")
    assert str(path) in str(error.value)


def test_a_gzip_file_that_is_cut_or_spoilt(tmp_path):
    path = write(tmp_path / "root") / "t10k-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    for content in whole[:-6], whole[:-8] + b"checksum", whole[:20] + bytes(20) + whole[40:]:
        path.write_bytes(content)
        with pytest.raises(DataError, match="a whole gzip file|magic number|bytes after the header"):
            mnist(tmp_path / "root")


def test_a_gzip_bomb_is_not_unpacked(tmp_path):
    path = write(tmp_path / "root") / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(images(5) + bytes(50_000_000), 1))
    tracemalloc.start()
    with pytest.raises(DataError, match="got more"):
        mnist(tmp_path / "root")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_an_honest_gzip_file_takes_its_array_and_no_more(tmp_path):
    """190 KB for 200 MB, which the header promises."""
    path, count = write(tmp_path / "root") / "train-images-idx3-ubyte.gz", 250_000
    with gzip.open(path, "wb", 6) as file:
        file.write(images(count, body=b""))
        for _ in range(0, count, 1000):
            file.write(bytes(784_000))
    assert path.stat().st_size < 250_000
    tracemalloc.start()
    with pytest.raises(DataError, match="250,000 labels, one per image"):
        mnist(tmp_path / "root")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < count * 784 + 5_000_000


def test_the_most_items(tmp_path, monkeypatch):
    path = write(tmp_path / "root") / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(images(1_000_001, body=bytes(1000))) + bytes(800_000))
    with pytest.raises(DataError, match="at most 1,000,000 items, got 1,000,001.* set .*sets.mnist.MOST_ITEMS"):
        mnist(tmp_path / "root")
    write(tmp_path / "other")
    monkeypatch.setattr(sys.modules["tinynet.data.sets.mnist"], "MOST_ITEMS", 5)
    assert len(mnist(tmp_path / "other").train.labels) == 5


def test_mutants_are_read_or_refused(tmp_path):
    """One to four bytes changed, of a plain and of a gzipped file."""
    rng, read = random.Random(0), 0
    path = write(tmp_path / "root") / "train-images-idx3-ubyte.gz"
    for number in range(600):
        content = bytearray(gzip.compress(images(5), 1) if number % 2 else images(5))
        for _ in range(rng.randint(1, 4)):
            content[rng.randrange(rng.choice([20, len(content)]))] = rng.randrange(256)
        path.write_bytes(content)
        try:
            assert mnist(tmp_path / "root").train.images.shape == (5, 28, 28, 1)
            read += 1
        except DataError as error:
            assert str(path) in str(error)
    assert 50 < read < 550
