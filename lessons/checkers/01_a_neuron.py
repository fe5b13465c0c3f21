"""Lesson 1: the checkers of its exercises."""
import numpy as np
from check import numerical, same, several, untouched


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

    for N, inputs in (30, 2), (7, 5):
        x, t, w, b = _examples(N, inputs)
        dw, db = several(untouched(squared_gradient, x, t, w, b), "dw, db")
        more = "" if inputs == 2 else f"right for 30 examples of 2 numbers, but not for {N} of {inputs}. "
        same(dw, numerical(lambda w, x=x, t=t, b=b: loss(x, t, w, b), w), "dw",
             f"{more}dw is not what nudging gives. Go back from L step by step: L to p, p to z, z to w. Which of the "
             "three slopes has not cancelled this time? And what does the square leave behind, and the mean?")
        same(db, numerical(lambda b, x=x, t=t, w=w: loss(x, t, w, b), np.array(b)), "db",
             f"{more}dw is right, db is not. It is the same product, but how much does z change with b?")


def exercise_3(gradient_with_decay):
    def loss(x, t, w, b, decay):
        p = 1 / (1 + np.exp(-(x @ w + b)))
        return float(np.mean(-np.log(np.where(t == 1, p, 1 - p))) + decay / 2 * (w ** 2).sum())

    for N, inputs, decay in (30, 2, 0.3), (30, 2, 0.0005), (30, 2, 0.0), (7, 5, 0.2):
        x, t, w, b = _examples(N, inputs)
        dw, db = several(untouched(gradient_with_decay, x, t, w, b, decay), "dw, db")
        expected = [numerical(lambda w, case=(x, t, b, decay): loss(case[0], case[1], w, *case[2:]), w),
                    numerical(lambda b, case=(x, t, w, decay): loss(*case[:3], b, case[3]), np.array(b))]
        case = f"decay={decay} and {N} examples of {inputs} numbers"
        same(dw, expected[0], "dw", f"dw is not what nudging gives, for {case}. What is the slope of (λ/2) w₁² along "
                                    "w₁?", 1e-6)
        same(db, expected[1], "db", f"dw is right, db is not, for {case}. Is the bias in the penalty?")
    x, t, w, b = _examples(30, 2)
    dw, _ = several(untouched(gradient_with_decay, x, t, w, b), "dw, db")
    same(dw, numerical(lambda w: loss(x, t, w, b, 0.0005), w), "dw without the argument decay",
         "without its last argument the function should use the paper's λ.", 1e-6)


def _examples(N, inputs):
    """Examples in general position: x (N, inputs), t (N,), w (inputs,), b."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(N, inputs)), rng.integers(0, 2, N).astype(float), rng.normal(size=inputs), 0.4
