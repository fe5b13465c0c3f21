"""Random crops and mirror images.

AlexNet, section 4.1: "Without this scheme, our network suffers from substantial overfitting, which would have forced us
to use much smaller networks."

Compared    cuda-convnet's net of 13 %, half as wide, that sees the centre of each image, or another crop of it each
            time, mirrored half of the time; both are tested on the centre
Equal       start, images and their order, epochs; each side has the best of the same learning rates. (0.016 was tried
            when all pairs were there, because 0.008, the best of both, was the largest: it is worse for both)
Refuted     if the net that sees the centre alone is the better one: the interval of the difference lies below 0
"""
from .claim import Claim
from .training import cifar_net

CLAIM = Claim(
    __doc__, "crops", "Random crops and mirror images fight overfitting", "AlexNet, section 4.1",
    "without them the net overfits substantially", ("the centre alone", "crops and mirror images"),
    cifar_net("cifar-13pct", {"the centre alone": {"crops": "center", "mirror": False}, "crops and mirror images": {}},
              width=0.5, crop=24, epochs=24, falls=(21,)),
    rates=(0.0005, 0.001, 0.002, 0.004), seeds=3)
