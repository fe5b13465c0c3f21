"""Global average pooling for a fully-connected layer.

Network In Network, section 3.2: the mean of a map is the score of its class; that has no parameters and so does not
overfit, where fully-connected layers have most of a net's.

Compared    the Network In Network for CIFAR-10, a quarter as wide, that ends in the mean of each of ten maps, and one
            with a fully-connected layer in place of the means, of all pixels of these maps; each row says how many
            parameters its net has
Equal       start of the convolutions, images and their order, epochs; each side has the best of the same learning rates
Refuted     if the net with the fully-connected layer is the better one: the interval of the difference lies below 0
"""
from ..data import View
from ..data.statistics import statistics_of
from ..init import gaussian
from ..layers.linear import Flatten, Linear
from ..models.catalogue import build
from ..net import Sequential
from ..summary import count_parameters
from ..training.finetune import start_by_fan_in
from .claim import Claim
from .training import Work, cifar_in_three, errors, fit

CLASSES, LAST = 10, 8 * 8 * 10  # the last maps have 8x8 pixels


def measure(work: Work, side: str) -> dict[str, float]:
    *parts, _ = cifar_in_three(work.root, 5_000)
    found, rng = statistics_of(parts[0].images), work.generators()[0]
    net, view = start_by_fan_in(build("nin-cifar", width=0.25, rng=rng), rng), View(found.mean, found.spread)
    if side == "fully-connected":
        net = Sequential(**net[:"mlpconv3"].layers, flat=Flatten(),
                         fc=Linear(LAST, CLASSES, rng=rng, weight_init=gaussian(0.05)))
    fit(work, net, parts, view, epochs=20, falls=(17,))
    return {**errors(work, net, parts, view), "parameters": count_parameters(net)}


CLAIM = Claim(
    __doc__, "nin", "The mean of a map in place of a layer", "NiN, section 3.2",
    "no parameters, less overfitting", ("fully-connected", "mean of each map"), measure, rates=(0.01, 0.03, 0.1),
    remark=(
        "Neither net is near its end after these 20 epochs, as the training errors say: this is about which one learns "
        "faster, and says nothing of overfitting. The layer that the means replace has few parameters here, where ten "
        "small maps lead into it; what the published net saves by them is counted in lesson 16. And the ReLU before "
        "the means can silence a class for good, whose map is 0 for all images, where the other net can take any map "
        "for any class: cifar_nin (tinynet/models/cifar.py) starts its last layer with that in mind, these nets start "
        "as all others here do."))
