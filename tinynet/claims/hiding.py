"""Where the object is hidden, its class becomes less probable.

ZFNet, section 4.2 and Figure 6: a grey square slides over an image; "the model is localizing the objects within the
scene, as the probability of the correct class drops significantly when the object is occluded."

Compared    the mean probability of the true class when a grey square hides the middle of the image, where CIFAR-10 has
            its objects, and when it hides a corner (the mean of the four), of 500 images that a small AlexNet answers
            rightly when it sees all of them
Equal       everything else: both sides are the same net and the same images, and the square has the same size
Refuted     if the probability is lower when a corner is hidden: the interval of the difference lies below 0
"""
import numpy as np

from ..data import Split, View
from ..look.occlusion import hidden
from ..net import Sequential
from ..training.evaluate import probabilities
from .claim import Claim
from .training import Work, errors, fit, small_net

SQUARE, IMAGES = 20, 500                     # pixels of 64
PLACES = {"a corner hidden": [(10, 10), (10, 54), (54, 10), (54, 54)], "the middle hidden": [(32, 32)]}


def measure(work: Work, side: str) -> dict[str, float]:
    net, parts, view, decay = small_net(work, {}, 10_000)
    fit(work, net, parts, view, epochs=15, falls=(12,), decay=decay)
    found = errors(work, net, parts, view, test=False)
    return {**found, "probability": _of_true_class(net, parts[2], view, PLACES[side])} if work.test else found


def _of_true_class(net: Sequential, part: Split, view: View, places: list[tuple[int, int]]) -> float:
    right = np.flatnonzero(probabilities(net, part, view).argmax(axis=1) == part.labels)[:IMAGES]
    images, labels = part.images[right], np.repeat(part.labels[right], len(places))
    if not len(images):
        return 0.0                           # the net answers nothing rightly
    covered = np.concatenate([hidden(image, view, places, SQUARE) for image in images])
    return float(probabilities(net, Split(covered, labels), view)[np.arange(len(labels)), labels].mean())


CLAIM = Claim(
    __doc__, "hiding", "Hiding the object lowers its probability", "ZFNet, section 4.2 and Figure 6",
    "the probability drops significantly", tuple(PLACES), measure, rates=(0.02,), number="probability", seeds=3)
