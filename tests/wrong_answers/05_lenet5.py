"""Lesson 5: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np


def _right(x, w, dy):
    N, H, W, C = x.shape
    mean = x.reshape(N, H // 2, 2, W // 2, 2, C).mean(axis=(2, 4))
    dx = (dy * w / 4).repeat(2, axis=1).repeat(2, axis=2)
    return dx, (dy * mean).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))


def exercise_1_forgets_the_quarter(x, w, dy):
    dx, dw, db = _right(x, w, dy)
    return 4 * dx, dw, db


def exercise_1_forgets_the_coefficient(x, w, dy):
    dx, dw, db = _right(x, np.ones_like(w), dy)
    return dx, dw, db


def exercise_1_only_one_pixel_of_each_window(x, w, dy):
    dx, dw, db = _right(x, w, dy)
    only = np.zeros_like(dx)
    only[:, ::2, ::2] = 4 * dx[:, ::2, ::2]
    return only, dw, db


def exercise_1_tiles_instead_of_repeating(x, w, dy):
    _, dw, db = _right(x, w, dy)
    return np.tile(dy * w / 4, (1, 2, 2, 1)), dw, db


def exercise_1_means_instead_of_sums(x, w, dy):
    dx, dw, db = _right(x, w, dy)
    return dx, dw / dy[..., 0].size, db / dy[..., 0].size


def exercise_1_forgets_the_bias(x, w, dy):
    dx, dw, _ = _right(x, w, dy)
    return dx, dw, np.zeros_like(w)


def exercise_1_only_dx(x, w, dy):
    return _right(x, w, dy)[0]


def exercise_2_a_full_table(table, size):
    inputs = 1 + max(max(seen) for seen in table)
    return len(table) * (inputs * size * size + 1)


def exercise_2_no_biases(table, size):
    return sum(len(seen) for seen in table) * size * size


def exercise_2_a_bias_for_each_kernel(table, size):
    return sum(len(seen) for seen in table) * (size * size + 1)


def exercise_2_one_kernel_for_each_map(table, size):
    return len(table) * (size * size + 1)


def exercise_2_always_c3(table, size):
    return 1516


def exercise_3_of_the_distance(x, codes, dy):
    return 2 * (dy[:, :, None] * (x[:, None] - codes)).sum(axis=1)


def exercise_3_forgets_the_two(x, codes, dy):
    return -(dy[:, :, None] * (x[:, None] - codes)).sum(axis=1)


def exercise_3_forgets_x(x, codes, dy):
    return 2 * dy @ codes


def exercise_3_forgets_dy(x, codes, dy):
    return -2 * (x[:, None] - codes).sum(axis=1)


def exercise_3_only_the_nearest(x, codes, dy):
    nearest = ((x[:, None] - codes) ** 2).sum(axis=2).argmin(axis=1)
    return -2 * dy[np.arange(len(x)), nearest, None] * (x - codes[nearest])
