"""From what Pillow makes of a file to red, green and blue: every mode that has a meaning as colours.

Pillow hands on what is stored, and turns it to colours where it has 8 bits per value. What is left to do:

    values         of 12 or 16 bits the upper 8; where white is 0 (TIFF's PhotometricInterpretation), 255 minus these
    transparency   colour c of opacity a becomes a c + (1 - a) 255: it lies on white. An opacity for each pixel, or for
                   each colour of a palette, or one colour that stands for transparent, which is told by all its bits
    meaning        signed numbers, 32 bits that would not go into 16, and floating-point numbers are refused: nothing
                   says what is white
"""
from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np

PIECE = 2**20  # pixels that are converted at a time: what they take in between is small beside the image
BITS, WHITE, BYTES, SIGN = 258, 262, 279, 339  # TIFF's BitsPerSample, PhotometricInterpretation, StripByteCounts, ...
YCBCR = 6  # a PhotometricInterpretation: brightness and two colours
SCALES = {"L;2": 85, "L;4": 17}  # what Pillow multiplies a PNG's greys of 2 and 4 bits by


def load(image: Any, file: BinaryIO) -> Any:
    """Decode `image`, which Pillow has opened from `file`. Returns the lower bytes of its colours, another image, where
    only these tell which is the transparent one; else None.

    Raises ValueError if nothing says what is white, and what Pillow raises for damaged bytes.
    """
    transparent = image.info.get("transparency")
    coded = image.tile[0][3] if image.format == "PNG" and transparent is not None else None
    if image.format == "TIFF":
        _check_tags(image.tag_v2, image.width * image.height)
    image.load()
    if image.mode == "F":
        raise ValueError("its values are floating-point numbers, of which nothing says what is white")
    if image.mode == "I" and not (0 <= image.getextrema()[0] and image.getextrema()[1] <= 0xFFFF):
        raise ValueError("grey values from {} to {}, which 16 bits do not hold".format(*image.getextrema()))
    if coded in SCALES:
        image.info["transparency"] = transparent * SCALES[coded]
    return _lower_bytes(file) if coded == "RGB;16B" else None


def write_rgb(image: Any, lower: Any, out: np.ndarray) -> None:
    """Write the loaded `image` to `out` (H, W, 3) uint8, piece by piece. `lower` is what `load` has returned."""
    H, W_, _ = out.shape
    right = min(W_, PIECE)
    down = PIECE // right
    for i in range(0, H, down):
        for j in range(0, W_, right):
            box = (j, i, min(j + right, W_), min(i + down, H))
            piece = image if box == (0, 0, W_, H) else image.crop(box)  # no copy of all that there is
            out[i:i + down, j:j + right] = (
                _grey(piece, image) if image.mode.startswith("I") else
                _on_white(piece) if lower is None else _without(piece, lower.crop(box), image.info["transparency"]))


def _check_tags(tags: Any, pixels: int) -> None:
    """Raise ValueError for a TIFF that Pillow reads, but as something else."""
    if 2 in tags.get(SIGN, ()) and tags.get(BITS, (1,))[0] <= 16:
        raise ValueError("its values are signed numbers, of which nothing says what is white")
    if tags.get(WHITE) == YCBCR and tags.get(259, 1) == 1 and len(tags.get(BITS, ())) == 3 \
            and sum(tags.get(BYTES, ())) < 3 * pixels:
        raise ValueError("its colours have fewer pixels than its brightness, and are not compressed")


def _grey(piece: Any, image: Any) -> np.ndarray:
    """A piece of an image of grey values of 12 or 16 bits: (h, w, 1) uint8."""
    values, tags = np.asarray(piece), image.tag_v2 if image.format == "TIFF" else {}
    greys = (values >> (4 if tags.get(BITS) == (12,) else 8)).astype(np.uint8)
    if tags.get(WHITE) == 0:
        greys = 255 - greys
    if "transparency" in image.info:
        greys[values == image.info["transparency"]] = 255
    return greys[..., None]


def _on_white(piece: Any) -> np.ndarray:
    """A piece of an image of 8 bits per value: (h, w, 3) uint8."""
    from PIL import Image
    if piece.mode == "La":
        piece = piece.convert("LA")
    if piece.mode in ("PA", "LA", "RGBA", "RGBa") or "transparency" in piece.info:
        piece = piece.convert("RGBA")
        piece = Image.alpha_composite(Image.new("RGBA", piece.size, "white"), piece)
    return np.asarray(piece if piece.mode == "RGB" else piece.convert("RGB"))


def _without(piece: Any, lower: Any, transparent: tuple[int, int, int]) -> np.ndarray:
    """A piece of an image of 16 bits per value in its upper and lower bytes, the transparent colour white."""
    rgb, color = np.array(piece), np.array(transparent)
    rgb[((rgb == color >> 8) & (np.asarray(lower) == color & 255)).all(axis=2)] = 255
    return rgb


def _lower_bytes(file: BinaryIO) -> Any:
    """Of a PNG with 16 bits per value, of which Pillow keeps the upper bytes, the lower ones: the upper bytes of what
    would be stored the other way round."""
    from PIL import Image
    file.seek(0)
    image = Image.open(file, formats=["PNG"])
    decoder, extents, offset, _ = tile = image.tile[0]
    changed = decoder, extents, offset, "RGB;16L"
    image.tile = [changed if type(tile) is tuple else type(tile)(*changed)]
    image.load()
    return image
