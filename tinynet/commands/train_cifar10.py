"""ReLU against tanh: the paper's Figure 1, measured; and the CIFAR-10 nets of 2012.

    python examples/train_cifar10.py                     the figure, on the bundled sample: about four minutes
    python examples/train_cifar10.py --data full         the figure, on all of CIFAR-10
    python examples/train_cifar10.py --init fan-in       the figure, with inputs and weights scaled as is usual today
    python examples/train_cifar10.py --sweep             how the two learning rates were chosen
    python examples/train_cifar10.py --draw runs/...      the figure of an earlier run again, or of one that was stopped
    python examples/train_cifar10.py --net 80sec --data full     another net, by its own recipe, and its test error
    python examples/train_cifar10.py --net 18pct --no-lrn --pool 2    the same with something changed
    python examples/train_cifar10.py --resume runs/...    go on with a run that was stopped, by Ctrl-C or by a crash

Everything is written to a new folder below runs/: config.json, the figures, the trained net, and for each training a
folder with its metrics.jsonl, curves and checkpoints.
"""
from __future__ import annotations

import argparse
import shlex
import sys
import textwrap
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from .. import SGD, Device, ReLU, Sequential, Tanh, count_parameters, cpu, fan_in, get_threads, gpu
from ..data import Dataset, Loader, View, cifar10, cifar10_sample, mean_image
from ..data.statistics import statistics_of
from ..files.reading import entry, wrong
from ..files.writing import write_json
from ..look.confusion import draw_confusion
from ..look.curves import crossing, crossing_in_words, draw_relu_vs_tanh, ratio_in_words
from ..models.catalogue import build
from ..models.cifar import BATCH_SIZE, MOMENTUM, RECIPES, WEIGHT_DECAY, cifar_sample
from ..parameter import drawn_later
from ..training.config import about_the_net, new_folder, read_config, take_options
from ..training.diverged import Diverged
from ..training.evaluate import probabilities
from ..training.folder import held, hold
from ..training.metrics import confusion_matrix, confusion_table, flat_shares, top_k_error
from ..training.records import expect_number, read_records
from ..training.run import Run
from ..training.schedule import ByEpoch, Schedule
from ..training.train import Progress, Record, say, train
from .options import add_switches, add_tensorboard, at_least, command_line, not_negative, positive, switched

RATES = (0.001, 0.003, 0.01, 0.03, 0.1)                   # of a sweep
BEST = {"2012": (0.003, 0.03), "fan-in": (0.01, 0.03)}    # ReLU, tanh: the best of the sweeps in examples/results
LEVEL = 0.25                                              # the training error that Figure 1 compares at
ACTIVATIONS = {"relu": ReLU, "tanh": Tanh}
IN_CATALOGUE = {"relu": "cifar-sample", "tanh": "cifar-sample-tanh"}
CHANGES = ("width", "without", "no-lrn", "pool", "dropout", "bias", "crops", "no-mirror", "momentum", "decay")
NOT_IN_CONFIG = ("root", "out", "draw", "resume", "keep_every")


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse(arguments)
    with ExitStack() as until_the_end:
        try:
            if args.draw:
                return draw(Path(args.draw))
            device(args)  # to fail at once, if it is not there
            data = cifar10(args.root) if args.data == "full" else cifar10_sample()
            out = Path(args.resume) if args.resume else new_folder(args.out, f"cifar10-{args.net}")
            out.mkdir(parents=True, exist_ok=True)
            until_the_end.enter_context(held(out))
            if not args.resume:
                write_json(new_folder(out, "") / "config.json", config_of(args, data))  # if nobody came before us
        except (ImportError, MemoryError, OSError, RuntimeError, ValueError) as error:
            sys.exit(f"{type(error).__name__}: {error}")
        say(f"data: {data.source}\nwriting to {out}; {get_threads()} threads, batches of {BATCH_SIZE}")
        try:
            learn(args, data, out)
        except KeyboardInterrupt:
            say(f"\nstopped; {how_to_resume(out)}")
            sys.exit(130)
        except MemoryError as error:
            sys.exit(f"MemoryError: {error}; {how_to_resume(out)}")
        except (ImportError, OSError) as error:
            sys.exit(f"{type(error).__name__}: {error}")


def learn(args: argparse.Namespace, data: Dataset, out: Path) -> None:
    if args.sweep is not None:
        sweep(args, data, out)
    elif args.net == "sample":
        figure_1(args, data, out)
    else:
        published_net(args, data, out)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_line("train-cifar10", __doc__)
    parser.add_argument("--data", choices=("sample", "full"), default="sample",
                        help="the bundled sample of 5,000 training images (default), or all of CIFAR-10")
    parser.add_argument("--root", help="the folder of CIFAR-10 (default: TINYNET_DATA, then a cache; else a download)")
    parser.add_argument("--net", choices=("sample", *RECIPES), default="sample",
                        help="sample: ReLU against tanh (default); the others: one net, by its published recipe")
    parser.add_argument("--init", choices=("2012", "fan-in"), default="2012",
                        help="of the sample net: pixels and small weights as in 2012 (default), or scaled by fan-in")
    parser.add_argument("--rates", nargs=2, type=positive, metavar=("RELU", "TANH"),
                        help="learning rates (default: the best of the sweep)")
    parser.add_argument("--sweep", nargs="*", type=positive, metavar="RATE",
                        help=f"run the sweep over learning rates (default: {' '.join(map(str, RATES))})")
    parser.add_argument("--draw", metavar="FOLDER", help="only draw the figure of the run in FOLDER again")
    parser.add_argument("--epochs", type=at_least(1),
                        help="train so long, or for the figure at most (default: 60; the recipe)")
    add_switches(parser.add_argument)
    parser.add_argument("--decay", type=not_negative, metavar="FACTOR",
                        help="multiplies the weight decay that the recipe has for each layer (default: 1)")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--tf32", action="store_true", default=None, help="TF32 products on a GPU: see gpu()")
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_argument("--keep-every", type=at_least(1), metavar="K",
                        help="keep every K-th epoch, beside the last and the best: look --evolution shows them")
    add_tensorboard(parser.add_argument)
    parser.add_argument("--out", help="the folder to write to (default: a new one below runs/)")
    parser.add_argument("--resume", metavar="FOLDER", help="go on with the run in FOLDER, with the options it had")
    args = parser.parse_args(arguments)
    if args.resume:
        try:
            config, path = read_config(args.resume), Path(args.resume) / "config.json"
            take_options(parser, path, entry(path, config, "options", dict), set(vars(args)) - set(NOT_IN_CONFIG))
        except (OSError, ValueError) as error:
            parser.error(f"--resume: {args.resume} holds no run that could be resumed: {error}")
        args = parser.parse_args(arguments)
    if args.root and args.data != "full":
        parser.error("--root: the bundled sample needs no folder; for all of CIFAR-10 add --data full")
    for name in ("rates", "sweep"):
        if args.net != "sample" and getattr(args, name) is not None:
            parser.error(f"--{name}: {args.net} is trained by its published recipe; only --net sample takes it")
    if args.net != "sample" and args.init != "2012":
        parser.error(f"--init: {args.net} is trained by its published recipe; only --net sample takes it")
    if args.net == "sample":
        for option in CHANGES:
            if getattr(args, option.removeprefix("no-")) is not None:
                parser.error(f"--{option}: the figure is of one net as it is; only the published nets, --net ..., can "
                             "be changed")
        return args
    try:
        with drawn_later():
            build(f"cifar-{args.net}", **switched(args))
    except ValueError as error:
        parser.error(f"{args.net}: {error}")
    if RECIPES[args.net].crop is None and args.crops:
        parser.error(f"--crops: {args.net} sees whole images")
    if RECIPES[args.net].pad and args.crops not in (None, "random"):
        parser.error(f"--crops: {args.net}'s are from anywhere in padded images: random, not {args.crops}")
    return args


def config_of(args: argparse.Namespace, data: Dataset) -> dict:
    """What decides the result."""
    options = {name: value for name, value in vars(args).items() if name not in NOT_IN_CONFIG}
    return {"data": data.name, "options": options}


def how_to_resume(out: Path) -> str:
    return f"go on with: python -m tinynet train-cifar10 --resume {shlex.quote(str(out))}"


def start(folder: Path, config: dict, view: View, net: Sequential, sgd: SGD, loader: Loader,
          schedule: Schedule | None = None, keep_every: int | None = None, tensorboard: bool = False
          ) -> tuple[Run, Progress]:
    """Begin a training in `folder`, or go on with the one that is there."""
    try:
        there = (folder / "config.json").exists()
        if there and "options" not in read_config(folder):
            raise ValueError(f"{folder} was written by tinynet 0.1.0, and this version cannot go on with it: begin "
                             "anew, in another folder, or go on with 0.1.0; net.load reads the nets in its checkpoints")
        run = Run(folder, config, resume=there, keep_every=keep_every, how_to_resume=how_to_resume(folder.parent),
                  tensorboard=tensorboard)
        folder.mkdir(parents=True, exist_ok=True)
        hold(folder, run)
        view.save(folder)  # before the config, which says that all is there
        return run, run.start(net, sgd, loader, schedule)
    except (OSError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


def figure_1(args: argparse.Namespace, data: Dataset, out: Path) -> None:
    """Train the same net with ReLU and with tanh, and draw the two curves."""
    rates = dict(zip(ACTIVATIONS, args.rates or BEST[args.init], strict=True))
    for name, rate in rates.items():
        run_until_level(args, data, out, name, rate, args.epochs or 60)
    draw(out)


def draw(out: Path) -> None:
    """The figure of a run, whole or stopped, from what it wrote down; and the result in one sentence."""
    config, path = read_config(out), out / "config.json"
    chosen = entry(path, config, "options", dict) if "options" in config else config
    init, seed = entry(path, chosen, "init", str), entry(path, chosen, "seed", int)
    records = [record for file in sorted(out.rglob("metrics.jsonl")) for record in records_in(file)]
    relu, tanh = ([record["train_error"] for record in records if record["net"] == name] for name in ACTIVATIONS)
    last = {record["net"]: record for record in records}
    settings = ", ".join(f"{name} learning rate {record['lr']:g}" for name, record in last.items())
    draw_relu_vs_tanh(out / "relu_vs_tanh.png", relu, tanh, level=LEVEL, note="\n".join(textwrap.wrap(
        f"{entry(path, config, 'data', str)}; init {init}, {settings}, seed {seed}", 125)))
    ratio = ratio_in_words(relu, tanh, LEVEL)
    say(f"{crossing_in_words('ReLU', relu, LEVEL)}, {crossing_in_words('tanh', tanh, LEVEL)}: "
        f"{f'a factor of {ratio}' if ratio else 'too early for a factor'} (the paper's Figure 1: 6).")
    for name, record in last.items():
        if "flat" in record:
            shares = ", ".join(f"{layer} {share:.0%}" for layer, share in record["flat"].items())
            say(f"{name}, epoch {record['epoch']}: units that stand where its slope is below 0.1: {shares}")
    say(f"the figure: {out / 'relu_vs_tanh.png'}")


def records_in(file: Path) -> list[Record]:
    """The records that the figure needs. DataError for anything else."""
    records = read_records(file, "net", "epoch", "lr", "train_error")
    for record in records:
        entry(file, record, "net", str)
        for layer, share in entry(file, {"flat": {}, **record}, "flat", dict).items():
            try:
                expect_number(layer, share, 0, 1)
            except ValueError as error:
                raise wrong(file, "shares in 'flat'", f"the error {error}") from error
    return records


def run_until_level(args: argparse.Namespace, data: Dataset, out: Path, name: str, rate: float, epochs: int
                    ) -> list[float]:
    """Train the net with one activation until two epochs past the level; its training error of each epoch."""
    rng_net, rng_data = np.random.default_rng(args.seed).spawn(2)    # both nets see the images in the same order
    found, scale, init = statistics_of(data.train.images), 1.0, None
    if args.init == "fan-in":
        scale, init = found.spread, fan_in(2.0 if name == "relu" else 1.0)
    net = cifar_sample(rng_net, ACTIVATIONS[name], init).to(device(args))
    sgd, view = SGD(net.parameters(), rate, MOMENTUM, weight_decay=0.0), View(found.mean, scale)
    loader, first_images = loader_of(args, data, view, rng_data), view.center(data.train.images[:256])
    config = config_of(args, data) | about_the_net(IN_CATALOGUE[name], {}, view, data.classes)
    run, at = start(out / f"{name}-{rate:g}", config, view, net, sgd, loader, None, args.keep_every,
                    args.tensorboard)

    def past_level() -> bool:
        return len(at.history) > 2 and at.history[-3]["train_error"] <= LEVEL

    def notes() -> dict:
        return {"net": name, "init": args.init, "flat": flat_shares(net, first_images)}

    try:
        with run:
            if not past_level():
                train(net, sgd, loader, epochs, progress=at, validate=notes, on_batch=run.on_batch,
                      on_epoch=lambda record: run.on_epoch(record) or past_level())
    except Diverged as error:  # a learning rate too large for this net
        say(f"{name}, learning rate {rate:g}: {error}")
    return [record["train_error"] for record in at.history]


def rank(errors: list[float]) -> tuple[float, float]:
    """Sorts runs: the sooner at the level the better; among those that never were, the lower at the end the better."""
    return (crossing(errors, LEVEL) or float("inf"), errors[-1] if errors else 1.0)


def sweep(args: argparse.Namespace, data: Dataset, out: Path) -> None:
    """Train both nets at every learning rate; print and keep the table."""
    epochs, table = args.epochs or 40, {}
    for name in ACTIVATIONS:
        table[name] = {f"{rate:g}": run_until_level(args, data, out, name, rate, epochs)
                       for rate in args.sweep or RATES}
    say(f"\n{data.source}; init {args.init}, seed {args.seed}, at most {epochs} epochs")
    say(f"net   rate    epochs to {LEVEL:.0%}   training error at the end")
    for name, runs in table.items():
        best = min(runs, key=lambda rate: rank(runs[rate]))
        for rate, errors in runs.items():
            at = crossing(errors, LEVEL)
            epochs_needed = f"{at:.1f}" if at else f"more than {len(errors)}"
            end = f"{errors[-1]:.1%}" if errors else "diverged"
            say(f"{name}  {rate:>6}  {epochs_needed:>16}   {end}{'   <- best' if rate == best else ''}")
    path = out / f"sweep-{args.init}.json"
    write_json(path, table, indent=None)
    say(f"the training error of every epoch: {path}")


def published_net(args: argparse.Namespace, data: Dataset, out: Path) -> None:
    """Train one of the nets that have a recipe; test error, confusion matrix, and the net itself."""
    recipe = RECIPES[args.net]
    rng_net, rng_data = np.random.default_rng(args.seed).spawn(2)    # another net sees the images in the same order
    name, settings = f"cifar-{args.net}", switched(args)
    net, schedule = build(name, rng=rng_net, **settings).to(device(args)), ByEpoch(recipe.rate)
    sgd = SGD(net.parameters(), recipe.rate(1), MOMENTUM if args.momentum is None else args.momentum,
              WEIGHT_DECAY if args.decay is None else args.decay)
    view = View(mean_image(data.train.images), recipe.scale, recipe.crop, pad=recipe.pad, crops=args.crops or "random",
                mirror=recipe.crop is not None and args.mirror is not False)
    loader = loader_of(args, data, view, rng_data)
    say(f"{args.net}: {count_parameters(net):,} parameters, {args.epochs or recipe.epochs} epochs")

    def answers() -> np.ndarray:
        return probabilities(net, data.test, view, ten=recipe.ten)

    def test() -> dict:
        return {"net": args.net, "test_error": top_k_error(answers(), data.test.labels)}

    config = config_of(args, data) | about_the_net(name, settings, view, data.classes)
    run, at = start(out / args.net, config, view, net, sgd, loader, schedule, args.keep_every, args.tensorboard)
    with run:
        train(net, sgd, loader, args.epochs or recipe.epochs, progress=at, schedule=schedule, validate=test,
              on_batch=run.on_batch, on_epoch=run.on_epoch)
    net.save(out / "net.npz")
    view.save(out)
    write_json(out / "config.json", config)    # now it says what the net is, too
    report(args.net, answers(), data, out)


def report(name: str, answers: np.ndarray, data: Dataset, out: Path) -> None:
    """The test error, and what was taken for what."""
    top = {k: top_k_error(answers, data.test.labels, k) for k in (1, 2, 5)}
    matrix = confusion_matrix(answers, data.test.labels)
    say(confusion_table(matrix, data.classes))
    say(f"test error of {name}: " + ", ".join(f"top-{k} {error:.1%}" for k, error in top.items())
        + f" (published: {RECIPES[name].published:.0%}); the net: {out / 'net.npz'}")
    draw_confusion(out / "confusion.png", matrix, data.classes, f"{name}: {top[1]:.1%} test error")
    say(f"the picture: {out / 'confusion.png'}")


def loader_of(args: argparse.Namespace, data: Dataset, view: View, rng: np.random.Generator) -> Loader:
    """Batches of the training images; a GPU gets all of these at once, 150 MB at most, and takes its batches there."""
    images = device(args).asarray(data.train.images)
    return Loader(data.train._replace(images=images), BATCH_SIZE, rng, view.draw, finish=view.show, device=device(args))


def device(args: argparse.Namespace) -> Device:
    return cpu if args.device == "cpu" else gpu(0, tf32=args.tf32)
