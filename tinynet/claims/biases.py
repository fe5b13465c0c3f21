"""Biases that start at 1.

AlexNet, section 5: biases of 1 in conv2, conv4, conv5 and the hidden layers: "This initialization accelerates the early
stages of learning by providing the ReLUs with positive inputs."

Compared    a small AlexNet with the paper's biases, and with all at 0: the training loss of the second epoch
Equal       start of the weights (by the number of inputs, but for conv1 and the last layer, which have the paper's
            0.01), images and their order; each side has the best of the same learning rates
Refuted     if the loss is lower with biases of 0: the interval of the difference lies below 0
"""
from .claim import Claim
from .training import Work, errors, fit, small_net


def measure(work: Work, side: str) -> dict[str, float]:
    net, parts, view, decay = small_net(work, {"bias": 0.0} if side == "0" else {}, 10_000)
    records = fit(work, net, parts, view, epochs=2, decay=decay)
    return {**errors(work, net, parts, view), "percent_of_chance": records[-1]["train_loss"] / CHANCE}


CHANCE = 2.3026  # the loss of a net that knows nothing of ten classes, ln 10
CLAIM = Claim(
    __doc__, "biases", "Biases of 1 speed up the start", "AlexNet, section 5",
    "they accelerate the early stages of learning",
    ("0", "1, as in the paper"), measure, rates=(0.01, 0.02, 0.04), number="percent_of_chance",
    remark="The numbers are the training losses of the second epoch, as shares of ln 10, the loss of a net that knows "
           "nothing. But for the first and the last layer, these nets start with weights of a width that carries the "
           "signal through, other than the paper's, which the biases were to help.")
