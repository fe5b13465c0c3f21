"""More training images from those there are: random crops, mirror images, colour noise; and a test image's ten views.

A net that sees each image from slightly different places cannot learn the pixels by heart; one that sees it in slightly
different light learns that the light does not matter. AlexNet, section 4.1 (224x224 crops of 256x256 images); the 13 %
and 11 % nets for CIFAR-10 (24x24 of 32x32).

`View` puts these together; it draws where and how here, and computes only the pixels that are seen.

Colour noise, at every pixel of an image, with λ_i and p_i the eigenvalues and eigenvectors of the covariance of red,
green and blue, in 0..1, over all pixels of the training images, and α_i drawn once for each image and use:

    y = x + 255 Σ_i α_i λ_i p_i        α_i ~ N(0, 0.1)                               (1)
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..init import expect_generator
from .statistics import statistics_of

Place = tuple[int, int]  # (start, n): the images at hand are those from `start` on of a batch of n


def draw_crops(n: int, bottom: int, right: int, rng: np.random.Generator, mirror: bool = True
               ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where a random crop of each of `n` images begins, top in 0..bottom and left in 0..right, and whether it is to be
    flipped: (n,) each."""
    top, left = rng.integers(0, bottom, n, endpoint=True), rng.integers(0, right, n, endpoint=True)
    return top, left, rng.random(n) < 0.5 * mirror


def draw_fixed_crops(n: int, bottom: int, right: int, rng: np.random.Generator, mirror: bool, count: int = 5
                     ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same, of the four corners and the centre alone: with their mirror images ten crops, ZFNet, section 3. With a
    `count` of 1 of the centre alone."""
    places = np.array([(bottom // 2, right // 2), (0, 0), (0, right), (bottom, 0), (bottom, right)])[:count]
    top, left = places[rng.integers(0, count, n)].T if count > 1 else places.repeat(n, axis=0).T  # (n,)
    return top, left, rng.random(n) < 0.5 if mirror else np.zeros(n, bool)


def random_crops(images: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """A random size × size crop of every image (N, H, W, C), mirrored left to right half of the time. Raises ValueError
    for images that are smaller or of another form, as `center_crop` and `ten_views` do."""
    expect_generator(rng, "random_crops")
    N, H, W_, C = _checked(images, size)
    crops, where = np.empty((N, size, size, C), images.dtype), draw_crops(N, H - size, W_ - size, rng)
    for crop, image, i, j, mirrored in zip(crops, images, *where, strict=True):
        crop[...] = image[i:i + size, j:j + size]                                    # (size, size, C)
        if mirrored:
            flip(crop)
    return crops


def flip(image: Any, xp: Any = np) -> None:
    """Turn the image (H, W, C) left to right, where it lies."""
    image[...] = image.take(xp.arange(image.shape[1])[::-1], axis=1)                 # twice as quick as image[:, ::-1]


def center_crop(images: np.ndarray, size: int) -> np.ndarray:
    """The central size × size pixels of every image: (N, H, W, C) → (N, size, size, C), a view."""
    _, H, W_, _ = _checked(images, size)
    top, left = (H - size) // 2, (W_ - size) // 2
    return images[:, top:top + size, left:left + size]


def ten_views(images: np.ndarray, size: int) -> list[np.ndarray]:
    """The four corners and the centre, size × size, and their mirror images: ten times (N, size, size, C).

    AlexNet, section 4.1: the net's answer is the mean of its ten softmax outputs.
    """
    _, H, W_, _ = _checked(images, size)
    bottom, right = H - size, W_ - size
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right)]
    views = [images[:, i:i + size, j:j + size] for i, j in corners] + [center_crop(images, size)]
    return views + [view[:, :, ::-1] for view in views]


def color_components(images: Any) -> tuple[np.ndarray, np.ndarray]:
    """λ (3,) and p (3, 3) of (1), for images (N, H, W, 3) uint8; see `Statistics.components`.

    Raises ValueError if there are no images or they are not in colour, TypeError if they are not uint8.
    """
    return statistics_of(images).components


def draw_colors(n: int, components: tuple[np.ndarray, np.ndarray], rng: np.random.Generator, std: float = 0.1
                ) -> np.ndarray:
    """What (1) adds to each of `n` images, in grey levels: (n, 3) float32. `std` is the standard deviation of α."""
    values, vectors = components
    alpha = rng.normal(0, std, (n, 3))
    return (255 * np.einsum("ni,ci->nc", alpha * values, vectors)).astype(np.float32)


def color_noise(x: np.ndarray, components: tuple[np.ndarray, np.ndarray], rng: np.random.Generator, std: float = 0.1
                ) -> np.ndarray:
    """Equation (1): x (N, H, W, 3), in grey levels of 0..255 or minus their mean → float32.

    `components` are those that `color_components` gives, `std` the standard deviation of α.
    Raises ValueError if the images or the components have not the right shape.
    """
    _expect_color("color_noise", x)
    expect_generator(rng, "color_noise")
    expect_components("color_noise", components)
    N, H, W_, _ = x.shape
    row = np.tile(draw_colors(N, components, rng, std), W_)[:, None]                 # (N, 1, W·3): a long inner loop
    return np.add(x.reshape(N, H, W_ * 3), row, dtype=np.float32).reshape(x.shape)   # eq. (1)


def expect_components(what: str, components: tuple[np.ndarray, np.ndarray]) -> None:
    """Raise ValueError, in the name of `what`, unless these are eigenvalues and eigenvectors."""
    if not (isinstance(components, (tuple, list)) and len(components) == 2):
        raise ValueError(f"{what}: expected two arrays, eigenvalues and eigenvectors, got {components!r}")
    values, vectors = components
    if np.shape(values) != (3,) or np.shape(vectors) != (3, 3):
        raise ValueError(f"{what}: expected eigenvalues (3,) and eigenvectors (3, 3) from color_components, got shapes "
                         f"{np.shape(values)} and {np.shape(vectors)}")
    if not (np.isfinite(vectors).all() and np.isfinite(values).all() and np.min(values) >= 0):
        raise ValueError(f"{what}: expected eigenvalues of 0 or more, and all numbers finite, got {values}, {vectors}")


def enlarge(images: np.ndarray, times: int) -> np.ndarray:
    """Every pixel of images (N, H, W, C) as a square of `times` × `times` pixels."""
    if images.ndim != 4 or times < 1:
        raise ValueError(f"expected images (N, H, W, C) to enlarge 1 or more times, got shape {images.shape} and "
                         f"{times}")
    return images.repeat(times, axis=1).repeat(times, axis=2)                        # (N, times·H, times·W, C)


def scale_jitter(images: np.ndarray, low: int, high: int, crop: int, rng: np.random.Generator, mirror: bool = True,
                 place: Place | None = None) -> np.ndarray:
    """Every image (N, H, W, 3) uint8 rescaled, its shorter side random in low..high; of that a random crop, with
    `mirror` flipped left to right half of the time: (N, crop, crop, 3) uint8. VGG, section 3.1: 256, 512 and 224.

    Only the crop is computed, from the pixels that lie under it. With a `place` of (start, n) the images are those from
    `start` on of a batch of n, for which is drawn. Raises ValueError for images that are not in colour or
    a crop that would not fit, TypeError if they are not uint8.
    """
    from PIL import Image

    _expect_color("scale_jitter", images)
    expect_generator(rng, "scale_jitter")
    if images.dtype != np.uint8:
        raise TypeError(f"scale_jitter: expected images as they are stored, uint8, got {images.dtype}")
    if not 1 <= crop <= low <= high:
        raise ValueError(f"scale_jitter: expected 1 <= crop <= low <= high, got crop={crop}, low={low}, high={high}")
    N, H, W_, _ = images.shape
    start, n = place or (0, N)
    own, short = slice(start, start + N), min(H, W_)
    sizes = rng.integers(low, high, n, endpoint=True)
    top, left = (rng.integers(0, side * sizes // short - crop, endpoint=True) for side in (H, W_))  # (n,)
    mirrored, crops = (rng.random(n) < 0.5 * mirror)[own], np.empty((N, crop, crop, 3), np.uint8)
    for n, (i, j, scale) in enumerate(zip(top[own], left[own], short / sizes[own], strict=True)):
        box = (j * scale, i * scale, (j + crop) * scale, (i + crop) * scale)         # in pixels of the image itself
        part = np.asarray(Image.fromarray(images[n]).resize((crop, crop), Image.Resampling.BICUBIC, box=box))
        crops[n] = part[:, ::-1] if mirrored[n] else part
    return crops


def _checked(images: np.ndarray, size: int) -> tuple[int, ...]:
    if images.ndim != 4 or not 1 <= size <= min(images.shape[1:3]):
        raise ValueError(f"expected images (N, H, W, C) of at least {size}x{size} pixels to crop, got shape "
                         f"{images.shape}")
    return images.shape


def _expect_color(what: str, images: np.ndarray) -> None:
    if images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(f"{what}: expected colour images (N, H, W, 3), got shape {images.shape}")
