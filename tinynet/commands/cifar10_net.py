"""One of CIFAR-10's published nets, trained by its own recipe (models/cifar.py): its test error, and the net itself."""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from .. import SGD, count_parameters
from ..data import Dataset, View
from ..data.statistics import statistics_of
from ..files.writing import write_json
from ..look.confusion import draw_confusion
from ..models.catalogue import build
from ..models.cifar import MOMENTUM, RECIPES, WEIGHT_DECAY, Recipe
from ..training.config import about_the_net
from ..training.evaluate import probabilities
from ..training.metrics import confusion_matrix, confusion_table, top_k_error
from ..training.schedule import ByEpoch
from ..training.train import say, train
from .cifar10_run import config_of, device, loader_of, start
from .options import switched
from .together import repeats, shared


def recipe_of(args: argparse.Namespace) -> Recipe:
    """The net's recipe with what the options change in it. Raises ValueError for what does not go with it."""
    recipe = RECIPES[args.net]
    recipe = recipe.padded(args.pad) if args.pad else recipe
    return recipe.lasting(args.stages) if args.stages else recipe


def published_net(args: argparse.Namespace, data: Dataset, out: Path) -> None:
    """Train one of the nets that have a recipe; test error, confusion matrix, and the net itself."""
    recipe = recipe_of(args)
    rng_net, rng_data = np.random.default_rng(args.seed).spawn(2)    # another net sees the images in the same order
    name, settings = f"cifar-{args.net}", switched(args)
    net, schedule = build(name, rng=rng_net, **settings).to(device(args)), ByEpoch(recipe.rate)
    sgd = SGD(net.parameters(), recipe.rate(1), MOMENTUM if args.momentum is None else args.momentum,
              WEIGHT_DECAY if args.decay is None else args.decay)
    found = statistics_of(data.train.images)
    view = View(found.mean, recipe.scale, recipe.crop, pad=recipe.pad, crops=args.crops or "random",
                mirror=recipe.crop is not None and args.mirror is not False,
                color=found.components if args.color_noise else None)
    loader = loader_of(args, data, view, rng_data)
    say(f"{args.net}: {count_parameters(net):,} parameters, {args.epochs or recipe.epochs} epochs")

    def answers(ten: bool) -> np.ndarray:
        return shared(args.ranks, data.test, lambda split: probabilities(net, split, view, ten=ten))

    def test() -> dict:
        """Of the centres alone: ten views after each epoch would take as long as the epoch."""
        return {"net": args.net, "test_error": top_k_error(answers(ten=False), data.test.labels)}

    config = config_of(args, data) | about_the_net(name, settings, view, data.classes)
    run, at = start(args, out / args.net, config, view, net, sgd, loader, schedule)
    with run:
        train(net, sgd, loader, args.epochs or recipe.epochs, progress=at, schedule=schedule, validate=test,
              on_batch=run.on_batch, on_epoch=run.on_epoch, accumulate=args.accumulate or 1, ranks=args.ranks,
              graph=repeats(args))
    answers_now = answers(recipe.ten)

    def finish() -> None:
        net.save(out / "net.npz")
        view.save(out)
        write_json(out / "config.json", config)    # now it says what the net is, too
        report(args.net, answers_now, data, out)

    args.ranks.first(finish)


def report(name: str, answers: np.ndarray, data: Dataset, out: Path) -> None:
    """The test error, and what was taken for what."""
    top = {k: top_k_error(answers, data.test.labels, k) for k in (1, 2, 5)}
    matrix = confusion_matrix(answers, data.test.labels)
    say(confusion_table(matrix, data.classes))
    say(f"test error of {name}: " + ", ".join(f"top-{k} {error:.1%}" for k, error in top.items())
        + f" (published: {100 * RECIPES[name].published:.3g}%); the net: {out / 'net.npz'}")
    draw_confusion(out / "confusion.png", matrix, data.classes, f"{name}: {top[1]:.1%} test error")
    say(f"the picture: {out / 'confusion.png'}")
