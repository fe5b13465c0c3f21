"""What all tests share. Inputs and naive twins are in naive.py."""
import pytest

from tinynet import get_threads, set_threads


@pytest.fixture(autouse=True)
def same_threads_afterwards():
    """A test may change the number of threads; the next one finds what it was."""
    before = get_threads()
    yield
    set_threads(before)
