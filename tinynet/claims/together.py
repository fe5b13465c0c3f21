"""Several nets together.

AlexNet, Table 2: one net has a top-5 error of 18.2 %, the mean answer of five 16.4 %.

Compared    the first of three nets alone, and the mean answer of the three, which differ in their start and in the
            order of their images: cuda-convnet's of 18 %, half as wide
Equal       everything else: the one net is among the three
Refuted     if one net alone is better: the interval of the difference lies below 0
"""
from dataclasses import replace

import numpy as np

from ..data import View
from ..data.statistics import statistics_of
from ..models.catalogue import build
from ..training.evaluate import probabilities
from ..training.metrics import top_k_error
from .claim import Claim
from .training import Work, cifar_in_three, fit

NETS = 3


def measure(work: Work, side: str) -> dict[str, float]:
    *parts, _ = cifar_in_three(work.root, 10_000)
    view, answers = View(statistics_of(parts[0].images).mean), []
    for i in range(1 if side == "one net" else NETS):
        one = replace(work, seed=work.seed + 10_000 * i, folder=work.folder / str(i))
        net = build("cifar-18pct", width=0.5, rng=one.generators()[0])
        fit(one, net, parts, view, epochs=15, falls=(13,), decay=1.0)
        answers.append([probabilities(net, part, view) for part in parts[1:]])
    named = {"val_error": 0, "test_error": 1} if work.test else {"val_error": 0}
    return {name: top_k_error(np.mean([of[i] for of in answers], axis=0), parts[1 + i].labels)
            for name, i in named.items()}


CLAIM = Claim(
    __doc__, "together", "Averaging nets helps", "AlexNet, Table 2", "five nets: 18.2 to 16.4 % top-5 error",
    ("one net", "three nets"), measure, rates=(0.001,), published=1.8, seeds=3)
