"""Lesson 3: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import numpy as np


def exercise_1_numpys_numbers_in_a_list(size, channels, kernel, kernels, stride=1, padding=0):
    places = np.int64((size + 2 * padding - kernel) // stride + 1)
    window = np.prod([kernel, kernel, channels])
    return [places, kernels * window + kernels, places * places * kernels * window]


def exercise_1_counts(size, channels, kernel, kernels, stride=1, padding=0):
    places = len(range(0, size + 2 * padding - kernel + 1, stride))
    return places, kernels * (kernel ** 2 * channels + 1), places ** 2 * kernels * kernel ** 2 * channels


def exercise_2_with_einsum(x, W, b, stride=1):
    (KH, KW, _, F), (N, H, W_, _) = W.shape, x.shape
    y = np.empty((N, (H - KH) // stride + 1, (W_ - KW) // stride + 1, F), x.dtype)
    y[:] = b
    for i in range(KH):
        for j in range(KW):
            pixels = x[:, i:H - KH + i + 1:stride, j:W_ - KW + j + 1:stride]
            y += np.einsum("npqc,cf->npqf", pixels, W[i, j])
    return y


def exercise_3_by_offsets(dy, W):
    KH, KW, C, _ = W.shape
    N, P, Q, _ = dy.shape
    dx = np.zeros((N, P + KH - 1, Q + KW - 1, C), dy.dtype)
    for i in range(KH):
        for j in range(KW):
            dx[:, i:i + P, j:j + Q] += dy @ W[i, j].T
    return dx
