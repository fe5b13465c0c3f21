"""Lesson 3: the checkers of its exercises."""
import numpy as np
from check import keeps_precision, numerical, require, same, several, untouched
from numpy.lib.stride_tricks import sliding_window_view


def exercise_1(detectors):
    rng = np.random.default_rng(4)
    some = rng.integers(0, 2, (5, 3, 3))
    plain = np.stack([np.zeros((3, 3), int), np.ones((3, 3), int)])
    for patterns in some, plain, some[:1], some[:, :2], some[:, :, :1]:
        F, KH, KW = patterns.shape
        W, b = several(untouched(detectors, patterns), "W, b")
        at = f"for {F} patterns of {KH} × {KW} pixels "
        for what, got, shape in ("W", W, (KH, KW, 1, F)), ("b", b, (F,)):
            require(np.shape(got) == shape, f"{at}{what} should have the shape {shape}, yours has {np.shape(got)}.")
            require(np.isfinite(got).all(), f"{at}{what} holds NaN or infinity.")
        _finds(W, b, patterns, at)


def _finds(W, b, patterns, at):
    """NotYet unless, of all windows of zeros and ones, each output is above zero for its own pattern only."""
    F, KH, KW = patterns.shape
    windows = (np.arange(2 ** (KH * KW))[:, None] >> np.arange(KH * KW)) & 1           # (2^K², KH·KW)
    y = windows @ np.reshape(W, (KH * KW, F)) + b                                      # (2^K², F)
    for f, pattern in enumerate(patterns):
        own = (windows == pattern.ravel()).all(axis=1)
        drawn = "\n".join("".join("·#"[n] for n in row) for row in pattern)
        require((y[own, f] > 1e-9).all(), f"{at}the output is {float(y[own, f][0]):.4g} at its own pattern:\n{drawn}")
        if (y[~own, f] > 1e-9).any():
            other = windows[~own][int(np.argmax(y[~own, f]))].reshape(KH, KW)
            require(False, f"{at}the pattern\n{drawn}\nis found, but the output is {float(y[~own, f].max()):.4g} here, "
                           "too:\n" + "\n".join("".join("·#"[n] for n in row) for row in other))


def exercise_2(two_loops):
    rng = np.random.default_rng(5)
    for shape, kernel, F, stride in (((2, 5, 5, 3), (3, 3), 4, 1), ((2, 7, 6, 3), (2, 3), 4, 1),
                                     ((1, 9, 8, 2), (3, 2), 5, 2), ((2, 10, 11, 1), (3, 3), 2, 4)):
        x, W, b = rng.normal(size=shape), rng.normal(size=(*kernel, shape[-1], F)), rng.normal(size=F)
        expected = _convolve(x, W, b, stride)
        got = untouched(two_loops, x, W, b, stride)
        case = f"y for images {shape}, kernels {kernel} and stride {stride}"
        if np.shape(got) == expected.shape:
            require(not np.allclose(got + b, expected), "only the bias is missing.")
            require(not np.allclose(got - (kernel[0] * kernel[1] - 1) * b, expected),
                    "the bias should be added once, not once for each offset.")
        same(got, expected, case, f"{case} is not right. The slice for the offset i, j begins at i and j; it has P and "
                                  "Q places, and they are `stride` pixels apart.")
    keeps_precision(two_loops, x, W, b, stride)


def exercise_3(input_gradient):
    rng = np.random.default_rng(6)
    for shape, kernel, F in ((1, 5, 5, 1), (3, 3), 1), ((2, 6, 5, 3), (3, 3), 4), ((1, 5, 6, 2), (2, 3), 3):
        x, W = rng.normal(size=shape), rng.normal(size=(*kernel, shape[-1], F))
        dy = rng.normal(size=_convolve(x, W, 0, 1).shape)
        expected = numerical(lambda x, W=W, dy=dy: float((dy * _convolve(x, W, 0, 1)).sum()), x)
        got = untouched(input_gradient, dy, W)
        require(np.shape(got) == shape, f"for dy {dy.shape} and W {W.shape}, dx should have the shape {shape}, yours "
                f"has {np.shape(got)}. How many zeros does dy need around it, so that the first pixel finds the only "
                "place that it was in? And whose channels does dx have?")
        same(got, expected, "dx", "the shape is right, the numbers are not what nudging gives. A pixel further right "
                                  "in its window met a weight further right. So seen from the pixel, on which side "
                                  "lies the place where it met the first weight?")
    keeps_precision(input_gradient, dy, W)


def _convolve(x, W, b, stride):
    windows = sliding_window_view(x, W.shape[:2], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("npqcij,ijcf->npqf", windows, W) + b
