"""The table of a net: known shapes, counts and multiply-adds."""
from __future__ import annotations

import re

import numpy as np
import pytest

from tinynet import (
    AvgPool2d,
    Branches,
    Columns,
    Conv2d,
    Dropout,
    Exchange,
    Flatten,
    Fork,
    Join,
    Linear,
    LocallyConnected2d,
    MaxPool2d,
    ReLU,
    Sequential,
    count_parameters,
    pair,
    summary,
)
from tinynet.devices.device import simulated


def cifar_net():
    """The 26 % net of cuda-convnet."""
    return Sequential(
        conv1=Conv2d(3, 32, 5, padding=2), pool1=MaxPool2d(3, 2, ceil_mode=True), relu1=ReLU(),
        conv2=Conv2d(32, 32, 5, padding=2), relu2=ReLU(), pool2=AvgPool2d(3, 2, ceil_mode=True),
        conv3=Conv2d(32, 64, 5, padding=2), relu3=ReLU(), pool3=AvgPool2d(3, 2, ceil_mode=True),
        flatten=Flatten(), fc64=Linear(1024, 64), relu4=ReLU(), fc10=Linear(64, 10))


def test_a_convolution_by_hand():
    # 32 kernels of 5 x 5 x 3 and 32 biases; each kernel at each of 32 x 32 places
    row, = summary(Sequential(conv1=Conv2d(3, 32, 5, padding=2)), (32, 32, 3), show=False)
    assert (row.name, row.kind, row.shape, row.neurons) == ("conv1", "Conv2d", (32, 32, 32), 32 * 32 * 32)
    assert (row.parameters, row.multiply_adds) == (32 * 5 * 5 * 3 + 32, 32 * 5 * 5 * 3 * 32 * 32)
    assert (row.bytes, row.columns) == (0, ())


def test_a_whole_net():
    rows = summary(cifar_net(), (32, 32, 3), show=False)
    shapes = {row.name: row.shape for row in rows}
    assert shapes == {
        "conv1": (32, 32, 32), "pool1": (16, 16, 32), "relu1": (16, 16, 32), "conv2": (16, 16, 32),
        "relu2": (16, 16, 32), "pool2": (8, 8, 32), "conv3": (8, 8, 64), "relu3": (8, 8, 64), "pool3": (4, 4, 64),
        "flatten": (1024,), "fc64": (64,), "relu4": (64,), "fc10": (10,)}
    neurons = {row.name: row.neurons for row in rows if row.neurons}  # of layers that learn; relu1 has no others
    assert neurons == {"conv1": 32 * 32 * 32, "conv2": 16 * 16 * 32, "conv3": 8 * 8 * 64, "fc64": 64, "fc10": 10}
    counts = {row.name: row.parameters for row in rows if row.parameters}
    # 5·5·3·32 + 32, 5·5·32·32 + 32, 5·5·32·64 + 64, 1024·64 + 64, 64·10 + 10
    assert counts == {"conv1": 2_432, "conv2": 25_632, "conv3": 51_264, "fc64": 65_600, "fc10": 650}
    products = {row.name: row.multiply_adds for row in rows if row.multiply_adds}
    assert products == {"conv1": 2_400 * 32 * 32, "conv2": 25_600 * 16 * 16, "conv3": 51_200 * 8 * 8,
                        "fc64": 65_536, "fc10": 640}
    assert count_parameters(cifar_net()) == sum(counts.values()) == 145_578


def test_the_papers_counts():
    # AlexNet's conv1 and conv2 (two columns that do not see each other: two groups), and a layer without shared weights
    assert count_parameters(Conv2d(3, 96, 11, 4)) == 34_944
    assert count_parameters(Conv2d(96, 256, 5, padding=2, groups=2)) == 307_456
    assert count_parameters(LocallyConnected2d(4, 2, 3, 5)) == 3 * 3 * (3 * 3 * 4 * 2 + 2)
    assert count_parameters(Linear(3, 4, bias=False)) == 12
    assert count_parameters(ReLU()) == 0


def test_nested_nets_and_branches_have_a_row_for_every_layer_inside():
    net = Sequential(
        stem=Sequential(conv=Conv2d(3, 4, 3, padding=1), relu=ReLU()),
        mix=Branches(one=Conv2d(4, 2, 1), three=Sequential(reduce=Conv2d(4, 1, 1), conv=Conv2d(1, 5, 3, padding=1))),
        drop=Dropout(), flatten=Flatten(), fc=Linear(8 * 8 * 7, 2))
    rows = {row.name: row for row in summary(net, (8, 8, 3), show=False)}
    assert {name: row.shape for name, row in rows.items()} == {
        "stem.conv": (8, 8, 4), "stem.relu": (8, 8, 4), "mix.one": (8, 8, 2), "mix.three.reduce": (8, 8, 1),
        "mix.three.conv": (8, 8, 5), "drop": (8, 8, 7), "flatten": (448,), "fc": (2,)}
    assert rows["mix.three.conv"].parameters == 3 * 3 * 1 * 5 + 5
    assert rows["mix.three.conv"].multiply_adds == 3 * 3 * 1 * 5 * 8 * 8
    assert sum(row.parameters for row in rows.values()) == count_parameters(net)


def test_a_single_layer_is_a_table_of_one_row():
    row, = summary(Linear(3, 2), (3,), show=False)
    assert (row.name, row.kind, row.shape) == ("", "Linear", (2,))
    assert (row.neurons, row.parameters, row.multiply_adds) == (2, 8, 6)


def two_columns():
    """conv1 in two columns of unequal width, which then exchange their maps; joined on the first device."""
    left, right = pair("simulated")
    return Sequential(fork=Fork((left, right)),
                      conv1=Columns(Conv2d(3, 4, 1, device=left), Conv2d(3, 2, 1, device=right)),
                      exchange=Exchange(),
                      conv2=Columns(Conv2d(6, 5, 3, device=left), Conv2d(6, 5, 3, device=right)),
                      join=Join(left))


def test_of_two_columns_a_row_holds_the_sum_and_each():
    rows = {row.name: row for row in summary(two_columns(), (8, 8, 3), show=False)}
    assert list(rows) == ["fork", "conv1", "exchange", "conv2", "join"]
    conv1 = rows["conv1"]
    assert (conv1.kind, conv1.neurons) == ("Conv2d", 8 * 8 * (4 + 2))
    assert (conv1.parameters, conv1.multiply_adds) == (3 * 4 + 4 + 3 * 2 + 2, 8 * 8 * 3 * (4 + 2))
    assert [(row.name, row.shape, row.parameters) for row in conv1.columns] == [
        ("conv1.left", (8, 8, 4), 3 * 4 + 4), ("conv1.right", (8, 8, 2), 3 * 2 + 2)]
    assert rows["conv2"].parameters == 2 * (3 * 3 * 6 * 5 + 5) and rows["join"].shape == (6, 6, 10)
    # float32: the exchange sends 8 x 8 x 4 maps one way and 8 x 8 x 2 the other, the join 6 x 6 x 5 to the left
    assert {name: row.bytes for name, row in rows.items()} == {
        "fork": 0, "conv1": 0, "exchange": 8 * 8 * (4 + 2) * 4, "conv2": 0, "join": 6 * 6 * 5 * 4}


def test_nets_in_columns_have_a_row_for_both_layers_that_do_the_same():
    devices = left, right = pair("cpu")
    inside = [Sequential(conv=Conv2d(3, 4, 1, device=device), relu=ReLU()) for device in devices]
    more = Sequential(conv=Conv2d(4, 5, 1, device=right), tanh=ReLU())
    net = Sequential(fork=Fork(devices), both=Columns(*inside), unlike=Columns(Conv2d(4, 2, 1), more), join=Join(left))
    rows = {row.name: row for row in summary(net, (2, 2, 3), show=False)}
    assert list(rows) == ["fork", "both.conv", "both.relu", "unlike.left", "unlike.right.conv", "unlike.right.tanh",
                          "join"]
    assert [row.name for row in rows["both.conv"].columns] == ["both.left.conv", "both.right.conv"]
    assert sum(row.parameters for row in rows.values()) == count_parameters(net)


def printed(capsys):
    return [line.split() for line in capsys.readouterr().out.splitlines()]


HEAD = ["layer", "kind", "output", "neurons", "parameters", "multiply-adds", "bytes", "sent"]


def test_the_table_as_printed(capsys):
    summary(Sequential(conv1=Conv2d(3, 32, 5, padding=2), relu1=ReLU()), (32, 32, 3))
    assert printed(capsys) == [
        HEAD,
        ["input", "32x32x3", "3,072"],
        ["conv1", "Conv2d", "32x32x32", "32,768", "2,432", "2,457,600"],
        ["relu1", "ReLU", "32x32x32"],
        ["total", "32,768", "2,432", "2,457,600", "0"]]


def test_the_table_of_two_columns_as_printed(capsys):
    summary(two_columns(), (8, 8, 3))
    assert printed(capsys) == [
        HEAD,
        ["input", "8x8x3", "192"],
        ["fork", "Fork", "8x8x3"],
        "conv1 Conv2d 8x8x4 | 8x8x2 256 | 128 16 | 8 768 | 384".split(),
        ["exchange", "Exchange", "8x8x6", "1,536"],
        "conv2 Conv2d 6x6x5 x2 180 x2 275 x2 9,720 x2".split(),
        ["join", "Join", "6x6x10", "720"],
        ["total", "744", "574", "20,592", "2,256"]]


def test_columns_line_up_and_nothing_is_printed_unless_shown(capsys):
    net = cifar_net()
    summary(net, (32, 32, 3))
    lines = capsys.readouterr().out.splitlines()
    end = lines[0].index("parameters") + len("parameters")
    for line, count in (lines[2], "2,432"), (lines[-4], "65,600"), (lines[-1], "145,578"):
        assert line[:end].endswith(" " + count)
    summary(net, (32, 32, 3), show=False)
    assert capsys.readouterr().out == ""


def test_a_net_may_know_the_size_of_its_images():
    net = Sequential(fc=Linear(3, 2))
    with pytest.raises(ValueError, match="summary: which input"):
        summary(net)
    net.input_shape = (3,)
    assert summary(net, show=False)[0].shape == (2,)


def test_a_net_in_double_precision():
    net = cifar_net().astype(np.float64)
    assert summary(net, (32, 32, 3), show=False) == summary(cifar_net(), (32, 32, 3), show=False)


def test_a_number_is_no_shape():
    with pytest.raises(TypeError, match=re.escape("expected an input_shape (H, W, C) or (features,), got 784")):
        summary(Sequential(fc=Linear(784, 10)), 784)


def test_an_image_that_does_not_fit_is_refused_by_the_layer():
    with pytest.raises(ValueError, match=re.escape("fc64 (Linear): expected x of shape (N, 1024), got (1, 2304)")):
        summary(cifar_net(), (48, 48, 3))


def test_the_net_is_not_changed():
    net = Sequential(drop=Dropout(0.5, np.random.default_rng(0)), fc=Linear(3, 2))
    before = net["drop"].rng.bit_generator.state
    summary(net, (3,), show=False)
    assert net["drop"].rng.bit_generator.state == before
    assert [p.grad for _, p in net.parameters()] == [None, None]


def test_a_net_on_another_device():
    net = cifar_net().to(simulated(0))
    assert summary(net, (32, 32, 3), show=False)[-1].shape == (10,)
