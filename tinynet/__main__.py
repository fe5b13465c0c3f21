"""The nets on the command line:

    python -m tinynet nets              all nets by name, with their parameters
    python -m tinynet summary vgg16     a net's table: layers, shapes, neurons, parameters, multiply-adds
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from .models.catalogue import NETS, build
from .summary import count_parameters, summary


class Zeros(np.random.Generator):
    """Draws only zeros, which takes no time: a table does not depend on the weights, and VGG has 138 million."""

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> np.ndarray:
        return np.zeros(size, np.float32)

    uniform = normal


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tinynet", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("nets", help="list all nets, with their parameters")
    table = commands.add_parser("summary", help="print a net's table", description="Print the table of a net.")
    table.add_argument("name", metavar="NAME", help=f"one of {', '.join(NETS)}")
    table.add_argument("--classes", type=int, metavar="N", help="how many classes it tells apart")
    table.add_argument("--input-size", type=int, metavar="S", help="for images of S x S pixels")
    args = parser.parse_args(arguments)
    if args.command == "nets":
        return list_nets()
    settings = {name: getattr(args, name) for name in ("classes", "input_size") if getattr(args, name) is not None}
    try:
        summary(build(args.name, rng=zeros(), **settings))
    except ValueError as error:
        table.error(str(error))


def list_nets() -> None:
    for name in NETS:
        print(f"{name:<{max(map(len, NETS))}}  {count_parameters(build(name, rng=zeros())):>11,}")


def zeros() -> Zeros:
    return Zeros(np.random.PCG64(0))


if __name__ == "__main__":
    main()
