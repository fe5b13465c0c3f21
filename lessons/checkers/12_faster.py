"""Lesson 12: the checkers of its exercises."""
import tracemalloc

import numpy as np
from check import require, same, untouched

TOO_MUCH = 400_000  # bytes: a tenth of an array of a million, and room for many pieces


def exercise_1(update):
    for size, piece in (10, 4), (12, 4), (3, 100):
        _updates(update, size, piece)
    w, g, v = _arrays(1_000_007)
    tracemalloc.start()
    try:
        update(w, g, v, 0.1, 0.9, 0.01, piece=1000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    require(peak < TOO_MUCH, f"the numbers are right. But for arrays of {w.nbytes / 1e6:.0f} MB and pieces of 1,000 "
                             f"elements it took {peak / 1e6:.1f} MB more: some array that it makes is as large as w.")


def _updates(update, size, piece):
    """Two steps with arrays of `size` elements must be the rule's."""
    w, g, v = _arrays(size)
    expected_w, expected_v = w.astype(float), v.astype(float)
    where = f"for {size} elements in pieces of {piece}, "
    for _ in range(2):
        expected_v = 0.9 * expected_v - 0.01 * 0.1 * expected_w - 0.1 * g
        expected_w = expected_w + expected_v
        before = {"w": w.copy(), "v": v.copy()}
        result = untouched(lambda g: update(w, g, v, 0.1, 0.9, 0.01, piece=piece), g)  # noqa: B023 called at once
        require(isinstance(result, tuple) and len(result) == 2, "it should return two things: w, v.")
        for name, mine, got, expected in ("v", v, result[1], expected_v), ("w", w, result[0], expected_w):
            require(got is mine, f"{name} should be the array that was given, changed, and not another one.")
            require(not np.array_equal(got, before[name]), f"{where}{name} is still what it was. `a = ...` gives the "
                                                           "name a to another array; `a[:] = ...` writes into the one "
                                                           "it names.")
            right = np.isclose(got, expected, rtol=1e-4, atol=1e-5)
            require(right.any(), f"{where}{name} is not what the rule says. (The new w needs the new v.)")
            require(right.all(), f"{where}only some elements of {name} are right, the first wrong one at "
                                 f"{int(np.argmin(right))}. Do the pieces cover everything, once?")


def _arrays(size):
    rng = np.random.default_rng(12)
    return tuple(rng.normal(size=size).astype(np.float32) for _ in range(3))


def exercise_2(two_outputs):
    rng = np.random.default_rng(13)
    for _ in range(3):
        d, g = rng.normal(size=4), rng.normal(size=3)
        y = untouched(two_outputs, d, g)
        require(np.shape(y) == (2,), f"it should return two numbers, y₀ and y₁, yours has the shape {np.shape(y)}.")
        same(np.array(y), np.correlate(d, g), "y", _which_is_wrong(y, np.correlate(d, g)))
    _Number.products = 0
    two_outputs(np.array([_Number("d") for _ in range(4)]), np.array([_Number("g") for _ in range(3)]))
    require(_Number.products <= 4, f"right, but with {_Number.products} products of something made of d and something "
                                   "made of g. Four are enough: m₁ to m₄, each computed once.")


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


def exercise_3(products):
    got = untouched(products, 8, 4, 3)
    require(np.shape(got) == () and np.isreal(got), "it should return one number.")
    require(got != 8 * 8 * 9, "that is the plain way. In a tile there is one product for each of its places.")
    require(got == 144, "four tiles of 4 x 4 cover 8 x 8 outputs. How many places has a tile before its last "
                        "transform, along each axis?")
    for P, m, K in (13, 4, 3), (27, 4, 5), (2, 4, 3), (9, 2, 3), (7, 1, 5):
        expected = sum((m + K - 1) ** 2 for _ in range(0, P, m) for _ in range(0, P, m))  # tile by tile
        got = products(P, m, K)
        require(got == expected, f"right where whole tiles fit, but not for {P} x {P} outputs in tiles of {m} x {m}, "
                                 f"with kernels of {K} x {K}. How many tiles does it take to cover them?")
