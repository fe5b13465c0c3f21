"""The training loop: it does what a loop written out by hand does, tells its hooks the truth, stops when told, and
takes no step with numbers that are not finite."""
import io

import numpy as np
import pytest

from tinynet import (
    SGD,
    Adam,
    Dropout,
    Flatten,
    Layer,
    Linear,
    MeanSquaredError,
    ReLU,
    Sequential,
    SoftmaxCrossEntropy,
    simulated,
)
from tinynet.columns import Columns, Fork, Join
from tinynet.data import Loader, Split, batches
from tinynet.training.diverged import Diverged
from tinynet.training.schedule import ByEpoch, Steps, WhenStuck
from tinynet.training.train import Progress, minus, say, show_progress, train


def toy():
    """Forty images of 2x2 pixels; the class is the brightest pixel. And a small net for them."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 2, 2, 1), dtype=np.uint8)
    net = Sequential(flat=Flatten(), fc1=Linear(4, 16, rng=rng), relu1=ReLU(), fc2=Linear(16, 4, rng=rng))
    return Split(images, images.reshape(40, 4).argmax(axis=1)), net


def loader(split, batch_size=16, mean=100, scale=50):
    return Loader(split, batch_size, np.random.default_rng(1), minus(np.float32(mean), scale))


def values(net):
    return {name: p.device.tohost(p.value).copy() for name, p in net.parameters()}


def assert_values(net, expected):
    for name, value in values(net).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_it_is_the_loop_written_out_by_hand():
    split, net = toy()
    _, twin = toy()
    records = train(net, SGD(net.parameters(), 0.1), loader(split), 3)

    loss, sgd, rng = SoftmaxCrossEntropy(), SGD(twin.parameters(), 0.1), np.random.default_rng(1)
    assert [record["epoch"] for record in records] == [1, 2, 3]
    for record in records:
        total, wrong, drawn = 0.0, 0, batches(*split, 16, rng)
        rng.integers(0, 2 ** 63, 3)                             # the seeds of the batches
        for x, y in drawn:
            scores = twin.forward((x.astype(np.float32) - 100) / 50, train=True)
            total += loss.forward(scores, y) * len(y)
            wrong += (scores.argmax(axis=1) != y).sum()
            twin.backward(loss.backward())
            sgd.step()
        assert record["train_loss"] == pytest.approx(total / 40)
        assert record["train_error"] == wrong / 40
        assert record["images_per_second"] > 0 and 0 < record["waited"] < 1
    assert_values(net, values(twin))


def test_nobody_asks_for_the_gradient_of_the_images(monkeypatch):
    asked, backward, (split, net) = [], Linear.backward, toy()

    def noted(fc, dy, input_grad=True):
        asked.append((fc.name, input_grad))
        return backward(fc, dy, input_grad)

    monkeypatch.setattr(Linear, "backward", noted)
    train(net, SGD(net.parameters(), 0.1), loader(split, 40), 1)
    assert asked == [("fc2", True), ("fc1", False)]
    net.freeze("fc1")
    train(net, SGD(net.parameters(), 0.1), loader(split, 40), 1)
    assert asked[2:] == [("fc2", False)]


def test_it_learns():
    split, net = toy()
    records = train(net, SGD(net.parameters(), 0.1), loader(split, 8, 128, 64), 60)
    assert records[0]["train_error"] > 0.4 and records[-1]["train_error"] < 0.1


def test_hooks_are_told_what_happens_and_can_stop_it():
    split, net = toy()
    done, epochs = [], []

    def on_batch(progress):
        done.append((progress.epoch, progress.batch, progress.images, progress.epochs, progress.size))

    def on_epoch(record):
        epochs.append((record["epoch"], record["test_error"]))
        return len(epochs) == 2

    records = train(net, SGD(net.parameters(), 1.0), loader(split), 5, schedule=ByEpoch(lambda epoch: 0.1 / epoch),
                    validate=lambda: {"test_error": 0.5}, on_batch=on_batch, on_epoch=on_epoch)
    assert epochs == [(1, 0.5), (2, 0.5)] and len(records) == 2
    assert [r["lr"] for r in records] == [0.1, 0.05]
    assert done == [(e, b, n, 5, 40) for e in (1, 2) for b, n in ((1, 16), (2, 32), (3, 40))]


def test_the_schedule_sees_the_validation_error_and_ends_the_training():
    split, net = toy()
    errors = iter([0.5, 0.4, 0.4, 0.4])                      # the training error falls all the time
    records = train(net, SGD(net.parameters(), 1.0), loader(split), 99, schedule=WhenStuck(0.1, times=1, patience=1),
                    validate=lambda: {"val_error": next(errors)})
    assert [r["lr"] for r in records] == pytest.approx([0.1, 0.1, 0.1, 0.01])


def test_the_schedule_sees_the_validation_error_of_the_epoch_that_it_belongs_to():
    (split, net), schedule = toy(), WhenStuck(0.1, patience=9)
    train(net, SGD(net.parameters(), 0.1), loader(split), 2, schedule=schedule, validate=lambda: {"val_error": -1.0})
    assert schedule.best == -1.0


def test_validate_that_returns_no_dict():
    split, net = toy()
    with pytest.raises(TypeError, match="expected validate to return a dict, .*, got 0.3"):
        train(net, SGD(net.parameters(), 1.0), loader(split), 1, validate=lambda: 0.3)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_where_validate_fails_the_epoch_is_not_over_and_validate_is_asked_again(error):
    def validate():
        if len(raised) < fails:
            raised.append(error())
            raise raised[-1]
        return {"val_error": 0.5}

    ends = []
    for fails in 0, 1:
        raised, schedule, progress, (split, net) = [], Steps(0.1, at=(2,)), Progress(), toy()
        sgd, batches = SGD(net.parameters(), 0.1), loader(split)
        if fails:
            with pytest.raises(error):
                train(net, sgd, batches, 2, schedule=schedule, progress=progress, validate=validate)
            assert (progress.epoch, progress.batch, progress.history, schedule.epoch) == (1, 3, [], 1)
        records = train(net, sgd, batches, 2, schedule=schedule, progress=progress, validate=validate)
        ends.append([(r["epoch"], r["lr"], r["train_loss"], r["val_error"]) for r in records])
    assert ends[0] == ends[1] and [lr for _, lr, *_ in ends[0]] == pytest.approx([0.1, 0.01])


@pytest.mark.parametrize("name", ["val_error", "test_error", "val_top5_error"])
@pytest.mark.parametrize("wrong", [None, "0.5", True, [0.5]])
def test_an_error_that_is_no_number(name, wrong):
    (split, net), progress = toy(), Progress()
    with pytest.raises(TypeError, match=f"expected a number as validate's {name}, got .*; where it was not measured"):
        train(net, SGD(net.parameters(), 1.0), loader(split), 1, progress=progress, validate=lambda: {name: wrong})
    assert progress.history == []
    for right in 0, 0.5, np.nan, np.float32(0.5), np.array(0.5):
        record = train(net, SGD(net.parameters(), 1.0), loader(split), 1, validate=lambda right=right: {name: right})[0]
        np.testing.assert_equal(record[name], right)


def test_without_a_validation_error_the_schedule_sees_the_training_error():
    split, net = toy()
    schedule = WhenStuck(0.1)
    records = train(net, SGD(net.parameters(), 1.0), loader(split), 2, schedule=schedule)
    assert schedule.best == min(r["train_error"] for r in records)


def test_a_hook_after_a_batch_can_stop_it_within_an_epoch():
    split, net = toy()
    progress, done = Progress(), []

    def on_batch(progress):
        done.append(progress.batch)
        return len(done) == 5

    records = train(net, SGD(net.parameters(), 0.1), loader(split), 3, progress=progress, on_batch=on_batch)
    assert done == [1, 2, 3, 1, 2] and len(records) == 1 and (progress.epoch, progress.batch) == (2, 2)
    _, twin = toy()
    sgd, same = SGD(twin.parameters(), 0.1), loader(split)
    train(twin, sgd, same, 1)
    train(twin, sgd, same, 2, progress=Progress(epoch=2), on_batch=lambda progress: progress.batch == 2)
    assert_values(twin, values(net))


@pytest.mark.parametrize("accumulate", [2, 3, 99])          # of unequal sizes; more than the last batch has images
def test_small_batches_that_are_accumulated_are_as_the_whole(accumulate):
    split, net = toy()
    _, twin = toy()
    whole = train(twin, SGD(twin.parameters(), 0.1), loader(split), 3)
    records = train(net, SGD(net.parameters(), 0.1), loader(split), 3, accumulate=accumulate)
    for name, value in values(net).items():
        np.testing.assert_allclose(value, values(twin)[name], rtol=1e-4, atol=1e-6)
    for record, other in zip(records, whole, strict=True):
        for name in "train_loss", "train_error", "grad_norm":
            assert record[name] == pytest.approx(other[name], rel=1e-4), name


def test_before_a_step_the_gradients_can_be_changed():
    split, net = toy()
    _, twin = toy()
    sgd = SGD(net.parameters(), 0.1)

    def halve():
        for g in sgd.gradients():
            g /= 2

    halved = train(net, sgd, loader(split), 2, before_step=halve)
    records = train(twin, SGD(twin.parameters(), 0.05, weight_decay=1e-3), loader(split), 2)
    for name, value in values(net).items():                             # ε·(λ·w + g / 2) = ε/2·(2·λ·w + g)
        np.testing.assert_allclose(value, values(twin)[name], rtol=1e-4, atol=1e-6)
    assert halved[0]["grad_norm"] == pytest.approx(records[0]["grad_norm"] / 2, rel=1e-3)


def test_what_a_hook_breaks_is_found_before_the_step():
    split, net = toy()
    sgd, before = SGD(net.parameters(), 0.1), values(net)
    with pytest.raises(Diverged, match="the gradient of fc2.b holds NaN or infinity"):
        train(net, sgd, loader(split), 1, before_step=lambda: net["fc2"].b.grad.fill(np.nan))
    assert_values(net, before)


def test_the_norm_of_the_gradient_is_in_the_record():
    split, net = toy()
    norms = []

    def on_batch(progress):
        norms.append(np.sqrt(sum((p.grad.astype(np.float64) ** 2).sum() for _, p in net.parameters())))

    for record in train(net, SGD(net.parameters(), 0.1), loader(split), 2, on_batch=on_batch):
        of_epoch = norms[3 * record["epoch"] - 3:3 * record["epoch"]]
        assert record["grad_norm"] == pytest.approx(np.mean(of_epoch), rel=1e-5)


def regression():
    """Forty vectors, and for each the two numbers that a net is to answer."""
    x = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    net = Sequential(fc1=Linear(4, 2, rng=np.random.default_rng(1)))
    return Split(x, np.stack([x.sum(axis=1), x[:, 0]], axis=1)), net


def test_numbers_can_be_learned_as_well_as_classes():
    split, net = regression()
    _, twin = regression()
    given = Loader(split, 16, np.random.default_rng(1))
    records = train(net, SGD(net.parameters(), 0.1), given, 30, loss=MeanSquaredError())
    assert "train_error" not in records[0]
    assert records[0]["train_loss"] > 0.5 and records[-1]["train_loss"] < 0.01

    loss, sgd, rng = MeanSquaredError(), SGD(twin.parameters(), 0.1), np.random.default_rng(1)
    for record in records:
        total = 0.0
        for x, y in batches(*split, 16, rng):
            total += loss.forward(twin.forward(x, train=True), y) * len(y)
            twin.backward(loss.backward())
            sgd.step()
        assert record["train_loss"] == pytest.approx(total / 40)
    assert_values(net, values(twin))


def test_a_metric_is_summed_over_the_images_and_the_schedule_looks_at_it():
    split, net = regression()
    given, schedule = Loader(split, 16, np.random.default_rng(1)), WhenStuck(1e-9)
    metric = lambda y, target: np.abs(y - target).max(axis=1).sum()  # noqa: E731
    (record,) = train(net, SGD(net.parameters(), 0.1), given, 1, loss=MeanSquaredError(), metric=metric,
                      schedule=schedule)
    expected = np.abs(net.forward(split.images) - split.labels).max(axis=1).mean()     # it has hardly moved
    assert record["train_error"] == pytest.approx(expected, rel=1e-4) and schedule.best == record["train_error"]


def test_without_a_metric_the_schedule_looks_at_the_loss():
    split, net = regression()
    schedule = WhenStuck(0.1)
    records = train(net, SGD(net.parameters(), 0.1), Loader(split, 16, np.random.default_rng(1)), 2,
                    loss=MeanSquaredError(), schedule=schedule)
    assert schedule.best == min(r["train_loss"] for r in records)


def test_a_loss_of_numbers_that_is_not_finite_is_explained_too():
    split, net = regression()
    net["fc1"].W.value[...] = 3e38
    with pytest.raises(Diverged, match=r"epoch 1, batch 1: .*fc1 \(Linear\) gives the first of them"):
        train(net, SGD(net.parameters(), 0.1), Loader(split, 16, np.random.default_rng(1)), 1, loss=MeanSquaredError())
    targets = split.labels.copy()
    targets[:] = np.inf
    net["fc1"].W.value[...] = 1
    with pytest.raises(ValueError, match="MeanSquaredError: the loss is inf: target holds NaN or infinity") as error:
        train(net, SGD(net.parameters(), 0.1), Loader(Split(split.images, targets), 16, np.random.default_rng(1)), 1,
              loss=MeanSquaredError())
    assert not isinstance(error.value, Diverged)


@pytest.mark.parametrize("lr", [1e10, 1e18, 1e19, 1e25])
def test_numbers_whose_squares_are_too_large_have_diverged(lr):
    split, net = regression()
    with pytest.raises(Diverged, match="^epoch 1, batch "):
        train(net, SGD(net.parameters(), lr), Loader(split, 16, np.random.default_rng(1)), 2, loss=MeanSquaredError())


class Mute(SoftmaxCrossEntropy):
    """A loss that does not look at what it is given."""

    def forward(self, logits, labels):
        return float(np.sum(logits))


def test_scores_are_looked_at_if_a_loss_does_not_but_is_not_finite():
    split, net = toy()
    net["fc2"].W.value[0, 0] = np.nan
    with pytest.raises(Diverged, match="the net's scores hold NaN or infinity: the first .* the parameter fc2.W"):
        train(net, SGD(net.parameters(), 0.1), loader(split), 1, loss=Mute())


class Third(SoftmaxCrossEntropy):
    """A loss of one's own, which gives what NumPy gave it; of the third batch, NaN."""

    count = 0

    def forward(self, logits, labels):
        L, self.count = super().forward(logits, labels), self.count + 1
        return self.made(L if self.count < 3 else np.nan)


@pytest.mark.parametrize("made", [np.float32, np.array, lambda L: np.full(1, L, np.float32)])
def test_the_step_is_left_out_whatever_kind_of_number_a_loss_gives(made):
    split, net = toy()
    loss, sgd = Third(), SGD(net.parameters(), 0.1)
    loss.made = made
    with pytest.raises(Diverged, match="epoch 1, batch 3: the loss is nan, though the net's scores are finite"):
        train(net, sgd, loader(split, 10), 1, loss=loss)
    assert sgd.steps == 2


class Whole(Layer):
    """A loss of one's own, which is a whole number, and whose gradient is NaN."""

    def forward(self, logits, labels):
        self.dz = np.full_like(logits, np.nan)
        return max(0, -1)

    def backward(self):
        return self.dz


def test_the_step_is_left_out_beside_a_loss_that_is_a_whole_number():
    split, net = toy()
    sgd, before = SGD(net.parameters(), 0.1), values(net)
    with pytest.raises(Diverged, match="epoch 1, batch 1: the gradient of fc2.. holds NaN or infinity"):
        train(net, sgd, loader(split), 1, loss=Whole())
    assert sgd.steps == 0
    assert_values(net, before)


def test_scores_are_looked_at_once(monkeypatch):
    split, net = toy()
    seen = []
    monkeypatch.setattr("tinynet.training.diverged.check_scores", lambda *args: seen.append(args))
    train(net, SGD(net.parameters(), 0.1), loader(split), 1)
    assert not seen                                                     # the loss has looked at them


def test_adam_trains_by_the_same_loop():
    split, net = toy()
    records = train(net, Adam(net.parameters(), 0.01), loader(split, 8, 128, 64), 60)
    assert records[0]["train_error"] > 0.4 and records[-1]["train_error"] < 0.1


def test_a_rate_that_the_schedule_should_not_give_is_refused_where_it_is_given():
    split, net = toy()
    progress, schedule = Progress(), ByEpoch(lambda epoch: 0.1 - 0.05 * epoch)
    with pytest.raises(ValueError, match="ByEpoch: expected a learning rate of 0 or more, got -0.05.* for epoch 3"):
        train(net, SGD(net.parameters(), 0.1), loader(split), 5, schedule=schedule, progress=progress)
    assert [record["epoch"] for record in progress.history] == [1, 2]


def test_a_progress_is_gone_on_with():
    split, net = toy()
    _, twin = toy()
    whole = train(net, SGD(net.parameters(), 0.1), loader(split), 3)
    sgd, at, same = SGD(twin.parameters(), 0.1), Progress(), loader(split)

    def leave_after_two(progress):
        if (progress.epoch, progress.batch) == (2, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(twin, sgd, same, 3, progress=at, on_batch=leave_after_two)
    records = train(twin, sgd, same, 3, progress=at)
    assert_values(twin, values(net))
    for record, other in zip(records, whole, strict=True):
        assert {**record, "images_per_second": 0, "waited": 0} == {**other, "images_per_second": 0, "waited": 0}
    assert train(twin, sgd, same, 3, progress=at) == records         # over: nothing more happens
    assert_values(twin, values(net))


def test_fewer_epochs_than_are_done_are_told_so(capsys):
    split, net = toy()
    at, sgd = Progress(), SGD(net.parameters(), 0.1)
    train(net, sgd, loader(split), 3, progress=at)
    train(net, sgd, loader(split), 3, progress=at)                 # nothing is left to do, as was asked for
    assert "done already" not in capsys.readouterr().out
    before = values(net)
    train(net, sgd, loader(split), 2, progress=at)
    assert capsys.readouterr().out == ("3 epochs are done already: epochs=2 trains no more, and undoes none of them\n")
    assert_values(net, before)


@pytest.mark.parametrize("epochs", [1.5, "2", None, -1])
def test_epochs_that_are_no_whole_number(epochs):
    split, net = toy()
    with pytest.raises(ValueError, match="train epochs: expected a whole number of 0 or more, got"):
        train(net, SGD(net.parameters(), 0.1), loader(split), epochs)


def test_times_of_an_interrupted_epoch_are_added():
    split, net = toy()
    given = loader(split)
    progress = Progress(batch=1, images=16, seconds=100.0, waited=25.0, order=given.rng.bit_generator.state)
    record, after = train(net, SGD(net.parameters(), 0.1), given, 2, progress=progress)
    assert record["waited"] == pytest.approx(0.25, rel=0.05)             # 25 of 100 seconds, and what it took here
    assert record["images_per_second"] == pytest.approx(0.4, rel=0.05)   # 40 images
    assert after["images_per_second"] > 0.4 and after["waited"] <= 1     # and not to those of the next


def test_on_the_cpu_hooks_are_told_the_last_loss_and_the_sum_with_it():
    (split, net), seen = toy(), [(0, 0.0)]
    train(net, SGD(net.parameters(), 0.1), loader(split, batch_size=1), 1,
          on_batch=lambda at: seen.append((at.last_loss, at.loss)))
    assert len(seen) == 41 and seen[1][0] > 0
    for (_, before), (last, now) in zip(seen, seen[1:], strict=False):
        assert now == pytest.approx(before + last)


class TwoHeads(Layer):
    """A net with two outputs in training, the second of them useless."""

    def __init__(self, net):
        self.net = net

    def forward(self, x, train=False, keep=False):
        scores = self.net.forward(x, train=train, keep=keep)
        return scores, -scores

    def backward(self, dy):
        return self.net.backward(dy[0])

    def children(self):
        return [("net", self.net)]


class FirstHead(SoftmaxCrossEntropy):
    def forward(self, logits, labels):
        return super().forward(logits[0], labels)

    def backward(self):
        return super().backward(), None


def test_a_net_of_several_heads_brings_its_own_loss():
    split, net = toy()
    _, twin = toy()
    expected = train(net, SGD(net.parameters(), 0.1), loader(split), 2)
    heads = TwoHeads(twin)
    records = train(heads, SGD(heads.parameters(), 0.1), loader(split), 2, loss=FirstHead())
    assert [r["train_error"] for r in records] == [r["train_error"] for r in expected]
    assert_values(twin, values(net))


def test_a_net_that_is_no_sequential_says_what_it_can():
    split, net = toy()
    heads = TwoHeads(net)
    net["fc2"].W.value[0] = np.nan
    with pytest.raises(Diverged, match="the first of them is in the parameter net.fc2.W"):
        train(heads, SGD(heads.parameters(), 0.1), loader(split), 1, loss=FirstHead())
    net["fc2"].W.value[...] = 3e38
    with pytest.raises(Diverged, match="TwoHeads gives the first of them, with a finite input"):
        train(heads, SGD(heads.parameters(), 0.1), loader(split), 1, loss=FirstHead())


def test_a_loader_in_order_is_refused():
    split, net = toy()
    with pytest.raises(ValueError, match=r"train: the loader gives the images in order.*Loader\(split, batch_size, rn"):
        train(net, SGD(net.parameters(), 0.1), Loader(split, 16), 1)


# ---------------------------------------------------------------------------------------- what is not finite


def diverges(net, split, message, lr=0.1, **options):
    """Training raises Diverged with this message, and the last step is not taken."""
    before = []

    def on_batch(progress):
        before.append(values(net))

    start = values(net)
    with pytest.raises(Diverged, match=message):
        train(net, SGD(net.parameters(), lr), loader(split, 16, **options), 5, on_batch=on_batch)
    assert_values(net, before[-1] if before else start)


def test_a_weight_that_is_not_finite_is_named():
    split, net = toy()
    net["fc1"].W.value[2, 3] = np.nan
    diverges(net, split, "epoch 1, batch 1: the net's scores hold NaN or infinity: the first of them is in the "
                         "parameter fc1.W. A smaller learning rate may help")


def test_a_layer_that_overflows_is_named():
    split, net = toy()
    net["fc2"].W.value[...] = 3e38
    diverges(net, split, r"fc2 \(Linear\) gives the first of them, with a finite input")


def test_an_input_that_is_not_finite_is_named_and_only_where_it_comes():
    split, net = toy()
    images = split.images.astype(np.float32)
    images[np.random.default_rng(1).permutation(40)[20], 1, 1] = np.inf          # in the second batch
    diverges(net, Split(images, split.labels), "epoch 1, batch 2: .*the input does already; look at what prepares")


def test_steps_that_are_too_large_are_told_from_the_weights():
    split, net = toy()
    diverges(net, split, r"epoch 1, batch [23]: .*(fc1|fc2).*A smaller learning rate may help", lr=1e38)


class BadGradient(Layer):
    """Its output is finite, its gradient is not, once it is told so."""

    bad = None

    def forward(self, x, train=False, keep=False):
        return x * 1

    def backward(self, dy):
        return dy if self.bad is None else dy * dy.dtype.type(self.bad)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_named_where_backward_met_it_first(bad):
    split, net = toy()
    net = Sequential(flat=Flatten(), fc0=Linear(4, 4, rng=np.random.default_rng(2)), fc1=net["fc1"],
                     spoilt=BadGradient(), relu1=ReLU(), fc2=net["fc2"])
    net["spoilt"].bad = bad
    diverges(net, split, "epoch 1, batch 1: the gradient of fc1.b holds NaN or infinity, though the loss is finite. "
                         "A learning rate smaller than 0.1 may help")


def test_a_large_gradient_whose_square_overflows_is_not_taken_for_infinity():
    split, net = toy()
    net = Sequential(flat=Flatten(), fc1=net["fc1"], large=BadGradient(), relu1=ReLU(), fc2=net["fc2"])
    net["large"].bad = 1e30
    records = train(net, SGD(net.parameters(), 1e-30), loader(split), 2)
    assert 1e27 < records[0]["grad_norm"] < 1e33


def test_a_frozen_parameter_may_have_any_gradient():
    split, net = toy()
    net = Sequential(flat=Flatten(), fc1=net["fc1"], spoilt=BadGradient(), relu1=ReLU(), fc2=net["fc2"])
    net["spoilt"].bad = np.nan
    net.freeze("fc1")
    train(net, SGD(net.parameters(), 0.1), loader(split), 1)


def test_a_loss_that_is_infinite_though_the_scores_are_not():
    split, net = toy()
    net["fc2"].W.value[...] = 0
    net["fc2"].b.value[...] = [3e38, -3e38, 0, 0]
    diverges(net, split, "epoch 1, batch 1: the loss is inf, though the net's scores are finite")


def test_columns_are_checked_on_both_their_devices():
    split, _ = toy()
    devices, rng = (simulated(0), simulated(1)), np.random.default_rng(0)
    net = Sequential(flat=Flatten(), fork=Fork(devices),
                     fc1=Columns(Linear(4, 8, rng=rng), Linear(4, 8, rng=rng)), drop=Columns(Dropout(), Dropout()),
                     join=Join(devices[0]), fc2=Linear(16, 4, rng=rng)).to(devices)
    train(net, SGD(net.parameters(), 0.1), loader(split), 1)
    net["fc1"].right.W.value[0, 0] = np.nan
    diverges(net, split, "in the parameter fc1.right.W")
    split, _ = toy()
    net["fc1"].right.W.value[0, 0] = 0
    net["fc1"].right.b.value[...] = np.float32(3e38)
    net["fc2"].W.value[...] = 1e3
    diverges(net, split, r"fc2 \(Linear\) gives the first of them")


def test_other_errors_are_not_taken_for_divergence():
    split, net = toy()
    labels = split.labels + 4
    with pytest.raises(ValueError, match="expected labels from 0 to 3") as error:
        train(net, SGD(net.parameters(), 0.1), loader(Split(split.images, labels)), 1)
    assert not isinstance(error.value, Diverged)


# ---------------------------------------------------------------------------------------- what is around it


def test_minus_leaves_the_images_alone():
    images = np.full((2, 2, 2, 1), 7, np.uint8)
    x = minus(np.full((2, 2, 1), 3, np.float32), scale=2)(images)
    assert x.dtype == np.float32 and (x == 2).all() and (images == 7).all()


def test_a_line_is_said_over_the_progress_line(monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    say("epoch 1")
    assert terminal.getvalue() == "\r" + " " * 79 + "\r" and capsys.readouterr().out == "epoch 1\n"


def test_progress_shows_speed_and_time_left_on_a_terminal_only(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for stream, shown in (Terminal(), True), (io.StringIO(), False):
        monkeypatch.setattr("sys.stderr", stream)
        on_batch = show_progress("net")
        on_batch(Progress(batch=1, images=5, seconds=0.1, epochs=1, size=10))
        on_batch(Progress(batch=2, images=10, seconds=0.2, epochs=1, size=10))
        assert ("images/s" in stream.getvalue() and "100%" in stream.getvalue()) == shown


def test_progress_of_a_resumed_training_counts_what_was_done_but_not_into_the_speed(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    show_progress("net")(Progress(epoch=3, batch=5, images=50, seconds=2.0, epochs=4, size=100))
    assert "net:  62%      25 images/s      6 s left" in terminal.getvalue()


def test_steps_is_a_schedule_of_the_loop():
    split, net = toy()
    records = train(net, SGD(net.parameters(), 1.0), loader(split), 3, schedule=Steps(0.1, at=(3,), factor=0.5))
    assert [r["lr"] for r in records] == [0.1, 0.1, 0.05]


def test_what_is_no_optimiser_is_refused_before_anything_is_computed():
    split, net = toy()
    with pytest.raises(TypeError, match=r"train: expected an optimiser, got a float; write train\(net, SGD\(net\.par"):
        train(net, 0.1, loader(split), 3)
    with pytest.raises(TypeError, match="train: expected an optimiser, got the class SGD; write"):
        train(net, SGD, loader(split), 3)
    with pytest.raises(TypeError, match="train: expected a schedule, Steps.* for example, got <function"):
        train(net, SGD(net.parameters(), 0.1), loader(split), 3, schedule=lambda epoch: 0.1)


def test_weights_that_the_last_step_of_an_epoch_has_ruined_are_named():
    def validate():
        raise ValueError("no order to rank classes by")
    split, net = toy()
    sgd = SGD(net.parameters(), 0.1)
    with pytest.raises(ValueError, match="no order"):                                # for another reason
        train(net, sgd, loader(split), 1, validate=validate)
    with pytest.raises(Diverged, match="epoch 1: the last step has left NaN or infinity in fc1.W. A learning rate"):
        train(net, sgd, loader(split, 40), 1, validate=validate, before_step=lambda: net["fc1"].W.grad.fill(1e38) or
              setattr(sgd, "lr", 1e38))


def test_what_is_no_loss_is_refused_before_anything_is_computed():
    split, net = toy()
    for wrong in MeanSquaredError, lambda scores, labels: 0:
        with pytest.raises(TypeError, match="train: expected a loss with forward and backward, Soft"):
            train(net, SGD(net.parameters(), 0.1), loader(split), 1, loss=wrong)


def test_an_optimiser_of_parameters_that_are_not_the_nets_is_refused():
    """Their gradients are those of the last backward of long ago: a step would move them, and not this net."""
    split, net = toy()
    _, other = toy()
    sgd = SGD(net.parameters(), 0.1)
    train(net, sgd, loader(split), 1)
    before = values(net)
    with pytest.raises(ValueError, match=r"SGD holds fc1.W, fc1.b, fc2.W, fc2.b, not \(or no longer\) this net's"):
        train(other, sgd, loader(split), 1)
    fc2 = net["fc2"]
    net["fc2"] = Linear(16, 4, rng=np.random.default_rng(3))
    with pytest.raises(ValueError, match=r"SGD holds fc2.W, fc2.b, not .* make a new one, SGD\(net.parameters\(\), lr"):
        train(net, sgd, loader(split), 1)
    net["fc2"] = fc2
    assert_values(net, before)
    train(net.freeze("fc1.W"), SGD([("fc2.W", fc2.W), ("fc2.b", fc2.b)], 0.1), loader(split), 1)  # of a part of it


def test_frozen_parameters_of_another_net_do_no_harm_in_an_optimiser():
    (split, net), other = toy(), Sequential(old=Linear(2, 2)).freeze()
    train(net, SGD(net.parameters() + other.parameters(), 0.1), loader(split), 1)


def test_a_training_in_which_nothing_learns_is_told_so(capsys):
    split, net = toy()
    train(net.freeze("fc1"), SGD(net.parameters(), 0.1), loader(split), 1)
    assert "frozen" not in capsys.readouterr().out
    before = values(net)
    train(net.freeze(), SGD(net.parameters(), 0.1), loader(split), 1)
    assert "nothing learns: all parameters of the SGD are frozen\n" in capsys.readouterr().out
    assert_values(net, before)
