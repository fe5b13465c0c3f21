"""lessons/card.py: the clock of lesson 17's card, its races, and kernels of the library run thread by thread."""
import importlib
from pathlib import Path

import numpy as np
import pytest

from tinynet.fast.cuda import activation, optim

LESSONS = Path(__file__).parent.parent / "lessons"


@pytest.fixture
def card(monkeypatch):
    monkeypatch.syspath_prepend(LESSONS)
    return importlib.import_module("card")


def test_the_host_asks_and_goes_on_and_each_stream_keeps_its_order(card):
    one = card.Card(ask=1)
    one.launch("a", 10)
    one.launch("b", 10)
    one.launch("c", 5, "other")
    assert one.now == 3
    done = {task.name: (task.start, task.end) for task in one.tasks if task.stream != card.HOST}
    assert done == {"a": (1, 11), "b": (11, 21), "c": (3, 8)}
    one.synchronize()
    assert one.now == 21


def test_a_stream_waits_for_an_event_and_the_host_does_not(card):
    one = card.Card(ask=1)
    one.launch("a", 10, "left")
    one.wait(one.record("left"), "right")
    one.launch("b", 1, "right")
    assert one.tasks[-1].start == 11 and one.now == 2


def launched(card, *steps):
    one, events = card.Card(), {}
    for what, *arguments in steps:
        if what == "record":
            events[arguments[0]] = one.record(arguments[1])
        elif what == "wait":
            one.wait(events[arguments[0]], arguments[1])
        elif what == "synchronize":
            one.synchronize()
        else:
            one.launch(what, 1e-3, *arguments)


WRITE, READ = ("writer", "left", [], ["x"]), ("reader", "right", ["x"], [])


@pytest.mark.parametrize("steps", [
    [WRITE, READ], [READ, WRITE], [WRITE, ("second", "right", [], ["x"])],
    [("record", "e", "left"), WRITE, ("wait", "e", "right"), READ],                     # an event too early
    [WRITE, ("record", "e", "left"), ("wait", "e", "third"), READ]])                    # the wrong stream waits
def test_a_race_is_found(card, steps):
    with pytest.raises(card.Race, match="x, which (writer|reader) (writes|reads) in another stream, and nobody waits"):
        launched(card, *steps)


@pytest.mark.parametrize("steps", [
    [WRITE, ("reader", "left", ["x"], [])], [READ, ("reader", "left", ["x"], [])], [WRITE, ("synchronize",), READ],
    [WRITE, ("record", "e", "left"), ("wait", "e", "right"), READ],
    [WRITE, ("record", "e", "left"), ("wait", "e", "third"), ("record", "f", "third"), ("wait", "f", "right"), READ]])
def test_what_is_in_order_is_no_race(card, steps):
    launched(card, *steps)


@pytest.mark.parametrize("kernel, said", [
    (lambda i, x: x.__setitem__(0, i), "threads 0 and 1 both write number 0"),
    (lambda i, x: x.__setitem__(i, x[0]), "thread 1 reads number 0, which thread 0 writes"),
    (lambda i, x: x.__setitem__(i, x[i - 1] if i else 0), "thread 1 reads number 0, which thread 0 writes"),
    (lambda i, x: x.__setitem__(i, x[i + 1] if i < 3 else 0), "thread 1 writes number 1, which thread 0 reads")])
def test_threads_that_get_in_one_anothers_way(card, kernel, said):
    with pytest.raises(card.Race, match=said):
        card.run(kernel, 4, card.Memory(np.zeros(4)), block=4)


def test_a_thread_too_many_is_noticed_and_bytes_are_counted(card):
    x, y = card.Memory(np.ones(4, np.float32)), card.Memory(np.zeros(4, np.float32))
    with pytest.raises(IndexError, match="thread 4 reaches for number 4 of 4"):
        card.run(lambda i, x, y: y.__setitem__(i, x[i]), 4, x, y)
    assert card.run(lambda i, x, y: y.__setitem__(i, x[i]), 4, x, y, block=2) == 2 * 4 * 4
    assert (y.values == 1).all()


@pytest.mark.parametrize("source, name, arguments, expected", [
    (activation.SOURCE, "tanh_back", ("dy", "y", "out"), lambda dy, y: dy * (1 - y * y)),
    (activation.SOURCE, "sigmoid", ("y", "out"), lambda dy, y: 1 / (1 + np.exp(-y)))])
def test_kernels_of_the_library_as_python(card, source, name, arguments, expected):
    rng = np.random.default_rng(0)
    arrays = {"dy": rng.normal(size=300), "y": rng.normal(size=300), "out": np.zeros(300)}
    there = {key: card.Memory(a) for key, a in arrays.items()}
    card.run(card.from_cuda(source, name), 300, *(there[a] for a in arguments), 300, rng=rng)
    assert np.allclose(there["out"].values, expected(arrays["dy"], arrays["y"]), rtol=1e-12)


def test_adam_of_two_lines_of_arguments_is_understood(card):
    w, g, m, v = (card.Memory(np.full(3, value)) for value in (1.0, 2.0, 0.0, 0.0))
    card.run(card.from_cuda(optim.SOURCE, "adam"), 3, w, g, m, v, 3, 0.1, 0.9, 0.1, 0.99, 0.01, 0.1, 0.01, 0.0, 0.0)
    assert np.allclose(w.values, 0.9)                                   # the first step goes as far as the rate
