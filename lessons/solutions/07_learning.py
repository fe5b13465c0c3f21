"""Lesson 7: solutions. Look here after you have tried."""
import numpy as np

from tinynet import SGD, Linear, ReLU, Sequential, SoftmaxCrossEntropy, fan_in


# Exercise 7.1: equation (1), then (2) with the new v. `v = ...` makes a new array, where `v *= ...` would write into
# the old one.
def step(w, v, g, lr, momentum=0.9, decay=0.0005):
    v = momentum * v - decay * lr * w - lr * g
    return w + v, v


# Exercise 7.2: n σ² times the mean square of an input is the sum's, and the ReLU halves it: n σ² / 2 must be 1.
def width(inputs):
    return np.sqrt(2 / inputs)


# Exercise 7.3
def stuck(errors, patience):
    before, last = errors[:-patience], errors[-patience:]
    return bool(before) and min(last) >= min(before)


# Exercise 7.4: the mean image of the training images; the rate as it is given; a new order each epoch; `labels[n]`.
def mended(x, labels, x_test, test_labels, rng, lr=0.05):
    mean = x.mean(axis=0)
    x, x_test = ((a - mean).reshape(len(a), -1).astype(np.float32) / 255 for a in (x, x_test))
    net = Sequential(fc1=Linear(784, 100, rng=rng, weight_init=fan_in(2.0)), relu1=ReLU(),
                     fc2=Linear(100, 10, rng=rng, weight_init=fan_in(1.0)))
    loss, sgd = SoftmaxCrossEntropy(), SGD(net.parameters(), lr)
    for _ in range(3):
        order = rng.permutation(len(x))
        for start in range(0, len(x), 50):
            n = order[start:start + 50]
            loss.forward(net.forward(x[n], train=True), labels[n])
            net.backward(loss.backward())
            sgd.step()
    return net, np.mean(net.predict(x_test).argmax(axis=1) != test_labels)


# Exercise 7.5: one of many. Small batches make more steps of five epochs; the rate falls at the end.
def settings():
    return {"hidden": (200,), "lr": [0.02, 0.02, 0.02, 0.01, 0.002], "momentum": 0.9, "decay": 0.0005, "batch": 10}
