"""The command line. Each command says more with --help:

    python -m tinynet nets                  all nets by name, with their parameters
    python -m tinynet summary vgg16         a net's table: layers, shapes, neurons, parameters, multiply-adds

    python -m tinynet train-cifar10         ReLU against tanh, the paper's Figure 1; and the CIFAR-10 nets of 2012
    python -m tinynet train-imagenet DATA   AlexNet and its successors on photographs
    python -m tinynet train-lenet5          LeNet-5 learns to read digits
    python -m tinynet alexnet-columns       AlexNet in two columns: what crosses, and what that costs
    python -m tinynet find-lr               which learning rate to begin with
    python -m tinynet look RUN              what a trained net has learned
    python -m tinynet predict PICTURE --run RUN    what it says of a picture
    python -m tinynet watch RUN RUN         curves of several runs, while they train
    python -m tinynet claims                the papers' claims, run with error bars
    python -m tinynet features              what a net's features are worth for other pictures
    python -m tinynet scale NET             what many machines would make of its training
"""
from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module

from . import __version__
from .files.terminal import tell
from .init import zeros
from .models.catalogue import NETS, build
from .summary import count_parameters, summary

COMMANDS = ("train-cifar10", "train-imagenet", "train-lenet5", "alexnet-columns", "find-lr", "look", "predict",
            "watch", "claims", "features", "scale")  # each in commands/


def main(arguments: Sequence[str] | None = None) -> None:
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] and arguments[0] in COMMANDS:
        return import_module(f".commands.{arguments[0].replace('-', '_')}", __package__).main(arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m tinynet", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"tinynet {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("nets", help="list all nets, with their parameters")
    for name in COMMANDS:
        commands.add_parser(name)  # so that they are among those that may be chosen
    table = commands.add_parser("summary", help="print a net's table", description="Print the table of a net.")
    table.add_argument("name", metavar="NAME", help=f"one of {', '.join(NETS)}")
    table.add_argument("--classes", type=int, metavar="N", help="how many classes it tells apart")
    table.add_argument("--input-size", type=int, metavar="S", help="for images of S x S pixels")
    args = parser.parse_args(arguments)
    if args.command == "nets":
        return list_nets()
    settings = {name: getattr(args, name) for name in ("classes", "input_size") if getattr(args, name) is not None}
    try:
        with redirect_stdout(io.StringIO()) as text:
            summary(build(args.name, rng=zeros(), **settings))
    except (MemoryError, ValueError) as error:
        table.error(str(error))
    tell("stdout", text.getvalue())  # which may be closed: `| head`


def list_nets() -> None:
    """Each with the number of its parameters; GoogLeNet's with its auxiliary heads."""
    for name in NETS:
        tell("stdout", f"{name:<{max(map(len, NETS))}}  {count_parameters(build(name, rng=zeros())):>11,}\n")


if __name__ == "__main__":
    main()
