"""Lesson 4: the checkers of its exercises."""
import numpy as np
from check import keeps_precision, numerical, require, same, untouched
from numpy.lib.stride_tricks import sliding_window_view


def exercise_1(pool_up):
    rng = np.random.default_rng(6)
    for shape, z, s in (((1, 4, 4, 1), 2, 2), ((2, 5, 5, 1), 2, 2), ((1, 8, 8, 2), 3, 2), ((2, 9, 6, 3), 3, 2),
                        ((1, 7, 10, 1), 3, 3), ((1, 6, 5, 2), 3, 1), ((1, 6, 9, 1), 2, 3), ((1, 5, 10, 1), 2, 4)):
        x = rng.normal(size=shape) - 5                                    # all negative: 0 is no answer
        rows, columns = (_starts(length, z, s) for length in shape[1:3])
        expected = np.stack([np.stack([x[:, i:i + z, j:j + z].max(axis=(1, 2)) for j in columns], 1) for i in rows], 1)
        case = f"y for x {shape}, z={z}, s={s}"
        got = untouched(pool_up, x, z, s)
        hint = "" if np.shape(got) == expected.shape else (
            " Draw the axis: how many windows lie within it, is a pixel left over, and is there one on which the next "
            "window would begin?")
        require(np.shape(got) == expected.shape,
                f"{case} should have the shape {expected.shape}, yours has {np.shape(got)}.{hint}")
        same(got, expected, case, f"{case}: the shape is right, the numbers are not. A window that hangs over the end "
                                  "has fewer pixels, and what is no pixel cannot be the largest: not even 0.")
    keeps_precision(pool_up, x, z, s)


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
    keeps_precision(max_pool_backward, dy, switches, shape, z, s)


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
    keeps_precision(mean_pool_backward, dy, shape, z, s)


def _wins(switches, shape, z, s):
    """How many windows each pixel has won."""
    count = np.zeros(shape, int)
    for (n, p, q, c), k in np.ndenumerate(switches):
        count[n, p * s + k // z, q * s + k % z, c] += 1
    return count


def _starts(length, z, s):
    """Where windows begin, if one may hang over the end: until one has reached the last pixel."""
    starts = [0]
    while starts[-1] + z < length and starts[-1] + s < length:
        starts.append(starts[-1] + s)
    return starts


def _max_pool(x, z, s):
    windows = sliding_window_view(x, (z, z), axis=(1, 2))[:, ::s, ::s]
    windows = windows.reshape(*windows.shape[:4], z * z)
    return windows.max(axis=-1), windows.argmax(axis=-1)


def _mean_pool(x, z, s):
    return sliding_window_view(x, (z, z), axis=(1, 2))[:, ::s, ::s].mean(axis=(4, 5))
