"""A net built again as the config of its run says, with the weights in a file, and no larger than these.

The folder of a run may come from anybody. Its config may ask for a net of a million millions of weights: hardly more
are drawn than the file has. A file may be a thousandth of what it unpacks to: weights are not, so no file is believed
to hold more than MOST_UNPACKED times its own size.
"""
from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..devices.device import Device, cpu
from ..files.arrays import ArrayFile
from ..files.reading import wrong
from ..files.storage import TRAINING
from ..init import generator
from ..models.catalogue import build
from ..net import Sequential

MOST_UNPACKED = 100  # bytes of a net for each byte of its file
DRAWN_TWICE = 2      # some nets draw weights and then others in their place
SMALL = 2 ** 22      # so many weights may be drawn for any file: then what does not fit can be named one by one


class _Bounded(np.random.Generator):
    """Draws what another generator on the same bits would, but so many numbers and no more."""

    left = 0

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> np.ndarray:
        self._count(size)
        return super().normal(loc, scale, size)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> np.ndarray:
        self._count(size)
        return super().uniform(low, high, size)

    def spawn(self, n_children: int) -> list[np.random.Generator]:  # those of the dropouts, which stay
        return [np.random.Generator(bits) for bits in self.bit_generator.spawn(n_children)]

    def _count(self, shape: tuple[int, ...]) -> None:
        self.left -= math.prod(shape)
        if self.left < 0:
            raise ValueError("it has more weights than the file")


def rebuilt(config: str | os.PathLike, name: Any, settings: dict[str, Any], weights: Path, device: Device = cpu,
            rng: np.random.Generator | None = None) -> Sequential:
    """The net called `name` in the catalogue, with these settings, which the file `config` has, and the arrays in the
    file `weights`. Raises DataError if there is no such net, or it is another one than that of the weights."""
    bounded = _Bounded(generator(rng).bit_generator)
    bounded.left = max(SMALL, DRAWN_TWICE * _numbers(weights))
    try:
        net = build(name, **settings, device=device, rng=bounded)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:  # settings can be anything
        raise wrong(config, f"a net and settings that can be built, with the weights in {weights}",
                    f"the error {error}", "Put the settings right, or name the folder of another run") from error
    return net.load(weights)


def _numbers(weights: Path) -> int:
    """How many the net in the file has."""
    with ArrayFile(weights) as file:
        of_net = [header for name, header in file.headers.items() if not name.startswith(TRAINING)]
    size, unpacked = os.path.getsize(weights), sum(header.nbytes for header in of_net)
    if unpacked > MOST_UNPACKED * size:
        raise wrong(weights, f"a net of at most {MOST_UNPACKED} times the file's {size:,} bytes", f"{unpacked:,} bytes",
                    f"If it is right, set {__name__}.MOST_UNPACKED higher")
    return sum(math.prod(header.shape) for header in of_net)
