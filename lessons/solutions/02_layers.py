"""Lesson 2: solutions. Look here after you have tried."""
import numpy as np

from tinynet import Layer, softmax


# Exercise 2.1: the slope is 1 where x is positive, and 0 elsewhere, at 0 too.
def relu_backward(x, dy):
    return dy * (x > 0)


# Exercise 2.2: p - t, where t is 1 at the right class and 0 elsewhere, and 1/N because the loss is a mean.
def softmax_loss_gradient(z, labels):
    dz = softmax(z, np)
    dz[np.arange(len(z)), labels] -= 1
    return dz / len(z)


# Exercise 2.3: x touches its own y with the factor 1, and every y of its row with -1/K through the mean. So dx is dy
# minus the mean of dy's row: backward is the same function as forward.
class Centre(Layer):
    def forward(self, x, train=False, keep=False):
        return x - x.mean(axis=1, keepdims=True)

    def backward(self, dy):
        return dy - dy.mean(axis=1, keepdims=True)
