"""Lesson 2: the checkers of its exercises."""
import numpy as np
from check import NotYet, numerical, require, same, untouched

from tinynet import gradcheck


def exercise_1(relu_backward):
    rng = np.random.default_rng(2)
    for shape in (4, 5), (2, 3, 3, 2):
        x, dy = rng.normal(size=shape), rng.normal(size=shape)
        same(untouched(relu_backward, x, dy), numerical(lambda x, dy=dy: float((dy * np.maximum(0, x)).sum()), x), "dx",
             "dx is not what nudging gives. Where x is positive, how much does y change with x? And where it is "
             "negative? What else is a factor of dx?")
    x, dy = np.array([[0.0, -1.0, 0.0, 2.0]]), np.array([[3.0, 4.0, -5.0, 6.0]])
    require(not untouched(relu_backward, x, dy)[0, [0, 2]].any(), "only the places where x is exactly 0 are left.")


def exercise_2(softmax_loss_gradient):
    def loss(z):
        log_sum = np.log(np.exp(z).sum(axis=1))
        return float(np.mean(log_sum - z[np.arange(len(z)), labels]))

    rng = np.random.default_rng(3)
    z, labels = rng.normal(size=(6, 4)), np.array([0, 3, 1, 1, 2, 3])
    expected, got = numerical(loss, z), untouched(softmax_loss_gradient, z, labels)
    require(np.shape(got) != z.shape or not np.allclose(got, 6 * expected, rtol=1e-4),
            "nearly. The loss is the mean over the batch: what does that do to the gradient?")
    same(got, expected, "the gradient",
         "it is not what nudging gives. In each row, what has to happen to the right class, and what to all others?")


def exercise_3(centre):
    x = np.random.default_rng(4).normal(size=(3, 4))
    y = untouched(centre().forward, x)
    same(y, np.stack([row - sum(row) / 4 for row in x]), "y",
         "forward is not right yet. Each row has a mean of its own.")
    layer = centre()
    layer.forward(x, train=True)
    require(layer.backward(np.ones((3, 4))) is not None, "forward is right; backward returns nothing yet.")
    layer.forward(x, train=True)
    dx = untouched(layer.backward, np.ones((3, 4)) + x)
    require(np.shape(dx) == (3, 4), f"backward should return the shape of x, (3, 4), yours has {np.shape(dx)}.")
    try:
        gradcheck(centre(), x)
    except AssertionError:
        raise NotYet("forward is right; the gradient check says that backward is not. One x touches its own y, and "
                     "through the mean it touches others. Which ones, and how strongly?") from None
