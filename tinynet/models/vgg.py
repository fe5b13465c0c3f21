"""VGG (Simonyan and Zisserman 2015): small kernels only, and depth; the six nets of Table 1, 11 to 19 layers.

Two 3x3 convolutions see a window of 5x5, three one of 7x7, with fewer parameters than one large kernel and a ReLU after
each. A net is five blocks of convolutions that keep the size of their maps, each block followed by a 2x2 max-pooling
that halves it; then three fully-connected layers:

    input 224x224x3    block 1 224x224    block 2 112x112    block 3 56x56    block 4 28x28    block 5 14x14
    pool5 7x7x512      fc6 4096    fc7 4096    fc8 1000, softmax

Weights start as N(0, 0.01), biases at 0. (The paper says a variance of 10^-2; with a standard deviation of 0.1 the
activations would grow almost fivefold from layer to layer in blocks 4 and 5.) From such small weights a deep net hardly
begins to learn, so the paper starts it from the layers of a trained shallow one (section 3.1): `start_from`.
"""
from __future__ import annotations

import numpy as np

from ..devices.device import Device, cpu
from ..init import Initialiser, gaussian, generator
from ..layer import Layer
from ..layers.activation import ReLU
from ..layers.conv import Conv2d
from ..layers.dropout import Dropout
from ..layers.linear import Flatten, Linear
from ..layers.lrn import LRN
from ..layers.pool import MaxPool2d
from ..net import Sequential
from ..parameter import select

# Each line is a column of the paper's table. "3-64" is a 3x3 convolution with 64 kernels; a max-pooling stands at each
# "|" and at the end. D is known as VGG-16, E as VGG-19, by the number of their layers with weights.
TABLE_1 = {
    "A":     "3-64      | 3-128       | 3-256 3-256             | 3-512 3-512             | 3-512 3-512",
    "A-LRN": "3-64 LRN  | 3-128       | 3-256 3-256             | 3-512 3-512             | 3-512 3-512",
    "B":     "3-64 3-64 | 3-128 3-128 | 3-256 3-256             | 3-512 3-512             | 3-512 3-512",
    "C":     "3-64 3-64 | 3-128 3-128 | 3-256 3-256 1-256       | 3-512 3-512 1-512       | 3-512 3-512 1-512",
    "D":     "3-64 3-64 | 3-128 3-128 | 3-256 3-256 3-256       | 3-512 3-512 3-512       | 3-512 3-512 3-512",
    "E":     "3-64 3-64 | 3-128 3-128 | 3-256 3-256 3-256 3-256 | 3-512 3-512 3-512 3-512 | 3-512 3-512 3-512 3-512",
}


def vgg(column: str = "D", classes: int = 1000, input_size: int = 224, width: float = 1.0, device: Device = cpu,
        rng: np.random.Generator | None = None, weight_init: Initialiser = gaussian(0.01)) -> Sequential:
    """One of the nets of Table 1, "A", "A-LRN", "B", "C", "D" or "E", for images (input_size, input_size, 3), ending in
    the classes' scores. Layers are called conv1_1, relu1_1, conv1_2, ..., pool5, fc6, fc7, fc8.

    width         multiplies the number of kernels of every convolution and of units of fc6 and fc7
    weight_init   other initial weights: with Glorot and Bengio's, much like `fan_in(1.0)`, the authors later found, a
                  deep net needs no shallow one to start from

    Raises ValueError for a column that is none, and for sizes that leave a layer without pixels or kernels.
    """
    if column not in TABLE_1:
        raise ValueError(f"vgg: the columns are {', '.join(map(repr, TABLE_1))}, got {column!r}")
    if input_size < 32 or width < 1 / 64:
        raise ValueError(f"vgg: expected images of 32x32 pixels or more, which are halved five times, and a width of "
                         f"1/64 or more, got input_size={input_size} and width={width}")
    rng = generator(rng)
    at = {"device": device, "rng": rng, "weight_init": weight_init}
    convolutions, C = _blocks(TABLE_1[column], width, at)
    places, hidden = (input_size // 32) ** 2, round(4096 * width)
    net = Sequential(
        **convolutions, flat=Flatten(),
        fc6=Linear(places * C, hidden, **at), relu6=ReLU(), drop6=Dropout(0.5, rng),
        fc7=Linear(hidden, hidden, **at), relu7=ReLU(), drop7=Dropout(0.5, rng),
        fc8=Linear(hidden, classes, **at))
    net.input_shape = (input_size, input_size, 3)  # what summary() takes if it is told no other
    return net


def _blocks(column: str, width: float, at: dict) -> tuple[dict[str, Layer], int]:
    """The layers of a line of Table 1 by name, and the number of maps that the last of them gives."""
    layers: dict[str, Layer] = {}
    C = 3
    for block, entries in enumerate(column.split("|"), 1):
        for i, entry in enumerate(entries.split(), 1):
            if entry == "LRN":
                layers[f"norm{block}"] = LRN()
                continue
            K, F = map(int, entry.split("-"))
            F = round(F * width)
            layers[f"conv{block}_{i}"] = Conv2d(C, F, K, padding=K // 2, input_grad=bool(layers), **at)
            layers[f"relu{block}_{i}"] = ReLU()
            C = F
        layers[f"pool{block}"] = MaxPool2d(2)
    return layers, C


def start_from(deep: Sequential, shallow: Sequential) -> list[str]:
    """Copy into `deep` the layers of a trained `shallow` net that section 3.1 starts it from: the first four
    convolutions and the three fully-connected layers. All else keeps its random values.

    A layer goes to the one of the same name: the convolutions of A are conv1_1, conv2_1, conv3_1 and conv3_2. Returns
    the names of the layers that were copied. Raises ValueError if they do not fit; `deep` is unchanged then.
    """
    convolutions = [name for name, layer in shallow.children() if isinstance(layer, Conv2d)]
    names = (*convolutions[:4], "fc6", "fc7", "fc8")
    given = select(shallow.parameters(), names, "start_from: the shallow net")
    taken = select(deep.parameters(), names, "start_from: the deep net")
    wrong = [f"{name} has shape {p.shape}, the shallow net offers {given[name].shape}"
             for name, p in taken.items() if p.shape != given[name].shape]
    if wrong:
        raise ValueError("start_from: the nets do not fit:\n  " + "\n  ".join(wrong))
    for name, p in taken.items():
        p.assign(given[name].device.tohost(given[name].value))
    return list(names)
