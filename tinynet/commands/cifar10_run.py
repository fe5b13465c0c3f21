"""What the trainings of `train-cifar10` share: the device, the batches, and the folder that a training goes on in."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from .. import SGD, Device, Sequential
from ..data import Dataset, Loader, View
from ..models.cifar import BATCH_SIZE
from ..training.config import read_config
from ..training.run import Run
from ..training.schedule import Schedule
from ..training.train import Progress
from .options import go_on_with, kept_options
from .together import device_of_rank

NOT_IN_CONFIG = ("root", "out", "draw", "resume", "ranks")


def config_of(args: argparse.Namespace, data: Dataset) -> dict:
    """What decides the result, and what is kept of the way to it."""
    options = kept_options(args, NOT_IN_CONFIG)
    return {"data": data.name, "options": options}


def how_to_resume(args: argparse.Namespace, out: Path) -> str:
    return go_on_with("train-cifar10", args, out, "root", ranks=args.ranks.size)


def start(args: argparse.Namespace, folder: Path, config: dict, view: View, net: Sequential, sgd: SGD, loader: Loader,
          schedule: Schedule | None = None) -> tuple[Run, Progress]:
    """Begin a training in `folder`, or go on with the one that is there."""
    try:
        there = (folder / "config.json").exists()
        if there and "options" not in read_config(folder):
            raise ValueError(f"{folder} was written by tinynet 0.1.0, and this version cannot go on with it: begin "
                             "anew, in another folder, or go on with 0.1.0; net.load reads the nets in its checkpoints")
        run = Run(folder, config, resume=there, keep_every=args.keep_every, ranks=args.ranks,
                  how_to_resume=how_to_resume(args, folder.parent), tensorboard=args.tensorboard)
        return run, run.start(net, sgd, loader, schedule, view=view)
    except (OSError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


def loader_of(args: argparse.Namespace, data: Dataset, view: View, rng: np.random.Generator) -> Loader:
    """Batches of the training images; a GPU gets all of these at once, 150 MB at most, and takes its batches there."""
    images = device(args).asarray(data.train.images)
    return Loader(data.train._replace(images=images), BATCH_SIZE, rng, view.draw, finish=view.show, device=device(args),
                  share=args.ranks.share)


def device(args: argparse.Namespace) -> Device:
    return device_of_rank(args, args.ranks)
