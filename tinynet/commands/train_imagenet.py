"""AlexNet and its successors on photographs, by the paper's recipe.

    python -m tinynet train-imagenet DATA                             DATA has train/<class>/ and val/<class>/
    python -m tinynet train-imagenet DATA --device gpu --workers 8    two columns on the GPUs that there are
    python -m tinynet train-imagenet DATA --size 144 --crop 128 --width 0.25 --init fan-in     small, for a CPU
    python -m tinynet train-imagenet DATA --resume RUN                go on with a run that was stopped
    python -m tinynet train-imagenet DATA --evaluate RUN --ten-crop   top-1 and top-5 error of its best net
    python -m tinynet train-imagenet DATA --evaluate RUN RUN RUN      of several nets, their answers averaged
    python -m tinynet train-imagenet DATA --evaluate RUN --split test     on test/, which nothing was chosen by
    python -m tinynet train-imagenet DATA --fine-tune RUN             start from its net, with a new last layer
    python -m tinynet train-imagenet DATA --net vgg-d --start-from RUN    VGG from the trained layers of a shallower one
    python -m tinynet train-imagenet DATA --recipe zfnet              ZFNet, as its paper trains it
    python -m tinynet train-imagenet DATA --no-lrn --pool 2 --without conv3     with something changed
    mpiexec -n 4 python -m tinynet train-imagenet DATA                on four ranks together: docs/many-machines.md

The recipe: squares of 256x256, of them random crops of 224x224, mirrored or not, with colour noise; batches of 128,
momentum 0.9, weight decay 0.0005, a learning rate of 0.01 that is divided by 10 whenever the validation error stands
still, three times. A run is a new folder below runs/: config.json, metrics.jsonl, curves.png, checkpoints, and the
mean image.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .. import count_parameters, get_threads
from ..data.view import MOST_SIDE
from ..distributed import Alone, Ranks, program
from ..models.catalogue import NETS, settings_of
from ..training.config import new_folder, read_config, take_options
from ..training.evaluate import probabilities, weights_in
from ..training.train import say
from .imagenet_errors import evaluate, photographs, report
from .imagenet_net import OF_THE_NET, check_net
from .imagenet_run import NOT_IN_CONFIG, set_up
from .options import (
    SWITCHES,
    CommandLine,
    a_folder,
    at_least,
    ends_in_a_line,
    not_negative,
    positive,
    say_out_is_not_used,
)
from .together import add_gpu_options, device_of_rank, expect_gpu, in_words, parse_together, said_to_gpu

IMAGE_NETS = [name for name in NETS if "input_size" in settings_of(name)]
RECIPES = {  # what differs from AlexNet's, which is the default: ZFNet, section 3
    "alexnet": {},
    "zfnet": {"net": "zfnet", "crops": "ten", "no_color_noise": True, "decay": 0.0, "epochs": 70}}
MOST_WORKERS = 256
USED_TO_EVALUATE = ("data", "first_classes", "split", "cache", "skip_unreadable", "batch", "workers", "ten_crop",
                    "device", "tf32")


def main(arguments: Sequence[str] | None = None) -> None:
    with program() as ranks:
        on_ranks(parse_together(parse, arguments, ranks), ranks)


def on_ranks(args: argparse.Namespace, ranks: Ranks | Alone) -> None:
    with ends_in_a_line(stopped="stopped before the training began"):
        device = device_of_rank(args, ranks)
        if args.evaluate:
            return evaluate(args, device)
        folder = Path(args.resume) if args.resume else ranks.first(
            lambda: new_folder(args.out, f"imagenet-{args.net}"))
        ranks.first(lambda: photographs(args, args.size))  # which scales them, if nobody has yet
        data = photographs(args, args.size)
        say(f"data: {data.source}\n{get_threads()} threads, batches of {args.batch}{in_words(ranks)}; writing to "
            f"{folder}")
        net, view, run, learn = set_up(args, data, device, folder, ranks)
    say(f"{args.net}: {count_parameters(net):,} parameters")
    with ends_in_a_line(run.how_to_resume):
        with run:
            learn()
        if ranks.rank:
            return
        net.load(weights_in(folder))
        for ten in (False, True) if args.ten_crop else (False,):
            answers = probabilities(net, data.test, view, ten, args.batch, args.workers)
            report(answers, data, "ten crops" if ten else "centre crop")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options: those of `arguments`, else of the run that is gone on with or fine-tuned, else of the recipe."""
    parser = command_parser()
    args = parser.parse_args(arguments)
    parser.set_defaults(**RECIPES["alexnet" if args.resume else args.recipe or "alexnet"])  # the run has its own
    args = parser.parse_args(arguments)
    said = said_to_gpu(args)
    say_out_is_not_used(args)
    if args.resume and args.evaluate:
        parser.error("--evaluate: it trains nothing; leave out --resume")
    if args.resume or args.fine_tune:
        try:
            folder = Path(args.resume or args.fine_tune)
            of_the_net = {"net", "size", "crop", "init", *OF_THE_NET, *SWITCHES}
            told = set(vars(args)) - set(NOT_IN_CONFIG) if args.resume else of_the_net
            take_options(parser, folder / "config.json", read_config(folder), told)
        except (OSError, ValueError) as error:
            parser.error(str(error))
        args = parser.parse_args(arguments)
    expect_gpu(parser, said, args)
    check(parser, args)
    return args


def command_parser() -> argparse.ArgumentParser:
    parser = CommandLine("train-imagenet", __doc__)
    add = parser.add_argument
    add("data", help="the folder with train/ and val/, in each a folder of photographs for each class")
    add("--net", choices=IMAGE_NETS, default="alexnet", metavar="NAME", help=f"{', '.join(IMAGE_NETS)}")
    add("--recipe", choices=tuple(RECIPES), help="the options of a paper, where you say nothing else")
    add("--columns", type=int, choices=(1, 2), help="of AlexNet (default: 2)")
    add("--variant", choices=("paper", "source"), help="of AlexNet: source is what the code of 2012 did")
    add("--extra-conv", action="store_const", const=True, help="of AlexNet: the sixth convolution of Table 2")
    add("--groups", type=int, choices=(1, 2), help="of AlexNet in one column; 1: every layer sees all maps")
    add("--kernels", type=at_least(1), nargs=5, metavar="N", help="of conv1 to conv5, of AlexNet and ZFNet")
    add("--hidden", type=at_least(1), help="units of fc6 and fc7 of these two")
    parser.add_switches()
    add("--decay", type=not_negative, help="weight decay (default: 0.0005)")
    add("--init", choices=("paper", "fan-in"), default="paper",
        help="fan-in: weights scaled by fan-in and images of unit variance; a narrow net does not learn without")
    add("--size", type=at_least(1), default=256, help="images are scaled to squares of so many pixels (default: 256)")
    add("--crop", type=at_least(1), default=224, help="what the net sees of them (default: 224)")
    add("--jitter", type=at_least(1), nargs=2, metavar=("LOW", "HIGH"),
        help="VGG's: scale each image to LOW to HIGH pixels, at random, before it is cropped")
    add("--no-color-noise", action="store_true", help="only crops and mirror images")
    add("--classes", type=at_least(1), metavar="N", dest="first_classes", help="only the first N classes")
    add("--skip-unreadable", action="store_true", help="leave out files that are no images")
    add("--cache", help="the folder for the squares, one folder in it for each size (default: in DATA)")
    add("--epochs", type=at_least(1), default=90, help="passes over the training images, at most (default: 90)")
    add("--batch", type=at_least(1), default=128, help="photographs in a step (default: 128)")
    add("--lr", type=positive, default=0.01, help="learning rate (default: 0.01)")
    falls = parser.add_mutually_exclusive_group().add_argument
    falls("--patience", type=at_least(1), default=5,
          help="divide it by 10 after so many epochs without progress (default: 5)")
    falls("--steps", type=at_least(2), nargs="+", metavar="EPOCH", help="divide it by 10 at these epochs instead")
    parser.add_accumulate()
    add("--scale-rate", type=at_least(1), metavar="BATCH",
        help="--lr is for batches of so many: multiply it by --batch / BATCH, after a warm-up")
    add("--warm-up", type=at_least(0), metavar="EPOCHS", help="to get there (default: 5)")
    add("--seed", type=at_least(0), default=0)
    parser.add_device()
    add_gpu_options(add)
    add("--workers", type=at_least(0), default=1, help="threads that decode and crop in the background (default: 1)")
    add("--in-memory", type=not_negative, default=0.0, metavar="GB",
        help="where the net waits for images: keep squares decoded after their first use, up to so much (default: 0)")
    add("--minutes", type=positive, default=10, help="between two checkpoints within an epoch (default: 10)")
    add("--keep-every", type=at_least(1), metavar="K", help="keep every K-th epoch, beside the last and the best")
    parser.add_tensorboard()
    add("--out", type=a_folder, help="the folder to write to (default: a new one below runs/)")
    add("--ten-crop", action="store_true", help="at the end, also the error of the mean over ten crops")
    add("--resume", metavar="RUN", help="go on with the run in this folder, with the options it had, but for DATA and "
        "--cache")
    add("--evaluate", metavar="RUN", nargs="+", help="only the error of these runs' best nets, together")
    add("--split", choices=("val", "test"), help="of DATA, for --evaluate: the folder it reads (default: val)")
    add("--start-from", metavar="RUN", help="of VGG: take the first four convolutions and the fully-connected layers "
        "from the best net of this run")
    add("--fine-tune", metavar="RUN", help="start from the best net of this run, with a new last layer")
    return parser


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """A usage error for options that do not go together, or with the net."""
    if not 1 <= args.crop <= args.size:
        parser.error(f"--crop: expected 1 to {args.size} pixels, the --size of the images, got {args.crop}")
    if args.jitter and not args.crop <= args.jitter[0] <= args.jitter[1] <= MOST_SIDE:
        parser.error(f"--jitter: expected sizes from {args.crop}, the --crop, to {MOST_SIDE}, the smaller first, got "
                     f"{args.jitter}")
    if args.jitter and args.crops not in (None, "random"):
        parser.error(f"--jitter: its crops are from anywhere: --crops random, not {args.crops}")
    if args.size > MOST_SIDE or not 0 <= args.workers <= MOST_WORKERS:
        parser.error(f"--size, --workers: expected at most {MOST_SIDE} pixels, and 0 to {MOST_WORKERS} threads, got "
                     f"{args.size} and {args.workers}")
    if args.steps and args.steps != sorted(set(args.steps)):
        parser.error(f"--steps: expected epochs in ascending order, got {args.steps}")
    if args.warm_up is not None and not (args.scale_rate or args.resume):
        parser.error("--warm-up: it leads up to the rate that --scale-rate gives: add --scale-rate BATCH")
    if args.split and not args.evaluate:
        parser.error("--split: only --evaluate takes it; a training looks at val/ alone")
    if args.evaluate:
        parser.say_not_used(args, "evaluate", USED_TO_EVALUATE)
    else:
        check_net(parser, args)
