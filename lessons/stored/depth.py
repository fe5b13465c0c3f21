"""Lesson 16: do more layers help? Nets of 8, 20 and 32 layers, plain and residual, two starts each.

    python lessons/stored/depth.py             about 15 minutes on one core; writes depth.json beside it

Nets: `resnet_cifar` with half of its maps; the plain ones are the same but for the shortcuts. Training: 4,000 images of
the sample that comes with tinynet, halved to 16 x 16, 15 epochs, the rate divided by ten for the last five. Each net's
rate is the better one of two for start 0, on 1,000 other images; the test images are counted once at the end of a run.
Nets of one start have the same order of batches. A script that was stopped goes on when it is started again.
"""
from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from results import run_once

from tinynet import SGD, Sequential, SoftmaxCrossEntropy
from tinynet.data import batches, cifar10_sample
from tinynet.models import resnet_cifar

OUT = Path(__file__).parent / "depth.json"
EPOCHS, RATES, STARTS, TRAINING = 15, (0.02, 0.1), range(2), 4000
NETS = [(kind, depth) for depth in (8, 20, 32) for kind in ("plain", "residual")]


def halved(images: np.ndarray) -> np.ndarray:
    """Means of 2 × 2 pixels: (N, 32, 32, 3) to (N, 16, 16, 3)."""
    return images.reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4)).astype(np.float32)


def wrong(net: Sequential, x: np.ndarray, labels: np.ndarray) -> float:
    """The share of images that the net gets wrong."""
    return float(np.mean(net.predict(x).argmax(axis=1) != labels))


def train(kind: str, depth: int, rate: float, start: int, parts: dict[str, Any]) -> dict[str, Any]:
    net = resnet_cifar(depth, residual=kind == "residual", width=0.5, rng=np.random.default_rng(start))
    rng, loss, history = np.random.default_rng(start), SoftmaxCrossEntropy(), []
    sgd = SGD(net.parameters(), rate, momentum=0.9, weight_decay=1e-4)
    for epoch in range(EPOCHS):
        sgd.lr = rate if epoch < EPOCHS - 5 else rate / 10
        losses = []
        for batch, right in batches(*parts["training"], 64, rng):
            losses.append(loss.forward(net.forward(batch, train=True), right))
            net.backward(loss.backward())
            sgd.step()
        history.append(round(float(np.mean(losses)), 4))
    return {"loss": history, **{part: wrong(net, *images) for part, images in parts.items()}}


def main() -> None:
    data = cifar10_sample()
    images, labels = halved(data.train.images), data.train.labels
    mean, spread = images[:TRAINING].mean(axis=0), images[:TRAINING].std()
    x = (images - mean) / spread
    parts = {"training": (x[:TRAINING], labels[:TRAINING]), "validation": (x[TRAINING:], labels[TRAINING:]),
             "test": ((halved(data.test.images) - mean) / spread, data.test.labels)}

    def run(kind: str, depth: int, rate: float, start: int) -> dict[str, Any]:
        return run_once(OUT, f"{kind} {depth}, rate {rate}, start {start}",
                        partial(train, kind, depth, rate, start, parts))

    best = {net: min(RATES, key=lambda rate, net=net: run(*net, rate, 0)["validation"]) for net in NETS}
    for start in STARTS:
        for net in NETS:
            run(*net, best[net], start)


if __name__ == "__main__":
    main()
