"""Errors and the confusion matrix, against cases worked out by hand."""
import numpy as np
import pytest

from tinynet import Branches, Columns, Fork, ReLU, ScaledTanh, Sequential, Sigmoid, Tanh, pair, simulated
from tinynet.models import alexnet
from tinynet.training.metrics import confusion_matrix, confusion_table, flat_shares, top_k_error

P = np.array([[0.7, 0.2, 0.1],      # label 0: the most probable
              [0.5, 0.3, 0.2],      # label 1: the second
              [0.6, 0.3, 0.1],      # label 2: the third
              [0.1, 0.1, 0.8]])     # label 2: the most probable
LABELS = np.array([0, 1, 2, 2])


@pytest.mark.parametrize("k, error", [(1, 2 / 4), (2, 1 / 4), (3, 0)])
def test_top_k_error_counts_labels_that_are_not_among_the_k_most_probable(k, error):
    assert top_k_error(P, LABELS, k) == error


def test_a_net_that_calls_everything_equally_probable_is_wrong():
    assert top_k_error(np.full((5, 10), 0.1), np.arange(5), k=5) == 1.0


def test_confusion_matrix_has_true_classes_as_rows():
    np.testing.assert_array_equal(confusion_matrix(P, LABELS), [[1, 0, 0], [1, 0, 0], [1, 0, 1]])


def test_confusion_table_shows_counts_and_the_share_that_was_right():
    table = confusion_table(confusion_matrix(P, LABELS), ("cat", "dog", "frog"))
    assert table.splitlines()[-1].split() == ["frog", "1", "0", "1", "50.0%"]


def test_confusion_table_counts_places_not_letters():
    assert confusion_table(np.array([[1, 0], [0, 1]]), ("青空青", "a")).splitlines() == [
        "       青空    a  right", "青空青    1    0 100.0%", "     a    0    1 100.0%"]


def test_confusion_table_of_a_class_without_images():
    assert confusion_table(np.array([[0, 0], [1, 1]]), ("cat", "dog")).splitlines()[1].split() == ["cat", "0", "0", "-"]


@pytest.mark.parametrize("probabilities, labels, error, message", [
    (P, LABELS[:2], ValueError, r"got shapes \(4, 3\) and \(2,\)"),
    (P, LABELS + 1, ValueError, "expected labels from 0 to 2, got 1 to 3"),
    (P, LABELS.astype(float), TypeError, "expected whole numbers as labels, got float64"),
    (P * np.nan, LABELS, ValueError, "NaN"),
    (P[:0], LABELS[:0], ValueError, "got shapes"),
])
def test_bad_input(probabilities, labels, error, message):
    for measure in top_k_error, confusion_matrix:
        with pytest.raises(error, match=message):
            measure(probabilities, labels)


def test_k_must_be_possible():
    for k in 4, 0, 1.5, True:
        with pytest.raises(ValueError, match=f"expected k from 1 to 3 .* got {k}"):
            top_k_error(P, LABELS, k)


@pytest.mark.parametrize("device", [None, simulated(0)], ids=str)
def test_units_that_stand_where_the_slope_is_below_a_tenth(device):
    net = Sequential(act1=Tanh(), act2=ReLU())
    if device:
        net.to(device)
    x = np.float32([[1.81, -1.81, 1.83, -1.83, 0]])      # tanh(1.8184) = 0.9487, where 1 - tanh² is 0.1
    assert flat_shares(net, x) == {"act1": 0.4, "act2": 0.6}


def test_every_nonlinearity_counts_where_it_has_less_than_a_tenth_of_its_steepest_slope():
    # 4 y (1 - y) = 0.1 at x = ±3.6369; 1 - tanh² = 0.1 at 1.8184, of ScaledTanh at 1.5 times that, 2.7276
    net = Sequential(mix=Branches(sigmoid=Sigmoid(), deep=Sequential(scaled=ScaledTanh())))
    x = np.array([[3.63, -3.63, 3.64, -3.64, 2.72, 2.74, -2.74, 0]])
    assert flat_shares(net, x) == {"mix.sigmoid": 2 / 8, "mix.deep.scaled": 6 / 8}


@pytest.mark.parametrize("kind", ["cpu", "simulated"])
def test_two_columns_have_a_share_each(kind):
    devices = pair(kind)
    net = Sequential(fork=Fork(devices), relu=Columns(ReLU(), Tanh()))
    assert flat_shares(net, np.float32([[-1, 1, 2, 3]])) == {"relu.left": 0.25, "relu.right": 0.5}
    net = alexnet(4, devices=devices, input_size=67, kernels=(2, 2, 2, 2, 4), hidden=4)
    shares = flat_shares(net, np.zeros((1, 67, 67, 3), np.float32))
    assert list(shares)[:3] == ["relu1.left", "relu1.right", "relu2.left"] and len(shares) == 14


def test_a_look_leaves_what_backward_needs():
    net, x = Sequential(act=ReLU()), np.float32([[1, -1]])
    net.forward(x, train=True)
    flat_shares(net, -x)
    np.testing.assert_array_equal(net.backward(np.ones_like(x)), [[1, 0]])
