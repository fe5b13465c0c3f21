"""Many threads and one net: a training is right or refused, and whoever predicts beside it disturbs nothing."""
from __future__ import annotations

import copy
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tinynet import (
    SGD,
    AvgPool2d,
    BatchNorm2d,
    Branches,
    Conv2d,
    Dropout,
    Flatten,
    Fork,
    Identity,
    Join,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    SoftmaxCrossEntropy,
    Sum,
    pair,
    set_threads,
)
from tinynet.columns import Columns
from tinynet.data import Loader, Split
from tinynet.train import train

from . import rounds

ROUNDS = rounds(60)
REFUSED = "is training this net, or has called a forward whose backward is still to come"


def net_of_everything(seed=0):
    rng = np.random.default_rng(seed)
    return Sequential(
        conv=Conv2d(3, 4, 3, padding=1, algorithm="winograd", rng=rng), norm=BatchNorm2d(4), relu=ReLU(),
        pool=MaxPool2d(2), mix=Branches(a=Conv2d(4, 4, 1, rng=rng), b=AvgPool2d(3, stride=1, padding=1)),
        block=Sum(f=Conv2d(8, 8, 3, padding=1, rng=rng), shortcut=Identity()),
        fork=Fork(pair("cpu")), both=Columns(Conv2d(8, 3, 3, rng=rng), Conv2d(8, 3, 3, rng=rng)),
        join=Join(pair("cpu")[0]), flat=Flatten(), drop=Dropout(0.5, rng), fc=Linear(24, 5, rng=rng))


def batch(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 8, 8, 3)).astype(np.float32), rng.integers(0, 5, 4)


@pytest.fixture(autouse=True)
def threads_change_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    set_threads(2)
    yield
    sys.setswitchinterval(before)


def passes(net, seed, how):
    """What one forward and backward give that belongs to the caller: scores, loss, dx."""
    x, labels = batch(seed)
    loss = SoftmaxCrossEntropy()
    y = net.forward(x, **how)
    return y, loss.forward(y, labels), net.backward(loss.backward())


def test_what_three_threads_do_with_one_net_is_right_or_refused():
    """Keeping without dropout, so that what is right does not depend on the order."""
    net, keep = net_of_everything(), {"keep": True}
    expected = {seed: passes(net, seed, keep) for seed in range(3)}
    start, refused, right = threading.Barrier(3), [], []

    def hammer(seed):
        start.wait()
        for _ in range(ROUNDS):
            try:
                got = passes(net, seed, keep)
            except RuntimeError as error:
                assert REFUSED in str(error) or "backward has nothing to work from" in str(error)
                refused.append(seed)
            else:
                for ours, alone in zip(got, expected[seed], strict=True):
                    np.testing.assert_array_equal(ours, alone)
                right.append(seed)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(hammer, range(3)))
        assert refused and len(refused) + len(right) == 3 * ROUNDS
        for seed in range(3):  # one after another, they may: nothing of what was refused stands in the way
            np.testing.assert_array_equal(pool.submit(passes, net, seed, keep).result()[0], expected[seed][0])
            np.testing.assert_array_equal(passes(net, seed, keep)[0], expected[seed][0])


def trained(net, loss=None):
    """The weights and averages after a training of a few epochs."""
    images, labels = np.concatenate([batch(i)[0] for i in range(4)]), np.arange(16) % 5
    train(net, SGD(net.parameters(), 0.01), Loader(Split(images, labels), 4, np.random.default_rng(1)), rounds(3),
          loss=loss)
    return [p.value.copy() for _, p in net.parameters()] + [net["norm"].running_mean.copy()]


def test_predicting_beside_a_training_changes_no_bit_of_it():
    alone, net = trained(net_of_everything()), net_of_everything()
    done, answers = threading.Event(), []

    class Waits(SoftmaxCrossEntropy):
        def forward(self, logits, labels):
            """Between each forward and its backward somebody gets an answer."""
            before = len(answers)
            while len(answers) == before and not done.wait(0.001):
                pass
            return super().forward(logits, labels)

    def predict(forward):
        x, _ = batch(7)
        try:
            while not done.is_set():
                answers.append(forward(x).shape)
        finally:
            done.set()

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(predict, f) for f in (net.predict, net.forward, lambda x: net[:"pool"].forward(x))]
        try:
            beside = trained(net, Waits())
        finally:
            done.set()
        assert all(future.result() is None for future in asking)
    for ours, expected in zip(beside, alone, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_of_three_trainings_of_one_net_one_goes_on_and_the_others_are_refused_at_once():
    alone, net, begun, done = trained(net_of_everything()), net_of_everything(), threading.Event(), []

    def slowly():
        begun.wait(10)
        return trained(net)

    def others():
        for _ in range(ROUNDS):
            with pytest.raises(RuntimeError, match=REFUSED):
                trained(net)
            with pytest.raises(RuntimeError, match=REFUSED):
                net.forward(batch(0)[0], train=True)

    class Waits(Identity):  # so that the others come while the training is under way
        def forward(self, x, train=False, keep=False):
            if train and not done:
                begun.set()
                for thread in threads:
                    thread.result(60)
                done.append(True)
            return super().forward(x, train, keep)

    net.layers["fc"] = Sequential(wait=Waits(), fc=net["fc"])
    with ThreadPoolExecutor(2) as pool:
        threads = [pool.submit(lambda: begun.wait(10) and others()) for _ in range(2)]
        result = trained(net)
    for ours, expected in zip(result, alone, strict=True):
        np.testing.assert_array_equal(ours, expected)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(trained, net).result()  # and then anybody may


def test_a_thread_that_is_gone_stands_in_nobodys_way():
    net, x = net_of_everything(), batch(0)[0]
    thread = threading.Thread(target=net.forward, args=(x, True))
    thread.start()
    thread.join()
    net.forward(x, keep=True)
    net.backward(np.ones((4, 5), np.float32))


def test_another_threads_backward_is_refused_and_takes_nothing():
    net, (x, labels) = net_of_everything(), batch(0)
    dy = np.ones((4, 5), np.float32)
    net.forward(x, keep=True)
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(RuntimeError, match=rf"fc \(Linear\): thread 'MainThread' {REFUSED}. Thread 'Thread"):
            pool.submit(net.backward, dy).result()
        with pytest.raises(RuntimeError, match=rf"conv \(Conv2d\): thread 'MainThread' {REFUSED}"):
            pool.submit(net.forward, x, keep=True).result()
        pool.submit(net.forward, x).result()  # keeps nothing, and forgets nothing
        pool.submit(net.predict, x).result()
        loss = SoftmaxCrossEntropy()
        loss.forward(net.predict(x), labels)
        with pytest.raises(RuntimeError, match="SoftmaxCrossEntropy: thread 'MainThread'"):
            pool.submit(loss.backward).result()
    net.backward(dy)


def test_a_copy_or_a_pickled_net_is_in_nobodys_training():
    net, x = net_of_everything(), batch(0)[0]
    net.forward(x, keep=True)
    with ThreadPoolExecutor(1) as pool:
        twin = copy.deepcopy(net)
        pool.submit(lambda: twin.forward(x, keep=True)).result()
    with pytest.raises(RuntimeError, match="backward has nothing to work from"):
        copy.deepcopy(net).backward(np.ones((4, 5), np.float32))
    net.backward(np.ones((4, 5), np.float32))


def test_between_a_backward_and_its_step_a_net_is_in_training_and_can_be_copied():
    net, (x, labels), copies = net_of_everything(), batch(0), []

    def before_step():
        copies.append(copy.deepcopy(net))
        with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeError, match=REFUSED):
            pool.submit(net.forward, x, train=True).result()

    train(net, SGD(net.parameters(), 0.01), Loader(Split(x, labels), 4, np.random.default_rng(1)), 1,
          before_step=before_step)
    assert copies


def test_average_pooling_of_two_sizes_at_once():
    pool2d, sizes = AvgPool2d(3, 2, padding=1, ceil_mode=True), (5, 8)
    images = [np.random.default_rng(size).normal(size=(1, size, size, 1)) for size in sizes]
    expected = [pool2d.forward(x) for x in images]

    def many_times(i):
        for _ in range(5 * ROUNDS):
            np.testing.assert_array_equal(pool2d.forward(images[i]), expected[i])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(many_times, [0, 1, 0, 1]))


class Raced(ReLU):
    """Right after the first look at what is kept, another thread keeps something."""

    stored, raced = None, False

    @property
    def _kept(self):
        before = self.stored
        if not self.raced:
            self.raced = True
            other = threading.Thread(target=self.forward, args=(np.ones((1, 2), np.float32),), kwargs={"keep": True})
            other.start()
            other.join()
        return before

    @_kept.setter
    def _kept(self, kept):
        self.stored = kept


def test_what_another_thread_keeps_while_a_forward_looks_is_not_forgotten():
    layer, x = Raced(), np.ones((1, 2), np.float32)
    layer.forward(x)
    assert layer.raced and layer.backward(x).tolist() == [[1, 1]]
