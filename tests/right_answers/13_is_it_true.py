"""Lesson 13: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import itertools
import math

import numpy as np

from tinynet.claims.claim import T
from tinynet.claims.claim import interval as of_differences


def exercise_1_of_arrays(a, b):
    d = a - b
    n = len(d)
    half = T[n - 2] * d.std(ddof=1) / np.sqrt(n)
    return d.mean() - half, d.mean() + half


def exercise_1_in_plain_python(a, b):
    d = [p - q for p, q in zip(a, b, strict=True)]
    mean = sum(d) / len(d)
    s = math.sqrt(sum((x - mean) ** 2 for x in d) / (len(d) - 1))
    return [mean - T[len(d) - 2] * s / math.sqrt(len(d)), mean + T[len(d) - 2] * s / math.sqrt(len(d))]


def exercise_1_by_the_library(a, b):
    return of_differences([p - q for p, q in zip(a, b, strict=True)])[1:]


def exercise_2_one_choice_at_a_time(differences):
    ours, far, n = abs(sum(differences)), 0, len(differences)
    for signs in itertools.product((-1, 1), repeat=n):
        far += abs(sum(s * d for s, d in zip(signs, differences, strict=True))) >= ours - 1e-9
    return far / 2 ** n


def exercise_2_half_of_them(differences):
    sums = np.array([0.0])
    for d in differences[:-1]:
        sums = np.concatenate([sums - d, sums + d])
    return float(np.mean(np.abs(sums + differences[-1]) >= abs(differences.sum()) - 1e-9))      # the others mirror them


def exercise_3_step_by_step(x, labels, fit, strengths, rng):
    n, order = len(x), rng.permutation(len(x))
    train, valid, test = order[:6 * n // 10], order[6 * n // 10:8 * n // 10], order[8 * n // 10:]
    mean, spread = np.mean(x[train], axis=0), np.std(x[train])
    lowest = None
    for strength in strengths:
        W, b = fit((x[train] - mean) / spread, labels[train], strength)
        e = np.mean(np.argmax((x[valid] - mean) / spread @ W + b, axis=1) != labels[valid])
        if lowest is None or e < lowest[0]:
            lowest = e, strength, W, b
    _, strength, W, b = lowest
    return strength, float(np.mean(np.argmax((x[test] - mean) / spread @ W + b, axis=1) != labels[test]))


def exercise_4_by_signs(run):
    d = np.array([run("a", k) - run("b", k) for k in range(12)])
    if abs(d.mean()) < 2.3 * d.std(ddof=1) / math.sqrt(12):
        return "not seen"
    return "b" if d.mean() > 0 else "a"
