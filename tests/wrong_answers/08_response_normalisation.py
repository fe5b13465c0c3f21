"""Lesson 8: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np

from tinynet import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential


def exercise_1_where_alpha_takes_over(k, alpha, beta):
    return np.sqrt(k / alpha) if beta > 0.5 else np.inf


def exercise_1_the_square(k, alpha, beta):
    return k / (alpha * (2 * beta - 1)) if beta > 0.5 else np.inf


def exercise_1_only_the_papers(k, alpha, beta):
    return 200.0 if beta > 0.5 else np.inf


def exercise_1_forgets_small_betas(k, alpha, beta):
    return np.sqrt(k / (alpha * abs(2 * beta - 1) + 1e-30))


def _neighbours(x, n):
    C, half = x.shape[-1], n // 2
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (half, half)))
    return sum(padded[..., i:i + C] for i in range(n))


def _s(x, n, k, alpha):
    return k + alpha * _neighbours(x ** 2, n)


def exercise_2_the_first_term_only(x, dy, n, k, alpha, beta):
    return dy * _s(x, n, k, alpha) ** -beta


def exercise_2_only_its_own_b(x, dy, n, k, alpha, beta):
    s = _s(x, n, k, alpha)
    return dy * s ** -beta - 2 * alpha * beta * dy * x * x * s ** (-beta - 1)


def exercise_2_forgets_the_two(x, dy, n, k, alpha, beta):
    s = _s(x, n, k, alpha)
    return dy * s ** -beta - alpha * beta * x * _neighbours(dy * x * s ** (-beta - 1), n)


def exercise_2_dy_before_the_sum(x, dy, n, k, alpha, beta):
    s = _s(x, n, k, alpha)
    return dy * s ** -beta - 2 * alpha * beta * x * dy * _neighbours(x * s ** (-beta - 1), n)


def exercise_2_s_before_the_sum(x, dy, n, k, alpha, beta):
    s = _s(x, n, k, alpha)
    return dy * s ** -beta - 2 * alpha * beta * x * s ** (-beta - 1) * _neighbours(dy * x, n)


def exercise_2_alpha_over_n(x, dy, n, k, alpha, beta):
    s = _s(x, n, k, alpha / n)
    return dy * s ** -beta - 2 * alpha / n * beta * x * _neighbours(dy * x * s ** (-beta - 1), n)


def exercise_2_the_papers_constants(x, dy, n, k, alpha, beta):
    s = _s(x, 5, 2.0, 1e-4)
    return dy * s ** -0.75 - 1.5e-4 * x * _neighbours(dy * x * s ** -1.75, 5)


def exercise_2_the_first_image_only(x, dy, n, k, alpha, beta):
    s = _s(x, n, k, alpha)
    dx = dy * s ** -beta - 2 * alpha * beta * x * _neighbours(dy * x * s ** (-beta - 1), n)
    dx[1:] = dy[1:]
    return dx


def exercise_2_square_images_only(x, dy, n, k, alpha, beta):
    N, H, _, C = x.shape
    x, dy = x[:, :, :H], dy[:, :, :H]
    s = _s(x, n, k, alpha)
    return dy * s ** -beta - 2 * alpha * beta * x * _neighbours(dy * x * s ** (-beta - 1), n)


def exercise_2_always_float64(x, dy, n, k, alpha, beta):
    s = _s(x.astype(float), n, k, alpha)
    return dy * s ** -beta - 2 * alpha * beta * x * _neighbours(dy * x * s ** (-beta - 1), n)


def exercise_3_two_separate_scatters(wrong_a, wrong_b):
    p, q, N = wrong_a.mean(), wrong_b.mean(), len(wrong_a)
    return p - q, np.sqrt((p * (1 - p) + q * (1 - q)) / N)


def exercise_3_one_scatter(wrong_a, wrong_b):
    p = wrong_a.mean()
    return p - wrong_b.mean(), np.sqrt(p * (1 - p) / len(wrong_a))


def exercise_3_the_other_sign(wrong_a, wrong_b):
    return wrong_b.mean() - wrong_a.mean(), np.sqrt((wrong_a != wrong_b).sum()) / len(wrong_a)


def exercise_3_forgets_the_root(wrong_a, wrong_b):
    return wrong_a.mean() - wrong_b.mean(), (wrong_a != wrong_b).mean()


def exercise_3_counts_not_shares(wrong_a, wrong_b):
    return int(wrong_a.sum()) - int(wrong_b.sum()), np.sqrt((wrong_a != wrong_b).sum())


def exercise_3_only_one_side(wrong_a, wrong_b):
    return wrong_a.mean() - wrong_b.mean(), np.sqrt((wrong_a & ~wrong_b).sum()) / len(wrong_a)


def exercise_3_a_thousand_images(wrong_a, wrong_b):
    return wrong_a.mean() - wrong_b.mean(), np.sqrt((wrong_a != wrong_b).sum()) / 1000


def _net(rng, maps):
    return Sequential(
        conv1=Conv2d(3, maps, 5, padding=2, input_grad=False, rng=rng), relu1=ReLU(),
        pool1=MaxPool2d(3, 2, ceil_mode=True),
        conv2=Conv2d(maps, 32, 3, padding=1, rng=rng), relu2=ReLU(), pool2=MaxPool2d(3, 2, ceil_mode=True),
        flat=Flatten(), fc=Linear(4 * 4 * 32, 10, rng=rng))


def exercise_4_the_plain_net(rng):
    return _net(rng, 32), [0.0005] * 4, 64


def exercise_4_too_many_parameters(rng):
    return _net(rng, 64), [0.0005] * 4, 64


def exercise_4_one_rate(rng):
    return _net(rng, 32), [0.0005], 64
