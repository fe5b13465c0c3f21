"""From one activation back to the pixels that caused it: ZFNet, section 2.1.

To see what excites a unit, all other activations of its layer are set to 0, and what is left, the activation a, goes
down through the net, each layer undone by a counterpart:

    convolution    convolution with the same kernels, transposed        (equation (4) of layers/conv.py)
    max pooling    unpooling, by the switches of the way up             (layers/unpool.py)
    ReLU           ReLU again, since what went up was never negative
    LRN            nothing: the paper uses no "contrast normalization operations when in this reconstruction path"
    all others     their transpose at this input, which is what their backward computes

What arrives is not the gradient. Three ways down differ in what begins, and then where the net is not linear:

                   begins     ReLU: d passes where        max pooling: overlapping windows      LRN
    gradient       1          the input was positive      add                                   its gradient
    deconvnet      a          d itself is positive        write                                 skipped
    guided         1          both are                    add                                   its gradient

"gradient" is ∂a/∂x, the saliency of Simonyan et al. 2014, "guided" the guided back-propagation of Springenberg et al.
2015. Through a linear net the deconvnet's picture is a times theirs. Where a is negative, as a score may be, or what a
ReLU is given, it shows the opposite: not what excites the unit, but what keeps it down. The paper has no such case, for
its features all come out of a ReLU.

A net that has not learned anything gives pictures too: compare with one of random weights before believing them.
"""
from __future__ import annotations

import copy
from typing import Any

import numpy as np

from ..columns import Columns, Exchange, Fork, Join, Pair
from ..container import current
from ..devices.device import device_of, on_host
from ..layer import Layer, aside
from ..layers.activation import ReLU
from ..layers.conv import Conv2d
from ..layers.linear import Linear
from ..layers.lrn import LRN, WithinMapNorm
from ..layers.pool import MaxPool2d, max_pool_forward
from ..layers.unpool import unpool_forward
from ..net import Branches, Sequential, Sum, added
from ..parameter import Parameter
from ..sizes import as_int

METHODS = ("deconvnet", "gradient", "guided")
Passed = dict[str, tuple[Any, Any]]  # what each layer was given and made of it, by its name


def project(net: Sequential, x: np.ndarray, at: str, unit: int | np.ndarray, place: tuple[int, int] | None = None,
            method: str = "deconvnet") -> np.ndarray:
    """What caused the activation of one unit of the layer called `at`, in the pixels of x (N, H, W, C): (N, H, W, C).

    x       the net's input, as `view.center` gives it; the net runs as in a test
    unit    the index of the map (or of the number, where the layer gives vectors); or one for each image, (N,)
    place   (row, column) in the map; by default where it is strongest, in each image its own
    method  of a negative activation "deconvnet" shows what keeps it down; the two others show what would raise it

    Raises KeyError for a layer that the net does not have or that is made of others, ValueError for one beside the
    net's own, as GoogLeNet's heads are, a unit or a place that the layer does not have, and for another method.
    """
    if method not in METHODS:
        raise ValueError(f"project: expected a method of {', '.join(METHODS)}, got {method!r}")
    passed = passed_up(net, x, at)
    with device_of(passed[at][1]) as device:
        y = device.tohost(passed[at][1])
        begins = y if method == "deconvnet" else np.ones_like(y)
        alone = device.asarray(np.where(picked(y, at, unit, place), begins, 0))
    down = _WayDown(passed, method).from_layer(net[:at.partition(".")[0]], "", at, alone)
    return on_host(down)


def climb(net: Sequential, x: np.ndarray, at: str, unit: int, place: tuple[int, int] | None = None, steps: int = 100,
          rate: float = 1.0, decay: float = 0.01) -> np.ndarray:
    """An image that excites a unit more than x does, by gradient ascent from there: (N, H, W, C).

    In each step, with a the activation and the mean over all numbers of an image,

        x ← (1 - decay) x + rate · g / √mean(g²)        g = ∂a/∂x

    the decay keeps small what the unit does not see. Simonyan et al. 2014, section 2. Raises what `project` raises.
    """
    for _ in range(steps):
        g = project(net, x, at, unit, place, "gradient")
        size = np.sqrt((g * g).mean(axis=tuple(range(1, g.ndim)), keepdims=True))
        x = (1 - decay) * x + rate * g / np.where(size > 0, size, 1)
    return x


def passed_up(net: Sequential, x: np.ndarray, at: str) -> Passed:
    """What every layer up to the one called `at` is given and makes of it, in a forward pass that leaves no trace."""
    layers, passed = {name: layer for name, layer in net.walk() if not layer.children()}, {}
    if at not in layers:
        raise KeyError(f"{net.label}: no layer is called {at!r}; there are {', '.join(layers)}")
    if (first := at.partition(".")[0]) not in net.layers:
        raise ValueError(f"{net.label}: {first} is beside the net's layers, not one of them: {', '.join(net.layers)}")

    def note(name: str, layer: Layer, x: Any, y: Any) -> None:
        passed[name] = x, y

    with aside():
        net[:first].forward(x, seen=note)
    return passed


def picked(y: np.ndarray, at: str, unit: int | np.ndarray, place: tuple[int, int] | None) -> np.ndarray:
    """Which one of the numbers of each image, in y (N, P, Q, F) or (N, F): bool, as large as y."""
    N, F = len(y), y.shape[-1]
    units = np.broadcast_to(np.asarray(unit), N)
    if units.dtype.kind not in "iu" or units.min() < 0 or units.max() >= F:
        raise ValueError(f"{at}: expected units from 0 to {F - 1}, got {unit!r}")
    rows, found = y.reshape(N, -1, F), np.zeros((N, y.size // (N * F), F), bool)     # (N, P·Q, F)
    images = np.arange(N)
    if place is None:
        flat = rows[images, :, units].argmax(axis=1)
    else:
        P, Q = y.shape[1:3] if y.ndim == 4 else (1, 1)
        p, q = as_int(place[0], f"{at} row", least=0), as_int(place[1], f"{at} column", least=0)
        if p >= P or q >= Q:
            raise ValueError(f"{at}: expected a place in maps of {P} x {Q}, got {place}")
        flat = np.full(N, p * Q + q)
    found[images, flat, units] = True
    return found.reshape(y.shape)


class _WayDown:
    """The layers in the opposite order. `d` is what comes down: an array, or a Pair between Fork and Join."""

    def __init__(self, passed: Passed, method: str) -> None:
        self.passed, self.method = passed, method

    def from_layer(self, layer: Layer, name: str, at: str, d: Any) -> Any:
        """From the output of the layer called `at`, which is this one or lies in it, to the input of this one."""
        if name == at:
            return self.through(layer, name, d)
        within = at[len(name) + 1:] if name else at
        children = [(child, part, _joined(name, child)) for child, part in layer.children()]
        i = [child for child, _, _ in children].index(within.partition(".")[0])
        d = self.from_layer(children[i][1], children[i][2], at, d)
        if isinstance(layer, Sequential):
            for _, part, full in reversed(children[:i]):
                d = self.through(part, full, d)
        elif isinstance(layer, Columns):
            other = children[1 - i][2]
            d = Pair([d, self._nothing(other)] if i == 0 else [self._nothing(other), d], layer.device)
        return d

    def through(self, layer: Layer, name: str, d: Any) -> Any:
        """From the output of a layer to its input."""
        children = [(part, _joined(name, child)) for child, part in layer.children()]
        if isinstance(layer, Sequential):
            for part, full in reversed(children):
                d = self.through(part, full, d)
            return d
        if isinstance(layer, Branches):
            ends = np.cumsum([self._channels(part, full) for part, full in children])[:-1]
            parts = [d[..., a:b] for a, b in zip([0, *ends], [*ends, None], strict=True)]
            return added([self.through(part, full, of) for (part, full), of in zip(children, parts, strict=True)],
                         layer.device)
        if isinstance(layer, Sum):
            return added([self.through(part, full, d) for part, full in children], layer.device)
        if isinstance(layer, Columns):
            return Pair([self.through(part, full, of) for (part, full), of in zip(children, d, strict=True)],
                        layer.device)
        with current(layer.device):
            return self._leaf(layer, *self.passed[name], d)

    def _leaf(self, layer: Layer, x: Any, y: Any, d: Any) -> Any:
        if isinstance(layer, Fork):
            return layer.transpose(d, None if isinstance(x, np.ndarray) else device_of(x))
        if isinstance(layer, (Exchange, Join)):
            return layer.transpose(d, x[0].shape[-1], x.devices)
        if isinstance(layer, Conv2d):
            return layer.transpose(d, x.shape[1:3])
        if isinstance(layer, Linear):
            return d @ layer.W.value.T
        if self.method == "deconvnet" and isinstance(layer, (LRN, WithinMapNorm)):
            return d
        if self.method == "deconvnet" and isinstance(layer, MaxPool2d):
            return _unpooled(layer, x, d)
        if self.method != "gradient" and isinstance(layer, ReLU):
            passes = d > 0 if self.method == "deconvnet" else (d > 0) & (y > 0)
            return d * passes
        return _gradient(layer, x, d)

    def _channels(self, layer: Layer, name: str) -> int:
        """Of the output of a layer."""
        children = [(part, _joined(name, child)) for child, part in layer.children()]
        if isinstance(layer, Branches):
            return sum(self._channels(*child) for child in children)
        return self._channels(*children[-1]) if children else self.passed[name][1].shape[-1]

    def _nothing(self, name: str) -> Any:
        """Zeros for the column where nothing was picked, of one layer or several: its first one's input."""
        x = next(x for passed, (x, _) in self.passed.items() if f"{passed}.".startswith(f"{name}."))
        with device_of(x) as device:
            return device.xp.zeros_like(x)


def _joined(name: str, child: str) -> str:
    return f"{name}.{child}" if name else child


def _unpooled(layer: MaxPool2d, x: Any, d: Any) -> Any:
    """d, where the largest of each window of x stands."""
    xp, windows = layer.device.xp, (layer.kernel_size, layer.stride, layer.padding)
    switches = layer.empty(d.shape, np.min_scalar_type(layer.kernel_size[0] * layer.kernel_size[1]))
    max_pool_forward(x, layer.empty(d.shape, x.dtype), switches, *windows, xp)
    up = layer.empty(x.shape, d.dtype)
    unpool_forward(d, switches, up, *windows, xp)
    return up


def _gradient(layer: Layer, x: Any, d: Any) -> Any:
    """The transpose of the layer at x: its backward, without a trace in the layer."""
    twin = copy.deepcopy(layer) if layer.children() else copy.copy(layer)  # one of one's own may be made of others
    for name, value in vars(layer).items():
        if isinstance(value, Parameter):
            setattr(twin, name, copy.copy(value))
    twin.freeze()
    for part in twin.tree():
        if hasattr(part, "input_grad"):  # the first layer of a net has no dx otherwise
            part.input_grad = True
    twin.forward(x, keep=True)
    return twin.backward(d)
