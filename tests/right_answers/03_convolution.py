"""Lesson 3: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import numpy as np


def exercise_1_pattern_by_pattern(patterns):
    F, KH, KW = patterns.shape
    W, b = np.zeros((KH, KW, 1, F)), np.zeros(F)
    for f in range(F):
        for i in range(KH):
            for j in range(KW):
                W[i, j, 0, f] = 10 if patterns[f, i, j] else -10
        b[f] = -10 * patterns[f].sum() + 3
    return [W, b]


def exercise_1_ink_counts_less(patterns):
    W = np.where(patterns.transpose(1, 2, 0) == 1, 0.5, -7.0)[:, :, np.newaxis]
    return W.astype(np.float32), 0.4 - 0.5 * patterns.sum(axis=2).sum(axis=1)


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
