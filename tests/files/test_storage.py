"""Nets in files: round trips, partial loads, every mismatch named, no damaged file accepted, no half file written."""
from __future__ import annotations

import os
import re
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tinynet import BatchNorm2d, Branches, Conv2d, Dropout, Layer, Linear, ReLU, Sequential, gaussian
from tinynet.devices.device import simulated
from tinynet.devices.simulated import must_be_current
from tinynet.files.reading import DataError


class RunningMean(Layer):
    """A layer with a state that is no parameter."""

    def __init__(self, size):
        self.mean = np.zeros(size, np.float32)

    def state(self):
        return [("mean", self.mean)]


def small_net(seed=0, classes=3):
    rng = np.random.default_rng(seed)
    return Sequential(conv1=Conv2d(2, 3, 3, rng=rng, bias_init=gaussian(1)),
                      mix=Branches(a=Linear(3, 2, rng=rng), b=Sequential(c=Linear(3, 1, bias=False, rng=rng))),
                      relu=ReLU(), drop=Dropout(), fc=Linear(3, classes, rng=rng, bias_init=gaussian(1)))


def values(net):
    return {name: p.value.copy() for name, p in net.parameters()}


def assert_values(net, expected):
    assert list(values(net)) == list(expected)
    for name, value in values(net).items():
        np.testing.assert_array_equal(value, expected[name], name)


def write(path, **changes):
    """The file of a small net, with these arrays changed (None: left out)."""
    arrays = {name: array for name, array in (values(small_net()) | changes).items() if array is not None}
    np.savez(path, **arrays)
    return path


# ---------------------------------------------------------------------------------------- round trips


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("name", ["net.npz", "net", "net.v1.weights"])  # the path is taken as it is
def test_what_was_saved_is_loaded_to_the_bit(tmp_path, kind, name):
    first, second = small_net(seed=0), small_net(seed=1)
    path = kind(tmp_path / name)
    first.save(path)
    assert os.listdir(tmp_path) == [name]
    assert second.load(path) is second
    assert_values(second, values(first))


def test_a_file_can_be_read_without_tinynet(tmp_path):
    net = small_net()
    net.save(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz", allow_pickle=False) as file:
        assert file.files == ["conv1.W", "conv1.b", "mix.a.W", "mix.a.b", "mix.b.c.W", "fc.W", "fc.b"]
        np.testing.assert_array_equal(file["mix.b.c.W"], net["mix"].branches["b"]["c"].W.value)
        assert file["fc.W"].dtype == np.float32


def test_running_statistics_are_saved_but_generators_are_not(tmp_path):
    net = Sequential(norm=RunningMean(2), drop=Dropout())
    net["norm"].mean[:] = 1, 2
    net.save(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as file:
        assert file.files == ["norm.mean"]
    net["norm"].mean[:] = 0
    net.load(tmp_path / "net.npz")
    np.testing.assert_array_equal(net["norm"].mean, [1, 2])


def test_the_net_keeps_its_dtype(tmp_path):
    first, second = small_net(seed=0), small_net(seed=1).astype(np.float64)
    first.save(tmp_path / "net.npz")
    second.load(tmp_path / "net.npz")
    assert {value.dtype.name for value in values(second).values()} == {"float64"}
    assert_values(second, values(first))


def test_from_one_device_to_another(tmp_path):
    first, second = small_net(seed=0), small_net(seed=1)
    expected = values(first)
    first.to(simulated(0)).save(tmp_path / "net.npz")
    second.to(simulated(1)).load(tmp_path / "net.npz")
    for name, p in second.parameters():
        np.testing.assert_array_equal(simulated(1).tohost(p.value), expected[name])


def test_saving_again_replaces_the_file(tmp_path):
    net = small_net()
    net.save(tmp_path / "net.npz")
    net["fc"].W.value += 1
    net.save(tmp_path / "net.npz")
    assert_values(small_net(seed=1).load(tmp_path / "net.npz"), values(net))
    assert os.listdir(tmp_path) == ["net.npz"]


# ---------------------------------------------------------------------------------------- a part of the names


def test_a_part_of_the_net_is_loaded_and_the_rest_stays(tmp_path):
    first, second = small_net(seed=0), small_net(seed=1)
    expected = values(second) | {n: v for n, v in values(first).items() if n.startswith("conv1.") or n == "fc.b"}
    first.save(tmp_path / "net.npz")
    second.load(tmp_path / "net.npz", "conv1", "fc.b")
    assert_values(second, expected)


def test_fine_tuning_loads_all_but_the_last_layer(tmp_path):
    first, second = small_net(seed=0, classes=3), small_net(seed=1, classes=7)
    first.save(tmp_path / "net.npz")
    second.load(tmp_path / "net.npz", "conv1", "mix")  # the file's fc has another shape: it is not asked for
    np.testing.assert_array_equal(second["conv1"].W.value, first["conv1"].W.value)
    np.testing.assert_array_equal(second["mix"].branches["a"].b.value, first["mix"].branches["a"].b.value)


def test_a_name_the_net_does_not_have_is_refused(tmp_path):
    net = small_net()
    net.save(tmp_path / "net.npz")
    with pytest.raises(ValueError, match="Sequential: nothing is called 'conv2'; there are conv1.W, conv1.b, mix.a.W"):
        net.load(tmp_path / "net.npz", "conv2")
    with pytest.raises(TypeError, match=r"Sequential: expected names one by one, .*, got \['conv1'\]"):
        net.load(tmp_path / "net.npz", ["conv1"])


# ---------------------------------------------------------------------------------------- mismatches


def test_every_mismatch_is_named_and_nothing_is_changed(tmp_path):
    path = write(tmp_path / "net.npz", **{"conv1.b": None, "mix.a.W": np.ones((4, 2)), "fc.W": np.ones((3, 3), int),
                                          "mix.b.c.W": np.ones((1, 3)), "old.W": np.ones(1)})
    net = small_net(seed=1)
    before = values(net)
    with pytest.raises(ValueError) as error:
        net.load(path)
    assert str(error.value).splitlines() == [
        f"{path} does not fit this net:",
        "  conv1.b: missing in the file",
        "  old.W: unknown to this net",
        "  mix.a.W: expected shape (3, 2), the file has (4, 2)",
        "  mix.b.c.W: expected shape (3, 1), the file has (1, 3)",
        "  fc.W: expected floating-point numbers, the file has int64"]
    assert_values(net, before)


def test_a_part_that_is_missing_in_the_file_is_named(tmp_path):
    path = write(tmp_path / "net.npz", **{"fc.b": None, "conv1.W": None})
    net = small_net(seed=1)
    before = values(net)
    with pytest.raises(ValueError, match="does not fit this net:\n  fc.b: missing in the file$"):
        net.load(path, "fc", "mix")
    assert_values(net, before)


def test_a_misshapen_statistic_is_named(tmp_path):
    np.savez(tmp_path / "net.npz", mean=np.zeros(3))
    with pytest.raises(ValueError, match=re.escape("mean: expected shape (2,), the file has (3,)")):
        RunningMean(2).load(tmp_path / "net.npz")


def test_numbers_that_are_none_are_named_and_nothing_is_changed(tmp_path):
    path = write(tmp_path / "net.npz", **{"conv1.b": np.array([1, np.nan, 2], np.float32),
                                          "mix.a.b": np.array([1e300, 0]), "fc.b": np.array([-np.inf, 0, 0])})
    net = small_net(seed=1)
    before = values(net)
    with pytest.raises(DataError) as error:
        net.load(path)
    assert str(error.value).splitlines() == [f"{path} does not fit this net:", *(
        f"  {name}: holds NaN, infinity, or a number too large for float32" for name in ("conv1.b", "mix.a.b", "fc.b"))]
    assert_values(net, before)
    net.load(path, "conv1.W")                                        # the others are not asked for
    small_net().astype(np.float64).load(write(path, **{"mix.a.b": np.array([1e300, 0])}))    # there it has a place


def test_a_variance_below_0_is_refused(tmp_path):
    net = Sequential(norm=BatchNorm2d(2))
    net.save(tmp_path / "net.npz")
    arrays = dict(np.load(tmp_path / "net.npz"))
    np.savez(tmp_path / "net.npz", **{**arrays, "norm.running_var": np.array([1, -1e-3], np.float32)})
    with pytest.raises(DataError, match="norm.running_var: holds a variance below 0$"):
        net.load(tmp_path / "net.npz")
    assert (net["norm"].running_var == 1).all()


def test_float64_is_rounded(tmp_path):
    path, net = write(tmp_path / "net.npz", **{"fc.b": np.array([0.1, 1e-300, -3])}), small_net(seed=1)
    net.load(path)
    np.testing.assert_array_equal(net["fc"].b.value, np.array([0.1, 0, -3], np.float32))


def test_what_could_not_be_loaded_is_not_saved(tmp_path):
    net, path = small_net(), tmp_path / "net.npz"
    net.save(path)
    before = path.read_bytes()
    net["fc"].b.value[1], net["conv1"].W.value[0, 0, 0, 0] = np.nan, np.inf
    with pytest.raises(ValueError, match="net.npz is not written: NaN or infinity in conv1.W, fc.b$"):
        net.save(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["net.npz"]


# ---------------------------------------------------------------------------------------- damaged files


def test_a_large_member_is_refused_by_its_name_or_shape(tmp_path):
    for name, message in ("other.W", "other.W: unknown to this net"), ("fc.b", r"fc.b: expected shape \(3,\)"):
        np.savez_compressed(tmp_path / "net.npz", **{**values(small_net()), name: np.zeros(10 ** 8, np.uint8)})
        net = small_net(seed=1)
        tracemalloc.start()
        with pytest.raises(DataError, match=message):
            net.load(tmp_path / "net.npz")
        net.load(tmp_path / "net.npz", "conv1")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < 10 ** 7


@pytest.mark.parametrize("name", ["fc.b.npy", "fc.b", "more.npy"])
@pytest.mark.parametrize("content", [b"", b"hello"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_that_are_no_arrays_and_two_of_one_name_are_refused(tmp_path, name, content):
    path = write(tmp_path / "net.npz")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(name, content)
    assert_refused(path)


def test_what_is_no_file_is_refused(tmp_path):
    if hasattr(os, "mkfifo"):                                        # to open one would wait for ever
        os.mkfifo(tmp_path / "net.npz")
        with pytest.raises(DataError, match="net.npz: expected a file, got a named pipe"):
            small_net().load(tmp_path / "net.npz")
    with pytest.raises(DataError, match="expected a file, got a folder"):
        small_net().load(tmp_path)


def assert_refused(path):
    net = small_net(seed=1)
    before = values(net)
    with pytest.raises(ValueError, match=f"{path.name}: expected a whole .npz file of arrays, got "):
        net.load(path)
    assert_values(net, before)


@pytest.mark.parametrize("content", [b"", b"P", b"hello world", b"\x00" * 1000, b"PK\x03\x04 and no more",
                                     b"\x80\x04N."], ids=repr)  # the last one is a pickle
def test_garbage_is_refused(tmp_path, content):
    path = tmp_path / "net.npz"
    path.write_bytes(content)
    assert_refused(path)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path, share):
    path = write(tmp_path / "net.npz")
    content = path.read_bytes()
    path.write_bytes(content[:int(share * len(content))])
    assert_refused(path)


def test_pickled_objects_are_refused_and_never_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "it went off"),)

    path = write(tmp_path / "net.npz", **{"fc.b": np.array([Bomb()], object)})
    assert_refused(path)
    assert os.listdir(tmp_path) == ["net.npz"]


def test_one_array_that_is_no_npz_is_refused(tmp_path):
    path = tmp_path / "net.npz"
    with open(path, "wb") as file:
        np.save(file, np.ones(3))
    assert_refused(path)


def test_whatever_byte_is_damaged_the_numbers_are_right_or_the_file_is_refused(tmp_path):
    path, net = tmp_path / "net.npz", Linear(2, 1, rng=np.random.default_rng(0))
    net.save(path)
    expected, content = values(net), path.read_bytes()
    for i in range(len(content)):
        path.write_bytes(content[:i] + bytes([content[i] ^ 0xff]) + content[i + 1:])
        net = Linear(2, 1, rng=np.random.default_rng(1))
        try:
            net.load(path)
        except ValueError:
            continue
        assert_values(net, expected)


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        small_net().load(tmp_path / "net.npz")
    with pytest.raises(FileNotFoundError):
        small_net().save(tmp_path / "no such folder" / "net.npz")


@pytest.mark.parametrize("device", [None, simulated(1)])
def test_arrays_are_written_on_the_nets_device_and_in_place(tmp_path, device):
    net = Sequential(norm=RunningMean(3), fc=Linear(3, 2, rng=np.random.default_rng(1)))
    net["norm"].mean[...] = 5
    net.save(tmp_path / "net.npz")
    other = Sequential(norm=RunningMean(3), fc=Linear(3, 2, rng=np.random.default_rng(2)))
    if device:
        other.to(device)
        other["norm"].mean = device.asarray(other["norm"].mean)
    arrays = other["norm"].mean, other["fc"].W.value
    with must_be_current():
        other.load(tmp_path / "net.npz")
    afterwards, saved = (other["norm"].mean, other["fc"].W.value), (np.full(3, 5), net["fc"].W.value)
    for array, now, expected in zip(arrays, afterwards, saved, strict=True):
        assert array is now
        np.testing.assert_array_equal(device.tohost(now) if device else now, expected)


# ---------------------------------------------------------------------------------------- never half a file


@pytest.mark.parametrize("accident", [OSError("disk full"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("there_is_an_old_file", [True, False])
def test_an_accident_while_saving_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch, accident,
                                                                        there_is_an_old_file):
    net, path = small_net(), tmp_path / "net.npz"
    if there_is_an_old_file:
        net.save(path)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}

    def savez(file, **arrays):
        file.write(b"PK and half of the first array")
        file.flush()
        raise accident

    monkeypatch.setattr(np, "savez", savez)
    net["fc"].W.value += 1
    with pytest.raises(type(accident)):
        net.save(path)
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == before


def test_a_target_that_cannot_be_replaced_leaves_no_other_file(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        small_net().save(tmp_path / "folder")
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_a_saved_net_may_be_read_by_whoever_may_read_other_new_files(tmp_path):
    small_net().save(tmp_path / "net.npz")
    (tmp_path / "other").write_bytes(b"")
    assert oct((tmp_path / "net.npz").stat().st_mode) == oct((tmp_path / "other").stat().st_mode)
