"""Curves of several runs side by side, drawn again while they train.

    python -m tinynet watch RUN RUN               until Ctrl-C, to watch.png
    python -m tinynet watch RUN --once --out curves.png

A run is a folder with a metrics.jsonl, or one with such folders in it. A line is printed for each epoch that is over.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress

from ..look.watch import watch
from ..training.train import say
from .options import CommandLine, a_picture, ends_in_a_line, positive


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse(arguments)
    say(f"the picture: {args.out}" + (", whenever an epoch is over; Ctrl-C ends it" if not args.once else ""))
    with ends_in_a_line(), suppress(KeyboardInterrupt):
        args.out.parent.mkdir(parents=True, exist_ok=True)
        watch(args.runs, args.out, args.seconds, args.once)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandLine("watch", __doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="the folder of a run")
    parser.add_argument("--seconds", type=positive, default=10.0, help="how often to look (default: 10)")
    parser.add_argument("--once", action="store_true", help="draw what there is, and be done")
    parser.add_argument("--out", type=a_picture, default="watch.png", help="the picture (default: watch.png)")
    return parser.parse_args(arguments)
