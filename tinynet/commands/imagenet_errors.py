"""The photographs of `train-imagenet`, and how many of them nets get wrong."""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from .. import Device
from ..data import Dataset, imagenet, imagenet_classes
from ..data.subset import first_classes
from ..training.config import read_config, size_of
from ..training.evaluate import class_names, load_net
from ..training.metrics import top_k_error
from ..training.train import say


def photographs(args: argparse.Namespace, size: int) -> Dataset:
    cache = args.cache and Path(args.cache) / str(size)  # the nets that are evaluated together may differ in size
    data = imagenet(args.data, size, cache, args.skip_unreadable, train=not args.evaluate, test=args.split or "val")
    return first_classes(data, args.first_classes) if args.first_classes else data


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
        knows = class_names(Path(run) / "config.json", read_config(run))
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
