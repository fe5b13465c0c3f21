"""The pickles of CIFAR-10's python layout, and those that are written to do harm."""
import pickle
import pickletools
import random
import subprocess
import sys

import numpy as np
import pytest

from tinynet.data import DataError
from tinynet.data.sets import cifar10_pickle, pickled

ROWS = np.random.default_rng(0).integers(0, 256, (3, 3072), np.uint8)
BATCH = {"data": ROWS, "labels": [1, 300, -70_000], "filenames": ["a.png", "b.png", "ä.png"], "batch_label": ""}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data_batch_1"


@pytest.mark.parametrize("keys", [str, str.encode])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray])
@pytest.mark.parametrize("numpy", [b"numpy.core", b"numpy._core"])
def test_what_python_3_writes(path, keys, protocol, layout, numpy):
    content = pickle.dumps({**{keys(key): value for key, value in BATCH.items()}, keys("data"): layout(ROWS)}, protocol)
    if protocol < 4:  # else the name's length stands before it
        content = content.replace(b"cnumpy._core", b"c" + numpy)
    path.write_bytes(content)
    rows, labels = cifar10_pickle.read_batch(path)
    assert np.array_equal(rows, ROWS) and rows.dtype == np.uint8
    assert labels.tolist() == BATCH["labels"] and labels.dtype == np.int64


def test_single_elements_and_long_numbers(path):
    path.write_bytes(pickle.dumps({"data": ROWS[:1], "labels": [2**31 - 1]}))
    assert cifar10_pickle.read_batch(path)[1].tolist() == [2**31 - 1]
    value = [2**70, -(2**31) - 1, True, None, (), (1,), (1, 2, 3, 4), [5], {"a": "b"}, b"\xff"]
    path.write_bytes(pickle.dumps(value, 2))
    assert pickled.read(path) == value


def test_the_official_form(path):
    """As Python 2 wrote it: the instructions of an official file, in their order."""
    data = ROWS[:2].tobytes()
    path.write_bytes(
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03"
        b"U\x06labelsq\x04]q\x05(K\x06K\x09eU\x04dataq\x06"
        b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\x09(K\x01K\x02M\x00\x0c\x86"
        b"cnumpy\ndtype\nq\x0aU\x02u1K\x00K\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + len(data).to_bytes(4, "little") + data + b"tbU\x09filenamesq\x0c]r\x0d\x00\x00\x00(U\x05a.pngh\x0ceu.")
    rows, labels = cifar10_pickle.read_batch(path)
    assert np.array_equal(rows, ROWS[:2]) and labels.tolist() == [6, 9]


class Call:
    def __init__(self, function, arguments, state=None):
        self.reduced = (function, arguments, state)

    def __reduce__(self):
        return self.reduced


def pointers(dtype, state, raw):
    """A pickle that has NumPy take `raw` for the addresses of objects, and drop them."""
    array = Call(np.empty(0).__reduce__()[0], (np.ndarray, (0,), b"b"),
                 (1, (len(raw) // 8,), Call(np.dtype, (dtype, False, True), state), False, raw))
    return pickle.dumps({"data": array, "labels": [1]}, 2)


def number(value):
    return value.to_bytes(4, "little")


HARM = {
    "bytes taken for pointers": pointers("O8", (4, "|", None, None, None, 8, 8, 1), b"A" * 16),
    "bytes taken for pointers, of a struct": pointers("V8", (4, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 1),
                                                      b"A" * 16),
    "a memo of gigabytes": b"\x80\x02]r" + number(40_000_000) + b".",
    "a memo of 64 GB": b"\x80\x02]r" + number(2**32 - 1) + b".",
    "an array of objects": b"\x80\x02cnumpy\nndarray\n(J" + number(60_000_000) + b"\x85X\x01\x00\x00\x00OtR.",
    "a string longer than the file": b"\x80\x02T" + number(2**31 - 1) + b"x.",
    "a number longer than the file": b"\x80\x02\x8b" + number(2**31 - 1) + b"\x01.",
    "bytes of 2**63": b"\x80\x04\x8e" + bytes(7) + b"\x80.",
    "a frame of 2**62": b"\x80\x04\x95" + bytes(7) + b"\x40].",
    "lists without end": b"\x80\x02" + b"]" * 20_000_000 + b".",
    "marks without end": b"\x80\x02" + b"(" * 20_000_000 + b".",
    "a tuple in a tuple in a tuple, as a key": b"\x80\x02})" + b"\x85" * 200_000 + b"Ns.",
    "a call of a call of a call": b"\x80\x02}U\x04data)" + b"q\x00cnumpy\ndtype\nh\x00\x85R" * 20_000 + b"s.",
    "a list in itself": b"\x80\x02}U\x04data]q\x00h\x00as.",
    "one text encoded again and again":
        b"\x80\x02X" + number(1_000_000) + b"x" * 1_000_000 + b"q\x00c_codecs\nencode\nq\x01"
        b"X\x06\x00\x00\x00latin1q\x02" + b"h\x01h\x00h\x02\x86R" * 9_000 + b".",
    "a shape that overflows":
        b"\x80\x02}(U\x06labels]U\x04datacnumpy.core.multiarray\n_reconstruct\n)R(K\x01\x8a\x08" + b"\x7f" * 8
        + b"M\x00\x0c\x86cnumpy\ndtype\nU\x02u1\x85R\x89U\x00tbu.",
}
READ = """
import resource, sys
from pathlib import Path
from tinynet.data import DataError
from tinynet.data.sets import cifar10_pickle
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 200_000_000,) * 2)
for path in sys.argv[1:]:
    try:
        cifar10_pickle.read_batch(Path(path))
    except DataError as error:
        assert path in str(error) and "expected" in str(error), error
    else:
        raise AssertionError(path)
    print("refused", Path(path).name)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit on memory is Linux's")
def test_no_harm_is_done(tmp_path):
    """In a process that may take 200 MB, and whose end would be seen here."""
    files = [tmp_path / kind for kind in HARM]
    for file, content in zip(files, HARM.values(), strict=True):
        file.write_bytes(content)
    done = subprocess.run([sys.executable, "-c", READ, *map(str, files)], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == [f"refused {kind}" for kind in HARM] and done.returncode == 0, done.stderr


@pytest.mark.parametrize("content, message", [
    (b"\x80\x02]", "1 bytes at byte 3, where 0 are left"),
    (b"\x80\x02.", "nothing on the stack"),
    (b"\x80\x02].more", "more bytes after the pickle"),
    (b"\x80\x02e.", "no mark"),
    (b"\x80\x02Ne.", "no mark"),
    (b"\x80\x02N(e.", "a NoneType at byte 5, where a list was expected"),
    (b"\x80\x02}(Nu.", "a key without a value"),
    (b"\x80\x02}NNs.", "a NoneType as a key"),
    (b"\x80\x02h\x05.", "nothing under the number 5"),
    (b"\x80\x02)R.", "nothing on the stack"),
    (b"\x80\x02N)R.", "a NoneType at byte 5, where a Name was expected"),
    (b"\x80\x02NNb.", "a NoneType at byte 5, where a Call was expected"),
    (b"\x80\x02cos" + b"x" * 200, "a name at byte 3 that does not end"),
    (b"\x80\x02X\x01\x00\x00\x00\xff.", "codec can't decode"),
    (b"(dp0\n.", "the instruction b'd' at byte 1, which no batch needs.*a pickle can run programs"),
    (b"\x80\x02\x81.", r"the instruction b'\\x81' at byte 2"),
])
def test_what_is_no_such_pickle(path, content, message):
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"expected a pickle of arrays, lists, strings and numbers, got.*{message}"):
        pickled.read(path)


def test_limits(path, monkeypatch):
    path.write_bytes(pickle.dumps(list(range(100)), 2))
    monkeypatch.setattr(pickled, "MOST_STEPS", 50)
    with pytest.raises(DataError, match="more than 50 instructions; .* set tinynet.data.sets.pickled.MOST_STEPS"):
        pickled.read(path)
    monkeypatch.setattr(pickled, "MOST_BYTES", 50)
    with pytest.raises(DataError, match="at most 50 bytes, got .*set tinynet.data.sets.pickled.MOST_BYTES higher"):
        pickled.read(path)


def test_mutants_are_read_or_refused(path):
    """One to five changes each: bytes, and pieces cut out, doubled or exchanged."""
    rng, read = random.Random(0), 0
    batch = {"data": ROWS[:1], "labels": [1], "filenames": [b"x", "y"]}
    seeds = [pickle.dumps(batch, protocol) for protocol in (2, 3, 4, 5)]
    instructions = [code.code.encode("latin-1") for code in pickletools.opcodes]
    for _ in range(1500):
        content = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 5)):
            at = rng.choice([rng.randrange(200), rng.randrange(len(content)), len(content) - rng.randrange(150)])
            new = rng.choice([rng.randbytes(1), rng.choice(instructions), b"", content[at:at + 30],
                              content[at:at + 4] * 2])
            content[at:at + rng.choice([0, 1, 1, 4])] = new
        path.write_bytes(content)
        try:
            rows, labels = cifar10_pickle.read_batch(path)
        except DataError:
            continue
        read += 1
        assert rows.shape[1] == 3072 and len(rows) == len(labels)
    assert 100 < read < 1400


def test_a_batch_of_cifar_100(path):
    path.write_bytes(pickle.dumps({b"data": ROWS, b"fine_labels": [1, 2, 3], b"coarse_labels": [1, 2, 3]}))
    with pytest.raises(DataError, match="'labels', a list of ints, got none; there are 'data', 'fine_labels', 'coarse"):
        cifar10_pickle.read_batch(path)


def test_a_key_twice(path):
    path.write_bytes(pickle.dumps({b"data": ROWS, "data": ROWS, "labels": [1, 2, 3]}))
    with pytest.raises(DataError, match="got one with a key twice"):
        cifar10_pickle.read_batch(path)
