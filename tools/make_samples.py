"""Makes the bundled samples from the whole data sets:

    python tools/make_samples.py ROOT [--out FOLDER]

The same number of images of each class, drawn with a fixed seed, in the order of the whole data set. The same
data and the same versions of NumPy, Pillow and zlib give the same bytes.

MNIST is kept exactly: it compresses well. CIFAR-10 does not, so its images are kept as JPEG: with the colours
at full resolution (4:4:4), in the best quality whose file is not larger than LIMIT. The header that every
JPEG file repeats costs nothing, as the .npz is compressed too.
"""
from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np

from tinynet.data import Dataset, Split, cifar10, mnist
from tinynet.data.jpeg import encode
from tinynet.files.writing import atomic_write

SEED = 0
LIMIT = 5_800_000  # bytes
SAMPLES = Path(__file__).parent.parent / "tinynet" / "data" / "samples"


def choose(split: Split, per_class: int, seed: int = SEED) -> Split:
    """`per_class` images of each class of `split`. Raises ValueError if a class has fewer."""
    rng = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(split.labels):
        of_class = np.flatnonzero(split.labels == label)
        if len(of_class) < per_class:
            raise ValueError(f"choose: expected {per_class} images of class {label}, got {len(of_class)}; "
                             "ask for fewer")
        chosen.append(rng.choice(of_class, per_class, replace=False))
    index = np.sort(np.concatenate(chosen))
    return Split(split.images[index], split.labels[index])


def encode_jpegs(images: np.ndarray, quality: int) -> tuple[np.ndarray, np.ndarray]:
    """images (N, H, W, 3) uint8 → N JPEG files one after the other, uint8, and where each begins (N + 1,)."""
    files = [encode(image, quality) for image in images]
    return np.frombuffer(b"".join(files), np.uint8), np.cumsum([0, *map(len, files)], dtype=np.int64)


def _npz(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _description(name: str, train: Split, test: Split, kept: str) -> str:
    sizes = " + ".join(f"{len(half.labels):,}" for half in (train, test))
    return f"a bundled sample of {name}: {sizes} images, {kept}"


def cifar10_file(whole: Dataset, train: int = 500, test: int = 100, limit: int = LIMIT) -> bytes:
    """The .npz of the CIFAR-10 sample, so many images per class; ValueError if no quality fits `limit`."""
    halves = {"train": choose(whole.train, train), "test": choose(whole.test, test)}
    for quality in range(100, 0, -1):
        arrays = {}
        for half, split in halves.items():
            arrays[f"{half}_jpeg"], arrays[f"{half}_offset"] = encode_jpegs(split.images, quality)
            arrays[f"{half}_label"] = split.labels.astype(np.uint8)
        kept = f"JPEG copies (quality {quality}) whose pixels differ a little from the official files"
        description = _description("CIFAR-10", *halves.values(), kept)
        packed = _npz(description=np.array(description), **arrays)
        if len(packed) <= limit:
            return packed
    raise ValueError(f"cifar10_file: expected at most {limit} bytes, got {len(packed)} at the lowest quality")


def mnist_file(whole: Dataset, train: int = 200, test: int = 50) -> bytes:
    """The .npz of the MNIST sample, with so many images per class."""
    halves = {"train": choose(whole.train, train), "test": choose(whole.test, test)}
    arrays = {}
    for half, split in halves.items():
        arrays[f"{half}_image"] = split.images[..., 0]  # (N, 28, 28)
        arrays[f"{half}_label"] = split.labels.astype(np.uint8)
    description = _description("MNIST", *halves.values(), "stored exactly")
    return _npz(description=np.array(description), **arrays)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make the bundled samples from the whole data sets.")
    parser.add_argument("root", help="the folder with cifar-10-batches-bin and mnist")
    parser.add_argument("--out", type=Path, default=SAMPLES, help="default: the package's own folder")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, load, pack in ("cifar10", cifar10, cifar10_file), ("mnist", mnist, mnist_file):
        whole = load(options.root, download=False)
        packed = pack(whole)
        with atomic_write(options.out / f"{name}.npz") as file:
            file.write(packed)
        print(f"{options.out / name}.npz: {len(packed):,} bytes, from {whole.source}")


if __name__ == "__main__":
    main()
