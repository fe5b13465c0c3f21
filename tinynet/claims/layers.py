"""Every layer is needed.

AlexNet, section 1: "removing any convolutional layer (each of which contains no more than 1% of the model's parameters)
resulted in inferior performance", and section 7: "removing any of the middle layers results in a loss of about 2% for
the top-1 performance". ZFNet, Table 2, removes fully-connected layers, too, and finds it costs little.

Compared    a small AlexNet, whole, and without conv3, without conv4, without both, without fc7: a claim each
Equal       images and their order, epochs; each side has the best of the same learning rates
Refuted     if the net without the layer is the better one: the interval of the difference lies below 0
"""
from .claim import Claim
from .training import small_alexnet

TOP_1 = ("In the paper's table the top-1 error is lower without fc7, too: 40.0 % for 40.5 % in validation, and 27.4 % "
         "for 35.1 % in training.")


def without(layers: tuple[str, ...], says: str, published: float | None, remark: str = "") -> Claim:
    both = " and ".join(layers)
    side, needed = f"without {both}", f"{both} {'is' if len(layers) == 1 else 'are'} needed"
    return Claim(__doc__, "no-" + "-".join(layers), needed, "AlexNet, section 7; ZFNet, Table 2", says,
                 (side, "whole"), small_alexnet({side: {"without": layers}, "whole": {}}),
                 rates=(0.01, 0.02, 0.04), published=published, remark=remark)


CLAIMS = (without(("conv3",), "a loss of about 2 points of top-1 error", 2.0),
          without(("conv4",), "a loss of about 2 points of top-1 error", 2.0),
          without(("conv3", "conv4"), "ZFNet's Table 2: 4.0 points of top-5 error", 4.0),
          without(("fc7",), "ZFNet's Table 2: 0.3 points of top-5 error", 0.3, TOP_1))
