"""What a net sees of an image: one description for training, validation, the ten crops, and pictures.

    images as they are stored (N, H, W, C) uint8  →  what is learnt from (N, h, w, C) float32

    train     a random crop, mirrored or not, in a slightly different light (augment.py): another one each time
    center    the central crop
    ten       the four corners and the centre, and their mirror images: AlexNet, section 4.1
    pixels    what `center` sees, as it is stored: for pictures

all minus the mean that the training images have there, and divided by `scale`. Only the pixels that are seen are
computed, each image while it is in the cache: the crop comes first, then the same crop of the mean image is
subtracted, then one colour is added for the whole image.

`train` is two halves: `draw` chooses on the host where and how each image is seen, `show` computes what is seen there,
wherever the images are (glance.py).

A view is a part of its run (`config` and `save` write it down, `from_config` reads it): a net is worth nothing without.
"""
from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..devices.device import Device, check_kind, cpu, device_of
from ..files.arrays import read_array
from ..files.reading import shortened, wrong
from ..files.writing import atomic_write
from ..init import expect_generator
from ..sizes import as_int
from .augment import Place, draw_colors, draw_crops, draw_fixed_crops, expect_components, scale_jitter
from .glance import Glance, look

MEAN_FILE = "mean.npy"
MOST_MEAN = 2 ** 26  # numbers in it: an image of more than 4,000 x 4,000 pixels
MOST_SIDE = 2 ** 12  # to which a view may scale an image: one in a file is not trusted
NOISES = ("paper", "2012")
SINCE_0_2 = {"crops": "random"}  # what version 0.2.0 did not write
CROPS = {"random": None, "ten": 5, "center": 1}  # and how many places there are


@dataclass(eq=False)
class View:
    """How images are shown to a net.

    mean     what is subtracted: the mean image (H, W, C) of the training images, one colour (C,), or one number
    scale    what the rest is divided by
    crop     the side of the square that is seen; None: the whole image
    crops    which of them in training: "random", anywhere; "ten", the corners and the centre, as ZFNet's section 3 has
             it (with their mirror images these are ten); "center"
    mirror   whether half of the crops are flipped left to right in training
    jitter   the least and the largest size to which the shorter side is scaled before the crop: VGG, section 3.1
    pad      by how many pixels a crop in training may exceed the image; what is missing there is the mean, so x is 0:
             He et al. 2015, section 4.2
    color    eigenvalues (3,) and eigenvectors (3, 3) of the colours (`Statistics.components`), for colour noise
    noise    "paper": that of AlexNet, section 4.1, (1) in augment.py. "2012": as the source code of that year has it,
             √λ for λ, and all divided by 1.1, which keeps the spread that of the test images, which have no noise

    Raises ValueError for what is not of this kind or does not fit together.
    """

    mean: np.ndarray | float = field(default=0.0, repr=False)
    scale: float = 1.0
    crop: int | None = None
    mirror: bool = False
    jitter: tuple[int, int] | None = None
    pad: int = 0
    color: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)
    noise: str = "paper"
    crops: str = "random"

    def __post_init__(self) -> None:
        self._sent: dict[str, tuple] = {}  # by device: the mean that was sent there, and the array there
        self.mean = np.asarray(self.mean, np.float32)
        if self.mean.ndim not in (0, 1, 3):
            raise ValueError("View mean: expected finite numbers, an image (H, W, C), a colour (C,) or one number, got "
                             f"shape {self.mean.shape}")
        if not np.isfinite(self.mean).all():
            raise ValueError("View mean: expected finite numbers, got NaN or infinity")
        if not 0 < self.scale < float("inf"):
            raise ValueError(f"View scale: expected a number above 0, got {self.scale!r}")
        if not isinstance(self.mirror, (bool, np.bool_)):
            raise ValueError(f"View mirror: expected True or False, got {shortened(self.mirror)}")
        self.scale, self.mirror = float(self.scale), bool(self.mirror)
        if self.noise not in NOISES:
            raise ValueError(f"View noise: expected one of {', '.join(NOISES)}, got {self.noise!r}")
        if self.crops not in CROPS or (self.crops != "random" and (self.jitter or self.pad)):
            raise ValueError(f"View crops: expected one of {', '.join(CROPS)}, and with jitter or pad \"random\", got "
                             f"{shortened(self.crops)}")
        if self.color is not None:
            expect_components("View color", self.color)
            self.color = tuple(np.asarray(numbers, np.float64) for numbers in self.color)
        if self.crop is not None:
            self.crop = as_int(self.crop, "View crop")
            if self.mean.ndim == 3 and self.crop > min(self.mean.shape[:2]):
                raise ValueError("View crop: expected one that fits into the mean image, of shape "
                                 f"{self.mean.shape}, got {self.crop}")
        self.pad = as_int(self.pad, "View pad", least=0)
        if self.jitter is not None:
            if not (isinstance(self.jitter, (tuple, list)) and len(self.jitter) == 2):
                raise ValueError(f"View jitter: expected two sizes, the least and the largest, got "
                                 f"{shortened(self.jitter)}")
            self.jitter = tuple(as_int(side, "View jitter") for side in self.jitter)
            self._check_jitter(*self.jitter)

    def _check_jitter(self, low: int, high: int) -> None:
        if high > MOST_SIDE:
            raise ValueError(f"View jitter: expected sizes of at most {MOST_SIDE:,} pixels, got {shortened(high)}; "
                             f"if it is right, set {__name__}.MOST_SIDE higher")
        if self.crop is None or not self.crop <= low <= high:
            raise ValueError(f"View jitter: expected a crop, and crop <= low <= high, got crop={self.crop}, low={low}, "
                             f"high={high}")
        if self.pad:
            raise ValueError(f"View pad: expected 0 together with jitter, got {self.pad}")
        if self.mean.ndim == 3:
            raise ValueError("View jitter: expected a mean of one colour (a pixel of a rescaled image may come from "
                             "anywhere), got a mean image; pass mean.mean(axis=(0, 1))")

    def train(self, images: np.ndarray, rng: np.random.Generator | None = None, place: Place | None = None
              ) -> np.ndarray:
        """What is seen in training: another crop, mirror image and light each time, drawn from `rng`.

        images (N, H, W, C) → (N, h, w, C) float32, where the images are. With a `place` of (start, n) they are those
        from `start` on of a batch of n, and are seen as they would be in it. Raises ValueError for images that do not
        fit the view, and without an rng if there is anything to draw; TypeError for a seed.
        """
        return self.show(self.draw(images, rng, place))

    def draw(self, images: Any, rng: np.random.Generator | None = None, place: Place | None = None) -> Glance:
        """The first half of `train`: what will be seen of images (N, H, W, C). Raises what `train` raises, and
        TypeError for images that are to be rescaled and are not on the host."""
        h, w = self._size(images)
        moved = self.pad or (h, w) != images.shape[1:3]
        if not (self.mirror or self.jitter or self.color or moved):
            return Glance(images)
        if rng is None and (self.mirror or self.jitter or self.color or self.crops != "center"):
            raise ValueError("View.train: expected a Generator to draw from, got None; give the Loader an rng, or use "
                             "View.center")
        if rng is not None:
            expect_generator(rng, "View.train")
        if self.jitter:
            if not isinstance(images, np.ndarray):
                raise TypeError(f"View jitter: expected images on the host, where they are rescaled, got some of "
                                f"{device_of(images)}")
            images = scale_jitter(images, *self.jitter, self.crop, rng, self.mirror, place)   # cropped, mirrored
        (N, H, W_, _), pad = images.shape, self.pad
        mirror, room = self.mirror and not self.jitter, (H - h + 2 * pad, W_ - w + 2 * pad)
        start, n = place or (0, N)                                   # drawn for the whole batch, of which N are here
        top, left, mirrored = (draw_crops(n, *room, rng, mirror) if self.crops == "random" else
                               draw_fixed_crops(n, *room, rng, mirror, CROPS[self.crops]))
        where, colors = np.stack([top - pad, left - pad, mirrored], axis=1), self._draw_colors(n, rng)
        return Glance(images, where[start:start + N], colors if colors is None else colors[start:start + N])

    def show(self, glance: Glance) -> Any:
        """The second half of `train`: what is seen, (N, h, w, C) float32, on the device that the images are on."""
        images, where, colors = glance
        (h, w), device = self._size(images), device_of(images)
        if where is None:
            return self._seen(images, 0, 0, h, w)
        x = device.empty((len(images), h, w, images.shape[-1]), np.float32)
        scale = self.scale * (1.1 if colors is not None and self.noise == "2012" else 1)
        with device:
            look(images, self._mean_on(device), device.asarray(where), None if colors is None else
                 device.asarray(colors), scale, x, device.xp)
        return x

    def center(self, images: np.ndarray, rng: np.random.Generator | None = None, place: Place | None = None
               ) -> np.ndarray:
        """The central crop: images (N, H, W, C) → (N, h, w, C) float32. Nothing is drawn: `rng` and `place` are there
        for a Loader.

        Raises ValueError for images that do not fit the view.
        """
        return self._seen(images, *self._middle(images), *self._size(images))

    def ten(self, images: np.ndarray) -> list[np.ndarray]:
        """The four corners and the centre, then their mirror images: ten times (N, h, w, C) float32; as `center`. In a
        Loader it is the `finish`."""
        (h, w), (_, H, W_, _) = self._size(images), images.shape
        corners = [(i, j) for i in (0, H - h) for j in (0, W_ - w)]
        views = [self._seen(images, i, j, h, w) for i, j in [*corners, self._middle(images)]]
        return views + [view[:, :, ::-1] for view in views]

    def pixels(self, images: np.ndarray) -> np.ndarray:
        """What `center` sees of images (N, H, W, C), as it is stored: (N, h, w, C), a view of them."""
        (h, w), (i, j) = self._size(images), self._middle(images)
        return images[:, i:i + h, j:j + w]

    def config(self) -> dict[str, Any]:
        """All of it for JSON; a mean image, by the name of the file that `save` writes."""
        config = {each.name: getattr(self, each.name) for each in fields(self)}
        color = self.color and dict(zip(("values", "vectors"), (part.tolist() for part in self.color), strict=True))
        return config | {"mean": MEAN_FILE if self.mean.ndim == 3 else self.mean.tolist(), "color": color,
                         "jitter": self.jitter and list(self.jitter)}

    def save(self, folder: str | os.PathLike) -> None:
        """Write what `config` leaves out into `folder`: the mean image. Raises OSError from the disk."""
        if self.mean.ndim == 3:
            Path(folder).mkdir(parents=True, exist_ok=True)
            with atomic_write(Path(folder) / MEAN_FILE) as file:
                np.save(file, self.mean)

    @classmethod
    def from_config(cls, config: dict[str, Any], folder: str | os.PathLike = ".") -> View:
        """The view whose `config` this is, with what `save` wrote into `folder`.

        Raises ValueError that says what is wrong with it, OSError if the mean image cannot be read.
        """
        known = [each.name for each in fields(cls)]
        config = {**SINCE_0_2, **config} if isinstance(config, dict) else config
        if not isinstance(config, dict) or set(config) != set(known):
            raise ValueError(f"a view: expected {', '.join(known)}, got {shortened(config)}")
        mean, color = config["mean"], config["color"]
        if mean == MEAN_FILE:
            mean = read_mean(folder)
        try:
            color = color and (np.array(color["values"]), np.array(color["vectors"]))
            return cls(**{**config, "mean": mean, "color": color})
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"a view: expected what View.config gives, got {shortened(config)}: {error!r}") from error

    def _size(self, images: np.ndarray) -> tuple[int, int]:
        """How much of images (N, H, W, C) is seen: h, w. Raises ValueError if they do not fit, TypeError for what is
        no array."""
        check_kind(images, "View", "images")
        if not hasattr(images, "shape"):
            raise TypeError(f"View: expected images in one array (N, H, W, C), got a {type(images).__name__}")
        if len(images.shape) != 4:
            single = "; write image[None] for a single image" if len(images.shape) == 3 else ""
            raise ValueError(f"View: expected images of shape (H, W, C) in an array (N, H, W, C), got shape "
                             f"{images.shape}{single}")
        H, W_, C = self.mean.shape if self.mean.ndim == 3 else (None, None, *(self.mean.shape or (None,)))
        known = (H, W_, 3 if self.color else C)
        if any(n not in (None, m) for n, m in zip(known, images.shape[1:], strict=True)):
            expected = ", ".join(letter if n is None else str(n) for letter, n in zip("HWC", known, strict=True))
            raise ValueError(f"View: expected images of shape ({expected}), as those that the net was trained on, got "
                             f"{images.shape[1:]}")
        size = (self.crop, self.crop) if self.crop else images.shape[1:3]
        if size[0] > images.shape[1] or size[1] > images.shape[2]:
            raise ValueError(f"View: expected images of at least {self.crop}x{self.crop} pixels to crop, got shape "
                             f"{images.shape}")
        return size

    def _middle(self, images: np.ndarray) -> tuple[int, int]:
        (h, w), (_, H, W_, _) = self._size(images), images.shape
        return (H - h) // 2, (W_ - w) // 2

    def _draw_colors(self, n: int, rng: np.random.Generator) -> np.ndarray | None:
        if self.color is None:
            return None
        values, vectors = self.color
        return draw_colors(n, (values if self.noise == "paper" else np.sqrt(values), vectors), rng)   # (n, 3)

    def _mean_on(self, device: Device) -> Any:
        """The mean on `device`: sent there once."""
        if device is cpu:
            return self.mean
        mean, there = self._sent.get(device.name, (None, None))
        if mean is not self.mean:
            there = device.asarray(self.mean)
            self._sent[device.name] = self.mean, there
        return there

    def _seen(self, images: Any, i: int, j: int, h: int, w: int) -> Any:
        """The crop of images (N, H, W, C) at row i, column j, as a net sees it: (N, h, w, C) float32."""
        with device_of(images) as device:
            mean = self._mean_on(device)
            x = device.xp.empty((len(images), h, w, images.shape[-1]), np.float32)
            device.xp.subtract(images[:, i:i + h, j:j + w], mean[i:i + h, j:j + w] if mean.ndim == 3 else mean, out=x,
                               dtype=np.float32)
            if self.scale != 1:
                x /= np.float32(self.scale)
        return x


def read_mean(folder: str | os.PathLike) -> np.ndarray:
    """The mean image (H, W, C) that `View.save` wrote into `folder`. Raises DataError for anything else, OSError as
    `open` does."""
    path = Path(folder) / MEAN_FILE
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there, the mean image that is subtracted from what the net sees: "
                                "expected the folder of a run as its training left it")
    mean = read_array(path, MOST_MEAN)
    if mean.ndim != 3 or mean.dtype.kind not in "fiu" or not mean.size:
        raise wrong(path, "a mean image (H, W, C)", f"{mean.dtype} of shape {mean.shape}")
    with np.errstate(over="ignore"):
        mean = mean.astype(np.float32, copy=False)
    if not np.isfinite(mean).all():
        raise wrong(path, "finite numbers", "NaN, infinity, or a number too large for float32")
    return mean
