"""AlexNet and its successors on photographs, by the paper's recipe.

    python examples/train_imagenet.py DATA                            DATA has train/<class>/ and val/<class>/
    python examples/train_imagenet.py DATA --device gpu --workers 8   two columns on the GPUs that there are
    python examples/train_imagenet.py DATA --size 144 --crop 128 --width 0.25 --init fan-in    small, for a CPU
    python examples/train_imagenet.py DATA --resume RUN               go on with a run that was stopped
    python examples/train_imagenet.py DATA --evaluate RUN --ten-crop  top-1 and top-5 error of its best net
    python examples/train_imagenet.py DATA --evaluate RUN RUN RUN     of several nets, their answers averaged
    python examples/train_imagenet.py DATA --evaluate RUN --split test    on test/, which nothing was chosen by
    python examples/train_imagenet.py DATA --fine-tune RUN            start from its net, with a new last layer
    python examples/train_imagenet.py DATA --net vgg-d --start-from RUN   VGG from the trained layers of a shallower one
    python examples/train_imagenet.py DATA --recipe zfnet             ZFNet, as its paper trains it
    python examples/train_imagenet.py DATA --no-lrn --pool 2 --without conv3    with something changed

The recipe: squares of 256x256, of them random crops of 224x224, mirrored or not, with colour noise; batches of 128,
momentum 0.9, weight decay 0.0005, a learning rate of 0.01 that is divided by 10 whenever the validation error stands
still, three times. A run is a new folder below runs/: config.json, metrics.jsonl, curves.png, checkpoints, and the
mean image.
"""
from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import SGD, Device, Sequential, SoftmaxCrossEntropy, count_parameters, cpu, get_threads, gpu
from ..data import Dataset, Loader, View, imagenet, imagenet_classes
from ..data.statistics import statistics_of
from ..data.subset import first_classes
from ..data.view import MOST_SIDE
from ..files.reading import entry
from ..models.catalogue import NETS, build, settings_of
from ..models.googlenet import GoogLeNet, GoogLeNetLoss
from ..models.vgg import start_from
from ..models.zfnet import renormalise_filters
from ..parameter import drawn_later
from ..training.config import about_the_net, new_folder, read_config, size_of, take_options, view_of
from ..training.diverged import Diverged
from ..training.evaluate import load_net, probabilities, weights_in
from ..training.finetune import replace_last, start_by_fan_in
from ..training.folder import hold
from ..training.metrics import top_k_error
from ..training.rebuilt import rebuilt
from ..training.run import Run
from ..training.schedule import Steps, WhenStuck
from ..training.train import Progress, say, train
from .options import SWITCHES, add_switches, add_tensorboard, at_least, command_line, not_negative, positive, switched

IMAGE_NETS = [name for name in NETS if "input_size" in settings_of(name)]
OF_THE_NET = ("columns", "variant", "extra_conv", "groups", "kernels", "hidden")  # settings that only some nets have
RECIPES = {  # what differs from AlexNet's, which is the default: ZFNet, section 3
    "alexnet": {},
    "zfnet": {"net": "zfnet", "crops": "ten", "no_color_noise": True, "decay": 0.0, "epochs": 70}}
MOST_WORKERS = 256
NOT_IN_CONFIG = ("data", "cache", "out", "resume", "evaluate", "split", "minutes", "keep_every", "ten_crop")


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse(arguments)
    try:
        device = cpu if args.device == "cpu" else gpu(0, tf32=args.tf32)
        if args.evaluate:
            return evaluate(args, device)
        folder = Path(args.resume) if args.resume else new_folder(args.out, f"imagenet-{args.net}")
        data = photographs(args, args.size)
        say(f"data: {data.source}\n{get_threads()} threads, batches of {args.batch}; writing to {folder}")
        net, view, run, learn = set_up(args, data, device, folder)
    except (ImportError, MemoryError, OSError, RuntimeError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        say("\nstopped before the training began")
        sys.exit(130)
    say(f"{args.net}: {count_parameters(net):,} parameters")
    try:
        with run:
            learn()
        net.load(weights_in(folder))
        for ten in (False, True) if args.ten_crop else (False,):
            answers = probabilities(net, data.test, view, ten, args.batch, args.workers)
            report(answers, data, "ten crops" if ten else "centre crop")
    except (Diverged, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except MemoryError as error:
        sys.exit(f"MemoryError: {error}; {run.how_to_resume}")
    except KeyboardInterrupt:
        say(f"\nstopped; {run.how_to_resume}")
        sys.exit(130)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_line("train-imagenet", __doc__)
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
    add_switches(add)
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
    add("--batch", type=at_least(1), default=128)
    add("--lr", type=positive, default=0.01, help="learning rate (default: 0.01)")
    add("--patience", type=at_least(1), default=5,
        help="divide it by 10 after so many epochs without progress (default: 5)")
    add("--steps", type=at_least(1), nargs="+", metavar="EPOCH", help="divide it by 10 at these epochs instead")
    add("--seed", type=at_least(0), default=0)
    add("--device", choices=("cpu", "gpu"), default="cpu")
    add("--tf32", action="store_true", default=None, help="TF32 products on a GPU: see gpu()")
    add("--workers", type=at_least(0), default=1, help="threads that decode and crop in the background (default: 1)")
    add("--minutes", type=positive, default=10, help="between two checkpoints within an epoch (default: 10)")
    add("--keep-every", type=at_least(1), metavar="K", help="keep every K-th epoch, beside the last and the best")
    add_tensorboard(add)
    add("--out", help="the folder to write to (default: a new one below runs/)")
    add("--ten-crop", action="store_true", help="at the end, also the error of the mean over ten crops")
    add("--resume", metavar="RUN", help="go on with the run in this folder, with the options it had")
    add("--evaluate", metavar="RUN", nargs="+", help="only the error of these runs' best nets, together")
    add("--split", choices=("val", "test"), help="of DATA, for --evaluate: the folder it reads (default: val)")
    add("--start-from", metavar="RUN", help="of VGG: take the first four convolutions and the fully-connected layers "
        "from the best net of this run")
    add("--fine-tune", metavar="RUN", help="start from the best net of this run, with a new last layer")
    args = parser.parse_args(arguments)
    parser.set_defaults(**RECIPES[args.recipe or "alexnet"])
    args = parser.parse_args(arguments)
    if args.resume or args.fine_tune:
        try:
            folder = Path(args.resume or args.fine_tune)
            of_the_net = {"net", "size", "crop", "init", *OF_THE_NET, *SWITCHES}
            told = set(vars(args)) - set(NOT_IN_CONFIG) if args.resume else of_the_net
            take_options(parser, folder / "config.json", read_config(folder), told)
        except (OSError, ValueError) as error:
            parser.error(str(error))
        args = parser.parse_args(arguments)
    if not 1 <= args.crop <= args.size:
        parser.error(f"--crop: expected 1 to {args.size} pixels, the --size of the images, got {args.crop}")
    if args.jitter and not args.crop <= args.jitter[0] <= args.jitter[1]:
        parser.error(f"--jitter: expected sizes from {args.crop}, the --crop, on, the smaller first, got {args.jitter}")
    if args.jitter and args.crops not in (None, "random"):
        parser.error(f"--jitter: its crops are from anywhere: --crops random, not {args.crops}")
    if args.size > MOST_SIDE or not 0 <= args.workers <= MOST_WORKERS:
        parser.error(f"--size, --workers: expected at most {MOST_SIDE} pixels, and 0 to {MOST_WORKERS} threads, got "
                     f"{args.size} and {args.workers}")
    if args.split and not args.evaluate:
        parser.error("--split: only --evaluate takes it; a training looks at val/ alone")
    if not args.evaluate:
        check_net(parser, args)
    return args


def check_net(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """An error of the command line, if there is no such net: it is built, without its numbers."""
    for name in OF_THE_NET:
        if getattr(args, name) is not None and name not in settings_of(args.net):
            parser.error(f"--{name.replace('_', '-')}: {args.net} has no such option")
    if args.start_from and not args.resume:
        check_start(parser, args)
    try:
        with drawn_later():
            build(args.net, input_size=args.crop, **settings_in(args))
    except ValueError as error:
        parser.error(f"{args.net}: {error}")


def check_start(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """An error of the command line, if --start-from does not name a VGG to start a VGG from."""
    if args.fine_tune:
        parser.error("--start-from and --fine-tune: a net has one start; give one of them")
    try:
        before = read_config(args.start_from)
        shallow = entry(Path(args.start_from) / "config.json", before, "net", str)
    except (OSError, ValueError) as error:
        parser.error(f"--start-from: {error}")
    if not (args.net.startswith("vgg") and shallow.startswith("vgg")):
        parser.error(f"--start-from: only VGG's nets start so, from another one; got {args.net} from {shallow}")


def settings_in(args: argparse.Namespace) -> dict[str, Any]:
    """The settings of the net that were given."""
    given = {name: getattr(args, name) for name in OF_THE_NET if getattr(args, name) is not None}
    return {**given, **switched(args)}


def photographs(args: argparse.Namespace, size: int) -> Dataset:
    cache = args.cache and Path(args.cache) / str(size)  # the nets that are evaluated together may differ in size
    data = imagenet(args.data, size, cache, args.skip_unreadable, train=not args.evaluate, test=args.split or "val")
    return first_classes(data, args.first_classes) if args.first_classes else data


def set_up(args: argparse.Namespace, data: Dataset, device: Device, folder: Path
           ) -> tuple[Sequential, View, Run, Callable[[], object]]:
    """The net, what it sees, the folder it learns in, and what makes it learn."""
    rng_net, rng_data = np.random.default_rng(args.seed).spawn(2)    # another net sees the images in the same order
    settings = {"classes": len(data.classes), "input_size": args.crop, **settings_in(args)}
    view = view_of(folder, read_config(folder)) if args.resume else new_view(args, data)
    told = about_the_net(args.net, settings, view, data.classes)
    run = run_in(folder, args, {"data": name_of(data, folder if args.resume else None), **told})
    net = start(args, settings, device, rng_net)
    loader = Loader(data.train, args.batch, rng_data, view.draw, finish=view.show, device=device, workers=args.workers)
    sgd = SGD(net.parameters(), args.lr, 0.9 if args.momentum is None else args.momentum,
              0.0005 if args.decay is None else args.decay)
    schedule = Steps(args.lr, tuple(args.steps)) if args.steps else WhenStuck(args.lr, patience=args.patience)

    folder.mkdir(parents=True, exist_ok=True)
    hold(folder, run)
    view.save(folder)  # before the config, which says that all is there
    progress = run.start(net, sgd, loader, schedule)

    def on_batch(at: Progress) -> None:
        if args.net == "zfnet":
            renormalise_filters(net)
        run.on_batch(at)

    def validate() -> dict[str, float]:
        found = errors(probabilities(net, data.test, view, False, args.batch, args.workers), data)
        return {"val_error" if k == 1 else f"val_top{k}_error": error for k, error in found.items()}

    loss = GoogLeNetLoss() if isinstance(net, GoogLeNet) else SoftmaxCrossEntropy()
    return net, view, run, partial(train, net, sgd, loader, args.epochs, loss=loss, progress=progress,
                                   schedule=schedule, validate=validate, on_batch=on_batch, on_epoch=run.on_epoch)


def name_of(data: Dataset, before: Path | None) -> str:
    """What the run is told of its data. In one that is gone on with, the folder has the name that it had then: it may
    have been renamed since, and the images are the same."""
    if before:
        name = entry(before / "config.json", read_config(before), "data", str)
        if name.partition(",")[2] == data.name.partition(",")[2]:
            return name
    return data.name


def run_in(folder: Path, args: argparse.Namespace, config: dict) -> Run:
    options = {name: value for name, value in vars(args).items() if name not in NOT_IN_CONFIG}
    cache = f" --cache {shlex.quote(args.cache)}" if args.cache else ""
    return Run(folder, {**options, **config}, resume=bool(args.resume), keep_every=args.keep_every,
               minutes=args.minutes, tensorboard=args.tensorboard,
               how_to_resume="go on with: python -m tinynet train-imagenet "
               f"{shlex.quote(args.data)}{cache} --resume {shlex.quote(str(folder))}")


def new_view(args: argparse.Namespace, data: Dataset) -> View:
    """What the net sees of the squares: section 4.1; with --jitter, as VGG's section 3.1, where the mean is one colour,
    since a pixel of a rescaled image could be from anywhere; with --init fan-in of about unit variance."""
    found = statistics_of(data.train.images, "mean and colours of the training images")
    values, vectors = found.components
    source = (args.variant or settings_of(args.net).get("variant")) == "source"
    return View(found.mean.mean(axis=(0, 1)) if args.jitter else found.mean,
                scale=255 * float(values.mean()) ** 0.5 if args.init == "fan-in" else 1.0, crop=args.crop,
                mirror=args.mirror is not False, crops=args.crops or "random",
                jitter=args.jitter and tuple(args.jitter), color=None if args.no_color_noise else (values, vectors),
                noise="2012" if source else "paper")


def start(args: argparse.Namespace, settings: dict, device: Device, rng: np.random.Generator) -> Sequential:
    """The net as it is before the first step."""
    if args.resume:
        last = Path(args.resume) / "checkpoints" / "last.npz"
        return rebuilt(Path(args.resume) / "config.json", args.net, settings, last, device, rng)
    if args.fine_tune:
        before = Path(args.fine_tune)
        classes = len(entry(before / "config.json", read_config(before), "classes", list))
        settings_before, weights = {**settings, "classes": classes}, weights_in(before)
        net = rebuilt(before / "config.json", args.net, settings_before, weights, device, rng)
        return replace_last(net, settings["classes"], rng)
    net = build(args.net, **settings, device=device, rng=rng)
    net = start_by_fan_in(net, rng) if args.init == "fan-in" else net
    if args.start_from:
        say(f"from {args.start_from}: {', '.join(start_from(net, load_net(args.start_from, device).net))}")
    return net


def evaluate(args: argparse.Namespace, device: Device) -> None:
    """The error of the best nets of one or several runs, of each alone and of their mean answer."""
    compare_classes(args)
    answers: list[np.ndarray] = []
    for run in args.evaluate:
        trained = load_net(run, device)
        data = photographs(args, size_of(run, trained.config))
        answers.append(trained.probabilities(data.test, args.ten_crop, args.batch, args.workers))
        report(answers[-1], data, run)
    if len(answers) > 1:
        report(np.mean(answers, axis=0), data, f"these {len(answers)} nets together")


def compare_classes(args: argparse.Namespace) -> None:
    """ValueError if one of the runs knows other classes than the photographs have, before any of these is read."""
    has = list(imagenet_classes(args.data, args.split or "val")[:args.first_classes])
    for run in args.evaluate:
        knows = entry(Path(run) / "config.json", read_config(run), "classes", list)
        if knows != has:
            raise ValueError(f"{run} was trained on the {len(knows)} classes {', '.join(map(str, knows[:5]))}..., "
                             f"{args.data} has the {len(has)} classes {', '.join(has[:5])}...; evaluate it on those it "
                             "knows")


def errors(answers: np.ndarray, data: Dataset) -> dict[int, float]:
    """Top-1 and top-5; of five classes or fewer, where the five best are all there are, top-1 alone."""
    return {k: top_k_error(answers, data.test.labels, k) for k in (1, 5) if k == 1 or k < len(data.classes)}


def report(answers: np.ndarray, data: Dataset, what: str) -> None:
    found = ", ".join(f"top-{k} error {error:.2%}" for k, error in errors(answers, data).items())
    say(f"{what}: {found} on {len(answers):,} images")
