"""The papers' claims: run in miniature, with error bars and a verdict.

    python -m tinynet claims                                 list them, and what they found
    python -m tinynet claims show lrn                        what it compares, and what would refute it
    python -m tinynet claims run lrn --seeds 6 --hours 2     run what is missing; the same command goes on
    python -m tinynet claims run all --seeds 3               every claim in turn, and the papers' tables
    python -m tinynet claims run lrn --seeds 20 --device gpu     the trainings on a GPU; the results say so
    python -m tinynet claims page                            write docs/claims.md from the results

Results are files of JSON lines, one a claim, in --results; all of CIFAR-10 is needed (--root, or a download).
"""
from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from ..claims.catalogue import CLAIMS, TABLES
from ..claims.claim import Claim, verdict
from ..claims.page import differences, here, write_page
from ..claims.runner import pairs, read_rows, run
from ..training.train import say
from .options import CommandLine, at_least, chosen_device, ends_in_a_line, positive

ALL: dict[str, Claim] = {**CLAIMS, **TABLES}


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse(arguments)
    with ends_in_a_line():
        {"list": list_all, "show": show, "run": run_them, "page": page}[args.what](args, Path(args.results))


def list_all(args: argparse.Namespace, results: Path) -> None:
    if not results.is_dir():
        say(f"no results yet: there is no folder {results} (another one: --results)")
    width = max(map(len, ALL))
    for name, claim in CLAIMS.items():
        rows = read_rows(results / f"{name}.jsonl", claim)
        of = verdict(claim, differences(claim, rows))
        said = f"{len(pairs(claim, rows))} pairs  {of.word}  {here(claim, of)}"
        say(f"{name:<{width}}  {claim.title:<52}  {said}".rstrip())
    for name, table in TABLES.items():
        complete = pairs(table, read_rows(results / f"{name}.jsonl", table))
        say(f"{name:<{width}}  {table.title + ', in miniature':<52}  {len(complete)} of "
            f"{max(len(complete), table.seeds)} seeds")


def show(args: argparse.Namespace, results: Path) -> None:
    say(ALL[args.name].about.strip())


def run_them(args: argparse.Namespace, results: Path) -> None:
    device = chosen_device(args)                # to fail at once, if it is not there
    begin = time.monotonic()                    # the hours are those of all claims together
    for claim in ALL.values() if args.name == "all" else (ALL[args.name],):
        left = args.hours - (time.monotonic() - begin) / 3600
        run(claim, results, Path(args.folder), args.root, args.seeds or claim.seeds, left, device)


def page(args: argparse.Namespace, results: Path) -> None:
    if not results.is_dir():
        raise FileNotFoundError(f"there is no folder {results} of results to write {args.page} from: run a claim "
                                "first, or name another with --results")
    write_page(CLAIMS, TABLES, results, Path(args.page))
    say(args.page)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandLine("claims", __doc__)
    parser.add_argument("what", nargs="?", choices=("list", "show", "run", "page"), default="list")
    parser.add_argument("name", nargs="?", help=f"one of {', '.join(ALL)}; for run, also all")
    parser.add_argument("--seeds", type=at_least(1), help="pairs there are to be (default: the claim's own number)")
    parser.add_argument("--hours", type=positive, default=float("inf"), help="begin no training after so many hours")
    parser.add_device("where nets are trained and tested")
    parser.add_root("CIFAR-10")
    parser.add_argument("--results", default="examples/results/claims",
                        help="the folder of the files of results (default: examples/results/claims)")
    parser.add_argument("--folder", default="runs/claims",
                        help="the folder of trainings that are not finished, and of those that several claims share; "
                        "with all claims run, it may be deleted (default: runs/claims)")
    parser.add_argument("--page", default="docs/claims.md", help="the page to write (default: docs/claims.md)")
    args = parser.parse_args(arguments)
    names = (*ALL, "all") if args.what == "run" else tuple(ALL)
    if args.what in ("run", "show") and args.name not in names:
        parser.error(f"claims {args.what}: expected one of {', '.join(names)}, got {args.name}")
    if args.what in ("list", "page") and args.name:
        parser.error(f"claims {args.what}: it is of all claims; leave out {args.name}")
    return args
