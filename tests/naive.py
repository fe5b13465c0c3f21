"""Naive twins: every layer once more, in loops straight from the papers' equations. And the numbers to feed them.

Slow and obvious; a fast layer must agree with its twin here. Shapes: x (N, H, W, C), y (N, P, Q, F). Kernel, stride
are pairs (vertical, horizontal), padding is ((top, bottom), (left, right)). Twins compute in float64.
"""
from __future__ import annotations

import math

import numpy as np

# ---------------------------------------------------------------------------------------- numbers and comparing them


def distinct(*shape, dtype=np.float64, seed=0):
    """Numbers of either sign, from 0.1 to 1 in size, no two of one size: clear of kinks (0) and of ties."""
    rng = np.random.default_rng(seed)
    sizes = np.linspace(0.1, 1.0, math.prod(shape))
    return (rng.permutation(sizes) * rng.choice([-1.0, 1.0], sizes.size)).reshape(shape).astype(dtype)


def assert_close(got, expected, what=""):
    """Equal up to rounding: of the dtype of `got`, relative to the largest number expected.

    The last digit is 1e-16 in float64 and 6e-8 in float32; sums of some hundred terms lose one or two digits more.
    """
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}"
    tolerance = {np.float64: 1e-10, np.float32: 1e-5}[got.dtype.type] * np.abs(expected).max()
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance, err_msg=what)


# ---------------------------------------------------------------------------------------- convolution


def conv_size(length, kernel, stride, padding):
    """The places of a window along one axis of the padded image, counted."""
    return len(range(-padding[0], length + padding[1] - kernel + 1, stride))


def _products(x_shape, y_shape, kernel, stride, padding, groups):
    """Every product in the sums of a convolution: the indices of y, of x, and (i, j, c, f) of the weight.

    Output map f belongs to a group and sees the input maps of its group only. Beyond the edge x is 0: no product.
    """
    (_, H, W, C), F = x_shape, y_shape[-1]
    for n, p, q, f in np.ndindex(*y_shape):
        group = f // (F // groups)
        for i, j, c in np.ndindex(*kernel, C // groups):
            h, w = p * stride[0] + i - padding[0][0], q * stride[1] + j - padding[1][0]
            if 0 <= h < H and 0 <= w < W:
                yield (n, p, q, f), (n, h, w, group * (C // groups) + c), (i, j, c, f)


def conv(x, W, b, stride, padding, groups):
    """y[n, p, q, f] = b[f] + Σ x̂[n, p·S + i, q·S + j, c] · W[i, j, c, f]."""
    P, Q = (conv_size(x.shape[1 + a], W.shape[a], stride[a], padding[a]) for a in (0, 1))
    y = np.zeros((len(x), P, Q, W.shape[-1])) + b
    for at_y, at_x, at_W in _products(x.shape, y.shape, W.shape[:2], stride, padding, groups):
        y[at_y] += x[at_x] * W[at_W]
    return y


def conv_backward(x, W, dy, stride, padding, groups):
    """dx, dW, db: each product x · W in a y gives W · dy to its x and x · dy to its W."""
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    for at_y, at_x, at_W in _products(x.shape, dy.shape, W.shape[:2], stride, padding, groups):
        dx[at_x] += W[at_W] * dy[at_y]
        dW[at_W] += x[at_x] * dy[at_y]
    return dx, dW, sum(dy[n, p, q] for n, p, q in np.ndindex(*dy.shape[:3]))


def local(x, W, b, stride, padding):
    """The same with weights W (P, Q, KH, KW, C, F) and biases b (P, Q, F) of each place's own."""
    y = np.zeros((len(x), *b.shape)) + b
    for at_y, at_x, at_W in _products(x.shape, y.shape, W.shape[2:4], stride, padding, groups=1):
        y[at_y] += x[at_x] * W[at_y[1:3] + at_W]
    return y


def local_backward(x, W, dy, stride, padding):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    for at_y, at_x, at_W in _products(x.shape, dy.shape, W.shape[2:4], stride, padding, groups=1):
        dx[at_x] += W[at_y[1:3] + at_W] * dy[at_y]
        dW[at_y[1:3] + at_W] += x[at_x] * dy[at_y]
    return dx, dW, sum(dy[n] for n in range(len(dy)))


def _table_products(x_shape, y_shape, kernel, table):
    """The same where output map f sees the maps table[f]: the indices of y, of x, and (i, j, k), connection k."""
    connections = [(c, f) for f, seen in enumerate(table) for c in seen]
    for n, p, q, i, j in np.ndindex(*y_shape[:3], *kernel):
        for k, (c, f) in enumerate(connections):
            yield (n, p, q, f), (n, p + i, q + j, c), (i, j, k)


def table_conv(x, W, b, table):
    """y[n, p, q, f] = b[f] + Σ x[n, p + i, q + j, c_k] · W[i, j, k] over the connections k from a map c_k to f."""
    y = np.zeros((len(x), x.shape[1] - W.shape[0] + 1, x.shape[2] - W.shape[1] + 1, len(table))) + b
    for at_y, at_x, at_W in _table_products(x.shape, y.shape, W.shape[:2], table):
        y[at_y] += x[at_x] * W[at_W]
    return y


def table_conv_backward(x, W, dy, table):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    for at_y, at_x, at_W in _table_products(x.shape, dy.shape, W.shape[:2], table):
        dx[at_x] += W[at_W] * dy[at_y]
        dW[at_W] += x[at_x] * dy[at_y]
    return dx, dW, sum(dy[n, p, q] for n, p, q in np.ndindex(*dy.shape[:3]))


# ---------------------------------------------------------------------------------------- pooling


def pool_starts(length, kernel, stride, padding, ceil_mode):
    """Where the windows along one axis begin.

    Rounding down: as many as lie wholly inside the padded map. Rounding up: one more if pixels of the padded map are
    left over at its end, unless this window would begin beyond the map itself.
    """
    starts = list(range(-padding, length + padding - kernel + 1, stride))
    if ceil_mode and starts[-1] + kernel < length + padding and starts[-1] + stride < length:
        starts.append(starts[-1] + stride)
    return starts


def _pool_windows(x_shape, kernel, stride, padding, ceil_mode):
    """(p, q) of every window and its pixels that exist: (h, w, index within the window), in row-major order."""
    H, W = x_shape[1:3]
    starts = [pool_starts(x_shape[1 + a], kernel[a], stride[a], padding[a], ceil_mode) for a in (0, 1)]
    for p, top in enumerate(starts[0]):
        for q, left in enumerate(starts[1]):
            yield p, q, [(top + i, left + j, i * kernel[1] + j) for i, j in np.ndindex(*kernel)
                         if 0 <= top + i < H and 0 <= left + j < W]


def _pool_shape(x_shape, kernel, stride, padding, ceil_mode):
    P, Q = (len(pool_starts(x_shape[1 + a], kernel[a], stride[a], padding[a], ceil_mode)) for a in (0, 1))
    return x_shape[0], P, Q, x_shape[3]


def max_pool(x, *sizes):
    """y and switches: the largest pixel of each window, and its index within the window (the first, if several)."""
    y = np.zeros(_pool_shape(x.shape, *sizes))
    switches = np.zeros(y.shape, int)
    for p, q, pixels in _pool_windows(x.shape, *sizes):
        for n, c in np.ndindex(len(x), x.shape[-1]):
            best = None
            for h, w, index in pixels:
                if best is None or x[n, h, w, c] > best:
                    best, switches[n, p, q, c] = x[n, h, w, c], index
            y[n, p, q, c] = best
    return y, switches


def max_pool_backward(x, dy, *sizes):
    """Each dy goes to the pixel that its window's maximum came from."""
    dx, switches = np.zeros(x.shape), max_pool(x, *sizes)[1]
    for p, q, pixels in _pool_windows(x.shape, *sizes):
        for n, c in np.ndindex(len(x), x.shape[-1]):
            for h, w, index in pixels:
                if index == switches[n, p, q, c]:
                    dx[n, h, w, c] += dy[n, p, q, c]
    return dx


def avg_pool(x, *sizes):
    """The mean of those pixels of each window that exist."""
    y = np.zeros(_pool_shape(x.shape, *sizes))
    for p, q, pixels in _pool_windows(x.shape, *sizes):
        for h, w, _ in pixels:
            y[:, p, q] += x[:, h, w] / len(pixels)
    return y


def avg_pool_backward(x, dy, *sizes):
    dx = np.zeros(x.shape)
    for p, q, pixels in _pool_windows(x.shape, *sizes):
        for h, w, _ in pixels:
            dx[:, h, w] += dy[:, p, q] / len(pixels)
    return dx


def subsample(x, w, b, kernel):
    """w times the mean of each window, plus b; windows lie side by side."""
    y = np.zeros((len(x), x.shape[1] // kernel[0], x.shape[2] // kernel[1], x.shape[3])) + b
    for n, p, q, c in np.ndindex(*y.shape):
        for i, j in np.ndindex(*kernel):
            y[n, p, q, c] += w[c] * x[n, p * kernel[0] + i, q * kernel[1] + j, c] / (kernel[0] * kernel[1])
    return y


def subsample_backward(x, w, dy, kernel):
    """dx, dw, db: each term w · x / area in a y gives w · dy / area to its x and x · dy / area to its w."""
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(w.shape)
    for n, p, q, c in np.ndindex(*dy.shape):
        db[c] += dy[n, p, q, c]
        for i, j in np.ndindex(*kernel):
            at_x = n, p * kernel[0] + i, q * kernel[1] + j, c
            dx[at_x] = w[c] * dy[n, p, q, c] / (kernel[0] * kernel[1])
            dw[c] += x[at_x] * dy[n, p, q, c] / (kernel[0] * kernel[1])
    return dx, dw, db


# ---------------------------------------------------------------------------------------- response normalisation


def maps_around(n, groups=1):
    """AlexNet, section 3.3: the maps from i - n/2 to i + n/2 at the same pixel, as far as they exist in the group."""
    def neighbours(shape, h, w, c):
        size = shape[-1] // groups
        first = c // size * size
        return [(h, w, j) for j in range(max(first, c - n // 2), min(first + size - 1, c + n // 2) + 1)]
    return neighbours


def pixels_around(size):
    """The size × size pixels around a pixel in the same map, as far as they exist."""
    def neighbours(shape, h, w, c):
        half = size // 2
        return [(i, j, c) for i in range(h - half, h + half + 1) for j in range(w - half, w + half + 1)
                if 0 <= i < shape[1] and 0 <= j < shape[2]]
    return neighbours


def response_norm(x, neighbours, k, alpha, beta):
    """b = a / (k + α Σ a²)^β, the sum over the neighbours."""
    y = np.zeros(x.shape)
    for n, h, w, c in np.ndindex(*x.shape):
        s = k + alpha * sum(x[n][m] ** 2 for m in neighbours(x.shape, h, w, c))
        y[n, h, w, c] = x[n, h, w, c] / s ** beta
    return y


def response_norm_backward(x, dy, neighbours, k, alpha, beta):
    """∂b/∂a by the quotient rule: s^-β for a itself, -a · β s^(-β-1) · 2α a_m for each neighbour a_m in the sum s."""
    dx = np.zeros(x.shape)
    for n, h, w, c in np.ndindex(*x.shape):
        around = neighbours(x.shape, h, w, c)
        a, d = x[n, h, w, c], dy[n, h, w, c]
        s = k + alpha * sum(x[n][m] ** 2 for m in around)
        dx[n, h, w, c] += d * s ** -beta
        for m in around:
            dx[n][m] -= d * a * beta * s ** (-beta - 1) * 2 * alpha * x[n][m]
    return dx


# ---------------------------------------------------------------------------------------- batch normalisation


def batch_norm(x, gamma, beta, eps, mean=None, var=None):
    """y, and the mean and variance of each map that it was made with: given ones, or those of the batch."""
    N, H, W, C = x.shape
    y, m = np.zeros(x.shape), N * H * W
    if mean is None:
        mean = [sum(x[n, h, w, c] for n, h, w in np.ndindex(N, H, W)) / m for c in range(C)]
        var = [sum((x[n, h, w, c] - mean[c]) ** 2 for n, h, w in np.ndindex(N, H, W)) / m for c in range(C)]
    for n, h, w, c in np.ndindex(*x.shape):
        y[n, h, w, c] = gamma[c] * (x[n, h, w, c] - mean[c]) / math.sqrt(var[c] + eps) + beta[c]
    return y, mean, var


def batch_norm_backward(x, dy, gamma, eps):
    """dx, dγ, dβ in the steps of the paper's section 3: by way of dx̂, of the variance and of the mean."""
    N, H, W, C = x.shape
    m, dx = N * H * W, np.zeros(x.shape)
    _, mean, var = batch_norm(x, gamma, gamma, eps)
    d_gamma, d_beta = np.zeros(C), np.zeros(C)
    for c in range(C):
        std, d_var, d_mean = math.sqrt(var[c] + eps), 0.0, 0.0
        for n, h, w in np.ndindex(N, H, W):
            centred, d_hat = x[n, h, w, c] - mean[c], dy[n, h, w, c] * gamma[c]
            d_gamma[c] += dy[n, h, w, c] * centred / std
            d_beta[c] += dy[n, h, w, c]
            d_var += d_hat * centred * -0.5 * std ** -3
            d_mean -= d_hat / std
        for n, h, w in np.ndindex(N, H, W):  # the variance's own dependence on the mean is 0: Σ (x - μ) = 0
            centred, d_hat = x[n, h, w, c] - mean[c], dy[n, h, w, c] * gamma[c]
            dx[n, h, w, c] = d_hat / std + d_var * 2 * centred / m + d_mean / m
    return dx, d_gamma, d_beta


# ---------------------------------------------------------------------------------------- distances from codes


def rbf(x, codes):
    """Minus the squared distance of each row of x from each code."""
    return np.array([[-sum((a - b) ** 2 for a, b in zip(row, code, strict=True)) for code in codes] for row in x])


def rbf_backward(x, codes, dy):
    """-(x - w)² has the slope -2 (x - w)."""
    dx = np.zeros(x.shape)
    for n, k, j in np.ndindex(*dy.shape, x.shape[1]):
        dx[n, j] -= dy[n, k] * 2 * (x[n, j] - codes[k, j])
    return dx


# ---------------------------------------------------------------------------------------- loss and update


def softmax_cross_entropy(z, labels):
    """L, the probabilities, and ∂L/∂z, one number after another."""
    N, K = z.shape
    probs, dz, loss = np.zeros(z.shape), np.zeros(z.shape), 0.0
    for n in range(N):
        total = sum(math.exp(z[n, k]) for k in range(K))
        for k in range(K):
            probs[n, k] = math.exp(z[n, k]) / total
            dz[n, k] = (probs[n, k] - (k == labels[n])) / N
        loss -= math.log(probs[n, labels[n]]) / N
    return loss, probs, dz


def sgd(w, v, g, lr, momentum, weight_decay):
    """AlexNet, section 5: the new w and v. Not in place."""
    v = momentum * v - weight_decay * lr * w - lr * g
    return w + v, v


def adam(w, m, v, g, t, lr, beta1, beta2, eps, weight_decay):
    """Kingma and Ba 2015, algorithm 1: the new w, m and v, number by number. Not in place."""
    w, m, v = (np.array(a, np.float64) for a in (w, m, v))
    for i in np.ndindex(w.shape):
        gi = g[i] + weight_decay * w[i]
        m[i] = beta1 * m[i] + (1 - beta1) * gi
        v[i] = beta2 * v[i] + (1 - beta2) * gi ** 2
        w[i] -= lr * (m[i] / (1 - beta1 ** t)) / (math.sqrt(v[i] / (1 - beta2 ** t)) + eps)
    return w, m, v
