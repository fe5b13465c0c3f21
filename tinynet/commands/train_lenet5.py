"""LeNet-5 learns to read digits.

    python -m tinynet train-lenet5                           on the bundled sample of MNIST: under a minute
    python -m tinynet train-lenet5 --data full               on all of MNIST
    python -m tinynet train-lenet5 --output linear           with ten learned output units instead of the ten pictures
    python -m tinynet train-lenet5 --without C5              without a layer; what follows is made to fit
    python -m tinynet train-lenet5 --resume runs/...         go on with a run that was stopped, by Ctrl-C or by a crash

Prints the test error after each epoch and what was taken for what. A run is a new folder below runs/: config.json,
metrics.jsonl, curves.png, checkpoints; at the end what was taken for what as a picture, and the trained net.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import SGD, Sequential, SoftmaxCrossEntropy, count_parameters, get_threads
from ..data import Dataset, Loader, mnist, mnist_sample
from ..look.confusion import draw_confusion
from ..models.catalogue import build
from ..models.lenet5 import MAPLoss, normalised
from ..parameter import drawn_later
from ..training.config import new_folder
from ..training.metrics import confusion_matrix, confusion_table, top_k_error
from ..training.run import Run
from ..training.schedule import ByEpoch
from ..training.train import say, train
from .options import (
    CommandLine,
    a_folder,
    at_least,
    below_1,
    chosen_device,
    ends_in_a_line,
    go_on_with,
    kept_options,
    not_negative,
    positive,
)

LOSSES = {"rbf": MAPLoss, "linear": SoftmaxCrossEntropy}
RATES = {"rbf": 0.002, "linear": 0.03}  # of the first epoch; distances are steeper than learned units
DECAY = 0.9                             # each epoch's rate is so much of the one before
BATCH_SIZE, SHIFT = 16, 2               # each batch is moved by up to two pixels, another way in each epoch
NOT_IN_CONFIG = ("root", "out", "resume")


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse(arguments)
    rng_net, rng_data = np.random.default_rng(args.seed).spawn(2)    # with --output linear the same order of images
    with ends_in_a_line():
        net = build(name_of(args), rng=rng_net, device=chosen_device(args), **changes_of(args))
        data = mnist(args.root) if args.data == "full" else mnist_sample()
        folder = Path(args.resume) if args.resume else new_folder(args.out, f"lenet5-{args.output}")
    say(f"data: {data.source}\n{count_parameters(net):,} parameters; {get_threads()} threads; writing to {folder}")
    how = go_on_with("train-lenet5", args, folder, "root")
    with ends_in_a_line(how), Run(folder, config_of(args, data), resume=bool(args.resume), how_to_resume=how,
                                  tensorboard=args.tensorboard) as run:
        learn(net, args, data, rng_data, run)
        report(net, data, folder)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandLine("train-lenet5", __doc__)
    parser.add_data("MNIST", "2,000")
    parser.add_argument("--output", choices=tuple(RATES), default="rbf",
                        help="rbf: distances from fixed pictures, as in the paper (default); linear: learned units")
    parser.add_argument("--epochs", type=at_least(1), default=30, help="passes over the training images (default: 30)")
    parser.add_argument("--rate", type=positive,
                        help="the learning rate of the first epoch (default: the one that suits)")
    parser.add_argument("--momentum", type=below_1, help="of the updates (default: 0.9)")
    parser.add_argument("--decay", type=not_negative, help="weight decay (default: 0)")
    parser.add_layers()
    parser.add_device()
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_tensorboard()
    parser.add_argument("--out", type=a_folder, help="the folder to write to, a new one (default: one below runs/)")
    parser.add_argument("--resume", metavar="FOLDER",
                        help="go on with the run in FOLDER, with the options it had, but for --root")
    args = parser.parse_args(arguments)
    if args.resume:
        args = parser.again_with(arguments, args, NOT_IN_CONFIG)
    parser.expect_root_of_all(args, "MNIST")
    try:
        with drawn_later():
            build(name_of(args), **changes_of(args))
    except ValueError as error:
        parser.error(str(error))
    return args


def name_of(args: argparse.Namespace) -> str:
    """Of the net, in the catalogue."""
    return "lenet5-linear" if args.output == "linear" else "lenet5"


def changes_of(args: argparse.Namespace) -> dict[str, Any]:
    """The settings of the net that the options give."""
    return {name: value for name in ("without", "bias") if (value := getattr(args, name)) is not None}


def config_of(args: argparse.Namespace, data: Dataset) -> dict:
    """What decides the result; `images` says in words which they were."""
    return {**kept_options(args, NOT_IN_CONFIG), "images": data.name}


def learn(net: Sequential, args: argparse.Namespace, data: Dataset, rng: np.random.Generator, run: Run) -> None:
    """The whole training."""
    rate = args.rate or RATES[args.output]
    momentum, decay = 0.9 if args.momentum is None else args.momentum, args.decay or 0
    sgd, loader = SGD(net.parameters(), rate, momentum, decay), Loader(data.train, BATCH_SIZE, rng, shifted)
    schedule = ByEpoch(lambda epoch: rate * DECAY ** (epoch - 1))
    progress = run.start(net, sgd, loader, schedule)

    def test() -> dict[str, float]:
        return {"test_error": top_k_error(probabilities(net, data), data.test.labels)}

    train(net, sgd, loader, args.epochs, loss=LOSSES[args.output](), progress=progress, schedule=schedule,
          validate=test, on_batch=run.on_batch, on_epoch=run.on_epoch)


def shifted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.roll(normalised(images), rng.integers(-SHIFT, SHIFT + 1, 2), axis=(1, 2))  # (B, 32, 32, 1)


def probabilities(net: Sequential, data: Dataset) -> np.ndarray:
    return net.predict(normalised(data.test.images))                                 # (N, 10)


def report(net: Sequential, data: Dataset, out: Path) -> None:
    """What was taken for what, on the screen and as a picture; and the net."""
    answers = probabilities(net, data)
    matrix, error = confusion_matrix(answers, data.test.labels), top_k_error(answers, data.test.labels)
    net.save(out / "net.npz")
    say(confusion_table(matrix, data.classes))
    say(f"test error {error:.2%} (the paper, on all of MNIST: 0.95%); the net: {out / 'net.npz'}")
    draw_confusion(out / "confusion.png", matrix, data.classes, f"LeNet-5: {error:.2%} test error")
    say(f"the picture: {out / 'confusion.png'}")
