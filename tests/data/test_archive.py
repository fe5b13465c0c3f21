import gzip
import io
import random
import tarfile
import tracemalloc

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


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
@pytest.mark.parametrize("size", [MOST_BYTES + 1, 2**60, 2**80])
def test_a_member_too_large_is_refused_by_its_header(tmp_path, folder, kind, size):
    info, _ = member("huge", size=size, type=kind)
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        tar.fileobj.write(info.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(DataError, match="got more than 268,435,456 bytes, with 'huge'"):
        unpack(tmp_path / "x.tar.gz", folder, ["a.bin"])


def test_a_member_of_negative_size(tmp_path, folder):
    info, _ = member("less", size=-512)
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        tar.fileobj.write(info.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(DataError, match="got 'less' of -512 bytes"):
        unpack(tmp_path / "x.tar.gz", folder, ["a.bin"])


def test_all_members_together_too_large(tmp_path, folder, monkeypatch):
    """By what their headers say; and what comes after the last one counts too."""
    archive = write(tmp_path / "x.tar.gz", member("c.bin", bytes(3000)))
    monkeypatch.setattr("tinynet.data.download.archive.MOST_BYTES", 4000)
    with pytest.raises(DataError, match="more than 4,000 bytes, with 'c.bin'"):
        unpack(archive, folder, ["a.bin", "b.bin"])
    archive.write_bytes(gzip.compress(gzip.decompress(write(archive).read_bytes()) + bytes(10_000)))
    with pytest.raises(DataError, match="more than 4,000 bytes"):
        unpack(archive, folder, ["a.bin", "b.bin"])
    assert list(folder.iterdir()) == []


BOMBS = {  # 40 MB each
    "long name": [(tarfile.GNUTYPE_LONGNAME, 40_000_000)],
    "long names": [(tarfile.GNUTYPE_LONGNAME, 1_000_000)] * 40,
    "pax records": [(tarfile.XHDTYPE, 40_000_000)],
    "global pax records": [(tarfile.XGLTYPE, 1_000_000)] * 40,
    "an unknown file": [(tarfile.REGTYPE, 40_000_000)],
}


@pytest.mark.parametrize("limit", [30_000_000, 50_000_000])
@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_takes_no_memory(tmp_path, folder, monkeypatch, kind, limit):
    monkeypatch.setattr("tinynet.data.download.archive.MOST_BYTES", limit)
    archive = tmp_path / "x.tar.gz"
    with gzip.open(archive, "wb", 1) as tar:
        for type_, size in BOMBS[kind]:
            tar.write(member("a.bin", type=type_, size=size)[0].tobuf(tarfile.GNU_FORMAT))
            for _ in range(size // 1_000_000):
                tar.write(b"x" * 1_000_000)
            tar.write(bytes(-size % 512))
    tracemalloc.start()
    with pytest.raises(DataError, match="more than 30,000,000 bytes" if limit < 40_000_000 else "got none of b.bin"):
        unpack(archive, folder, ["b.bin"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000 and list(folder.iterdir()) == []


def test_records_before_a_member_are_passed_over(tmp_path, folder):
    archive = tmp_path / "x.tar.gz"
    with tarfile.open(archive, "w:gz", format=tarfile.PAX_FORMAT, pax_headers={"comment": "x" * 2000}) as tar:
        tar.addfile(*member("top/" + "long" * 100, b"?"))
        tar.addfile(*member("top/a.bin", b"aaa", pax_headers={"atime": "1.5", "path": "/elsewhere", "size": "1"}))
    unpack(archive, folder, ["a.bin"])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.bin": b"aaa"}


def test_a_folder_has_no_bytes_whatever_its_size(tmp_path, folder):
    archive = tmp_path / "x.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.fileobj.write(member("top", type=tarfile.DIRTYPE, size=4096)[0].tobuf())
        tar.addfile(*member("top/a.bin", b"aaa"))
    unpack(archive, folder, ["a.bin"])
    assert (folder / "a.bin").read_bytes() == b"aaa"


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
    with pytest.raises(DataError, match="a whole .tar.gz archive|got none of a.bin"):
        unpack(archive, folder, ["a.bin", "b.bin"])
    assert list(folder.iterdir()) == []


def test_mutants_are_unpacked_or_refused(tmp_path, folder):
    """One to four bytes changed, in the tar and in the gzip around it."""
    rng, archive = random.Random(0), write(tmp_path / "x.tar.gz")
    packed, unpacked = archive.read_bytes(), 0
    tar = gzip.decompress(packed)
    for number in range(600):
        content = bytearray(tar[:4608] if number % 2 else packed)
        for _ in range(rng.randint(1, 4)):
            content[rng.randrange(len(content))] = rng.choice([0, 0x80, 0xff, rng.randrange(256), ord("7")])
        if number % 2 and rng.random() < 0.8:  # or the sum of a header would refuse nearly all
            for start in range(0, len(content), 512):
                content[start + 148:start + 156] = b" " * 8
                content[start + 148:start + 155] = b"%06o\0" % sum(content[start:start + 512])
        archive.write_bytes(gzip.compress(content) if number % 2 else content)
        try:
            unpack(archive, folder, ["a.bin", "b.bin"])
        except DataError:
            assert list(folder.iterdir()) == []
            continue
        unpacked += 1
        assert sorted(path.name for path in folder.iterdir()) == ["a.bin", "b.bin"]
        for path in folder.iterdir():
            path.unlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "x.tar.gz"] and 50 < unpacked < 550
