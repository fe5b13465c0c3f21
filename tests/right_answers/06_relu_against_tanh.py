"""Lesson 6: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import math

import numpy as np

from tinynet import BatchNorm2d, Conv2d, Flatten, Layer, Linear, MaxPool2d, Sequential, Tanh, fan_in


def exercise_1_numpys_float(curve, level):
    curve = np.array(curve, np.float32)
    below = np.flatnonzero(curve <= level)
    if len(below) == 0:
        return None
    i = below[0]
    return np.float32(i + (curve[i - 1] - level) / (curve[i - 1] - curve[i]))


def exercise_1_interpolates(curve, level):
    for epoch, (before, after) in enumerate(zip(curve, curve[1:], strict=False), start=1):
        if after <= level < before:
            return epoch + float(np.interp(-level, [-before, -after], [0, 1]))


class exercise_2_keeps_the_slope(Layer):
    def forward(self, x, train=False, keep=False):
        y = np.tanh(x)
        self.slope = 1 - y * y
        return y

    def backward(self, dy):
        return self.slope * dy


class exercise_2_keeps_when_asked(Layer):
    def forward(self, x, train=False, keep=False):
        y = np.tanh(x)
        if train or keep:
            self.y = y
        return y

    def backward(self, dy):
        return dy * (1 - self.y ** 2)


class exercise_2_keeps_the_input(Layer):
    def forward(self, x, train=False, keep=False):
        self.x = x
        return np.tanh(x)

    def backward(self, dy):
        return dy * (1 - np.tanh(self.x) ** 2)


def exercise_3_by_sums(x):
    N, K = x.shape
    return float(math.sqrt(N / np.sum(np.square(x))))


def exercise_3_a_narrow_number(x):
    return np.float32(1 / np.sqrt((x * x).sum(axis=1).mean()))


def exercise_4_by_batch_normalisation(rng):
    how = {"padding": 2, "rng": rng, "weight_init": fan_in(1.0)}
    return Sequential(norm=BatchNorm2d(3), conv1=Conv2d(3, 8, 5, stride=2, **how), act1=Tanh(),
                      conv2=Conv2d(8, 16, 5, stride=2, **how), act2=Tanh(),
                      conv3=Conv2d(16, 16, 5, **how), act3=Tanh(), pool=MaxPool2d(2),
                      flat=Flatten(), fc=Linear(4 * 4 * 16, 10, rng=rng, weight_init=fan_in(1.0)))
