"""Lesson 9: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import numpy as np

from tinynet import Layer


def exercise_1_all_at_once(images, size, rng):
    N, H, W, _ = images.shape
    tops, lefts = rng.integers(0, H - size + 1, N), rng.integers(0, W - size + 1, N)
    columns = lefts[:, None] + np.arange(size)
    mirrored = rng.integers(0, 2, N) == 1
    columns[mirrored] = columns[mirrored, ::-1]
    rows = tops[:, None] + np.arange(size)
    return images[np.arange(N)[:, None, None], rows[:, :, None], columns[:, None]]


def exercise_1_a_list_stacked(images, size, rng):
    crops = []
    for image in images:
        i = rng.integers(image.shape[0] - size + 1)
        j = rng.integers(image.shape[1] - size + 1)
        crop = image[i:i + size, j:j + size]
        crops.append(np.fliplr(crop) if rng.choice([True, False]) else crop)
    return np.stack(crops)


def exercise_2_with_a_loop(x, values, vectors, alpha):
    y = x.astype(float).copy()
    for n in range(len(x)):
        for i in range(3):
            y[n] += 255 * alpha[n, i] * values[i] * vectors[:, i]
    return y


def exercise_2_with_einsum(x, values, vectors, alpha):
    return x + 255 * np.einsum("ni,i,ci->nc", alpha, values, vectors)[:, None, None]


def exercise_2_in_float32(x, values, vectors, alpha):
    color = 255 * (alpha * values) @ vectors.T
    return x.astype(np.float32) + color[:, None, None].astype(np.float32)


class exercise_3_with_where(Layer):
    def __init__(self, p, rng):
        self.p, self.rng = p, rng

    def forward(self, x, train=False, keep=False):
        if train:
            self.silent = self.rng.random(x.shape) < self.p
            return np.where(self.silent, x.dtype.type(0), x)
        return (1 - self.p) * x

    def backward(self, dy):
        dx = dy.copy()
        dx[self.silent] = 0
        return dx


class exercise_3_a_mask_of_the_layers_dtype(Layer):
    def __init__(self, p, rng):
        self.p, self.rng = p, rng

    def forward(self, x, train=False, keep=False):
        if not train:
            return x * (1 - self.p)
        self.mask = (self.rng.random(x.shape) > self.p).astype(x.dtype)
        return self.mask * x

    def backward(self, dy):
        return self.mask * dy
