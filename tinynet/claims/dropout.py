"""Dropout against overfitting.

AlexNet, section 4.2: "Without dropout, our network exhibits substantial overfitting."

Compared    a small AlexNet with dropout of one half behind fc6 and fc7, and without
Equal       start, images and their order, epochs; each side has the best of the same learning rates
Refuted     if the net without dropout is the better one: the interval of the difference lies below 0
"""
from .claim import Claim
from .training import small_alexnet

CLAIM = Claim(
    __doc__, "dropout", "Dropout fights overfitting", "AlexNet, section 4.2",
    "without it the net overfits substantially",
    ("without", "with dropout"), small_alexnet({"without": {"dropout": False}, "with dropout": {}}, epochs=24,
                                               falls=(20,)),
    rates=(0.01, 0.02, 0.04))
