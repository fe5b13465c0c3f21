"""Nets that come with tinynet, already trained: to look into one without training it first.

    trained = pretrained("80sec")                          # as `load_run` gives it: net, view, classes, config
    trained.probabilities(cifar10_sample().test)           # (1000, 10)

    80sec    cifar.py's net of that name after its published recipe, on all of CIFAR-10; 145,578 parameters

Each is the folder of a run, without its checkpoints, in `trained/`; `python tools/make_pretrained.py` writes it.
"""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..devices.device import Device, cpu

if TYPE_CHECKING:
    from ..training.evaluate import Trained

FOLDER = Path(__file__).with_name("trained")
PRETRAINED = ("80sec",)


def pretrained(name: str, device: Device = cpu) -> Trained:
    """The trained net called `name`, with its view and its classes. Raises ValueError if there is none of this name."""
    from ..training.evaluate import load_net  # training builds nets by their names, so it stands above them

    if name not in PRETRAINED:
        raise ValueError(f"no trained net called {name!r} comes with tinynet; there are {', '.join(PRETRAINED)}")
    return load_net(FOLDER / name, device)
