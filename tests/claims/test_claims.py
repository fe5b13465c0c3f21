"""Claims: what the pairs say, how runs go on, what the page shows; every claim's two sides, on a handful of images."""
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from tinynet.claims import training
from tinynet.claims.catalogue import CLAIMS, TABLES
from tinynet.claims.claim import WORDS, Claim, T, Table, interval, verdict
from tinynet.claims.page import section, write_page
from tinynet.claims.recipes import INPUTS, start_as_published
from tinynet.claims.runner import RATE_SEEDS, best_rate, pairs, read_rows, run, sweep
from tinynet.claims.training import Work, cifar_in_three
from tinynet.commands.claims import main
from tinynet.data import Dataset, Split
from tinynet.files.reading import DataError
from tinynet.training.diverged import Diverged
from tinynet.training.run import Run


def measured(work, side):
    """The second side is 3 points better; the test error is there only when it may be."""
    error = 0.5 + 0.01 * (work.seed % 7) - (0.03 if side == "b" else 0) + abs(work.rate - 0.2)
    return {"val_error": error, **({"test_error": error} if work.test else {})}


CLAIM = Claim("about it", "try", "A try", "a paper", "b is better", ("a", "b"), measured, rates=(0.1, 0.2, 0.4),
              published=2.0, seeds=3)
FIRST, *LATER = RATE_SEEDS
ALL = {**CLAIMS, **TABLES}


# ---------------------------------------------------------------------------------------- what the pairs say


def test_the_interval_by_hand():
    mean, low, high = interval([1.0, 2.0, 3.0])                      # s = 1, t(2) = 4.303
    assert mean == 2 and high - mean == pytest.approx(4.303 / math.sqrt(3)) == mean - low


@pytest.mark.parametrize("n", [2, 3, 6, 12])
def test_95_percent_of_intervals_hold_the_true_mean(n):
    rng = np.random.default_rng(n)
    held = [low <= 0.7 <= high for _, low, high in (interval(rng.normal(0.7, 2.0, n)) for _ in range(4000))]
    assert np.mean(held) == pytest.approx(0.95, abs=0.012)


def test_the_table_of_t():
    rng = np.random.default_rng(0)
    for df in 1, 4, 10, 19:
        share = (np.abs(rng.standard_t(df, 200_000)) <= T[df - 1]).mean()
        assert share == pytest.approx(0.95, abs=0.003)


@pytest.mark.parametrize("differences, word", [
    ([], "not run yet"), ([2.0], "not run yet"), ([2.0, 2.1], "not run yet"), ([2.0, 2.1, 1.9], "held"),
    ([0.5, 0.6, 0.4], "held weaker"), ([3.0, -3.0, 1.0], "not seen at this scale"),
    ([-2.0, -2.1, -1.9], "contradicted")])
def test_verdicts(differences, word):
    said = verdict(CLAIM, differences)
    assert said.word == word and word in WORDS and said.reason
    if len(differences) > 1:
        assert said.low <= said.mean <= said.high and said.mean == pytest.approx(np.mean(differences))


def test_verdicts_of_factors():
    claim = replace(CLAIM, unit="times", published=6.0)
    assert claim.difference(30.0, 10.0) == 3
    said = verdict(claim, [3.0, 3.0 * 1.1, 3.0 / 1.1])
    assert said.word == "held" and said.mean == pytest.approx(3.0)   # ln 3 is more than half of ln 6
    assert verdict(claim, [1.2, 1.25, 1.15]).word == "held weaker"
    assert verdict(claim, [0.5, 0.55, 0.45]).word == "contradicted"
    assert verdict(replace(claim, published=None), [1.2, 1.25, 1.15]).word == "held"


# ---------------------------------------------------------------------------------------- running


def test_a_run_chooses_rates_goes_on_and_adds_seeds(tmp_path):
    calls = []

    def noted(work, side):
        calls.append((side, work.seed, work.rate, work.test))
        return measured(work, side)
    claim, results = replace(CLAIM, measure=noted), tmp_path / "results"
    rows = run(claim, results, tmp_path / "work", None, 2)
    assert calls[:6] == [(side, FIRST, rate, False) for rate in CLAIM.rates for side in "ab"]
    assert calls[6:] == [(side, seed, 0.2, True) for seed in (0, 1) for side in "ab"]
    assert all(("test_error" in row) == (row["seed"] != FIRST) for row in rows)
    assert run(claim, results, tmp_path / "work", None, 2) == rows and len(calls) == 10     # all is there
    rows = run(claim, results, tmp_path / "work", None, 3)
    assert calls[10:] == [("a", 2, 0.2, True), ("b", 2, 0.2, True)]
    assert read_rows(results / "try.jsonl", claim) == rows and list(pairs(claim, rows)) == [0, 1, 2]
    assert best_rate(claim, rows, "a") == 0.2 and best_rate(claim, rows[:3], "b") is None


def test_a_run_that_fails_keeps_what_is_there(tmp_path):
    def failing(work, side):
        if work.seed == 0 and side == "b":
            raise MemoryError("none is left")
        return measured(work, side)
    with pytest.raises(MemoryError):
        run(replace(CLAIM, measure=failing), tmp_path, tmp_path / "work", None, 1)
    assert len(read_rows(tmp_path / "try.jsonl", CLAIM)) == 7
    assert len(run(CLAIM, tmp_path, tmp_path / "work", None, 1)) == 8


def test_a_rate_that_is_too_large_is_tried_and_not_chosen(tmp_path):
    def diverging(work, side):
        if work.rate == 0.2 and side == "a":
            raise Diverged("the loss is NaN")
        return measured(work, side)
    rows = run(replace(CLAIM, measure=diverging), tmp_path, tmp_path / "work", None, 1)
    assert best_rate(CLAIM, rows, "a") == 0.1 and best_rate(CLAIM, rows, "b") == 0.2
    with pytest.raises(Diverged):
        run(replace(CLAIM, measure=diverging, rates=(0.2,)), tmp_path / "other", tmp_path / "work", None, 1)


def test_trainings_at_another_rate_than_the_best_do_not_count(tmp_path):
    rows = run(CLAIM, tmp_path, tmp_path / "work", None, 2)
    other = replace(CLAIM, rates=(0.1, 0.18, 0.4))                       # of which 0.18 is the best
    assert len(pairs(CLAIM, rows)) == 2 and not pairs(other, rows)
    rows = run(other, tmp_path, tmp_path / "work", None, 1)
    assert [(row["seed"], row["rate"]) for row in rows[10:]] == [(FIRST, 0.18)] * 2 + [(0, 0.18)] * 2
    assert list(pairs(other, rows)) == [0] and list(pairs(CLAIM, rows)) == [0, 1]


@pytest.mark.parametrize("rates, tried, best", [
    ((0.2, 0.4), (0.1, 0.2, 0.4), 0.2), ((0.4, 0.8), (0.1, 0.2, 0.4, 0.8), 0.2), ((0.4,), (0.4,), 0.4),
    ((1.6, 3.2), (0.4, 0.8, 1.6, 3.2), 0.4), ((0.025, 0.05), (0.025, 0.05, 0.1, 0.2), 0.2),
    ((0.0125, 0.025), (0.0125, 0.025, 0.05, 0.1), 0.1),
])
def test_a_sweep_with_the_best_rate_at_its_end_is_made_wider_twice_at_most(rates, tried, best, tmp_path):
    claim = replace(CLAIM, rates=rates)
    rows = run(claim, tmp_path, tmp_path / "work", None, 1)
    assert sweep(claim, rows) == tried and best_rate(claim, rows, "a") == best and list(pairs(claim, rows)) == [0]
    assert {(row["side"], row["rate"]) for row in rows if row["seed"] == FIRST} == {
        (side, rate) for side in "ab" for rate in tried}
    assert len(rows) == 2 * len(tried) + 2


def test_rates_that_make_training_fast():
    claim = replace(CLAIM, chosen_by="epochs")

    def rows(*found):
        return [{"side": "a", "seed": FIRST, "rate": rate, "val_error": error, **epochs}
                for rate, (error, epochs) in zip(CLAIM.rates, found, strict=True)]
    assert best_rate(claim, rows((0.3, {"epochs": 60}), (0.4, {"epochs": 30}), (1.0, {})), "a") == 0.2
    assert best_rate(claim, rows((0.5, {"epochs": 60}), (0.4, {"epochs": 60}), (1.0, {})), "a") == 0.2


def test_where_the_effect_is_small_three_trainings_choose_among_the_best_two_rates(tmp_path):
    def noisy(work, side):
        """At 0.4, side a is lucky with the first seed, and only with that."""
        lucky = side == "a" and work.rate == 0.4 and work.seed == FIRST
        return {"val_error": {0.1: 0.5, 0.2: 0.3, 0.4: 0.4}[round(work.rate, 3)] - 0.2 * lucky,
                "test_error": 0.3} if round(work.rate, 3) in (0.1, 0.2, 0.4) else {"val_error": 0.9, "test_error": 0.9}
    claim, once = replace(CLAIM, measure=noisy, seeds=6), replace(CLAIM, measure=noisy)
    rows = run(claim, tmp_path, tmp_path / "work", None, 1)
    assert best_rate(once, rows, "a") == 0.4 and best_rate(claim, rows, "a") == best_rate(claim, rows, "b") == 0.2
    assert {(row["side"], row["rate"], row["seed"]) for row in rows if row["seed"] in LATER} == {
        (side, rate, seed) for side in "ab" for rate in (0.2, 0.4) for seed in LATER}
    assert [(row["side"], row["rate"], row["seed"]) for row in rows[-2:]] == [("a", 0.2, 0), ("b", 0.2, 0)]
    lost = [row for row in rows if (row["side"], row["rate"], row["seed"]) != ("b", 0.2, LATER[1])]
    assert best_rate(claim, lost, "b") is None and not pairs(claim, lost)


def test_no_training_begins_when_the_time_is_over(tmp_path, capsys):
    clock = iter(range(0, 36_000, 1800))                             # half an hour passes between two looks
    rows = run(CLAIM, tmp_path, tmp_path / "work", None, 6, hours=2, clock=lambda: next(clock))
    assert len(rows) == 3 and "try: the time is over; the same command goes on" in capsys.readouterr().out


@pytest.mark.parametrize("line, message", [
    ('{"side": "c", "seed": 0, "rate": 0.1, "val_error": 0.5}', "expected a training of a or b"),
    ('{"side": "a", "seed": -1, "rate": 0.1, "val_error": 0.5}', "expected a training of a or b"),
    ('{"side": "a", "seed": 0.5, "rate": 0.1, "val_error": 0.5}', "'seed', int"), ('{"side": "a"}', "'seed', int"),
    ('{"side": "a", "seed": 1000, "rate": 0, "val_error": 0.5}', "expected a training of a or b, of a rate above 0"),
    ('{"side": "a", "seed": 1000, "rate": 0.1, "val_error": NaN}', "finite numbers, .* the error val_error: expected"),
    ('{"side": "a", "seed": 1000, "rate": 0.1, "val_error": 1.5}', "val_error: expected a finite number from 0 to 1"),
    ('{"side": "a", "seed": 0, "rate": 0.1, "val_error": 0.5}', "'test_error', what .* compared by, got none"),
    ('{"side": "a", "seed": 0, "rate": 0.1, "val_error": 0.5, "test_error": "x"}', "'test_error', int or float, got"),
    ('{"side": "a", "seed": 0, "rate": 0.1, "val_error": 0.5, "test_error": 0.5, "more": Infinity}', "error more: exp"),
    ("\n".join(['{"side": "a", "seed": 1000, "rate": 0.1, "val_error": 0.5}'] * 2),
     "each training once, got a, seed 1000, rate 0.1 twice"),
    ("something", "expected JSON")])
def test_other_files_are_no_results(tmp_path, line, message):
    (tmp_path / "try.jsonl").write_text(line + "\n")
    with pytest.raises(DataError, match=message):
        read_rows(tmp_path / "try.jsonl", CLAIM)


def test_a_factor_of_nothing_is_no_result(tmp_path):
    claim = replace(CLAIM, unit="times", number="epochs")
    (tmp_path / "try.jsonl").write_text('{"side": "a", "seed": 0, "rate": 0.1, "val_error": 0.5, "epochs": 0}\n')
    with pytest.raises(DataError, match="'epochs' above 0, got .*: its training is done again then"):
        read_rows(tmp_path / "try.jsonl", claim)


# ---------------------------------------------------------------------------------------- the claims


@pytest.fixture
def tiny(monkeypatch):
    """CIFAR-10 of 60 training images, 20 of them to choose the rates, and trainings of two epochs."""
    rng = np.random.default_rng(0)
    splits = [Split(rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8), np.arange(n) % 10) for n in (60, 30)]
    monkeypatch.setattr(training, "cifar10", lambda root: Dataset(*splits, tuple("abcdefghij"), "tiny"))
    monkeypatch.setattr(training, "VALIDATION", 20)
    monkeypatch.setattr("tinynet.claims.neighbours.EPOCHS", 1)
    monkeypatch.setattr("tinynet.look.curves.draw_training", lambda path, records: None)
    monkeypatch.setattr("os.fsync", lambda file: None)
    for name in "relu", "iterations":
        monkeypatch.setattr(f"tinynet.claims.{name}.MOST", 2)
    three, fit = cifar_in_three.__wrapped__, training.fit

    def few(root, count, times=1):
        return three(root, 40, times)

    def short(work, net, parts, view, epochs, falls=(), **how):
        return fit(work, net, parts, view, min(epochs, 2), (), **how)
    monkeypatch.setattr("tinynet.claims.deep.WIDTH", 1 / 32)
    for module in ("training", "relu", "views", "together", "neighbours", "iterations", "biases", "transfer", "colors",
                   "settling", "hiding", "deep", "nin", "filters", "tables", "recipes"):
        for name, value in (("cifar_in_three", few), ("fit", short)):
            monkeypatch.setattr(f"tinynet.claims.{module}.{name}", value, raising=False)


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


@pytest.mark.parametrize("name", ALL)
def test_a_claim_says_before_it_is_run_what_would_refute_it(name):
    claim = ALL[name]
    for word in ("\nCompared ", "\nEqual ", "\nRefuted "):
        assert word in claim.about
    assert claim.name == name and len(claim.rates) in (1, 3) and claim.seeds >= 3
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


# ---------------------------------------------------------------------------------------- the page and the command


def test_the_page(tmp_path):
    write_page({"try": CLAIM}, {}, tmp_path, tmp_path / "claims.md")
    assert not (tmp_path / "claims.png").exists() and "claims.png" not in (tmp_path / "claims.md").read_text()
    run(CLAIM, tmp_path, tmp_path / "work", None, 3)
    other = replace(CLAIM, name="other", unit="times", published=6.0)
    write_page({"try": CLAIM, "other": other}, {}, tmp_path, tmp_path / "claims.md")
    text = (tmp_path / "claims.md").read_text()
    assert ("| [A try](#try) | a paper | test error: a less b | +2.0 points | +3.0 points (+3.0 to +3.0) | 3 | held |"
            in text)
    assert "| A try | a paper | test error: a over b | 6.00 times |  | 0 of 3 | not run yet |" in text
    assert "\nOf 2 claims: 1 held, 1 not run yet.\n" in text
    assert "| 1 | 51.0% | 48.0% | +3.0 points |" in text and "Learning rates of 0.1, 0.2, 0.4: a 0.2, b 0.2." in text
    small, large = replace(CLAIM, rates=(1.6, 3.2), name="small"), replace(CLAIM, rates=(0.0125, 0.025), name="large")
    for claim, noted in (small, "a 0.4 (the smallest tried), b 0.4 (the smallest tried)."), (large, "a 0.1 (the larg"):
        rows = run(claim, tmp_path, tmp_path / "work", None, 0)
        assert noted in section(claim, rows, verdict(claim, []))
    assert "](claims.png)" in text and matplotlib.image.imread(tmp_path / "claims.png").std() > 0.02


def test_what_a_section_says_besides():
    rows = [{"side": side, "seed": seed, "rate": 0.1, "val_error": 0.5, "test_error": 0.4, "train_error": error}
            for seed in (FIRST, 0, 1) for side, error in (("a", 0.01 + 0.02 * (seed == 1)), ("b", 0.3))]
    claim = replace(CLAIM, rates=(0.1,), remark="It was too short.")
    text = section(claim, rows, verdict(claim, [0.0, 0.0]))
    assert text.endswith(": a 0.1, b 0.1. Training error: a 2.0%, b 30.0%.\n\nIt was too short.\n\n")
    assert "Training error" not in section(replace(claim, number="train_error"), rows, verdict(claim, [0.0, 0.0]))


def test_a_table_of_a_paper(tmp_path):
    def of_row(work, side):
        error = 0.3 - 0.02 * "abc".index(side) + 0.001 * (work.seed % 1000) * "abc".index(side) + abs(work.rate - 0.2)
        return {"val_error": error, **({"test_error": error} if work.test else {})}
    table = Table("about it", "three", "A table", "a paper", "the last is the best", ("a", "b", "c"), of_row,
                  rates=(0.1, 0.2, 0.4), seeds=3, printed=(18.0, 17.0, 15.5))
    write_page({}, {"three": table}, tmp_path, tmp_path / "page.md")
    assert "| b | 17.0% | not run yet | +1.0 points |  |" in (tmp_path / "page.md").read_text()
    rows = run(table, tmp_path, tmp_path / "work", None, 3)
    assert len(rows) == 3 * 3 + 3 * 3 and [len(of) for of in pairs(table, rows).values()] == [3, 3, 3]
    write_page({}, {"three": table}, tmp_path, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert "## A table, in miniature" in text and "means of 3 of 3 seeds" in text
    assert "| a | 18.0% | 30.0% |  |  |" in text and "| b | 17.0% | 28.1% | +1.0 points | +1.9 points (+1.7 to " in text
    assert "| c | 15.5% | 26.2% | +2.5 points | +3.8 points (+3.3 to " in text and "a 0.2, b 0.2, c 0.2." in text


def test_nets_that_stand_in_several_rows_are_the_same(tiny, tmp_path):
    def trained(table, *sides):
        for side in sides:
            TABLES[table].measure(Work(0, 0.02, None, tmp_path / "own", False, shared=tmp_path / table), side)
        return len(list((tmp_path / table).glob("*/run")))
    one, five, before, seven = TABLES["table-2"].sides
    assert trained("table-2", one) == 1 and trained("table-2", five) == 5
    assert trained("table-2", before) == 7 and trained("table-2", seven) == 9      # trained before, and now
    assert trained("table-1", *TABLES["table-1"].sides) == 7                       # five, one of more maps, AlexNet


def test_the_committed_page_is_that_of_the_committed_results(tmp_path):
    root = Path(__file__).parents[2]
    write_page(CLAIMS, TABLES, root / "examples/results/claims", tmp_path / "claims.md")
    assert (tmp_path / "claims.md").read_text() == (root / "docs/claims.md").read_text()


def test_what_is_quoted_elsewhere_stands_on_the_page():
    root = Path(__file__).parents[2]
    page, quotes = (root / "docs/claims.md").read_text("utf-8"), 0
    quoted = re.compile(r"[+-][\d.]+ points \([+-][\d.]+ to [+-][\d.]+\)|[\d.]+ times \([\d.]+ to [\d.]+\)")
    for path in (root / "README.md", *root.glob("docs/*.md"), *root.glob("lessons/text/*.py")):
        for quote in quoted.findall(re.sub(r"\s+(# +)?", " ", path.read_text("utf-8"))):
            quotes += path.name != "claims.md"
            assert quote in page, f"{path.name} quotes {quote}: the page of the claims has another number now"
    assert quotes >= 3


def test_the_command(tmp_path, monkeypatch, capsys):
    for name in "CLAIMS", "ALL":
        monkeypatch.setattr(f"tinynet.commands.claims.{name}", {"try": CLAIM})
    monkeypatch.setattr("tinynet.commands.claims.TABLES", {})
    at = ["--results", str(tmp_path), "--folder", str(tmp_path / "work")]
    main(["run", "try", "--seeds", "3", *at])
    main(["list", *at])
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(r"try +A try +3 pairs  held  \+3.0 points \(\+3.0 to \+3.0\)", last)
    main(["show", "try"])
    assert capsys.readouterr().out == "about it\n"
    main(["page", *at, "--page", str(tmp_path / "page.md")])
    assert (tmp_path / "page.md").exists()
    assert [json.loads(line)["seed"] for line in (tmp_path / "try.jsonl").read_text().splitlines()][6:] == [0, 0, 1, 1,
                                                                                                           2, 2]
    with pytest.raises(SystemExit):
        main(["run", "none"])
    assert "claims run: expected one of try, all, got none" in capsys.readouterr().err
