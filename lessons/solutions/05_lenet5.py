"""Lesson 5: solutions. Look here after you have tried."""
import numpy as np

from tinynet import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, fan_in


# Exercise 5.1: a pixel touches one y, through a mean of four, with the factor w/4. The coefficient of a map touches
# every y of it with the factor m, the bias with 1.
def subsample_backward(x, w, dy):
    N, H, W, C = x.shape
    mean = x.reshape(N, H // 2, 2, W // 2, 2, C).mean(axis=(2, 4))
    dx = (dy * w / 4).repeat(2, axis=1).repeat(2, axis=2)
    return dx, (dy * mean).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))


# Exercise 5.2: the third axis of dW counts the maps that are seen, the fourth those that see.
def keep_to_table(dW, table):
    kept = np.zeros_like(dW)
    for f, seen in enumerate(table):
        kept[:, :, list(seen), f] = dW[:, :, list(seen), f]
    return kept


# Exercise 5.3: the slope of -(x - w)² is -2 (x - w); add up over the codes.
def scores_backward(x, codes, dy):
    return -2 * (dy[:, :, None] * (x[:, None] - codes)).sum(axis=1)


# Exercise 5.4: one of many. Two convolutions share their weights, two poolings forgive a pixel; ReLUs, and weights in
# scale (lesson 6), learn faster than the squash. 7,434 parameters.
def small_net(rng):
    how = {"rng": rng, "weight_init": fan_in(2.0)}
    return Sequential(conv1=Conv2d(1, 8, 5, input_grad=False, **how), relu1=ReLU(), pool1=MaxPool2d(2),
                      conv2=Conv2d(8, 16, 5, **how), relu2=ReLU(), pool2=MaxPool2d(2),
                      flat=Flatten(), fc3=Linear(5 * 5 * 16, 10, rng=rng, weight_init=fan_in(1.0)))
