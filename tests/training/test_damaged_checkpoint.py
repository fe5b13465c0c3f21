"""Checkpoints whose text says something else than was written: each is refused and nothing is changed, or the training
goes on from it to its end."""
from __future__ import annotations

import copy
import json
import random

import numpy as np
import pytest
from test_checkpoint import Enough, Training, refused, rewrite, stop_at

from tinynet import Adam
from tinynet.training import rest as rest_module
from tinynet.training.checkpoint import REST, restore
from tinynet.training.diverged import Diverged
from tinynet.training.schedule import ByEpoch, Schedule, Steps

EPOCHS, MUTANTS = 3, 300  # of each kind
OTHERS = [None, True, False, 0, 1, -1, 3, 2.5, 1e30, 10 ** 30, 10 ** 400, float("nan"), float("inf"), -float("inf"), "",
          "x", "1", [], [1], {}, {"a": 1}]


def training(kind, seed=0):
    made = Training(seed=seed, bits=np.random.MT19937 if kind == "MT19937" else np.random.PCG64)
    if kind == "Adam":
        made.sgd, made.schedule = Adam(made.net.parameters(), 0.01), ByEpoch(lambda epoch: 0.1 if epoch < 3 else 0.01)
    if kind == "Steps":
        made.schedule = Steps(0.1, at=(2, 3))
    return made


def places(node):
    """(container, key) of everything in a JSON value."""
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(value, (dict, list)):
            yield from list(places(value))[:60]  # of the 624 numbers in a state, a few


def mutate(chance, rest):
    """Change one thing, and say what."""
    container, key = chance.choice(list(places(rest)))
    what = chance.random()
    if what < 0.2 and isinstance(container, dict):
        del container[key]
    elif what < 0.3 and isinstance(container, dict):
        container[chance.choice(["more", "epoch", "lr"])] = chance.choice(OTHERS)
    elif what < 0.4:
        other, place = chance.choice(list(places(rest)))
        container[key] = copy.deepcopy(other[place])
    elif what < 0.5 and isinstance(container[key], (int, float)):
        container[key] = container[key] * chance.choice([-1, 2, 0.5, 1000])
    else:
        container[key] = chance.choice(OTHERS)


@pytest.mark.parametrize("kind", ["SGD", "Adam", "Steps", "MT19937"])
def test_each_is_refused_or_goes_on_to_the_end(tmp_path, kind):
    path, first, chance = tmp_path / "c.npz", training(kind), random.Random(kind)
    with pytest.raises(Enough):
        first.train(EPOCHS, on_batch=stop_at(2, 1))
    first.save(path)
    with np.load(path) as file:
        arrays, text = dict(file), file[REST].item()
    refusals = 0
    for _ in range(MUTANTS):
        rest = json.loads(text)
        mutate(chance, rest)
        np.savez(path, **{**arrays, REST: np.array(json.dumps(rest).encode())})
        second = training(kind, seed=1)
        before = second.everything()
        try:
            second.at = restore(path, *second.parts)
        except ValueError:
            refusals += 1
            assert second.everything() == before
            continue
        try:
            second.train(EPOCHS)
        except Diverged:
            pass                                               # from a learning rate that was enlarged, say
        assert second.at.epoch > EPOCHS or second.schedule.finished or second.at.batch
    assert MUTANTS / 2 < refusals < MUTANTS


@pytest.fixture
def path(tmp_path):
    first = Training()
    with pytest.raises(Enough):
        first.train(5, on_batch=stop_at(2, 1))
    first.save(tmp_path / "c.npz")
    return tmp_path / "c.npz"


@pytest.mark.parametrize("change, message", [
    (lambda r: r["progress"].update(history=True), "progress.history: expected a list of records, got True"),
    (lambda r: r["progress"].update(history=[{"epoch": 1, "lr": 0.1}]),
     "expected a val_error, train_error or train_loss, got {'epoch': 1"),
    (lambda r: r["progress"].update(history=[{"train_loss": "low"}]), "train_loss: expected a finite number, got 'lo"),
    (lambda r: r["progress"].update(order=None), "progress.order: expected bit_generator, state, .*, got None"),
    (lambda r: r["progress"].update(batch=4), "progress.batch: expected a whole number from 0 to 3, got 4"),
    (lambda r: r["progress"].update(images=0), "progress.images: expected a whole number from 1 to 11, got 0"),
    (lambda r: r["progress"].update(batch=0), "progress.images: expected 0 before the first batch, got 4"),
    (lambda r: r["progress"].update(epoch=0), "progress.epoch: expected a whole number of 1 or more, got 0"),
    (lambda r: r["progress"].update(seconds=-1), "progress.seconds: expected a finite number from 0, got -1"),
    (lambda r: r["progress"].update(loss=float("nan")), "progress.loss: expected a finite number, got nan"),
    (lambda r: r["progress"].update(error="x"), "progress.error: expected a number or none, got 'x'"),
    (lambda r: r["optimizer"].update(steps=True), "optimizer.steps: expected a whole number of 0 or more, got True"),
    (lambda r: r["optimizer"].update(steps=10 ** 400), "optimizer.steps: expected a whole number of 0 or more, got 1"),
    (lambda r: r["optimizer"]["now"].update(lr={}), r"optimizer.now.lr: expected a finite number from 0, got \{\}"),
    (lambda r: r["schedule"]["state"].update(lr="x"), "WhenStuck lr: expected a finite number from 0, got 'x'"),
    (lambda r: r["schedule"]["state"].update(drops=4), "WhenStuck drops: expected a whole number from 0 to 3, got 4"),
    (lambda r: r["schedule"]["state"].update(finished=0), "WhenStuck finished: expected True or False, got 0"),
    (lambda r: r["generators"]["drop.rng"].update(uinteger=2 ** 32), "drop.rng.uinteger: expected a whole number fr"),
])
def test_what_is_said(path, change, message):
    rewrite(path, lambda arrays, rest: change(rest))
    refused(path, Training(), f"c.npz: training/rest is damaged: .*{message}")


def test_a_state_that_would_make_numpy_read_beyond_its_memory(tmp_path):
    for bits, change in ((np.random.MT19937, lambda state: state["state"].update(pos=10 ** 6)),
                         (np.random.Philox, lambda state: state.update(buffer_pos=-5))):
        Training(bits=bits).save(tmp_path / "c.npz")
        rewrite(tmp_path / "c.npz", lambda arrays, rest: change(rest["generators"]["drop.rng"]))    # noqa: B023
        refused(tmp_path / "c.npz", Training(bits=bits), "pos: expected a whole number from 0 to ")


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox,
                                  np.random.SFC64])
def test_every_generator_of_numpy_comes_back(tmp_path, bits):
    first, second = Training(bits=bits), Training(bits=bits, seed=1)
    first.train(1)
    first.save(tmp_path / "c.npz")
    second.at = restore(tmp_path / "c.npz", *second.parts)
    assert second.everything() == first.everything()


@pytest.mark.parametrize("name", ["fc2.W", "norm.mean", "training/velocity/fc1.b"])
def test_numbers_that_are_none_are_named_and_nothing_is_changed(path, name):
    rewrite(path, lambda arrays, rest: arrays[name].__setitem__(..., np.nan))
    refused(path, Training(), f"does not fit this training:\n  {name}: holds NaN, infinity, ")


def test_settings_of_adam_that_cannot_be(tmp_path):
    training("Adam").save(tmp_path / "c.npz")
    for name, value in {"beta1": 1, "beta2": 1.5, "eps": 0}.items():
        expected = f"expected {'an eps above 0' if name == 'eps' else f'{name} below 1'}, got {value}"
        rewrite(tmp_path / "c.npz", lambda arrays, rest: rest["optimizer"].update(
            now=rest["optimizer"]["settings"] | {name: value}))                               # noqa: B023
        refused(tmp_path / "c.npz", training("Adam"), f"is damaged: .*Adam: {expected}")


def test_a_slot_that_is_not_in_the_list_is_not_passed_over(path):
    rewrite(path, lambda arrays, rest: rest["optimizer"]["slots"]["velocity"].remove("fc2.W"))
    refused(path, Training(), "does not fit this training:\n  training/velocity/fc2.W: unknown to this training$")


def test_a_text_that_is_too_long_is_not_read(path, monkeypatch):
    monkeypatch.setattr(rest_module, "MOST_BYTES", 100)
    refused(path, Training(), r"expected at most 100 bytes, got [\d,]+; if that is right, set .*rest.MOST_BYTES higher")


def test_a_schedule_of_ones_own_keeps_whatever_json_can_hold():
    class Mine(Schedule):
        KEPT = ("lr", "seen_before")

        def __init__(self):
            super().__init__(0.1)
            self.seen_before = None
    mine = Mine()
    mine.restore({"lr": 0.05, "seen_before": [0.5, 0.25]})
    assert (mine.lr, mine.seen_before) == (0.05, [0.5, 0.25])
    with pytest.raises(ValueError, match="Mine lr: expected a finite number from 0, got None"):
        mine.restore({"lr": None, "seen_before": 1})
    assert (mine.lr, mine.seen_before) == (0.05, [0.5, 0.25])
