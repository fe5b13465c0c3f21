"""Lesson 9: solutions. Look here after you have tried."""
import numpy as np

from tinynet import Layer


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
