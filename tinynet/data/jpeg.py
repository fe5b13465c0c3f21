"""Images of one size as JPEG files that lie one after the other: how they are written, and read again.

High quality with the colours at full resolution (4:4:4) looks like the original, and takes a quarter of its room or
less. Both the bundled sample of CIFAR-10 and the squares of photographs are kept so.
"""
from __future__ import annotations

import io

import numpy as np


def encode(image: np.ndarray, quality: int) -> bytes:
    """The image (H, W, 3) uint8 as a JPEG file."""
    from PIL import Image
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling="4:4:4")
    return buffer.getvalue()


def decode(jpeg: bytes, image: np.ndarray) -> None:
    """Write what the file `jpeg` shows to `image` (H, W, 3) uint8.

    Raises ValueError if it is of another size or not in colour, and what Pillow raises for damaged bytes.
    """
    from PIL import Image
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as decoded:
        if (*decoded.size[::-1], decoded.mode) != (*image.shape[:2], "RGB"):
            raise ValueError(f"an image of {decoded.size[0]}x{decoded.size[1]} pixels, {decoded.mode}, where "
                             f"{image.shape[1]}x{image.shape[0]}, RGB, was expected")
        image[:] = np.asarray(decoded)
