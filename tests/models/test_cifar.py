"""The CIFAR-10 nets: sizes, parameter counts worked out from the published definitions, settings and schedules."""
import re

import numpy as np
import pytest

from tinynet import SGD, SoftmaxCrossEntropy, Tanh, count_parameters, fan_in, gradcheck, summary
from tinynet.models.cifar import RECIPES, cifar_11pct, cifar_13pct, cifar_18pct, cifar_80sec, cifar_nin, cifar_sample

CONVS_32_32_64 = (75 * 32 + 32) + (800 * 32 + 32) + (800 * 64 + 64)  # 5x5 windows of 3, 32 and 32 maps
CONVS_64_64 = (75 * 64 + 64) + (1600 * 64 + 64)
LOCAL_32_32 = 36 * (576 * 32 + 32)                                   # 6x6 places, 3x3 windows of 64 maps
NETS = {
    cifar_sample: (32, CONVS_32_32_64 + 1024 * 10 + 10),
    cifar_80sec: (32, CONVS_32_32_64 + 1024 * 64 + 64 + 64 * 10 + 10),
    cifar_18pct: (32, CONVS_32_32_64 + 1024 * 10 + 10),
    cifar_13pct: (24, CONVS_64_64 + LOCAL_32_32 + 36 * (288 * 32 + 32) + 1152 * 10 + 10),
    cifar_11pct: (24, CONVS_64_64 + 36 * (576 * 64 + 64) + 36 * (576 * 32 + 32) + 1152 * 10 + 10),
}


@pytest.mark.parametrize("build", NETS)
def test_parameters_and_a_training_step(build):
    size, parameters = NETS[build]
    rng = np.random.default_rng(0)
    net, loss = build(rng), SoftmaxCrossEntropy()
    assert count_parameters(net) == parameters
    x, y = rng.normal(0, 60, (2, size, size, 3)).astype(np.float32), np.array([3, 9])
    scores = net.forward(x, train=True)
    assert scores.shape == (2, 10) and scores.dtype == np.float32
    loss.forward(scores, y)
    assert net.backward(loss.backward()) is None        # the first layer needs no gradient of the images
    assert all(np.isfinite(p.grad).all() for _, p in net.parameters())
    SGD(net.parameters(), 0.001).step()


@pytest.mark.parametrize("build", NETS)
def test_gradients_of_the_whole_net(build):
    size, _ = NETS[build]
    net = build(np.random.default_rng(0))
    for name, p in net.parameters():  # the small weights of 2012 leave gradients too small to measure
        if name.endswith("W"):
            p.value = p.value * np.float32(0.05 / p.value.std())
    gradcheck(net, np.random.default_rng(1).normal(0, 1, (2, size, size, 3)), samples=4)


def test_sizes_along_the_80sec_net_round_up_as_published():
    shapes = {row.name: row.shape for row in summary(cifar_80sec(np.random.default_rng(0)), (32, 32, 3), show=False)}
    assert shapes["pool1"] == (16, 16, 32) and shapes["pool2"] == (8, 8, 32) and shapes["pool3"] == (4, 4, 64)


def test_biases_learn_twice_as_fast_and_never_decay():
    net = cifar_80sec(np.random.default_rng(0))
    assert [net["conv1"].W.lr, net["conv1"].b.lr] == [1, 2]
    assert [net["conv1"].W.decay, net["conv1"].b.decay, net["fc64"].W.decay] == [0.004, 0, 0.03]


DECAYS = {cifar_80sec: [0.004, 0.004, 0.004, 0.03, 0.03], cifar_18pct: [0.004, 0.004, 0.004, 1],
          cifar_13pct: [0, 0, 0.004, 0.004, 0.004], cifar_11pct: [0, 0, 0.004, 0.004, 0.01]}
STDS = {cifar_80sec: [1e-4, 0.01, 0.01, 0.1, 0.1], cifar_18pct: [1e-4, 0.01, 0.01, 0.01],
        cifar_13pct: [1e-4, 0.01, 0.04, 0.04, 0.01], cifar_11pct: [1e-4, 0.01, 0.04, 0.04, 0.01]}


@pytest.mark.parametrize("build", DECAYS)
def test_weights_start_and_decay_layer_by_layer_as_published(build):
    weights = [p for name, p in build(np.random.default_rng(0)).parameters() if name.endswith("W")]
    assert [p.decay for p in weights] == DECAYS[build]
    assert [p.value.std() for p in weights] == pytest.approx(STDS[build], rel=0.1)


@pytest.mark.parametrize("build, order, settings", [
    (cifar_18pct, "conv1 relu1 pool1 norm1 conv2 relu2 pool2 norm2", {"size": 3, "k": 1, "alpha": 5e-5 / 9}),
    (cifar_11pct, "conv1 relu1 pool1 norm1 conv2 relu2 norm2 pool2", {"n": 9, "k": 1, "alpha": 1e-3 / 9})])
def test_where_the_normalisations_stand_and_their_constants(build, order, settings):
    net = build(np.random.default_rng(0))
    assert list(net.layers)[:8] == order.split()
    for norm in net["norm1"], net["norm2"]:
        assert {name: getattr(norm, name) for name in settings} == settings and norm.beta == 0.75


def test_the_sample_net_is_not_regularised_and_takes_other_activations_and_weights():
    net = cifar_sample(np.random.default_rng(0), Tanh, fan_in(1.0))
    assert all(p.decay == 0 for _, p in net.parameters())
    assert type(net["act2"]) is Tanh
    assert net["conv3"].W.value.std() == pytest.approx(1 / 800 ** 0.5, rel=0.05)
    assert cifar_sample(np.random.default_rng(0))["conv1"].W.value.std() == pytest.approx(1e-4, rel=0.05)


def test_schedules():
    recipe = RECIPES["80sec"]
    assert recipe.epochs == 10
    assert [recipe.rate(epoch) for epoch in (1, 8, 9, 10, 11)] == [1e-3, 1e-3, 1e-4, 1e-4, 1e-4]
    assert RECIPES["18pct"].epochs == 140 and RECIPES["18pct"].rate(131) == 1e-5


def test_a_recipe_may_be_shortened():
    short = RECIPES["18pct"].lasting([4, 1, 2])
    assert short.epochs == 7
    assert [short.rate(epoch) for epoch in range(1, 8)] == [1e-3] * 4 + [1e-4] + [1e-5] * 2
    assert short._replace(stages=()) == RECIPES["18pct"]._replace(stages=())
    with pytest.raises(ValueError, match=re.escape(
            "stages: expected 2 numbers of epochs, one for each ε (0.001, 0.0001), got 1")):
        RECIPES["80sec"].lasting([3])


def test_the_two_best_of_cuda_convnet_see_crops_and_are_tested_on_ten():
    assert {name: recipe.crop for name, recipe in RECIPES.items() if recipe.ten} == {"13pct": 24, "11pct": 24}


def test_nin_starts_from_weights_scaled_by_fan_in_and_with_no_class_silent():
    net = cifar_nin(np.random.default_rng(0))
    assert count_parameters(net) == 966_986
    for layer, variance in {"conv": 2 / 1728, "cccp1": 2 / 192, "cccp2": 0.1 / 192}.items():
        W, b = net["mlpconv3"][layer].W, net["mlpconv3"][layer].b
        assert W.value.std() == pytest.approx(variance ** 0.5, rel=0.05)
        assert [W.lr, W.decay, b.lr, b.decay] == [1, 1e-4, 2, 0] and (b.value == (layer == "cccp2")).all()
    x = np.random.default_rng(1).normal(0, 1, (2, 16, 16, 3)).astype(np.float32)
    assert net.forward(x).min() > 0.1


def test_pixels_are_scaled_for_nin_only():
    assert {name for name, recipe in RECIPES.items() if recipe.scale != 1} == {"nin"}


def test_the_stages_of_every_recipe():
    assert {name: recipe.stages for name, recipe in RECIPES.items()} == {
        "80sec": ((8, 1e-3), (2, 1e-4)), "18pct": ((120, 1e-3), (10, 1e-4), (10, 1e-5)),
        "13pct": ((160, 1e-3), (10, 1e-4), (10, 1e-5)), "11pct": ((500, 1e-3), (10, 1e-4), (10, 1e-5)),
        "nin": ((150, 0.03), (50, 3e-3), (25, 3e-4)), "resnet20": ((82, 0.1), (41, 0.01), (41, 1e-3))}


def test_the_crops_of_every_recipe():
    assert {name: (recipe.crop, recipe.pad) for name, recipe in RECIPES.items()} == {
        "80sec": (None, 0), "18pct": (None, 0), "13pct": (24, 0), "11pct": (24, 0), "nin": (None, 0),
        "resnet20": (32, 4)}
