"""What the first layer looks for: its kernels as pictures. AlexNet, Figure 3.

A kernel of the first convolution multiplies red, green and blue pixels, so it can be looked at as an image: what it
shows is what excites its unit most. Weights have no natural black and white. Each kernel is drawn around a middle grey,
which stands for 0, and stretched until its largest weight, of whichever sign, is white or black:

    pixel = 127.5 + 127.5 · w / max |w|                                              (1)

So weak kernels show as clearly as strong ones, and one that has learned nothing shows as noise.

How colourful a kernel is: every pixel (r, g, b) of it splits into a grey part, its mean m in all three channels, and
what is left, its colour. The two are orthogonal, so their squares add up to the whole.

    share = Σ (w - m)² / Σ w²                                                        (2)

It is 0 for a kernel that sees brightness only, 1 for one that sees only differences between the channels, and 2/3 on
average for independent random weights: a net that starts there has to unlearn colour to become colour-agnostic.
"""
from __future__ import annotations

import os

import numpy as np

from ..columns import Columns
from ..layer import Layer
from ..layers.conv import Conv2d
from ..sizes import as_int
from .figure import figure
from .images import tile


def kernel_grid(W: np.ndarray, columns: int = 16, scale: float | None = None) -> np.ndarray:
    """The kernels W (KH, KW, 3 or 1, F) as one picture (h, w, 3) uint8, `columns` in a row, a white line between.

    With a `scale`, it stands for max |w| in (1) for all of them: then a kernel of large weights looks stronger than the
    others (ZFNet, Figure 5a), and what exceeds the scale is white or black. Raises ValueError for kernels that see
    anything but colour or grey images, for NaN, and for a scale of 0 or less.
    """
    W = _checked(W, "kernel_grid")
    if scale is not None and not scale > 0:
        raise ValueError(f"kernel_grid: expected a scale above 0, got {scale!r}")
    largest = np.abs(W).max(axis=(0, 1, 2)) if scale is None else np.full(W.shape[-1], scale)
    pixels = 127.5 + 127.5 * np.clip(W / np.where(largest > 0, largest, 1), -1, 1)   # eq. (1)
    return tile(np.moveaxis(np.rint(pixels), -1, 0).astype(np.uint8), as_int(columns, "kernel_grid columns"))


def color_share(W: np.ndarray) -> np.ndarray:
    """How colourful each of the kernels W (KH, KW, 3 or 1, F) is: (F,), from 0 (grey) to 1. A kernel of zeros is grey.

    Raises ValueError for kernels that see anything but colour or grey images, and for NaN.
    """
    W = _checked(W, "color_share")
    color = W - W.mean(axis=2, keepdims=True)
    whole = (W * W).sum(axis=(0, 1, 2))
    return (color * color).sum(axis=(0, 1, 2)) / np.where(whole > 0, whole, 1)       # eq. (2)


def draw_kernels(path: str | os.PathLike, net: Layer, note: str = "", split: bool = False) -> None:
    """Write the kernels of the net's first layer to `path`, 16 in a row: of two columns, the left above the right.

    `split` draws those of a net in one column in two blocks as well: with two groups from conv2 on, the first half of
    them is what the left column would have. Raises ValueError if the first layer with weights is no convolution.
    """
    blocks = {name: layer.device.tohost(layer.W.value) for name, layer in first_convolutions(net).items()}
    if split and len(blocks) == 1:
        first, second = np.array_split(*blocks.values(), 2, axis=-1)
        blocks = {"first half": first, "second half": second}
    rows = sum(-(-W.shape[-1] // 16) for W in blocks.values())
    note = "each kernel around grey, stretched to its own largest weight" + (f"\n{note}" if note else "")
    with figure(path, 8, 0.52 * rows + 0.3 * len(blocks) + 0.5, note, grid=(len(blocks), 1)) as axes:
        for ax, (name, W) in zip(axes[:, 0], blocks.items(), strict=True):
            ax.imshow(kernel_grid(W), interpolation="nearest")
            share = f": {color_share(W).mean():.0%} colour" if W.shape[2] == 3 else ""
            KH, KW, _, F = W.shape
            ax.set_title(f"{name}, {F} kernels {KH}x{KW}{share}", fontsize=10, loc="left")
            ax.axis("off")


def first_convolutions(net: Layer) -> dict[str, Conv2d]:
    """The first layer of `net` with weights, by its name; of a net in two columns, both columns' by theirs.

    Raises ValueError if it is no convolution, or there is none.
    """
    layers = dict(net.walk())
    weights = [name for name, layer in layers.items() if layer.parameters() and not layer.children()]
    if not weights:
        raise ValueError("expected a net that begins with a convolution, got one without weights: there are no kernels "
                         "to look at")
    first, columns = weights[0], [name for name, layer in layers.items() if isinstance(layer, Columns)]
    parts = next(([f"{name}.left", f"{name}.right"] for name in columns if first.startswith(f"{name}.")), [first])
    names = [next((name for name in weights if f"{name}.".startswith(f"{part}.")), part) for part in parts]
    for name in names:
        if not isinstance(layers[name], Conv2d):
            raise ValueError(f"expected a net that begins with a convolution, got {layers[name].label}: there are no "
                             "kernels to look at")
    return {name: layers[name] for name in names}


def _checked(W: np.ndarray, what: str) -> np.ndarray:
    W = np.asarray(W, np.float64)
    if W.ndim != 4 or W.shape[2] not in (1, 3) or W.size == 0:
        raise ValueError(f"{what}: expected kernels (KH, KW, C, F) on colour (C = 3) or grey images (C = 1), got shape "
                         f"{W.shape}; later layers see maps, not colours")
    if not np.isfinite(W).all():
        raise ValueError(f"{what}: the kernels hold NaN or infinity")
    return W
