"""What all tests share. Inputs and naive twins are in naive.py."""
import pytest

from tinynet import get_threads, set_threads
from tinynet.fast import parallel


def pytest_addoption(parser):
    parser.addoption("--one-of-each", action="store_true", help="run each test with the first of its parameters only: "
                     "to see whether all of it works on another Python, not whether every number is right")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--one-of-each"):
        first = {}
        for item in items:
            first.setdefault(item.nodeid.partition("[")[0], item)
        kept = set(first.values())
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = first.values()


@pytest.fixture(autouse=True)
def same_threads_afterwards():
    """A test may change the number of threads; the next one finds what it was."""
    before = get_threads()
    yield
    set_threads(before)


@pytest.fixture(autouse=True)
def small_batches_are_cut_too(monkeypatch):
    """The batches of the tests are too small to be worth a thread, but it is the threads that are to be tested."""
    monkeypatch.setattr(parallel, "WORTH_A_THREAD", 0)
