"""Lesson 1: the checkers of its exercises."""
import numpy as np
from check import numerical, require, same, untouched


def exercise_1(numerical_gradient):
    def f(w):  # each slope depends on all elements, and on h
        return float((np.arange(1, w.size + 1).reshape(w.shape) * w).sum() ** 3)

    for w in np.array([0.5, 0.7, 0.2]), np.array([[0.1, 0.3, 0.2], [0.4, 0.6, 0.5]]):
        got = untouched(numerical_gradient, f, w)
        same(got, numerical(f, w), f"the gradient at an array of shape {w.shape}",
             "some slopes are not right. Is only one element nudged at a time, and back in place before the next? "
             "The distance between the two nudged values is twice h.")
        same(untouched(numerical_gradient, f, w, 0.1), numerical(f, w, 0.1), "the gradient for h=0.1",
             "for h=0.1 the result is not that of a nudge to both sides by h. Is h used, and everywhere?")


def exercise_2(squared_gradient):
    def loss(x, t, w, b):
        return float(np.mean((1 / (1 + np.exp(-(x @ w + b))) - t) ** 2))

    x, t, w, b = _examples()
    dw, db = _pair(untouched(squared_gradient, x, t, w, b))
    same(dw, numerical(lambda w: loss(x, t, w, b), w), "dw",
         "dw is not what nudging gives. Go back from L step by step: L to p, p to z, z to w. Which of the three slopes "
         "has not cancelled this time? And what does the square leave behind, and the mean?")
    same(db, numerical(lambda b: loss(x, t, w, b), np.array(b)), "db",
         "dw is right, db is not. It is the same product, but how much does z change with b?")


def exercise_3(gradient_with_decay):
    def loss(x, t, w, b, decay):
        p = 1 / (1 + np.exp(-(x @ w + b)))
        return float(np.mean(-np.log(np.where(t == 1, p, 1 - p))) + decay / 2 * (w ** 2).sum())

    x, t, w, b = _examples()
    for decay in 0.3, 0.0005, 0.0:
        dw, db = _pair(untouched(gradient_with_decay, x, t, w, b, decay))
        same(dw, numerical(lambda w, decay=decay: loss(x, t, w, b, decay), w), "dw",
             f"dw is not what nudging gives, for decay={decay}. What is the slope of (λ/2) w₁² along w₁?", 1e-6)
        same(db, numerical(lambda b, decay=decay: loss(x, t, w, b, decay), np.array(b)), "db",
             "dw is right, db is not. Is the bias in the penalty?")
    dw, _ = _pair(untouched(gradient_with_decay, x, t, w, b))
    same(dw, numerical(lambda w: loss(x, t, w, b, 0.0005), w), "dw without the argument decay",
         "without its last argument the function should use the paper's λ.", 1e-6)


def _examples():
    """Thirty examples in general position: x (30, 2), t (30,), w (2,), b."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(30, 2)), rng.integers(0, 2, 30).astype(float), np.array([0.7, -1.2]), 0.4


def _pair(result):
    require(isinstance(result, tuple) and len(result) == 2, "it should return two things: dw, db.")
    return result
