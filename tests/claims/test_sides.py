"""Every claim's sides are what they are called: what a training begins with, and what is counted in it afterwards."""
import sys

import numpy as np
import pytest

from tinynet import Dropout, Linear
from tinynet.claims import colors, filters, hiding, neighbours, relu, settling
from tinynet.claims.catalogue import CLAIMS
from tinynet.claims.training import Work
from tinynet.data import Split, View


@pytest.fixture
def trained(tiny, tmp_path, monkeypatch):
    """trained(claim, i): for each training of side i its net, and with what its parameters began: `{name: (value,
    whether it learns)}`."""
    def trained(name, i):
        claim, begun = CLAIMS[name], []
        module = sys.modules[claim.measure.__module__]

        def noted(work, net, *args, **how):
            begun.append((net, {name: (p.value.copy(), p.trainable) for name, p in net.parameters()}))
            return fit(work, net, *args, **how)
        with monkeypatch.context() as patched:
            fit = module.fit
            patched.setattr(module, "fit", noted)
            claim.measure(Work(0, claim.rates[0], None, tmp_path / f"{name}{i}"), claim.sides[i])
        return begun
    return trained


def test_biases_of_0_and_of_1(trained):
    ((_, zeros),), ((_, ones),) = trained("biases", 0), trained("biases", 1)
    assert not any(value.any() for name, (value, _) in zeros.items() if name.endswith(".b"))
    assert (ones["conv2.b"][0] == 1).all() and not ones["conv1.b"][0].any()


def test_with_dropout_and_without(trained):
    for i, expected in enumerate((True, False)):
        ((net, _),) = trained("iterations", i)
        assert any(isinstance(layer, Dropout) for _, layer in net.walk()) == expected


def test_nin_ends_in_a_linear_layer_or_in_means(trained):
    for i, expected in enumerate((True, False)):
        ((net, _),) = trained("nin", i)
        assert isinstance(list(net)[-1], Linear) == expected


@pytest.mark.parametrize("name", ["frozen", "finetune"])
def test_what_was_learned_before_and_what_learns_now(trained, name):
    if name == "finetune":                                               # the other side: nothing was learned before
        (_, alone), = trained(name, 0)
        assert all(learns for _, learns in alone.values())
    (first, _), (_, now) = trained(name, 1)
    learn = {"fc10.W", "fc10.b"} if name == "frozen" else set(now)
    assert {name for name, (_, learns) in now.items() if learns} == learn
    if name == "frozen":
        assert all(np.array_equal(now[name][0], p.value) for name, p in first.parameters() if name.startswith("conv"))


def test_the_deep_net_begins_with_the_shallow_one(trained):
    ((_, alone),), ((shallow, _), (_, deep)) = trained("deep", 0), trained("deep", 1)
    assert np.array_equal(deep["conv1_1.W"][0], shallow["conv1_1"].W.value)
    assert not np.array_equal(deep["conv1_1.W"][0], alone["conv1_1.W"][0])


def test_one_net_and_three_together(trained):
    assert [len(trained("together", i)) for i in (0, 1)] == [1, 3]


def test_a_level_that_is_not_reached_counts_all_epochs(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(relu, "fit", lambda *args, **how: [{"train_error": 0.9}])
    monkeypatch.setattr(relu, "errors", lambda *args: {})
    assert CLAIMS["relu"].measure(Work(0, 0.01, None, tmp_path), "tanh") == {"epochs": relu.MOST}


def test_only_the_second_side_of_views_is_asked_about_ten_crops(tiny, tmp_path, monkeypatch):
    asked, claim = [], CLAIMS["views"]
    monkeypatch.setattr("tinynet.claims.views.errors", lambda *args, ten: asked.append(ten) or {})
    for side in claim.sides:
        claim.measure(Work(0, 0.001, None, tmp_path / side), side)
    assert asked == [False, True]


def test_the_nearest_of_which_none_is_of_the_class():
    stored, classes = np.repeat([[0.0], [9.0]], 6, axis=0), np.repeat([3, 4], 6)
    assert neighbours._other(stored, np.array([[0.1]]), classes, np.array([3]), codes=False) == 0
    assert neighbours._other(stored, np.array([[0.1]]), classes, np.array([4]), codes=False) == 1


def test_half_way_is_counted_from_the_start(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(settling, "way_left", lambda folder, net, start: {"conv1.W": {1: 0.75, 2: 0.25}})
    assert CLAIMS["halfway"].measure(Work(0, 0.02, None, tmp_path), "conv1")["epochs"] == 1.5


def test_hidden_images_keep_their_labels(monkeypatch):
    images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1) * np.ones((1, 64, 64, 3), np.uint8)

    def sure(net, part, view):
        return np.eye(3)[part.images[:, 32, 0, 0]]                       # of a pixel that no place hides
    monkeypatch.setattr(hiding, "probabilities", sure)
    for places in hiding.PLACES.values():
        assert hiding._of_true_class(None, Split(images, np.arange(3)), View(), places) == 1


def test_weak_kernels_are_dead_and_gray(tiny, tmp_path, monkeypatch):
    def weak(work, net, *args, **how):
        net["conv1"].W.value[...] = 1.0
        net["conv1"].W.value[..., :8] = 0.01                             # of 32
    monkeypatch.setattr(filters, "fit", weak)
    monkeypatch.setattr(colors, "fit", weak)
    work = Work(0, 0.02, None, tmp_path)
    assert CLAIMS["dead"].measure(work, CLAIMS["dead"].sides[0])["dead_kernels"] == 0.25
    assert CLAIMS["colors"].measure(work, "two columns")["alike_in_color"] == 1
