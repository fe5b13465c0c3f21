"""Lesson 7: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import math

import numpy as np

from tinynet import SGD, Linear, ReLU, Sequential, SoftmaxCrossEntropy, fan_in
from tinynet.data import batches


def exercise_1_a_list(w, v, g, lr, momentum=0.9, decay=0.0005):
    new = momentum * v - lr * (g + decay * w)
    return [w + new, new]


def exercise_1_in_steps_on_copies(w, v, g, lr, momentum=0.9, decay=0.0005):
    w, v = w.copy(), v.copy()
    v *= momentum
    v -= lr * decay * w
    v -= lr * g
    w += v
    return w, v


def exercise_2_with_math(inputs):
    return math.sqrt(2) / math.sqrt(inputs)


def exercise_2_a_numpy_number(inputs):
    return np.float32(np.sqrt(2.0 / inputs))


def exercise_3_with_a_loop(errors, patience):
    if len(errors) <= patience:
        return False
    best = min(errors[:-patience])
    for error in errors[-patience:]:
        if error < best:
            return False
    return True


def exercise_3_a_numpy_bool(errors, patience):
    errors = np.array(errors)
    return np.bool_(len(errors) > patience and errors[-patience:].min() >= errors[:-patience].min())


def exercise_4_with_the_librarys_batches(x, labels, x_test, test_labels, rng, lr=0.05):
    mean = x.mean(axis=0)

    def rows(images):
        return ((images - mean) / 255).reshape(len(images), 784).astype(np.float32)

    net = Sequential(fc1=Linear(784, 100, rng=rng, weight_init=fan_in(2.0)), relu1=ReLU(),
                     fc2=Linear(100, 10, rng=rng, weight_init=fan_in(1.0)))
    loss, sgd = SoftmaxCrossEntropy(), SGD(net.parameters(), lr)
    for _ in range(3):
        for batch, right in batches(rows(x), labels, 50, rng):
            loss.forward(net.forward(batch, train=True), right)
            net.backward(loss.backward())
            sgd.step()
    return [net, float((net.predict(rows(x_test)).argmax(axis=1) != test_labels).mean())]


def exercise_5_large_and_small_batches():
    rates = np.array([0.03, 0.03, 0.03, 0.01, 0.003])
    return {"hidden": [500], "lr": rates, "momentum": 0.9, "decay": 0.0005, "batch": 10}
