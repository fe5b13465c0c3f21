"""Lesson 12: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import numpy as np

from tinynet import Layer


def exercise_1_with_views_and_a_list(w, g, v, lr, momentum, decay, piece=16384):
    for start in range(0, w.size, piece):
        ws, gs, vs = (a[start:start + piece] for a in (w, g, v))
        vs *= momentum
        vs -= lr * (decay * ws + gs)
        ws += vs
    return [w, v]


def exercise_1_with_all_pieces_at_once(w, g, v, lr, momentum, decay, piece=16384):
    starts = range(piece, len(w), piece)
    for w_part, g_part, v_part in zip(*(np.array_split(a, starts) for a in (w, g, v)), strict=True):
        v_part[:] = momentum * v_part - decay * lr * w_part - lr * g_part
        w_part += v_part
    return w, v


class exercise_2_with_running_sums(Layer):
    def __init__(self, n, k, alpha, beta):
        self.settings = n, k, alpha, beta

    def near(self, x):
        n, C = self.settings[0], x.shape[-1]
        half = n // 2
        sums = np.cumsum(np.pad(x, ((0, 0), (0, 0), (0, 0), (half + 1, half))), axis=-1, dtype=x.dtype)
        return sums[..., n:] - sums[..., :C]

    def forward(self, x, train=False, keep=False):
        n, k, alpha, beta = self.settings
        self.s = k + alpha * self.near(x ** 2)
        self.factor = self.s ** -beta
        self.x = x
        return self.factor * x

    def backward(self, dy):
        n, k, alpha, beta = self.settings
        scaled = dy * self.factor
        return scaled - self.x * self.near(scaled * self.x / self.s) * (2 * alpha * beta)


def exercise_3_two_images_and_one_place_at_a_time(x, W):
    K = W.shape[0]
    P, Q = x.shape[1] - K + 1, x.shape[2] - K + 1
    y = np.zeros((len(x), P, Q, W.shape[3]), x.dtype)
    for n in range(0, len(x), 2):
        for i in range(K):
            for j in range(K):
                y[n:n + 2] += x[n:n + 2, i:i + P, j:j + Q] @ W[i, j]
    return y
