"""ZFNet's Figure 6: a grey square hides a part of an image, and what the net makes of the rest."""
from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...data import Dataset
from ...look.deconvnet import project
from ...look.occlusion import average, draw_average, draw_occlusion, occlusion
from ...look.strongest import as_picture
from ...training.evaluate import Trained
from ...training.train import say
from .asked import Chosen

SQUARE, STRIDE, OF = 50, 8, 224  # of the paper's images, of 224 pixels; it does not say how large its square is
UNFIT = re.compile(r"[ /\\:]")      # for the name of a file


def sizes(trained: Trained, square: int | None, stride: int | None) -> tuple[int, int]:
    """As large for the net's images as SQUARE and STRIDE for those of OF pixels, if none were named.

    Raises ValueError for a square that does not fit.
    """
    side = min(trained.net.input_shape[:2])
    square, stride = square or max(1, round(side * SQUARE / OF)), stride or max(1, round(side * STRIDE / OF))
    if square > side:
        raise ValueError(f"--square: expected one that fits into the {side}x{side} pixels of what the net sees, got "
                         f"{square}")
    return square, stride


def hide(out: Path, trained: Trained, chosen: Chosen, at: str, square: int, stride: int) -> None:
    """A picture of all panels for each image."""
    files = file_names(chosen.names)
    for image, label, name, file in zip(chosen.images, chosen.labels, chosen.names, files, strict=True):
        start = time.perf_counter()
        found = occlusion(trained.net, image, int(label), trained.view, square, stride, at, progress=True)
        seconds = time.perf_counter() - start
        down = project(trained.net, trained.view.center(image[None]), at, found.unit)[0]
        path, least = out / f"occlusion-{file}.png", found.probability.argmin()
        row, column = np.unravel_index(least, found.probability.shape)
        draw_occlusion(path, trained.view.pixels(image[None])[0], found, trained.classes, int(label), square,
                       as_picture(down), f"a grey square of {square}x{square} pixels, each {stride} from the one "
                       f"before; the activity is that of {at}")
        say(f"{name}: probability of {trained.classes[label]} {found.whole:.2f}; at least "
            f"{found.probability.min():.2f}, with the square at row {found.rows[row]}, column {found.columns[column]}; "
            f"another class is likeliest at {np.mean(found.likeliest != label):.0%} of the {found.probability.size} "
            f"places; {seconds:.1f} s\n  the picture: {path}")


def file_names(names: Sequence[str]) -> list[str]:
    """What the files of the pictures with these names are called: where two would be the same, the later has a number.
    """
    found: list[str] = []
    for name in names:
        fit, number = UNFIT.sub("-", name), 1
        while (file := fit if number == 1 else f"{fit}-{number}") in found:
            number += 1
        found.append(file)
    return found


def hide_in_many(out: Path, trained: Trained, data: Dataset, count: int, square: int, stride: int) -> None:
    """The mean over the first `count` test images that the net recognises. Raises ValueError if these are fewer than
    two, and for places of which none is in the middle, or none in the corner."""
    sides = trained.net.input_shape[:2]
    corner, middle = zip(*(corner_and_middle(side, square, stride) for side in sides), strict=True)
    right = trained.probabilities(data.test).argmax(axis=1) == data.test.labels
    numbers = np.flatnonzero(right)[:count]
    if len(numbers) < 2:
        raise ValueError(f"--average: expected a net that recognises two test images or more, it does {len(numbers)}")
    start = time.perf_counter()
    found = [occlusion(trained.net, data.test.images[i], int(data.test.labels[i]), trained.view, square, stride)
             for i in numbers]
    mean, path = average(found), out / "occlusion-average.png"
    draw_average(path, mean, found[0].rows, found[0].columns, f"of the probability of the right class, with a "
                 f"grey square of {square}x{square} pixels;\n{data.name}")
    say(f"over {mean.count} test images that it recognises, of the probability of the right class is left: with the "
        f"square in the middle {mean.mean[middle]:.2f} ± {mean.error[middle]:.2f}, in the corner "
        f"{mean.mean[corner]:.2f} ± {mean.error[corner]:.2f}, where it is lowest in each image {mean.lowest[0]:.2f} ± "
        f"{mean.lowest[1]:.2f} (mean and standard error); {time.perf_counter() - start:.0f} s\n  the picture: {path}")


def corner_and_middle(side: int, square: int, stride: int) -> tuple[int, int]:
    """Which of the places along `side` pixels are those: the first at which all of the square is inside, and the one
    halfway. Raises ValueError if these are the same, or there is no such."""
    places = range(0, side, stride)
    corner, middle = -(-(square // 2) // stride), len(places) // 2
    if not corner < middle:
        raise ValueError(f"--average: expected a --stride by which a square of {square} pixels lies in the corner and "
                         f"in the middle of {side}, got {stride}")
    return corner, middle
