"""Weight decay and the training error.

AlexNet, section 5: "We found that this small amount of weight decay was important for the model to learn. In other
words, weight decay here is not merely a regularizer: it reduces the model's training error."

Compared    a small AlexNet with the paper's weight decay of 0.0005, and without
Equal       start, images and their order, epochs; each side has the best of the same learning rates
Refuted     if the training error is lower without decay: the interval of the difference lies below 0
"""
from .claim import Claim
from .training import small_alexnet

CLAIM = Claim(
    __doc__, "decay", "Weight decay lowers the training error", "AlexNet, section 5",
    "weight decay reduces the training error",
    ("without decay", "0.0005"), small_alexnet({"without decay": {"decay": 0.0}, "0.0005": {}}),
    rates=(0.01, 0.02, 0.04), number="train_error")
