"""A run of `train-imagenet`: what the net sees, the folder it learns in, and what makes it learn."""
from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from .. import SGD, Device, Sequential, SoftmaxCrossEntropy
from ..data import Dataset, Loader, View
from ..data.in_memory import in_memory
from ..data.statistics import statistics_of
from ..distributed import ALONE, Alone, Ranks
from ..files.reading import entry
from ..models.catalogue import settings_of
from ..models.googlenet import GoogLeNet, GoogLeNetLoss
from ..models.zfnet import renormalise_filters
from ..training.config import about_the_net, read_config, view_of
from ..training.evaluate import probabilities
from ..training.run import Run
from ..training.schedule import Steps, WarmUp, WhenStuck
from ..training.train import Progress, train
from .imagenet_errors import errors
from .imagenet_net import settings_in, start
from .options import go_on_with, kept_options
from .together import expect_own_gpu, repeats, shared

NOT_IN_CONFIG = ("data", "cache", "out", "resume", "evaluate", "split")
BEHIND_THE_FOLDER = re.compile(r", [\d,]+ training and .*")  # in what photographs are called


def set_up(args: argparse.Namespace, data: Dataset, device: Device, folder: Path, ranks: Ranks | Alone
           ) -> tuple[Sequential, View, Run, Callable[[], object]]:
    """The net, what it sees, the folder it learns in, and what makes it learn."""
    rng_net, rng_data = np.random.default_rng(args.seed).spawn(2)    # another net sees the images in the same order
    settings = {"classes": len(data.classes), "input_size": args.crop, **settings_in(args)}
    view = view_of(folder, read_config(folder)) if args.resume else new_view(args, data)
    told = about_the_net(args.net, settings, view, data.classes)
    told["data"] = name_of(data, folder if args.resume else None)
    ranks.expect_same(options={**vars(args), "out": None}, data=told)
    run = run_in(folder, args, told, ranks)
    net = start(args, settings, device, rng_net)
    with ranks.together():
        expect_own_gpu(net, device, ranks)
    training, validation = in_memory(data, int(args.in_memory * 2 ** 30)) if args.in_memory else data
    loader = Loader(training, args.batch, rng_data, view.draw, finish=view.show, device=device, workers=args.workers,
                    share=ranks.share)
    sgd = SGD(net.parameters(), args.lr, 0.9 if args.momentum is None else args.momentum,
              0.0005 if args.decay is None else args.decay)
    schedule = Steps(args.lr, tuple(args.steps)) if args.steps else WhenStuck(args.lr, patience=args.patience)
    if args.scale_rate:
        schedule = WarmUp(schedule, args.batch / args.scale_rate, 5 if args.warm_up is None else args.warm_up)
    progress = run.start(net, sgd, loader, schedule, view=view)

    def on_batch(at: Progress) -> None:
        if args.net == "zfnet":
            renormalise_filters(net)
        run.on_batch(at)

    def validate() -> dict[str, float]:
        found = errors(shared(ranks, validation, lambda split: probabilities(net, split, view, False, args.batch,
                                                                             args.workers)), data)
        return {"val_error" if k == 1 else f"val_top{k}_error": error for k, error in found.items()}

    loss = GoogLeNetLoss() if isinstance(net, GoogLeNet) else SoftmaxCrossEntropy()
    return net, view, run, partial(train, net, sgd, loader, args.epochs, loss=loss, progress=progress,
                                   schedule=schedule, validate=validate, on_batch=on_batch, on_epoch=run.on_epoch,
                                   accumulate=args.accumulate or 1, ranks=ranks, graph=repeats(args))


def name_of(data: Dataset, before: Path | None) -> str:
    """What the run is told of its data. In one that is gone on with, the folder has the name that it had then: it may
    have been renamed since, and the images are the same."""
    if before:
        name = entry(before / "config.json", read_config(before), "data", str)
        then, now = (BEHIND_THE_FOLDER.search(text) for text in (name, data.name))
        if then and now and then[0] == now[0]:
            return name
    return data.name


def run_in(folder: Path, args: argparse.Namespace, config: dict, ranks: Ranks | Alone = ALONE) -> Run:
    options = kept_options(args, NOT_IN_CONFIG)
    how = go_on_with(f"train-imagenet {shlex.quote(args.data)}", args, folder, "cache", ranks=ranks.size)
    return Run(folder, {**options, **config}, resume=bool(args.resume), keep_every=args.keep_every,
               minutes=args.minutes, ranks=ranks, tensorboard=args.tensorboard, how_to_resume=how)


def new_view(args: argparse.Namespace, data: Dataset) -> View:
    """What the net sees of the squares: section 4.1; with --jitter, as VGG's section 3.1, where the mean is one colour,
    since a pixel of a rescaled image could be from anywhere; with --init fan-in of about unit variance."""
    found = statistics_of(data.train.images, "mean and colours of the training images")
    values, vectors = found.components
    source = (args.variant or settings_of(args.net).get("variant")) == "source"
    scale = 255 * float(values.mean()) ** 0.5 if args.init == "fan-in" else 1.0
    if not scale:
        raise ValueError("--init fan-in: it divides by how much the training images differ, and they are all alike")
    return View(found.mean.mean(axis=(0, 1)) if args.jitter else found.mean, scale=scale, crop=args.crop,
                mirror=args.mirror is not False, crops=args.crops or "random",
                jitter=args.jitter and tuple(args.jitter), color=None if args.no_color_noise else (values, vectors),
                noise="2012" if source else "paper")
