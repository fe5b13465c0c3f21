"""What the pairs say: intervals by hand, Student's t, and every verdict."""
import math
from dataclasses import replace

import numpy as np
import pytest
from tried import CLAIM

from tinynet.claims.claim import WORDS, T, interval, verdict


def test_the_interval_by_hand():
    mean, low, high = interval([1.0, 2.0, 3.0])                      # s = 1, t(2) = 4.303
    assert mean == 2 and high - mean == pytest.approx(4.303 / math.sqrt(3)) == mean - low
    mean, low, high = interval([0.0, 1.0] * 15)                      # of more pairs than the table has, its last
    assert mean == 0.5 and high - mean == pytest.approx(T[-1] * math.sqrt(7.5 / 29 / 30)) == mean - low


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
    ([1.0, 1.0, 1.0], "held"), ([0.5, 0.6, 0.4], "held weaker"), ([3.0, -3.0, 1.0], "not seen at this scale"),
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
    assert said.low < 3 and said.low * said.high == pytest.approx(9)
    assert verdict(claim, [1.2, 1.25, 1.15]).word == "held weaker"
    assert verdict(claim, [0.5, 0.55, 0.45]).word == "contradicted"
    assert verdict(replace(claim, published=None), [1.2, 1.25, 1.15]).word == "held"
