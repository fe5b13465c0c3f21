"""Lesson 2: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import numpy as np

from tinynet import Layer, softmax


def exercise_1_where(x, dy):
    return np.where(x > 0, dy, np.zeros_like(dy))


def exercise_1_on_a_copy(x, dy):
    dx = dy.copy()
    dx[x <= 0] = 0
    return dx


def exercise_2_one_hot(z, labels):
    t = np.eye(z.shape[1], dtype=z.dtype)[labels]
    return (softmax(z, np) - t) / z.shape[0]


def exercise_2_row_by_row(z, labels):
    dz = np.empty_like(z)
    for n, k in enumerate(labels):
        e = np.exp(z[n] - z[n].max())
        dz[n] = e / e.sum()
        dz[n, k] -= 1
    return dz / len(labels)


class exercise_3_by_a_matrix(Layer):
    """dx = dy times the matrix 1 - 1/K, which is its own transpose."""

    def forward(self, x, train=False, keep=False):
        K = x.shape[1]
        self.M = (np.eye(K) - 1 / K).astype(x.dtype)
        return x @ self.M

    def backward(self, dy):
        return dy @ self.M


class exercise_3_turned_on_its_side(Layer):
    def forward(self, x, train=False, keep=False):
        return (x.T - x.mean(axis=1)).T

    def backward(self, dy):
        return (dy.T - dy.mean(axis=1)).T


class exercise_3_keeps_when_asked(Layer):
    def forward(self, x, train=False, keep=False):
        if train or keep:
            self.K = x.shape[1]
        return x - x.mean(axis=1, keepdims=True)

    def backward(self, dy):
        return dy - dy.sum(axis=1, keepdims=True) / self.K
