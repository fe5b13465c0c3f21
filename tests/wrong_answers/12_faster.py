"""Lesson 12: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np

from tinynet import Layer


def _pieces(w, g, v, lr, momentum, decay, piece):
    for n in piece:
        v[n] = momentum * v[n] - decay * lr * w[n] - lr * g[n]
        w[n] += v[n]
    return w, v


def exercise_1_the_plain_one(w, g, v, lr, momentum, decay, piece=16384):
    return _pieces(w, g, v, lr, momentum, decay, [slice(None)])


def exercise_1_one_large_array(w, g, v, lr, momentum, decay, piece=16384):
    step = lr * (decay * w + g)
    for start in range(0, len(w), piece):
        n = slice(start, start + piece)
        v[n] = momentum * v[n] - step[n]
        w[n] += v[n]
    return w, v


def exercise_1_leaves_out_the_rest(w, g, v, lr, momentum, decay, piece=16384):
    starts = range(0, len(w) - len(w) % piece, piece) if len(w) > piece else [0]
    return _pieces(w, g, v, lr, momentum, decay, [slice(start, start + piece) for start in starts])


def exercise_1_only_the_first_piece(w, g, v, lr, momentum, decay, piece=16384):
    return _pieces(w, g, v, lr, momentum, decay, [slice(0, piece)])


def exercise_1_pieces_overlap(w, g, v, lr, momentum, decay, piece=16384):
    return _pieces(w, g, v, lr, momentum, decay, [slice(i, i + piece + 1) for i in range(0, len(w), piece)])


def exercise_1_new_arrays(w, g, v, lr, momentum, decay, piece=16384):
    v = momentum * v - decay * lr * w - lr * g
    return w + v, v


def exercise_1_gives_new_names(w, g, v, lr, momentum, decay, piece=16384):
    for start in range(0, len(w), piece):
        n = slice(start, start + piece)
        some_v = momentum * v[n] - decay * lr * w[n] - lr * g[n]
        some_w = w[n]
        some_w = some_w + some_v
    return w, v


def exercise_1_moves_by_the_old_velocity(w, g, v, lr, momentum, decay, piece=16384):
    for start in range(0, len(w), piece):
        n = slice(start, start + piece)
        old = v[n].copy()
        v[n] = momentum * v[n] - decay * lr * w[n] - lr * g[n]
        w[n] += old
    return w, v


def exercise_1_writes_into_g(w, g, v, lr, momentum, decay, piece=16384):
    g *= lr
    return _pieces(w, g / lr, v, lr, momentum, decay, [slice(i, i + piece) for i in range(0, len(w), piece)])


def exercise_1_forgets_the_momentum(w, g, v, lr, momentum, decay, piece=16384):
    return _pieces(w, g, v, lr, 1.0, decay, [slice(i, i + piece) for i in range(0, len(w), piece)])


def exercise_1_a_large_result(w, g, v, lr, momentum, decay, piece=16384):
    _pieces(w, g, v, lr, momentum, decay, [slice(i, i + piece) for i in range(0, len(w), piece)])
    np.copyto(w, w + 0)
    return w, v


class _LRN(Layer):
    def __init__(self, n, k, alpha, beta):
        self.n, self.k, self.alpha, self.beta = n, k, alpha, beta

    def neighbours(self, x):
        C, half = x.shape[-1], self.n // 2
        padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (half, half)))
        return sum(padded[..., i:i + C] for i in range(self.n))

    def forward(self, x, train=False, keep=False):
        self.x = x
        self.s = self.k + self.alpha * self.neighbours(x ** 2)
        return x / self.s ** self.beta

    def backward(self, dy):
        x, s, alpha, beta = self.x, self.s, self.alpha, self.beta
        across = self.neighbours(dy * x * s ** (-beta - 1))
        return dy * s ** -beta - 2 * alpha * beta * x * across


class exercise_2_keeps_only_s(_LRN):
    """Saves a quarter."""


class exercise_2_the_first_term_only(_LRN):
    def backward(self, dy):
        return dy * self.s ** -self.beta


class exercise_2_one_beta_only(_LRN):
    def forward(self, x, train=False, keep=False):
        self.x = x
        self.s = self.k + self.alpha * self.neighbours(x ** 2)
        root = np.sqrt(self.s)
        self.power = 1 / (root * np.sqrt(root))
        return x * self.power

    def backward(self, dy):
        across = self.neighbours(dy * self.x * self.power / self.s)
        return dy * self.power - 2 * self.alpha * self.beta * self.x * across


class exercise_2_powers_as_exp_and_log(_LRN):
    def forward(self, x, train=False, keep=False):
        self.x = x
        self.s = self.k + self.alpha * self.neighbours(x ** 2)
        return x / np.exp(self.beta * np.log(self.s))

    def backward(self, dy):
        x, log, alpha, beta = self.x, np.log(self.s), self.alpha, self.beta
        across = self.neighbours(dy * x * np.exp(-(beta + 1) * log))
        return dy * np.exp(-beta * log) - 2 * alpha * beta * x * across


class exercise_2_five_neighbours_only(_LRN):
    def neighbours(self, x):
        padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (2, 2)))
        return sum(padded[..., i:i + x.shape[-1]] for i in range(5))


class exercise_2_takes_the_arrays_from_the_counter(_LRN):
    def forward(self, x, train=False, keep=False):
        return super().forward(np.asarray(x), train)

    def backward(self, dy):
        return super().backward(np.asarray(dy))


class exercise_2_remembers_the_first_image(_LRN):
    def forward(self, x, train=False, keep=False):
        if not hasattr(self, "power") or self.power.shape != x.shape:
            super().forward(x)
            self.power = self.s ** -self.beta
        self.x = x
        return x * self.power


def _by_places(x, W, pieces):
    (N, H, W_, _), (K, _, _, F) = x.shape, W.shape
    P, Q = H - K + 1, W_ - K + 1
    y = np.zeros((N, P, Q, F), x.dtype)
    for n in pieces(N):
        for i in range(K):
            for j in range(K):
                y[n] += x[n, i:i + P, j:j + Q] @ W[i, j]
    return y


def exercise_3_the_whole_batch(x, W):
    return _by_places(x, W, lambda N: [slice(None)])


def exercise_3_image_by_image(x, W):
    return _by_places(x, W, lambda N: [slice(n, n + 1) for n in range(N)])


def exercise_3_all_windows(x, W):
    K, _, C, F = W.shape
    windows = np.lib.stride_tricks.sliding_window_view(x, (K, K), axis=(1, 2))           # (N, P, Q, C, K, K)
    rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, K * K * C)
    return (rows @ W.reshape(-1, F)).reshape(*windows.shape[:3], F)


def exercise_3_no_products_of_matrices(x, W):
    (N, H, W_, _), (K, _, _, F) = x.shape, W.shape
    y = np.zeros((N, H - K + 1, W_ - K + 1, F), x.dtype)
    for i, j, c in np.ndindex(*W.shape[:3]):
        for n in range(N):
            y[n] += x[n, i:i + y.shape[1], j:j + y.shape[2], c, None] * W[i, j, c]
    return y


def exercise_3_turns_the_kernel(x, W):
    return _by_places(x, W[::-1, ::-1], lambda N: [slice(n, n + 2) for n in range(0, N, 2)])


def exercise_3_always_float64(x, W):
    return _by_places(x.astype(float), W.astype(float), lambda N: [slice(n, n + 2) for n in range(0, N, 2)])
