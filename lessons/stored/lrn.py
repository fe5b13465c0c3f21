"""Lesson 8: does LRN help? The lesson's small net with and without it, eight starts each.

    python lessons/stored/lrn.py --root FOLDER_OF_CIFAR10        about 15 minutes on one core; writes lrn.json beside it

Training: the first 10,000 images of CIFAR-10, halved to 16 x 16, 20 epochs, the rate divided by ten for the last five.
Validation: the next 5,000; each net's learning rate is the best of three for start 0 on these. Test: all 10,000 test
images, counted once at the end of each run. Both nets of a start have the same weights and the same order of batches.
A script that was stopped goes on when it is started again.
"""
from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from results import run_once

from tinynet import LRN, SGD, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, SoftmaxCrossEntropy, gaussian
from tinynet.data import batches, cifar10

OUT = Path(__file__).parent / "lrn.json"
EPOCHS, RATES, STARTS = 20, (0.0005, 0.001, 0.002), range(8)
NETS = ("without", "with LRN")


def halved(images: np.ndarray) -> np.ndarray:
    """Means of 2 × 2 pixels: (N, 32, 32, 3) to (N, 16, 16, 3)."""
    return images.reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4)).astype(np.float32)


def block(number: int, inputs: int, size: int, normalised: bool, **how: Any) -> dict[str, Any]:
    """Convolution, ReLU, LRN with the constants of the authors' own CIFAR-10 nets, pooling: 32 maps."""
    layers = {"conv": Conv2d(inputs, 32, size, padding=size // 2, **how), "relu": ReLU()}
    layers |= {"norm": LRN(n=9, k=1.0, alpha=0.001 / 9)} if normalised else {}
    layers |= {"pool": MaxPool2d(3, 2, ceil_mode=True)}
    return {f"{name}{number}": layer for name, layer in layers.items()}


def new_net(name: str, start: int) -> Sequential:
    rng, normalised = np.random.default_rng(start), name == "with LRN"
    return Sequential(**block(1, 3, 5, normalised, rng=rng, input_grad=False),
                      **block(2, 32, 3, normalised, rng=rng, weight_init=gaussian(0.03)),
                      flat=Flatten(), fc=Linear(4 * 4 * 32, 10, rng=rng))


def wrong(net: Sequential, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which images the net gets wrong: (N,) of True and False."""
    return net.predict(x).argmax(axis=1) != labels


def train(name: str, start: int, rate: float, x: np.ndarray, labels: np.ndarray) -> Sequential:
    net, rng, loss = new_net(name, start), np.random.default_rng(start), SoftmaxCrossEntropy()
    sgd = SGD(net.parameters(), rate)
    for epoch in range(EPOCHS):
        sgd.lr = rate if epoch < 0.75 * EPOCHS else rate / 10
        for batch, right in batches(x, labels, 64, rng):
            loss.forward(net.forward(batch, train=True), right)
            net.backward(loss.backward())
            sgd.step()
    return net


def main() -> None:
    parser = argparse.ArgumentParser(description="Lesson 8: the small net with and without LRN, eight starts each.")
    parser.add_argument("--root", help="the folder in which CIFAR-10 lies")
    data = cifar10(parser.parse_args().root)
    mean = halved(data.train.images[:10_000]).mean(axis=0)
    images, labels = halved(data.train.images[:15_000]) - mean, data.train.labels
    x, valid = (images[:10_000], labels[:10_000]), (images[10_000:], labels[10_000:15_000])
    test = halved(data.test.images) - mean, data.test.labels

    def tried(name: str, rate: float) -> dict[str, Any]:
        net = train(name, 0, rate, *x)
        return {"training": float(wrong(net, *x).mean()), "validation": float(wrong(net, *valid).mean())}

    def validation(name: str, rate: float) -> float:
        return run_once(OUT, f"{name}, rate {rate}", lambda: tried(name, rate))["validation"]

    best = {name: min((validation(name, rate), rate) for rate in RATES)[1] for name in NETS}

    def pair(start: int) -> dict[str, Any]:
        nets = [train(name, start, best[name], *x) for name in NETS]
        a, b = (wrong(net, *test) for net in nets)
        return {"training": [float(wrong(net, *x).mean()) for net in nets], "wrong": [int(a.sum()), int(b.sum())],
                "only the first": int((a & ~b).sum()), "only the second": int((b & ~a).sum()), "of": len(a)}

    for start in STARTS:
        run_once(OUT, f"start {start}", partial(pair, start))


if __name__ == "__main__":
    main()
