"""Overlapping pooling.

AlexNet, section 3.4: windows of 3x3, 2 apart, in place of 2x2 windows side by side reduce "the top-1 and top-5 error
rates by 0.4% and 0.3%, respectively [...] We generally observe during training that models with overlapping pooling
find it slightly more difficult to overfit."

Compared    cuda-convnet's net of 18 %, half as wide, with its 3x3 poolings and with 2x2 in all three places; the maps
            have the same sizes
Equal       start, images and their order, epochs; each side has the best of the same learning rates
Refuted     if the net with 2x2 windows is the better one: the interval of the difference lies below 0
"""
from .claim import Claim
from .training import cifar_net

CLAIM = Claim(
    __doc__, "pooling", "Overlapping pooling helps", "AlexNet, section 3.4", "0.4 points of top-1 error less",
    ("2x2", "3x3, overlapping"),
    cifar_net("cifar-18pct", {"2x2": {"pool": 2}, "3x3, overlapping": {}}, width=0.5),
    rates=(0.0005, 0.001, 0.002), published=0.4)
