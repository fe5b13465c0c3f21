"""CIFAR-10, CIFAR-100 and MNIST: their file formats, byte by byte, and the samples of two of them that are bundled."""
