"""The mean over ten crops.

AlexNet, section 4.1: at test the answers to five crops and their mirror images are averaged; section 6: without that
the error rates are 39.0 % and 18.3 % in place of 37.5 % and 17.0 %.

Compared    one net, cuda-convnet's of 13 %, half as wide, asked about the centre, and about ten crops
Equal       everything; each side has the best of the same learning rates: with the same one, both are the same net. (At
            first both had the rate published for this net, 0.001, and no other; claims that tried more had found larger
            ones to be better by then.)
Refuted     if the centre alone gives better answers: the interval of the difference lies below 0
"""
from ..data import View
from ..data.statistics import statistics_of
from ..models.catalogue import build
from .claim import Claim
from .training import Work, cifar_in_three, errors, fit


def measure(work: Work, side: str) -> dict[str, float]:
    *parts, _ = cifar_in_three(work.root, 10_000)
    view = View(statistics_of(parts[0].images).mean, crop=24, mirror=True)
    net = build("cifar-13pct", width=0.5, rng=work.generators()[0])
    fit(work, net, parts, view, epochs=24, falls=(21,), decay=1.0)
    return errors(work, net, parts, view, ten=side == "ten crops")


CLAIM = Claim(
    __doc__, "views", "Averaging over ten crops helps", "AlexNet, sections 4.1 and 6", "1.5 points of top-1 error less",
    ("the centre", "ten crops"), measure, rates=(0.001, 0.002, 0.004), published=1.5)
