"""Lesson 4: five nets that differ in their pooling, on digits that moved; three starts each.

    python lessons/stored/pooling.py            about five minutes on one core; writes pooling.json beside it

The nets and the training of the lesson, 16 epochs, on the sample of MNIST that comes with tinynet; the errors are
noted after 4 epochs, too, when some nets have not finished learning. A script that was stopped goes on when it is
started again.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from results import run_once

import tinynet
from tinynet import SGD, AvgPool2d, Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Sequential, gaussian
from tinynet.data import batches, mnist_sample

OUT = Path(__file__).parent / "pooling.json"
NOTED, STARTS = (4, 16), range(3)                                      # epochs
POOLINGS: dict[str, Callable[[], Layer] | None] = {
    "no pooling": None,
    "mean, z = 2, s = 2": partial(AvgPool2d, 2), "mean, z = 3, s = 2": partial(AvgPool2d, 3, 2, ceil_mode=True),
    "max, z = 2, s = 2": partial(MaxPool2d, 2), "max, z = 3, s = 2": partial(MaxPool2d, 3, 2, ceil_mode=True)}


def net_with(pooling: Callable[[], Layer] | None, start: int) -> Sequential:
    """conv, ReLU, pooling, twice; then a Linear. Without pooling the convolutions have stride 2."""
    rng, stride = np.random.default_rng(start), 1 if pooling else 2
    layers: dict[str, Layer] = {}
    for k, (maps_in, maps_out) in enumerate([(1, 8), (8, 16)], start=1):
        layers[f"conv{k}"] = Conv2d(maps_in, maps_out, 5, stride, padding=2, rng=rng,
                                    input_grad=k > 1, weight_init=gaussian(0.1))
        layers[f"relu{k}"] = ReLU()
        if pooling:
            layers[f"pool{k}"] = pooling()
    return Sequential(**layers, flat=Flatten(), fc3=Linear(7 * 7 * 16, 10, rng=rng))


def epoch(net: Sequential, sgd: SGD, rng: np.random.Generator, x: np.ndarray, labels: np.ndarray) -> None:
    loss = tinynet.SoftmaxCrossEntropy()
    for batch, right in batches(x, labels, 50, rng):
        loss.forward(net.forward(batch, train=True), right)
        net.backward(loss.backward())
        sgd.step()


def error(net: Sequential, x: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(net.predict(x).argmax(axis=1) != labels))


def moved(x: np.ndarray, d: int) -> np.ndarray:
    """The images, d pixels further right; what comes in from the left is paper."""
    return np.pad(x, ((0, 0), (0, 0), (d, 0), (0, 0)))[:, :, :x.shape[2]]


def errors(pooling: Callable[[], Layer] | None, start: int) -> dict[str, Any]:
    """After 4 and 16 epochs: the error on the training digits, and on the test digits moved by 0, 1, ... 6 pixels."""
    (images, labels), (test_images, test_labels) = mnist_sample()
    x, x_test = images / np.float32(255), test_images / np.float32(255)
    net, rng, found = net_with(pooling, start), np.random.default_rng(start), {}
    sgd = SGD(net.parameters(), lr=0.1, momentum=0, weight_decay=0)
    for k in range(1, max(NOTED) + 1):
        epoch(net, sgd, rng, x, labels)
        if k in NOTED:
            found[f"{k} epochs"] = {"training": error(net, x, labels),
                                    "moved": [error(net, moved(x_test, d), test_labels) for d in range(7)]}
    return found


def main() -> None:
    for start in STARTS:
        for name, pooling in POOLINGS.items():
            run_once(OUT, f"{name}, start {start}", partial(errors, pooling, start))


if __name__ == "__main__":
    main()
