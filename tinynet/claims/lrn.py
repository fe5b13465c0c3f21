"""Local response normalisation.

AlexNet, section 3.3: "Response normalization reduces our top-1 and top-5 error rates by 1.4% and 1.2%, respectively. We
also verified the effectiveness of this scheme on the CIFAR-10 dataset: a four-layer CNN achieved a 13% test error rate
without normalization and 11% with normalization."

Compared    cuda-convnet's net of 11 %, half as wide, with its two normalisations and without them
Equal       start, images and their order, crops, epochs; each side has the best of the same learning rates. (0.016 was
            tried when all pairs were there, because 0.008, LRN's best, was the largest: it is worse for both)
Refuted     if the net without normalisation is the better one: the interval of the difference lies below 0
"""
from .claim import Claim
from .training import cifar_net

CLAIM = Claim(
    __doc__, "lrn", "Local response normalisation helps", "AlexNet, section 3.3",
    "13 % test error without, 11 % with it",
    ("without", "with LRN"),
    cifar_net("cifar-11pct", {"without": {"lrn": False}, "with LRN": {}}, width=0.5, crop=24, epochs=18, falls=(16,)),
    rates=(0.0005, 0.001, 0.002, 0.004), published=2.0)
