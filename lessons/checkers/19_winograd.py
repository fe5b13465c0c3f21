"""Lesson 19: the checkers of its exercises."""
import numpy as np
from check import require, same, untouched
from counting import counted, operations

from tinynet.fast.winograd import POINTS


def exercise_1(two_outputs):
    rng = np.random.default_rng(13)
    for _ in range(3):
        d, g = rng.normal(size=4), rng.normal(size=3)
        y = untouched(two_outputs, d, g)
        require(np.shape(y) == (2,), f"it should return two numbers, y₀ and y₁, yours has the shape {np.shape(y)}.")
        same(np.array(y), np.correlate(d, g), "y", _which_is_wrong(y, np.correlate(d, g)))
    products = _products(two_outputs)
    require(products <= 4, f"right, but with {products} products of something made of d and something made of g. Four "
                           "are enough: m₁ to m₄, each computed once.")


def _products(two_outputs):
    """How many products there are. Whoever puts numbers into float arrays cannot be counted, but gives himself away:
    with d₁ huge and g₀ = 0, the plain way is exact, and sums of d and of g lose all digits."""
    _Number.products = 0
    try:
        two_outputs(np.array([_Number("d") for _ in range(4)]), np.array([_Number("g") for _ in range(3)]))
    except TypeError:
        _Number.products = 0
    plain = np.asarray(two_outputs(np.array([1.0, 1e30, 2.0, 3.0]), np.array([0.0, 5.0, 7.0])))[1] == 2 * 5 + 3 * 7
    return _Number.products or (6 if plain else 4)


def _which_is_wrong(y, expected):
    names = [name for name, a, b in zip(("y₀", "y₁"), y, expected, strict=True) if not np.isclose(a, b)]
    return (f"{' and '.join(names)}: not right yet. Multiply the m out: in which of them is d₀g₀, and what has to be "
            "taken away or added for the rest to cancel?")


class _Number:
    """Stands for any number made of d, of g, or of products of both; counts these products."""

    products = 0

    def __init__(self, kind):
        self.kind = kind

    def __add__(self, other):
        return _Number(self.kind if not isinstance(other, _Number) or other.kind == self.kind else "product")

    def __mul__(self, other):
        if not isinstance(other, _Number):
            return _Number(self.kind)
        _Number.products += 1
        return _Number("product")

    def __truediv__(self, number):
        return _Number(self.kind)

    def __neg__(self):
        return _Number(self.kind)

    __radd__ = __sub__ = __rsub__ = __add__
    __rmul__ = __mul__


def exercise_2(winograd_layer):
    rng, matrices = np.random.default_rng(14), _matrices((0, 1, -1, 2, -0.5), 4, 3)
    for H, W_, C, F in (6, 6, 1, 1), (10, 6, 3, 2), (14, 18, 2, 5):
        x, W = rng.normal(size=(H, W_, C)), rng.normal(size=(3, 3, C, F))
        y = untouched(winograd_layer, x, W, *matrices)
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(0, 1))       # (H - 2, W_ - 2, C, 3, 3)
        same(y, np.einsum("ijckl,klcf->ijf", windows, W), "y", f"for x {x.shape} and W {W.shape} it is not the "
             "convolution. Is each tile transformed along both of its axes, and back?", 1e-6)
    x, W = counted(rng.normal(size=(26, 26, 32))), counted(rng.normal(size=(3, 3, 32, 32)))
    with operations() as log:
        winograd_layer(x, W, *matrices)
    share, least = (count / (24 * 24 * 9 * 32 * 32) for count in (log["all"], 36 * 36 * 32 * 32))
    require(share >= least, "the numbers are right, but they were not counted. Work with the arrays as they are given.")
    require(share <= 0.45, f"right, but with {share:.0%} of the operations of the plain way; the target is 45 %. The "
                          "sum over the channels belongs before the last transform, and into `@`, which multiplies and "
                          "adds in one; and U is made once.")


def _matrices(points, m, K, dtype=float):
    def evaluate(n):
        return np.vstack([np.power.outer(np.array(points, float), np.arange(n)), np.eye(n)[-1:]])

    return tuple(a.astype(dtype) for a in (evaluate(m), evaluate(K), np.linalg.inv(evaluate(m + K - 1))))


def exercise_3(my_points):
    points = untouched(my_points)
    require(np.shape(points) == (7,), f"seven points, please; yours has the shape {np.shape(points)}.")
    require(len(set(np.asarray(points, float))) == 7, "two points are the same: no polynomial is determined by these.")
    require(set(np.asarray(points, float)) != set(POINTS), "these are the library's. Find some of your own.")
    error = np.mean([_error(points, seed) for seed in range(6)])
    require(error < 6e-6, f"the relative error is {error:.1e}; the target is 6e-6. What becomes of your largest point, "
                          "to the power of seven? Is every point with another sign there, too?")


def _error(points, seed):
    """The relative error of float32, in tiles of 6 x 6 outputs, of one random image."""
    rng, results = np.random.default_rng(seed), []
    image, kernel = rng.normal(size=(50, 50)), rng.normal(size=(3, 3))
    for dtype in np.float64, np.float32:
        A, G, B = _matrices(points, 6, 3, dtype)
        U, x = G @ kernel.astype(dtype) @ G.T, image.astype(dtype)
        results.append(np.block([[A.T @ (U * (B.T @ x[i:i + 8, j:j + 8] @ B)) @ A for j in range(0, 48, 6)]
                                 for i in range(0, 48, 6)]))
    exact, rounded = results
    return np.abs(rounded - exact).max() / np.abs(exact).max()
