"""Figure 1 of the AlexNet paper, measured: the same net with ReLU and with tanh, at one learning rate or at many."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from .. import SGD, ReLU, Tanh, fan_in
from ..data import Dataset, View
from ..data.statistics import statistics_of
from ..files.reading import entry, shortened, wrong
from ..files.writing import write_json
from ..look.curves import crossing, crossing_in_words, draw_relu_vs_tanh, ratio_in_words
from ..models.cifar import MOMENTUM, cifar_sample
from ..training.config import about_the_net, read_config
from ..training.diverged import Diverged
from ..training.metrics import flat_shares
from ..training.records import expect_number, is_number, read_records
from ..training.train import Record, say, train
from .cifar10_run import config_of, device, loader_of, start
from .together import repeats

RATES = (0.001, 0.003, 0.01, 0.03, 0.1)                   # of a sweep
BEST = {"2012": (0.003, 0.03), "fan-in": (0.01, 0.03)}    # ReLU, tanh: the best of the sweeps in examples/results
LEVEL = 0.25                                              # the training error that Figure 1 compares at
ACTIVATIONS = {"relu": ReLU, "tanh": Tanh}
IN_CATALOGUE = {"relu": "cifar-sample", "tanh": "cifar-sample-tanh"}


def figure_1(args: argparse.Namespace, data: Dataset, out: Path) -> None:
    """Train the same net with ReLU and with tanh, and draw the two curves."""
    rates = dict(zip(ACTIVATIONS, args.rates or BEST[args.init], strict=True))
    for name, rate in rates.items():
        run_until_level(args, data, out, name, rate, args.epochs or 60)
    draw(out)


def draw(out: Path) -> None:
    """The figure of a run, whole or stopped, from what it wrote down; and the result in one sentence. Raises DataError
    for a run of something else."""
    config, path = read_config(out), out / "config.json"
    chosen = entry(path, config, "options", dict) if "options" in config else config
    init, seed = entry(path, chosen, "init", str), entry(path, chosen, "seed", int)
    records = [record for file in files_of(out, chosen) for record in records_in(file)]
    relu, tanh = ([record["train_error"] for record in records if record["net"] == name] for name in ACTIVATIONS)
    last = {record["net"]: record for record in records}
    settings = ", ".join(f"{name} learning rate {record['lr']:g}" for name, record in last.items())
    draw_relu_vs_tanh(out / "relu_vs_tanh.png", relu, tanh, level=LEVEL,
                      note=f"{entry(path, config, 'data', str)}; init {init}, {settings}, seed {seed}")
    ratio = ratio_in_words(relu, tanh, LEVEL)
    say(f"{crossing_in_words('ReLU', relu, LEVEL)}, {crossing_in_words('tanh', tanh, LEVEL)}: "
        f"{f'a factor of {ratio}' if ratio else 'too early for a factor'} (the paper's Figure 1: 6).")
    for name, record in last.items():
        if "flat" in record:
            shares = ", ".join(f"{layer} {share:.0%}" for layer, share in record["flat"].items())
            say(f"{name}, epoch {record['epoch']}: units that stand where its slope is below 0.1: {shares}")
    say(f"the figure: {out / 'relu_vs_tanh.png'}")


def files_of(out: Path, chosen: dict[str, Any]) -> list[Path]:
    """Where the epochs are of a run that has `chosen` these options: in a folder for each net; or, as the committed
    results have it, in one file for both. Raises DataError if it is a run of something else."""
    path = out / "config.json"
    net, sweep, rates = chosen.get("net", "sample"), chosen.get("sweep"), chosen.get("rates")
    if net != "sample" or sweep is not None:
        raise wrong(path, "a run of the figure, --net sample without --sweep",
                    f"net {shortened(net)}, sweep {shortened(sweep)}", "Name another run")
    rates = rates or BEST.get(chosen["init"])
    if not (isinstance(rates, (list, tuple)) and len(rates) == 2 and all(map(is_number, rates))):
        raise wrong(path, "'rates', two numbers", shortened(rates))
    folders = [out, *(folder_of(out, name, rate) for name, rate in zip(ACTIVATIONS, rates, strict=True))]
    return [file for folder in folders if (file := folder / "metrics.jsonl").exists()]


def folder_of(out: Path, name: str, rate: float) -> Path:
    return out / f"{name}-{rate:g}"


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
                    ) -> tuple[list[float], bool]:
    """Train the net with one activation until two epochs past the level; its training error of each epoch, and whether
    it diverged after them."""
    rng_net, rng_data = np.random.default_rng(args.seed).spawn(2)    # both nets see the images in the same order
    found, scale, init = statistics_of(data.train.images), 1.0, None
    if args.init == "fan-in":
        scale, init = found.spread, fan_in(2.0 if name == "relu" else 1.0)
    net = cifar_sample(rng_net, ACTIVATIONS[name], init).to(device(args))
    sgd, view = SGD(net.parameters(), rate, MOMENTUM, weight_decay=0.0), View(found.mean, scale)
    loader, first_images = loader_of(args, data, view, rng_data), view.center(data.train.images[:256])
    config = config_of(args, data) | about_the_net(IN_CATALOGUE[name], {}, view, data.classes)
    run, at = start(args, folder_of(out, name, rate), config, view, net, sgd, loader)

    def past_level() -> bool:
        return len(at.history) > 2 and at.history[-3]["train_error"] <= LEVEL

    def notes() -> dict:
        return {"net": name, "init": args.init, "flat": flat_shares(net, first_images)}

    diverged = False
    try:
        with run:
            if not past_level():
                train(net, sgd, loader, epochs, progress=at, validate=notes, on_batch=run.on_batch,
                      on_epoch=lambda record: run.on_epoch(record) or past_level(), accumulate=args.accumulate or 1,
                      graph=repeats(args))
    except Diverged as error:  # a learning rate too large for this net
        say(f"{name}, learning rate {rate:g}: {error}")
        diverged = True
    return [record["train_error"] for record in at.history], diverged


def rank(errors: list[float], diverged: bool = False) -> tuple[float, bool, float]:
    """Sorts runs: the sooner at the level the better; among those that never were, the lower at the end the better, and
    those last that diverged."""
    return (crossing(errors, LEVEL) or float("inf"), diverged, errors[-1] if errors else 1.0)


def sweep(args: argparse.Namespace, data: Dataset, out: Path) -> None:
    """Train both nets at every learning rate; print and keep the table."""
    epochs, found = args.epochs or 40, {}
    for name in ACTIVATIONS:
        found[name] = {f"{rate:g}": run_until_level(args, data, out, name, rate, epochs)
                       for rate in args.sweep or RATES}
    say(f"\n{data.source}; init {args.init}, seed {args.seed}, at most {epochs} epochs")
    say(f"net   rate    epochs to {LEVEL:.0%}   training error at the end")
    for name, runs in found.items():
        best = min(runs, key=lambda rate: rank(*runs[rate]))
        for rate, (errors, diverged) in runs.items():
            at = crossing(errors, LEVEL)
            epochs_needed = f"{at:.1f}" if at else f"more than {len(errors)}"
            end = "diverged" if diverged else f"{errors[-1]:.1%}"
            say(f"{name}  {rate:>6}  {epochs_needed:>16}   {end}{'   <- best' if rate == best else ''}")
    path = out / f"sweep-{args.init}.json"
    write_json(path, {name: {rate: errors for rate, (errors, _) in runs.items()} for name, runs in found.items()},
               indent=None)
    say(f"the training error of every epoch: {path}")
