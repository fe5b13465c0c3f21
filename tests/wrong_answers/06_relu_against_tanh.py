"""Lesson 6: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np

from tinynet import AvgPool2d, Conv2d, Flatten, Layer, Linear, ReLU, Sequential, Tanh, fan_in, gaussian


def _first(curve, level, start=1):
    return next((i for i in range(start, len(curve)) if curve[i] <= level), None)


def _between(curve, level, i):
    return i + (curve[i - 1] - level) / (curve[i - 1] - curve[i])


def exercise_1_counts_from_zero(curve, level):
    i = _first(curve, level)
    return None if i is None else _between(curve, level, i) - 1


def exercise_1_whole_epochs(curve, level):
    i = _first(curve, level)
    return None if i is None else float(i + 1)


def exercise_1_the_last_time(curve, level):
    above = [i for i, error in enumerate(curve) if error > level]
    return None if above[-1] + 1 == len(curve) else _between(curve, level, above[-1] + 1)


def exercise_1_strictly_below(curve, level):
    i = next((i for i in range(1, len(curve)) if curve[i] < level), None)
    return None if i is None else _between(curve, level, i)


def exercise_1_the_end_if_never(curve, level):
    i = _first(curve, level)
    return float(len(curve)) if i is None else _between(curve, level, i)


def exercise_1_fraction_upside_down(curve, level):
    i = _first(curve, level)
    return None if i is None else i + (level - curve[i]) / (curve[i - 1] - curve[i])


def exercise_1_of_this_curve_only(curve, level):
    return 2.75


class _Tanh(Layer):
    def forward(self, x, train=False, keep=False):
        self.x, self.y = x, np.tanh(x)
        return self.y

    def backward(self, dy):
        return dy * (1 - self.y ** 2)


class exercise_2_slope_of_the_input(_Tanh):
    def backward(self, dy):
        return dy * (1 - self.x ** 2)


class exercise_2_forgets_the_square(_Tanh):
    def backward(self, dy):
        return dy * (1 - self.y)


class exercise_2_forgets_dy(_Tanh):
    def backward(self, dy):
        return 1 - self.y ** 2


class exercise_2_writes_into_x(_Tanh):
    def forward(self, x, train=False, keep=False):
        self.y = np.tanh(x, out=x)
        return self.y


class exercise_2_writes_into_dy(_Tanh):
    def backward(self, dy):
        dy *= 1 - self.y ** 2
        return dy


class exercise_2_is_a_sigmoid(_Tanh):
    def forward(self, x, train=False, keep=False):
        self.y = 1 / (1 + np.exp(-x))
        return self.y

    def backward(self, dy):
        return dy * self.y * (1 - self.y)


class exercise_2_keeps_in_training_only(Layer):
    def forward(self, x, train=False, keep=False):
        y = np.tanh(x)
        if train:
            self.y = y
        return y

    def backward(self, dy):
        return dy * (1 - self.y ** 2)


class exercise_2_has_none_out_of_training(exercise_2_keeps_in_training_only):
    y = None


class exercise_2_only_forward(_Tanh):
    def backward(self, dy):
        ...


def exercise_3_is_the_square(x):
    return 1 / (x.shape[1] * np.mean(x ** 2))


def exercise_3_ignores_the_spread(x):
    return 1 / np.sqrt(x.shape[1])


def exercise_3_ignores_the_fan_in(x):
    return 1 / np.sqrt(np.mean(x ** 2))


def exercise_3_counts_the_examples(x):
    return 1 / np.sqrt(len(x) * np.mean(x ** 2))


def exercise_3_around_the_mean(x):
    return 1 / (np.sqrt(x.shape[1]) * x.std())


def exercise_3_one_for_each_input(x):
    return 1 / np.sqrt(x.shape[1] * np.mean(x ** 2, axis=0))


def exercise_3_the_papers(x):
    return 0.01


def exercise_1_changes_the_list(curve, level):
    curve.insert(0, 1.0)
    i = _first(curve, level)
    return None if i is None else _between(curve, level, i) - 1


class exercise_2_by_exponentials(_Tanh):
    def forward(self, x, train=False, keep=False):
        with np.errstate(all="ignore"):
            up, down = np.exp(x), np.exp(-x)
            self.y = (up - down) / (up + down)
        return self.y


class exercise_2_keeps_four_arrays(_Tanh):
    def forward(self, x, train=False, keep=False):
        self.x, self.y = x, np.tanh(x)
        self.square, self.slope = self.y ** 2, 1 - self.y ** 2
        return self.y

    def backward(self, dy):
        return dy * self.slope


class exercise_2_of_another_precision(Layer):
    def forward(self, x, train=False, keep=False):
        self.y = np.tanh(x.astype(float))
        return self.y

    def backward(self, dy):
        return dy * (1 - self.y ** 2)


def _net(rng, first, others, activation=Tanh):
    how = {"padding": 2, "rng": rng}
    return Sequential(pool0=AvgPool2d(4), conv1=Conv2d(3, 8, 5, weight_init=first, **how), act1=activation(),
                      conv2=Conv2d(8, 8, 5, stride=2, weight_init=others, **how), act2=activation(),
                      conv3=Conv2d(8, 8, 5, stride=2, weight_init=others, **how), act3=activation(),
                      flat=Flatten(), fc=Linear(2 * 2 * 8, 10, rng=rng, weight_init=others))


def exercise_4_as_in_2012(rng):
    return _net(rng, gaussian(1e-4), gaussian(0.01))


def exercise_4_only_smaller_weights(rng):
    return _net(rng, fan_in(1 / 64 ** 2), fan_in(1.0))


def exercise_4_by_relus(rng):
    return _net(rng, fan_in(1 / 64 ** 2), fan_in(1.0), ReLU)


def exercise_4_one_layer(rng):
    return Sequential(flat=Flatten(), fc=Linear(3072, 10, rng=rng), act=Tanh())


def exercise_4_for_other_images(rng):
    return Sequential(conv=Conv2d(3, 4, 5, stride=4, rng=rng), act=Tanh(), flat=Flatten(), fc=Linear(196, 9, rng=rng))
