"""Columns against free connections: a control.

AlexNet, section 3.2, restricts which maps a layer sees, so that the columns need not talk everywhere; it does not say
what that costs.

Compared    a small AlexNet of two columns, computed as one net in two groups, and the same number of kernels that see
            all maps (more weights in conv2, conv4 and conv5)
Equal       images and their order, epochs; each side has the best of the same learning rates. The starts differ, as the
            sizes do
Refuted     that columns cost something, if the interval of the difference lies below 0
"""
from .claim import Claim
from .training import small_alexnet

CLAIM = Claim(
    __doc__, "free", "What the columns' restricted connections cost", "AlexNet, section 3.2: a control",
    "nothing is said",
    ("two columns", "free connections"), small_alexnet({"two columns": {}, "free connections": {"groups": 1}}),
    rates=(0.01, 0.02, 0.04))
