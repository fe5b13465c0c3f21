"""Initial values of weights and biases.

An initialiser is a function `(rng, shape) -> float32 array`. `rng` is a `numpy.random.Generator`: numbers are drawn
on the host, so that every device starts from the same ones.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Initialiser = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def generator(rng: np.random.Generator | None) -> np.random.Generator:
    """`rng`, or, if it is None, a new one, each time another. Raises TypeError for anything else: a seed, say."""
    if not (rng is None or isinstance(rng, np.random.Generator)):
        raise TypeError(f"rng: expected None or a Generator, got {rng!r}; make one with "
                        "numpy.random.default_rng(seed)")
    return np.random.default_rng() if rng is None else rng


def expect_generator(rng: np.random.Generator, what: str) -> None:
    """Raise TypeError, in the name of `what`, for a seed, or nothing, where a Generator is to be."""
    if rng is None or isinstance(rng, (int, np.integer)):
        raise TypeError(f"{what}: expected a Generator as rng, got {rng!r}; make one with "
                        "numpy.random.default_rng(seed)")


def gaussian(std: float = 0.01, mean: float = 0.0) -> Initialiser:
    """N(mean, std). AlexNet, section 5, draws every weight from N(0, 0.01). Raises ValueError for an std below 0."""
    _expect_not_negative(std, "gaussian std")

    def init(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        expect_generator(rng, "gaussian")
        return rng.normal(mean, std, shape).astype(np.float32)
    return init


def constant(value: float = 0.0) -> Initialiser:
    """Every element the same. AlexNet, section 5: biases 1 in conv2, conv4, conv5 and fc6, fc7; 0 elsewhere."""
    def init(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return np.full(shape, value, np.float32)
    return init


def fan_in(gain: float = 2.0) -> Initialiser:
    """N(0, sqrt(gain / inputs of one unit)): keeps the scale of the activations from layer to layer.

    gain 2 suits ReLU, which halves the variance (He et al. 2015); gain 1 suits tanh (LeCun et al. 1998). The number
    of inputs is the product of the axes before the last, at most three of them: `(KH, KW, C)` or `(in,)`. Raises
    ValueError for a gain below 0.
    """
    _expect_not_negative(gain, "fan_in gain")

    def init(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        expect_generator(rng, "fan_in")
        return rng.normal(0.0, (gain / _inputs(shape)) ** 0.5, shape).astype(np.float32)
    return init


def uniform_fan_in(bound: float = 2.4) -> Initialiser:
    """Evenly spread between ±bound / inputs of one unit, counted as in `fan_in`. LeCun et al. 1998, appendix A. Raises
    ValueError for a bound below 0."""
    _expect_not_negative(bound, "uniform_fan_in bound")

    def init(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        expect_generator(rng, "uniform_fan_in")
        limit = bound / _inputs(shape)
        return rng.uniform(-limit, limit, shape).astype(np.float32)
    return init


def _expect_not_negative(value: float, what: str) -> None:
    if not 0 <= value < float("inf"):
        raise ValueError(f"{what}: expected a finite number, 0 or more, got {value!r}")


def _inputs(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape[-4:-1]))


class Zeros(np.random.Generator):
    """Draws only zeros, which takes no time: a table does not depend on the weights, and VGG has 138 million."""

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> np.ndarray:
        return np.zeros(size, np.float32)

    uniform = normal


def zeros() -> Zeros:
    """A generator for nets that are only counted."""
    return Zeros(np.random.PCG64(0))
