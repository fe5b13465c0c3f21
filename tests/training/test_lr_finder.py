"""The range test: rates in geometric steps, the loss after each, an end in time, and everything left as it was."""
import copy
import json

import numpy as np
import pytest

from tinynet import SGD, Adam, Dropout, Flatten, Linear, MeanSquaredError, Sequential
from tinynet.data import Loader, Split
from tinynet.training.checkpoint import plain
from tinynet.training.lr_finder import FAR, SMOOTH, a_tenth, find_lr


def classes():
    """Forty images in two classes, a net with dropout and a generator of its own."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(40, 2, 2, 1)).astype(np.float32)
    net = Sequential(flat=Flatten(), fc1=Linear(4, 16, rng=rng), drop=Dropout(rng=rng), fc2=Linear(16, 2, rng=rng))
    return net, Loader(Split(images, (images[:, 0, 0, 0] > 0).astype(int)), 8, np.random.default_rng(1))


class OneNumber(Sequential):
    """w, which should be 0, by L = w² : a step with ε makes it w - 2εw."""


def one_number(batch_size=4):
    net = OneNumber(fc=Linear(1, 1, bias=False, weight_init=lambda rng, shape: np.ones(shape, np.float32)))
    split = Split(np.ones((4, 1), np.float32), np.zeros((4, 1), np.float32))
    return net, Loader(split, batch_size, np.random.default_rng(0))


@pytest.mark.parametrize("batch_size", [4, 1])                   # an epoch of one batch, and of four
def test_each_loss_is_that_after_the_step_with_its_rate(batch_size):
    net, loader = one_number(batch_size)
    sgd = SGD(net.parameters(), 1.0, momentum=0, weight_decay=0)
    rates, losses = find_lr(net, sgd, loader, loss=MeanSquaredError(), low=0.01, high=0.64, steps=7)
    assert rates == pytest.approx([0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64])
    w, mean, expected = 1.0, 1 - SMOOTH, []
    for i, rate in enumerate(rates, start=2):
        w -= 2 * rate * w
        mean = SMOOTH * mean + (1 - SMOOTH) * w ** 2
        expected.append(mean / (1 - SMOOTH ** i))
    assert losses == pytest.approx(expected, rel=1e-5)
    assert a_tenth([1.0, 2.0, 4.0], [3.0, 1.0, 2.0]) == 0.2


def test_it_ends_when_the_loss_is_far_above_its_lowest():
    net, loader = one_number()
    rates, losses = find_lr(net, SGD(net.parameters(), 1.0, momentum=0, weight_decay=0), loader,
                            loss=MeanSquaredError(), low=0.01, high=100.0)
    assert rates[-1] < 20 and losses[-1] > FAR * min(losses) >= losses[-2]


def test_it_ends_when_the_training_diverges(monkeypatch):
    monkeypatch.setattr("tinynet.training.lr_finder.FAR", np.inf)
    net, loader = classes()
    rates, losses = find_lr(net, SGD(net.parameters(), 1.0), loader, low=1e-3, high=1e30)
    assert 2 < len(rates) == len(losses) < 100 and np.isfinite(losses).all()


def test_it_takes_as_many_steps_as_it_is_told_however_many_batches_an_epoch_has():
    for batch_size in 8, 40:
        net, loader = classes()
        loader.batch_size = batch_size
        rates, losses = find_lr(net, SGD(net.parameters(), 1.0), loader, low=1e-5, high=1e-4, steps=11)
        assert len(rates) == len(losses) == 11 and (rates[0], rates[-1]) == (1e-5, pytest.approx(1e-4))


def test_no_advice_on_a_training_that_is_meant_to_begin_too_slowly(capsys):
    rng = np.random.default_rng(0)
    split = Split(rng.normal(size=(600, 4)).astype(np.float32), rng.integers(0, 10, 600))
    net, loader = Sequential(fc=Linear(4, 10, rng=rng)), Loader(split, 100, rng)
    assert len(find_lr(net, SGD(net.parameters(), 1.0), loader, high=1e-4, steps=30)[0]) == 30
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_everything_is_left_as_it_was(kind):
    net, loader = classes()
    optimizer = kind(net.parameters(), 0.3)
    net.forward(loader.split.images, train=True)
    net.backward(np.ones((40, 2), np.float32))
    optimizer.step()

    def everything():
        arrays = [p.value.tolist() for _, p in net.parameters()]
        slots = {slot: {name: a.tolist() for name, a in of.items()} for slot, of in optimizer.slots.items()}
        generators = [json.dumps(rng.bit_generator.state, default=plain) for rng in (loader.rng, net["drop"].rng)]
        return copy.deepcopy((arrays, slots, generators, optimizer.lr, optimizer.steps))

    before, places = everything(), [p.value for _, p in net.parameters()]
    first = find_lr(net, optimizer, loader, low=1e-3, high=1.0, steps=10)
    assert everything() == before
    assert all(p.value is place for (_, p), place in zip(net.parameters(), places, strict=True))
    assert find_lr(net, optimizer, loader, low=1e-3, high=1.0, steps=10) == first


@pytest.mark.parametrize("limits", [{"low": 0.0}, {"low": 1.0, "high": 0.1}, {"high": np.inf}, {"steps": 1}])
def test_limits_that_make_no_sense_are_refused(limits):
    net, loader = classes()
    with pytest.raises(ValueError, match="find_lr: expected 0 < low < high and 2 steps or more, got "):
        find_lr(net, SGD(net.parameters(), 1.0), loader, **limits)


def test_a_net_that_diverges_at_once_is_said_to_do_so():
    net, loader = classes()
    net["fc2"].W.value[...] = np.nan
    with pytest.raises(ValueError, match="find_lr: the training diverges at once, with a learning rate of 1e-06"):
        find_lr(net, SGD(net.parameters(), 1.0), loader)
