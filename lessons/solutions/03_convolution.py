"""Lesson 3: solutions. Look here after you have tried."""
import numpy as np


# Exercise 3.1: ink adds 1 where the pattern has ink, and takes 1 away where it has paper. The highest sum is then the
# number of the pattern's inked pixels, and any other window has 1 less at least: the bias puts zero in between.
def detectors(patterns):
    W = np.moveaxis(2.0 * patterns - 1, 0, -1)[:, :, None]                             # (KH, KW, 1, F)
    b = 0.5 - patterns.sum(axis=(1, 2))                                                # (F,)
    return W, b


# Exercise 3.2: over all places, the offset i, j meets every stride-th pixel from i, j on.
def two_loops(x, W, b, stride=1):
    (N, H, W_, _), (KH, KW, _, F) = x.shape, W.shape
    P, Q = (H - KH) // stride + 1, (W_ - KW) // stride + 1
    y = np.zeros((N, P, Q, F), x.dtype) + b
    for i in range(KH):
        for j in range(KW):
            pixels = x[:, i:i + stride * P:stride, j:j + stride * Q:stride]            # (N, P, Q, C)
            y += pixels @ W[i, j]                                                      # (C, F)
    return y


# Exercise 3.3: K - 1 zeros on every side, the kernels turned by 180°, and C and F exchanged: the channels of dy are the
# kernels that made them. (The lesson's `convolve` would do in place of two_loops.)
def input_gradient(dy, W):
    KH, KW, C, F = W.shape
    padded = np.pad(dy, ((0, 0), (KH - 1, KH - 1), (KW - 1, KW - 1), (0, 0)))
    turned = W[::-1, ::-1].swapaxes(2, 3)                                              # (KH, KW, F, C)
    return two_loops(padded, turned, np.zeros(C, dy.dtype))
