"""Small samples of CIFAR-10 and MNIST that come with tinynet: to try things without a download.

    samples/cifar10.npz    5,000 + 1,000 images, as many of each class; JPEG copies
        description        a sentence; a 0-d array of a string
        train_jpeg         uint8: JPEG files, one after the other, each an image of 32 x 32
        train_offset       (N + 1,) int64: file i is train_jpeg[train_offset[i]:train_offset[i + 1]]
        train_label        (N,) uint8; and test_jpeg, test_offset, test_label likewise
    samples/mnist.npz      2,000 + 500 images, as many of each class; exact
        description
        train_image        (N, 28, 28) uint8
        train_label        (N,) uint8; and test_image, test_label likewise

`python tools/make_samples.py ROOT` makes them from the whole data sets.
"""
from __future__ import annotations

import importlib.resources
from pathlib import Path

import numpy as np

from ...files.arrays import ArrayFile
from ...files.reading import wrong
from ..dataset import Dataset, Split, check_labels
from ..jpeg import decode
from .cifar10 import CLASSES as CIFAR10_CLASSES
from .mnist import CLASSES as MNIST_CLASSES

MOST_BYTES = 2 ** 24  # of an array in a sample: three times as many as the largest one has
ADVICE = "Install tinynet again, or make it with tools/make_samples.py"


def cifar10_sample() -> Dataset:
    """5,000 + 1,000 images of CIFAR-10: train.images (5000, 32, 32, 3) uint8. Needs Pillow, but no download.

    The images are JPEG copies: the pixels differ a little from the official files. Good for trying things out; results
    on it are results on this sample. Raises ImportError without Pillow, DataError if the file is damaged.
    """
    return _sample("cifar10.npz", ("jpeg", "offset"), CIFAR10_CLASSES)


def mnist_sample() -> Dataset:
    """2,000 + 500 images of MNIST: train.images (2000, 28, 28, 1) uint8, exact. Needs no download.

    Raises DataError if the file is damaged.
    """
    return _sample("mnist.npz", ("image",), MNIST_CLASSES)


def _sample(name: str, kinds: tuple[str, ...], classes: tuple[str, ...]) -> Dataset:
    resource = importlib.resources.files("tinynet.data") / "samples" / name
    if not resource.is_file():
        raise FileNotFoundError(f"{resource}: expected a sample that comes with tinynet, found none. {ADVICE}")
    with importlib.resources.as_file(resource) as path, ArrayFile(path) as file:
        _check_headers(path, file, kinds)
        return Dataset(*(_split(path, file, half, kinds, len(classes)) for half in ("train", "test")), classes,
                       str(file.read("description")))


def _check_headers(path: Path, file: ArrayFile, kinds: tuple[str, ...]) -> None:
    dtypes = {"description": np.str_, "jpeg": np.uint8, "offset": np.int64, "image": np.uint8, "label": np.uint8}
    for name in ("description", *(f"{half}_{kind}" for half in ("train", "test") for kind in (*kinds, "label"))):
        header, dtype = file.headers.get(name), dtypes[name.rpartition("_")[2]]
        if header is None or not np.issubdtype(header.dtype, dtype) or header.nbytes > MOST_BYTES:
            raise wrong(path, f"an array {name!r} of {dtype.__name__}, at most {MOST_BYTES:,} bytes",
                        f"one of {header.dtype} of shape {header.shape}" if header else "none", ADVICE)


def _split(path: Path, file: ArrayFile, half: str, kinds: tuple[str, ...], classes: int) -> Split:
    labels = file.read(f"{half}_label").astype(np.int64)
    arrays = [file.read(f"{half}_{kind}") for kind in kinds]
    expected = [(len(labels), 28, 28)] if kinds == ("image",) else [arrays[0].shape[:1], (len(labels) + 1,)]
    if labels.ndim != 1 or [array.shape for array in arrays] != expected:
        raise wrong(path, f"{labels.size:,} images for its labels", f"arrays of shape "
                    f"{', '.join(str(array.shape) for array in arrays)}", ADVICE)
    check_labels(path, labels, classes)
    if kinds == ("image",):
        return Split(arrays[0][..., None], labels)  # (N, 28, 28, 1)
    try:
        return Split(decode_jpegs(*arrays), labels)
    except ImportError as error:
        raise ImportError("cifar10_sample() needs Pillow to read its JPEG images: pip install pillow "
                          "(mnist_sample() does without)") from error
    except Exception as error:  # Pillow's for damaged bytes are of a dozen kinds
        raise wrong(path, "JPEG files of 32 x 32 pixels", f"the error {error}", ADVICE) from error


def decode_jpegs(jpegs: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """The images (N, 32, 32, 3) uint8 of N JPEG files that lie one after the other, file i from offset[i] on."""
    images, files = np.empty((len(offset) - 1, 32, 32, 3), np.uint8), jpegs.tobytes()
    for image, start, end in zip(images, offset, offset[1:], strict=False):
        decode(files[start:end], image)
    return images
