"""The images that excite a map most: ZFNet, Figure 2.

One pass over a data set keeps, for each map of the layers one asks for, the `count` images in which its largest
activation is highest, and where in the map that is: one place an image, or nine strongest would be nine neighbours.
Memory does not grow with the data set. Then each is projected back to the pixels (deconvnet.py) and shown beside the
piece of the image that the unit sees (receptive.py).
"""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..data.progress import in_batches
from ..devices.device import on_host
from ..layer import Layer, aside
from ..net import Sequential
from ..sizes import as_int
from .deconvnet import project
from .figure import figure
from .images import as_large, tile
from .receptive import Field, receptive_field

Prepare = Callable[[np.ndarray], np.ndarray]


class Strongest(NamedTuple):
    """Of each of F maps the `count` strongest activations, the strongest first. Where there were fewer images, -1.

    values  (F, count) float64: how strong
    images  (F, count) int64: the index of the image
    places  (F, count, 2) int64: row and column in the map; 0 where the layer gives vectors
    """

    values: np.ndarray
    images: np.ndarray
    places: np.ndarray


def strongest(net: Sequential, images: Any, at: Sequence[str], prepare: Prepare, count: int = 9, batch_size: int = 128,
              progress: bool = False) -> dict[str, Strongest]:
    """For each layer called in `at`, the strongest activations of its maps over all images.

    images    (N, H, W, C) uint8, an array or what can be sliced like one; `prepare` makes the net's input of them
    progress  shows how far it is, on stderr

    Of equally strong ones the earlier image stays. Raises KeyError for layers that the net does not have or that are
    made of others, TypeError for a single name, ValueError for none, and for no images.
    """
    if isinstance(at, str):
        raise TypeError(f"strongest: expected a list of layers, got {at!r} alone: write [{at!r}]")
    if not len(at):
        raise ValueError("strongest: expected the name of one layer or more, got none")
    layers = [name for name, layer in net.walk() if not layer.children()]
    missing = [name for name in at if name not in layers]
    if missing:
        raise KeyError(f"{net.label}: no layer is called {', '.join(missing)}; there are {', '.join(layers)}")
    if not len(images):
        raise ValueError("strongest: expected one image or more, got none")
    part, found = net[:_outermost(net, at)], {}
    for batch in in_batches(len(images), as_int(batch_size, "strongest batch_size"),
                            f"strongest of {', '.join(at)}" if progress else ""):
        def note(name: str, layer: Layer, x: Any, y: Any, first: int = batch.start) -> None:
            if name in at:
                found[name] = _merged(found.get(name), _of_batch(y, first, count), count)

        with aside():
            part.forward(prepare(images[batch]), seen=note)
    return {name: found[name] for name in at}


def _outermost(net: Sequential, at: Sequence[str]) -> str:
    """The last of the net's own layers that one of `at` is, or lies in."""
    own = [name for name, _ in net.children()]
    return own[max(own.index(name.partition(".")[0]) for name in at)]


def _of_batch(y: Any, first: int, count: int) -> Strongest:
    """Of one batch, y (N, P, Q, F) or (N, F), whose first image is number `first`."""
    y = on_host(y)
    N, F, Q = len(y), y.shape[-1], y.shape[2] if y.ndim == 4 else 1
    rows = y.reshape(N, -1, F)                                                       # (N, P·Q, F)
    flat = rows.argmax(axis=1)                                                       # (N, F)
    values = np.take_along_axis(rows, flat[:, None], axis=1)[:, 0].astype(np.float64)
    order = np.argsort(-values, axis=0, kind="stable")[:count].T                     # (F, count)
    maps = np.arange(F)[:, None]
    place = flat[order, maps]
    return Strongest(values[order, maps], order + first, np.stack([place // Q, place % Q], axis=-1))


def _merged(before: Strongest | None, new: Strongest, count: int) -> Strongest:
    if before is None:
        F, missing = len(new.values), count - new.values.shape[1]
        return Strongest(*(np.concatenate([part, np.full((F, missing, *part.shape[2:]), fill, part.dtype)], axis=1)
                           for part, fill in zip(new, (-np.inf, -1, -1), strict=True)))
    both = [np.concatenate(parts, axis=1) for parts in zip(before, new, strict=True)]
    order = np.argsort(-both[0], axis=1, kind="stable")[:, :count]
    maps = np.arange(len(order))[:, None]
    return Strongest(*(part[maps, order] for part in both))


class Piece(NamedTuple):
    """A strong activation in pixels: the piece of the image that its unit sees, and its projection there.

    Both are as large as the whole receptive field; what lies beyond the edge of the image is grey, and 0.
    """

    image: np.ndarray       # (h, w, C) uint8
    projection: np.ndarray  # (h, w, C) float
    field: Field


def pieces(net: Sequential, images: Any, at: str, unit: int, found: Strongest, prepare: Prepare, pixels: Prepare
           ) -> list[Piece]:
    """The strongest of map `unit` of the layer called `at`, as `strongest` found them in the same images.

    `pixels` gives what `prepare` sees of the images, as it is stored (`view.pixels`). Raises what `project` raises.
    """
    shown = []
    for i, place in zip(found.images[unit], found.places[unit], strict=True):
        if i < 0:
            break
        stored = images[i:i + 1]
        place, seen = tuple(map(int, place)), pixels(stored)[0]
        down = project(net, prepare(stored), at, unit, place)[0]
        field = receptive_field(net, at, place, seen.shape[:2])
        padding = (*field.beyond, (0, 0))
        image = np.pad(seen[field.rows, field.columns], padding, constant_values=127)
        shown.append(Piece(image, np.pad(down[field.rows, field.columns], padding), field))
    return shown


def as_picture(projection: np.ndarray) -> np.ndarray:
    """A projection (h, w, C) as pixels of uint8: grey is 0, and the largest, of whichever sign, white or black."""
    largest = np.abs(projection).max()
    return np.rint(127.5 + 127.5 * projection / (largest or 1)).astype(np.uint8)


def draw_strongest(path: str | os.PathLike, shown: dict[str, list[Piece]], note: str = "", per_row: int = 2) -> None:
    """Write the pieces of several maps to `path`: of each, under its name, the projections and the images beside them.

    Behind a transposed convolution not all units of a map see as much: what is smaller has white beside it. Raises
    ValueError if there is nothing to show.
    """
    if not shown or not all(shown.values()):
        raise ValueError("draw_strongest: expected one piece or more of every map, got none")
    rows = -(-len(shown) // per_row)
    with figure(path, 3.6 * per_row, 2.0 * rows + 0.4, note, grid=(rows, per_row)) as axes:
        for ax in axes.flat:
            ax.axis("off")
        for ax, (name, pieces_of_it) in zip(axes.flat, shown.items(), strict=False):
            side = 3 if len(pieces_of_it) > 4 else 2
            blocks = [tile(as_large(images, 255), side, gap=max(1, images[0].shape[1] // 16)) for images in
                      ([as_picture(piece.projection) for piece in pieces_of_it], [p.image for p in pieces_of_it])]
            apart = np.full((len(blocks[0]), max(2, blocks[0].shape[1] // 12), 3), 255, np.uint8)
            ax.imshow(np.concatenate([blocks[0], apart, blocks[1]], axis=1), interpolation="nearest")
            ax.set_title(name, fontsize=9, loc="left")
