"""Lesson 15: a few digits, and a net that has learned photographs, or nothing.

    python lessons/stored/borrowed.py        less than an hour on one core; writes borrowed.json beside it

The whole net `80sec` learns k digits of each class, by Adam, in 200 steps of at most 32 digits, or 10 k steps if that
is more (with 200 a net from scratch had not finished 800 digits). "Fine-tuned" starts from the weights of
pretrained("80sec") and sees what those have seen, "from scratch" from weights scaled by fan-in, with pixels of about
unit variance. Of the 2,500 digits of the package the first 1,000 are drawn from, the next 500 choose the learning rate
(of three, for each side and each k, with a draw of their own), the last 1,000 are the test. A script that was stopped
goes on when it is started again.
"""
from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from results import run_once

from tinynet import Sequential
from tinynet.data import Split, View, mnist_sample
from tinynet.models import build, pretrained
from tinynet.training.evaluate import probabilities
from tinynet.training.finetune import replace_last, start_by_fan_in
from tinynet.training.probe import draw_per_class, learn

OUT = Path(__file__).parent / "borrowed.json"
SHOTS, DRAWS, TUNING = (1, 3, 10, 30, 80), range(4), 100
RATES = {"from scratch": (3e-4, 1e-3, 3e-3), "fine-tuned": (1e-4, 3e-4, 1e-3)}


def digits() -> Split:
    """All 2,500, with a rim of paper and three equal colours: (2500, 32, 32, 3)."""
    data = mnist_sample()
    images = np.concatenate([data.train.images, data.test.images])
    return Split(np.repeat(np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0))), 3, axis=3),
                 np.concatenate([data.train.labels, data.test.labels]))


def start(side: str, draw: int) -> tuple[Sequential, View]:
    rng = np.random.default_rng(draw)
    if side == "fine-tuned":
        trained = pretrained("80sec")
        return replace_last(trained.net, 10, rng), trained.view
    return start_by_fan_in(build("cifar-80sec", rng=rng), rng), View(np.full(3, 26, np.float32), 70.0)


def error(side: str, rate: float, k: int, draw: int, split: Split, part: slice) -> float:
    """Of k digits of each class, the share of wrong answers in a part of the others."""
    chosen = draw_per_class(split.labels[:1000], k, draw)
    net, view = start(side, draw)
    learn(net, Split(split.images[chosen], split.labels[chosen]), view, np.random.default_rng(draw), lr=rate,
          steps=max(200, 10 * k))
    part = Split(split.images[part], split.labels[part])
    return float(np.mean(probabilities(net, part, view).argmax(axis=1) != part.labels))


def main() -> None:
    split = digits()

    def tried(side: str, rate: float, k: int) -> dict[str, Any]:
        return {"validation": error(side, rate, k, TUNING, split, slice(1000, 1500))}

    def tested(side: str, rate: float, k: int, draw: int) -> dict[str, Any]:
        return {"rate": rate, "test": error(side, rate, k, draw, split, slice(1500, 2500))}

    for side, rates in RATES.items():
        for k in SHOTS:
            _, best = min((run_once(OUT, f"{side}, {k} a class, rate {rate:g}", partial(tried, side, rate, k))
                           ["validation"], rate) for rate in rates)
            for draw in DRAWS:
                run_once(OUT, f"{side}, {k} a class, draw {draw}", partial(tested, side, best, k, draw))


if __name__ == "__main__":
    main()
