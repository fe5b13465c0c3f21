"""Four ways to ask what excites a unit, side by side; and whether the answers have anything to do with learning.

    deconvnet, guided, gradient    down from the unit to the pixels of one image (deconvnet.py)
    ascent                         an image that excites the unit more, by steps along the gradient

The control is the same net with random weights, at the same place of the same layer. A way that shows the same there
shows the image, or how the net is wired, and not what was learned. How alike two pictures a, b of one image are is
their correlation over all numbers,

    r = Σ (a - ā)(b - b̄) / √(Σ (a - ā)² · Σ (b - b̄)²)                                (1)

and, since a unit of the random net may as well see light where the trained one sees dark, that of |a| and |b|. The ways
agree in some measure by the receptive field alone: outside it all are 0.
"""
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..devices.device import on_host
from ..net import Sequential
from .deconvnet import METHODS, climb, passed_up, project

WAYS = (*METHODS, "ascent")
STEPS, DECAY = 100, 0.05  # of the ascent: after them .6 % of the image it began with are left


class Picked(NamedTuple):
    """One activation in each of N images: of the map units[i], at the place flat[i] in row-major order."""

    units: np.ndarray  # (N,)
    flat: np.ndarray   # (N,); 0 where the layer gives vectors


def pick(net: Sequential, x: np.ndarray, at: str, unit: int | None = None, flat: np.ndarray | None = None) -> Picked:
    """The highest activation of the layer called `at` in each of x (N, H, W, C): of all, or of a map, or at a place.

    Raises KeyError and ValueError as `project` does.
    """
    y = _activations(net, x, at)                                                     # (N, P·Q, F)
    if unit is not None and not 0 <= unit < y.shape[-1]:
        raise ValueError(f"{at}: expected units from 0 to {y.shape[-1] - 1}, got {unit!r}")
    images = np.arange(len(x))
    if flat is not None:
        if np.shape(flat) != (len(x),) or np.min(flat) < 0 or np.max(flat) >= y.shape[1]:
            raise ValueError(f"{at}: expected a place from 0 to {y.shape[1] - 1} for each image, got {flat}")
        return Picked(y[images, flat].argmax(axis=-1), flat)
    units = y.max(axis=1).argmax(axis=-1) if unit is None else np.full(len(x), unit)
    return Picked(units, y[images, :, units].argmax(axis=-1))


def shown_by(way: str, net: Sequential, x: np.ndarray, at: str, picked: Picked, scale: float = 1.0) -> np.ndarray:
    """What one of the WAYS shows of the activations picked in x (N, H, W, C): as large. `scale` is that of the view: a
    step of the ascent is of about one grey level. Raises what `project` raises, which has the other ways."""
    Q = _width(net, x, at)
    found = []
    for i, (unit, flat) in enumerate(zip(*picked, strict=True)):
        place = None if Q is None else divmod(int(flat), Q)
        found.append(climb(net, x[i:i + 1], at, int(unit), place, STEPS, 1 / scale, DECAY) if way == "ascent" else
                     project(net, x[i:i + 1], at, int(unit), place, way))
    return np.concatenate(found)


def _width(net: Sequential, x: np.ndarray, at: str) -> int | None:
    """Of the maps of the layer called `at`; None where it gives vectors."""
    y = passed_up(net, x[:1], at)[at][1]
    return y.shape[2] if y.ndim == 4 else None


def alike(a: Any, b: Any) -> np.ndarray:
    """(1) of each pair of pictures (N, H, W, C): (N,), from -1 to 1; 0 for a picture that is the same everywhere."""
    a, b = (np.asarray(each, np.float64).reshape(len(each), -1) for each in (a, b))
    same = [each.min(axis=1) == each.max(axis=1) for each in (a, b)]                 # less its mean, it is rounding
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    size = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.where(same[0] | same[1], 0, (a * b).sum(axis=1) / np.where(size > 0, size, 1))


def _activations(net: Sequential, x: np.ndarray, at: str) -> np.ndarray:
    """What the layer called `at` gives, on the host, with its places in a row: (N, P·Q, F)."""
    y = passed_up(net, x, at)[at][1]
    return on_host(y).reshape(len(x), -1, y.shape[-1])
