"""Lesson 9: its net, four times as wide in fc3, on five times as many images: what does each remedy do?

    python lessons/stored/remedies.py --root FOLDER_OF_CIFAR10   about half an hour on one core; writes remedies.json

Training: the first 5,000 images of CIFAR-10, 60 epochs, the rate divided by ten for the last quarter. Validation: the
next 5,000. Test: all 10,000 test images, counted once at the end of each run. One learning rate for all, 0.01: at three
times that, the plain net learned nothing. A script that was stopped goes on when it is started again.
"""
from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from results import run_once

from tinynet import SGD, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential, SoftmaxCrossEntropy, fan_in
from tinynet.data import batches, cifar10, mean_image
from tinynet.data.augment import center_crop, color_components, color_noise, random_crops

OUT = Path(__file__).parent / "remedies.json"
IMAGES, HIDDEN, EPOCHS, RATE, STARTS = 5000, 512, 60, 0.01, range(3)
NETS = {"plain": "", "crops, mirrors": "crops", "dropout": "dropout", "crops and dropout": "crops dropout",
        "all three": "crops dropout colour"}


def new_net(start: int, dropout: bool) -> Sequential:
    rng = np.random.default_rng(start)
    how = {"rng": rng, "weight_init": fan_in(2.0)}
    layers = {
        "conv1": Conv2d(3, 16, 5, padding=2, input_grad=False, **how), "relu1": ReLU(),
        "pool1": MaxPool2d(3, stride=2, ceil_mode=True),
        "conv2": Conv2d(16, 32, 5, padding=2, **how), "relu2": ReLU(),
        "pool2": MaxPool2d(3, stride=2, ceil_mode=True),
        "flat": Flatten(), "fc3": Linear(6 * 6 * 32, HIDDEN, **how), "relu3": ReLU()}
    if dropout:
        layers["drop3"] = Dropout(0.5, np.random.default_rng(100 + start))
    return Sequential(**layers, fc4=Linear(HIDDEN, 10, rng=rng, weight_init=fan_in(1.0)))


def middle(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(center_crop(x, 24))


def error(net: Sequential, x: np.ndarray, labels: np.ndarray) -> float:
    """The share of wrong answers for the middles of the images x."""
    return float(np.mean(net.predict(middle(x)).argmax(axis=1) != labels))


def train(remedies: str, start: int, x: np.ndarray, labels: np.ndarray, light: Any) -> Sequential:
    """`light`: the colour noise's components and strength."""
    net, rng, loss = new_net(start, "dropout" in remedies), np.random.default_rng(start), SoftmaxCrossEntropy()
    sgd = SGD(net.parameters(), RATE, momentum=0.9, weight_decay=0.0)
    for epoch in range(EPOCHS):
        sgd.lr = RATE if epoch < 0.75 * EPOCHS else RATE / 10
        for batch, right in batches(x, labels, 50, rng):
            batch = random_crops(batch, 24, rng) if "crops" in remedies else middle(batch)
            batch = color_noise(batch, light[0], rng, std=light[1]) if "colour" in remedies else batch
            loss.forward(net.forward(batch, train=True), right)
            net.backward(loss.backward())
            sgd.step()
    return net


def main() -> None:
    parser = argparse.ArgumentParser(description="Lesson 9: what each remedy against overfitting does.")
    parser.add_argument("--root", help="the folder in which CIFAR-10 lies")
    data = cifar10(parser.parse_args().root)
    images, labels = data.train.images[:2 * IMAGES], data.train.labels
    mean = mean_image(images[:IMAGES])
    spread = (images[:IMAGES] - mean).std()
    light = color_components(images[:IMAGES]), 0.1 / spread
    scaled, x_test = ((a - mean) / spread for a in (images, data.test.images))
    x, valid = (scaled[:IMAGES], labels[:IMAGES]), (scaled[IMAGES:], labels[IMAGES:2 * IMAGES])

    def run(name: str, start: int) -> dict[str, Any]:
        net = train(NETS[name], start, *x, light)
        return {"training": error(net, *x), "validation": error(net, *valid),
                "test": error(net, x_test, data.test.labels)}

    for start in STARTS:
        for name in NETS:
            run_once(OUT, f"{name}, start {start}", partial(run, name, start))


if __name__ == "__main__":
    main()
