"""Lesson 1: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np


def _slopes(f, w, h, one_sided=False, put_back=True, divisor=2.0):
    w, gradient = w.astype(float), np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        old = w[i]
        w[i] = old + h
        above = f(w)
        w[i] = old if one_sided else old - h
        gradient[i] = (above - f(w)) / (h if one_sided else divisor * h)
        if put_back:
            w[i] = old
    return gradient


def exercise_1_only_to_one_side(f, w, h=1e-6):
    return _slopes(f, w, h, one_sided=True)


def exercise_1_divides_by_h(f, w, h=1e-6):
    return _slopes(f, w, h, divisor=1.0)


def exercise_1_never_puts_back(f, w, h=1e-6):
    return _slopes(f, w, h, put_back=False)


def exercise_1_ignores_h(f, w, h=1e-6):
    return _slopes(f, w, 1e-6)


def exercise_1_changes_the_callers_array(f, w, h=1e-6):
    gradient = _slopes(f, w, h)
    w += h
    return gradient


def exercise_1_nudges_all_at_once(f, w, h=1e-6):
    return np.full(w.shape, (f(w + h) - f(w - h)) / (2 * h))


def exercise_1_flattens(f, w, h=1e-6):
    return _slopes(f, w, h).reshape(-1)


def _dz(x, t, w, b):
    p = 1 / (1 + np.exp(-(x @ w + b)))
    return p, (p - t) / len(t)


def exercise_2_of_the_other_loss(x, t, w, b):
    _, dz = _dz(x, t, w, b)
    return x.T @ dz, dz.sum()


def exercise_2_forgets_the_two(x, t, w, b):
    p, dz = _dz(x, t, w, b)
    dz = dz * p * (1 - p)
    return x.T @ dz, dz.sum()


def exercise_2_sums_instead_of_mean(x, t, w, b):
    p, dz = _dz(x, t, w, b)
    dz = 2 * dz * p * (1 - p) * len(t)
    return x.T @ dz, dz.sum()


def exercise_2_uphill_is_downhill(x, t, w, b):
    p, dz = _dz(x, t, w, b)
    dz = -2 * dz * p * (1 - p)
    return x.T @ dz, dz.sum()


def exercise_2_forgets_the_bias(x, t, w, b):
    p, dz = _dz(x, t, w, b)
    return x.T @ (2 * dz * p * (1 - p)), 0.0


def exercise_2_only_dw(x, t, w, b):
    p, dz = _dz(x, t, w, b)
    return x.T @ (2 * dz * p * (1 - p))


def exercise_3_forgets_the_decay(x, t, w, b, decay=0.0005):
    _, dz = _dz(x, t, w, b)
    return x.T @ dz, dz.sum()


def exercise_3_twice_the_decay(x, t, w, b, decay=0.0005):
    _, dz = _dz(x, t, w, b)
    return x.T @ dz + 2 * decay * w, dz.sum()


def exercise_3_decays_the_bias(x, t, w, b, decay=0.0005):
    _, dz = _dz(x, t, w, b)
    return x.T @ dz + decay * w, dz.sum() + decay * b


def exercise_3_always_the_papers_decay(x, t, w, b, decay=0.0005):
    _, dz = _dz(x, t, w, b)
    return x.T @ dz + 0.0005 * w, dz.sum()


def exercise_3_another_default(x, t, w, b, decay=0.005):
    _, dz = _dz(x, t, w, b)
    return x.T @ dz + decay * w, dz.sum()


def exercise_2_thirty_examples(x, t, w, b):
    p, dz = _dz(x, t, w, b)
    dz = 2 * dz * p * (1 - p) * len(t) / 30
    return x.T @ dz, dz.sum()


def exercise_2_two_inputs(x, t, w, b):
    p, dz = _dz(x, t, w, b)
    dz = 2 * dz * p * (1 - p)
    return np.array([(x[:, 0] * dz).sum(), (x[:, 1] * dz).sum()]), dz.sum()


def exercise_3_thirty_examples(x, t, w, b, decay=0.0005):
    _, dz = _dz(x, t, w, b)
    dz = dz * len(t) / 30
    return x.T @ dz + decay * w, dz.sum()


def exercise_3_two_inputs(x, t, w, b, decay=0.0005):
    _, dz = _dz(x, t, w, b)
    return np.array([(x[:, 0] * dz).sum(), (x[:, 1] * dz).sum()]) + decay * w[:2], dz.sum()
