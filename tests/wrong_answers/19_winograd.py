"""Lesson 19: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np


def _m(d, g):
    return ((d[0] - d[2]) * g[0], (d[1] + d[2]) * (g[0] + g[1] + g[2]) / 2, (d[2] - d[1]) * (g[0] - g[1] + g[2]) / 2,
            (d[1] - d[3]) * g[2])


def exercise_1_six_products(d, g):
    return d[0] * g[0] + d[1] * g[1] + d[2] * g[2], d[1] * g[0] + d[2] * g[1] + d[3] * g[2]


def exercise_1_computes_m_twice(d, g):
    return sum(_m(d, g)[:3]), _m(d, g)[1] - _m(d, g)[2] - _m(d, g)[3]


def exercise_1_a_wrong_sign(d, g):
    m1, m2, m3, m4 = _m(d, g)
    return m1 + m2 + m3, m2 - m3 + m4


def exercise_1_the_other_way_round(d, g):
    m1, m2, m3, m4 = _m(d, g)
    return m2 - m3 - m4, m1 + m2 + m3


def exercise_1_only_one(d, g):
    return sum(_m(d, g)[:3])


def exercise_1_turns_the_kernel(d, g):
    m1, m2, m3, m4 = _m(d, g[::-1])
    return m1 + m2 + m3, m2 - m3 - m4


def exercise_1_six_products_in_an_array(d, g):
    y = np.zeros(2)
    y[0], y[1] = d[:3] @ g, d[1:] @ g
    return y


def _layer(x, W, A, G, B, tile):
    y = np.empty((x.shape[0] - 2, x.shape[1] - 2, W.shape[3]))
    for i in range(0, y.shape[0], 4):
        for j in range(0, y.shape[1], 4):
            y[i:i + 4, j:j + 4] = tile(x[i:i + 6, j:j + 6].transpose(2, 0, 1), W.transpose(2, 3, 0, 1), A, G, B)
    return y


def _sum_last(d, g, A, G, B):
    """Each pair of channels goes back by itself."""
    products = (B.T @ d @ B)[:, None] * (G @ g @ G.T)                                    # (C, F, 6, 6)
    return (A.T @ products @ A).sum(axis=0).transpose(1, 2, 0)


def exercise_2_the_sum_over_channels_last(x, W, A, G, B):
    return _layer(x, W, A, G, B, _sum_last)


def exercise_2_one_axis_only(x, W, A, G, B):
    return _layer(x, W, A, G, B, lambda d, g, A, G, B: (
        A.T @ ((B.T @ d)[:, None] * (G @ g @ G.T)).sum(axis=0) @ A).transpose(1, 2, 0))


def exercise_2_not_transposed(x, W, A, G, B):
    return _layer(x, W, A, G, B, lambda d, g, A, G, B: (
        A.T @ ((B @ d @ B.T)[:, None] * (G @ g @ G.T)).sum(axis=0) @ A).transpose(1, 2, 0))


def exercise_2_the_plain_way(x, W, A, G, B):
    P, Q = x.shape[0] - 2, x.shape[1] - 2
    return sum(x[i:i + P, j:j + Q] @ W[i, j] for i in range(3) for j in range(3))


def exercise_2_one_channel_only(x, W, A, G, B):
    return _layer(x[:, :, :1], W[:, :, :1], A, G, B, _sum_last)


def exercise_3_whole_numbers():
    return 0, 1, -1, 2, -2, 3, -3


def exercise_3_from_zero():
    return range(7)


def exercise_3_twice_the_same():
    return 0, 1, -1, 2, -2, 0.5, 0.5


def exercise_3_six():
    return 0, 1, -1, 2, -2, 0.5


def exercise_3_the_librarys():
    return np.array([0, 1, -1, 2, -2, 0.5, -0.5])
