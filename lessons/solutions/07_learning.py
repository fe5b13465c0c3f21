"""Lesson 7: solutions. Look here after you have tried."""
import numpy as np


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
