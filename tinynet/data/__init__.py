"""Data sets as NumPy arrays: CIFAR-10, CIFAR-100 and MNIST, whole or as a small sample that needs no download; and
photographs from folders, ImageNet's for example.

    from tinynet.data import batches, cifar10, mean_image
    (x, y), (x_test, y_test) = cifar10()        # x: (50000, 32, 32, 3) uint8, y: (50000,) int64
    for images, labels in batches(x, y, 128, rng): ...

where what is: `dataset.py` the form every data set has; `minibatch.py` batches; `view.py` what a net sees of an image,
with the crops, mirror images and colour noise of `augment.py`, computed in `glance.py`; `loader.py` batches made in the
background, by the threads of `background.py`; `statistics.py` the mean image and the components of the colours;
`subset.py` parts of a data set; `in_memory.py` photographs decoded once; `duplicates.py` those of which there are two;
`collage.py` images of four others; `jpeg.py` photographs in the form in which they are kept;
`sets/` CIFAR-10, CIFAR-100 and MNIST, and the bundled samples; `photos/` photographs from folders; `download/` where
files are looked for, and how they are fetched.
"""
from .dataset import DataError, Dataset, Split
from .loader import Loader
from .minibatch import batches
from .photos.image_folder import ImageFolder
from .photos.imagenet import imagenet, imagenet_classes, imagenet_halves
from .photos.prepared import PreparedImages
from .photos.preparing import prepared_squares
from .sets.cifar10 import cifar10
from .sets.cifar100 import cifar100
from .sets.mnist import mnist
from .sets.samples import cifar10_sample, mnist_sample
from .statistics import mean_image
from .subset import divide
from .view import View

__all__ = ["DataError", "Dataset", "ImageFolder", "Loader", "PreparedImages", "Split", "View", "batches", "cifar10",
           "cifar10_sample", "cifar100", "divide", "imagenet", "imagenet_classes", "imagenet_halves", "mean_image",
           "mnist", "mnist_sample", "prepared_squares"]
