"""Lesson 2: the checkers of its exercises."""
import numpy as np
from check import NotYet, keeps_precision, numerical, require, same, untouched

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
    keeps_precision(relu_backward, x, dy)


def exercise_2(softmax_loss_gradient):
    def loss(z, labels):
        log_sum = np.log(np.exp(z).sum(axis=1))
        return float(np.mean(log_sum - z[np.arange(len(z)), labels]))

    rng = np.random.default_rng(3)
    for labels, K in ((0, 3, 1, 1, 2, 3), 4), ((2, 0, 1), 5), ((0,), 3):
        z, labels = rng.normal(size=(len(labels), K)), np.array(labels)
        expected = numerical(lambda z, labels=labels: loss(z, labels), z)
        got = untouched(softmax_loss_gradient, z, labels)
        require(len(z) == 1 or np.shape(got) != z.shape or not np.allclose(got, len(z) * expected, rtol=1e-4),
                "nearly. The loss is the mean over the batch: what does that do to the gradient?")
        case = f"the gradient for {len(z)} images, {K} classes and the labels {labels.tolist()}"
        same(got, expected, case, f"{case} is not what nudging gives. In each row, what has to happen to the right "
                                  "class, and what to all others?")
    same(softmax_loss_gradient(z + 1000, labels), expected, "the gradient for scores around 1000",
         "for scores around 1000 it should be the same as around 0: softmax divides the same factor out.")
    keeps_precision(softmax_loss_gradient, z, labels)


def exercise_3(centre):
    for shape in (3, 4), (2, 5):
        x = np.random.default_rng(4).normal(size=shape)
        y = untouched(centre().forward, x)
        same(y, np.stack([row - sum(row) / len(row) for row in x]), f"y for x {shape}",
             "forward is not right yet. Each row has a mean of its own.")
        _centre_backward(centre, x)
    layer = centre()
    keeps_precision(layer.forward, x)
    layer.forward(x.astype(np.float32), train=True)
    keeps_precision(layer.backward, np.ones_like(x))


def _centre_backward(centre, x):
    layer = centre()
    layer.forward(x, train=True)
    require(layer.backward(np.ones(x.shape)) is not None, "forward is right; backward returns nothing yet.")
    layer.forward(x, train=True)
    dx = untouched(layer.backward, np.ones(x.shape) + x)
    require(np.shape(dx) == x.shape, f"backward should return the shape of x, {x.shape}, yours has {np.shape(dx)}.")
    try:
        gradcheck(centre(), x)
    except AssertionError:
        raise NotYet("forward is right; the gradient check says that backward is not. One x touches its own y, and "
                     "through the mean it touches others. Which ones, and how strongly?") from None
    except (AttributeError, TypeError):                                    # it went well with train, above
        raise NotYet("backward works after `train=True`, and not after `keep=True`: what backward needs must be kept "
                     "when `train` or `keep` is true.") from None
