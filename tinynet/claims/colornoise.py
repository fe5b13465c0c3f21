"""Colour noise.

AlexNet, section 4.1: multiples of the principal components of the colours are added to each image, because an object
stays the same when the light changes: "This scheme reduces the top-1 error rate by over 1%."

Compared    cuda-convnet's net of 18 %, half as wide, with colour noise in training and without
Equal       start, images and their order, epochs; each side has the best of the same learning rates; the test images
            have no noise
Refuted     if the net without noise is the better one: the interval of the difference lies below 0
"""
from .claim import Claim
from .training import cifar_net

CLAIM = Claim(
    __doc__, "colornoise", "Colour noise helps", "AlexNet, section 4.1", "over 1 point of top-1 error less",
    ("without", "with colour noise"), cifar_net("cifar-18pct", {"without": {}, "with colour noise": {"color": True}},
                                                width=0.5),
    rates=(0.0005, 0.001, 0.002), published=1.0)
