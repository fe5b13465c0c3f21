"""Which net `train-imagenet` trains, and what it is before the first step."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from .. import Device, Sequential
from ..files.reading import entry
from ..models.catalogue import build, settings_of
from ..models.vgg import start_from
from ..parameter import drawn_later
from ..training.config import read_config
from ..training.evaluate import load_net, weights_in
from ..training.finetune import replace_last, start_by_fan_in
from ..training.rebuilt import rebuilt
from ..training.train import say
from .options import switched

OF_THE_NET = ("columns", "variant", "extra_conv", "groups", "kernels", "hidden")  # settings that only some nets have


def check_net(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """An error of the command line, if there is no such net: it is built, without its numbers."""
    for name in OF_THE_NET:
        if getattr(args, name) is not None and name not in settings_of(args.net):
            parser.error(f"--{name.replace('_', '-')}: {args.net} has no such option")
    if (args.start_from or args.fine_tune) and not args.resume:
        check_start(parser, args)
    try:
        with drawn_later():
            build(args.net, input_size=args.crop, **settings_in(args))
    except ValueError as error:
        parser.error(f"{args.net}: {str(error).removeprefix(f'{args.net}: ')}")


def check_start(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """An error of the command line, if --start-from does not name a VGG to start a VGG from, or if that net or the one
    of --fine-tune has seen images on another scale."""
    if args.start_from and args.fine_tune:
        parser.error("--start-from and --fine-tune: a net has one start; give one of them")
    option, run = ("--start-from", args.start_from) if args.start_from else ("--fine-tune", args.fine_tune)
    try:
        before = read_config(run)
        name = entry(Path(run) / "config.json", before, "net", str)
    except (OSError, ValueError) as error:
        parser.error(f"{option}: {error}")
    if args.start_from and not (args.net.startswith("vgg") and name.startswith("vgg")):
        parser.error(f"--start-from: only VGG's nets start so, from another one; got {args.net} from {name}")
    if before.get("init", args.init) != args.init:
        parser.error(f"{option}: expected --init {before['init']}, as {run} has it, which scales the images that its "
                     f"layers know; got --init {args.init}")


def settings_in(args: argparse.Namespace) -> dict[str, Any]:
    """The settings of the net that were given."""
    given = {name: getattr(args, name) for name in OF_THE_NET if getattr(args, name) is not None}
    return {**given, **switched(args)}


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
