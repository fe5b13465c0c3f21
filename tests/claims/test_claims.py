"""Every claim's sides, on a handful of images: what they train, that a training goes on, and what they share."""
import math
import re

import numpy as np
import pytest

from tinynet import gpu
from tinynet.claims import training
from tinynet.claims.catalogue import CLAIMS, TABLES
from tinynet.claims.recipes import INPUTS, start_as_published
from tinynet.claims.training import Work, cifar_in_three, fit
from tinynet.data import Dataset, Split, View
from tinynet.devices.cuda import gpu_count
from tinynet.training.run import Run
from tinynet.training.schedule import Schedule
from tinynet.training.train import train

ALL = {**CLAIMS, **TABLES}


@pytest.mark.parametrize("name", ALL)
def test_both_sides_of_every_claim(name, tiny, tmp_path):
    claim = ALL[name]
    for side in claim.sides:
        for test in (False, True):
            folder = tmp_path / f"{claim.sides.index(side)}{test}"
            found = claim.measure(Work(0, claim.rates[0], None, folder, test), side)
            assert math.isfinite(found["val_error"]) and all(math.isfinite(value) for value in found.values())
            assert (claim.number in found) or not test
            of_test = {"test_error", "other", "probability"}
            assert test or not of_test & set(found)                      # these images are not read to choose a rate


@pytest.mark.gpu
@pytest.mark.skipif(gpu_count() == 0, reason="needs CuPy and a CUDA device, found none")
@pytest.mark.parametrize("name", ALL)
def test_a_gpu_trains_every_side(name, tiny, tmp_path, monkeypatch):
    claim, places = ALL[name], []

    def noted(net, *args, **how):
        places.append(str(net.device))
        return train(net, *args, **how)
    monkeypatch.setattr(training, "train", noted)
    for i, side in enumerate(claim.sides):
        found = claim.measure(Work(0, claim.rates[0], None, tmp_path / str(i), device=gpu(0)), side)
        assert claim.number in found and all(math.isfinite(value) for value in found.values())
    assert set(places) == {"gpu(0)"}


@pytest.mark.parametrize("name", ALL)
def test_a_claim_says_before_it_is_run_what_would_refute_it(name):
    claim = ALL[name]
    for word in ("\nCompared ", "\nEqual ", "\nRefuted "):
        assert word in claim.about
    assert claim.name == name and len(claim.rates) not in (0, 2) and claim.seeds >= 3
    assert claim.seeds == 6 or claim.published is None or claim.published >= 1.8


def test_the_small_nets_of_both_recipes_start_with_the_sums_of_the_published_ones():
    rng = np.random.default_rng(0)
    net = training.build("zfnet", rng=rng, **{**training.SMALL, "input_size": 56})
    start_as_published(net, rng)
    published = {"conv1": 7 * 7 * 3, **INPUTS}
    for name, layer in net.children():
        if hasattr(layer, "W"):
            ours = layer.W.value.std() * math.sqrt(np.prod(layer.W.shape[:-1]))
            assert ours == pytest.approx(0.01 * math.sqrt(published.pop(name)), rel=0.1)
    assert not published


@pytest.mark.parametrize("name", ["pooling", "relu", "iterations", "settling", "finetune", "recipes"])
def test_a_training_that_was_stopped_goes_on(name, tiny, tmp_path, monkeypatch):
    claim, whole, stopped = CLAIMS[name], tmp_path / "whole", tmp_path / "stopped"
    side, rate = claim.sides[-1], claim.rates[0]
    expected = claim.measure(Work(3, rate, None, whole), side)

    def stop(self, record):
        on_epoch(self, record)
        if record["epoch"] == 1:
            raise KeyboardInterrupt
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        on_epoch = Run.on_epoch
        patched.setattr(Run, "on_epoch", stop)
        claim.measure(Work(3, rate, None, stopped), side)
    assert claim.measure(Work(3, rate, None, stopped), side) == expected


def test_what_two_claims_need_is_trained_once(tiny, tmp_path, monkeypatch):
    def of(claim, folder, **how):
        return CLAIMS[claim].measure(Work(3, 0.02, None, tmp_path / folder, **{"shared": tmp_path / "shared", **how}),
                                     CLAIMS[claim].sides[-1])

    def trained():
        return sorted(path.parent.name for path in (tmp_path / "shared").glob("*/run"))
    expected = of("no-conv3", "alone", shared=None)
    assert of("no-conv3", "0") == expected and len(trained()) == 1
    monkeypatch.setattr("tinynet.claims.training.train", lambda net, *args, **how: how["progress"].history)
    assert of("no-conv4", "1") == expected and len(trained()) == 1
    assert CLAIMS["no-conv4"].sides[-1] == "whole" and not (tmp_path / "1").exists()


def test_trainings_that_differ_in_anything_have_other_names(tiny):
    def name(seed=3, count=40, of=lambda net: net, mean=128.0, config=(), **settings):
        rng = np.random.default_rng(seed)
        net = of(training.build("alexnet", rng=rng, **{**training.SMALL, "columns": 1, **settings}))
        images = cifar_in_three.__wrapped__(None, count)[0]
        return training.named(net, training.View(mean), images, {"rate": 0.1, **dict(config)})

    def frozen(net):
        net.freeze("conv1")
        return net

    def faster(net):
        dict(net.parameters())["conv2.b"].lr = 2.0
        return net
    names = [name(), name(seed=4), name(count=39), name(of=frozen), name(of=faster), name(mean=127.0),
             name(config={"rate": 0.2}), name(dropout=False), name(lrn=False), name(groups=1), name(bias=0.0)]
    assert len(set(names)) == len(names) and name() == names[0] and all(re.fullmatch("[0-9a-f]{16}", n) for n in names)


def test_trainings_that_are_told_something_else_share_no_folder(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "train", lambda *args, **how: [])
    some = cifar_in_three.__wrapped__(None, 40)[0]

    def folders(own, part=some, view=None, **how):
        """How many are shared after this training."""
        work = Work(3, 0.001, None, tmp_path / own, shared=tmp_path / "shared")
        net = training.build("cifar-18pct", width=0.1, rng=work.generators()[0])
        fit(work, net, [part], view or View(128.0), **{"epochs": 3, **how})
        return len(list((tmp_path / "shared").glob("*/run")))
    told = [{}, {"epochs": 2}, {"falls": (2,)}, {"decay": 0.1}, {"view": View(128.0, mirror=True)},
            {"part": Split(some.images, some.labels[::-1])}]
    assert [folders("own", **how) for how in [*told, {}]] == [1, 2, 3, 4, 5, 6, 6]
    its_own = {"validate": dict, "until": bool, "keep_every": 1, "schedule": Schedule(0.001), "after_step": int}
    for name, value in its_own.items():                                  # of which a shared folder's name says nothing
        assert folders(name, **{name: value}) == 6 and (tmp_path / name / "config.json").exists()


def fitted(folder, until=None):
    """The records of two epochs, in which `validate` counts its calls."""
    work, calls = Work(3, 0.001, None, folder), []
    net = training.build("cifar-18pct", width=0.1, rng=work.generators()[0])
    parts = cifar_in_three.__wrapped__(None, 40)[:3]

    def validate():
        calls.append(len(parts[1].labels))
        return {"seen": sum(calls)}
    return training.fit(work, net, parts, training.View(128.0), 2, validate=validate, until=until)


def test_the_records_of_a_training_that_was_stopped_are_those_of_all_epochs(tiny, tmp_path, monkeypatch):
    def stop(self, record):
        on_epoch(self, record)
        raise KeyboardInterrupt
    on_epoch = Run.on_epoch
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Run, "on_epoch", stop)
        fitted(tmp_path)
    assert [(record["epoch"], record["seen"]) for record in fitted(tmp_path)] == [(1, 20), (2, 20)]


def test_a_training_that_had_reached_its_level_is_over(tiny, tmp_path):
    for _ in range(2):
        assert len(fitted(tmp_path, until=lambda record: record["epoch"] == 1)) == 1


def test_the_three_parts_are_apart(monkeypatch):
    images = np.arange(50, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    test = Split(images[:5] + 200, np.arange(5))
    data = Dataset(Split(images, np.arange(50) % 10), test, tuple("abcdefghij"), "tiny")
    monkeypatch.setattr(training, "cifar10", lambda root: data)
    monkeypatch.setattr(training, "VALIDATION", 10)
    first, second, third, name = cifar_in_three.__wrapped__(None, 30, 2)
    assert [len(part.labels) for part in (first, second, third)] == [30, 10, 5] and name == "tiny"
    assert set(first.images.ravel()) == set(range(30)) and set(second.images.ravel()) == set(range(40, 50))
    assert first.images.shape[1:] == (4, 4, 3)
    with pytest.raises(ValueError, match="expected all of CIFAR-10, 50,000 training images"):
        cifar_in_three.__wrapped__(None, 41)


def test_nets_that_stand_in_several_rows_are_the_same(tiny, tmp_path):
    def trained(table, *sides):
        for side in sides:
            TABLES[table].measure(Work(0, 0.02, None, tmp_path / "own", False, shared=tmp_path / table), side)
        return len(list((tmp_path / table).glob("*/run")))
    one, five, before, seven = TABLES["table-2"].sides
    assert trained("table-2", one) == 1 and trained("table-2", five) == 5
    assert trained("table-2", before) == 7 and trained("table-2", seven) == 9      # trained before, and now
    assert trained("table-1", *TABLES["table-1"].sides) == 7                       # five, one of more maps, AlexNet
