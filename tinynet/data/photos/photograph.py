"""One photograph: from a file in any usual form to pixels, and to the square of AlexNet, section 2.

Large collections of photographs hold a few of everything: grey ones, CMYK from printing, PNGs called .JPEG, cameras
held upright, files cut short. `read` gives red, green and blue, the right way up, or an error that names the file.
"""
from __future__ import annotations

import os
import threading
import warnings
from os import PathLike
from typing import Any

import numpy as np

from ...sizes import as_int
from ..dataset import wrong

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")
MOST_PIXELS = 2**27  # 400 MB as RGB: above any camera's, below what a small file may swell to
ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held


def read(path: str | PathLike) -> np.ndarray:
    """The image (H, W, 3) uint8 in the file at `path`; of several (GIF, TIFF) the first.

    The content decides on the format, not the name. Grey becomes RGB, of 16 bits per value the upper 8 are taken,
    what is transparent lies on white, and the image is turned as its EXIF orientation says.

    Raises DataError if it is not an image in one of FORMATS, is damaged or cut short, or has more than MOST_PIXELS
    pixels (it is not decoded then); OSError if the file cannot be opened. Safe from many threads at once.
    """
    from PIL import Image, UnidentifiedImageError
    expected = f"an image ({', '.join(FORMATS)})"
    with open(path, "rb") as file, _quiet:
        size, head = os.fstat(file.fileno()).st_size, file.read(8)
        file.seek(0)
        try:
            with Image.open(file, formats=FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise Image.DecompressionBombError(f"{image.width} x {image.height}")
                image.load()
                return np.array(_rgb(_upright(image)))                               # (H, W, 3)
        except MemoryError:
            raise
        except Image.DecompressionBombError as error:
            raise wrong(path, f"an image of at most {MOST_PIXELS:,} pixels", str(error),
                        "Scale it down, or move it away") from error
        except UnidentifiedImageError:
            got = f"{size:,} bytes that begin with {head!r}" if head else "an empty file"
            raise wrong(path, expected, got, "Replace or delete it") from None
        except Exception as error:  # damaged bytes make Pillow fail in a dozen ways
            raise wrong(path, expected, f"{size:,} bytes that cannot be decoded ({error})",
                        "Replace or delete it") from error


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


def _upright(image: Any) -> Any:
    """`image`, loaded, turned and mirrored as its metadata say; if they are damaged, as it is."""
    from PIL.Image import Transpose
    if image.format == "TIFF":  # Pillow has turned it already, though old versions leave the tag
        return image
    try:
        orientation = image.getexif().get(ORIENTATION)
    except Exception:  # the pixels are good all the same
        return image
    turn = {2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM, 5: Transpose.TRANSPOSE,
            6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE, 8: Transpose.ROTATE_90}.get(orientation)
    return image if turn is None else image.transpose(turn)


def _rgb(image: Any) -> Any:
    """`image`, of any mode that has a meaning as colours, in mode RGB."""
    from PIL import Image
    if image.mode == "F":
        raise ValueError("its values are floating-point numbers, of which nothing says what is white")
    if image.mode.startswith("I"):                                                   # grey, 16 bits per value
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise ValueError(f"grey values from {values.min()} to {values.max()}, which 16 bits do not hold")
        image = Image.fromarray((values >> 8).astype(np.uint8))
    elif image.mode in ("PA", "LA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


class _Quiet:
    """Inside, Pillow's warnings (large images, odd metadata) are ignored.

    Python's filters of warnings belong to all threads. So the first thread that comes in sets ours, and the last one
    to leave puts back what was there.
    """

    def __init__(self) -> None:
        self.lock, self.inside = threading.Lock(), 0

    def __enter__(self) -> None:
        with self.lock:
            self.inside += 1
            if self.inside == 1:
                self.before = warnings.catch_warnings()
                self.before.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")

    def __exit__(self, *_: Any) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self.before.__exit__()


_quiet = _Quiet()


def _after_fork() -> None:
    """A forked process has none of the threads that were inside."""
    if _quiet.inside:
        _quiet.before.__exit__()
    _quiet.lock, _quiet.inside = threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
