"""Lesson 14: solutions. Look here after you have tried."""
import numpy as np


# Exercise 14.1: down from the last layer; only then the edges are cut.
def rows_seen(row, layers, height):
    first = last = row
    for kernel, stride, padding in reversed(layers):
        first, last = first * stride - padding, last * stride - padding + kernel - 1
    return max(first, 0), min(last, height - 1)


# Exercise 14.2: `=` where the backward of exercise 4.2 has `+=`, and nothing for a 0.
def unpool(y, switches, shape, z, s):
    x = np.zeros(shape, y.dtype)
    N, P, Q, C = y.shape
    for n, p, q, c in np.ndindex(N, P, Q, C):
        if y[n, p, q, c] != 0:
            row, column = divmod(int(switches[n, p, q, c]), z)
            x[n, p * s + row, q * s + column, c] = y[n, p, q, c]
    return x


# Exercise 14.3: two conditions, and three ways to ask for them.
def through_relu(d, x, rule):
    if rule == "gradient":
        return d * (x > 0)
    if rule == "deconvnet":
        return d * (d > 0)
    return d * (d > 0) * (x > 0)


# Exercise 14.4: a copy of the image for each place.
def occlusion_map(probability, image, square, stride):
    H, W, _ = image.shape
    rows, columns = range(0, H - square + 1, stride), range(0, W - square + 1, stride)
    hidden = np.repeat(image[None], len(rows) * len(columns), axis=0)
    for shown, (i, j) in zip(hidden, [(i, j) for i in rows for j in columns], strict=True):
        shown[i:i + square, j:j + square] = 127
    return probability(hidden).reshape(len(rows), len(columns))


# Exercise 14.5: one of many. The gradient's sign, since each number may change by the same 4 levels; in several steps,
# since the gradient changes on the way. One step of 4 is enough for the target.
def mislead(images, labels, gradient):
    original = images.astype(np.int64)
    changed = original
    for _ in range(8):
        up = np.sign(gradient(changed.astype(np.uint8), labels)).astype(np.int64)
        changed = np.clip(changed + up, np.maximum(original - 4, 0), np.minimum(original + 4, 255))
    return changed.astype(np.uint8)
