"""Lesson 13: one small net many times, and a second one that differs in its pooling alone.

    python lessons/stored/scatter.py        less than half an hour on one core; writes scatter.json beside it

The 5,000 + 1,000 images of CIFAR-10 that come with tinynet, halved to 16 x 16: 4,000 to train with, 1,000 to choose by,
1,000 to test. Two nets of 5,000 or so parameters, with pooling of 2 x 2 side by side and of 3 x 3 with stride 2, 12
epochs each; five learning rates of each are tried with a seed of its own, and the two that are best by the validation
images kept. With these, 12 pairs of the same start and the same order. And of the first net, with its best rate: 8
starts with one order of the batches, 8 orders with one start, 8 times the same but for one weight that is changed by
its last digits.

Of each run the errors after every epoch, and which of the test images are wrong at the end, as bits in hexadecimal. A
script that was stopped goes on when it is started again.
"""
from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from results import run_once

from tinynet import SGD, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, SoftmaxCrossEntropy, fan_in
from tinynet.data import batches, cifar10_sample

OUT = Path(__file__).parent / "scatter.json"
EPOCHS, RATES, TUNING, PAIRS, TIMES = 12, (0.003, 0.01, 0.03, 0.1, 0.3), 1000, 12, 8
POOLS = {"2x2": (2, 2), "3x3": (3, 2)}


def halved(images: np.ndarray) -> np.ndarray:
    """Means of 2 × 2 pixels: (N, 32, 32, 3) to (N, 16, 16, 3)."""
    return images.reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4)).astype(np.float32)


def new_net(pool: str, start: int) -> Sequential:
    rng, (size, stride) = np.random.default_rng(start), POOLS[pool]
    how = {"rng": rng, "weight_init": fan_in(2.0)}
    return Sequential(conv1=Conv2d(3, 12, 3, padding=1, input_grad=False, **how), relu1=ReLU(),
                      pool1=MaxPool2d(size, stride, ceil_mode=True),
                      conv2=Conv2d(12, 16, 3, padding=1, **how), relu2=ReLU(),
                      pool2=MaxPool2d(size, stride, ceil_mode=True),
                      flat=Flatten(), fc=Linear(4 * 4 * 16, 10, rng=rng, weight_init=fan_in(1.0)))


def wrong(net: Sequential, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return net.predict(x).argmax(axis=1) != labels


def run(data: dict[str, tuple], pool: str, start: int, order: int, rate: float, nudge: int = 0) -> dict[str, Any]:
    """Train once. `nudge` is by how many of its last digits the first weight differs."""
    net, rng, loss = new_net(pool, start), np.random.default_rng(order), SoftmaxCrossEntropy()
    first = net["conv1"].W.value.reshape(-1)
    for _ in range(nudge):
        first[0] = np.nextafter(first[0], np.float32(np.inf))
    sgd, curves = SGD(net.parameters(), rate), {"validation": [], "test": []}
    for epoch in range(EPOCHS):
        sgd.lr = rate if epoch < 9 else rate / 10
        for batch, right in batches(*data["training"], 50, rng):
            loss.forward(net.forward(batch, train=True), right)
            net.backward(loss.backward())
            sgd.step()
        for part, curve in curves.items():
            curve.append(round(float(wrong(net, *data[part]).mean()), 4))
    return {"rate": rate, **curves, "wrong": np.packbits(wrong(net, *data["test"])).tobytes().hex()}


def main() -> None:
    sample = cifar10_sample()
    images, mean = halved(sample.train.images), halved(sample.train.images[:4000]).mean(axis=0)
    spread = (images[:4000] - mean).std()
    x, labels = (images - mean) / spread, sample.train.labels
    data = {"training": (x[:4000], labels[:4000]), "validation": (x[4000:], labels[4000:]),
            "test": ((halved(sample.test.images) - mean) / spread, sample.test.labels)}
    best = {}
    for pool in POOLS:
        tried = [(run_once(OUT, f"{pool}, tuning, rate {rate:g}", partial(run, data, pool, TUNING, TUNING, rate))
                  ["validation"][-1], rate) for rate in RATES]
        best[pool] = [rate for _, rate in sorted(tried)[:2]]
    for k in range(PAIRS):
        for pool, two in best.items():
            for rate in two:
                run_once(OUT, f"{pool}, pair {k}, rate {rate:g}", partial(run, data, pool, k, k, rate))
    rate = best["2x2"][0]
    for k in range(TIMES):
        for what, how in (("start", (k, 0, rate)), ("order", (0, k, rate)), ("last digits", (0, 0, rate, k))):
            run_once(OUT, f"2x2, {what} {k}", partial(run, data, "2x2", *how))


if __name__ == "__main__":
    main()
