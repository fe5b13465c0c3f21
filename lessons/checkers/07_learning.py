"""Lesson 7: the checkers of its exercises."""
import numpy as np
from check import require, same, untouched

from tinynet import SGD, Parameter

NOTHING = "it returns nothing. Write your code in place of the `...`, and end it with `return`."


def exercise_1(step):
    rng = np.random.default_rng(1)
    w, v = rng.normal(size=(3, 2)), np.zeros((3, 2))
    settings = {"lr": 0.3, "momentum": 0.6, "decay": 0.2}
    _steps(lambda *arrays: step(*arrays, **settings), w, v, (0.3, 0.6, 0.2), "")
    _steps(lambda *arrays: step(*arrays, 0.01), w, v, (0.01,), " with the paper's momentum and decay")


def _steps(step, w, v, constants, when):
    """Three steps of the answer and of the library's rule, on the same gradients."""
    p, rng = Parameter(w), np.random.default_rng(2)
    sgd = SGD([("w", p)], *constants)
    for n in range(1, 4):
        p.grad = rng.normal(size=w.shape)
        sgd.step()
        result = untouched(step, w, v, p.grad)
        require(isinstance(result, tuple) and len(result) == 2, "it should return two things: the new w, the new v.")
        w, v = result
        same(v, sgd.slots["velocity"]["w"], "v",
             f"v, the second thing, is not right after step {n}{when}. Go through (1) by terms: the old v, the decay, "
             "the gradient. Which w does the decay look at?", 1e-9)
        same(w, p.value, "w", f"v is right after step {n}{when}, w is not. Which v does (2) add?", 1e-9)


def exercise_2(width):
    rng = np.random.default_rng(3)
    for inputs in 64, 1000:
        sigma = width(inputs)
        require(sigma is not None, NOTHING)
        require(np.ndim(sigma) == 0 and np.isfinite(sigma) and sigma > 0, "it should return one number above 0.")
        sums = np.maximum(0, rng.normal(size=(400, inputs))) @ rng.normal(size=(inputs, 400))
        factor = sigma ** 2 * np.mean(np.maximum(0, sums) ** 2) / 0.5   # 0.5: the mean square of the inputs
        require(0.93 < factor < 1.07, f"a layer with {inputs} inputs and weights of this width would multiply the mean "
                                      f"square by {factor:.3g}. The text has the factor of the sum; what does the ReLU "
                                      "do to it? And which power of σ is it?")


def exercise_3(stuck):
    cases = [([0.5, 0.4, 0.3], 2, False, "the error falls with every epoch"),
             ([0.5, 0.4, 0.4, 0.41], 2, True, "none of the last two is lower than 0.4"),
             ([0.5, 0.4, 0.45, 0.39], 2, False, "the last one is the lowest of all"),
             ([0.5, 0.4, 0.39, 0.45], 2, False, "one of the last two is the lowest of all"),
             ([0.5, 0.3, 0.45, 0.4, 0.35], 3, True, "it falls again, but has not come below 0.3"),
             ([0.5, 0.3, 0.45, 0.4, 0.35], 4, False, "of the last four, one is lower than what was before"),
             ([0.4, 0.4], 1, True, "as low as before is not lower"),
             ([0.5, 0.5, 0.5], 3, False, "there is nothing before the last three"),
             ([], 2, False, "there is no error yet")]
    for errors, patience, expected, because in cases:
        got = stuck(list(errors), patience)
        require(got is not None, NOTHING)
        require(bool(got) == expected, f"for {errors} and patience {patience} it should be the opposite: {because}.")
