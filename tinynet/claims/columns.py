"""Two columns against half of the kernels.

AlexNet, section 3.2: two GPUs with half of the kernels each reduce "our top-1 and top-5 error rates by 1.7% and 1.2%,
respectively, as compared with a net with half as many kernels in each convolutional layer trained on one GPU." (That
net keeps the last convolution and the fully-connected layers: a footnote.)

Compared    a small AlexNet of two columns, computed as one net in two groups, and the one of half the kernels
Equal       images and their order, epochs; each side has the best of the same learning rates. The starts differ, as the
            sizes do
Refuted     if the net with half the kernels is the better one: the interval of the difference lies below 0
"""
from .claim import Claim
from .training import SMALL, small_alexnet

k1, k2, k3, k4, k5 = SMALL["kernels"]
CLAIM = Claim(
    __doc__, "columns", "Two columns beat half of the kernels", "AlexNet, section 3.2",
    "1.7 points of top-1 error less",
    ("half the kernels", "two columns"),
    small_alexnet({"half the kernels": {"net": "alexnet-half", "kernels": (k1 // 2, k2 // 2, k3 // 2, k4 // 2, k5)},
                   "two columns": {}}),
    rates=(0.01, 0.02, 0.04), published=1.7,
    remark="The paper adds that two GPUs with the whole net took slightly less time than one with half of the kernels. "
    "Of that there is one timing alone, on a CPU (examples/results): two cores with the whole net need 1.24 times as "
    "long as one core with half of it.")
