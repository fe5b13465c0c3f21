"""A claim of a paper as an experiment: two sides that differ in one thing, or in what the claim lists, trained on the
same images in the same order.

A claim's file says in its header what the paper says, what is compared, what is kept equal and what would refute it; it
was written before the first run, and what was changed later stands in brackets. What is compared is one number of each
training, smaller by the claim on the second side. The differences d of the pairs, one for each seed, have an interval
(Student's t):

    mean ± t(n - 1) · s / √n         s² = Σ (d - mean)² / (n - 1), t: 95 % of repetitions hold the true mean     (1)

    the whole interval above 0       held, if the mean is half of what was published or more; else held weaker
    the whole interval below 0       contradicted
    else                             not seen at this scale

A number that multiplies (how many times as long) is compared by its logarithm.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
     2.110, 2.101, 2.093)  # of (1), for 1 to 19 degrees of freedom
FEWEST = 3                 # seeds, below which nothing is said


@dataclass(frozen=True)
class Claim:
    """One claim.

    about      the header of its file: what the paper says, what is compared, what is equal, what would refute it
    name       what `claims run` calls it
    title      in a few words
    paper      where it stands
    says       what stands there
    sides      two names: what is worse by the claim, what is better
    measure    measure(work, side): trains once and gives its numbers, {"train_error": ..., "val_error": ..., ...}; the
               Work (training.py) has the seed, the learning rate, the images
    rates      learning rates that are tried for each side, with a seed of their own
    chosen_by  which number says what the best rate is, the smallest of it, of equal ones that of the lowest val_error
    number     the one that is compared
    published  by how much it is smaller on the second side, or how many times; None if the paper gives no number
    unit       "points": of a percent; or "times"
    seeds      how many pairs are wanted: six where the effect is below 2 points
    remark     written after the runs: what else they show, and why it came out so, as far as that is known
    """

    about: str
    name: str
    title: str
    paper: str
    says: str
    sides: tuple[str, str]
    measure: Callable[[Any, str], dict[str, float]]
    rates: tuple[float, ...]
    chosen_by: str = "val_error"
    number: str = "test_error"
    published: float | None = None
    unit: str = "points"
    seeds: int = 6
    remark: str = ""

    @property
    def control(self) -> bool:
        """No paper claims it: it says what another claim means."""
        return self.paper.endswith(": a control")

    def difference(self, first: float, second: float) -> float:
        """By how much the second side is better: in points of a percent, or how many times."""
        return 100 * (first - second) if self.unit == "points" else first / second


@dataclass(frozen=True)
class Table(Claim):
    """A table of a paper: a side for each row, as many as it has. Their errors are shown beside those that were
    `printed`, in percent, and how much smaller each is than that of the first row, with an interval; it has no verdict.
    """

    printed: tuple[float, ...] = ()


class Verdict(NamedTuple):
    """What the pairs say: one of WORDS, the mean difference and its interval (None with fewer than two pairs), and the
    reason in a sentence."""

    word: str
    mean: float | None
    low: float | None
    high: float | None
    reason: str


WORDS = ("held", "held weaker", "not seen at this scale", "contradicted", "not run yet")


def interval(differences: Sequence[float]) -> tuple[float, float, float]:
    """The mean of two differences or more, and the ends of its interval: equation (1)."""
    n = len(differences)
    mean = math.fsum(differences) / n
    s = math.sqrt(math.fsum((d - mean) ** 2 for d in differences) / (n - 1))
    half = T[min(n - 2, len(T) - 1)] * s / math.sqrt(n)
    return mean, mean - half, mean + half


def verdict(claim: Claim, differences: Sequence[float]) -> Verdict:
    """What the differences of the pairs (`claim.difference`) say about the claim."""
    n, times = len(differences), claim.unit == "times"
    if n < 2:
        return Verdict("not run yet", None, None, None, f"{n} of {claim.seeds} pairs are there")
    mean, low, high = interval([math.log(d) if times else d for d in differences])
    published = claim.published and (math.log(claim.published) if times else claim.published)
    if n < FEWEST:
        word, reason = "not run yet", f"{n} of {claim.seeds} pairs are there, fewer than {FEWEST} say nothing"
    elif high < 0:
        word, reason = "contradicted", "the whole interval is on the other side"
    elif low <= 0:
        word, reason = "not seen at this scale", "the interval holds no difference at all"
    elif published is None or mean >= published / 2:
        word, reason = "held", "the whole interval is on the paper's side"
    else:
        word, reason = "held weaker", "the whole interval is on the paper's side, the mean below half of the paper's"
    return Verdict(word, *(math.exp(x) if times else x for x in (mean, low, high)), reason)
