"""Every reader of files and answers, against thousands of broken ones: an answer that can be right, or the documented
error; and the fuzzer itself, against readers with faults."""
from __future__ import annotations

import sys

import pytest

from . import rounds
from .readers import DOORS, attack, mutant

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits on memory and time as Linux has them")

NAMES = sorted(DOORS)
CASES = rounds(100)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


@pytest.mark.parametrize("part", range(4))
def test_no_file_does_harm(part, folder, tmp_path):
    names, tried, kept, failed = NAMES[part::4], 0, tmp_path / "kept", []
    for name, case, outcome in attack(names, 13, CASES, folder, kept):
        tried += case >= 0
        if outcome not in ("read", "refused"):
            failed.append(f"{name}, seed 13, case {case}: {outcome}")
    assert not failed, f"{len(failed)} of {tried}, kept in {kept}:\n" + "\n".join(failed[:20])
    assert tried == CASES * len(names)


def test_they_are_as_many_as_promised():
    assert 100 * len(NAMES) >= 3000


@pytest.mark.parametrize("name, found", [
    ("crash", "Segmentation fault"), ("hang", "it hangs"), ("loop", "too much time on the CPU"),
    ("exit", "the process ended with status 3"), ("bomb", "MB of memory"), ("address bomb", "MemoryError"),
    ("other error", "KeyError"), ("wrong answer", "that is no digit"), ("no name", "does not name its name")])
def test_what_goes_wrong_is_found_and_the_mutant_kept(name, found, folder, tmp_path):
    outcomes = list(attack([name], 0, 4, folder, tmp_path / "kept", seconds=0.2))
    assert [(case, outcome) for _, case, outcome in outcomes if case != 2] == [(0, "read"), (1, "read"), (3, "read")]
    assert found in outcomes[2][2] and outcomes[2][:2] == (name, 2)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [f"{name.replace(' ', '-')}-0-2"]


def test_the_same_seed_gives_the_same_mutants(tmp_path):
    door = DOORS["tar.gz"](tmp_path)
    first, again, other = (mutant(door, "tar.gz", *of) for of in ((1, 5), (1, 5), (2, 5)))
    assert first == again != other and mutant(door, "tar.gz", 1, 0) == door.original
    assert len({mutant(door, "tar.gz", 1, case) for case in range(50)}) > 40
