import io
import tarfile

import pytest

from tinynet.data import DataError
from tinynet.data.download.archive import MOST_BYTES, MOST_MEMBERS, unpack


def member(name, content=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, io.BytesIO(content)


GOOD = [("top", b""), ("top/a.bin", b"aaa"), ("top/readme", b"?"), ("b.bin", b"bbb")]


def write(path, *more):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in GOOD:
            tar.addfile(*member(name, content, **({"type": tarfile.DIRTYPE} if name == "top" else {})))
        for info, content in more:
            tar.addfile(info, content)
    return path


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def test_only_the_expected_files_are_written(tmp_path, folder):
    unpack(write(tmp_path / "x.tar.gz"), folder, ["a.bin", "b.bin"])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.bin": b"aaa", "b.bin": b"bbb"}


@pytest.mark.parametrize("hostile, message", [
    (member("/etc/a.bin"), "can lead out of the folder"),
    (member("../a.bin"), "can lead out of the folder"),
    (member("top/../../a.bin"), "can lead out of the folder"),
    (member("C:a.bin"), "can lead out of the folder"),
    (member("top\\..\\a.bin"), "can lead out of the folder"),
    (member("c.bin", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "a link, a device"),
    (member("c.bin", type=tarfile.LNKTYPE, linkname="a.bin"), "a link, a device"),
    (member("c.bin", type=tarfile.CHRTYPE), "a link, a device"),
    (member("c.bin", type=tarfile.FIFOTYPE), "a link, a device"),
    (member("other/a.bin", b"again"), "a second a.bin"),
])
def test_hostile_members_are_refused_before_anything_is_written(tmp_path, folder, hostile, message):
    archive = write(tmp_path / "x.tar.gz", hostile)
    with pytest.raises(DataError, match=f"{message}.*Nothing of it has been unpacked") as error:
        unpack(archive, folder, ["a.bin", "b.bin"])
    assert str(archive) in str(error.value)
    assert list(folder.iterdir()) == [] and sorted(tmp_path.iterdir()) == [folder, archive]


def test_a_member_too_large_is_refused_by_its_header(tmp_path, folder):
    info, _ = member("huge", size=MOST_BYTES + 1)
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        tar.fileobj.write(info.tobuf())
    with pytest.raises(DataError, match="67,108,865 bytes, more than"):
        unpack(tmp_path / "x.tar.gz", folder, ["a.bin"])


def test_too_many_members(tmp_path, folder):
    with pytest.raises(DataError, match="more than 100 members"):
        members = [member(f"m{i}") for i in range(MOST_MEMBERS)]
        unpack(write(tmp_path / "x.tar.gz", *members), folder, ["a.bin"])


def test_a_missing_file(tmp_path, folder):
    with pytest.raises(DataError, match="got none of c.bin"):
        unpack(write(tmp_path / "x.tar.gz"), folder, ["a.bin", "c.bin"])
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("spoil", [lambda whole: b"", lambda whole: b"no archive", lambda whole: whole[:-30],
                                   lambda whole: whole[:60] + bytes(20) + whole[80:]])
def test_a_damaged_archive(tmp_path, folder, spoil):
    archive = write(tmp_path / "x.tar.gz")
    archive.write_bytes(spoil(archive.read_bytes()))
    with pytest.raises(DataError, match="a whole .tar.gz archive"):
        unpack(archive, folder, ["a.bin", "b.bin"])
    assert list(folder.iterdir()) == []


def test_a_python_without_filters(tmp_path, folder, monkeypatch):
    monkeypatch.delattr(tarfile, "data_filter")
    with pytest.raises(RuntimeError, match="use Python 3.10.12"):
        unpack(write(tmp_path / "x.tar.gz"), folder, ["a.bin"])
