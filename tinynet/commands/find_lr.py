"""Which learning rate should a net begin with? A hundred steps, each with a higher one, and a picture of the loss.

    python -m tinynet find-lr --net 80sec                  on the bundled sample of CIFAR-10: half a minute
    python -m tinynet find-lr --net nin --optimizer adam --data full

Prints the rate with the lowest loss and the tenth of it, which is often a good one to begin with; writes the picture.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from .. import SGD, Adam, get_threads
from ..data import Loader, View, cifar10, cifar10_sample, mean_image
from ..look.curves import draw_lr_finder
from ..models.cifar import BATCH_SIZE, MOMENTUM, RECIPES, WEIGHT_DECAY
from ..training.lr_finder import a_tenth, find_lr
from ..training.train import say
from .options import CommandLine, a_picture, at_least, chosen_device, ends_in_a_line, positive


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse(arguments)
    rng_net, rng_data = np.random.default_rng(args.seed).spawn(2)
    recipe = RECIPES[args.net]
    with ends_in_a_line():
        net = recipe.build(rng_net).to(chosen_device(args))
        data = cifar10(args.root) if args.data == "full" else cifar10_sample()
        say(f"data: {data.source}\n{args.net}, {args.optimizer}, batches of {BATCH_SIZE}; {get_threads()} threads")
        view = View(mean_image(data.train.images), recipe.scale, recipe.crop, recipe.crop is not None, pad=recipe.pad)
        loader = Loader(data.train, BATCH_SIZE, rng_data, view.train)
        optimizer = (SGD(net.parameters(), 1.0, MOMENTUM, WEIGHT_DECAY) if args.optimizer == "sgd"
                     else Adam(net.parameters(), weight_decay=WEIGHT_DECAY))
        note = f"{args.net}, {args.optimizer}, batches of {BATCH_SIZE}, seed {args.seed}; {data.name}"
        rates, losses = find_lr(net, optimizer, loader, low=args.low, high=args.high, steps=args.steps)
        chosen = a_tenth(rates, losses)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        draw_lr_finder(args.out, rates, losses, chosen=chosen, note=note)
    say(f"the lowest loss, {min(losses):.3f}, is at a learning rate of {10 * chosen:.1e}; begin with about a tenth, "
        f"{chosen:.1e}{at_the_end(losses, args.steps)}\nthe picture: {args.out}")


def at_the_end(losses: list[float], steps: int) -> str:
    """What to say if the lowest loss is the first or the last one: then a better rate may lie outside."""
    lowest = losses.index(min(losses))
    if lowest == 0:
        return ("\nthat is the lowest rate that was tried, so this says little: try a lower --low; or, if the loss "
                "hardly moved, a higher --high")
    return ("\nthat is the highest rate that was tried, and the loss may fall further: try a higher --high"
            if lowest == steps - 1 else "")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandLine("find-lr", __doc__)
    parser.add_argument("--net", choices=tuple(RECIPES), default="80sec",
                        help="of a published recipe (default: 80sec)")
    parser.add_argument("--optimizer", choices=("sgd", "adam"), default="sgd", help="(default: sgd)")
    parser.add_data("CIFAR-10", "5,000")
    parser.add_argument("--low", type=positive, default=1e-6, help="the first learning rate (default: 1e-6)")
    parser.add_argument("--high", type=positive, default=10.0, help="the last one (default: 10)")
    parser.add_argument("--steps", type=at_least(2), default=100, help="how many steps there are (default: 100)")
    parser.add_device()
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_argument("--out", type=a_picture, default="runs/find_lr.png",
                        help="the picture (default: runs/find_lr.png)")
    args = parser.parse_args(arguments)
    parser.expect_root_of_all(args, "CIFAR-10")
    if args.low >= args.high:
        parser.error(f"--low, --high: expected the lower rate first, got {args.low} and {args.high}")
    return args
