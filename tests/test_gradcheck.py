"""The check of gradients, checked: it must find what is wrong, blame nobody else, and leave everything as it was."""
from __future__ import annotations

import io
import re

import numpy as np
import pytest
from naive import distinct

from tinynet import (
    LRN,
    AvgPool2d,
    BatchNorm2d,
    Branches,
    Columns,
    Conv2d,
    Dropout,
    Flatten,
    Fork,
    Join,
    Layer,
    Linear,
    MaxPool2d,
    MeanSquaredError,
    Parameter,
    ReLU,
    Sequential,
    SoftmaxCrossEntropy,
    Tanh,
    constant,
    gaussian,
    gradcheck,
    pair,
)
from tinynet.devices.device import simulated
from tinynet.devices.simulated import must_be_current
from tinynet.models import GoogLeNetLoss, MAPLoss, googlenet


def linear(kind=Linear, inputs=3, outputs=2):
    return kind(inputs, outputs, rng=np.random.default_rng(0), weight_init=gaussian(0.5), bias_init=gaussian(0.5))


# ---------------------------------------------------------------------------------------- wrong backwards


class ScaledLinear(Linear):
    """dx is 1 % too large."""
    def backward(self, dy):
        return 1.01 * super().backward(dy)


class ScaledWeights(Linear):
    """∂L/∂W is 1 % too large."""
    def backward(self, dy):
        dx = super().backward(dy)
        self.W.grad = 1.01 * self.W.grad
        return dx


class WrongInOnePlace(Linear):
    def backward(self, dy):
        dx = super().backward(dy)
        dx[1, 2] *= -1
        return dx


class WrongInSmallNumbers(Linear):
    """The smallest gradient is off by a thousandth of itself, a millionth of the largest."""
    def backward(self, dy):
        return super().backward(dy) * [[1, 1.001]]


class NotANumber(Linear):
    def backward(self, dy):
        return np.nan * super().backward(dy)


class ForgetsTheBias(Linear):
    """Never writes the bias's gradient."""
    def backward(self, dy):
        before = self.b.grad
        dx = super().backward(dy)
        self.b.grad = before
        return dx


class BiasOfAnotherShape(Linear):
    def backward(self, dy):
        dx = super().backward(dy)
        self.b.grad = self.b.grad[None]
        return dx


class HalfLRN(LRN):
    """Drops the second term of dx: what the neighbours contribute."""
    def backward(self, dy):
        x, s = self.take()
        return dy * s ** -self.beta


class MasklessReLU(ReLU):
    def backward(self, dy):
        self.take()
        return dy.copy()


class MasklessDropout(Dropout):
    """Scales, but never masks."""
    def backward(self, dy):
        self.take()
        return dy * (1 - self.p)


class FarFromTheMean(Layer):
    """y = 2 x - mean(x), so dx = 2 dy - mean(dy). Where dy is 1 everywhere, this is dy: only an uneven dy shows it."""
    def forward(self, x, train=False, keep=False):
        return 2 * x - x.mean()

    def backward(self, dy):
        return dy.copy()


class OverwritingPool(AvgPool2d):
    """Where windows overlap, the last one's gradient replaces the others'."""
    def backward(self, dy):
        shape, dtype, _ = self.take()
        dx = np.zeros(shape, dtype)
        for p, q in np.ndindex(*dy.shape[1:3]):
            dx[:, p:p + 2, q:q + 2] = dy[:, p:p + 1, q:q + 1] / 4
        return dx


class SummedLoss(SoftmaxCrossEntropy):
    """Forgets to divide by the batch."""
    def backward(self):
        return 2 * super().backward()


class HalfTheSquares(MeanSquaredError):
    """Forgets the 2."""
    def backward(self):
        return super().backward() / 2


class HeadsInFull(GoogLeNetLoss):
    """Forgets the weight of the heads."""
    def backward(self):
        main, head1, head2 = super().backward()
        return main, head1, head2 / self.weight


class MeanAbsoluteError(Layer):
    """A loss that the library doesn't know."""
    def forward(self, y, target):
        self.remember(True, y, target)
        return float(abs(y - target).mean())

    def backward(self):
        y, target = self.take()
        return np.sign(y - target) / y.size


WRONG = {
    "dx scaled": (lambda: linear(ScaledLinear), (2, 3), "x", {}),
    "dW scaled": (lambda: linear(ScaledWeights), (2, 3), "W", {}),
    "one element": (lambda: linear(WrongInOnePlace), (2, 3), r"x at \(1, 2\)", {}),
    "a small one among large ones": (
        lambda: WrongInSmallNumbers(2, 1, weight_init=lambda rng, shape: np.array([[1.0], [0.002]])), (1, 2),
        r"x at \(0, 1\)", {}),
    "a small one, and nothing large in its array": (
        lambda: ScaledLinear(1, 1, weight_init=constant(1e-5), bias_init=constant(1.0)), (1, 1), "x", {}),
    "a very small one": (lambda: ScaledLinear(1, 1, weight_init=constant(1e-7)), (1, 1), "x", {}),
    "NaN": (lambda: linear(NotANumber), (2, 3), "x", {}),
    "LRN without its second term": (lambda: HalfLRN(3, 1, 0.5, 0.75), (1, 2, 2, 4), "x", {}),
    "ReLU without its mask": (MasklessReLU, (2, 3), "x", {}),
    "dropout without its mask": (lambda: MasklessDropout(0.5, np.random.default_rng(0)), (2, 8), "x", {"train": True}),
    "errors that cancel": (FarFromTheMean, (2, 3), "x", {}),
    "overlaps that do not add": (lambda: OverwritingPool(2, 1), (1, 3, 3, 1), "x", {}),
    "loss summed": (SummedLoss, (2, 3), "x", {"labels": np.array([0, 2])}),
    "squares halved": (HalfTheSquares, (2, 3), "x", {"labels": distinct(2, 3, seed=1)}),
}


@pytest.mark.parametrize("make, shape, where, how", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_backward_is_found(make, shape, where, how):
    message = f"the gradient of {where}.* is wrong: expected .*, got .*, relative error"
    with pytest.raises(AssertionError, match=message):
        gradcheck(make(), distinct(*shape), **how)


def test_a_gradient_that_is_never_written_is_found():
    with pytest.raises(AssertionError, match="ForgetsTheBias: .*gradient of b"):
        gradcheck(linear(ForgetsTheBias), distinct(2, 3))


def test_a_gradient_left_over_from_an_earlier_backward_does_not_count():
    layer, x = linear(ForgetsTheBias), distinct(2, 3)
    layer.b.grad = np.ones(2)
    with pytest.raises(AssertionError, match="ForgetsTheBias: .*gradient of b"):
        gradcheck(layer, x)


def test_a_gradient_of_another_shape_is_found():
    with pytest.raises(AssertionError, match="BiasOfAnotherShape: .*gradient of b.*shape"):
        gradcheck(linear(BiasOfAnotherShape), distinct(2, 3))


def test_the_message_names_layer_array_index_and_both_numbers():
    # y = 2 x + 0; dx is 2 · dy, but 1.01 times that comes
    net = Sequential(fc1=ScaledLinear(1, 1, weight_init=lambda rng, shape: np.full(shape, 2.0)))
    with pytest.raises(AssertionError) as error:
        gradcheck(net, distinct(1, 1))
    message = r"Sequential: the gradient of x at \(0, 0\) is wrong: expected (\S+), got (\S+), relative error (\S+)"
    found = re.fullmatch(message, str(error.value))
    expected, got, relative = map(float, found.groups())
    assert abs(got / expected - 1.01) < 1e-6
    assert abs(relative - 0.01 / 1.01) < 1e-3  # relative to the larger one; printed with two digits


# ---------------------------------------------------------------------------------------- right ones


def test_right_backwards_pass_with_nine_digits():
    conv = Conv2d(2, 3, 3, padding=1, rng=np.random.default_rng(0), weight_init=gaussian(0.5))
    net = Sequential(conv=conv, tanh=Tanh())
    report = gradcheck(net, distinct(1, 3, 3, 2))
    assert set(report) == {"x", "conv.W", "conv.b"}
    assert 0 < max(report.values()) < 1e-6


LABELS = np.array([0, 3, 1])


@pytest.mark.parametrize("loss, labels", [
    (SoftmaxCrossEntropy(), LABELS), (SoftmaxCrossEntropy(), LABELS.tolist()), (MAPLoss(0.5), LABELS),
    (MeanSquaredError(), distinct(3, 4, seed=1)), (MeanSquaredError(), distinct(3, 4, dtype=np.float32, seed=1)),
    (MeanAbsoluteError(), 2 * distinct(3, 4, seed=1)),
], ids=lambda value: type(value).__name__)
def test_every_loss_is_checked_with_its_labels_or_targets(loss, labels):
    report = gradcheck(loss, distinct(3, 4), labels=labels)
    assert set(report) == {"x"} and 0 < report["x"] < 1e-6
    with pytest.raises(RuntimeError, match="backward has nothing to work from"):
        loss.backward()  # of a forward that its caller knows nothing of


def test_a_loss_of_several_outputs():
    scores = tuple(distinct(3, 4, seed=i) for i in range(3))
    report = gradcheck(GoogLeNetLoss(), scores, labels=LABELS)
    assert set(report) == {"x[0]", "x[1]", "x[2]"} and max(report.values()) < 1e-6
    with pytest.raises(AssertionError, match=r"HeadsInFull: the gradient of x\[2\] at \(0, 0\) is wrong"):
        gradcheck(HeadsInFull(), scores, labels=LABELS)


def test_a_net_of_several_outputs():
    net = googlenet(2, input_size=79, width=1 / 64, rng=np.random.default_rng(0))
    report = gradcheck(net, np.random.default_rng(1).normal(0, 60, (1, 79, 79, 3)), train=True, samples=1)
    assert set(report) == {name for name, _ in net.parameters()}


def test_a_loss_on_a_device():
    loss = MeanSquaredError().to(simulated(0))
    with must_be_current():
        assert set(gradcheck(loss, distinct(3, 4), labels=distinct(3, 4, seed=1))) == {"x"}


def test_layers_between_two_columns_take_pairs_and_give_pairs():
    layers = Columns(linear(), linear(ScaledWeights))
    x = distinct(2, 3), distinct(2, 3, seed=1)
    with pytest.raises(AssertionError, match=r"Columns: the gradient of right.W at \(0, 0\) is wrong"):
        gradcheck(layers, x)
    assert set(gradcheck(Columns(linear(), linear()), x)) == {"x[0]", "x[1]", "left.W", "left.b", "right.W", "right.b"}


def test_dropout_is_checked_in_training_with_the_same_mask_each_time():
    assert set(gradcheck(Dropout(0.5, np.random.default_rng(0)), distinct(3, 8), train=True)) == {"x"}


def test_without_an_input_gradient_only_the_parameters_are_checked():
    conv = Conv2d(1, 1, 2, input_grad=False, rng=np.random.default_rng(0), weight_init=gaussian(0.5))
    assert set(gradcheck(conv, distinct(1, 3, 3, 1))) == {"W", "b"}


def test_branches_of_which_one_gives_no_input_gradient_are_checked_without_it():
    first = Conv2d(1, 2, 3, padding=1, input_grad=False, rng=np.random.default_rng(0), weight_init=gaussian(0.5))
    stem = Branches(conv=first, pool=AvgPool2d(3, 1, 1))
    net = Sequential(stem=stem, fc=Sequential(flat=Flatten(), fc=linear(Linear, 27, 2)))
    assert set(gradcheck(net, distinct(1, 3, 3, 1))) == {"stem.conv.W", "stem.conv.b", "fc.fc.W", "fc.fc.b"}


def test_a_loss_is_afterwards_as_it_was():
    fresh, used = SoftmaxCrossEntropy(), SoftmaxCrossEntropy()
    used.forward(np.float32([[1, 2]]), [0])
    probs = used.probs
    for loss in fresh, used:
        gradcheck(loss, distinct(2, 3), labels=np.array([0, 1]))
    assert fresh.probs is None and used.probs is probs


def test_samples_checks_only_so_many_elements_of_each_array():
    class Counting(Linear):
        calls = 0

        def forward(self, x, train=False, keep=False):
            self.calls += 1
            return super().forward(x, train, keep)

    few, more, everything = (linear(Counting, 10, 10) for _ in range(3))
    x = distinct(4, 10)
    gradcheck(few, x, samples=np.int64(2))
    gradcheck(more, x, samples=4)
    gradcheck(everything, x)
    assert few.calls < more.calls < everything.calls / 5
    assert set(gradcheck(few, x, samples=10 ** 6)) == {"x", "W", "b"}  # more than there are: all


def test_which_elements_are_checked_is_drawn():
    found = 0
    for seed in range(20):  # 5 of 20 are checked, and one of these is wrong
        try:
            gradcheck(linear(WrongInOnePlace, 10, 10), distinct(2, 10), samples=5, seed=seed)
        except AssertionError:
            found += 1
    assert 0 < found < 20


def test_of_very_many_elements_a_thousand_are_drawn_and_that_is_said(capsys):
    net = Sequential(fc1=linear(Linear, 70, 60), fc2=linear(Linear, 60, 30))         # 6,090 parameters
    x = distinct(1, 70)
    gradcheck(net, x)
    line = "gradcheck: 560 of the 6,160 elements of Sequential are checked, drawn at random; samples=None checks all\n"
    assert capsys.readouterr().out == line                                           # 200 + 60 + 200 + 30, and x: 70
    gradcheck(net, x, samples=2)
    gradcheck(Linear(70, 60), x)                                                     # 4,330 elements: all of them
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("samples", [0, -1, 1.5, "all", True])
def test_samples_that_mean_nothing_are_refused(samples):
    with pytest.raises(ValueError, match="gradcheck: expected samples of 1 or more, None for all, or 'auto', got"):
        gradcheck(linear(), distinct(2, 3), samples=samples)


@pytest.mark.parametrize("eps", [0, -1e-6, float("nan")])
def test_steps_that_mean_nothing_are_refused(eps):
    with pytest.raises(ValueError, match=f"gradcheck: expected an eps above 0, got {eps}"):
        gradcheck(linear(), distinct(2, 3), eps)


def test_all_are_checked_if_asked_for():
    wrong = linear(WrongInOnePlace, 80, 80)                                          # 6,560 elements and the input
    with pytest.raises(AssertionError, match=r"gradient of x at \(1, 2\)"):
        gradcheck(wrong, distinct(2, 80), samples=None)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_long_check_shows_on_a_terminal_how_far_it_is(terminal, monkeypatch, capsys):
    clock = iter(np.arange(0, 1e6, 0.5))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    gradcheck(linear(), distinct(2, 3))                                              # 6 + 6 + 2 elements
    shown = capsys.readouterr().err
    if terminal:
        assert shown.startswith("\rgradcheck of Linear: 4 of 14 elements") and "13 of 14" in shown
        assert shown.endswith("\r")
    else:
        assert shown == ""


@pytest.mark.parametrize("stream", ["none", "closed"])
def test_a_long_check_needs_no_terminal(stream, monkeypatch):
    clock, closed = iter(np.arange(0, 1e6, 0.5)), io.StringIO()
    closed.close()
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    monkeypatch.setattr("sys.stderr", None if stream == "none" else closed)
    gradcheck(linear(), distinct(2, 3))


def test_frozen_parameters_are_left_out():
    net = Sequential(fc1=linear(ForgetsTheBias), tanh=Tanh(), fc2=linear(Linear, 2, 2))
    net.freeze("fc1.b")
    assert set(gradcheck(net, distinct(2, 3))) - {"x"} == {"fc1.W", "fc2.W", "fc2.b"}


def test_where_there_is_nothing_to_check_that_is_an_error():
    class Forgets(Layer):
        def forward(self, x, train=False, keep=False):
            return 2 * x

        def backward(self, dy):
            2 * dy  # noqa: B018

    with pytest.raises(AssertionError, match="Forgets: nothing to check: backward has returned None, and no param"):
        gradcheck(Forgets(), distinct(2, 3))


def test_rounding_is_no_error():
    # the normalisation takes the bias away again: its gradient is 0, but for the last digits of y
    net = Sequential(conv=Conv2d(2, 3, 1, rng=np.random.default_rng(0)), norm=BatchNorm2d(3))
    assert gradcheck(net, distinct(4, 3, 3, 2), train=True)["conv.b"] < 1e-5


# ---------------------------------------------------------------------------------------- kinks


@pytest.mark.parametrize("layer, x", [(ReLU(), [[1.0, 0.0]]), (MaxPool2d(2), np.ones((1, 2, 2, 1)))])
def test_kinks_are_reported_as_such(layer, x):
    message = r"the slopes to the right \(.*\) and to the left \(.*\) differ, so there may be a kink here"
    with pytest.raises(AssertionError, match=message):
        gradcheck(layer, x)


def test_an_ordinary_error_is_not_called_a_kink():
    with pytest.raises(AssertionError) as error:
        gradcheck(linear(ScaledLinear), distinct(2, 3))
    assert "kink" not in str(error.value)


# ---------------------------------------------------------------------------------------- no traces


class RunningMean(Layer):
    """y = x - (the mean of all inputs seen in training), a state that is no parameter."""

    def __init__(self):
        self.seen = np.zeros(1)

    def forward(self, x, train=False, keep=False):
        if train:
            self.seen += x.mean()
        return 2 * x

    def backward(self, dy):
        return 2 * dy

    def state(self):
        return [("seen", self.seen)]


def test_what_was_on_no_device_is_afterwards_on_none():
    x, device = distinct(2, 3), simulated(0)
    for layer in ReLU(), Sequential(a=ReLU(), b=Tanh()):
        gradcheck(layer, x)
        assert not layer.placed
        with device:
            assert layer.forward(device.asarray(x)).device is device


@pytest.mark.parametrize("last", [Linear, ScaledLinear, ScaledWeights])  # one passes, two fail
def test_everything_is_afterwards_as_it_was(last):
    drop = Dropout(0.5, np.random.default_rng(1))
    net, x = Sequential(seen=RunningMean(), fc1=linear(), drop=drop, fc2=linear(last, 2, 2)), distinct(2, 3)
    net.forward(x.astype(np.float32), train=True)
    net.backward(distinct(2, 2, dtype=np.float32))
    arrays = [(p, p.value, p.value.copy(), p.grad, p.grad.copy()) for _, p in net.parameters()]
    x_before, seen, generator = x.copy(), net["seen"].seen.copy(), drop.rng.bit_generator.state
    try:
        gradcheck(net, x, train=True)
    except AssertionError:
        assert last is not Linear
    else:
        assert last is Linear
    for p, value, value_before, grad, grad_before in arrays:
        assert p.value is value and p.grad is grad and value.dtype == np.float32
        np.testing.assert_array_equal(value, value_before)
        np.testing.assert_array_equal(grad, grad_before)
    np.testing.assert_array_equal(x, x_before)
    np.testing.assert_array_equal(net["seen"].seen, seen)
    assert drop.rng.bit_generator.state == generator


def test_a_layer_is_checked_on_its_device():
    device = simulated(0)
    assert set(gradcheck(linear().to(device), distinct(2, 3))) == {"x", "W", "b"}
    with pytest.raises(AssertionError, match="the gradient of W.* is wrong"):
        gradcheck(linear(ScaledWeights).to(device), distinct(2, 3))


class Scaled(Layer):
    """y = factor · x."""
    def __init__(self):
        self.factor = Parameter(np.array(3.0))

    def forward(self, x, train=False, keep=False):
        self.remember(train or keep, x)
        return self.factor.value * x

    def backward(self, dy):
        (x,) = self.take()
        self.factor.grad = (dy * x).sum()
        return self.factor.value * dy


def test_a_parameter_may_be_a_single_number():
    assert set(gradcheck(Scaled(), distinct(2, 3))) == {"x", "factor"}


def test_columns_are_checked_each_on_its_device():
    left, right = devices = pair("simulated")
    net = Sequential(fork=Fork(devices), conv=Columns(Conv2d(2, 2, 1, device=left), Conv2d(2, 3, 1, device=right)),
                     norm=Columns(BatchNorm2d(2, device=left), BatchNorm2d(3, device=right)), join=Join(left))
    with must_be_current():
        report = gradcheck(net, distinct(2, 2, 2, 2), train=True)
    assert set(report) == {"x", *(name for name, _ in net.parameters())}
    for device, (_, norm) in zip(devices, net["norm"].children(), strict=True):
        assert not device.tohost(norm.running_mean).any()


def test_the_input_may_be_a_list_or_of_another_dtype():
    gradcheck(linear(), [[1, 2, 3]])
    gradcheck(linear(), np.ones((1, 3), np.float32))


def test_parameters_in_an_optimisers_buffers_are_left_alone():
    layer = linear().astype(np.float64)
    values, gradients = np.arange(8.0), np.full(8, 7.0)                              # one buffer for W (3, 2) and b (2)
    for p, n, shape in (layer.W, slice(0, 6), (3, 2)), (layer.b, slice(6, 8), (2,)):
        p.value, p._place = values[n].reshape(shape), gradients[n].reshape(shape)
    own = [(p.value, p._place) for p in (layer.W, layer.b)]
    gradcheck(layer, distinct(2, 3))
    for p, (value, place) in zip((layer.W, layer.b), own, strict=True):
        assert p.value is value and p._place is place
    np.testing.assert_array_equal(values, np.arange(8.0))
    np.testing.assert_array_equal(gradients, np.full(8, 7.0))


class Strict(BatchNorm2d):
    """Refuses an x that is not of its arrays' dtype."""
    def forward(self, x, train=False, keep=False):
        for array in self.gamma.value, self.beta.value, self.running_mean, self.running_var:
            assert array.dtype == x.dtype
        return super().forward(x, train, keep)


def test_layer_and_input_are_both_converted_and_running_statistics_too():
    norm = Strict(3)
    before = norm.running_mean, norm.running_var
    assert set(gradcheck(norm, distinct(2, 2, 2, 3, dtype=np.float32), train=True)) == {"x", "gamma", "beta"}
    assert (norm.running_mean is before[0]) and (norm.running_var is before[1])
    assert not norm.running_mean.any() and (norm.running_var == 1).all() and norm.running_var.dtype == np.float32


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), MeanSquaredError()], ids=lambda loss: loss.label)
def test_a_loss_without_labels_is_told_what_it_needs(loss):
    message = f"gradcheck: {loss.label} takes more than x .*: of a loss, say gradcheck.loss, x, labels="
    with pytest.raises(TypeError, match=message):
        gradcheck(loss, np.ones((2, 3)))
