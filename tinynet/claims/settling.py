"""Lower layers settle first: two measures.

ZFNet, section 4 and Figure 4: "The lower layers of the model can be seen to converge within a few epochs. However, the
upper layers only develop after a considerable number of epochs (40-50)".

Compared    conv5 and conv1 of a small AlexNet: after how many of 20 epochs a layer's kernels stay as they will be at
            the end, a cosine of 0.9 or more in the mean ("settling"); after how many, between two epochs by a straight
            line, half of the way from their start to their end is behind them ("halfway", added when the first measure
            had turned out to depend on the size of the first weights, before any run of its own). look/evolution.py
Equal       everything: both sides are the same net; the learning rate does not fall, since that would settle all
            layers at once
Refuted     if conv1 takes longer: the interval of the factor lies below 1. (The paper's numbers say four times as long
            or more, if "a few" are ten at most; this became what is `published` after the runs, by which "halfway" is
            held weaker, and no longer held)
"""
import numpy as np

from ..look.curves import crossing
from ..look.evolution import likeness, settled, way_left
from .claim import Claim
from .training import Work, errors, fit, small_net


def measure(work: Work, side: str, halfway: bool) -> dict[str, float]:
    net, parts, view, decay = small_net(work, {}, 10_000)
    start = {f"{side}.W": np.array(net[side].W.value)}
    fit(work, net, parts, view, epochs=20, decay=decay, keep_every=1)
    if halfway:
        left = way_left(work.folder, net, start)[f"{side}.W"]
        epochs = crossing([1.0, *(left[epoch] for epoch in sorted(left))], 0.5) - 1  # epoch 0 is the start
    else:
        epochs = settled(likeness(work.folder, net)[f"{side}.W"])
    return {**errors(work, net, parts, view, test=False), "epochs": float(epochs)}


SAYS, PUBLISHED = "a few epochs for the lower layers, 40 to 50 for the upper ones", 4.0
CLAIMS = (
    Claim(
        __doc__, "settling", "Lower layers settle first", "ZFNet, section 4 and Figure 4", SAYS, ("conv5", "conv1"),
        lambda work, side: measure(work, side, False), rates=(0.02,), number="epochs", published=PUBLISHED,
        unit="times", seeds=3, remark=(
            "This measure turns out to be blind here. conv5 begins with weights scaled by fan-in, so large that "
            "learning hardly turns them: at the first epoch their cosine with the end is 0.9 already. conv1 begins "
            "with small weights (`start_by_fan_in` says why) and turns altogether. So the verdict is on where the two "
            "begin, not on when they have learned what they will; `halfway` asks that.")),
    Claim(
        __doc__, "halfway", "Lower layers are half-way first", "ZFNet, section 4 and Figure 4", SAYS,
        ("conv5", "conv1"), lambda work, side: measure(work, side, True), rates=(0.02,), number="epochs",
        published=PUBLISHED, unit="times", seeds=3))
