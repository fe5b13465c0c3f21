"""Lesson 11: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import math


def exercise_1_always_rounds_down(size, kernel, stride, padding=0, hang_over=False):
    return (size + 2 * padding - kernel) // stride + 1


def exercise_1_always_rounds_up(size, kernel, stride, padding=0, hang_over=False):
    return -((kernel - size - 2 * padding) // stride) + 1


def exercise_1_pads_one_side(size, kernel, stride, padding=0, hang_over=False):
    rest = size + padding - kernel
    return (-(-rest // stride) if hang_over else rest // stride) + 1


def exercise_1_forgets_the_first(size, kernel, stride, padding=0, hang_over=False):
    rest = size + 2 * padding - kernel
    return -(-rest // stride) if hang_over else rest // stride


def exercise_1_adds_one_to_hang_over(size, kernel, stride, padding=0, hang_over=False):
    return (size + 2 * padding - kernel) // stride + 1 + hang_over


def exercise_1_rounds_to_the_nearest(size, kernel, stride, padding=0, hang_over=False):
    return round((size + 2 * padding - kernel) / stride) + 1


def exercise_1_not_whole(size, kernel, stride, padding=0, hang_over=False):
    steps = (size + 2 * padding - kernel) / stride
    return (math.ceil(steps) if hang_over else float(math.floor(steps))) + 1


def _total(kernels, hidden, classes, see, bias=1, places=36, fc8=1):
    k1, k2, k3, k4, k5 = kernels
    return (k1 * (363 + bias) + k2 * (25 * k1 // see[0] + bias) + k3 * (9 * k2 // see[1] + bias)
            + k4 * (9 * k3 // see[2] + bias) + k5 * (9 * k4 // see[2] + bias)
            + hidden * (places * k5 // see[3] + bias) + hidden * (hidden // see[3] + bias)
            + fc8 * classes * (hidden + bias))


ALEXNET = (96, 256, 384, 384, 256)


def exercise_2_no_biases(kernels=ALEXNET, hidden=4096, classes=1000, columns=2):
    return _total(kernels, hidden, classes, (columns, 1, columns, 1), bias=0)


def exercise_2_conv3_sees_its_own_column(kernels=ALEXNET, hidden=4096, classes=1000, columns=2):
    return _total(kernels, hidden, classes, (columns, columns, columns, 1))


def exercise_2_all_see_all(kernels=ALEXNET, hidden=4096, classes=1000, columns=2):
    return _total(kernels, hidden, classes, (1, 1, 1, 1))


def exercise_2_fc_see_their_own_column(kernels=ALEXNET, hidden=4096, classes=1000, columns=2):
    return _total(kernels, hidden, classes, (columns, 1, columns, columns))


def exercise_2_counts_fc8_twice(kernels=ALEXNET, hidden=4096, classes=1000, columns=2):
    return _total(kernels, hidden, classes, (columns, 1, columns, 1), fc8=columns)


def exercise_2_fc6_sees_13_by_13(kernels=ALEXNET, hidden=4096, classes=1000, columns=2):
    return _total(kernels, hidden, classes, (columns, 1, columns, 1), places=169)


def exercise_2_ignores_columns(kernels=ALEXNET, hidden=4096, classes=1000, columns=2):
    return _total(kernels, hidden, classes, (2, 1, 2, 1))


def exercise_2_knows_alexnet_only(kernels=ALEXNET, hidden=4096, classes=1000, columns=2):
    return 60_965_224


def exercise_3_adds_kernels(layers):
    return sum(kernel for kernel, _ in layers)


def exercise_3_ignores_strides(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def exercise_3_multiplies_kernels(layers):
    return math.prod(kernel for kernel, _ in layers)


def exercise_3_stride_too_early(layers):
    size, apart = 1, 1
    for kernel, stride in layers:
        apart *= stride
        size += (kernel - 1) * apart
    return size


def exercise_3_last_stride_only(layers):
    size, before = 1, 1
    for kernel, stride in layers:
        size += (kernel - 1) * before
        before = stride
    return size


def exercise_3_upside_down(layers):
    size, apart = 1, 1
    for kernel, stride in reversed(layers):
        size += (kernel - 1) * apart
        apart *= stride
    return size
