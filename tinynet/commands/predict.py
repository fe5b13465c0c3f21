"""What a trained net says of pictures.

    python -m tinynet predict PICTURE PICTURE --run RUN             five labels with bars for each
    python -m tinynet predict PICTURE --run RUN --ten --out p.png   the mean answer to ten crops; and as a picture
    python -m tinynet predict PICTURE --net 80sec                   by the net in the package: CIFAR-10's classes

RUN is the folder of a run of train-imagenet, or of train-cifar10 --net ...
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..files.terminal import fitted, width_of
from ..look.predictions import MOST, draw_predictions
from ..models.pretrained import pretrained
from ..training.evaluate import load_net
from ..training.train import say
from .options import CommandLine, a_picture, at_least, chosen_device, ends_in_a_line

BAR = 40  # letters, for a probability of 1


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse(arguments)
    with ends_in_a_line():
        device = chosen_device(args)
        trained = load_net(args.run, device) if args.run else pretrained(args.net, device)
        answers = trained.predict(args.pictures, args.ten)                           # (N, classes)
        for path, p in zip(args.pictures, answers, strict=True):
            say("\n".join([path, *bars(p, trained.classes, args.best)]))
        if args.out:
            shown = trained.view.pixels(trained.squares(args.pictures[:MOST]))
            args.out.parent.mkdir(parents=True, exist_ok=True)
            draw_predictions(args.out, shown, None, answers[:MOST], trained.classes, args.best,
                             names=[Path(path).name for path in args.pictures])
            say(f"the picture: {args.out}" + f", of the first {MOST}" * (len(answers) > MOST))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandLine("predict", __doc__)
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="a file: JPEG, PNG, GIF, BMP, WebP, TIFF, PPM")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--run", help="the folder of the run that trained the net")
    which.add_argument("--net", metavar="NAME", help="a trained net in the package: 80sec")
    parser.add_argument("--best", type=at_least(1), default=5, metavar="K", help="how many labels (default: 5)")
    parser.add_argument("--ten", action="store_true", help="the mean of the answers to ten crops: AlexNet, section 4.1")
    parser.add_argument("--out", type=a_picture, metavar="PNG", help="draw the pictures and the labels there, too")
    parser.add_device()
    return parser.parse_args(arguments)


def bars(p: np.ndarray, classes: Sequence[str], best: int) -> list[str]:
    """A line for each of the `best` most probable classes."""
    order, width = np.argsort(-p, kind="stable")[:best], max(map(width_of, classes))
    return [f"  {fitted(classes[c], width)}  {p[c]:6.1%}  {'#' * round(BAR * float(p[c]))}".rstrip() for c in order]
