"""Lesson 19: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import numpy as np


def exercise_1_into_an_array(d, g):
    m1 = (d[0] - d[2]) * g[0]
    m2 = (d[1] + d[2]) * (g[0] + g[1] + g[2]) / 2
    m3 = (d[2] - d[1]) * (g[0] - g[1] + g[2]) / 2
    m4 = (d[1] - d[3]) * g[2]
    y = np.zeros(2)
    y[0] = m1 + m2 + m3
    y[1] = m2 - m3 - m4
    return y


def exercise_1_of_floats(d, g):
    d, g = np.asarray(d, float), np.asarray(g, float)
    return exercise_1_into_an_array(d, g)


def exercise_1_as_a_list(d, g):
    m = [(d[0] - d[2]) * g[0], 0.5 * (d[1] + d[2]) * (g[0] + g[1] + g[2]), 0.5 * (d[2] - d[1]) * (g[0] - g[1] + g[2]),
         (d[1] - d[3]) * g[2]]
    return [m[0] + m[1] + m[2], m[1] - m[2] - m[3]]


def exercise_2_tile_by_tile(x, W, A, G, B):
    U = (G @ W.transpose(2, 3, 0, 1) @ G.T).transpose(2, 3, 0, 1)                        # (6, 6, C, F)
    y = np.zeros((x.shape[0] - 2, x.shape[1] - 2, W.shape[3]), x.dtype)
    for i in range(0, y.shape[0], 4):
        for j in range(0, y.shape[1], 4):
            V = (B.T @ x[i:i + 6, j:j + 6].transpose(2, 0, 1) @ B).transpose(1, 2, 0)    # (6, 6, C)
            product = (V[:, :, None] @ U)[:, :, 0]                                       # (6, 6, F)
            y[i:i + 4, j:j + 4] = (A.T @ product.transpose(2, 0, 1) @ A).transpose(1, 2, 0)
    return y


def exercise_3_an_array():
    return np.array([0, 1, -1, 2 / 3, -2 / 3, 3 / 2, -3 / 2])
