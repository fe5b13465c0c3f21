"""Lesson 4: the checkers of its exercises."""
import numpy as np
from check import numerical, require, same, untouched
from numpy.lib.stride_tricks import sliding_window_view


def exercise_1(pool_windows):
    for length, z, s in (4, 2, 2), (9, 3, 2), (55, 3, 2), (3, 3, 2), (8, 3, 2), (7, 2, 2), (11, 3, 3), (6, 3, 1):
        for ceil in False, True:
            got = untouched(pool_windows, length, z, s, ceil)
            require(isinstance(got, int) and not isinstance(got, bool),
                    "it should return a whole number. (`//` divides and rounds down.)")
            hint = ("Are pixels left over behind the last whole window? Then there is one window more." if ceil else
                    "Begin with one window: how far can it move, and how many steps is that?")
            require(got == _windows(length, z, s, ceil),
                    f"it is not {got} windows for {length} pixels, z={z}, s={s}, ceil={ceil}. {hint}")
    for length, z, s in (6, 2, 3), (9, 2, 3), (5, 1, 2), (7, 2, 4), (10, 2, 4):
        for ceil in False, True:
            require(pool_windows(length, z, s, ceil) == _windows(length, z, s, ceil),
                    f"right where s ≤ z, but not for {length} pixels, z={z}, s={s}, ceil={ceil}. Where would the last "
                    "window begin?")
    require(pool_windows(8, 3, 2) == pool_windows(8, 3, 2, False), "without its last argument it should round down.")


def exercise_2(max_pool_backward):
    rng = np.random.default_rng(7)
    for shape, z, s in ((1, 4, 4, 1), 2, 2), ((2, 6, 8, 3), 2, 2), ((1, 5, 5, 1), 3, 2), ((2, 8, 6, 2), 3, 2), \
                       ((1, 5, 6, 2), 3, 1), ((1, 7, 6, 1), 2, 3):
        x = rng.permutation(np.prod(shape)).reshape(shape) / 10.0         # no ties
        y, switches = _max_pool(x, z, s)
        dy = rng.normal(size=y.shape)
        expected = numerical(lambda x, dy=dy, z=z, s=s: float((dy * _max_pool(x, z, s)[0]).sum()), x)
        got = untouched(max_pool_backward, dy, switches, shape, z, s)
        if s < z and np.shape(got) == shape:
            wrong = ~np.isclose(got, expected, atol=1e-6)
            require(not wrong.any() or (_wins(switches, shape, z, s)[wrong] < 2).any(),
                    f"nearly: for z={z}, s={s} only those pixels are wrong that won more than one window.")
        same(got, expected, f"dx for x {shape}, z={z}, s={s}",
             f"dx is not what nudging gives, for z={z}, s={s}. The switch k is row k // z and column k % z of its "
             "window. And in which row and column of x does window p, q begin?")


def exercise_3(mean_pool_backward):
    rng = np.random.default_rng(8)
    for shape, z, s in ((1, 4, 4, 1), 2, 2), ((2, 6, 8, 3), 2, 2), ((1, 7, 5, 2), 3, 2), ((2, 8, 6, 1), 3, 2), \
                       ((1, 5, 6, 2), 3, 1), ((1, 7, 6, 1), 2, 3):
        x = rng.normal(size=shape)
        dy = rng.normal(size=_mean_pool(x, z, s).shape)
        expected = numerical(lambda x, dy=dy, z=z, s=s: float((dy * _mean_pool(x, z, s)).sum()), x)
        got = untouched(mean_pool_backward, dy, shape, z, s)
        require(np.shape(got) != shape or not np.allclose(got, z * z * expected),
                "the right pixels, but too much for each. One pixel is only a part of the mean.")
        same(got, expected, f"dx for x {shape}, z={z}, s={s}",
             f"dx is not what nudging gives, for z={z}, s={s}. Each pixel of a window gets the same share of its dy. "
             "What about a pixel that is in several windows, or in none?")


def _wins(switches, shape, z, s):
    """How many windows each pixel has won."""
    count = np.zeros(shape, int)
    for (n, p, q, c), k in np.ndenumerate(switches):
        count[n, p * s + k // z, q * s + k % z, c] += 1
    return count


def _windows(length, z, s, ceil):
    starts = list(range(0, length - z + 1, s))
    left_over = starts[-1] + z < length and starts[-1] + s < length
    return len(starts) + (1 if ceil and left_over else 0)


def _max_pool(x, z, s):
    windows = sliding_window_view(x, (z, z), axis=(1, 2))[:, ::s, ::s]
    windows = windows.reshape(*windows.shape[:4], z * z)
    return windows.max(axis=-1), windows.argmax(axis=-1)


def _mean_pool(x, z, s):
    return sliding_window_view(x, (z, z), axis=(1, 2))[:, ::s, ::s].mean(axis=(4, 5))
