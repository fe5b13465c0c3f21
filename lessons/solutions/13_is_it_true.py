"""Lesson 13: solutions. Look here after you have tried."""
import numpy as np

from tinynet.claims.claim import T


# Exercise 13.1: the differences first; then their own spread, divided by n - 1.
def interval(a, b):
    d = np.asarray(a) - np.asarray(b)
    n = len(d)
    half = T[n - 2] * d.std(ddof=1) / np.sqrt(n)
    return d.mean() - half, d.mean() + half


# Exercise 13.2: all signs at once, (2ⁿ, n).
def sign_flips(differences):
    n = len(differences)
    signs = 1 - 2 * ((np.arange(2 ** n)[:, None] >> np.arange(n)) & 1)
    means = np.abs(signs @ np.asarray(differences)) / n
    return np.mean(means >= abs(np.mean(differences)) - 1e-9)


# Exercise 13.3: three parts that share nothing; mean and spread of the first, the choice by the second, the error on
# the third.
def honest(x, labels, fit, strengths, rng):
    order = rng.permutation(len(x))
    train, choose, test = np.split(order, [6 * len(x) // 10, 8 * len(x) // 10])
    x = (x - x[train].mean(axis=0)) / x[train].std()

    def error(part, W, b):
        return np.mean((x[part] @ W + b).argmax(axis=1) != labels[part])

    fitted = {strength: fit(x[train], labels[train], strength) for strength in strengths}
    best = min(strengths, key=lambda strength: error(choose, *fitted[strength]))
    return best, error(test, *fitted[best])


# Exercise 13.4: one of many. Twelve pairs, and the interval of their differences.
def referee(run):
    a, b = ([run(side, seed) for seed in range(12)] for side in "ab")
    low, high = interval(a, b)
    return "a" if high < 0 else "b" if low > 0 else "not seen"
