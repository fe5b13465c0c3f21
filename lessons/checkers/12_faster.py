"""Lesson 12: the checkers of its exercises."""
import tracemalloc

import numpy as np
from check import require, same, several, untouched
from counting import counted, operations

from tinynet import LRN, Conv2d

TOO_MUCH = 1_000_000  # bytes: one for each element of w; room for the views of a thousand pieces, 134 bytes each


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
        result = several(result, "w, v")
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


def exercise_2(layer):
    rng, nothing = np.random.default_rng(13), "forward returns nothing. Write your code in place of the `...`."
    for settings in (5, 2.0, 1e-4, 0.75), (5, 2.0, 0.5, 0.75), (3, 1.0, 1.0, 1.0), (9, 1.5, 0.2, 0.4), (1, 2.0, 0.3, 2):
        mine, theirs = layer(*settings), LRN(*settings)
        at = f"for n, k, alpha, beta = {settings}"
        for shape in (2, 3, 4, 11), (1, 2, 2, 2):
            x, dy = rng.normal(size=shape), rng.normal(size=shape)
            require(mine.forward(x, train=True) is not None, nothing)
            y = untouched(lambda x, mine=mine: mine.forward(x, train=True), x)
            same(y, theirs.forward(x, keep=True), "y", f"{at} y is not that of the slow layer.", 1e-9)
            dx = untouched(mine.backward, dy)
            same(dx, theirs.backward(dy), "dx", f"{at} y is right, dx is not that of the slow layer.", 1e-9)
    for x in rng.normal(size=(2, 1, 3, 3, 8)).astype(np.float32):       # a second image after the first
        y, dx = mine.forward(x, train=True), mine.backward(x)
        require(y.dtype == dx.dtype == np.float32, f"of float32 it makes {y.dtype} and {dx.dtype}.")
    spent = _operations(layer)
    require(spent >= 10, "the numbers are right, but almost nothing was counted. Work with the arrays as given.")
    require(spent <= SLOW / 2, f"right, with {spent:.0f} operations for each number; the slow one has {SLOW:.0f}, and "
                               "half of that is the target. What do you compute twice? How many powers are left?")


SLOW = 58.0  # operations of the lesson's SlowLRN; tests/test_counting.py counts them


def _operations(layer):
    mine, x = layer(5, 2.0, 1e-4, 0.75), counted(np.random.default_rng(14).normal(size=(2, 4, 4, 16)))
    with operations() as log:
        mine.forward(x, train=True)
        mine.backward(x)
    return log["all"] / x.size


def exercise_3(lean_conv):
    rng = np.random.default_rng(15)
    for shape, kernels in ((2, 5, 7, 3), (3, 3, 3, 4)), ((1, 6, 6, 2), (1, 1, 2, 5)), ((3, 9, 8, 1), (5, 5, 1, 2)):
        x, W = rng.normal(size=shape), rng.normal(size=kernels)
        same(untouched(lean_conv, x, W), _convolved(x, W), "y", f"for x {shape} and W {kernels} it is not the "
             "convolution.", 1e-9)
    x, W = (rng.normal(size=shape).astype(np.float32) for shape in ((8, 30, 30, 16), (3, 3, 16, 32)))
    y = lean_conv(x, W)
    require(y.dtype == np.float32, f"of float32 it makes {y.dtype}.")
    same(y, _convolved(x, W), "y", "for the large case it is not the convolution.", 1e-4)
    with operations() as log:
        lean_conv(counted(x), counted(W))
    require(log["products"] > 0, "it should use products of matrices, `@`.")
    require(log["products"] <= 60, f"right, but with {log['products']} products of matrices; the target is 60.")
    tracemalloc.start()
    try:
        y = lean_conv(x, W)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    beside = peak - y.nbytes
    require(beside <= 300_000, f"right, but it takes {beside:,} bytes beside its output; the target is 300,000.")


def _convolved(x, W):
    conv = Conv2d(*W.shape[2:], W.shape[:2], bias=False, algorithm="im2col").astype(W.dtype)
    conv.W.value[...] = W
    return conv.forward(x)
