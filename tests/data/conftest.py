"""What the tests of prepared photographs share: a folder of them, and where their squares go."""
import pytest
from pictures import photographs


@pytest.fixture
def root(tmp_path):
    return photographs(tmp_path / "photos", {"a": 9, "b": 4, "c": 7})


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"
