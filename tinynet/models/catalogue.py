"""All nets by name: what a command line, or the folder of a training, builds a net from.

    build("vgg16")                                    as in the paper
    build("alexnet", classes=10, input_size=128, width=0.25, columns=1, rng=rng)
    build("cifar-18pct", lrn=False, pool=2, rng=rng)  with something changed

A name stands for a function that returns the net; its arguments are the settings. Every net has these, too: `width` and
`without` (changed.py: left_out), and `lrn`, `pool`, `dropout` and `bias` (changed.py: changed). One that has nothing of
the kind, or layers that cannot be made to fit, as LeNet-5's C3 with its table of maps, says so.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from numbers import Real
from typing import Any

import numpy as np

from ..devices.device import Device, Simulated, cpu
from ..devices.pairs import pair
from ..init import generator
from ..layers.activation import Tanh
from ..net import Sequential
from ..parameter import drawn_later
from . import cifar
from .alexnet import alexnet, alexnet_half
from .changed import changed, left_out
from .googlenet import googlenet
from .lenet5 import lenet5
from .nin import nin_cifar, nin_small
from .resnet import resnet_cifar
from .vgg import TABLE_1, vgg
from .zfnet import zfnet


def _cifar(build_net: Callable[..., Sequential], side: int, device: Device = cpu,
           rng: np.random.Generator | None = None) -> Sequential:
    """A net of cifar.py for images of side x side pixels, with the settings that all nets have."""
    net = build_net(generator(rng))
    net.input_shape = (side, side, 3)  # what summary() takes if it is told no other
    return net.to(device)


def _cifar_resnet20(device: Device = cpu, rng: np.random.Generator | None = None, width: float = 1.0) -> Sequential:
    """Another width is its own affair: shortcuts must grow with the maps that they are added to."""
    return _cifar(partial(cifar.cifar_resnet20, width=width), 32, device, rng)


NETS: dict[str, Callable[..., Sequential]] = {
    "alexnet": alexnet, "alexnet-source": partial(alexnet, variant="source"), "alexnet-half": alexnet_half,
    "zfnet": zfnet,
    **{f"vgg-{column.lower()}": partial(vgg, column) for column in TABLE_1},
    "vgg16": partial(vgg, "D"), "vgg19": partial(vgg, "E"),
    "googlenet": googlenet,
    "nin-cifar": nin_cifar, "nin-small": nin_small,
    **{f"resnet{depth}": partial(resnet_cifar, depth) for depth in (20, 32, 44, 56)},
    "lenet5": lenet5, "lenet5-linear": partial(lenet5, "linear"),
    "cifar-sample": partial(_cifar, cifar.cifar_sample, 32),
    "cifar-sample-tanh": partial(_cifar, partial(cifar.cifar_sample, activation=Tanh), 32),
    "cifar-80sec": partial(_cifar, cifar.cifar_80sec, 32), "cifar-18pct": partial(_cifar, cifar.cifar_18pct, 32),
    "cifar-13pct": partial(_cifar, cifar.cifar_13pct, 24), "cifar-11pct": partial(_cifar, cifar.cifar_11pct, 24),
    "cifar-resnet20": _cifar_resnet20,
    "cifar-nin": partial(_cifar, cifar.cifar_nin, 32),
}


CHANGES = {"lrn": True, "pool": 3, "dropout": True, "bias": None}


def settings_of(name: str) -> dict[str, Any]:
    """The settings of the net called `name`, with their defaults. Raises ValueError if there is none of this name."""
    if name not in NETS:
        raise ValueError(f"no net is called {name!r}; there are {', '.join(NETS)}")
    settings = {p.name: p.default for p in signature(NETS[name]).parameters.values()}
    if "devices" in settings:
        settings["device"] = settings.pop("devices")
    return {**settings, "width": 1.0, "without": (), **CHANGES}


def build(name: str, **settings: Any) -> Sequential:
    """The net called `name`; what is not among the `settings` keeps its default.

    Some have the same meaning everywhere: `device`, a Device, for a net in two columns is turned into the pair of its
    kind; `width` multiplies the number of kernels and of hidden units, of nets in columns to even numbers; `without`
    names layers to leave out; and those of `changed`.

    Raises ValueError for a name or a setting that is unknown, and what the function behind the name raises.
    """
    known = settings_of(name)
    unknown = [setting for setting in settings if setting not in known]
    if unknown:
        raise ValueError(f"{name} has no setting {', '.join(map(repr, unknown))}; it has {', '.join(known)}")
    width = settings.get("width", 1.0)
    if not (isinstance(width, Real) and 0 < width < math.inf):
        raise ValueError(f"width: expected a number above 0, got {width!r}")
    own = signature(NETS[name]).parameters
    changes = {change: settings.pop(change) for change in CHANGES if change in settings}
    if "kernels" in own and "width" in settings:
        del settings["width"]
        settings["kernels"] = tuple(_even(width * k) for k in settings.get("kernels", known["kernels"]))
        settings["hidden"] = _even(width * settings.get("hidden", known["hidden"]))
    if "columns" in own:
        columns, device = settings.get("columns", known["columns"]), settings.pop("device", cpu)
        settings["devices"] = _pair_of(device) if columns == 2 else device
    structure = {of: settings.pop(of) for of in ("without", "width") if of in settings and of not in own}
    return changed(_structured(name, settings, **structure), **changes)


def _structured(name: str, settings: dict[str, Any], without: Sequence[str] = (), width: float = 1.0) -> Sequential:
    """The net, of another width or without some of its layers, where its function knows nothing of that."""
    if not without and width == 1:
        return NETS[name](**settings)
    settings["rng"] = generator(settings.get("rng"))
    with drawn_later():
        net = NETS[name](**settings)
    return left_out(net, without, settings["rng"], width)


def _pair_of(device: Device | None) -> tuple[Device, Device]:
    """Two devices of the same kind; for a GPU, or None, what `pair()` finds, two GPUs or two streams of one."""
    if not (device is None or isinstance(device, Device)):
        raise TypeError("expected one device, cpu or gpu(0) for example, whose pair the columns get, got "
                        f"{device!r}; for a pair of your choice, alexnet(devices=...)")
    return pair("cpu" if device is cpu else "simulated" if isinstance(device, Simulated) else None)


def _even(size: float) -> int:
    return max(2, 2 * round(size / 2))
