"""Lesson 9: solutions. Look here after you have tried."""
import numpy as np

from tinynet import Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Sequential, fan_in
from tinynet.data.augment import random_crops


# Exercise 9.1: the corner can stand at 0, 1, ..., H - size, and `integers` leaves out its upper end.
def my_random_crops(images, size, rng):
    N, H, W, C = images.shape
    crops = np.empty((N, size, size, C), images.dtype)
    for n in range(N):
        top, left = rng.integers(0, H - size + 1), rng.integers(0, W - size + 1)
        crop = images[n, top:top + size, left:left + size]
        crops[n] = crop[:, ::-1] if rng.random() < 0.5 else crop
    return crops


# Exercise 9.2: (N, 3) strengths times the components, which are the rows of vectors.T, give a colour for each image.
def add_color(x, values, vectors, alpha):
    color = 255 * (alpha * values) @ vectors.T
    return x + color[:, None, None, :]


# Exercise 9.3: a neuron that was silenced had no part in the loss, so its gradient is 0. Backward needs the mask of the
# forward before it.
class MyDropout(Layer):
    def __init__(self, p, rng):
        self.p, self.rng = p, rng

    def forward(self, x, train=False, keep=False):
        if not train:
            return x * (1 - self.p)
        self.mask = self.rng.random(x.shape) >= self.p
        return x * self.mask

    def backward(self, dy):
        return dy * self.mask


# Exercise 9.4: one of many. Crops and mirrors, and batches of ten, with a smaller rate that falls in a line to 0.
def recipe(rng):
    how = {"rng": rng, "weight_init": fan_in(2.0)}
    net = Sequential(
        conv1=Conv2d(3, 16, 5, padding=2, input_grad=False, **how), relu1=ReLU(),
        pool1=MaxPool2d(3, stride=2, ceil_mode=True),
        conv2=Conv2d(16, 32, 5, padding=2, **how), relu2=ReLU(), pool2=MaxPool2d(3, stride=2, ceil_mode=True),
        flat=Flatten(), fc3=Linear(6 * 6 * 32, 128, **how), relu3=ReLU(),
        fc4=Linear(128, 10, rng=rng, weight_init=fan_in(1.0)))
    return net, lambda x, rng: random_crops(x, 24, rng), [0.0003 * left for left in range(10, 0, -1)], 10
