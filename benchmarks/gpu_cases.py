"""What gpu.py measures: the nets, and who runs them."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from cpu import SMALL, without_lrn

from tinynet import Sequential, gpu, pair
from tinynet.models import alexnet, cifar, googlenet, vgg, zfnet
from tinynet.parameter import drawn_later


class Case(NamedTuple):
    batch: int
    build: Callable[[int], Sequential]  # of the number of columns
    input_shape: tuple[int, ...]
    columns: tuple[int, ...] = (1,)
    steps: int = 5                      # asked for in a row


class Contender(NamedTuple):
    who: str
    columns: int = 1
    layout: str = ""                    # of PyTorch
    cudnn: bool = True
    tf32: bool = False
    graph: bool = False


CONTENDERS = (
    Contender("one column"), Contender("one column, graph", graph=True),
    Contender("PyTorch NCHW", layout="PyTorch NCHW"),
    Contender("PyTorch channels_last", layout="PyTorch channels_last"), Contender("two columns", columns=2),
    Contender("two columns, graph", columns=2, graph=True),
    Contender("one column, TF32", tf32=True), Contender("PyTorch NCHW, TF32", layout="PyTorch NCHW", tf32=True),
    Contender("PyTorch channels_last, TF32", layout="PyTorch channels_last", tf32=True),
    Contender("PyTorch NCHW, no cuDNN", layout="PyTorch NCHW", cudnn=False),
    Contender("PyTorch channels_last, no cuDNN", layout="PyTorch channels_last", cudnn=False))


def quickly(make: Callable[[np.random.Generator], Sequential]) -> Sequential:
    """The net that `make(rng)` gives, with weights that repeat themselves: to draw 138 million takes longer than to
    measure. (Zeros would not do: a GPU that multiplies them needs less power, and may be faster.)"""
    rng = np.random.default_rng(0)
    some = 0.01 * rng.standard_normal(10 ** 6, np.float32)
    with drawn_later():
        net = make(rng)
    for name, p in net.parameters():
        if name.endswith("W"):
            p.start_as(lambda rng, shape: np.resize(some, shape), rng)
        p.draw(rng)
    return net


def alexnet_case(batch: int, lrn: bool, **sizes: Any) -> Case:
    def build(columns: int) -> Sequential:
        devices = gpu(0) if columns == 1 else pair("streams")
        net = quickly(lambda rng: alexnet(columns=columns, devices=devices, rng=rng, **sizes))
        return net if lrn else without_lrn(net)
    return Case(batch, build, (sizes.get("input_size", 224),) * 2 + (3,), (1, 2))


def case(batch: int, make: Callable[..., Sequential], side: int, steps: int = 5, **options: Any) -> Case:
    def build(columns: int) -> Sequential:
        return quickly(lambda rng: make(rng=rng, **options).to(gpu(0)))
    return Case(batch, build, (side, side, 3), (1,), steps)


CASES = {"alexnet-128": alexnet_case(128, lrn=True), "alexnet-128-nolrn": alexnet_case(128, lrn=False),
         "80sec-128": case(128, cifar.cifar_80sec, 32, steps=100), "vgg16-32": case(32, vgg, 224),
         "googlenet-128": case(128, googlenet, 224, heads=False), "zfnet-128": case(128, zfnet, 224),
         "tiny": alexnet_case(4, lrn=True, **SMALL),  # for the tests
         "tiny-googlenet": case(2, googlenet, 64, heads=False, width=1 / 16, classes=10),
         "tiny-zfnet": case(2, zfnet, 67, input_size=67, kernels=(4, 4, 4, 4, 4), hidden=8)}
