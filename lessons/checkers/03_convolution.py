"""Lesson 3: the checkers of its exercises."""
import numpy as np
from check import keeps_precision, numerical, require, same, several, untouched, whole
from numpy.lib.stride_tricks import sliding_window_view


def exercise_1(conv_numbers):
    for size, channels, kernel, kernels, stride, padding in (
            (5, 1, 3, 1, 1, 0), (9, 2, 3, 4, 1, 1), (11, 3, 5, 2, 2, 0), (10, 3, 3, 7, 4, 2), (227, 3, 11, 96, 4, 0),
            (2, 1, 3, 1, 2, 0)):
        got = several(untouched(conv_numbers, size, channels, kernel, kernels, stride, padding),
                      "places, parameters, multiply-adds")
        case = f"conv_numbers({size}, {channels}, {kernel}, {kernels}, {stride}, {padding})"
        require(all(whole(n) for n in got),
                "all three should be whole numbers. (`//` divides and rounds down.)")
        places = len(range(-padding, size + padding - kernel + 1, stride))
        require(got[0] == places, f"the number of places is not right for {case}. Draw the axis with its padding: how "
                                  "far can the window move, and how many steps is that? (None fits where the window is "
                                  "larger than the axis.)")
        one_kernel = np.zeros((kernel, kernel, channels)).size
        require(got[1] == kernels * (one_kernel + 1), f"the number of parameters is not right for {case}. How many "
                                                      "numbers has one kernel, and what else does each have?")
        require(got[2] == np.zeros((places, places, kernels)).size * one_kernel,
                f"the number of multiply-adds is not right for {case}. How many outputs are there, and how many terms "
                "has the sum for each?")
    require(tuple(conv_numbers(9, 2, 3, 4)) == tuple(conv_numbers(9, 2, 3, 4, 1, 0)),
            "without its last two arguments the function should take stride 1 and no padding.")


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
