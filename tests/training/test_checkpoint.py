"""Checkpoints: a training goes on bit for bit; whatever does not fit is named, and nothing is changed then."""
from __future__ import annotations

import copy
import json
import os

import numpy as np
import pytest

from tinynet import SGD, Adam, Branches, Dropout, FixedRate, Flatten, Layer, Linear, ReLU, Sequential, simulated
from tinynet.columns import Columns, Fork, Join
from tinynet.data import Loader, Split
from tinynet.data.dataset import fingerprint
from tinynet.training.checkpoint import REST, plain, restore, save
from tinynet.training.diverged import Diverged
from tinynet.training.schedule import ByEpoch, Steps, WarmUp, WhenStuck
from tinynet.training.train import Progress, train


class RunningMean(Layer):
    """Subtracts a running mean of its inputs: a state that is no parameter."""

    def __init__(self, size):
        self.mean = np.zeros(size, np.float32)

    def forward(self, x, train=False, keep=False):
        if train:
            self.mean[...] = 0.9 * self.mean + 0.1 * x.mean(axis=0)
        return x - self.mean

    def backward(self, dy):
        return dy

    def state(self):
        return [("mean", self.mean)]


def on_one_device(rng):
    return Sequential(flat=Flatten(), norm=RunningMean(4), fc1=Linear(4, 6, rng=rng), relu1=ReLU(),
                      drop=Dropout(rng=rng), fc2=Linear(6, 3, rng=rng))


def in_columns(rng):
    devices = simulated(0), simulated(1)
    return Sequential(flat=Flatten(), fork=Fork(devices), fc1=Columns(Linear(4, 6, rng=rng), Linear(4, 6, rng=rng)),
                      drop=Columns(Dropout(rng=rng), Dropout(rng=rng)), join=Join(devices[0]),
                      fc2=Linear(12, 3, rng=rng)).to(devices)


class Training:
    """Everything that `train` is given, from one seed."""

    def __init__(self, build=on_one_device, seed=0, workers=0, bits=np.random.PCG64, images=11):
        rng = np.random.Generator(bits(seed))
        x = np.random.default_rng(5).normal(size=(images, 2, 2, 1)).astype(np.float32)
        self.net = build(rng)
        self.sgd = SGD(self.net.parameters(), 0.1)
        self.loader = Loader(Split(x, np.arange(images) % 3), 4, rng, workers=workers,
                             transform=lambda x, rng: x + rng.normal(size=x.shape).astype(np.float32))
        self.schedule = WhenStuck(0.1, patience=1)
        self.at = Progress()

    @property
    def parts(self):
        return self.net, self.sgd, self.loader, self.schedule

    def train(self, epochs, **hooks):
        return train(*self.parts[:3], epochs, progress=self.at, schedule=self.schedule, **hooks)

    def save(self, path):
        save(path, *self.parts, self.at)

    def everything(self):
        """All that must come out the same, as plain numbers."""
        arrays = {name: p.device.tohost(p.value).tolist() for name, p in self.net.parameters()}
        slots = {(slot, name): self.sgd.parameters[name].device.tohost(array).tolist()
                 for slot, of in self.sgd.slots.items() for name, array in of.items()}
        generators = [self.loader.rng, *(s for _, s in self.net.state() if isinstance(s, np.random.Generator))]
        state = [json.dumps(rng.bit_generator.state, default=plain) for rng in generators]
        state += [s.tolist() for _, s in self.net.state() if not isinstance(s, np.random.Generator)]
        history = [{**record, "images_per_second": 0, "waited": 0} for record in self.at.history]
        return copy.deepcopy((arrays, slots, state, history, self.sgd.lr, self.schedule and self.schedule.state(),
                              self.at.epoch, self.at.batch, self.at.loss))


class Enough(Exception):
    pass


def stop_at(epoch, batch):
    def on_batch(at):
        if (at.epoch, at.batch) == (epoch, batch):
            raise Enough
    return on_batch


@pytest.mark.parametrize("build", [on_one_device, in_columns])
@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937])
@pytest.mark.parametrize("epoch, batch", [(1, 1), (2, 2), (3, 3)])        # 3 is the last batch of an epoch
def test_it_goes_on_bit_for_bit(tmp_path, build, bits, epoch, batch):
    whole, first, second = Training(build, bits=bits), Training(build, bits=bits), Training(build, 1, 2, bits)
    whole.train(5)
    with pytest.raises(Enough):
        first.train(5, on_batch=stop_at(epoch, batch))
    first.save(tmp_path / "c.npz")
    second.at = restore(tmp_path / "c.npz", *second.parts)
    assert (second.at.epoch, second.at.batch) == (epoch, batch)
    second.train(5)
    assert second.everything() == whole.everything()


def test_it_goes_on_from_between_two_epochs_and_from_before_the_first(tmp_path):
    whole = Training()
    whole.train(4)
    for done in 0, 2:
        first, second = Training(), Training(seed=1)
        first.train(done)
        first.save(tmp_path / "c.npz")
        second.at = restore(tmp_path / "c.npz", *second.parts)
        assert second.everything() == first.everything()
        second.train(4)
        assert second.everything() == whole.everything()


def test_settings_of_the_optimiser_come_back_and_a_finished_schedule_stays_finished(tmp_path):
    first, second = Training(), Training()
    first.sgd.momentum, first.sgd.weight_decay = 0.5, 0.25
    first.schedule, second.schedule = (WhenStuck(0.1, patience=1, times=0) for _ in range(2))
    records = first.train(99, validate=lambda: {"val_error": 0.5})
    assert len(records) == 2 and first.schedule.finished
    first.save(tmp_path / "c.npz")
    second.at = restore(tmp_path / "c.npz", *second.parts)
    assert (second.sgd.momentum, second.sgd.weight_decay) == (0.5, 0.25)
    assert second.train(99) == records


def test_frozen_parameters_and_rates_of_their_own(tmp_path):
    def prepared(training):
        training.net.freeze("fc1")
        training.net["fc2"].b.lr = FixedRate(0.02)
        return training
    whole, first, second = (prepared(Training(seed=seed)) for seed in (0, 0, 1))
    whole.train(3)
    first.train(1)
    first.save(tmp_path / "c.npz")
    assert set(first.sgd.slots["velocity"]) == {"fc2.W", "fc2.b"}
    second.at = restore(tmp_path / "c.npz", *second.parts)
    second.train(3)
    assert second.everything() == whole.everything()


def test_a_net_takes_its_arrays_out_of_a_checkpoint(tmp_path):
    training, net = Training(), on_one_device(np.random.default_rng(9))
    training.train(1)
    training.save(tmp_path / "c.npz")
    net.load(tmp_path / "c.npz")
    for (name, p), (_, q) in zip(net.parameters(), training.net.parameters(), strict=True):
        np.testing.assert_array_equal(p.value, q.value, name)
    np.testing.assert_array_equal(net["norm"].mean, training.net["norm"].mean)
    with np.load(tmp_path / "c.npz", allow_pickle=False) as file:
        plain_names = [name for name in file.files if not name.startswith("training/")]
        assert plain_names == [*(name for name, _ in net.parameters()), "norm.mean"]


def test_restored_velocities_are_not_shared_with_anything(tmp_path):
    training = Training()
    training.train(1)
    training.save(tmp_path / "c.npz")
    before = training.everything()
    restore(tmp_path / "c.npz", *training.parts)
    training.sgd.step()
    training.at = restore(tmp_path / "c.npz", *training.parts)
    assert training.everything() == before


def test_numbers_that_a_gpu_has_not_given_yet_are_in_it(tmp_path):
    training = Training()
    training.at = Progress(order=training.loader.rng.bit_generator.state)
    training.at.count(4, np.array(2.0), None, np.array(1.0))             # these are not read at once
    training.save(tmp_path / "c.npz")
    assert restore(tmp_path / "c.npz", *training.parts).loss == 8


def test_records_of_very_many_epochs_come_back(tmp_path):
    first, second = Training(), Training(seed=1)
    first.at.history = [{"epoch": 1 + i, "lr": 0.1, "train_loss": 1.0} for i in range(1000)]
    first.save(tmp_path / "c.npz")
    assert restore(tmp_path / "c.npz", *second.parts).history == first.at.history


# ---------------------------------------------------------------------------------------- what does not fit


def refused(path, training, message):
    before = training.everything()
    with pytest.raises(ValueError, match=message) as error:
        restore(path, *training.parts)
    assert training.everything() == before
    return str(error.value)


@pytest.fixture
def path(tmp_path):
    """A checkpoint in the middle of the second epoch."""
    training = Training()
    with pytest.raises(Enough):
        training.train(5, on_batch=stop_at(2, 1))
    training.save(tmp_path / "c.npz")
    return tmp_path / "c.npz"


def test_every_mismatch_is_named_and_nothing_is_changed(path):
    def other(rng):
        return Sequential(flat=Flatten(), fc1=Linear(4, 7, rng=rng),
                          more=Branches(a=Dropout(), b=Linear(7, 1, rng=rng)),
                          fc2=Linear(8, 3, rng=rng).astype(np.float64))
    training = Training(other, bits=np.random.MT19937, images=12)
    training.schedule = Steps(0.1, at=(2,))
    lines = refused(path, training, "does not fit this training").splitlines()
    assert lines == [
        f"{path} does not fit this training:",
        "  more.b.W: missing in the file", "  more.b.b: missing in the file",
        "  fc1.W: expected float32 of shape (4, 7), the file has float32 of shape (4, 6)",
        "  fc1.b: expected float32 of shape (7,), the file has float32 of shape (6,)",
        "  fc2.W: expected float64 of shape (8, 3), the file has float32 of shape (6, 3)",
        "  fc2.b: expected float64 of shape (3,), the file has float32 of shape (3,)",
        "  norm.mean: unknown to this training",
        "  training/velocity/fc1.W: expected float32 of shape (4, 7), the file has float32 of shape (4, 6)",
        "  training/velocity/fc1.b: expected float32 of shape (7,), the file has float32 of shape (6,)",
        "  training/velocity/fc2.W: expected float64 of shape (8, 3), the file has float32 of shape (6, 3)",
        "  training/velocity/fc2.b: expected float64 of shape (3,), the file has float32 of shape (3,)",
        "  the schedule: expected Steps(lr=0.1, at=[2], factor=0.1), which keeps lr, epoch, the file has WhenStuck("
        "lr=0.1, factor=0.1, times=3, patience=1), which keeps lr, best, waited, drops, finished",
        "  the loader's images: expected 12, the file has 11",
        f"  the fingerprint of its labels: expected {fingerprint(np.arange(12) % 3)}, the file has "
        f"{fingerprint(np.arange(11) % 3)}",
        "  the generator loader: expected MT19937, the file has PCG64",
        "  the generator more.a.rng: expected PCG64, the file has None",
        "  the generator drop.rng: expected None, the file has PCG64"]


def loader(labels, batch_size, images=11):
    return Loader(Split(np.zeros((images, 2, 2, 1), np.float32), labels), batch_size, np.random.default_rng(0))


@pytest.mark.parametrize("change, message", [
    (lambda t: setattr(t, "loader", loader(np.arange(11) % 3, 5)),             # 3 batches, as of 4
     "the loader's batch size: expected 5, the file has 4"),
    (lambda t: setattr(t, "loader", loader((np.arange(11) + 1) % 3, 4)),
     "the fingerprint of its labels: expected .{8}, the file has .{8}$"),
    (lambda t: t.net.freeze("fc1"), "the frozen parameters: expected fc1.W, fc1.b, the file has none"),
    (lambda t: setattr(t.net["fc1"].b, "lr", 2),
     "the rate and the decay of fc1.b: expected times 2.0, times 1.0, the file has times 1.0, times 1.0"),
    (lambda t: setattr(t.net["fc1"].b, "lr", FixedRate(1)),
     "the rate and the decay of fc1.b: expected fixed at 1.0, times 1.0, the file has times 1.0, times 1.0"),
    (lambda t: setattr(t.net["fc2"].W, "decay", 0),
     "the rate and the decay of fc2.W: expected times 1.0, times 0.0, the file has times 1.0, times 1.0"),
    (lambda t: setattr(t, "schedule", WhenStuck(0.2, patience=1)),
     r"the schedule: expected WhenStuck\(lr=0.2, .*, the file has WhenStuck\(lr=0.1, "),
    (lambda t: setattr(t, "schedule", WhenStuck(0.1, patience=2)), r"patience=2\).* the file has .*patience=1\)"),
    (lambda t: setattr(t, "sgd", SGD(t.net.parameters(), 0.5)),
     r"the optimiser: expected SGD\(lr=0.5, weight_decay=0.0005, momentum=0.9\), the file has SGD\(lr=0.1, "),
    (lambda t: setattr(t, "sgd", SGD(t.net.parameters(), 0.1, momentum=0.5)), "momentum=0.5.*, the file has "),
    (lambda t: setattr(t, "sgd", SGD(t.net.parameters(), 0.1, weight_decay=0)), "weight_decay=0.0, .*, the file has ")])
def test_another_training_is_refused(path, change, message):
    training = Training()
    change(training)
    assert len(refused(path, training, message).splitlines()) == 2


def test_a_file_from_before_rates_and_decays_were_told_goes_on(path):
    rewrite(path, lambda arrays, rest: rest.pop("multipliers"))
    training = Training()
    training.net["fc1"].b.lr = 2
    assert restore(path, *training.parts).epoch > 1


def test_another_optimiser_is_refused_in_one_line(path):
    training = Training()
    training.sgd = Adam(training.net.parameters(), 0.1)
    lines = refused(path, training, "does not fit this training").splitlines()
    assert lines[1:] == ["  the optimiser: expected Adam(lr=0.1, weight_decay=0.0, beta1=0.9, beta2=0.999, eps=1e-08), "
                         "the file has SGD(lr=0.1, weight_decay=0.0005, momentum=0.9)"]


def test_the_type_in_which_labels_are_kept_does_not_matter():
    labels = np.arange(11) % 3
    assert {fingerprint(labels.astype(dtype)) for dtype in (np.uint8, np.int32, np.int64)} == {fingerprint(labels)}


def test_the_fingerprint_of_very_many_labels_looks_at_a_part_of_them():
    labels = np.zeros((2 ** 21 + 1, 4))                                        # 64 MB: every third row
    before = fingerprint(labels)
    labels[3] = 1
    assert fingerprint(labels) != before


@pytest.mark.parametrize("within", [lambda factor: WhenStuck(0.1, factor, patience=1),
                                    lambda factor: Steps(0.1, at=(3,), factor=factor)])
def test_another_factor_of_the_schedule_within_a_warm_up_is_refused(tmp_path, within):
    first, second = Training(), Training()
    first.schedule, second.schedule = WarmUp(within(0.5), 8), WarmUp(within(0.1), 8)
    first.save(tmp_path / "c.npz")
    refused(tmp_path / "c.npz", second, "the schedule: expected WarmUp.*'factor': 0.1.* the file has .*'factor': 0.5")


def test_without_the_schedule(path):
    training = Training()
    training.schedule = None
    with pytest.raises(ValueError, match="the schedule: expected None, the file has "):
        restore(path, *training.parts)


def rewrite(path, change):
    """The checkpoint with its arrays, and its rest as a dictionary, changed by `change(arrays, rest)`."""
    with np.load(path) as file:
        arrays = dict(file)
    rest = json.loads(arrays[REST].item())
    change(arrays, rest)
    np.savez(path, **{**arrays, REST: np.array(json.dumps(rest).encode())})


def test_a_velocity_that_is_missing_or_unknown(path):
    def change(arrays, rest):
        arrays["training/velocity/fc9.W"] = arrays.pop("training/velocity/fc2.W")
    rewrite(path, change)
    lines = refused(path, Training(), "does not fit").splitlines()[1:]
    assert lines == ["  training/velocity/fc2.W: missing in the file",
                     "  training/velocity/fc9.W: unknown to this training"]


@pytest.mark.parametrize("change", [
    lambda arrays, rest: rest.pop("progress"),
    lambda arrays, rest: rest["progress"].update(colour="red"),
    lambda arrays, rest: rest["generators"]["drop.rng"].update(state={"state": 1}),
    lambda arrays, rest: rest["generators"].update({"drop.rng": 7}),
    lambda arrays, rest: rest["generators"]["loader"].update(state={"state": -1, "inc": 1}),
    lambda arrays, rest: rest.update(loader=None),
    lambda arrays, rest: rest["optimizer"]["slots"].update(velocity=3),
    lambda arrays, rest: rest["optimizer"]["now"].pop("momentum"),
    lambda arrays, rest: rest["optimizer"]["now"].update(momentum=-1),
    lambda arrays, rest: rest["optimizer"].update(steps="many"),
    lambda arrays, rest: rest["optimizer"].update(taken=["fc1.W"]),
    lambda arrays, rest: rest["optimizer"]["taken"].update({"fc1.W": 0.5}),
    lambda arrays, rest: rest["optimizer"]["taken"].update({"fc1.W": rest["optimizer"]["steps"] + 1}),
    lambda arrays, rest: rest.update(optimizer=None),
    lambda arrays, rest: rest.pop("format")])
def test_a_damaged_rest_is_refused(path, change):
    rewrite(path, change)
    refused(path, Training(), "c.npz: training/rest is damaged: ")


@pytest.mark.parametrize("rest", [np.array(b"{"), np.array(b"[]"), np.zeros(3), np.array(b"\xff")], ids=repr)
def test_a_rest_that_is_no_json_is_refused(path, rest):
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **{**arrays, REST: rest})
    refused(path, Training(), "training/rest is damaged: ")


def test_another_format_is_refused(path):
    rewrite(path, lambda arrays, rest: rest.update(format=3))
    refused(path, Training(), "expected a checkpoint of format 2, got format 3")


# ---------------------------------------------------------------------------------------- other optimisers, old files


def test_adam_goes_on_bit_for_bit(tmp_path):
    def with_adam(training):
        training.sgd = Adam(training.net.parameters(), 0.01, weight_decay=0.1)
        training.schedule = None
        return training
    whole, first, second = (with_adam(Training(seed=seed)) for seed in (0, 0, 1))
    whole.train(4)
    with pytest.raises(Enough):
        first.train(4, on_batch=stop_at(2, 2))
    first.save(tmp_path / "c.npz")
    with np.load(tmp_path / "c.npz") as file:
        assert {"training/mean/fc1.W", "training/square/fc2.b"} <= set(file.files)
    second.at = restore(tmp_path / "c.npz", *second.parts)
    assert second.sgd.steps == 5
    second.train(4)
    assert second.everything() == whole.everything()


def adams_training(seed):
    training = Training(seed=seed)
    training.sgd = Adam(training.net.parameters(), 0.01)
    training.schedule = None
    return training


def test_a_parameter_that_began_later_goes_on_by_its_own_count(tmp_path):
    whole, first, second = (adams_training(seed) for seed in (0, 0, 1))
    for training in whole, first:
        training.net.freeze("fc1")
        training.train(2)
        training.net.unfreeze()
    first.train(3)
    first.save(tmp_path / "c.npz")
    second.at = restore(tmp_path / "c.npz", *second.parts)
    assert second.sgd.taken == {"fc1.W": 3, "fc1.b": 3, "fc2.W": 9, "fc2.b": 9}
    whole.train(5)
    second.train(5)
    assert second.everything() == whole.everything()


def test_a_checkpoint_that_does_not_say_who_took_which_steps(tmp_path):
    first, second = adams_training(0), adams_training(1)
    for training in first, second:
        training.net.freeze("fc1")
    first.train(2)
    first.save(tmp_path / "c.npz")
    rewrite(tmp_path / "c.npz", lambda arrays, rest: rest["optimizer"].pop("taken"))
    restore(tmp_path / "c.npz", *second.parts)
    assert second.sgd.taken == first.sgd.taken == {"fc1.W": 0, "fc1.b": 0, "fc2.W": 6, "fc2.b": 6}


def to_format_1(arrays, rest):
    """What the version of format 1 would have written."""
    optimizer, progress = rest.pop("optimizer"), rest["progress"]
    for name in "grad_norm", "last_loss":
        progress.pop(name)
    progress["wrong"] = progress.pop("error") or 0
    rest["format"] = 1
    rest["sgd"] = {name: optimizer["now"][name] for name in ("lr", "momentum", "weight_decay")}
    rest["velocities"] = optimizer["slots"]["velocity"]
    rest["loader"] = {name: rest["loader"][name] for name in ("images", "batches")}
    if rest["schedule"]:
        del rest["schedule"]["settings"]
        if rest["schedule"]["kind"] == "ByEpoch":
            rest["schedule"]["state"]["lr"] = 0.05


@pytest.mark.parametrize("make", [lambda: WhenStuck(0.1, patience=1), lambda: ByEpoch(lambda epoch: 0.1 / epoch),
                                  lambda: None])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_checkpoint_of_format_1_goes_on(tmp_path, make, batch):
    whole, first, second = Training(), Training(), Training(seed=1)
    whole.schedule, first.schedule, second.schedule = make(), make(), make()
    whole.train(4)
    with pytest.raises(Enough):
        first.train(4, on_batch=stop_at(2, batch))
    first.save(tmp_path / "c.npz")
    rewrite(tmp_path / "c.npz", to_format_1)
    second.at = restore(tmp_path / "c.npz", *second.parts)
    assert second.sgd.steps == 3 + batch
    second.train(4)
    for training in whole, second:
        training.at.history[1]["grad_norm"] = None          # of the batches that were done before, it is not known
    assert second.everything() == whole.everything()


def test_format_1_counted_no_wrong_answers_before_the_first_batch(tmp_path):
    first, second = Training(), Training(seed=1)
    first.save(tmp_path / "c.npz")
    rewrite(tmp_path / "c.npz", to_format_1)
    assert restore(tmp_path / "c.npz", *second.parts).error is None


def test_a_checkpoint_of_format_1_that_does_not_fit(path):
    rewrite(path, to_format_1)
    training = Training()
    training.schedule = Steps(0.1, at=(2,))
    training.sgd = Adam(training.net.parameters(), 0.1)
    lines = refused(path, training, "does not fit").splitlines()
    assert [line.split(":")[0] for line in lines[1:]] == ["  the optimiser", "  the schedule"]
    training.schedule = None
    refused(path, training, "the schedule: expected None, the file has WhenStuck")
    rewrite(path, lambda arrays, rest: rest.pop("velocities"))
    refused(path, Training(), "training/rest is damaged: KeyError")


def test_a_file_with_a_net_alone_is_no_checkpoint(tmp_path):
    training = Training()
    training.net.save(tmp_path / "net.npz")
    refused(tmp_path / "net.npz", training, "holds a net and no training: read it with net.load")


def test_garbage_and_truncated_files_are_refused(path):
    content = path.read_bytes()
    for part in b"", content[:100], content[:len(content) // 2], content[:-1]:
        path.write_bytes(part)
        refused(path, Training(), "c.npz: expected a whole .npz file of arrays, got ")
    with pytest.raises(FileNotFoundError):
        restore(path.with_name("none.npz"), *Training().parts)


# ---------------------------------------------------------------------------------------- what is not written


@pytest.mark.parametrize("where, message", [
    (lambda t: t.net["fc1"].W.value, "epoch 3, after batch 0: fc1.W holds NaN or infinity: .* is not written"),
    (lambda t: t.net["norm"].mean, "norm.mean holds NaN"),
    (lambda t: t.sgd.slots["velocity"]["fc2.b"], "velocity/fc2.b holds NaN")])
@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_what_is_not_finite_is_not_written(tmp_path, where, message, bad):
    training = Training()
    training.train(2)
    training.save(tmp_path / "c.npz")
    before = (tmp_path / "c.npz").read_bytes()
    where(training)[...] = bad
    with pytest.raises(Diverged, match=message):
        training.save(tmp_path / "c.npz")
    assert (tmp_path / "c.npz").read_bytes() == before and os.listdir(tmp_path) == ["c.npz"]


def test_a_crash_while_writing_leaves_the_checkpoint_before(path, monkeypatch):
    before, training = path.read_bytes(), Training()

    def savez(file, **arrays):
        file.write(b"PK and half of the first array")
        raise KeyboardInterrupt
    monkeypatch.setattr(np, "savez", savez)
    with pytest.raises(KeyboardInterrupt):
        training.save(path)
    assert path.read_bytes() == before and os.listdir(path.parent) == ["c.npz"]


def test_a_layer_that_draws_from_the_loaders_generator_is_refused(tmp_path):
    training = Training()
    training.net["drop"].rng = training.loader.rng
    with pytest.raises(ValueError, match=r"drop.rng is the loader's generator: give the layer one of its own"):
        training.save(tmp_path / "c.npz")


def test_a_loader_without_a_generator_is_refused(tmp_path):
    training = Training()
    training.save(tmp_path / "there.npz")
    training.loader.rng = None
    for carry in training.save, lambda path: restore(path, *training.parts):
        with pytest.raises(ValueError, match=r"^the loader gives the images in order, .* Loader\(split, batch_size"):
            carry(tmp_path / "there.npz")


def test_a_record_that_json_cannot_hold_is_refused(tmp_path):
    training = Training()
    training.at.history.append({"val_error": np.float32(0.5), "confusion": np.eye(2)})
    training.save(tmp_path / "c.npz")
    assert restore(tmp_path / "c.npz", *training.parts).history == [{"val_error": 0.5, "confusion": [[1, 0], [0, 1]]}]
    training.at.history.append({"thing": object()})
    with pytest.raises(TypeError, match="expected numbers, texts, lists and dictionaries, which JSON can hold, got <"):
        training.save(tmp_path / "c.npz")
