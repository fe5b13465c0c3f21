"""Smaller filters, closer together.

ZFNet, section 4.1: conv1 of AlexNet with 7x7 filters, 2 apart, in place of 11x11, 4 apart, "retains much more
information in the 1st and 2nd layer features"; Table 1: 1.7 points of top-5 error less.

Compared    a small ZFNet and a small AlexNet of as many kernels that see all maps (they differ in conv1, in conv2's
            stride, and in the order of pooling and normalisation)
Equal       images and their order, epochs; each side has the best of the same learning rates
Refuted     if the net with 11x11 filters is the better one: the interval of the difference lies below 0
"""
from .claim import Claim
from .training import small_alexnet

CLAIM = Claim(
    __doc__, "filters", "7x7 filters, 2 apart, beat 11x11, 4 apart", "ZFNet, section 4.1 and Table 1",
    "1.7 points of top-5 error less", ("11x11/4: AlexNet", "7x7/2: ZFNet"),
    small_alexnet({"11x11/4: AlexNet": {"groups": 1}, "7x7/2: ZFNet": {"net": "zfnet"}}),
    rates=(0.01, 0.02, 0.04), published=1.7)
