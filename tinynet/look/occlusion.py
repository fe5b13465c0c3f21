"""What happens to the answer where a part of the image is hidden: ZFNet, section 4.2 and Figure 6.

A grey square slides over the image. If the net recognises the object and not its surroundings, the probability of its
class falls where the square hides it, and so does the activity of the map of a late layer that answers it most.
"""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..data.progress import in_batches
from ..data.view import View
from ..devices.device import device_of, on_host
from ..files.terminal import shortened_to
from ..layer import Layer, aside
from ..net import Sequential
from ..sizes import as_int
from ..softmax import softmax
from .figure import COLORS, figure

GREY = 127
LONGEST = 16  # letters of a class's name, beside others in a row of pictures


class Occluded(NamedTuple):
    """With the square's centre at each of P × Q places, `stride` pixels apart.

    rows, columns   (P,), (Q,): the centres, in pixels of what the net sees
    probability     (P, Q): of the true class; `whole` is that of the whole image
    likeliest       (P, Q) int64: the most probable class
    activity        (P, Q): the sum of map `unit` of the layer that was asked for; None without one
    unit            the map with the strongest activation in the whole image
    """

    rows: np.ndarray
    columns: np.ndarray
    probability: np.ndarray
    likeliest: np.ndarray
    whole: float
    activity: np.ndarray | None = None
    unit: int | None = None


def occlusion(net: Sequential, image: np.ndarray, label: int, view: View, square: int, stride: int,
              at: str | None = None, batch_size: int = 64, progress: bool = False) -> Occluded:
    """Hide every part of an image (H, W, C) uint8, as it is stored, behind a square of `square` × `square` pixels.

    The net sees what `view.center` shows it; the square lies on that. `at` is a late layer whose strongest map is
    watched. Raises KeyError for a layer that the net does not have, ValueError for a label that is no class, an image
    that does not fit the view, a square larger than the image, and answers that are NaN.
    """
    seen = view.pixels(image[None])[0]
    (H, W_, _), square = seen.shape, as_int(square, "occlusion square")
    if square > min(H, W_):
        raise ValueError(f"occlusion: expected a square that fits into {H}x{W_} pixels, got {square}")
    rows, columns = (np.arange(0, length, as_int(stride, "occlusion stride")) for length in (H, W_))
    whole, maps = _answers(net, view, image[None], at)
    if not 0 <= label < whole.shape[1]:
        raise ValueError(f"occlusion: expected a label from 0 to {whole.shape[1] - 1}, got {label}")
    unit = None if maps is None else int(_each_map(maps, np.max)[0].argmax())
    places = [(r, c) for r in rows for c in columns]
    answers, activity = np.empty((len(places), whole.shape[1])), np.empty(len(places))
    for part in in_batches(len(places), as_int(batch_size, "occlusion batch_size"),
                           "hiding a square of the image" if progress else "", "places"):
        answers[part], maps = _answers(net, view, hidden(image, view, places[part], square), at)
        if maps is not None:
            activity[part] = _each_map(maps, np.sum)[:, unit]
    shape = len(rows), len(columns)
    return Occluded(rows, columns, answers[:, label].reshape(shape), answers.argmax(axis=1).reshape(shape),
                    float(whole[0, label]), None if at is None else activity.reshape(shape), unit)


def hidden(image: np.ndarray, view: View, places: list[tuple[int, int]], square: int) -> np.ndarray:
    """The image (H, W, C) with a grey square around each of the places, which count in what the view sees of it."""
    images = np.repeat(image[None], len(places), axis=0)
    for seen, (row, column) in zip(view.pixels(images), places, strict=True):        # a view into `images`
        top, left = row - square // 2, column - square // 2
        seen[max(top, 0):max(top + square, 0), max(left, 0):max(left + square, 0)] = GREY
    return images


def _answers(net: Sequential, view: View, images: np.ndarray, at: str | None) -> tuple[np.ndarray, Any]:
    """The probabilities (N, classes), and what the layer called `at` gives (N, P, Q, F), on the host."""
    found = []

    def note(name: str, layer: Layer, x: Any, y: Any) -> None:
        if name == at:
            found.append(on_host(y))

    with aside():
        scores = net.forward(view.center(images), seen=note if at else None)
    if at and not found:
        names = [name for name, layer in net.walk() if not layer.children()]
        raise KeyError(f"{net.label}: no layer is called {at!r}; there are {', '.join(names)}")
    with device_of(scores) as device:
        answers = device.tohost(softmax(scores, device.xp))
    if not np.isfinite(answers).all():
        raise ValueError("occlusion: the net's answers hold NaN: its weights are too large, or those of another net")
    return answers, found[0] if found else None


def _each_map(maps: np.ndarray, what: Any) -> np.ndarray:
    """`what` of each map: (N, P, Q, F) or (N, F) → (N, F)."""
    return what(maps.reshape(len(maps), -1, maps.shape[-1]), axis=1)


class Average(NamedTuple):
    """Over many images: the probability of the true class where the square is, as a share of that of the whole image.

    mean, error   (P, Q): the mean over the images, and its standard error
    lowest        over the images, the lowest share of each: its mean and its standard error
    count         images
    """

    mean: np.ndarray
    error: np.ndarray
    lowest: tuple[float, float]
    count: int


def average(occluded: list[Occluded]) -> Average:
    """Raises ValueError for fewer than two images, for maps of different sizes, and for an image whose true class has
    no probability to lose."""
    if len(occluded) < 2 or len({one.probability.shape for one in occluded}) > 1:
        raise ValueError("average: expected the maps of two images or more, all of one size, got "
                         f"{', '.join(str(one.probability.shape) for one in occluded) or 'none'}")
    if not all(one.whole > 0 for one in occluded):
        raise ValueError("average: expected images of whose true class the net is a little sure, got one with "
                         "probability 0: no share of it can be left")
    shares = np.array([one.probability / one.whole for one in occluded])             # (images, P, Q)
    n, lowest = len(shares), shares.min(axis=(1, 2))
    return Average(shares.mean(axis=0), shares.std(axis=0, ddof=1) / n ** 0.5,
                   (float(lowest.mean()), float(lowest.std(ddof=1) / n ** 0.5)), n)


def draw_average(path: str | os.PathLike, found: Average, rows: np.ndarray, columns: np.ndarray, note: str = ""
                 ) -> None:
    """Write the mean map to `path`, and beside it a cut along its middle row, with the standard error of each place."""
    extent = _extent(rows, columns)
    with figure(path, 8.5, 3.4, note, grid=(1, 2)) as ((shown, cut),):
        _map(shown, found.mean, extent, f"share that is left, mean of {found.count} images")
        middle = len(rows) // 2
        cut.errorbar(columns, found.mean[middle], found.error[middle], color=COLORS[0], capsize=2, marker=".")
        cut.set_title(f"along row {rows[middle]}, with its standard error", fontsize=9, loc="left")
        for ax, y in (shown, "row"), (cut, "share"):
            ax.set_xlabel("column of the square's centre, pixels", fontsize=8)
            ax.set_ylabel(y, fontsize=8)
            ax.tick_params(labelsize=7)


def draw_occlusion(path: str | os.PathLike, seen: np.ndarray, found: Occluded, classes: Sequence[str], label: int,
                   square: int, projection: np.ndarray | None = None, note: str = "") -> None:
    """Write one image's maps to `path`, as in Figure 6: the image with the square; the activity of its strongest map,
    and that map's projection (h, w, C) uint8, if they are there; the probability of its class; the likeliest class."""
    pictures = 3 + (found.activity is not None) + (projection is not None)
    (H, W_), name = seen.shape[:2], shortened_to(classes[label], LONGEST)
    extent = _extent(found.rows, found.columns)
    with figure(path, 2.9 * pictures, 2.9 * H / W_ + 0.9, note, grid=(1, pictures)) as axes:
        places = iter(axes[0])
        ax = next(places)
        shown = np.broadcast_to(seen, (H, W_, 3)).copy()
        shown[:square, :square] = GREY
        ax.imshow(shown)
        ax.set_title(f"{name}, and the square", fontsize=9, loc="left")
        if found.activity is not None:
            _map(next(places), found.activity, extent, f"activity of map {found.unit}")
        if projection is not None:
            ax = next(places)
            ax.imshow(np.broadcast_to(projection, (H, W_, 3)))
            ax.set_title("its projection", fontsize=9, loc="left")
        _map(next(places), found.probability, extent, f"probability; {found.whole:.2f} without", (0, 1))
        _classes(next(places), found.likeliest, extent, classes)
        for ax in axes[0]:
            ax.set(xticks=[], yticks=[], xlim=(-0.5, W_ - 0.5), ylim=(H - 0.5, -0.5))


def _extent(rows: np.ndarray, columns: np.ndarray) -> tuple[float, ...]:
    """Where a map of these places lies in the image, in pixels: each number reaches half a stride around its centre."""
    half = max(np.diff(centres).max(initial=1) for centres in (rows, columns)) / 2
    return columns[0] - half, columns[-1] + half, rows[-1] + half, rows[0] - half


def _map(ax: Any, values: np.ndarray, extent: tuple[float, ...], title: str, limits: tuple = (None, None)) -> None:
    shown = ax.imshow(values, extent=extent, cmap="viridis", vmin=limits[0], vmax=limits[1], interpolation="nearest")
    ax.figure.colorbar(shown, ax=ax, shrink=0.8).ax.tick_params(labelsize=7)
    ax.set_title(title, fontsize=9, loc="left")


def _classes(ax: Any, likeliest: np.ndarray, extent: tuple[float, ...], classes: Sequence[str]) -> None:
    """Each place in the colour of its likeliest class; the names of the most frequent ones beside."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    counts = np.bincount(likeliest.ravel())
    frequent = [int(c) for c in np.argsort(-counts, kind="stable")[:6] if counts[c]]
    colors = [*COLORS[:6], "#999999"]
    index = np.full(likeliest.shape, len(frequent))
    for i, c in enumerate(frequent):
        index[likeliest == c] = i
    names = [shortened_to(classes[c], LONGEST) for c in frequent]
    names += ["others"] if (index == len(frequent)).any() else []
    used = [*colors[:len(frequent)], colors[-1]]
    ax.imshow(index, extent=extent, cmap=ListedColormap(used), vmin=0, vmax=len(used) - 1, interpolation="nearest")
    ax.legend(handles=[Patch(color=color, label=name) for color, name in zip(used, names, strict=False)], fontsize=7,
              loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    ax.set_title("likeliest class", fontsize=9, loc="left")
