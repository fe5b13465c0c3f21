"""On a GPU nobody waits for a number within a step: it is read some steps later, all steps' numbers together.

A simulated device stands for the GPU, and what reads a number of it is counted.
"""
from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tinynet import (
    SGD,
    Adam,
    Columns,
    Fork,
    Join,
    Linear,
    MeanSquaredError,
    ReLU,
    Sequential,
    SoftmaxCrossEntropy,
    pair,
)
from tinynet.data import Loader, Split
from tinynet.devices import crossing
from tinynet.devices.device import Device, cpu, simulated
from tinynet.devices.simulated import SimulatedArray, must_be_current
from tinynet.devices.sums import ByHost
from tinynet.distributed import Alone
from tinynet.models.lenet5 import MAPLoss
from tinynet.training import progress as progress_module
from tinynet.training.clip import clip_gradients
from tinynet.training.diverged import Diverged
from tinynet.training.progress import LATE
from tinynet.training.train import Progress, train

STEPS = 2 * LATE + 5  # of an epoch


@pytest.fixture
def reads(monkeypatch):
    """How often the host has read from a device: a list with an entry for each time."""
    found = []

    def counted(where):
        if where is not cpu:
            found.append(where)

    for kind, name in [(SimulatedArray, "item"), (SimulatedArray, "tolist"), (Device, "tohost")]:
        real = getattr(kind, name)
        monkeypatch.setattr(kind, name, lambda *args, real=real: counted(args[0]) or real(*args))
    return found


def data(seed=0, size=4 * STEPS):
    rng = np.random.default_rng(seed)
    return Split(rng.normal(size=(size, 3)).astype(np.float32), rng.integers(0, 2, size))


def go(device, on_batch=None, rate=0.1, optimizer=SGD, epochs=1, **options):
    rng = np.random.default_rng(0)
    net = Sequential(fc1=Linear(3, 4, rng=rng), relu=ReLU(), fc2=Linear(4, 2, rng=rng)).to(device)
    loader, at = Loader(data(), 4, np.random.default_rng(1)), Progress()
    history = train(net, optimizer(net.parameters(), rate), loader, epochs, on_batch=on_batch, progress=at, **options)
    return net, history


@pytest.fixture
def gpu(monkeypatch):
    """A simulated device that says it is asynchronous, as a GPU is."""
    monkeypatch.setattr(simulated(0), "asynchronous", True, raising=False)
    return simulated(0)


@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_numbers_are_read_together_every_few_steps(gpu, reads, optimizer):
    at_step = []
    go(gpu, lambda progress: at_step.append(len(reads)) and None, optimizer=optimizer)
    waited = [i + 1 for i, (now, before) in enumerate(zip(at_step, [0, *at_step], strict=False)) if now > before]
    assert len(at_step) == STEPS and waited == [LATE, 2 * LATE]


def in_columns(devices):
    rng = np.random.default_rng(0)
    left, right = (Linear(3, 4, rng=rng) for _ in range(2))
    return Sequential(fork=Fork(devices), fc1=Columns(left, right), join=Join(devices[0]),
                      fc2=Linear(8, 2, rng=rng)).to(devices)


def test_two_gpus_are_not_waited_for_either(reads, monkeypatch):
    """A column's parameters lie on each."""
    def copied(x, source, to):                                       # without the host, as from GPU to GPU
        return SimulatedArray(x._data.copy(), to)
    results = []
    for asynchronous in False, True:
        for place in pair("simulated"):
            monkeypatch.setattr(place, "asynchronous", asynchronous, raising=False)
        monkeypatch.setattr(crossing, "_copy", copied)
        net, at_step = in_columns(pair("simulated")), []
        sgd = SGD(net.parameters(), 0.1)
        reads.clear()
        history = train(net, sgd, Loader(data(), 4, np.random.default_rng(1)), 1, before_step=clip_gradients(sgd, 0.5),
                        on_batch=lambda progress, at_step=at_step: at_step.append(len(reads)) and None)
        results.append(history[0])
    waited = [i + 1 for i, (now, before) in enumerate(zip(at_step, [0, *at_step], strict=False)) if now > before]
    assert waited == [LATE, 2 * LATE]
    for name in "train_loss", "train_error", "grad_norm":
        assert results[0][name] == pytest.approx(results[1][name], rel=1e-6), name


def test_the_records_are_those_of_a_device_that_is_waited_for(gpu, monkeypatch):
    _, late = go(gpu, epochs=2)
    monkeypatch.setattr(gpu, "asynchronous", False, raising=False)
    net, at_once = go(gpu, epochs=2)
    for a, b in zip(late, at_once, strict=True):
        for name in "train_loss", "train_error", "grad_norm":
            assert a[name] == pytest.approx(b[name], rel=1e-6), name


def test_other_losses(gpu, reads):
    at_step = []
    loader = Loader(data()._replace(labels=np.ones((4 * STEPS, 2), np.float32)), 4, np.random.default_rng(1))
    net = Sequential(fc=Linear(3, 2, rng=np.random.default_rng(0))).to(gpu)
    history = train(net, SGD(net.parameters(), 0.01), loader, 1, loss=MeanSquaredError(),
                    on_batch=lambda progress: at_step.append(len(reads)) and None)
    assert at_step[LATE - 2] == 0 and 0 < history[0]["train_loss"] < 1


def test_the_loss_of_lenet5(gpu, reads):
    at_step = []
    net = Sequential(fc=Linear(3, 2, rng=np.random.default_rng(0))).to(gpu)
    train(net, SGD(net.parameters(), 0.01), Loader(data(), 4, np.random.default_rng(1)), 1, loss=MAPLoss(),
          on_batch=lambda progress: at_step.append(len(reads)) and None)
    assert at_step[LATE - 2] == 0 < at_step[LATE - 1]


class Awaited:
    """A number that a GPU is still computing; whoever reads it first is stopped by Ctrl-C."""

    def __init__(self, number):
        self.number, self.stopped = number, False

    def __float__(self):
        if not self.stopped:
            self.stopped = True
            raise KeyboardInterrupt
        return self.number


def test_ctrl_c_while_one_waits_loses_no_step():
    at = Progress()
    for number in 1.0, 2.0, 3.0:
        at.count(4, Awaited(number), 1, Awaited(10 * number))
    for _ in range(6):
        with pytest.raises(KeyboardInterrupt):
            at.settle()
    at.settle()
    assert (at.batch, at.images, at.loss, at.error, at.grad_norm, at.last_loss) == (3, 12, 24.0, 3, 60.0, 3.0)


def test_whoever_wants_the_last_numbers_asks_for_them(gpu):
    seen = []

    def on_batch(progress):
        before = progress.last_loss
        progress.settle()
        seen.append((before, progress.last_loss))
    go(gpu, on_batch)
    assert all(now > 0 for _, now in seen) and [before for before, _ in seen][1:] == [now for _, now in seen][:-1]


def test_a_training_that_runs_away_is_stopped_some_steps_later(gpu):
    def poison(progress):
        if progress.batch == 3:
            net["fc2"].W.assign(np.full((4, 2), np.nan, np.float32))
    rng = np.random.default_rng(0)
    net = Sequential(fc1=Linear(3, 4, rng=rng), relu=ReLU(), fc2=Linear(4, 2, rng=rng)).to(gpu)
    with pytest.raises(Diverged, match=f"epoch 1, batch 4: the loss is nan, .* taken, and {LATE - 4} more, before"):
        train(net, SGD(net.parameters(), 0.1), Loader(data(), 4, np.random.default_rng(1)), 1, on_batch=poison)


def test_it_is_found_at_the_end_of_an_epoch_at_the_latest(gpu, monkeypatch):
    monkeypatch.setattr(progress_module, "LATE", 10 ** 6)
    with np.errstate(all="ignore"), pytest.raises(Diverged, match="epoch 1, batch"):
        go(gpu, rate=1e30)


class TwoRanks(Alone):
    """This process as one of two, whose other has no images."""

    size, share = 2, (0, 2)

    def __init__(self):
        self.sums = ByHost(lambda a: SimpleNamespace(Test=lambda: None, Wait=lambda: None))

    def sums_on(self, device):
        return self.sums

    def raise_together(self, error):
        if error:
            raise error

    def broadcast(self, *args):
        pass

    def mean_of_statistics(self, net):
        pass


class BadAtStep5(SoftmaxCrossEntropy):
    """A loss whose fifth gradient is NaN. `number` is what it gives of L."""

    def __init__(self, number=lambda L: L):
        self.number, self.steps = number, 0

    def forward(self, logits, targets):
        return self.number(super().forward(logits, targets))

    def backward(self):
        self.steps += 1
        return super().backward() * (np.nan if self.steps == 5 else 1)


@pytest.mark.parametrize("options, loss, message", [
    ({"ranks": TwoRanks()}, BadAtStep5(), "batch 5: the gradient of fc2.b holds NaN .* It began on rank 0"),
    ({}, BadAtStep5(number=lambda L: float(L.tolist())), "batch 5: the gradient of fc2.b holds NaN")])
def test_where_the_numbers_are_waited_for_the_step_is_not_taken(gpu, options, loss, message):
    rng = np.random.default_rng(0)
    net = Sequential(fc1=Linear(3, 4, rng=rng), relu=ReLU(), fc2=Linear(4, 2, rng=rng)).to(gpu)
    loader = Loader(data(), 4, np.random.default_rng(1), share=options["ranks"].share if options else (0, 1))
    with pytest.raises(Diverged, match=message):
        train(net, SGD(net.parameters(), 0.1), loader, 1, loss=loss, **options)
    assert loss.steps == 5 and all(np.isfinite(gpu.tohost(p.value)).all() for _, p in net.parameters())


def test_ranks_whose_sum_is_not_finite_are_stopped_at_the_end_of_the_epoch_at_the_latest(gpu):
    rng, batches = np.random.default_rng(0), []
    net = Sequential(fc1=Linear(3, 4, rng=rng), fc2=Linear(4, 2, rng=rng)).to(gpu)

    def overflow():
        batches.append(len(batches) + 1)
        if batches[-1] == STEPS:
            net["fc2"].b.grad[...] = np.inf
    with pytest.raises(Diverged, match=f"batch {STEPS}: .* the length of the gradient inf. The step was taken"):
        train(net, SGD(net.parameters(), 0.1), Loader(data(), 4, np.random.default_rng(1), share=(0, 2)), 1,
              before_step=overflow, ranks=TwoRanks())


def test_a_training_that_is_ended_by_a_hook_has_looked_at_every_step(gpu):
    def poisoned(net):
        def on_batch(progress):
            if progress.batch == 3:
                net["fc2"].W.assign(np.full((4, 2), np.nan, np.float32))
            return progress.batch == 6
        return on_batch
    rng = np.random.default_rng(0)
    net = Sequential(fc1=Linear(3, 4, rng=rng), relu=ReLU(), fc2=Linear(4, 2, rng=rng)).to(gpu)
    with pytest.raises(Diverged, match="epoch 1, batch 4: the loss is nan, .* taken, and 2 more, before"):
        train(net, SGD(net.parameters(), 0.1), Loader(data(), 4, np.random.default_rng(1)), 1, on_batch=poisoned(net))


@pytest.mark.parametrize("options", [{}, {"accumulate": 2}, {"ranks": TwoRanks()}])
def test_sums_of_losses_and_errors_are_taken_where_they_are(gpu, options):
    rng, share = np.random.default_rng(0), options["ranks"].share if "ranks" in options else (0, 1)
    net = Sequential(fc1=Linear(3, 4, rng=rng), fc2=Linear(4, 2, rng=rng)).to(gpu)
    with must_be_current():
        train(net, SGD(net.parameters(), 0.1), Loader(data(), 4, np.random.default_rng(1), share=share), 1, **options)
