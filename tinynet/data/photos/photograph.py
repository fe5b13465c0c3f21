"""One photograph: from a file in any usual form to pixels, and to the square of AlexNet, section 2.

Large collections of photographs hold a few of everything: grey ones, CMYK from printing, PNGs called .JPEG, cameras
held upright, files cut short. `read` gives red, green and blue, the right way up, or an error that names the file.

A file of 500 bytes may stand for any number of pixels, and so what it promises is looked at before it is decoded. An
image of MOST_PIXELS takes about 1 GB while it is read: 7 bytes for each pixel, for one of a progressive JPEG up to 12.
All threads together take no more, however many they are: they wait for each other where images are large.
"""
from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from os import PathLike
from typing import Any, BinaryIO

import numpy as np

from ...files.reading import DataError, opened, wrong
from ...sizes import as_int
from . import together
from .colors import load, write_rgb

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
MOST_PIXELS = 2**27  # above any camera's; in all images together that are being read
MOST_BYTES = 2**30  # of a file: eight for each pixel
MOST_SIDE = 2**16  # of a row or column: JPEG, GIF and WebP have not more
WEBP_PIXEL = 3  # how many pixels one counts for: WebP's decoder has the image in memory three times more
TILE = (322, 323)  # TIFF's tags TileWidth and TileLength
ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held
DO = "Scale it down, or move it away; or, if it is right,"


def read(path: str | PathLike) -> np.ndarray:
    """The image (H, W, 3) uint8 in the file at `path`; of several (GIF, TIFF) the first.

    The content decides on the format, not the name. Grey becomes RGB, of 12 and 16 bits per value the upper 8 are
    taken, what is transparent lies on white, and the image is turned as its EXIF orientation says.

    Raises DataError if it is no file (a named pipe, a device), not an image in one of FORMATS, damaged or cut short, or
    has more than MOST_PIXELS pixels, MOST_SIDE in a row or MOST_BYTES bytes (it is not decoded then), or does not fit
    into memory; OSError if the file cannot be opened or read. Safe from many threads at once.
    """
    with _decoded(path) as image:
        return image


def read_square(path: str | PathLike, size: int) -> np.ndarray:
    """`prepare(read(path), size)`, where other threads wait until large images are done with. Raises ValueError for a
    size that is none, and what `read` raises."""
    size = as_int(size, "read_square size")  # in the block it would be the file's fault
    with _decoded(path) as image:
        return prepare(image, size)


def prepare(image: np.ndarray, size: int = 256) -> np.ndarray:
    """The central square of image (H, W, 3) uint8, scaled to (size, size, 3): AlexNet, section 2.

    The paper scales the shorter side to `size` and then cuts out the centre. To cut first gives the same pixels, but
    for a shift by half a pixel of the original where the rest is odd; and an image of 1 x 5000 never becomes one of
    256 x 1,280,000. Smaller images are enlarged. Bicubic, with antialiasing where pixels fall together.

    Raises ValueError if the image is not of this form.
    """
    from PIL import Image
    size = as_int(size, "prepare size")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ValueError(f"prepare: expected an image (H, W, 3) of uint8, got shape {image.shape} of {image.dtype}")
    H, W_, _ = image.shape
    side = min(H, W_)
    top, left = (H - side) // 2, (W_ - side) // 2  # whole pixels: an image of the right size stays as it is
    square = Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC,
                                           box=(left, top, left + side, top + side))
    return np.array(square)                                                          # (size, size, 3)


@contextmanager
def _decoded(path: str | PathLike) -> Iterator[np.ndarray]:
    """The image in the file at `path`, and room for it until the block ends. Raises what `read` raises."""
    with opened(path) as file, together.quiet, ExitStack() as room:
        length, head = os.fstat(file.fileno()).st_size, file.read(8)
        file.seek(0)
        try:
            if length > MOST_BYTES:
                raise wrong(path, f"a file of at most {MOST_BYTES:,} bytes", f"{length:,}",
                            f"{DO} set {__name__}.MOST_BYTES higher")
            yield _pixels(path, file, room)
        except DataError:
            raise
        except Exception as error:  # damaged bytes make Pillow fail in a dozen ways
            if isinstance(error, OSError) and error.errno:
                raise  # the disk, or the operating system, and not the file
            raise _explained(path, error, length, head) from error


def _pixels(path: str | PathLike, file: BinaryIO, room: ExitStack) -> np.ndarray:
    from PIL import Image
    with Image.open(file, formats=FORMATS) as image:
        room.enter_context(together.room.of(_weight(path, image), MOST_PIXELS))
        lower = load(image, file)
        upright, stored = _canvas(image)
        write_rgb(image, lower, stored)
    return upright                                                                   # (H, W, 3)


def _weight(path: str | PathLike, image: Any) -> int:
    """How many pixels `image`, not yet decoded, counts for. Raises DataError if these are too many."""
    pixels, size = image.width * image.height, f"{image.width:,} x {image.height:,}"
    if max(image.size) > MOST_SIDE:
        raise wrong(path, f"an image of at most {MOST_SIDE:,} pixels in a row or column", size,
                    f"{DO} set {__name__}.MOST_SIDE higher")
    if image.format == "WEBP":
        pixels, size = pixels * WEBP_PIXEL, f"{size}, {WEBP_PIXEL} times as many for WEBP's decoder"
    elif image.format == "TIFF" and math.prod(image.tag_v2.get(tag, 0) for tag in TILE) > pixels:
        tile = [image.tag_v2[tag] for tag in TILE]
        pixels, size = math.prod(tile), f"tiles of {tile[0]:,} x {tile[1]:,}"
    if pixels > MOST_PIXELS:
        raise _too_large(path, size)
    return pixels


def _too_large(path: str | PathLike, got: str) -> DataError:
    return wrong(path, f"an image of at most {MOST_PIXELS:,} pixels", got,
                 f"{DO} set {__name__}.MOST_PIXELS, and PIL.Image.MAX_IMAGE_PIXELS, higher")


def _explained(path: str | PathLike, error: Exception, length: int, head: bytes) -> DataError:
    """The DataError for what has happened while an image was decoded."""
    from PIL import Image, UnidentifiedImageError
    if isinstance(error, Image.DecompressionBombError):
        return _too_large(path, f"one that Pillow refuses: {error}")
    if isinstance(error, MemoryError):
        return wrong(path, "an image that fits into memory", "one that does not", "Scale it down, or move it away")
    got = f"{length:,} bytes that cannot be decoded ({error})"
    if isinstance(error, UnidentifiedImageError):
        got = f"{length:,} bytes that begin with {head!r}" if head else "an empty file"
    return wrong(path, f"an image ({', '.join(FORMATS)})", got, "Replace or delete it")


def _canvas(image: Any) -> tuple[np.ndarray, np.ndarray]:
    """An empty array for `image`, loaded, the right way up; and the same array, turned and mirrored as what is stored.
    If the metadata are damaged, both are as the image is stored."""
    orientation = 1
    if image.format != "TIFF":  # which Pillow has turned already, though old versions leave the tag
        try:
            orientation = image.getexif().get(ORIENTATION)
        except MemoryError:
            raise
        except Exception:  # the pixels are good all the same
            pass
    turned = orientation in (5, 6, 7, 8)
    upright = np.empty((*(image.size if turned else image.size[::-1]), 3), np.uint8)
    stored = upright[::-1] if orientation in (3, 4, 7, 8) else upright
    stored = stored[:, ::-1] if orientation in (2, 3, 6, 7) else stored
    return upright, stored.transpose(1, 0, 2) if turned else stored
