"""Arrays in files: what was written is read, nothing is unpacked unasked, every damage found."""
from __future__ import annotations

import tracemalloc
import zipfile

import numpy as np
import pytest

from tinynet.files import arrays
from tinynet.files.arrays import ArrayFile, Header, read_array
from tinynet.files.reading import DataError

ARRAYS = {"f": np.arange(6, dtype=np.float32).reshape(2, 3), "order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
          "number": np.array(3), "empty": np.zeros((0, 4)), "big": np.arange(3, dtype=">f4"), "truth": np.array([True]),
          "bytes": np.array(b"{}"), "text": np.array(["a", "bc"]), "training/x": np.ones(2, np.int8)}


def rewritten(path, change):
    """The zip at `path` again, its members {name: bytes} changed by `change`."""
    with zipfile.ZipFile(path) as old:
        members = [(info.filename, old.read(info)) for info in old.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in change(members):
            new.writestr(name, data)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_wrote_is_read(tmp_path, save):
    save(tmp_path / "file.npz", **ARRAYS)
    with ArrayFile(tmp_path / "file.npz") as file:
        assert file.headers == {name: Header(a.shape, a.dtype) for name, a in ARRAYS.items()}
        for name, array in ARRAYS.items():
            found = file.read(name)
            assert found.dtype == array.dtype and found.flags.writeable
            np.testing.assert_array_equal(found, array)


def test_one_array(tmp_path):
    for array in ARRAYS.values():
        np.save(tmp_path / "file.npy", array)
        np.testing.assert_array_equal(read_array(tmp_path / "file.npy", 6), array)
    np.save(tmp_path / "file.npy", np.zeros(7))
    with pytest.raises(DataError, match=r"file.npy: expected a whole .npy file, .* shape \(7,\), more than 6"):
        read_array(tmp_path / "file.npy", 6)


def test_a_large_member_is_not_unpacked_unasked(tmp_path):
    np.savez_compressed(tmp_path / "file.npz", W=np.zeros(10 ** 8, np.uint8))
    tracemalloc.start()
    with ArrayFile(tmp_path / "file.npz") as file:
        assert file.headers["W"].nbytes == 10 ** 8
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10 ** 6


def test_too_little_memory_is_no_fault_of_the_file(tmp_path, monkeypatch):
    def full(*_):
        raise MemoryError("no room")
    np.savez(tmp_path / "a.npz", W=np.zeros(3))
    monkeypatch.setattr(arrays, "_numbers", full)
    with ArrayFile(tmp_path / "a.npz") as file, pytest.raises(MemoryError, match="no room"):
        file.read("W")


HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': %s, }"


def npy(header, version=b"\x01\x00", length=None):
    size = {b"\x01\x00": 2, b"\x02\x00": 4}.get(version, 4)
    return b"\x93NUMPY" + version + (len(header) if length is None else length).to_bytes(size, "little") + header


@pytest.mark.parametrize("change, error", {
    "not an array": (lambda m: [*m, ("x.txt", b"hello")], "'x.txt', which is no array"),
    "bytes": (lambda m: [("f.npy", b"hello")], "expected a whole .npz file of arrays, got the error"),
    "nothing": (lambda m: [("f.npy", b"")], "expected a whole .npz file of arrays, got the error"),
    "without .npy": (lambda m: [*m, ("f", b"")], "'f', which is no array"),
    "objects": (lambda m: [("f.npy", npy(b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"))], "of object"),
    "records": (lambda m: [("f.npy", npy(b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (), }"))],
                r"\[\('a', '<f4'\)\]"),
    "negative": (lambda m: [("f.npy", npy(HEADER % b"(-1,)"))], r"an array of shape \(-1,\)"),
    "shorter": (lambda m: [("f.npy", npy(HEADER % b"(3,)") + bytes(8))], "where its header promises"),
    "longer": (lambda m: [("f.npy", npy(HEADER % b"(3,)") + bytes(16))], "where its header promises"),
    "vast": (lambda m: [("f.npy", npy(HEADER % b"(10**5, 10**9)"))], "error"),
    "a long header": (lambda m: [("f.npy", npy(b" " * 20_000))], "a header of more than 10,000 bytes"),
    "a longer one": (lambda m: [("f.npy", npy(b"", b"\x02\x00", 2 ** 32 - 1))], "a header of more than 10,000 bytes"),
    "another version": (lambda m: [("f.npy", npy(b"", b"\x03\x00"))], "error"),
    "torch": (lambda m: [("archive/data.pkl", b"")], "one that torch.save made. In PyTorch, write np.savez"),
}.items(), ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_no_file_of_arrays(tmp_path, change, error):
    path = tmp_path / "file.npz"
    np.savez(path, f=np.zeros(3, np.float32))
    change, error = error
    rewritten(path, change)
    with pytest.raises(DataError, match=error):
        ArrayFile(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name(tmp_path):
    np.savez(tmp_path / "file.npz", f=np.zeros(3))
    rewritten(tmp_path / "file.npz", lambda m: [*m, *m])
    with pytest.raises(DataError, match="two arrays of one name"):
        ArrayFile(tmp_path / "file.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_byte_that_is_changed_is_found_or_changes_nothing(tmp_path, save):
    save(tmp_path / "file.npz", f=ARRAYS["f"], g=np.arange(3))
    whole, found = (tmp_path / "file.npz").read_bytes(), 0
    for i in range(len(whole)):
        (tmp_path / "file.npz").write_bytes(whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1:])
        try:
            with ArrayFile(tmp_path / "file.npz") as file:
                read = {name: file.read(name) for name in file.headers}
        except DataError:
            found += 1
        else:
            for name in read.keys() & {"f", "g"}:    # a name is not under the checksum
                np.testing.assert_array_equal(read[name], ARRAYS["f"] if name == "f" else np.arange(3))
    assert found > len(whole) // 2


def test_a_file_cut_short(tmp_path):
    np.savez(tmp_path / "file.npz", f=np.zeros(100))
    whole = (tmp_path / "file.npz").read_bytes()
    for size in 0, 10, len(whole) // 2, len(whole) - 1:
        (tmp_path / "file.npz").write_bytes(whole[:size])
        with pytest.raises(DataError, match="file.npz: expected a whole .npz file of arrays, got the error"):
            ArrayFile(tmp_path / "file.npz")
    np.save(tmp_path / "file.npy", np.zeros(100))
    whole = (tmp_path / "file.npy").read_bytes()
    for data in whole[:-1], whole + b"x":
        (tmp_path / "file.npy").write_bytes(data)
        with pytest.raises(DataError, match="file.npy: expected a whole .npy file"):
            read_array(tmp_path / "file.npy", 1000)
