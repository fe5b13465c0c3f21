"""Lent memory is one array's at a time, whatever is done with what an array calls its base."""
from __future__ import annotations

import copy
import gc
import pickle

import numpy as np
import pytest

from tinynet.fast import memory
from tinynet.fast.memory import LARGE, fresh

from . import rounds


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickle.dumps, lambda loan: copy.deepcopy([loan]),
                                   lambda loan: loan.__reduce_ex__(2)],
                         ids=["copy", "deepcopy", "pickle", "deepcopy of a list", "reduce"])
def test_a_loan_is_not_copied(again):
    a = fresh((LARGE,), np.uint8, np)
    with pytest.raises(TypeError, match="memory on loan cannot be copied, or it would be lent twice: copy the array"):
        again(a.base)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
def test_an_array_is_copied_like_others(again):
    a = fresh((LARGE,), np.uint8, np)
    a[...] = 3
    b = again(a)
    a[...] = 4
    assert (b == 3).all()


WAYS = [lambda a: a[1:], lambda a: a.T, lambda a: np.asarray(a.base), lambda a: memoryview(a), lambda a: a.base,
        lambda a: np.frombuffer(a, np.uint8), lambda a: copy.copy(a), lambda a: iter(a), lambda a: [a, a.reshape(-1)]]


def test_no_memory_is_lent_to_two(monkeypatch):
    """Arrays come and go, some held by views and bases; those that are held keep their numbers."""
    monkeypatch.setattr(memory, "LARGE", 512)
    rng, held = np.random.default_rng(0), []
    for mark in range(rounds(3000)):
        a = fresh((int(rng.integers(128, 256)), 4), np.float32, np)
        a[...] = mark
        if rng.random() < 0.5:
            held.append((a if rng.random() < 0.5 else a[1:], mark, WAYS[rng.integers(len(WAYS))](a)))
        while len(held) > 20:
            array, written, _ = held.pop(rng.integers(len(held)))
            assert (array == written).all()
        del a
        if mark % 100 == 0:
            gc.collect()
    blocks = [entry[-1].ctypes.data for entry in memory._idle]
    assert len(blocks) == len(set(blocks))
