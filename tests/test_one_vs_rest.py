"""The losses of a question for each class: by hand, their gradients, and what they refuse."""
import numpy as np
import pytest

from tinynet import HingeLoss, Linear, Sequential, SigmoidCrossEntropy, gradcheck, simulated
from tinynet.devices.simulated import must_be_current
from tinynet.training.metrics import average_precision, per_class_accuracy

RNG = np.random.default_rng(0)
SCORES, LABELS = RNG.normal(size=(5, 4)), np.array([0, 3, 1, 1, 2])


def test_the_hinge_by_hand():
    loss = HingeLoss()
    L = loss.forward(np.array([[2.0, -3.0, 0.5], [0.2, 0.4, -1.5]]), np.array([0, 1]))
    assert L == pytest.approx((1.5 + 1.2 + 0.6) / 2)                 # beyond ±1 nothing is asked
    np.testing.assert_allclose(loss.backward(), [[0, 0, 0.5], [0.5, -0.5, 0]])


def test_the_sigmoid_by_hand():
    loss, targets = SigmoidCrossEntropy(), np.array([[1, 0], [1, 1]])
    z = np.array([[0.0, 2.0], [-1.0, 3.0]])
    p = 1 / (1 + np.exp(-z))
    assert loss.forward(z, targets) == pytest.approx(-(targets * np.log(p) + (1 - targets) * np.log(1 - p)).sum() / 2)
    np.testing.assert_allclose(loss.present, p)
    np.testing.assert_allclose(loss.backward(), (p - targets) / 2)


def test_scores_of_a_thousand_are_exact():
    loss = SigmoidCrossEntropy()
    assert loss.forward(np.float32([[1000, -1000, 1000, -1000]]), np.array([[1, 0, 0, 1]])) == 2000
    np.testing.assert_array_equal(loss.present, [[1, 0, 1, 0]])
    assert HingeLoss().forward(np.float32([[1000, -1000]]), np.array([1])) == 2002


@pytest.mark.parametrize("loss, labels", [(HingeLoss(), LABELS), (SigmoidCrossEntropy(), RNG.integers(0, 2, (5, 4))),
                                          (SigmoidCrossEntropy(), RNG.random((5, 4)) < 0.5)])
@pytest.mark.parametrize("n", [1, 5])
def test_gradients(loss, labels, n):
    gradcheck(loss, SCORES[:n], labels=labels[:n])


def test_very_wrong_scores_that_cost_nothing_are_no_infinity():
    scores = np.array([[2, -3e38, -3e38, -3e38]], np.float32)                        # whose sum is
    assert HingeLoss().forward(scores, [0]) == 0
    scores[0, 1] = -np.inf
    with pytest.raises(ValueError, match="NaN or infinity"):
        HingeLoss().forward(scores, [0])


@pytest.mark.parametrize("labels, error, message", [
    (LABELS[:4], ValueError, "HingeLoss: expected 5 labels"),
    (LABELS + 1, ValueError, "labels from 0 to 3, got 1 to 4"),
    (LABELS * 1.0, TypeError, "expected whole numbers as labels, got float64")])
def test_labels_the_hinge_refuses(labels, error, message):
    with pytest.raises(error, match=message):
        HingeLoss().forward(SCORES, labels)


@pytest.mark.parametrize("targets, message", [
    (LABELS, r"expected targets of the scores' shape \(5, 4\), .* got shape \(5,\)"),
    (np.full((5, 4), 0.5), "expected targets of 0 and 1, got 0.5 to 0.5"),
    (np.linspace(0, 1, 20).reshape(5, 4), "expected targets of 0 and 1, got 0.0526316 to 0.947368"),
    (np.full((5, 4), np.nan), "expected targets of 0 and 1, got nan")])
def test_targets_the_sigmoid_refuses(targets, message):
    with pytest.raises(ValueError, match=message):
        SigmoidCrossEntropy().forward(SCORES, targets)
    if targets.ndim == 2:
        with pytest.raises(ValueError, match=message):
            SigmoidCrossEntropy().forward(*map(simulated(0).asarray, (SCORES, targets)))


@pytest.mark.parametrize("loss, labels", [(HingeLoss(), LABELS), (SigmoidCrossEntropy(), np.ones((5, 4)))])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite(loss, labels, value):
    scores = SCORES.copy()
    scores[2, 1] = value
    with pytest.raises(ValueError, match="the scores hold NaN or infinity"):
        loss.forward(scores, labels)
    with pytest.raises(RuntimeError, match="nothing to work from"):
        loss.backward()


@pytest.mark.parametrize("loss, labels", [(HingeLoss(), LABELS), (SigmoidCrossEntropy(), np.ones((5, 4)))])
def test_the_gradient_of_float32_is_float32(loss, labels):
    loss.forward(SCORES.astype(np.float32), labels)
    assert loss.backward().dtype == np.float32


@pytest.mark.parametrize("loss, labels", [(HingeLoss(), LABELS), (SigmoidCrossEntropy(), np.ones((5, 4)))])
def test_on_another_device(loss, labels):
    expected = loss.forward(SCORES, labels), loss.backward()
    device = simulated(1)
    with must_be_current():
        found = loss.forward(device.asarray(SCORES), labels)
        dz = loss.backward()
    assert float(found) == pytest.approx(expected[0])
    np.testing.assert_allclose(device.tohost(dz), expected[1])


def test_a_linear_machine_learns():
    from tinynet import SGD
    x = RNG.normal(size=(60, 5)).astype(np.float32)
    labels = (x @ RNG.normal(size=(5, 3))).argmax(axis=1)
    net, loss = Sequential(fc=Linear(5, 3, rng=RNG)), HingeLoss()
    sgd = SGD(net.parameters(), 0.05)
    for _ in range(200):
        loss.forward(net.forward(x, train=True), labels)
        net.backward(loss.backward())
        sgd.step()
    assert (net.forward(x).argmax(axis=1) == labels).mean() >= 0.95


def test_accuracy_of_each_class():
    p = np.eye(3)[[0, 0, 1, 0]]
    np.testing.assert_array_equal(per_class_accuracy(p, np.array([0, 0, 1, 1])), [1, 0.5, np.nan])


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8, np.uint64])
def test_scores_of_every_kind_of_number_are_ranked_alike(dtype):
    scores, present = np.array([[9], [0], [3], [0]], dtype), np.array([[1], [0], [0], [1]])
    np.testing.assert_array_equal(average_precision(scores, present), [(1 + 2 / 4) / 2])


def test_average_precision_by_hand():
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    present = np.array([[1, 0], [0, 0], [1, 0], [1, 0]])
    # ranked right, wrong, right, right: precision 1, then 3/4 at the best of what follows, twice
    np.testing.assert_allclose(average_precision(scores, present), [(1 + 0.75 + 0.75) / 3, np.nan])
    equal = average_precision(np.zeros((4, 1)), present[:, :1])      # the one without it comes first
    np.testing.assert_allclose(equal, [0.75])
    assert average_precision(scores[:, :1], np.array([[1], [0], [0], [0]]))[0] == 1
    with pytest.raises(ValueError, match="as many zeros and ones, got shapes"):
        average_precision(scores, present[:, 0])
    with pytest.raises(ValueError, match="finite scores, and 1 for what is there"):
        average_precision(scores, present * 2)
    for pair in (np.ma.masked_array(scores, scores > 0), present), (scores, np.ma.masked_array(present, present > 0)):
        with pytest.raises(TypeError, match="average_precision: expected an array for .*, got a MaskedArray"):
            average_precision(*pair)


@pytest.mark.parametrize("loss, scores, labels", [(HingeLoss(), [3e38, -3e38], [1]),
                                                  (SigmoidCrossEntropy(), [3e38, 3e38], [[0, 0]])])
def test_finite_scores_whose_loss_is_not(loss, scores, labels):
    with pytest.raises(ValueError, match="the scores are finite, but too large for the loss to be"):
        loss.forward(np.array([scores], np.float32), labels)
