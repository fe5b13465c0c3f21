"""The columns' kernels divide the work.

AlexNet, section 6.1 and Figure 3: "The kernels on GPU 1 are largely color-agnostic, while the kernels on GPU 2 are
largely color-specific. This kind of specialization occurs during every run and is independent of any particular random
weight initialization."

Compared    conv1's kernels of a small AlexNet: how alike the two halves of them are in colour, 1 - |difference of their
            mean shares of colour| (look/kernels.py). With two columns, computed as one net in two groups; and with free
            connections, where a half is nothing but half of the kernels: what chance alone gives
Equal       start of conv1, images and their order, epochs, the learning rate (one for both: no errors are compared)
Refuted     if the halves differ more with free connections: the interval of the difference lies below 0
"""
import numpy as np

from ..look.kernels import color_share, first_convolutions
from .claim import Claim
from .training import Work, errors, fit, small_net

KERNELS = (32, 32, 48, 48, 32)  # twice as many in conv1 as elsewhere here: a mean over 16 says more than one over 8
SIDES = {"free connections": {"groups": 1}, "two columns": {}}


def measure(work: Work, side: str) -> dict[str, float]:
    net, parts, view, decay = small_net(work, {**SIDES[side], "kernels": KERNELS}, 10_000)
    fit(work, net, parts, view, epochs=15, falls=(12,), decay=decay)
    (conv1,) = first_convolutions(net).values()
    first, second = (half.mean() for half in np.split(color_share(conv1.device.tohost(conv1.W.value)), 2))
    return {**errors(work, net, parts, view, test=False), "alike_in_color": float(1 - abs(first - second))}


CLAIM = Claim(
    __doc__, "colors", "One column takes the colours", "AlexNet, section 6.1 and Figure 3", "in every run",
    tuple(SIDES), measure, rates=(0.02,), number="alike_in_color",
    remark="Two halves of 16 kernels are about as unlike with free connections, which is what chance gives.")
