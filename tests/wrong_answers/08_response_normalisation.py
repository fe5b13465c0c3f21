"""Lesson 8: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np


def _around(x, size, mode="constant"):
    _, H, W, _ = x.shape
    half = size // 2
    padded = np.pad(x, ((0, 0), (half, half), (half, half), (0, 0)), mode=mode)
    return sum(padded[:, i:i + H, j:j + W] for i in range(size) for j in range(size))


def exercise_1_only_the_row(x, size):
    _, _, W, _ = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (size // 2, size // 2), (0, 0)))
    return sum(padded[:, :, j:j + W] for j in range(size))


def exercise_1_across_maps(x, size):
    C, half = x.shape[-1], size // 2
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (half, half)))
    return sum(padded[..., i:i + C] for i in range(size))


def exercise_1_without_itself(x, size):
    return _around(x, size) - x


def exercise_1_repeats_the_edge(x, size):
    return _around(x, size, "edge")


def exercise_1_around_the_corner(x, size):
    half = size // 2
    return sum(np.roll(x, (i, j), axis=(1, 2)) for i in range(-half, half + 1) for j in range(-half, half + 1))


def exercise_1_mean_instead_of_sum(x, size):
    return _around(x, size) / size ** 2


def exercise_1_squares(x, size):
    return _around(x ** 2, size)


def exercise_2_where_alpha_takes_over(k, alpha, beta):
    return np.sqrt(k / alpha) if beta > 0.5 else np.inf


def exercise_2_the_square(k, alpha, beta):
    return k / (alpha * (2 * beta - 1)) if beta > 0.5 else np.inf


def exercise_2_only_the_papers(k, alpha, beta):
    return 200.0 if beta > 0.5 else np.inf


def exercise_2_forgets_small_betas(k, alpha, beta):
    return np.sqrt(k / (alpha * abs(2 * beta - 1) + 1e-30))


def _neighbours(x, n):
    return exercise_1_across_maps(x, n)


def _s(x, n, k, alpha):
    return k + alpha * _neighbours(x ** 2, n)


def exercise_3_the_first_term_only(x, dy, n, k, alpha, beta):
    return dy * _s(x, n, k, alpha) ** -beta


def exercise_3_only_its_own_b(x, dy, n, k, alpha, beta):
    s = _s(x, n, k, alpha)
    return dy * s ** -beta - 2 * alpha * beta * dy * x * x * s ** (-beta - 1)


def exercise_3_forgets_the_two(x, dy, n, k, alpha, beta):
    s = _s(x, n, k, alpha)
    return dy * s ** -beta - alpha * beta * x * _neighbours(dy * x * s ** (-beta - 1), n)


def exercise_3_dy_before_the_sum(x, dy, n, k, alpha, beta):
    s = _s(x, n, k, alpha)
    return dy * s ** -beta - 2 * alpha * beta * x * dy * _neighbours(x * s ** (-beta - 1), n)


def exercise_3_s_before_the_sum(x, dy, n, k, alpha, beta):
    s = _s(x, n, k, alpha)
    return dy * s ** -beta - 2 * alpha * beta * x * s ** (-beta - 1) * _neighbours(dy * x, n)


def exercise_3_alpha_over_n(x, dy, n, k, alpha, beta):
    s = _s(x, n, k, alpha / n)
    return dy * s ** -beta - 2 * alpha / n * beta * x * _neighbours(dy * x * s ** (-beta - 1), n)


def exercise_3_the_papers_constants(x, dy, n, k, alpha, beta):
    s = _s(x, 5, 2.0, 1e-4)
    return dy * s ** -0.75 - 1.5e-4 * x * _neighbours(dy * x * s ** -1.75, 5)
