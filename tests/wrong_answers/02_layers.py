"""Lesson 2: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np

from tinynet import Layer, softmax


def exercise_1_is_the_forward(x, dy):
    return np.maximum(0, dy)


def exercise_1_looks_at_dy_too(x, dy):
    return dy * (x > 0) * (dy > 0)


def exercise_1_forgets_dy(x, dy):
    return (x > 0).astype(float)


def exercise_1_lets_zero_through(x, dy):
    return dy * (x >= 0)


def exercise_1_writes_into_dy(x, dy):
    dy[x <= 0] = 0
    return dy


def exercise_2_is_p(z, labels):
    return softmax(z, np) / len(z)


def exercise_2_forgets_the_mean(z, labels):
    dz = softmax(z, np)
    dz[np.arange(len(z)), labels] -= 1
    return dz


def exercise_2_other_sign(z, labels):
    return -exercise_2_forgets_the_mean(z, labels) / len(z)


def exercise_2_only_the_right_class(z, labels):
    dz = np.zeros(z.shape)
    dz[np.arange(len(z)), labels] = softmax(z, np)[np.arange(len(z)), labels] - 1
    return dz / len(z)


def exercise_2_over_columns(z, labels):
    dz = softmax(z.T, np).T
    dz[np.arange(len(z)), labels] -= 1
    return dz / len(z)


def exercise_2_one_number_per_row(z, labels):
    return (softmax(z, np)[np.arange(len(z)), labels] - 1) / len(z)


class _Centre(Layer):
    def forward(self, x, train=False, keep=False):
        return x - x.mean(axis=1, keepdims=True)

    def backward(self, dy):
        return dy - dy.mean(axis=1, keepdims=True)


def exercise_1_of_another_precision(x, dy):
    return dy * (x > 0).astype(np.float64)


def exercise_2_infinite_for_large_scores(z, labels):
    e = np.exp(np.minimum(z, 800.0))
    dz = e / e.sum(axis=1, keepdims=True)
    dz[np.arange(len(z)), labels] -= 1
    return dz / len(z)


def exercise_2_counts_the_classes_of_the_labels(z, labels):
    K = labels.max() + 1
    dz = softmax(z, np)
    dz[:, :K] -= np.eye(K)[labels]
    return dz[:, :max(K, 4)] / len(z)


def exercise_2_six_images(z, labels):
    return exercise_2_forgets_the_mean(z, labels) / 6


def exercise_2_four_classes(z, labels):
    return ((softmax(z, np) - np.eye(4)[labels]) if z.shape[1] == 4 else z) / len(z)


def exercise_2_of_another_precision(z, labels):
    return (softmax(z, np) - np.eye(z.shape[1])[labels]) / len(z)


class exercise_3_hands_dy_on(_Centre):
    def backward(self, dy):
        return dy.copy()


class exercise_3_keeps_in_training_only(_Centre):
    def forward(self, x, train=False, keep=False):
        if train:
            self.K = x.shape[1]
        return super().forward(x)

    def backward(self, dy):
        return dy - dy.sum(axis=1, keepdims=True) / self.K


class exercise_3_only_its_own_y(_Centre):
    def backward(self, dy):
        return dy * (1 - 1 / dy.shape[1])


class exercise_3_adds_the_mean(_Centre):
    def backward(self, dy):
        return dy + dy.mean(axis=1, keepdims=True)


class exercise_3_mean_of_the_batch(_Centre):
    def forward(self, x, train=False, keep=False):
        return x - x.mean(axis=0)


class exercise_3_mean_of_all(_Centre):
    def forward(self, x, train=False, keep=False):
        return x - x.mean()


class exercise_3_writes_into_x(_Centre):
    def forward(self, x, train=False, keep=False):
        x -= x.mean(axis=1, keepdims=True)
        return x


class exercise_3_no_backward(_Centre):
    def backward(self, dy):
        ...


class exercise_3_four_columns(_Centre):
    def forward(self, x, train=False, keep=False):
        return x - x.sum(axis=1, keepdims=True) / 4


class exercise_3_of_another_precision(_Centre):
    def backward(self, dy):
        return dy - dy.mean(axis=1, keepdims=True, dtype=np.float64)
