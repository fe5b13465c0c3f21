"""Lesson 1: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import math

import numpy as np


def exercise_1_through_a_flat_copy(f, w, h=1e-6):
    slopes = []
    for i in range(w.size):
        above, below = w.flatten(), w.flatten()
        above[i] += h
        below[i] -= h
        slopes.append((f(above.reshape(w.shape)) - f(below.reshape(w.shape))) / (2 * h))
    return np.array(slopes).reshape(w.shape)


def exercise_2_a_list(x, t, w, b):
    p = 1 / (1 + np.exp(-(x @ w + b)))
    dz = 2 * (p - t) * p * (1 - p)
    return [(x * dz[:, None]).mean(axis=0), dz.mean()]


def exercise_2_with_loops(x, t, w, b):
    dw, db = np.zeros(len(w)), 0.0
    for row, target in zip(x, t, strict=True):
        p = 1 / (1 + math.exp(-(sum(row * w) + b)))
        dz = 2 * (p - target) * p * (1 - p) / len(x)
        dw += dz * row
        db += dz
    return dw, db


def exercise_3_a_list(x, t, w, b, decay=0.0005):
    difference = (1 / (1 + np.exp(-(x @ w + b))) - t)[:, None]
    return [np.mean(difference * x, axis=0) + w * decay, float(difference.mean())]
