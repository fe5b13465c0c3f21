"""lessons/counting.py: what arrays that count say of lesson 12's layers."""
import ast
import importlib
from pathlib import Path

import numpy as np
import pytest

import tinynet

LESSONS = Path(__file__).parent.parent / "lessons"


@pytest.fixture
def counting(monkeypatch):
    monkeypatch.syspath_prepend(LESSONS)
    return importlib.import_module("counting")


@pytest.mark.parametrize("function, operations", [
    (lambda x: x + 1, 6), (lambda x: -x * x, 12), (lambda x: np.sqrt(x), 6), (lambda x: x ** 2, 6),
    (lambda x: x ** 0.75, 60), (lambda x: np.power(x, x), 60), (lambda x: np.float_power(x, 0.75), 60),
    (lambda x: np.exp(0.75 * np.log(x)), 66), (lambda x: np.tanh(x), 30), (lambda x: x.sum(), 6),
    (lambda x: np.sum(x, axis=0), 6), (lambda x: np.cumsum(x, axis=1), 6), (lambda x: x[:1] + x[1:], 3),
    (lambda x: x @ x.T, 12),
    (lambda x: np.pad(x, 1) + 1, 20), (lambda x: np.stack([x, x]) + 1, 12), (lambda x: x.reshape(3, 2).copy(), 0),
    (lambda x: np.sin(np.zeros(5)), 0), (lambda x: x.__iadd__(1), 6),
    (lambda x: np.add(x, x, out=np.empty((2, 3))), 6)])
def test_what_costs_how_much(counting, function, operations):
    x = np.arange(1.0, 7).reshape(2, 3)
    with counting.operations() as log:
        result = function(counting.counted(x))
    assert log["all"] == operations
    assert np.array_equal(np.asarray(result), function(x.copy()))


def test_products_are_counted_by_calls_and_each_block_begins_at_zero(counting):
    x = counting.counted(np.ones((4, 4)))
    for calls in 1, 3:
        with counting.operations() as log:
            for _ in range(calls):
                x @ x
        assert log == {"products": calls, "all": 64 * calls}


def test_what_could_not_be_counted_is_refused(counting):
    with pytest.raises(TypeError, match=r"np.einsum is not counted: write it with \+ - \* / \*\* and @"):
        np.einsum("ij->i", counting.counted(np.ones((2, 2))))


def test_the_slow_layer_of_lesson_12_costs_what_its_checker_says(counting, monkeypatch):
    text = (LESSONS / "text" / "12_faster.py").read_text("utf-8")
    wanted = [node for node in ast.parse(text).body if getattr(node, "name", None) in ("neighbours", "SlowLRN")]
    names = {"np": np, "Layer": tinynet.Layer}
    exec(compile(ast.Module(wanted, []), "lesson 12", "exec"), names)
    layer, x = names["SlowLRN"](5, 2.0, 1e-4, 0.75), counting.counted(np.ones((2, 4, 4, 16)))
    with counting.operations() as log:
        layer.forward(x, train=True)
        layer.backward(x)
    checker = (LESSONS / "checkers" / "12_faster.py").read_text("utf-8")
    assert f"SLOW = {log['all'] / x.size:.1f}  # operations" in checker
