"""Lesson 10: the checkers of its exercises."""
import numpy as np
from check import numerical, require, same, untouched

from tinynet import Conv2d, pair, traffic


def exercise_1(exchange_backward):
    left, right = pair("simulated")
    rng = np.random.default_rng(5)
    for C, other in (2, 2), (3, 1):
        x, d = rng.normal(size=(2, 3, C + other)), rng.normal(size=(2, 2, 3, C + other))
        d_left, d_right = left.asarray(d[0]), right.asarray(d[1])
        with traffic() as log:
            got = untouched(exchange_backward, d_left, d_right, C)
        require(isinstance(got, tuple) and len(got) == 2, "it should return two things: dx_left, dx_right.")
        require(left.holds(got[0]) and right.holds(got[1]),
                "dx_left should live on the left device and dx_right on the right one.")
        require(np.array_equal(left.tohost(d_left), d[0]) and np.array_equal(right.tohost(d_right), d[1]),
                "a gradient that you were given is no longer as it was. Work on a copy.")
        expected = numerical(lambda x, d=d: float((d * x).sum()), x)       # both columns hold all maps of x
        hint = (f"is not what nudging gives, with {C} maps on the left and {other} on the right. Who used these maps "
                "in forward? Which part of d_left is about them, and which part of d_right?")
        same(left.tohost(got[0]), expected[..., :C], "dx_left", f"dx_left {hint}")
        same(right.tohost(got[1]), expected[..., C:], "dx_right", f"dx_right {hint}")
        require(sum(crossing.bytes for crossing in log) == x.nbytes,
                "the numbers are right, but more crosses than need be. Send only what the other side waits for.")


def exercise_2(break_even):
    for parameters, crossing in (1000, 16), (60_965_224, 234_496), (3, 40):
        images = untouched(break_even, parameters, crossing)
        require(isinstance(images, int | float | np.number), "it should return one number.")
        copies, columns = 2 * 4 * parameters, 2 * crossing * images
        require(columns > 0, "the number of images should be positive.")
        require(abs(copies - columns) < 0.01 * copies or abs(copies - columns) <= 2 * crossing,
                f"for parameters={parameters:,} and bytes_per_image={crossing:,}, your number of images makes columns "
                f"send {columns / copies:.3g} times as much as copies. How many bytes has a gradient? Do both send "
                "both ways? And columns send forward and backward.")


def exercise_3(one_kernel):
    rng = np.random.default_rng(6)
    for size, C, others, F, more in (3, 2, 2, 3, 3), (1, 3, 2, 2, 4):
        W_left, W_right = rng.normal(size=(size, size, C, F)), rng.normal(size=(size, size, others, more))
        whole = untouched(one_kernel, W_left, W_right)
        shape = (size, size, C + others, F + more)
        require(np.shape(whole) == shape, f"for kernels {W_left.shape} and {W_right.shape} the whole should have the "
                                          f"shape {shape}, yours has {np.shape(whole)}.")
        x = rng.normal(size=(2, 4, 4, C + others))
        apart = np.concatenate([_convolved(x[..., :C], W_left), _convolved(x[..., C:], W_right)], axis=-1)
        same(_convolved(x, whole), apart, "the output", "the shape is right, the maps are not those of the two "
             "columns. What weight should an output map of the left column have for an input map of the right one?")


def _convolved(x, W):
    conv = Conv2d(*W.shape[2:], W.shape[0], bias=False, algorithm="im2col").astype(np.float64)
    conv.W.value[...] = W
    return conv.forward(x)
