"""What users of PyTorch and Keras write first: it works, or one line says what to write."""
from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from tinynet import (
    SGD,
    Adam,
    Branches,
    Conv2d,
    Flatten,
    Linear,
    MeanSquaredError,
    ReLU,
    Sequential,
    SoftmaxCrossEntropy,
    Sum,
    Tanh,
)
from tinynet.data import ImageFolder, Loader, Split, mnist_sample
from tinynet.files.reading import DataError
from tinynet.train import train

X = np.ones((2, 3), np.float32)


@pytest.fixture
def net():
    return Sequential(fc=Linear(3, 2, rng=np.random.default_rng(0)))


def refused(message, call, kind=TypeError):
    with pytest.raises(kind, match=f"^{re.escape(message)}$") as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_net_a_layer_and_a_loss_can_be_called(net):
    np.testing.assert_array_equal(net(X), net.forward(X))
    np.testing.assert_array_equal(ReLU()(-X), 0 * X)
    loss = SoftmaxCrossEntropy()
    assert loss(net(X, train=True), np.array([0, 1])) == loss.forward(net.forward(X), np.array([0, 1]))
    assert MeanSquaredError()(X, 2 * X) == 1
    seen = []
    net(X, seen=lambda name, *rest: seen.append(name))
    assert seen == ["fc"]


@pytest.mark.parametrize("kind", [Sequential, Branches, Sum])
def test_layers_without_names_are_refused_with_the_line_to_write(kind):
    line = (f"{kind.__name__}: every layer has a name here; write "
            f"{kind.__name__}(conv1=Conv2d(...), relu1=ReLU(...), conv2=Conv2d(...))")
    layers = Conv2d(3, 4, 3), ReLU(), Conv2d(4, 4, 3)
    refused(line, lambda: kind(*layers))
    refused(line, lambda: kind(list(layers)))
    refused(line, lambda: kind(*layers, tanh=Tanh()))
    refused(f"{kind.__name__}: every layer has a name here; write {kind.__name__}(conv1=Conv2d(...), ...)",
            lambda: kind([]))


@pytest.mark.parametrize("rule", [SGD, Adam])
def test_an_optimiser_of_something_else_than_pairs(rule, net):
    line = f"{rule.__name__}: expected pairs (name, Parameter), got {{}}; write {rule.__name__}(net.parameters(), ...)"
    refused(line.format("a Sequential"), lambda: rule(net, lr=0.1))
    refused(line.format("pairs with Parameter among them"), lambda: rule([net["fc"].W], lr=0.1))
    refused(line.format("pairs with str among them"), lambda: rule(dict(net.parameters()), lr=0.1))


def test_a_training_or_a_loader_of_something_else_than_a_loader_or_a_split(net, tmp_path):
    refused("train: expected a Loader, got a tuple; write Loader(Split(images, labels), batch_size, rng)",
            lambda: train(net, SGD(net.parameters(), 0.1), (X, np.array([0, 1])), 1))
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / name / "1.png")
    refused("Loader: expected a Split (images, labels), got an ImageFolder, whose images differ in size; make squares "
            "of them: Loader(prepared_squares(folder, cache), ...)", lambda: Loader(ImageFolder(tmp_path), 8))
    refused("Loader: expected a Split (images, labels), got a Dataset of two; write Loader(data.train, ...) or "
            "Loader(data.test, ...)", lambda: Loader(mnist_sample(), 8))
    refused("Loader: expected a Split (images, labels), got ndarray; write Loader(Split(images, labels), ...)",
            lambda: Loader(X, 8))
    assert isinstance(Loader((X, np.array([0, 1])), 8).split, Split)


def test_lists_and_images_with_their_channels_first(net):
    refused("fc (Linear): expected an array for x, got list; write np.array(x, np.float32)", lambda: net([[1.0] * 3]))
    refused("Conv2d: expected x of shape (N, H, W, 3), got (2, 3, 8, 9); channels come last here: "
            "x.transpose(0, 2, 3, 1)", lambda: Conv2d(3, 4, 3)(np.ones((2, 3, 8, 9), np.float32)), ValueError)
    refused("Conv2d: expected x of shape (N, H, W, 3), got (2, 8, 9, 4)",
            lambda: Conv2d(3, 4, 3)(np.ones((2, 8, 9, 4), np.float32)), ValueError)


def test_an_old_file_of_pytorch_is_named(net, tmp_path):
    path = tmp_path / "old.pt"
    path.write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")  # how they begin
    refused(f"{path}: expected a whole .npz file of arrays, got a pickle, as torch.save made them once. In PyTorch, "
            "write np.savez(path, **net.state_dict()), and read that with from_torch.",
            lambda: net.load(path), DataError)


def test_a_net_prints_as_a_table():
    net = Sequential(conv1=Conv2d(3, 4, (3, 2), stride=2, padding=(1, 0), bias=False),
                     mix=Sum(plain=ReLU(), deep=Conv2d(4, 4, 1)), flat=Flatten(), fc=Linear(4, 2))
    assert str(net).splitlines() == [
        "Sequential of 4 layers, 102 parameters",
        "  conv1      Conv2d(3, 4, (3, 2), stride=2, padding=(1, 0), bias=False)  W 3x2x3x4       72",
        "  mix        Sum",
        "  mix.plain  ReLU()",
        "  mix.deep   Conv2d(4, 4, 1)                                             W 1x1x4x4  b 4  20",
        "  flat       Flatten()",
        "  fc         Linear(4, 2)                                                W 4x2  b 2      10"]
    assert repr(Conv2d(3, 4, 3, padding=((0, 3), (0, 3)))) == "Conv2d(3, 4, 3, padding=((0, 3), (0, 3)))"
    assert repr(net["mix"]).startswith("Sum of 2 layers, 20 parameters\n")


def test_a_layer_is_replaced_by_name(net):
    outer = Sequential(inner=net, relu=ReLU())
    new = Linear(3, 5)
    outer["inner"]["fc"] = new
    assert net["fc"] is new and new.label == "inner.fc (Linear)" and outer(X).shape == (2, 5)
    assert [name for name, _ in outer.parameters()] == ["inner.fc.W", "inner.fc.b"]


def test_what_cannot_replace_a_layer_is_refused_and_changes_nothing(net):
    from tinynet import simulated
    two = Sequential(a=net["fc"], b=ReLU())
    for name, layer, kind, message in (
            ("c", ReLU(), KeyError, "no layer is called 'c'; there are a, b"),
            ("b", "relu", TypeError, "Sequential: expected a layer for b, got 'relu'"),
            ("b", two["a"], ValueError, "Sequential: a and b are one layer"),
            ("a", Linear(3, 2, device=simulated(1)), ValueError, re.escape(
                "Sequential: a is on cpu, the layer to replace it on simulated(1); move that first, with to()"))):
        before = dict(two.layers)
        with pytest.raises(kind, match=message):
            two[name] = layer
        assert two.layers == before
