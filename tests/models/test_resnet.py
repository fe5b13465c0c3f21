"""Residual nets: the paper's counts and sizes, the two shortcuts, and gradients of small ones."""
import re

import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import SGD, Identity, ReLU, SoftmaxCrossEntropy, Sum, count_parameters, gradcheck, simulated, summary
from tinynet.devices.simulated import must_be_current
from tinynet.models import build, resnet_cifar
from tinynet.models.cifar import RECIPES
from tinynet.models.resnet import ZeroPadShortcut

MILLIONS = {20: 0.27, 32: 0.46, 44: 0.66, 56: 0.85}  # the paper's Table 6


def small(**how):
    return resnet_cifar(8, 3, width=0.25, rng=np.random.default_rng(0), **how)


def published(n):
    """Weights and normalisations of 6n + 2 layers, counted stage by stage."""
    stages = 9 * (2 * n * 16 * 16) + 9 * (16 * 32 + (2 * n - 1) * 32 * 32) + 9 * (32 * 64 + (2 * n - 1) * 64 * 64)
    norms = 2 * (16 + 2 * n * (16 + 32 + 64))
    return 9 * 3 * 16 + stages + norms + 64 * 10 + 10


@pytest.mark.parametrize("depth", MILLIONS)
def test_parameters_of_the_paper(depth):
    net = build(f"resnet{depth}", rng=np.random.default_rng(0))
    assert count_parameters(net) == published(depth // 6)
    assert round(count_parameters(net) / 1e6, 2) == MILLIONS[depth]
    convolutions = [name for name, _ in net.parameters() if re.search(r"conv\d\.W$|fc\.W$", name)]
    assert len(convolutions) == depth


def test_sizes_along_the_net():
    net, x = resnet_cifar(rng=np.random.default_rng(0)), np.zeros((1, 32, 32, 3), np.float32)
    shapes = {"relu1": (32, 32, 16), "stage1": (32, 32, 16), "stage2": (16, 16, 32), "stage3": (8, 8, 64),
              "pool": (64,)}
    assert {name: net[:name].forward(x).shape[1:] for name in shapes} == shapes
    assert [len(net[f"stage{i}"]) for i in (1, 2, 3)] == [3, 3, 3]
    assert net.forward(np.zeros((1, 28, 28, 3), np.float32)).shape == (1, 10)        # it knows no size of its images


def test_summary_counts_what_is_inside_the_blocks():
    net = resnet_cifar(rng=np.random.default_rng(0))
    rows = summary(net, show=False)
    assert sum(row.parameters for row in rows) == 269_722
    per_stage = 9 * (6 * 16 * 16) * 32 ** 2, 9 * (16 * 32 + 5 * 32 * 32) * 16 ** 2, 9 * (32 * 64 + 5 * 64 * 64) * 8 ** 2
    assert sum(row.multiply_adds for row in rows) == 27 * 16 * 32 ** 2 + sum(per_stage) + 640
    assert {row.name: row.kind for row in rows}["stage2.block1.sum.shortcut"] == "ZeroPadShortcut"


# ---------------------------------------------------------------------------------------- blocks and shortcuts


def test_a_block_adds_its_input():
    block = small().astype(np.float64)["stage1"]["block1"]
    x = distinct(2, 4, 5, 4)
    F = block["sum"].branches["residual"]
    assert_close(block.forward(x), np.maximum(F.forward(x) + x, 0))                  # eq. (1)
    assert type(block["sum"].branches["shortcut"]) is Identity
    F["norm2"].gamma.value[:] = 0                                                    # F = 0: the block is a ReLU
    assert_close(block.forward(x), np.maximum(x, 0))


def test_the_padded_shortcut_by_hand():
    x = np.arange(1, 13, dtype=float).reshape(1, 3, 4, 1)
    layer = ZeroPadShortcut(1, 3, 2)
    y = layer.forward(x, keep=True)
    assert y.shape == (1, 2, 2, 3) and not y[..., 1:].any()
    np.testing.assert_array_equal(y[0, :, :, 0], [[1, 3], [9, 11]])
    dx = layer.backward(y + 1)
    np.testing.assert_array_equal(dx[0, :, :, 0], [[2, 0, 4, 0], [0, 0, 0, 0], [10, 0, 12, 0]])


@pytest.mark.parametrize("shape, stride, maps", [((2, 4, 4, 2), 2, 4), ((1, 5, 3, 2), 2, 2), ((1, 4, 7, 1), 3, 2),
                                                 ((2, 3, 3, 2), 1, 3)])
def test_gradients_of_the_padded_shortcut(shape, stride, maps):
    assert set(gradcheck(ZeroPadShortcut(shape[-1], maps, stride), distinct(*shape))) == {"x"}


def test_fewer_maps_are_refused():
    with pytest.raises(ValueError, match="ZeroPadShortcut: expected as many maps as there are, 4, or more, got out_ch"):
        ZeroPadShortcut(4, 3, 2)


def test_the_two_options():
    a, b = (resnet_cifar(20, shortcut=kind, rng=np.random.default_rng(0)) for kind in ("identity", "projection"))
    more = {name: p.shape for name, p in b.parameters() if name not in dict(a.parameters())}
    assert more == {f"stage{i}.block1.sum.shortcut.{name}": shape for i, C in ((2, 16), (3, 32)) for name, shape in (
        ("conv.W", (1, 1, C, 2 * C)), ("norm.gamma", (2 * C,)), ("norm.beta", (2 * C,)))}


def test_the_plain_net_has_the_same_layers_without_shortcuts():
    plain, residual = small(residual=False), small()
    assert [p.shape for _, p in plain.parameters()] == [p.shape for _, p in residual.parameters()]
    block = plain["stage2"]["block1"]
    assert not any(isinstance(layer, Sum) for layer in block) and type(list(block)[-1]) is ReLU


def test_what_is_no_residual_net_is_refused():
    for depth in 2, 18, 21, 34:
        with pytest.raises(ValueError, match=f"expected a depth of 6n \\+ 2 layers, 8, 14, 20, .*, got {depth}"):
            resnet_cifar(depth)
    with pytest.raises(ValueError, match="resnet_cifar: the shortcuts are 'identity', 'projection', got 'C'"):
        resnet_cifar(20, shortcut="C")


# ---------------------------------------------------------------------------------------- gradients and training


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("how", [{}, {"shortcut": "projection"}, {"residual": False}], ids=str)
def test_gradients_of_the_whole_net(how, train):
    x = np.random.default_rng(1).normal(0, 1, (2, 8, 8, 3))
    net = small(**how)
    report = gradcheck(net, x, train=train, samples=4)
    assert set(report) == {name for name, _ in net.parameters()}


def test_initial_weights():
    net = resnet_cifar(rng=np.random.default_rng(0))
    F = net["stage3"]["block3"]["sum"].branches["residual"]
    assert F["conv2"].W.value.std() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    assert not any(name.endswith(".b") and "conv" in name for name, _ in net.parameters())


def test_steps_lower_the_loss():
    rng = np.random.default_rng(0)
    net, loss = small(), SoftmaxCrossEntropy()
    sgd = SGD(net.parameters(), 0.1)
    x, labels = rng.normal(0, 1, (12, 8, 8, 3)).astype(np.float32), np.arange(12) % 3
    losses = []
    for _ in range(15):
        losses.append(loss.forward(net.forward(x, train=True), labels))
        assert net.backward(loss.backward()) is None
        sgd.step()
    assert losses[-1] < losses[0] / 2


def test_on_another_device():
    net = small().astype(np.float64)
    x = np.random.default_rng(1).normal(0, 1, (2, 8, 8, 3))
    expected, device = net.forward(x), simulated(1)
    with must_be_current():
        assert_close(device.tohost(net.to(device).forward(x)), expected)


def test_the_recipe():
    recipe = RECIPES["resnet20"]
    net = recipe.build(np.random.default_rng(0))
    assert count_parameters(net) == 269_722 and {p.decay for _, p in net.parameters()} == {1e-4}
    assert (recipe.crop, recipe.pad, recipe.ten) == (32, 4, False)
    steps = [round(e * 50_000 / 128) for e in (82, 123, 164)]
    assert [recipe.rate(e) for e in (82, 83, 123, 124)] == [0.1, 0.01, 0.01, 0.001] and recipe.epochs == 164
    assert [round(s, -3) for s in steps] == [32_000, 48_000, 64_000]                 # of the paper
