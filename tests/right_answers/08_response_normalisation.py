"""Lesson 8: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import math

import numpy as np


def exercise_1_with_math(k, alpha, beta):
    if beta <= 0.5:
        return math.inf
    return math.sqrt(k / (2 * alpha * beta - alpha))


def exercise_2_map_by_map(x, dy, n, k, alpha, beta):
    C, half = x.shape[-1], n // 2
    near = [slice(max(0, i - half), i + half + 1) for i in range(C)]
    s = np.stack([k + alpha * (x[..., near[i]] ** 2).sum(axis=-1) for i in range(C)], axis=-1)
    back = dy * x / s ** (beta + 1)
    dx = dy / s ** beta
    for j in range(C):
        dx[..., j] -= 2 * alpha * beta * x[..., j] * back[..., near[j]].sum(axis=-1)
    return dx


def exercise_3_a_list(wrong_a, wrong_b):
    votes = wrong_a.astype(float) - wrong_b
    return [votes.mean(), math.sqrt((votes ** 2).sum()) / len(votes)]


def exercise_3_the_standard_error(wrong_a, wrong_b):
    votes = wrong_a.astype(float) - wrong_b.astype(float)
    return votes.mean(), votes.std() / np.sqrt(len(votes))


def exercise_3_by_n_minus_one(wrong_a, wrong_b):
    votes = wrong_a.astype(float) - wrong_b.astype(float)
    return float(votes.mean()), float(votes.std(ddof=1) / len(votes) ** 0.5)
