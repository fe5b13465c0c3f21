"""Lesson 3: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np


def _layer(patterns, ink=1.0, paper=-1.0, above=0.5):
    """Kernels of `ink` and `paper`, and a bias that lets the pattern's own sum be `above`."""
    W = np.moveaxis(np.where(patterns == 1, ink, paper), 0, -1)[:, :, None]
    return W, above - ink * patterns.sum(axis=(1, 2))


def exercise_1_the_pattern_itself(patterns):
    return np.moveaxis(patterns, 0, -1)[:, :, None], np.zeros(len(patterns))


def exercise_1_paper_does_not_matter(patterns):
    return _layer(patterns, paper=0.0)


def exercise_1_no_bias(patterns):
    return _layer(patterns)[0], np.zeros(len(patterns))


def exercise_1_one_pixel_may_differ(patterns):
    return _layer(patterns, above=1.5)


def exercise_1_never(patterns):
    return _layer(patterns, above=0.0)


def exercise_1_one_bias_for_all(patterns):
    W, b = _layer(patterns)
    return W, np.full(len(b), b.min())


def exercise_1_counts_the_paper(patterns):
    W, _ = _layer(patterns)
    return W, 0.5 - (1 - patterns).sum(axis=(1, 2))


def exercise_1_negatives(patterns):
    W, b = _layer(1 - patterns)
    return W, b


def exercise_1_turned(patterns):
    W, b = _layer(patterns)
    return W[::-1, ::-1], b


def exercise_1_sides_exchanged(patterns):
    W, b = _layer(patterns)
    return W.swapaxes(0, 1), b


def exercise_1_no_axis_of_channels(patterns):
    W, b = _layer(patterns)
    return W[:, :, 0], b


def exercise_1_kernels_first(patterns):
    return (2 * patterns - 1)[..., None], _layer(patterns)[1]


def exercise_1_the_kernels_only(patterns):
    return _layer(patterns)[0]


def _sizes(x, W, stride):
    return (x.shape[1] - W.shape[0]) // stride + 1, (x.shape[2] - W.shape[1]) // stride + 1


def _two_loops(x, W, b, stride):
    P, Q = _sizes(x, W, stride)
    return sum((x[:, i:i + stride * P:stride, j:j + stride * Q:stride] @ W[i, j] for i, j in np.ndindex(*W.shape[:2])),
               np.zeros((len(x), P, Q, W.shape[-1])) + b)


def exercise_2_no_bias(x, W, b, stride=1):
    return _two_loops(x, W, 0, stride)


def exercise_2_adds_the_bias_each_time(x, W, b, stride=1):
    return _two_loops(x, W, W.shape[0] * W.shape[1] * b, stride)


def exercise_2_ignores_the_stride(x, W, b, stride=1):
    return _two_loops(x, W, b, 1)


def exercise_2_neighbours_in_spite_of_the_stride(x, W, b, stride=1):
    P, Q = _sizes(x, W, stride)
    return sum(x[:, i:i + P, j:j + Q] @ W[i, j] for i, j in np.ndindex(*W.shape[:2])) + b


def exercise_2_turns_the_kernel(x, W, b, stride=1):
    return _two_loops(x, W[::-1, ::-1], b, stride)


def exercise_2_only_the_last_offset(x, W, b, stride=1):
    P, Q = _sizes(x, W, stride)
    i, j = W.shape[0] - 1, W.shape[1] - 1
    return x[:, i:i + stride * P:stride, j:j + stride * Q:stride] @ W[i, j] + b


def exercise_2_only_square_kernels(x, W, b, stride=1):
    return _two_loops(x, W[:W.shape[1]], b, stride)


def exercise_2_writes_into_x(x, W, b, stride=1):
    y = _two_loops(x, W, b, stride)
    x[:] = 0
    return y


def exercise_3_kernels_not_turned(dy, W):
    KH, KW, C, _ = W.shape
    return _two_loops(_padded(dy, KH - 1, KW - 1), W.swapaxes(2, 3), np.zeros(C), 1)


def exercise_3_turned_along_one_axis(dy, W):
    KH, KW, C, _ = W.shape
    return _two_loops(_padded(dy, KH - 1, KW - 1), W[::-1].swapaxes(2, 3), np.zeros(C), 1)


def exercise_3_no_zeros(dy, W):
    return _two_loops(dy, W[::-1, ::-1].swapaxes(2, 3), np.zeros(W.shape[2]), 1)


def exercise_3_zeros_for_square_kernels(dy, W):
    KH, _, C, _ = W.shape
    return _two_loops(_padded(dy, KH - 1, KH - 1), W[::-1, ::-1].swapaxes(2, 3), np.zeros(C), 1)


def exercise_3_swaps_the_pads(dy, W):
    KH, KW, C, _ = W.shape
    return _two_loops(_padded(dy, KW - 1, KH - 1), W[::-1, ::-1].swapaxes(2, 3), np.zeros(C), 1)


def exercise_3_all_zeros(dy, W):
    KH, KW, C, _ = W.shape
    return np.zeros((len(dy), dy.shape[1] + KH - 1, dy.shape[2] + KW - 1, C))


def exercise_3_sums_over_the_kernels_first(dy, W):
    KH, KW, C, F = W.shape
    every = np.broadcast_to(W.sum(axis=3, keepdims=True), (KH, KW, C, F))
    return _two_loops(_padded(dy, KH - 1, KW - 1), every[::-1, ::-1].swapaxes(2, 3), np.zeros(C), 1)


def _padded(dy, rows, columns):
    return np.pad(dy, ((0, 0), (rows, rows), (columns, columns), (0, 0)))


def exercise_2_of_another_precision(x, W, b, stride=1):
    return _two_loops(x.astype(float), W, b, stride)


def exercise_3_of_another_precision(dy, W):
    KH, KW, C, _ = W.shape
    padded = _padded(dy, KH - 1, KW - 1).astype(float)
    return _two_loops(padded, W[::-1, ::-1].swapaxes(2, 3), np.zeros(C), 1)
