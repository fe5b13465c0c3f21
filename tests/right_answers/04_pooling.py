"""Lesson 4: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import numpy as np

from tinynet import MaxPool2d


def exercise_1_pads_with_less_than_anything(x, z, s):
    N, H, W, C = x.shape
    rows, columns = range(0, H, s), range(0, W, s)
    rows = [i for i in rows if i == 0 or i - s + z < H]
    columns = [j for j in columns if j == 0 or j - s + z < W]
    x = np.pad(x, ((0, 0), (0, z), (0, z), (0, 0)), constant_values=-np.inf)
    y = np.full((N, len(rows), len(columns), C), -np.inf, x.dtype)
    for i in range(z):
        for j in range(z):
            y = np.maximum(y, x[:, np.add(rows, i)][:, :, np.add(columns, j)])
    return y


def exercise_1_by_the_library(x, z, s):
    return MaxPool2d(z, s, ceil_mode=True).forward(x)


def exercise_2_by_offsets(dy, switches, shape, z, s):
    dx = np.zeros(shape, dy.dtype)
    P, Q = dy.shape[1:3]
    for k in range(z * z):
        i, j = divmod(k, z)
        dx[:, i:i + s * P:s, j:j + s * Q:s] += dy * (switches == k)
    return dx


def exercise_3_by_offsets(dy, shape, z, s):
    dx = np.zeros(shape).astype(dy.dtype)
    P, Q = dy.shape[1:3]
    for i in range(z):
        for j in range(z):
            dx[:, i:i + s * P:s, j:j + s * Q:s] += dy / (z * z)
    return dx
