"""Several nets together.

AlexNet, Table 2: one net has a top-1 error of 40.7 %, the mean answer of five 38.1 %.

Compared    the first of three nets alone, and the mean answer of the three, which differ in their start and in the
            order of their images: cuda-convnet's of 18 %, half as wide
Equal       everything else; each side has the best of the same learning rates, one for all of its nets. With the same
            one, the one net is among the three. (At first both had the rate published for these nets, 0.001, and no
            other, in three pairs, which said "not seen", and three more, with which it held. Claims that tried more
            rates found larger ones to be better: all six pairs were trained again. And the errors of Table 2 were the
            top-5 ones, 1.8 points, until after the runs)
Refuted     if one net alone is better: the interval of the difference lies below 0
"""
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..data import Split, View
from ..data.statistics import statistics_of
from ..models.catalogue import build
from ..net import Sequential
from ..training.evaluate import probabilities
from ..training.metrics import top_k_error
from .claim import Claim
from .training import Work, at_work, cifar_in_three, fit

NETS = 3


def measure(work: Work, side: str) -> dict[str, float]:
    *parts, _ = cifar_in_three(work.root, 10_000)
    view, nets = View(statistics_of(parts[0].images).mean), []
    for i in range(1 if side == "one net" else NETS):
        one = replace(work, seed=work.seed + 10_000 * i, folder=work.folder / str(i))
        net = build("cifar-18pct", width=0.5, rng=one.generators()[0])
        fit(one, net, parts, view, epochs=15, falls=(13,), decay=1.0)
        nets.append((net, view))
    return errors_together(work, nets, parts)


def errors_together(work: Work, nets: Sequence[tuple[Sequential, View]], parts: Sequence[Split]) -> dict[str, float]:
    """The errors of the mean answer of several nets, each with its view: in validation and, if it may be known, in the
    test."""
    named = {"val_error": parts[1], **({"test_error": parts[2]} if work.test else {})}

    def answers(net: Sequential, view: View, part: Split) -> np.ndarray:
        with at_work(work, net):
            return probabilities(net, part, view)
    return {name: top_k_error(np.mean([answers(net, view, part) for net, view in nets], axis=0), part.labels)
            for name, part in named.items()}


CLAIM = Claim(
    __doc__, "together", "Averaging nets helps", "AlexNet, Table 2", "five nets: 40.7 to 38.1 % top-1 error",
    ("one net", "three nets"), measure, rates=(0.001, 0.002, 0.004), published=2.6)
