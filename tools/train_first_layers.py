"""Trains the nets of docs/looking-inside.md's diagnosis: 11x11 kernels with stride 4 against 7x7 with stride 2, each
with and without the renormalisation of filters, on raw pixels.

    python tools/train_first_layers.py DATA --out runs/first-layers

DATA is as for `train-imagenet`. Four runs: AlexNet in one column and ZFNet, a quarter as wide, on crops of 64x64
pixels, minus the mean image and not scaled. Every layer but the first starts as

    N(0, 0.01 √(inputs at the full size / inputs here))

so that signals are as strong in each layer as they would be in the whole net with the papers' N(0, 0.01). What is there
already goes on where it ended: with more --epochs, further.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from tinynet import SGD, Sequential
from tinynet.data import Dataset, Loader, View, imagenet, mean_image
from tinynet.init import gaussian
from tinynet.models.catalogue import build
from tinynet.models.zfnet import renormalise_filters
from tinynet.training.config import about_the_net
from tinynet.training.evaluate import probabilities
from tinynet.training.metrics import top_k_error
from tinynet.training.run import Run
from tinynet.training.train import Progress, say, train

SIZE, CROP, WIDTH, BATCH, RATE = 72, 64, 0.25, 64, 0.01
NETS = {"alexnet": {"columns": 1}, "zfnet": {}}
ALEXNET = {"conv2": 1200, "conv3": 2304, "conv4": 1728, "conv5": 1728, "fc6": 9216, "fc7": 4096, "fc8": 4096}
ZFNET = {"conv2": 2400, "conv3": 2304, "conv4": 3456, "conv5": 3456, "fc6": 9216, "fc7": 4096, "fc8": 4096}
INPUTS = {"alexnet": ALEXNET, "zfnet": ZFNET}    # of a number in each layer of the whole net


def start(name: str, settings: dict, rng: np.random.Generator) -> Sequential:
    net = build(name, **settings, rng=rng)
    for layer, inputs in INPUTS[name].items():
        W = net[layer].W
        W.assign(gaussian(0.01 * (inputs / np.prod(W.shape[:-1])) ** 0.5)(rng, W.shape))
    return net


def learn(folder: Path, name: str, renormalised: bool, data: Dataset, epochs: int, seed: int) -> None:
    """One of the four, in a folder that `load_net` and `look` read."""
    rng_net, rng_data = np.random.default_rng(seed).spawn(2)
    settings = {"classes": len(data.classes), "input_size": CROP, "width": WIDTH, **NETS[name]}
    view = View(mean_image(data.train.images), crop=CROP, mirror=True)
    config = {"size": SIZE, "crop": CROP, "first_classes": None, "skip_unreadable": False, "seed": seed, "rate": RATE,
              "renormalised": renormalised, **about_the_net(name, settings, view, data.classes)}
    run = Run(folder, config, resume=(folder / "config.json").exists(), keep_every=5)  # raises, if it is another one
    net = start(name, settings, rng_net)
    loader = Loader(data.train, BATCH, rng_data, view.draw, finish=view.show)
    sgd = SGD(net.parameters(), RATE, momentum=0.9, weight_decay=0.0005)
    progress = run.start(net, sgd, loader, view=view)

    def on_batch(at: Progress) -> None:
        if renormalised:
            renormalise_filters(net)
        run.on_batch(at)

    with run:
        train(net, sgd, loader, epochs, progress=progress, on_batch=on_batch, on_epoch=run.on_epoch, validate=lambda: {
            "val_error": top_k_error(probabilities(net, data.test, view), data.test.labels)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="the folder with train/ and val/")
    parser.add_argument("--cache", help="the folder for the squares (default: in DATA)")
    parser.add_argument("--out", default="runs/first-layers", help="the folder to write to (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    data = imagenet(args.data, SIZE, args.cache and Path(args.cache) / str(SIZE))  # as train-imagenet and look have it
    for name in NETS:
        for renormalised in (False, True):
            folder = Path(args.out) / f"{name}{'-renormalised' if renormalised else ''}"
            say(f"\n{folder}")
            learn(folder, name, renormalised, data, args.epochs, args.seed)


if __name__ == "__main__":
    main()
