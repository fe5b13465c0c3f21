"""The options of the commands: what they all share, and values that are checked before anything begins."""
from __future__ import annotations

import argparse
import math
from collections.abc import Callable


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
