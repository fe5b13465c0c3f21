"""Lesson 11: the checkers of its exercises."""
import numpy as np
from check import require, untouched

from tinynet import count_parameters
from tinynet.models import alexnet, alexnet_half


def exercise_1(windows):
    cases = [(224, 11, 4, 0), (227, 11, 4, 0), (55, 3, 2, 0), (27, 5, 1, 2), (10, 3, 3, 1), (7, 7, 2, 0), (32, 5, 2, 2),
             (6, 3, 2, 0), (8, 5, 4, 1), (9, 2, 2, 0)]
    for size, kernel, stride, padding in cases:
        what = f"size={size}, kernel={kernel}, stride={stride}, padding={padding}"
        got = untouched(windows, size, kernel, stride, padding)
        require(_whole(got), f"for {what} it should return a whole number, an int, yours is {got!r}.")
        starts = range(0, size + 2 * padding - kernel + 1, stride)         # every window that fits
        require(got == len(starts), f"for {what}, with no hanging over, you have {got} windows. Begin with one window: "
                                    "for how many steps have the other padded pixels room?")
    for size, kernel, stride, padding in cases:
        what = f"size={size}, kernel={kernel}, stride={stride}, padding={padding}"
        got = untouched(windows, size, kernel, stride, padding, True)
        require(_whole(got), f"for {what} it should return a whole number, an int, yours is {got!r}.")
        end, pixels = (got - 1) * stride + kernel, size + 2 * padding      # where the last window ends
        require(end >= pixels, f"for {what}, hanging over, your last of {got} windows leaves out pixels at the end.")
        require(got == 1 or end - stride < pixels, f"for {what}, hanging over, you have {got} windows, though fewer "
                                                   "leave no pixel out.")


def exercise_2(total_parameters):
    small = {"kernels": (4, 6, 8, 10, 12), "hidden": 14}
    two = count_parameters(alexnet(7, columns=1, rng=np.random.default_rng(0), **small))  # on one device, in two groups
    one = count_parameters(alexnet_half(7, rng=np.random.default_rng(0), **small))
    got = untouched(total_parameters)
    require(_whole(got), f"it should return a whole number, an int, yours is {got!r}.")
    require(got != 60_954_656, "nearly: each kernel, and each neuron of fc6, fc7 and fc8, has one number more.")
    require(got == 60_965_224, f"for the net of the table you have {got:,}. Take the layers one by one. What does one "
                               "kernel see: how many pixels of how many maps? And what does a neuron of fc6 see?")
    for columns, right in (2, two), (1, one):
        got = untouched(total_parameters, *small.values(), 7, columns)
        require(_whole(got) and got == right, f"AlexNet comes out, but for kernels={small['kernels']}, hidden=14, "
                f"classes=7, columns={columns} you have {got}. Do all arguments enter? With one column, who sees what?")


def exercise_3(field):
    alexnet_layers = [(11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 1), (3, 1), (3, 2)]
    for layers in [(7, 1)], [(5, 3)], [(3, 1), (3, 1)], [(3, 2), (3, 1)], [(2, 2), (2, 2), (3, 1)], alexnet_layers:
        got = untouched(field, layers)
        require(_whole(got), f"for {layers} it should return a whole number, an int, yours is {got!r}.")
        seen = {0}                                                         # from one neuron of the top, downwards
        for kernel, stride in reversed(layers):
            seen = {place * stride + i for place in seen for i in range(kernel)}
        require(got == max(seen) - min(seen) + 1, f"for {layers} you have {got}. Neighbours in the image are one pixel "
                "apart. By how much does each layer widen the field, and how far apart are neighbours after it?")


def _whole(number):
    return isinstance(number, int | np.integer) and not isinstance(number, bool)
