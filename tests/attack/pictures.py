"""Doors: photographs of every format, and the squares made of them."""
from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tinynet.data import ImageFolder, PreparedImages, imagenet, prepared_squares
from tinynet.data.photos import photograph
from tinynet.data.photos.flat import MAPPING, FlatFolder

from .door import Door
from .mutate import Mutate, flat, json_text
from .packed import chunked, zipped

TRUTH = "ILSVRC2012_validation_ground_truth.txt"
MOST_PIXELS = 2 ** 18  # instead of photograph.MOST_PIXELS: so that what goes beyond is seen


def pixels(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth, as photographs are, and not the same to the left and to the right."""
    i, j, c = np.ogrid[:height, :width, :channels]
    return (80 + 70 * np.sin(i / 3 + seed) + 60 * np.cos(j / 4 + c)).astype(np.uint8)


def _format(name: str, mode: str = "RGB", **options: object) -> Callable[[Path], Door]:
    def door(folder: Path) -> Door:
        photograph.MOST_PIXELS, path, buffer = MOST_PIXELS, folder / "picture", io.BytesIO()
        grey16 = Image.fromarray(pixels(20, 24)[..., 0].astype(np.uint16) * 257)
        (grey16 if mode == "I;16" else Image.fromarray(pixels(20, 24)).convert(mode)).save(buffer, name, **options)

        def read() -> None:
            image = photograph.read(path)
            assert image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8 and 0 < image.size
            assert image.size <= 3 * MOST_PIXELS
        return Door(path, buffer.getvalue(), read, (flat, chunked) if name == "PNG" else (flat,), str(path))
    return door


def make_photographs(root: Path) -> Path:
    for i, name in enumerate(f"{label}/{number}.png" for label in ("cat", "dog") for number in range(3)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(17 + i, 20, seed=i)).save(root / name)
    return root


def _squares(name: str, *mutates: Mutate, checksums: bool = False) -> Callable[[Path], Door]:
    def door(folder: Path) -> Door:
        images = prepared_squares(ImageFolder(make_photographs(folder / "photos")), folder / "cache", 8).images
        path, right, labels, sums = images.folder / name, images[:], images.labels, images.statistics()

        def read() -> None:
            images = PreparedImages(path.parent)
            found = images.statistics()
            assert images.shape == (len(images.labels), 8, 8, 3) and images.labels.dtype == np.int64
            assert len(images.labels) and images.labels.min() >= 0 and images.labels.max() < len(images.classes)
            assert found.total.shape == (8, 8, 3) and found.products.shape == (3, 3) and found.count == len(images)
            assert all(type(name) is str for name in [*images.classes, *images.skipped])
            pixels = images[:]
            if checksums:
                assert (pixels == right).all() and (images.labels == labels).all()
                assert (found.total == sums.total).all() and (found.products == sums.products).all()
        return Door(path, path.read_bytes(), read, mutates or (flat,), str(path.parent))
    return door


def _words(folder: Path) -> Door:
    for half in "train", "val":
        make_photographs(folder / half)
    path, text = folder / "LOC_synset_mapping.txt", "cat tabby, tabby cat\ndog crane, small one\n"

    def read() -> None:
        names = imagenet(folder, 8).classes
        assert len(set(names)) == 2 and all(type(name) is str and name for name in names)
    return Door(path, text.encode(), read, (flat,), path.name)


def _flat(name: str) -> Callable[[Path], Door]:
    """The texts beside photographs that lie in no folders of their classes."""
    def door(folder: Path) -> Door:
        texts = {MAPPING: "n02 1 kit_fox\nn01 2 English setter\nn03 3 tench\n", TRUTH: "2\n1\n2\n"}
        (folder / "val").mkdir()
        for i in range(3):
            Image.fromarray(pixels(17, 20, seed=i)).save(folder / "val" / f"{i}.png")
        for each, text in texts.items():
            (folder / each).write_text(text)

        def read() -> None:
            found = FlatFolder(folder, "val", ("n01", "n02"))
            assert len(found.labels) == len(found) == 3 and found.labels.dtype == np.int64
            assert set(found.labels.tolist()) <= {0, 1}
        return Door(folder / name, texts[name].encode(), read, (flat,), str(folder))
    return door


def _several(folder: Path) -> Door:
    frames = [Image.fromarray(pixels(20, 24, seed=i)) for i in range(3)]
    first = _format("GIF", save_all=True, append_images=frames)
    return first(folder)


DOORS = {"JPEG": _format("JPEG"), "JPEG, progressive": _format("JPEG", progressive=True),
         "JPEG, CMYK": _format("JPEG", "CMYK"), "PNG": _format("PNG"), "PNG, RGBA": _format("PNG", "RGBA"),
         "PNG, palette": _format("PNG", "P"), "PNG, 16 bits": _format("PNG", "I;16"), "GIF": _several,
         "BMP": _format("BMP"), "WebP": _format("WEBP"), "TIFF": _format("TIFF"),
         "TIFF, LZW": _format("TIFF", compression="tiff_lzw"), "PPM": _format("PPM"),
         "squares: images": _squares("images.jpegs", checksums=True),
         "squares: index": _squares("index.npz", checksums=True),
         "squares: index, members": _squares("index.npz", zipped),
         "squares: header": _squares("header.json", json_text),
         "squares: sums": _squares("statistics.npz", checksums=True),
         "squares: sums, members": _squares("statistics.npz", zipped), "names of classes": _words,
         "numbers of classes": _flat(MAPPING), "classes of photographs": _flat(TRUTH)}
