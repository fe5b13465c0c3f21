"""Lesson 4: solutions. Look here after you have tried."""
import numpy as np


# Exercise 4.1: the first window, and one more for every s pixels that it can move; a part of s counts, unless the
# window would begin beyond the last pixel. A slice ends by itself where the pixels end.
def pool_up(x, z, s):
    N, H, W, C = x.shape
    P, Q = (min(-(-(length - z) // s) + 1, -(-length // s)) for length in (H, W))
    y = np.empty((N, P, Q, C), x.dtype)
    for p, q in np.ndindex(P, Q):
        y[:, p, q] = x[:, p * s:p * s + z, q * s:q * s + z].max(axis=(1, 2))
    return y


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
