"""Is a backward right? Compare it with finite differences.

For a number w that the output y depends on, and any fixed dy,

    Σ dy · ∂y/∂w   ≈   Σ dy · (y(w + ε) - y(w - ε)) / 2ε                             (1)

The left side is what backward computes; the right side needs forward only. In float64 with ε = 1e-6 the two agree to
about nine digits, so a wrong term shows. dy is random: with a constant dy, errors that cancel in the sum would not
show. Where the function has a kink (ReLU at 0, two equal values in a max-pooling window) it has no derivative, and
(1) fails without any fault: choose inputs away from kinks.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from .container import current
from .devices.device import Device, device_of
from .layer import Layer
from .loss import SoftmaxCrossEntropy


def gradcheck(layer: Layer, x: Any, eps: float = 1e-6, *, labels: Any = None, train: bool = False,
              tolerance: float = 1e-5, samples: int | None = None, seed: int = 0) -> dict[str, float]:
    """Check the backward of a layer, a net or (given `labels`) a loss, at `x`, in float64.

    Returns the worst relative error of the input ("x") and of each parameter. A difference is taken relative to the
    larger of the two numbers, or to 1/1000 of the largest gradient in the same array, whichever is larger.
    `samples` checks that many random elements of each array, not all. With `train` the layer runs in training mode;
    its generators are wound back before each forward, so that every forward draws the same numbers.

    Raises AssertionError that names array and index, with the expected (numerical) and the computed gradient.
    """
    with current(layer.device):
        return _check(layer, x, eps, labels, train, tolerance, samples, seed)


def _check(layer: Layer, x: Any, eps: float, labels: Any, train: bool, tolerance: float, samples: int | None, seed: int
           ) -> dict[str, float]:
    probe = _Probe(layer, np.array(x, np.float64), labels, train, np.random.default_rng(seed))
    originals = [(p, p.value, p.grad) for _, p in layer.parameters()]
    try:
        for p, value, _ in originals:
            p.value, p.grad = value.astype(np.float64), None
        gradients = probe.analytical()
        report = {}
        for name, array in {"x": probe.x, **{name: p.value for name, p in layer.parameters()}}.items():
            if name == "x" and gradients[name] is None:
                continue  # the input of a net's first layer has no gradient
            got = None if gradients[name] is None else gradients[name].shape
            if got != array.shape:
                raise AssertionError(f"{layer.label}: the gradient of {name} should have shape {array.shape}, backward "
                                     f"has written {got}")
            report[name] = _compare(layer, name, probe, array, gradients[name], eps, tolerance, samples)
        return report
    finally:
        for p, value, grad in originals:
            p.value, p.grad = value, grad
        probe.rewind()


class _Probe:
    """Runs the layer again and again on its input, each time from the same state, in float64."""

    def __init__(self, layer: Layer, x: np.ndarray, labels: Any, train: bool, rng: np.random.Generator) -> None:
        self.layer, self.labels, self.train, self.rng = layer, labels, train, rng
        self.x = layer.device.asarray(x) if isinstance(layer.device, Device) else x  # Fork takes it from the host
        self.saved = [(s, s.bit_generator.state if isinstance(s, np.random.Generator) else s.copy())
                      for _, s in layer.state()]
        self.dy: Any = None

    def rewind(self) -> None:
        """Put generators and running statistics back to where they were."""
        for live, saved in self.saved:
            if isinstance(live, np.random.Generator):
                live.bit_generator.state = saved
            else:
                live[...] = saved

    def forward(self, keep: bool = False) -> np.ndarray:
        self.rewind()
        if isinstance(self.layer, SoftmaxCrossEntropy):
            return np.float64(self.layer.forward(self.x, self.labels))
        return self.layer.forward(self.x, train=self.train, keep=keep)

    def analytical(self) -> dict[str, np.ndarray | None]:
        """The gradient of Σ dy · y with respect to the input and every parameter, by backward; host arrays."""
        y = self.forward(keep=True)
        self.dy = self.rng.uniform(0.5, 1.5, np.shape(y)) * self.rng.choice([-1.0, 1.0], np.shape(y))
        if isinstance(self.layer, SoftmaxCrossEntropy):
            dx = self.layer.backward() * float(self.dy)
        else:
            dx = self.layer.backward(device_of(y).asarray(self.dy))
        found = {"x": dx, **{name: p.grad for name, p in self.layer.parameters()}}
        return {name: None if g is None else _host(g) for name, g in found.items()}

    def slope(self, array: Any, index: tuple[int, ...], step: float) -> float:
        """Σ dy · (y(w + step) - y(w)), divided by step, where w = array[index]."""
        before = _host(self.forward())
        old = float(array[index])
        array[index] = old + step
        after = _host(self.forward())
        array[index] = old
        return float((self.dy * (after - before)).sum()) / step


def _host(x: Any) -> np.ndarray:
    """A copy on the host: on the CPU, y may be a view of the input, which is about to change."""
    return np.array(device_of(x).tohost(x))


def _compare(layer: Layer, name: str, probe: _Probe, array: Any, gradient: np.ndarray, eps: float, tolerance: float,
             samples: int | None) -> float:
    """The worst relative error over the elements of one array."""
    floor = max(1e-3 * float(np.abs(gradient).max()), 1e-7)
    indices = range(array.size)
    if samples is not None and samples < array.size:
        indices = probe.rng.choice(array.size, samples, replace=False)
    worst = 0.0
    for i in indices:
        index = tuple(int(k) for k in np.unravel_index(i, array.shape))
        right, left = probe.slope(array, index, eps), probe.slope(array, index, -eps)
        expected, got = (right + left) / 2, float(gradient[index])                   # eq. (1)
        error = abs(expected - got) / max(abs(expected), abs(got), floor)
        if not error <= tolerance:
            kink = (f"; the slopes to the right ({right:.6g}) and to the left ({left:.6g}) differ, so there may be a "
                    "kink here: try other values of x") if abs(right - left) > 1e-3 * max(abs(right), abs(left)) else ""
            raise AssertionError(f"{layer.label}: the gradient of {name} at {index} is wrong: expected {expected:.9g}, "
                                 f"got {got:.9g}, relative error {error:.2g}{kink}")
        worst = max(worst, error)
    return worst
