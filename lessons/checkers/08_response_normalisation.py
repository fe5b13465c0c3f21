"""Lesson 8: the checkers of its exercises."""
import numpy as np
from check import numerical, require, same, untouched

from tinynet import LRN


def exercise_1(pixels_around):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 4, 5, 3))
    for size in 1, 3, 5:
        expected, half = np.zeros(x.shape), size // 2
        for n, h, w, c in np.ndindex(x.shape):
            expected[n, h, w, c] = x[n, max(0, h - half):h + half + 1, max(0, w - half):w + half + 1, c].sum()
        same(untouched(pixels_around, x, size), expected, f"the sum for size={size}",
             f"it is not right for size={size}. Every pixel adds up {size * size} pixels of its own image and its own "
             "map, itself in the middle; at the edge some are zeros.", 1e-9)


def exercise_2(loudest):
    for k, alpha, beta in (2.0, 1e-4, 0.75), (1.0, 0.5, 1.0), (3.0, 0.02, 0.6):
        a = untouched(loudest, k, alpha, beta)
        at = f"for k={k}, α={alpha}, β={beta}"
        require(np.ndim(a) == 0 and np.isfinite(a) and a > 0, f"{at} it should be one number above 0.")
        here, left, right = (v * (k + alpha * v ** 2) ** -beta for v in (a, a * 0.999, a * 1.001))
        require(here > max(left, right), f"{at} the curve goes on rising on one side of {a:.4g}. At the top its slope "
                                         "is 0: which a makes it so?")
    for beta in 0.5, 0.3:
        require(untouched(loudest, 2.0, 1e-4, beta) == np.inf,
                f"for β={beta} there is no top: the text says what to return.")


def exercise_3(lrn_backward):
    rng = np.random.default_rng(2)
    for C, n, k, alpha, beta in (7, 5, 2.0, 0.3, 0.75), (4, 3, 1.0, 1.0, 1.0), (2, 5, 1.5, 0.5, 0.5):
        layer, x, dy = LRN(n, k, alpha, beta), rng.normal(size=(1, 2, 2, C)), rng.normal(size=(1, 2, 2, C))
        expected = numerical(lambda x, layer=layer, dy=dy: float((dy * layer.forward(x)).sum()), x)
        same(untouched(lrn_backward, x, dy, n, k, alpha, beta), expected, "dx",
             f"dx is not what nudging gives, for n={n}, k={k}, α={alpha}, β={beta}. The first term is dy s^-β. In the "
             "second, which of a_i, a_j, s_i, dy_i belong to the i that is summed over, and which is before the sum?")
