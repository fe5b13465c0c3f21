"""CIFAR-10 and MNIST: their file formats, byte by byte, and the samples of them that are bundled."""
