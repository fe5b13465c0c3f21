"""Layers of one's own that do not tell of what they hold: found before they go untrained, unsaved, or on otherwise."""
import numpy as np
import pytest

from tinynet import SGD, Layer, Linear, MaxPool2d, Parameter, ReLU, Sequential, Unpool2d, gradcheck
from tinynet.data import Loader, Split
from tinynet.overlooked import expect_children, expect_state
from tinynet.training.run import Run
from tinynet.training.train import train

X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


class Nest(Layer):
    def __init__(self, parts):
        self.parts = parts

    def forward(self, x, train=False, keep=False):
        for part in self.inside():
            x = part.forward(x, train=train, keep=keep)
        return x

    def backward(self, dy):
        for part in reversed(self.inside()):
            dy = part.backward(dy)
        return dy

    def inside(self):
        return list(self.parts.values()) if isinstance(self.parts, dict) else list(self.parts)


class Telling(Nest):
    def children(self):
        return [("a", self.parts[0]), ("b", self.parts[1])]


class Noise(Layer):
    def __init__(self):
        self.rng = np.random.default_rng(1)

    def forward(self, x, train=False, keep=False):
        return x + self.rng.normal(size=x.shape).astype(x.dtype) if train else x

    def backward(self, dy):
        return dy


class TellingNoise(Noise):
    def state(self):
        return [("rng", self.rng)]


def learn(net):
    train(net, SGD(net.parameters(), 0.1), Loader(Split(X, np.arange(4) % 2), 4, np.random.default_rng(2)), 1)


@pytest.mark.parametrize("hold", [list, tuple, lambda parts: dict(zip("ab", parts, strict=True))])
def test_layers_that_children_does_not_name_are_found(hold):
    net = Sequential(block=Nest(hold([Linear(3, 3), ReLU()])), fc=Linear(3, 2))
    for use in learn, lambda net: gradcheck(net, X):
        with pytest.raises(TypeError, match=r"block \(Nest\): parts is a layer that children\(\) does not name"):
            use(net)
    expect_children(Sequential(block=Nest(hold([ReLU(), ReLU()]))))                  # nothing to train or to save


@pytest.mark.parametrize("hold", [list, tuple, lambda parts: dict(zip("ab", parts, strict=True))])
def test_parameters_that_no_attribute_is_are_found(hold):
    net = Sequential(relu=ReLU(), fc=Linear(3, 2))
    net["relu"].scales = hold([Parameter(np.ones(3, np.float32)), Parameter(np.ones(3, np.float32))])
    for use in learn, lambda net: gradcheck(net, X):
        with pytest.raises(TypeError, match=r"relu \(ReLU\): scales holds a Parameter that parameters\(\) does"):
            use(net)
    net["relu"].scales = hold([net["fc"].W, net["fc"].b])                            # which somebody has
    expect_children(net)


def test_a_layer_that_tells_of_its_layers_is_trained():
    net = Sequential(block=Telling([Linear(3, 3), ReLU()]), fc=Linear(3, 2))
    before = net["block"].parts[0].W.value.copy()
    learn(net)
    assert not np.array_equal(net["block"].parts[0].W.value, before)


def test_a_layer_may_refer_to_one_that_is_elsewhere_in_the_net():
    net = Sequential(fc=Linear(3, 3), again=ReLU())
    net["again"].like = net["fc"]
    expect_children(net)
    pool = MaxPool2d(2)
    expect_children(Sequential(pool=pool, back=Unpool2d(pool)))


def test_a_generator_that_state_does_not_name_is_found(tmp_path):
    net = Sequential(noise=Noise(), fc=Linear(3, 2))
    message = r"noise \(Noise\): rng is a random generator that state\(\) does not name"
    with pytest.raises(TypeError, match=message):
        gradcheck(net, X, train=True)
    with pytest.raises(TypeError, match=message), Run(tmp_path / "run", {}) as run:
        run.start(net, SGD(net.parameters(), 0.1), Loader(Split(X, np.arange(4)), 4, np.random.default_rng(2)))
    expect_state(Sequential(noise=TellingNoise(), fc=Linear(3, 2)))
    gradcheck(Sequential(noise=TellingNoise(), fc=Linear(3, 2)), X, train=True)
