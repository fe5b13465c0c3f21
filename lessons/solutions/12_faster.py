"""Lesson 12: solutions. Look here after you have tried."""
import numpy as np

from tinynet import Layer


# Exercise 12.1: slices write into the arrays they are slices of. What is on the right makes arrays, but small ones, and
# they stay in the cache. (With `out=` not even those would be made anew each time: tinynet/fast/optim.py.)
def update(w, g, v, lr, momentum, decay, piece=16384):
    for start in range(0, len(w), piece):
        n = slice(start, start + piece)
        v[n] = momentum * v[n] - decay * lr * w[n] - lr * g[n]
        w[n] += v[n]
    return w, v


# Exercise 12.2: s and s^-β are made once, in forward; y is x s^-β, and x s^(-β-1) is y / s. One power is left. And the
# sum over neighbours begins with x itself, not with 0.
class QuickLRN(Layer):
    def __init__(self, n, k, alpha, beta):
        self.n, self.k, self.alpha, self.beta = n, k, alpha, beta

    def forward(self, x, train=False, keep=False):
        self.s = self.k + self.alpha * self.neighbours(x * x)
        self.power = self.s ** -self.beta
        self.x, self.y = x, x * self.power
        return self.y

    def backward(self, dy):
        along, across = dy * self.power, self.neighbours(dy * self.y / self.s)
        return along - (2 * self.alpha * self.beta) * self.x * across

    def neighbours(self, x):
        half, C = self.n // 2, x.shape[-1]
        total = x.copy()
        for far in range(1, min(half, C - 1) + 1):
            total[..., far:] += x[..., :-far]
            total[..., :-far] += x[..., far:]
        return total


# Exercise 12.3: an image at a time, in four strips: 32 products. The windows of 7 rows are 113 kB, and twice that is
# there for a moment, while the name `windows` goes from the old ones to the new ones.
def lean_conv(x, W):
    (N, H, W_, C), (K, _, _, F) = x.shape, W.shape
    P, Q = H - K + 1, W_ - K + 1
    y, kernels, rows = np.empty((N, P, Q, F), x.dtype), W.reshape(K * K * C, F), -(-P // 4)
    for n in range(N):
        for first in range(0, P, rows):
            strip = x[n, first:first + rows + K - 1]
            height = len(strip) - K + 1
            windows = np.empty((height, Q, K, K, C), x.dtype)
            for i in range(K):
                for j in range(K):
                    windows[:, :, i, j] = strip[i:i + height, j:j + Q]
            y[n, first:first + height] = (windows.reshape(height * Q, -1) @ kernels).reshape(height, Q, F)
    return y
