"""Is a backward right? Compare it with finite differences.

For a number w that the output y depends on, and any fixed dy,

    Σ dy · ∂y/∂w   ≈   Σ dy · (y(w + ε) - y(w - ε)) / 2ε                             (1)

The left side is what backward computes; the right side needs forward only. In float64 with ε = 1e-6 the two agree to
about nine digits, so a wrong term shows. dy is random: with a constant dy, errors that cancel in the sum would not
show. (A loss is a single number; its dy is 1.)

Where the function has a kink (ReLU at 0, two equal values in a max-pooling window) it has no derivative, and (1) fails
without any fault: choose inputs away from kinks.
"""
from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from .container import current
from .devices.device import Device, device_of
from .layer import Layer
from .overlooked import expect_children, expect_state
from .sizes import as_int

ALL, SOME = 5000, 1000  # samples="auto" checks all of up to ALL elements; of more, about SOME


def gradcheck(layer: Layer, x: Any, eps: float = 1e-6, *, labels: Any = None, train: bool = False,
              tolerance: float = 1e-5, samples: int | None | Literal["auto"] = "auto", seed: int = 0
              ) -> dict[str, float]:
    """Check the backward of a layer or a net, or of a loss given its `labels` or targets, at `x`, in float64.

    Returns the worst relative error of the input, "x" (of a tuple of inputs "x[0]", "x[1]", ...), and of each
    parameter. A difference is taken relative to the larger of the two numbers, or to 1/1000 of the largest gradient in
    the same array if that is larger; the rounding of y, which (1) divides by 2ε, is no error. Left out are frozen
    parameters, and x if backward returns None for it, as it may in a net's first layer, or if a layer inside was made
    with input_grad=False: side by side with others, only their part of dx is there.

    Each element costs two forward passes. `samples` is the number of elements to check in each array, drawn at random,
    or None for all. "auto" takes all if the arrays have up to 5,000 together, else about 1,000, an equal number from
    each array, and prints how many. A long check shows on a terminal how far it is.

    With `train` the layer runs in training mode; its generators are wound back before each forward, so that every
    forward draws the same numbers. Afterwards the layer is as it was, and keeps nothing.

    Raises AssertionError that names array and index, with the expected (numerical) and the computed gradient;
    ValueError for an `eps` that is not above 0 and for `samples` that are none of these, TypeError for a loss without
    its `labels`; and what `expect_children` and `expect_state` raise.
    """
    if not eps > 0:
        raise ValueError(f"gradcheck: expected an eps above 0, got {eps!r}")
    samples = _checked(samples)
    if labels is None:
        try:
            inspect.signature(layer.forward).bind(x, train=train, keep=True)
        except TypeError as error:
            raise TypeError(f"gradcheck: {layer.label} takes more than x ({error}): of a loss, say gradcheck(loss, x, "
                            "labels=...), the labels or targets") from error
    expect_children(layer)
    expect_state(layer)
    with current(layer.device), _in_float64(layer):
        probe = _Probe(layer, x, labels, train, eps, np.random.default_rng(seed))
        try:
            return probe.check(samples, tolerance)
        finally:
            probe.rewind()
            layer.forget()  # a loss keeps what it needs in every forward: the last one's here was not its caller's


def _checked(samples: Any) -> int | str | None:
    try:
        return samples if samples is None or samples == "auto" else as_int(samples, "samples")
    except ValueError:
        raise ValueError(f"gradcheck: expected samples of 1 or more, None for all, or 'auto', got {samples!r}"
                         ) from None


class _Probe:
    """A layer at one point, run again and again from the same state."""

    def __init__(self, layer: Layer, x: Any, labels: Any, train: bool, eps: float, rng: np.random.Generator) -> None:
        self.layer, self.labels, self.train, self.eps, self.rng = layer, _in_double(labels), train, eps, rng
        bring = layer.device.asarray if isinstance(layer.device, Device) else np.asarray  # Fork takes x from the host
        inputs = [bring(np.array(part, np.float64)) for part in _parts(x)]
        self.x = tuple(inputs) if isinstance(x, tuple) else inputs[0]
        self.inputs = {f"x[{i}]" if isinstance(x, tuple) else "x": part for i, part in enumerate(inputs)}
        self.parameters = {name: p for name, p in layer.parameters() if p.trainable}
        self.arrays = {**self.inputs, **{name: p.value for name, p in self.parameters.items()}}
        self.saved = [(s, s.bit_generator.state if isinstance(s, np.random.Generator) else _host(s))
                      for _, s in layer.state()]

    def forward(self, keep: bool = False) -> Any:
        self.rewind()
        if self.labels is not None:
            return np.float64(float(self.layer.forward(self.x, self.labels)))
        return self.layer.forward(self.x, train=self.train, keep=keep)

    def rewind(self) -> None:
        """Put generators and running statistics back to where they were."""
        for live, saved in self.saved:
            if isinstance(live, np.random.Generator):
                live.bit_generator.state = saved
            else:
                with device_of(live) as device:
                    live[...] = device.asarray(saved)

    def by_backward(self) -> dict[str, np.ndarray]:
        """The left side of (1) for every element: the gradient of each array, on the host. Draws dy, keeps y."""
        y = self.forward(keep=True)
        self.y = [_host(part) for part in _parts(y)]
        if self.labels is not None:
            self.dy, dx = [1.0], self.layer.backward()
        else:
            self.dy = [self.rng.uniform(0.5, 1.5, a.shape) * self.rng.choice([-1.0, 1.0], a.shape) for a in self.y]
            dy = [device_of(a).asarray(d) for a, d in zip(_parts(y), self.dy, strict=True)]
            dx = self.layer.backward(tuple(dy) if isinstance(y, tuple) else dy[0])
        whole = all(getattr(layer, "input_grad", True) for _, layer in self.layer.walk())
        found = {} if dx is None or not whole else dict(zip(self.inputs, _parts(dx), strict=True))
        found |= {name: p.grad for name, p in self.parameters.items()}
        if not found:
            raise AssertionError(f"{self.layer.label}: nothing to check: backward has returned None, and no parameter "
                                 "is trained")
        for name, gradient in found.items():
            got, wanted = getattr(gradient, "shape", None), self.arrays[name].shape
            if got != wanted:
                raise AssertionError(f"{self.layer.label}: the gradient of {name} should have shape {wanted}, backward "
                                     f"has written {got}")
        return {name: _host(gradient) for name, gradient in found.items()}

    def output(self, name: str, index: tuple[int, ...], step: float) -> list[np.ndarray]:
        """y(w + step): copies, on the host."""
        array = self.arrays[name]
        with device_of(array):
            w = float(array[index])
            array[index] = w + step
        y = [_host(part) for part in _parts(self.forward())]
        with device_of(array):
            array[index] = w
        return y

    def change(self, before: list[np.ndarray], after: list[np.ndarray]) -> float:
        """Σ dy · (after - before)."""
        return sum(float((dy * (a - b)).sum()) for dy, a, b in zip(self.dy, after, before, strict=True))

    def check(self, samples: int | str | None, tolerance: float) -> dict[str, float]:
        """The worst error in each array; AssertionError at the first that is too large."""
        gradients = self.by_backward()
        length = sum(float(((dy * y) ** 2).sum()) for dy, y in zip(self.dy, self.y, strict=True)) ** 0.5
        rounding = 4 * 2.0 ** -53 * length / self.eps  # of y, a few units in the last of 53 digits, seen through (1)
        floors = {name: max(1e-3 * float(np.abs(g).max()), rounding / tolerance, 1e-7) for name, g in gradients.items()}
        worst = dict.fromkeys(gradients, 0.0)
        for name, index in _shown(self.chosen(gradients, samples), self.layer.label):
            error = self.error(name, index, float(gradients[name][index]), floors[name], tolerance)
            worst[name] = max(worst[name], error)
        return worst

    def chosen(self, gradients: dict[str, np.ndarray], samples: int | str | None) -> list[tuple[str, tuple[int, ...]]]:
        """(array, index) of every element to check."""
        total = sum(gradient.size for gradient in gradients.values())
        most = (max(1, SOME // len(gradients)) if total > ALL else None) if samples == "auto" else samples
        elements = []
        for name, g in gradients.items():
            few = most is not None and most < g.size
            flat = self.rng.choice(g.size, most, replace=False) if few else np.arange(g.size)
            elements += [(name, tuple(map(int, np.unravel_index(i, g.shape)))) for i in flat]
        if samples == "auto" and len(elements) < total:
            print(f"gradcheck: {len(elements):,} of the {total:,} elements of {self.layer.label} are checked, drawn at "
                  "random; samples=None checks all")
        return elements

    def error(self, name: str, index: tuple[int, ...], got: float, floor: float, tolerance: float) -> float:
        """The relative error of one element; AssertionError if it is too large."""
        after, before = self.output(name, index, self.eps), self.output(name, index, -self.eps)
        expected = self.change(before, after) / (2 * self.eps)                       # eq. (1)
        error = abs(expected - got) / max(abs(expected), abs(got), floor)
        if error <= tolerance:
            return error
        right, left = self.change(self.y, after) / self.eps, self.change(before, self.y) / self.eps
        kink = (f"; the slopes to the right ({right:.6g}) and to the left ({left:.6g}) differ, so there may be a kink "
                "here: try other values of x") if abs(right - left) > 1e-3 * max(abs(right), abs(left)) else ""
        raise AssertionError(f"{self.layer.label}: the gradient of {name} at {index} is wrong: expected "
                             f"{expected:.9g}, got {got:.9g}, relative error {error:.2g}{kink}")


def _shown(elements: list, label: str) -> Iterator[Any]:
    """Go through the elements. If that takes long, a line on the terminal says how far it is."""
    due, line = time.monotonic() + 2, ""
    for done, element in enumerate(elements):
        if time.monotonic() > due and sys.stderr and not sys.stderr.closed and sys.stderr.isatty():
            due, line = time.monotonic() + 0.2, f"gradcheck of {label}: {done:,} of {len(elements):,} elements"
            print(f"\r{line}", end="", file=sys.stderr, flush=True)
        yield element
    if line:
        print(f"\r{' ' * len(line)}\r", end="", file=sys.stderr, flush=True)        # gone again


@contextmanager
def _in_float64(layer: Layer) -> Iterator[None]:
    """In here all the layer's arrays are float64 copies; afterwards it has its own again, the same objects: values,
    gradients and their places in an optimiser's buffer, running statistics, a loss's probabilities, or none. And what
    was on no device is on none."""
    own = [(p, dict(vars(p))) for _, p in layer.parameters()]
    for inside in layer.tree():
        own.append((inside, {**_arrays(inside), "_device": inside._device}))
    try:
        for _, p in layer.parameters():
            with p.device:
                p.value, p.grad, p._place = p.value.astype(np.float64), None, None
        layer.astype(np.float64)
        yield
    finally:
        for owner, attributes in own:
            for new in _arrays(owner).keys() - attributes.keys():
                delattr(owner, new)
            vars(owner).update(attributes)


def _arrays(owner: Any) -> dict[str, Any]:
    """The attributes that are arrays."""
    return {name: a for name, a in vars(owner).items() if hasattr(a, "dtype")}


def _parts(x: Any) -> tuple:
    """x as a tuple: most layers have one input and one output, some a tuple of them."""
    return x if isinstance(x, tuple) else (x,)


def _in_double(labels: Any) -> Any:
    """Targets are numbers, as x is; labels stay whole numbers."""
    labels = labels if labels is None or hasattr(labels, "dtype") else np.asarray(labels)
    return labels.astype(np.float64) if labels is not None and labels.dtype.kind == "f" else labels


def _host(x: Any) -> np.ndarray:
    """A copy on the host: on the CPU, y may be a view of the input, which is about to change."""
    with device_of(x) as device:
        return np.array(device.tohost(x))
