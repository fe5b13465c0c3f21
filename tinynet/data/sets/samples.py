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

import numpy as np

from ..dataset import Dataset, Split
from ..jpeg import decode
from .cifar10 import CLASSES as CIFAR10_CLASSES
from .mnist import CLASSES as MNIST_CLASSES


def cifar10_sample() -> Dataset:
    """5,000 + 1,000 images of CIFAR-10: train.images (5000, 32, 32, 3) uint8. Needs Pillow, but no download.

    The images are JPEG copies: the pixels differ a little from the official files. Good for trying things
    out; results on it are results on this sample. Raises ImportError without Pillow.
    """
    packed = _open("cifar10.npz")
    train, test = (Split(decode_jpegs(packed[f"{half}_jpeg"], packed[f"{half}_offset"]),
                         packed[f"{half}_label"].astype(np.int64)) for half in ("train", "test"))
    return Dataset(train, test, CIFAR10_CLASSES, str(packed["description"]))


def mnist_sample() -> Dataset:
    """2,000 + 500 images of MNIST: train.images (2000, 28, 28, 1) uint8, exact. Needs no download."""
    packed = _open("mnist.npz")
    train, test = (Split(packed[f"{half}_image"][..., None],  # (N, 28, 28, 1)
                         packed[f"{half}_label"].astype(np.int64)) for half in ("train", "test"))
    return Dataset(train, test, MNIST_CLASSES, str(packed["description"]))


def _open(name: str) -> dict[str, np.ndarray]:
    resource = importlib.resources.files("tinynet.data") / "samples" / name
    if not resource.is_file():
        raise FileNotFoundError(f"{resource}: expected a sample that comes with tinynet, found none; install "
                                "tinynet again, or make it with tools/make_samples.py")
    with resource.open("rb") as file, np.load(file, allow_pickle=False) as packed:
        return dict(packed)


def decode_jpegs(jpegs: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """The images (N, 32, 32, 3) uint8 of N JPEG files that lie one after the other."""
    images, files = np.empty((len(offset) - 1, 32, 32, 3), np.uint8), jpegs.tobytes()
    try:
        for image, start, end in zip(images, offset, offset[1:], strict=False):
            decode(files[start:end], image)
    except ImportError as error:
        raise ImportError("cifar10_sample() needs Pillow to read its JPEG images: pip install pillow "
                          "(mnist_sample() does without)") from error
    return images
