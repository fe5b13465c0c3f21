"""How the trainings of a claim are run: rates are chosen, runs go on, files of results are checked."""
from dataclasses import replace

import pytest
from tried import CLAIM, measured

from tinynet.claims.runner import RATE_SEEDS, best_rate, pairs, read_rows, run, sweep
from tinynet.files.locks import Lock
from tinynet.files.reading import DataError
from tinynet.training.diverged import Diverged

FIRST, *LATER = RATE_SEEDS


def test_a_run_chooses_rates_goes_on_and_adds_seeds(tmp_path):
    calls = []

    def noted(work, side):
        calls.append((side, work.seed, work.rate, work.test))
        assert work.how_to_resume == "the same command goes on"          # whatever its --root, --seeds, --results were
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


def test_two_commands_do_not_train_the_same_claim_at_once(tmp_path):
    (tmp_path / "work/try").mkdir(parents=True)
    another = Lock(tmp_path / "work/try")
    assert another.take()
    with pytest.raises(BlockingIOError):
        run(CLAIM, tmp_path, tmp_path / "work", None, 1)
    another.release()
    assert len(run(CLAIM, tmp_path, tmp_path / "work", None, 1)) == 8


def test_rows_that_another_process_adds_meanwhile_stay(tmp_path):
    def meanwhile(work, side):                                           # it has a --folder of its own
        if work.seed == 0 and side == "b":
            run(CLAIM, tmp_path, tmp_path / "elsewhere", None, 2)
        return measured(work, side)
    rows = run(replace(CLAIM, measure=meanwhile), tmp_path, tmp_path / "work", None, 1)
    assert list(pairs(CLAIM, rows)) == [0, 1] and len(rows) == 10
    assert read_rows(tmp_path / "try.jsonl", CLAIM) == rows


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
    ('{"side": "a", "seed": 1000, "rate": 0.1, "val_error": 0.5, "train_error": []}', "'train_error', int or float"),
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
