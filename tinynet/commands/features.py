"""What a trained net's features are worth for other pictures: ZFNet, sections 5.2 and 5.3, AlexNet, section 6.1.

    python -m tinynet features --run RUN --data PHOTOS
    python -m tinynet features --run RUN --data PHOTOS --parts shots codes --folds 5

RUN is the folder of a run on CIFAR-10; PHOTOS holds train/ and val/ with a folder of photographs for each class, which
are shrunk to what the net sees. Those of train/ that are nearly an image of CIFAR-10 are left out first. Parts:

    layers       a softmax and a linear SVM on each layer's features (Table 6), and on the pixels
    shots        the last of --layers, for 1 image per class and more, against the net from random weights (Figure 7)
    freezing     the whole net goes on learning, but for its first 0, 1, 2... layers with weights
    collages     four photographs in a picture: softmax against one sigmoid a class, average precision (Table 5)
    codes        binary codes of features against codes of pixels, by the same-class share of what is found

Results are lines of JSON in --out, what is there is not done again, so the same command goes on; and shots.png.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..data import ImageFolder, Split, cifar10
from ..data.duplicates import near_duplicates, without
from ..layers.pool import AvgPool2d, MaxPool2d
from ..training.evaluate import Trained, load_net
from ..training.probe import draw_per_class
from ..training.train import say
from .feature_parts import PARTS, SHOTS, Results, Work, draw
from .options import at_least, command_line, ends_in_a_line

TEST, SPARE = 50, 20  # photographs per class to test, and to have in case that some are near-duplicates


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse(arguments)
    with ends_in_a_line():
        trained = load_net(args.run)
        args.layers = args.layers or [name for name, layer in trained.net.walk()
                                      if "." not in name and isinstance(layer, (MaxPool2d, AvgPool2d))]
        known = dict(trained.net.walk())
        missing = [name for name in args.layers if name not in known]
        if missing or not args.layers:
            raise ValueError(f"--layers: expected some of {', '.join(known)}, got {', '.join(missing) or 'none'}")
        results, told_now = Results(args.out / "results.jsonl"), {"folds": args.folds, "steps": args.steps}
        if not told_now.items() <= results.add({"part": "settings"}, lambda: told_now).items():
            raise ValueError(f"{results.path} has other --folds or --steps: name another folder with --out")
        work = prepared(args, trained, results)
        for part in args.parts:
            PARTS[part](work, results)
        if "shots" in args.parts:
            draw(work, results)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_line("features", __doc__)
    parser.add_argument("--run", required=True, help="the folder of the run that trained the net")
    parser.add_argument("--data", required=True, help="a folder with train/ and val/, of photographs of other classes")
    parser.add_argument("--root", help="the folder of CIFAR-10 (default: TINYNET_DATA, then a cache; else a download)")
    parser.add_argument("--parts", nargs="+", choices=tuple(PARTS), default=tuple(PARTS),
                        metavar="PART", help=f"some of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--layers", nargs="+", metavar="LAYER", help="(default: those that pool)")
    parser.add_argument("--folds", type=at_least(2), default=3, help="of images that learn (default: 3)")
    parser.add_argument("--steps", type=at_least(1), default=100, help="of a whole net (default: 100)")
    parser.add_argument("--out", type=Path, default=Path("examples/results/features"), help="the folder of the results")
    return parser.parse_args(arguments)


def prepared(args: argparse.Namespace, trained: Trained, results: Results) -> Work:
    """The photographs, as small as the net sees them; those of training without near-duplicates of CIFAR-10."""
    photos = ImageFolder(Path(args.data) / "train")
    tests = ImageFolder(Path(args.data) / "val", photos.classes)
    train, learned = some_of(photos, args.folds * SHOTS[-1] + SPARE, trained), cifar10(args.root).train.images
    pairs, found = near_duplicates(train.images, learned, side=16)
    results.add({"part": "duplicates"}, lambda: {"photographs": len(train.labels), "of": len(learned),
                                                 "pairs": len(pairs), "left_out": len(np.unique(pairs[:, 0])),
                                                 "of_classes": np.unique(train.labels[pairs[:, 0]]).tolist(),
                                                 "highest": round(float(found.max(initial=0)), 4)})
    train = without(train, pairs[:, 0])
    chosen = draw_per_class(train.labels, args.folds * SHOTS[-1], 0)
    train = Split(train.images[chosen], train.labels[chosen])
    test = some_of(tests, TEST, trained)
    return Work(args.run, args.out, args.layers, args.folds, args.steps, trained, train, test, len(photos.classes))


def some_of(photos: ImageFolder, k: int, trained: Trained) -> Split:
    chosen = draw_per_class(photos.labels, k, 0)
    say(f"reading {len(chosen):,} photographs from {photos.root.name}")
    return Split(trained.squares(photos.root / photos.paths[i] for i in chosen), photos.labels[chosen])
