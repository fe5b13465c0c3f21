"""A net that learns nothing says nothing by itself: its error merely stays where guessing is.

Of K classes, guessing is wrong in a share of 1 - 1/K, give or take what luck does in N images:

    chance = 1 - 1/K - 3 √((1 - 1/K) / (K N))                                        (1)

The rule: after the third epoch, if the training error was at least (1) in all three. So slow starts are no alarm:
ZFNet with --init fan-in learns nothing for two epochs (examples/results/zfnet), and is off in the third.
Nothing is said of less than 500 images, where luck is too large.

Scores that hardly differ have a loss of ln K. Then the signal fades from layer to layer: four convolutions that start
as N(0, 0.01) are enough. A loss above that comes from steps that are too long. And where it was above that in the first
epoch, but no longer is, such steps may have left a layer whose ReLUs are 0 for every image: nothing gets through it,
and no gradient back.
"""
from __future__ import annotations

import math

from .progress import Record

EPOCHS, FEWEST = 3, 500
ABOVE = 1.01  # times ln K: what is more is a loss above that of guessing


def at_chance(history: list[Record], classes: int, images: int) -> str | None:
    """The line to be said after the epoch that is the last of `history`, of so many images in so many classes; None,
    if the net learns, or it is too early to say, or too late to say it again."""
    if len(history) != EPOCHS or classes < 2 or images < FEWEST:
        return None
    wrong = 1 - 1 / classes
    chance = wrong - 3 * math.sqrt(wrong / (classes * images))                       # eq. (1)
    if any(record.get("train_error", 0) < chance for record in history):
        return None
    first, last, above = history[0], history[-1], ABOVE * math.log(classes)
    rate = f"a learning rate (now {last['lr']:g})"
    too_long = f"Likely: {rate} too large; or inputs that are not scaled"
    if last["train_loss"] > above:
        why = f"its loss is above that of guessing. {too_long}"
    elif first["train_loss"] > above:
        why = (f"its scores hardly differ any more; its loss was {first['train_loss']:.2f} in the first epoch, above "
               f"that of guessing, so ReLUs may have died. {too_long}")
    else:
        why = ("its scores hardly differ. Likely: initial values too small, try weight_init=fan_in(); "
               f"or {rate} too small")
    return f"after {EPOCHS} epochs the net is no better than guessing (error {last['train_error']:.1%}), and {why}"
