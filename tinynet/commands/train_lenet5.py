"""LeNet-5 learns to read digits.

    python examples/train_lenet5.py                          on the bundled sample of MNIST: under a minute
    python examples/train_lenet5.py --data full              on all of MNIST
    python examples/train_lenet5.py --output linear          with ten learned output units instead of the ten pictures

Prints the test error after each epoch and what was taken for what; writes that as a picture, and the trained net, to a
new folder below runs/.
"""
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import SGD, Sequential, SoftmaxCrossEntropy, count_parameters, cpu, get_threads, gpu
from ..data import Dataset, Loader, mnist, mnist_sample
from ..look.confusion import draw_confusion
from ..models.lenet5 import MAPLoss, lenet5, normalised
from ..training.diverged import Diverged
from ..training.metrics import confusion_matrix, confusion_table, top_k_error
from ..training.schedule import ByEpoch
from ..training.train import say, train
from .options import at_least, command_line, positive

LOSSES = {"rbf": MAPLoss, "linear": SoftmaxCrossEntropy}
RATES = {"rbf": 0.002, "linear": 0.03}  # of the first epoch; distances are steeper than learned units
DECAY = 0.9                             # each epoch's rate is so much of the one before
BATCH_SIZE, SHIFT = 16, 2               # each batch is moved by up to two pixels, another way in each epoch


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse(arguments)
    out = Path(args.out or f"runs/lenet5-{args.output}-{time.strftime('%Y%m%d-%H%M%S')}")
    rng_net, rng_data = np.random.default_rng(args.seed).spawn(2)    # with --output linear the same order of images
    try:
        net = lenet5(args.output, rng_net, device=gpu(0) if args.device == "gpu" else cpu)
        data = mnist(args.root) if args.data == "full" else mnist_sample()
        out.mkdir(parents=True)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    say(f"data: {data.source}\n{count_parameters(net):,} parameters; {get_threads()} threads; writing to {out}")
    try:
        learn(net, args, data, rng_data)
    except KeyboardInterrupt:
        say("\nstopped; this is how far it came:")
    except (Diverged, MemoryError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    try:
        report(net, data, out)
    except (ImportError, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_line("train-lenet5", __doc__)
    parser.add_argument("--data", choices=("sample", "full"), default="sample",
                        help="the bundled sample of 2,000 training images (default), or all of MNIST")
    parser.add_argument("--root", help="the folder of MNIST (default: TINYNET_DATA, then a cache; else a download)")
    parser.add_argument("--output", choices=tuple(RATES), default="rbf",
                        help="rbf: distances from fixed pictures, as in the paper (default); linear: learned units")
    parser.add_argument("--epochs", type=at_least(1), default=30, help="passes over the training images (default: 30)")
    parser.add_argument("--rate", type=positive,
                        help="the learning rate of the first epoch (default: the one that suits)")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_argument("--out", help="the folder to write to, a new one (default: one below runs/)")
    return parser.parse_args(arguments)


def learn(net: Sequential, args: argparse.Namespace, data: Dataset, rng: np.random.Generator) -> None:
    """The whole training."""
    rate = args.rate or RATES[args.output]

    def test() -> dict[str, float]:
        return {"test_error": top_k_error(probabilities(net, data), data.test.labels)}

    train(net, SGD(net.parameters(), rate, weight_decay=0), Loader(data.train, BATCH_SIZE, rng, shifted),
          args.epochs, loss=LOSSES[args.output](), schedule=ByEpoch(lambda epoch: rate * DECAY ** (epoch - 1)),
          validate=test, on_epoch=print_epoch)


def shifted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.roll(normalised(images), rng.integers(-SHIFT, SHIFT + 1, 2), axis=(1, 2))  # (B, 32, 32, 1)


def print_epoch(record: dict) -> None:
    say(f"epoch {record['epoch']:2}  rate {record['lr']:.5f}  loss {record['train_loss']:.4f}  "
        f"test error {record['test_error']:.2%}  {record['images_per_second']:.0f} images/s")


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
