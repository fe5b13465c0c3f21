import io
import re
import sys
from pathlib import Path

import make_samples
import numpy as np
import pytest

from tinynet.data import DataError, Dataset, Split, cifar10_sample, mnist_sample
from tinynet.data.sets import samples


@pytest.mark.parametrize("load, shape, train, test, most, kept", [
    (cifar10_sample, (32, 32, 3), 500, 100, 6_000_000, "JPEG copies.*differ a little from the official"),
    (mnist_sample, (28, 28, 1), 200, 50, 500_000, "stored exactly")])
def test_the_bundled_samples(load, shape, train, test, most, kept):
    if load is cifar10_sample:
        pytest.importorskip("PIL")
    data = load()
    for split, per_class in (data.train, train), (data.test, test):
        assert split.images.shape == (10 * per_class, *shape) and split.images.dtype == np.uint8
        assert split.labels.dtype == np.int64 and np.bincount(split.labels).tolist() == [per_class] * 10
        assert len(np.unique(split.images.reshape(len(split.images), -1), axis=0)) > 0.99 * len(split.images)
        assert split.images.flags.writeable
    assert len(data.classes) == 10 and re.match(f"a bundled sample of .*{kept}", data.source)
    name = "cifar10.npz" if load is cifar10_sample else "mnist.npz"
    assert (Path(samples.__file__).parents[1] / "samples" / name).stat().st_size < most


def test_without_pillow(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match="pip install pillow"):
        cifar10_sample()
    mnist_sample()


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """The folder where the samples are looked for, empty."""
    monkeypatch.setattr(samples.importlib.resources, "files", lambda package: tmp_path)
    (tmp_path / "samples").mkdir()
    return tmp_path / "samples"


def test_a_sample_that_is_not_installed(installed):
    with pytest.raises(FileNotFoundError, match="mnist.npz: expected a sample that .* Install tinynet again"):
        mnist_sample()


DIGITS = {"description": np.array("x"), **{f"{half}_{kind}": array for half in ("train", "test") for kind, array in (
    ("image", np.zeros((2, 28, 28), np.uint8)), ("label", np.array([3, 4], np.uint8)))}}


@pytest.mark.parametrize("changes, message", [
    ({"test_label": None}, "an array 'test_label' of uint8, at most 16,777,216 bytes, got none"),
    ({"test_label": np.array([1.0, 2.0])}, "got one of float64 of shape"),
    ({"test_label": np.zeros(2**24 + 1, np.uint8)}, "at most 16,777,216 bytes, got one of uint8 of shape"),
    ({"description": np.array(1)}, "'description' of str_"),
    ({"test_label": np.zeros((2, 2), np.uint8)}, r"images for its labels, got arrays of shape \(2, 28, 28\)"),
    ({"test_label": np.zeros(3, np.uint8)}, "3 images for its labels"),
    ({"train_image": np.zeros((2, 28, 27), np.uint8)}, r"got arrays of shape \(2, 28, 27\)"),
    ({"test_label": np.array([3, 10], np.uint8)}, "labels from 0 to 9, got 10"),
])
def test_a_sample_that_is_damaged(installed, changes, message):
    arrays = {name: array for name, array in {**DIGITS, **changes}.items() if array is not None}
    np.savez_compressed(installed / "mnist.npz", **arrays)
    with pytest.raises(DataError, match=f"mnist.npz: expected .*{message}"):
        mnist_sample()


@pytest.mark.parametrize("jpegs, offset, message", [
    (b"no JPEG", [0, 3, 7], "JPEG files of 32 x 32 pixels, got the error cannot identify"),
    (b"", [0, 2**62, -5], "JPEG files of 32 x 32 pixels"),
    (b"x", [0, 1], r"2 images for its labels, got arrays of shape \(1,\), \(2,\)"),
])
def test_a_sample_whose_jpegs_are_damaged(installed, jpegs, offset, message):
    pytest.importorskip("PIL")
    arrays = {f"{half}_{kind}": array for half in ("train", "test") for kind, array in (
        ("jpeg", np.frombuffer(jpegs, np.uint8)), ("offset", np.array(offset)), ("label", np.array([3, 4], np.uint8)))}
    np.savez(installed / "cifar10.npz", description=np.array("x"), **arrays)
    with pytest.raises(DataError, match=f"cifar10.npz: expected {message}.*Install tinynet again"):
        cifar10_sample()


def test_a_sample_of_which_bytes_have_changed(installed):
    np.savez_compressed(installed / "mnist.npz", **DIGITS)
    content = (installed / "mnist.npz").read_bytes()
    for at in range(0, len(content), 7):
        (installed / "mnist.npz").write_bytes(content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1:])
        try:
            assert np.array_equal(mnist_sample().train.labels, [3, 4])
        except DataError:
            continue


def whole(channels=3, n=60, size=32):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, n, size, size, channels), np.uint8)
    splits = [Split(half, np.arange(n) % 10) for half in images]
    return Dataset(*splits, tuple("0123456789"), "made up")


def test_choosing_is_balanced_and_keeps_the_order():
    split = Split(np.arange(60).reshape(60, 1, 1, 1).astype(np.uint8), np.arange(60) % 10)
    chosen = make_samples.choose(split, 3)
    assert np.bincount(chosen.labels).tolist() == [3] * 10
    assert np.array_equal(chosen.images[:, 0, 0, 0] % 10, chosen.labels)
    assert (np.diff(chosen.images[:, 0, 0, 0].astype(int)) > 0).all()
    with pytest.raises(ValueError, match="7 images of class 0, got 6"):
        make_samples.choose(split, 7)


def test_making_a_sample_of_mnist_is_exact_and_repeatable():
    data = whole(1, size=28)
    packed = make_samples.mnist_file(data, 3, 2)
    assert packed == make_samples.mnist_file(data, 3, 2)
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        assert np.array_equal(arrays["train_image"], make_samples.choose(data.train, 3).images[..., 0])
        assert arrays["test_label"].dtype == np.uint8 and len(arrays["test_label"]) == 20
        assert "30 + 20 images" in str(arrays["description"])


def test_making_a_sample_of_cifar10_takes_the_best_quality_that_fits():
    pytest.importorskip("PIL")
    data, errors = whole(), []
    for limit in 10**6, 100_000, 50_000:
        packed = make_samples.cifar10_file(data, 3, 2, limit)
        assert len(packed) <= limit and packed == make_samples.cifar10_file(data, 3, 2, limit)
        with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
            images = samples.decode_jpegs(arrays["train_jpeg"], arrays["train_offset"])
        errors.append(np.abs(images.astype(int) - make_samples.choose(data.train, 3).images).mean())
    assert errors[0] < 1 and errors == sorted(errors)
    with pytest.raises(ValueError, match="at the lowest quality"):
        make_samples.cifar10_file(data, 3, 2, 100)


def test_the_tool_writes_both(tmp_path, monkeypatch, capsys):
    """Whole files, in a folder that it makes."""
    pytest.importorskip("PIL")
    for name in "cifar10", "mnist":
        monkeypatch.setattr(make_samples, name, lambda root, download: whole(1, n=2000, size=4))
    monkeypatch.setattr(make_samples, "cifar10_file", lambda whole: b"colours")
    make_samples.main(["somewhere", "--out", str(tmp_path / "new")])
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["cifar10.npz", "mnist.npz"]
    assert (tmp_path / "new" / "cifar10.npz").read_bytes() == b"colours"
    assert "mnist.npz: " in capsys.readouterr().out
