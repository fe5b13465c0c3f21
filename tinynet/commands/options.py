"""What the commands share: their parsers, values that are checked before anything begins, and how they end."""
from __future__ import annotations

import argparse
import math
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .. import Device, cpu, get_threads, gpu
from ..data.view import CROPS
from ..files.reading import entry
from ..training.config import read_config, take_options
from ..training.diverged import Diverged
from ..training.train import say

SWITCHES = ("width", "without", "lrn", "pool", "dropout", "bias")  # settings that any net of the catalogue may have


def at_least(low: int) -> Callable[[str], int]:
    """The type of an option that is a whole number from `low` on."""
    def read(text: str) -> int:
        if not (text.removeprefix("-").isdecimal() and int(text) >= low):
            raise argparse.ArgumentTypeError(f"expected a whole number, {low} or more, got {text}")
        return int(text)
    return read


def number(says: str, fits: Callable[[float], bool]) -> Callable[[str], float]:
    """The type of an option that is a finite number which `fits`; `says` is that in words."""
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and fits(value)):
            raise argparse.ArgumentTypeError(f"expected {says}, got {text}")
        return value
    return read


finite = number("a finite number", lambda value: True)
positive = number("a number above 0", lambda value: value > 0)
not_negative = number("a number, 0 or more", lambda value: value >= 0)
below_1 = number("a number, 0 or more and below 1", lambda value: 0 <= value < 1)


def a_folder(text: str) -> Path:
    """The type of an option that is a folder, there or to be made. Of names that the system does not take, too
    long ones for example, it says so when the folder is made."""
    if not text:
        raise argparse.ArgumentTypeError("expected a folder, got an empty name")
    for path in (Path(text), *Path(text).parents):
        if os.path.exists(path) and not os.path.isdir(path):
            raise argparse.ArgumentTypeError(f"expected a folder, there or to be made, but {path} is a file")
    return Path(text)


def a_picture(text: str) -> Path:
    """The type of an option that is the file of a picture, to be made."""
    if not text:
        raise argparse.ArgumentTypeError("expected the name of a file, got an empty one")
    if os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"expected the name of a file, but {text} is a folder")
    return a_folder(str(Path(text).parent)) / Path(text).name


class CommandLine(argparse.ArgumentParser):
    """The parser of `python -m tinynet NAME`, whose help is `text`, as it stands; with the options that several
    commands have."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(prog=f"python -m tinynet {name}", description=text,
                         formatter_class=argparse.RawDescriptionHelpFormatter)

    def parse_args(self, arguments: Sequence[str] | None = None,  # type: ignore[override]
                   namespace: argparse.Namespace | None = None) -> argparse.Namespace:
        """As always; a usage error also for a TINYNET_THREADS that is no number of threads."""
        args = super().parse_args(arguments, namespace)
        try:
            get_threads()
        except ValueError as error:
            self.error(str(error))
        return args

    def add_device(self, what: str | None = None) -> None:
        """The option that says where it computes; `what` of it, if not all."""
        self.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help=what)

    def add_data(self, data: str, images: str) -> None:
        """The options that say which images it reads: the bundled sample of so many, or all of `data`."""
        self.add_argument("--data", choices=("sample", "full"), default="sample",
                          help=f"the bundled sample of {images} training images (default), or all of {data}")
        self.add_root(data, ", for --data full")

    def add_root(self, data: str, when: str = "") -> None:
        """The option that says where `data` is."""
        self.add_argument("--root", help=f"the folder of {data}{when}; what is not there is looked for in the folder "
                          "TINYNET_DATA and in a cache, then downloaded")

    def add_switches(self) -> None:
        """The options that change one thing in a net or in how it learns: what the papers compare."""
        add = self.add_argument
        add("--width", type=positive, help="multiplies the number of kernels and hidden units (default: 1)")
        self.add_layers()
        add("--no-lrn", action="store_const", const=False, dest="lrn", help="without local response normalisation")
        add("--pool", type=int, choices=(2, 3), help="2: windows of 2x2, which do not overlap, for those of 3x3")
        add("--dropout", type=below_1, metavar="P", help="with this probability; 0: none")
        add("--crops", choices=tuple(CROPS),
            help="in training: anywhere, the corners and the centre, or the centre alone")
        add("--no-mirror", action="store_const", const=False, dest="mirror", help="no mirror images in training")
        add("--momentum", type=below_1, help="of the updates (default: 0.9)")

    def add_layers(self) -> None:
        """The switches that suit every net: which layers it has, and how their biases begin."""
        self.add_argument("--without", nargs="+", metavar="LAYER",
                          help="leave out these layers, with what belongs to them")
        self.add_argument("--bias", type=finite, metavar="B", help="initial biases of all layers")

    def add_accumulate(self) -> None:
        """The option of all trainings that divides a batch in time, as ranks divide it in space."""
        self.add_argument("--accumulate", type=at_least(1), metavar="K",
                          help="send each batch through the net in K parts, with a K-th of the memory (default: 1)")

    def add_tensorboard(self) -> None:
        """The option of all trainings that lets TensorBoard draw their curves, where tensorboardX is installed."""
        self.add_argument("--tensorboard", action=_IfThere, nargs=0, default=False,
                          help="write event files for TensorBoard, too; needs tensorboardX")

    def say_not_used(self, args: argparse.Namespace, only: str, used: Sequence[str]) -> None:
        """A line for what was said beside the option `only`, which trains nothing and goes by what is `used` alone."""
        idle = [action.option_strings[-1] for action in self._actions
                if action.dest not in (only, "help", *used) and getattr(args, action.dest) != action.default]
        if idle:
            say(f"{', '.join(idle)}: not used, since --{only} trains nothing")

    def expect_root_of_all(self, args: argparse.Namespace, data: str) -> None:
        """A usage error for a --root that would not be read: all of `data` is read from there, a sample is not."""
        if args.root and args.data != "full":
            self.error(f"--root: the bundled sample needs no folder; for all of {data} add --data full")

    def again_with(self, arguments: Sequence[str] | None, args: argparse.Namespace, new: Sequence[str],
                   below: str | None = None) -> argparse.Namespace:
        """The options of the run in `args.resume`, but for those that may be `new`, unless `arguments` say otherwise.
        Its config has them, or the entry `below` in it."""
        say_out_is_not_used(args)
        try:
            config, path = read_config(args.resume), Path(args.resume) / "config.json"
            told = entry(path, config, below, dict) if below else config
            take_options(self, path, told, set(vars(args)) - set(new))
        except (OSError, ValueError) as error:
            self.error(f"--resume: {args.resume} holds no run that could be resumed: {error}")
        return self.parse_args(arguments)


def chosen_device(args: argparse.Namespace) -> Device:
    """The CPU, or the first GPU. Raises what `gpu` raises if there is none."""
    return cpu if args.device == "cpu" else gpu(0)


def kept_options(args: argparse.Namespace, new: Sequence[str]) -> dict[str, Any]:
    """The options, for the config of a run; but for those that may be `new` when it goes on."""
    return {name: value for name, value in vars(args).items() if name not in new}


class _IfThere(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, args: argparse.Namespace, *rest: Any) -> None:
        if find_spec("tensorboardX") is None:
            parser.error("--tensorboard: needs tensorboardX, which is not there: pip install tensorboardX")
        args.tensorboard = True


def switched(args: argparse.Namespace) -> dict[str, Any]:
    """The settings of the net (models/catalogue.py) that these options give."""
    given = {name: getattr(args, name) for name in SWITCHES}
    return {name: value if name != "dropout" or value else False for name, value in given.items() if value is not None}


def say_out_is_not_used(args: argparse.Namespace) -> None:
    """A line for an --out that is not the folder of --resume, which writes there."""
    if args.out and args.resume and Path(args.out) != Path(args.resume):
        say(f"--out {args.out} is not used: --resume writes to {args.resume}")


def go_on_with(command: str, args: argparse.Namespace, folder: Path, *paths: str, ranks: int = 1) -> str:
    """What to type to go on with the run in `folder`, on as many ranks. Its config.json has the options; but for those
    that are `paths`, which are given again, since on another machine they would be others."""
    given = "".join(f" --{name} {shlex.quote(path)}" for name in paths if (path := getattr(args, name)))
    start = f"mpiexec -n {ranks} " if ranks > 1 else ""
    return f"go on with: {start}python -m tinynet {command}{given} --resume {shlex.quote(str(folder))}"


@contextmanager
def ends_in_a_line(how_to_resume: str = "", stopped: str = "stopped") -> Iterator[None]:
    """What goes wrong in here in a way that can be foreseen ends the program with one line; Ctrl-C with the line
    `stopped`, and status 130."""
    try:
        yield
    except MemoryError as error:
        sys.exit(f"MemoryError: {error}" + (how_to_resume and f"; {how_to_resume}"))
    except (Diverged, ImportError, OSError, OverflowError, RuntimeError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        say(f"\n{stopped}" + (how_to_resume and f"; {how_to_resume}"))
        sys.exit(130)
