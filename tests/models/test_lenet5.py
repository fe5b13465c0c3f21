"""LeNet-5: the paper's table of sizes, parameters and connections, Table I, gradients, and that it learns."""
from __future__ import annotations

import math

import numpy as np
import pytest
from naive import distinct

from tinynet import SGD, SoftmaxCrossEntropy, count_parameters, gradcheck, simulated, summary
from tinynet.data import batches, mnist_sample
from tinynet.models.lenet5 import C3_TABLE, MAPLoss, digit_codes, lenet5, normalised

TABLE_1 = """
    X . . . X X X . . X X X X . X X
    X X . . . X X X . . X X X X . X
    X X X . . . X X X . . X . X X X
    . X X X . . X X X X . . X . X X
    . . X X X . . X X X X . X X . X
    . . . X X X . . X X X X . X X X
"""  # rows: maps of S2; columns: maps of C3


def rows(output):
    return {row.name: row for row in summary(lenet5(output, np.random.default_rng(0)), show=False)}


def test_sizes_and_parameters_are_the_papers():
    found = {name: (row.shape, row.parameters) for name, row in rows("rbf").items() if row.parameters}
    assert found == {"C1": ((28, 28, 6), 156), "S2": ((14, 14, 6), 12), "C3": ((10, 10, 16), 1516),
                     "S4": ((5, 5, 16), 32), "C5": ((1, 1, 120), 48120), "F6": ((84,), 10164)}
    assert rows("linear")["output"].parameters == 850
    assert count_parameters(lenet5("rbf")) == 60_000 and count_parameters(lenet5("linear")) == 60_850


def test_connections_are_the_papers():
    # a unit's connections are its weights and its bias
    found = {name: row.multiply_adds + row.neurons for name, row in rows("rbf").items() if row.multiply_adds}
    assert found == {"C1": 122_304, "C3": 151_600, "C5": 48_120, "F6": 10_164}


def test_c3_is_connected_as_in_table_1():
    connected = np.array([line.split() for line in TABLE_1.split("\n") if line.strip()]) == "X"  # (6, 16)
    assert [sorted(seen) for seen in C3_TABLE] == [list(np.flatnonzero(column)) for column in connected.T]
    assert [len(seen) for seen in C3_TABLE] == [3] * 6 + [4] * 9 + [6]


def test_every_number_of_every_layer_up_to_f6_is_squashed():
    names = list(lenet5("linear").layers)
    assert names == ["C1", "squash1", "S2", "squash2", "C3", "squash3", "S4", "squash4", "C5", "squash5", "flat",
                     "F6", "squash6", "output"]


def test_weights_start_evenly_spread_by_the_inputs_of_their_unit():
    net = lenet5("linear", np.random.default_rng(0))
    for name, inputs in {"C1": 25, "C5": 400, "F6": 120, "output": 84}.items():
        largest = np.abs(net[name].W.value).max() * inputs / 2.4
        assert 0.95 < largest <= 1 + 1e-6, name
    first = 0
    for seen in C3_TABLE:
        kernels, first = net["C3"].W.value[:, :, first:first + len(seen)], first + len(seen)
        assert 0.85 < np.abs(kernels).max() * 25 * len(seen) / 2.4 <= 1 + 1e-6, seen
    assert np.abs(net["S4"].w.value).max() <= 2.4
    assert all((p.value == 0).all() for name, p in net.parameters() if name.endswith(".b"))


@pytest.mark.parametrize("output", ["rbf", "linear"])
def test_gradients_of_the_whole_net(output):
    net = lenet5(output, np.random.default_rng(0))
    for name, p in net.parameters():  # larger weights: at the start, hardly any signal reaches the end
        if name.endswith(".W"):
            p.value = p.value * np.float32(4)
    gradcheck(net, np.random.default_rng(1).normal(0, 1, (2, 32, 32, 1)), samples=6)


def test_codes_are_pictures_of_plus_and_minus_one_that_differ():
    codes = digit_codes()
    assert codes.shape == (10, 84) and codes.dtype == np.float32 and set(codes.flat) == {-1, 1}
    differences = [(codes[i] != codes[k]).sum() for i in range(10) for k in range(i)]
    assert min(differences) >= 10
    one = np.where(codes[1].reshape(12, 7) > 0, "#", ".")
    assert ["".join(row) for row in one] == ["...##..", "..###..", ".####..", *["...##.."] * 7, ".######", ".######"]


def test_scores_are_minus_the_distances_from_the_codes():
    net, x = lenet5("rbf", np.random.default_rng(0)), normalised(mnist_sample().test.images[:3])
    f6 = net[:"squash6"].forward(x)
    np.testing.assert_allclose(net.forward(x), -((f6[:, None] - digit_codes()) ** 2).sum(axis=2), rtol=1e-5)


def test_map_loss_is_the_papers_equation_9():
    d, labels, j = 5 * np.abs(distinct(4, 3)), np.array([2, 0, 1, 1]), 1.5
    expected = np.mean([d[n, D] + math.log(math.exp(-j) + sum(math.exp(-a) for a in d[n]))
                        for n, D in enumerate(labels)])
    assert MAPLoss(j).forward(-d, labels) == pytest.approx(expected, rel=1e-12)
    gradcheck(MAPLoss(j), -d, labels=labels)


def test_map_loss_pulls_the_output_to_its_code_from_afar_and_leaves_far_codes_alone():
    loss = MAPLoss(j=2.0)
    # d = 30 to the right code, farther to the other: all the loss is d - j, its slope in d[D] is 1, that is -1 in -d[D]
    assert loss.forward(np.array([[-30.0, -60.0]]), np.array([0])) == pytest.approx(28, abs=1e-9)
    np.testing.assert_allclose(loss.backward(), [[-1, 0]], atol=1e-9)
    assert loss.probs.shape == (1, 3) and loss.probs[0, 2] == pytest.approx(1)    # as far from everything: rubbish
    # both near: without j this would be log 2, with it there is a third class
    assert loss.forward(np.array([[-2.0, -2.0]]), np.array([0])) == pytest.approx(math.log(3))


def test_map_loss_on_a_device_and_in_float32():
    scores, labels = -np.abs(distinct(4, 3, dtype=np.float32)), np.array([2, 0, 1, 1])
    here, there, device = MAPLoss(), MAPLoss(), simulated(0)
    assert there.forward(device.asarray(scores), labels) == here.forward(scores, labels)
    dx = there.backward()
    assert device.holds(dx) and dx.dtype == np.float32
    np.testing.assert_array_equal(device.tohost(dx), here.backward())


def test_map_loss_refuses_rubbish_as_a_label_and_a_j_that_is_none():
    with pytest.raises(ValueError, match="MAPLoss: expected labels from 0 to 2, got 0 to 3"):
        MAPLoss().forward(np.zeros((2, 3)), np.array([0, 3]))
    for j in -1.0, float("inf"), float("nan"):
        with pytest.raises(ValueError, match=f"MAPLoss: expected a finite j of 0 or more, got {j}"):
            MAPLoss(j)


def test_normalised_pads_to_32_and_scales_paper_and_ink():
    images = np.zeros((2, 28, 28, 1), np.uint8)
    images[1, 0, 27] = 255
    x = normalised(images)
    assert x.shape == (2, 32, 32, 1) and x.dtype == np.float32
    assert x[1, 2, 29, 0] == pytest.approx(1.175) and x[0] == pytest.approx(-0.1)
    assert (x[1] != x[0]).sum() == 1


def test_normalised_digits_have_a_mean_of_about_0():
    assert abs(normalised(mnist_sample().train.images).mean()) < 0.05  # of -0.1 to 1.175


@pytest.mark.parametrize("images, got", [
    (np.zeros((2, 28, 28, 1), np.float32), r"\(2, 28, 28, 1\) of float32"),
    (np.zeros((2, 28, 28), np.uint8), r"\(2, 28, 28\) of uint8"),
    (np.zeros((2, 32, 32, 1), np.uint8), r"\(2, 32, 32, 1\) of uint8"),
])
def test_other_images_are_refused(images, got):
    with pytest.raises(ValueError, match=r"normalised: expected images \(N, 28, 28, 1\) of uint8, got " + got):
        normalised(images)


def test_an_output_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="lenet5: expected output 'rbf' or 'linear', got 'softmax'"):
        lenet5("softmax")


@pytest.mark.parametrize("output, rate", [("rbf", 0.002), ("linear", 0.03)])
def test_it_learns(output, rate):
    rng = np.random.default_rng(0)
    (images, labels), (test_images, test_labels) = mnist_sample()
    net, loss = lenet5(output, rng), MAPLoss() if output == "rbf" else SoftmaxCrossEntropy()
    sgd = SGD(net.parameters(), rate, weight_decay=0)
    for _ in range(2):
        for x, y in batches(images, labels, 16, rng):
            loss.forward(net.forward(normalised(x), train=True), y)
            assert net.backward(loss.backward()) is None  # the first layer needs no gradient of the images
            sgd.step()
    error = (net.predict(normalised(test_images)).argmax(axis=1) != test_labels).mean()
    assert error < 0.4
