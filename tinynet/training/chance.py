"""A net that learns nothing says nothing by itself: its error merely stays where guessing is.

Of K classes, guessing is wrong in a share of 1 - 1/K, give or take what luck does in N images:

    chance = 1 - 1/K - 3 √((1 - 1/K) / (K N))                                        (1)

The rule: after the third epoch, if the training error was at least (1) in all three. So slow starts are no alarm:
ZFNet with --init fan-in learns nothing for two epochs (examples/results/zfnet), and is off in the third.
Nothing is said of less than 500 images, where luck is too large.

Scores that hardly differ have a loss of ln K. Then the signal fades from layer to layer: four convolutions that start
as N(0, 0.01) are enough. A loss above that comes from steps that are too long.
"""
from __future__ import annotations

import math

from .progress import Record

EPOCHS, FEWEST = 3, 500


def at_chance(history: list[Record], classes: int, images: int) -> str | None:
    """The line to be said after the epoch that is the last of `history`, of so many images in so many classes; None,
    if the net learns, or it is too early to say, or too late to say it again."""
    if len(history) != EPOCHS or classes < 2 or images < FEWEST:
        return None
    wrong = 1 - 1 / classes
    chance = wrong - 3 * math.sqrt(wrong / (classes * images))                       # eq. (1)
    if any(record.get("train_error", 0) < chance for record in history):
        return None
    last, rate = history[-1], f"a learning rate (now {history[-1]['lr']:g})"
    if last["train_loss"] <= 1.01 * math.log(classes):
        why = ("its scores hardly differ. Likely: initial values too small, try weight_init=fan_in(); "
               f"or {rate} too small")
    else:
        why = f"its loss is above that of guessing. Likely: {rate} too large; or inputs that are not scaled"
    return f"after {EPOCHS} epochs the net is no better than guessing (error {last['train_error']:.1%}), and {why}"
