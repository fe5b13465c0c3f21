"""A deep net that starts from a shallow one.

A textbook, on VGG: the shallow net of 11 layers is trained first and its weights begin the deeper ones, which then
converge faster.

Compared    VGG of 16 layers, an eighth as wide, from random weights, and with four convolutions and the three
            fully-connected layers of a trained VGG of 11 (models/vgg.py, `start_from`): its training error after 10
            epochs
Equal       images and their order, epochs of the deep net; each side has the best of the same learning rates. The
            random weights are N(0, 1 / √inputs), with which the shallow net soon learns; from the paper's N(0, 0.01) it
            would take many times as many steps as are taken here.
            The shallow net's own 10 epochs come on top: nothing is said of the sum
Refuted     if the deep net alone is further: the interval of the difference lies below 0
"""
from dataclasses import replace

from ..data import View
from ..data.statistics import statistics_of
from ..init import fan_in
from ..models.vgg import start_from, vgg
from ..net import Sequential
from .claim import Claim
from .training import Work, cifar_in_three, errors, fit

WIDTH, EPOCHS, EARLIER = 1 / 8, 10, 0.01


def new_net(work: Work, column: str) -> Sequential:
    return vgg(column, 10, 32, WIDTH, rng=work.generators()[0], weight_init=fan_in(1.0))


def measure(work: Work, side: str) -> dict[str, float]:
    *parts, _ = cifar_in_three(work.root, 10_000)
    view, net = View(statistics_of(parts[0].images).mean), new_net(work, "D")
    if side == "from the shallow net":
        shallow = new_net(work, "A")
        before = replace(work, rate=EARLIER, folder=work.folder / "shallow")
        fit(before, shallow, parts, view, EPOCHS)
        start_from(net, shallow)
    fit(replace(work, folder=work.folder / "deep"), net, parts, view, EPOCHS)
    return errors(work, net, parts, view)


CLAIM = Claim(
    __doc__, "deep", "A shallow VGG gives a deep one a start", "A textbook, on VGG", "it converges faster",
    ("from random weights", "from the shallow net"), measure, rates=(0.003, 0.01, 0.03), number="train_error", seeds=3)
