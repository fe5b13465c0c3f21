"""What a trained net's features are worth for other pictures: ZFNet, sections 5.2 and 5.3, AlexNet, section 6.1.

    python -m tinynet features 80sec --photographs PHOTOS        the net in the package
    python -m tinynet features RUN --photographs PHOTOS --parts shots codes --folds 5

RUN is the folder of a run on CIFAR-10, or 80sec; PHOTOS holds train/ and val/ with a folder of photographs for each
class, which are shrunk to what the net sees. Those that are nearly an image of CIFAR-10 are left out first.

    layers       a softmax and a linear SVM on each layer's features (Table 6), and on the pixels
    shots        the last of --layers, for 1 image per class and more, against the net from random weights (Figure 7)
    freezing     the whole net goes on learning, but for its first 0, 1, 2... layers with weights
    collages     four photographs in a picture: softmax against one sigmoid a class, average precision (Table 5)
    codes        binary codes of features against codes of pixels, by the same-class share of what is found

All but the codes choose their learning rate and their steps by other photographs of train/ than those that they learn;
those of val/ are the test. Results are lines of JSON in --out; what is there is not done again, so the same command
goes on where it was stopped; and shots.png. What came out: docs/features.md.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import cpu
from ..data import ImageFolder, Split, cifar10
from ..data.dataset import fingerprint
from ..data.duplicates import near_duplicates, without
from ..files.storage import arrays_of
from ..layers.pool import AvgPool2d, MaxPool2d
from ..training.config import folder_name
from ..training.evaluate import Trained
from ..training.folder import held
from ..training.probe import draw_per_class
from ..training.train import say
from .feature_parts import PARTS, SHOTS
from .feature_rows import Results, Work
from .looks.asked import net_of
from .options import CommandLine, a_folder, at_least, ends_in_a_line

TEST, VALID, SPARE = 50, 50, 20  # photographs per class to test, to choose by, and to have if some are near-duplicates


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse(arguments)
    with ends_in_a_line("the same command goes on"):
        trained = net_of(args.run, cpu)
        layers = layers_of(trained, args.layers)
        photos = ImageFolder(Path(args.photographs) / "train")
        tests = ImageFolder(Path(args.photographs) / "val", photos.classes)
        check_counts(photos, tests, args.folds)
        learned = what_it_learned(args, trained)
        args.out.mkdir(parents=True, exist_ok=True)
        with held(args.out):  # two at once would overwrite each other's rows
            measure(args, trained, layers, photos, tests, learned)


def measure(args: argparse.Namespace, trained: Trained, layers: list[str], photos: ImageFolder, tests: ImageFolder,
            learned: np.ndarray) -> None:
    """All that was asked for and is not there."""
    results = Results(args.out / "results.jsonl")
    told_now = {"run": folder_name(args.run), "weights": digest(trained), "folds": args.folds,
                "classes": list(photos.classes), "photographs": names_and_sizes(photos, tests)}
    there = results.add({"part": "settings"}, lambda: told_now)
    since = {name: told_now[name] for name in ("weights", "photographs")}         # files of before do not say them
    if not told_now.items() <= {**since, **there}.items():
        raise ValueError(f"{results.path} is of another RUN, or of other --folds or --photographs: name another "
                         "folder with --out")
    train, valid = to_learn(photos, args.folds * SHOTS[-1], learned, trained, results)
    test = unlearned("test", some_of(tests, TEST, trained), learned, results)
    work = Work(lambda: net_of(args.run, cpu), args.out, layers, args.folds, trained, train, valid, test,
                len(photos.classes))
    for part in args.parts:
        PARTS[part](work, results)


def digest(trained: Trained) -> str:
    """Eight digits that a net with other weights does not have."""
    return fingerprint(np.concatenate([array.ravel() for array in arrays_of(trained.net).values()]))


def names_and_sizes(*folders: ImageFolder) -> str:
    """Eight digits that other photographs do not have, by the names and sizes of their files."""
    files = [(path, (folder.root / path).stat().st_size) for folder in folders for path in folder.paths]
    return fingerprint(np.frombuffer(json.dumps(files).encode(), np.uint8))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandLine("features", __doc__)
    parser.add_argument("run", help="the folder of the run that trained the net, or 80sec, which comes with tinynet")
    parser.add_argument("--photographs", required=True, metavar="PHOTOS",
                        help="a folder with train/ and val/, of photographs of other classes: "
                        f"{3 * SHOTS[-1] + VALID + SPARE} of each, for 3 folds, and {TEST}")
    parser.add_root("CIFAR-10")
    parser.add_argument("--parts", nargs="+", choices=tuple(PARTS), default=tuple(PARTS),
                        metavar="PART", help=f"some of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--layers", nargs="+", metavar="LAYER", help="(default: those that pool)")
    parser.add_argument("--folds", type=at_least(2), default=3, help="of images that learn (default: 3)")
    parser.add_argument("--out", type=a_folder, default="runs/features",
                        help="the folder of the results (default: runs/features)")
    return parser.parse_args(arguments)


def layers_of(trained: Trained, named: Sequence[str] | None) -> list[str]:
    """The layers whose features are measured: those that were named, or those that pool."""
    known = {name: layer for name, layer in trained.net.walk() if "." not in name or not layer.children()}
    top = [name for name in known if "." not in name]
    named = named or [name for name in top if isinstance(known[name], (MaxPool2d, AvgPool2d))]
    missing = [name for name in named if name not in known]
    if missing or not named:
        got = f"got {', '.join(missing)}" if missing else "got none, and none of them is a MaxPool2d or an AvgPool2d"
        raise ValueError(f"--layers: expected some of {', '.join(top)}; {got}")
    return list(named)


def what_it_learned(args: argparse.Namespace, trained: Trained) -> np.ndarray:
    """CIFAR-10's training images. Raises ValueError if the net was trained on something else."""
    data = cifar10(args.root)
    if tuple(trained.classes) != tuple(data.classes):
        raise ValueError(f"{args.run} was trained on {', '.join(trained.classes[:3])}..., not on CIFAR-10: photographs "
                         "that it has seen already could not be found")
    return data.train.images


def check_counts(photos: ImageFolder, tests: ImageFolder, folds: int) -> None:
    """Raise ValueError if a class has too few photographs."""
    for folder, needed in (photos, folds * SHOTS[-1] + VALID + SPARE), (tests, TEST):
        counts = np.bincount(folder.labels, minlength=len(photos.classes))
        if counts.min() < needed:
            raise ValueError(f"{folder.root}: expected {needed} photographs of each class, for {folds} folds, got "
                             f"{counts.min()} of {photos.classes[counts.argmin()]}")


def to_learn(photos: ImageFolder, learn: int, learned: np.ndarray, trained: Trained, results: Results
             ) -> tuple[Split, Split]:
    """The photographs to learn, `learn` of each class, and those to choose by, as small as the net sees them."""
    drawn = unlearned("train", some_of(photos, learn + VALID + SPARE, trained), learned, results)
    chosen = draw_per_class(drawn.labels, learn + VALID, 0).reshape(len(photos.classes), -1)
    train, valid = (Split(drawn.images[part], drawn.labels[part])
                    for part in (chosen[:, :learn].ravel(), chosen[:, learn:].ravel()))
    return train, valid


def unlearned(name: str, split: Split, learned: np.ndarray, results: Results) -> Split:
    """The photographs without those that are nearly an image that the net has learned; a row says how many."""
    pairs, found = near_duplicates(split.images, learned, side=16)
    results.add({"part": "duplicates", "in": name}, lambda: {
        "photographs": len(split.labels), "of": len(learned), "pairs": len(pairs),
        "left_out": len(np.unique(pairs[:, 0])), "of_classes": np.unique(split.labels[pairs[:, 0]]).tolist(),
        "correlations": [round(float(one), 4) for one in found]})
    left = without(split, pairs[:, 0])
    return Split(left.images[:], left.labels)


def some_of(photos: ImageFolder, k: int, trained: Trained) -> Split:
    chosen = draw_per_class(photos.labels, k, 0)
    say(f"reading {len(chosen):,} photographs from {photos.root.name}")
    return Split(trained.squares(photos.root / photos.paths[i] for i in chosen), photos.labels[chosen])
