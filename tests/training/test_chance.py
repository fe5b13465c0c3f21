"""A net that learns nothing is told of, once; one that starts slowly is not."""
from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tinynet import SGD, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, fan_in, gaussian
from tinynet.data import Loader, Split, mnist_sample
from tinynet.training.chance import at_chance
from tinynet.training.train import train

RESULTS = Path(__file__).parents[2] / "examples" / "results"


LN10 = math.log(10)  # the loss of guessing


def records(*errors, loss=LN10):
    return [{"lr": 0.1, "train_loss": loss, "train_error": error} for error in errors]


def test_scores_that_hardly_differ():
    assert at_chance(records(0.91, 0.89, 0.9), 10, 2000) == (
        "after 3 epochs the net is no better than guessing (error 90.0%), and its scores hardly differ. Likely: "
        "initial values too small, try weight_init=fan_in(); or a learning rate (now 0.1) too small")


def test_steps_that_are_too_long():
    assert at_chance(records(0.9, 0.9, 0.9, loss=4.0), 10, 2000) == (
        "after 3 epochs the net is no better than guessing (error 90.0%), and its loss is above that of guessing. "
        "Likely: a learning rate (now 0.1) too large; or inputs that are not scaled")


def test_steps_that_were_too_long_at_first():
    """The losses of `dropout: without, seed 7` of the claims, after which all 256 ReLUs of fc7 were dead."""
    begun = records(0.9, loss=2.672) + records(0.9, 0.9)
    assert at_chance(begun, 10, 2000) == (
        "after 3 epochs the net is no better than guessing (error 90.0%), and its scores hardly differ any more; its "
        "loss was 2.67 in the first epoch, above that of guessing, so ReLUs may have died. Likely: a learning rate "
        "(now 0.1) too large; or inputs that are not scaled")


@pytest.mark.parametrize("errors, classes, images", [
    ((0.9, 0.9), 10, 2000),             # too early to say
    ((0.9, 0.9, 0.9, 0.9), 10, 2000),   # said already
    ((0.9, 0.9, 0.87), 10, 2000),       # 0.9 - 3 · √(0.9 · 0.1 / 2000) = 0.88
    ((0.9, 0.87, 0.9), 10, 2000),
    ((0.9, 0.9, 0.9), 10, 499),         # luck
    ((0.0, 0.0, 0.0), 1, 2000),         # one class
])
def test_no_alarm(errors, classes, images):
    assert at_chance(records(*errors), classes, images) is None


@pytest.mark.parametrize("run", sorted(path.parent.name for path in RESULTS.glob("*/metrics.jsonl")))
def test_no_alarm_in_any_published_run(run):
    history = [json.loads(line) for line in (RESULTS / run / "metrics.jsonl").read_text().splitlines()]
    nets = {record.get("net"): [] for record in history}
    for record in history:
        nets[record.get("net")].append(record)
    assert all(len(records) > 3 and at_chance(records[:3], 10, 5000) is None for records in nets.values())


def deep(init):
    rng, layers, C = np.random.default_rng(0), {}, 1
    for i in range(1, 5):
        layers |= {f"conv{i}": Conv2d(C, 8, 3, padding=1, rng=rng, weight_init=init), f"relu{i}": ReLU(),
                   f"pool{i}": MaxPool2d(2)}
        C = 8
    return Sequential(**layers, flat=Flatten(), fc=Linear(8, 10, rng=rng, weight_init=init))


@pytest.mark.parametrize("init, said", [(gaussian(0.01), 1), (fan_in(), 0)])
def test_four_convolutions(init, said, capsys):
    images, labels = mnist_sample().train
    split = Split(images[:600, 6:22, 6:22] / np.float32(255), labels[:600])
    net = deep(init)
    train(net, SGD(net.parameters(), lr=0.05), Loader(split, 20, np.random.default_rng(0)), 4)
    assert capsys.readouterr().out.count("no better than guessing") == said


def test_answers_of_another_kind_are_not_judged(capsys):
    net = Sequential(fc=Linear(1, 2, rng=np.random.default_rng(0)))
    split = Split(np.ones((500, 1), np.float32), np.arange(500) % 2)
    for metric, said in (None, 1), (lambda scores, targets: float(len(targets)), 0):
        train(net, SGD(net.parameters(), lr=0.001), Loader(split, 50, np.random.default_rng(0)), 3, metric=metric)
        assert capsys.readouterr().out.count("no better than guessing") == said
