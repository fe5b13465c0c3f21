"""Lesson 4: solutions. Look here after you have tried."""
import numpy as np


# Exercise 4.1: the first window, and one more for every s pixels that it can move; a part of s counts if rounding up.
# The last window of `windows` begins at (windows - 1) · s.
def pool_windows(length, z, s, ceil=False):
    room = length - z
    windows = (-(-room // s) if ceil else room // s) + 1
    return windows - 1 if (windows - 1) * s >= length else windows


# Exercise 4.2: window p, q begins at row p · s and column q · s. With += a pixel that won twice gets both.
def max_pool_backward(dy, switches, shape, z, s):
    dx = np.zeros(shape, dy.dtype)
    for n, p, q, c in np.ndindex(*dy.shape):
        i, j = divmod(switches[n, p, q, c], z)
        dx[n, p * s + i, q * s + j, c] += dy[n, p, q, c]
    return dx


# Exercise 4.3: y changes by 1/z² with each pixel of its window.
def mean_pool_backward(dy, shape, z, s):
    dx = np.zeros(shape, dy.dtype)
    for p, q in np.ndindex(*dy.shape[1:3]):
        dx[:, p * s:p * s + z, q * s:q * s + z] += dy[:, p:p + 1, q:q + 1] / z ** 2
    return dx
