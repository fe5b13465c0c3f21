"""What the commands share: their parsers, values that are checked before anything begins, and how they end."""
from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..training.config import read_config, take_options
from ..training.diverged import Diverged
from ..training.train import say


def command_line(name: str, text: str) -> argparse.ArgumentParser:
    """A parser for `python -m tinynet NAME`; its help is `text`, as it stands."""
    return argparse.ArgumentParser(prog=f"python -m tinynet {name}", description=text,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)


def at_least(low: int) -> Callable[[str], int]:
    """The type of an option that is a whole number from `low` on."""
    def number(text: str) -> int:
        if not (text.lstrip("-").isdecimal() and int(text) >= low):
            raise argparse.ArgumentTypeError(f"expected a whole number, {low} or more, got {text}")
        return int(text)
    return number


def positive(text: str) -> float:
    """The type of an option that is a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def again_with(parser: argparse.ArgumentParser, arguments: Sequence[str] | None, args: argparse.Namespace,
               new: Sequence[str]) -> argparse.Namespace:
    """The options of the run in `args.resume`, but for those that may be `new`, unless `arguments` say otherwise."""
    try:
        config, path = read_config(args.resume), Path(args.resume) / "config.json"
        take_options(parser, path, config, set(vars(args)) - set(new))
    except (OSError, ValueError) as error:
        parser.error(f"--resume: {args.resume} holds no run that could be resumed: {error}")
    return parser.parse_args(arguments)


@contextmanager
def ends_in_a_line(how_to_resume: str = "") -> Iterator[None]:
    """What goes wrong in here in a way that can be foreseen ends the program with one line; Ctrl-C with status 130."""
    try:
        yield
    except MemoryError as error:
        sys.exit(f"MemoryError: {error}" + (how_to_resume and f"; {how_to_resume}"))
    except (Diverged, ImportError, OSError, RuntimeError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        say("\nstopped" + (how_to_resume and f"; {how_to_resume}"))
        sys.exit(130)
