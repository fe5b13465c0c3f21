"""Lesson 8: solutions. Look here after you have tried."""
import numpy as np


# Exercise 8.1: as for the maps, but with zeros around each image, and shifts in both directions.
def pixels_around(x, size):
    _, H, W, _ = x.shape
    half = size // 2
    padded = np.pad(x, ((0, 0), (half, half), (half, half), (0, 0)))
    return sum(padded[:, i:i + H, j:j + W] for i in range(size) for j in range(size))


# Exercise 8.2: the slope of a s^-β is s^(-β-1) (s - 2αβ a²). It is 0 where k + α a² = 2αβ a².
def loudest(k, alpha, beta):
    return np.sqrt(k / (alpha * (2 * beta - 1))) if beta > 0.5 else np.inf


# Exercise 8.3: in the second term, a_j is the same for all i, so it stands before the sum.
def lrn_backward(x, dy, n, k, alpha, beta):
    s = k + alpha * _neighbours(x ** 2, n)
    return dy * s ** -beta - 2 * alpha * beta * x * _neighbours(dy * x * s ** (-beta - 1), n)


# The lesson's `neighbours`, once more, since this file has not the lesson's functions.
def _neighbours(x, n):
    C, half = x.shape[-1], n // 2
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (half, half)))
    return sum(padded[..., i:i + C] for i in range(n))
