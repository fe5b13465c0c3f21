"""Lesson 5: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np

from tinynet import Flatten, Linear, ReLU, Sequential, fan_in
from tinynet.models.lenet5 import lenet5


def _right(x, w, dy):
    N, H, W, C = x.shape
    mean = x.reshape(N, H // 2, 2, W // 2, 2, C).mean(axis=(2, 4))
    dx = (dy * w / 4).repeat(2, axis=1).repeat(2, axis=2)
    return dx, (dy * mean).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))


def exercise_1_forgets_the_quarter(x, w, dy):
    dx, dw, db = _right(x, w, dy)
    return 4 * dx, dw, db


def exercise_1_forgets_the_coefficient(x, w, dy):
    dx, dw, db = _right(x, np.ones_like(w), dy)
    return dx, dw, db


def exercise_1_only_one_pixel_of_each_window(x, w, dy):
    dx, dw, db = _right(x, w, dy)
    only = np.zeros_like(dx)
    only[:, ::2, ::2] = 4 * dx[:, ::2, ::2]
    return only, dw, db


def exercise_1_tiles_instead_of_repeating(x, w, dy):
    _, dw, db = _right(x, w, dy)
    return np.tile(dy * w / 4, (1, 2, 2, 1)), dw, db


def exercise_1_means_instead_of_sums(x, w, dy):
    dx, dw, db = _right(x, w, dy)
    return dx, dw / dy[..., 0].size, db / dy[..., 0].size


def exercise_1_forgets_the_bias(x, w, dy):
    dx, dw, _ = _right(x, w, dy)
    return dx, dw, np.zeros_like(w)


def exercise_1_only_dx(x, w, dy):
    return _right(x, w, dy)[0]


def exercise_1_two_images_of_three_maps(x, w, dy):
    dx, dw, db = _right(x, w, dy)
    return dx[:2], dw[:3], db[:3]


def exercise_1_of_another_precision(x, w, dy):
    return _right(x.astype(float), w, dy)


def _kept(dW, table):
    kept = np.zeros_like(dW)
    for f, seen in enumerate(table):
        kept[:, :, list(seen), f] = dW[:, :, list(seen), f]
    return kept


def exercise_2_all_of_it(dW, table):
    return dW.copy()


def exercise_2_the_other_way_round(dW, table):
    return dW - _kept(dW, table)


def exercise_2_axes_exchanged(dW, table):
    kept = np.zeros_like(dW)
    for f, seen in enumerate(table):
        for c in seen:
            kept[:, :, f % dW.shape[2], c] = dW[:, :, f % dW.shape[2], c]
    return kept


def exercise_2_only_the_first_mark(dW, table):
    return _kept(dW, [list(seen)[:1] for seen in table])


def exercise_2_ones_and_zeros(dW, table):
    return _kept(np.ones_like(dW), table)


def exercise_2_writes_into_dW(dW, table):
    dW *= _kept(np.ones_like(dW), table)
    return dW


def exercise_2_of_another_precision(dW, table):
    return dW * _kept(np.ones(dW.shape), table)


def exercise_3_of_the_distance(x, codes, dy):
    return 2 * (dy[:, :, None] * (x[:, None] - codes)).sum(axis=1)


def exercise_3_forgets_the_two(x, codes, dy):
    return -(dy[:, :, None] * (x[:, None] - codes)).sum(axis=1)


def exercise_3_forgets_x(x, codes, dy):
    return 2 * dy @ codes


def exercise_3_forgets_dy(x, codes, dy):
    return -2 * (x[:, None] - codes).sum(axis=1)


def exercise_3_only_the_nearest(x, codes, dy):
    nearest = ((x[:, None] - codes) ** 2).sum(axis=2).argmin(axis=1)
    return -2 * dy[np.arange(len(x)), nearest, None] * (x - codes[nearest])


def exercise_3_three_codes(x, codes, dy):
    return -2 * (dy[:, :3, None] * (x[:, None] - codes[:3])).sum(axis=1)


def exercise_4_too_many_parameters(rng):
    return lenet5("linear", rng)


def exercise_4_no_convolution(rng):
    return Sequential(flat=Flatten(), fc1=Linear(1024, 9, rng=rng, weight_init=fan_in(2.0)), relu1=ReLU(),
                      fc2=Linear(9, 10, rng=rng, weight_init=fan_in(1.0)))


def exercise_4_always_the_same_weights(rng):
    rng = np.random.default_rng(0)
    return Sequential(flat=Flatten(), fc1=Linear(1024, 9, rng=rng), relu1=ReLU(), fc2=Linear(9, 10, rng=rng))


def exercise_4_no_net(rng):
    return [Linear(1024, 10, rng=rng)]


def exercise_4_nine_scores(rng):
    return Sequential(flat=Flatten(), fc=Linear(1024, 9, rng=rng))
