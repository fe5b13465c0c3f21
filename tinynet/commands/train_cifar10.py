"""ReLU against tanh: the paper's Figure 1, measured; and the CIFAR-10 nets of 2012.

    python -m tinynet train-cifar10                      the figure, on the bundled sample: about four minutes
    python -m tinynet train-cifar10 --data full          the figure, on all of CIFAR-10
    python -m tinynet train-cifar10 --init fan-in        the figure, with inputs and weights scaled as is usual today
    python -m tinynet train-cifar10 --sweep              how the two learning rates were chosen
    python -m tinynet train-cifar10 --draw runs/...       the figure of an earlier run again, or of one that was stopped
    python -m tinynet train-cifar10 --net 80sec --data full      another net, by its own recipe, and its test error
    python -m tinynet train-cifar10 --net 18pct --no-lrn --pool 2     the same with something changed
    mpiexec -n 4 python -m tinynet train-cifar10 --net 18pct     on four ranks together: docs/many-machines.md
    python -m tinynet train-cifar10 --resume runs/...     go on with a run that was stopped, by Ctrl-C or by a crash

Everything is written to a new folder below runs/: config.json, the figures, the trained net, and for each training a
folder with its metrics.jsonl, curves and checkpoints.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from .. import get_threads
from ..data import Dataset, cifar10, cifar10_sample
from ..distributed import Alone, Ranks, program
from ..files.writing import write_json
from ..models.catalogue import build
from ..models.cifar import BATCH_SIZE, RECIPES
from ..parameter import drawn_later
from ..training.config import expect_same_run, new_folder, read_config
from ..training.folder import held
from ..training.train import say
from .cifar10_figure import RATES, draw, figure_1, sweep
from .cifar10_net import published_net, recipe_of
from .cifar10_run import NOT_IN_CONFIG, config_of, device, how_to_resume
from .options import CommandLine, a_folder, at_least, ends_in_a_line, not_negative, positive, switched
from .together import add_gpu_options, expect_gpu, in_words, parse_together, said_to_gpu

CHANGES = ("width", "without", "no-lrn", "pool", "dropout", "bias", "pad", "crops", "no-mirror", "color-noise",
           "stages", "momentum", "decay")


def main(arguments: Sequence[str] | None = None) -> None:
    with program() as ranks:
        on_ranks(parse_together(parse, arguments, ranks), ranks)


def on_ranks(args: argparse.Namespace, ranks: Ranks | Alone) -> None:
    args.ranks = ranks
    with ExitStack() as until_the_end:
        with ends_in_a_line(stopped="stopped before the training began"):
            if args.draw:
                return draw(Path(args.draw))
            with ranks.together():
                if ranks.size > 1 and args.net == "sample":
                    raise RuntimeError("the figure is trained by one process; several ranks train the published nets, "
                                       "--net ...")
            device(args)  # to fail at once, if it is not there
            if args.data == "full":
                ranks.first(lambda: cifar10(args.root) and None)  # which downloads it, if it is not there
            data = cifar10(args.root) if args.data == "full" else cifar10_sample()
            out = Path(args.resume) if args.resume else ranks.first(
                lambda: new_folder(args.out, f"cifar10-{args.net}"))
            config = config_of(args, data)

            def prepare() -> None:
                out.mkdir(parents=True, exist_ok=True)
                until_the_end.enter_context(held(out))
                before = read_config(out) if args.resume else {}
                if args.resume:
                    known = {name: before["options"].get(name) for name in config["options"]}
                    expect_same_run(out, {"data": before.get("data"), "options": known}, config)
                else:
                    new_folder(out, "")  # if nobody came before us
                write_json(out / "config.json", {**before, **config})

            ranks.expect_same(config=config)
            ranks.first(prepare)
        say(f"data: {data.source}\nwriting to {out}; {get_threads()} threads, batches of {BATCH_SIZE}"
            f"{in_words(ranks)}")
        with ends_in_a_line(how_to_resume(args, out)):
            learn(args, data, out)


def learn(args: argparse.Namespace, data: Dataset, out: Path) -> None:
    if args.sweep is not None:
        sweep(args, data, out)
    elif args.net == "sample":
        figure_1(args, data, out)
    else:
        published_net(args, data, out)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options: those of `arguments`, else of the run that is gone on with."""
    parser = command_parser()
    args = parser.parse_args(arguments)
    said = said_to_gpu(args)
    if args.draw and args.resume:
        parser.error("--draw: it trains nothing; leave out --resume")
    if args.resume and (Path(args.resume) / "checkpoints").exists():
        parser.error(f"--resume: {args.resume} is one training of a run; to go on with it: --resume "
                     f"{Path(args.resume).parent}")
    if args.resume:
        args = parser.again_with(arguments, args, NOT_IN_CONFIG, below="options")
    elif args.draw:
        parser.say_not_used(args, "draw", ())
    expect_gpu(parser, said, args)
    check(parser, args)
    return args


def command_parser() -> argparse.ArgumentParser:
    parser = CommandLine("train-cifar10", __doc__)
    parser.add_data("CIFAR-10", "5,000")
    parser.add_argument("--net", choices=("sample", *RECIPES), default="sample",
                        help="sample: ReLU against tanh (default); the others: one net, by its own recipe")
    parser.add_argument("--init", choices=("2012", "fan-in"), default="2012",
                        help="of the sample net: pixels and small weights as in 2012 (default), or scaled by fan-in")
    parser.add_argument("--rates", nargs=2, type=positive, metavar=("RELU", "TANH"),
                        help="learning rates (default: the best of the sweep)")
    parser.add_argument("--sweep", nargs="*", type=positive, metavar="RATE",
                        help=f"run the sweep over learning rates (default: {' '.join(map(str, RATES))})")
    parser.add_argument("--draw", metavar="FOLDER", help="only draw the figure of the run in FOLDER again")
    parser.add_argument("--epochs", type=at_least(1),
                        help="train so long, or for the figure at most (default: 60; the recipe)")
    parser.add_argument("--stages", nargs="+", type=at_least(1), metavar="EPOCHS",
                        help="how long each learning rate of the recipe is kept, to shorten it: 11pct has 500 10 10")
    parser.add_switches()
    parser.add_argument("--pad", type=at_least(1), metavar="P",
                        help="show crops of images with a rim of P zeros, and mirror images, where the recipe of a net "
                        "shows whole images, or to resnet20, whose P is 4")
    parser.add_argument("--color-noise", action="store_true", default=None, help="AlexNet's, in training")
    parser.add_argument("--decay", type=not_negative, metavar="FACTOR",
                        help="multiplies the weight decay that the recipe has for each layer (default: 1)")
    parser.add_accumulate()
    parser.add_device()
    add_gpu_options(parser.add_argument)
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_argument("--keep-every", type=at_least(1), metavar="K",
                        help="keep every K-th epoch, beside the last and the best: look --evolution shows them")
    parser.add_tensorboard()
    parser.add_argument("--out", type=a_folder, help="the folder to write to (default: a new one below runs/)")
    parser.add_argument("--resume", metavar="FOLDER",
                        help="go on with the run in FOLDER, with the options it had, but for --root")
    return parser


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """A usage error for options that do not go together, or with the net."""
    parser.expect_root_of_all(args, "CIFAR-10")
    for name in ("rates", "sweep"):
        if args.net != "sample" and getattr(args, name) is not None:
            parser.error(f"--{name}: {args.net} is trained by its own recipe; only --net sample takes it")
    if args.rates and args.sweep is not None:
        parser.error("--rates: of the figure alone; the sweep's are those that follow --sweep")
    if len({f"{rate:g}" for rate in args.sweep or ()}) < len(args.sweep or ()):  # as their folders are called
        parser.error(f"--sweep: expected rates that differ in their first six digits, got {args.sweep}")
    if args.net != "sample" and args.init != "2012":
        parser.error(f"--init: {args.net} is trained by its own recipe; only --net sample takes it")
    if args.net == "sample":
        for option in CHANGES:
            if getattr(args, option.removeprefix("no-").replace("-", "_")) is not None:
                parser.error(f"--{option}: the figure is of one net as it is; only the published nets, --net ..., can "
                             "be changed")
        return
    try:
        with drawn_later():
            build(f"cifar-{args.net}", **switched(args))
        recipe = recipe_of(args)
    except ValueError as error:
        parser.error(f"{args.net}: {error}")
    if recipe.crop is None and args.crops:
        parser.error(f"--crops: {args.net} sees whole images; --pad 4 shows crops and mirror images of padded ones")
    if recipe.crop is None and args.mirror is False:
        parser.error(f"--no-mirror: {args.net} never sees mirror images, unless --pad says so")
    if recipe.pad and args.crops not in (None, "random"):
        parser.error(f"--crops: {args.net}'s are from anywhere in padded images: random, not {args.crops}")
