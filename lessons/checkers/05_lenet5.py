"""Lesson 5: the checkers of its exercises."""
import copy

import numpy as np
from check import keeps_precision, numerical, require, same, several, untouched

from tinynet import SGD, Sequential, SoftmaxCrossEntropy, count_parameters
from tinynet.data import batches, mnist_sample
from tinynet.models.lenet5 import C3_TABLE, normalised

PARAMETERS, TARGET = 10_000, 0.07


def exercise_1(subsample_backward):
    def output(x, w, b):
        N, H, W, C = x.shape
        mean = sum(x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4
        return w * mean.reshape(N, H // 2, W // 2, C) + b

    rng = np.random.default_rng(1)
    for N, H, W, C in (2, 4, 6, 3), (1, 6, 2, 5):
        x, w, dy = rng.normal(size=(N, H, W, C)), rng.normal(size=C), rng.normal(size=(N, H // 2, W // 2, C))
        dx, dw, db = several(untouched(subsample_backward, x, w, dy), "dx, dw, db")
        same(dx, numerical(lambda x, w=w, dy=dy: float((dy * output(x, w, 0)).sum()), x), f"dx for x {x.shape}",
             "dx is not what nudging gives. A pixel is one of four in a mean, and then there is the coefficient of its "
             "map. The four pixels of a window get the same.")
        same(dw, numerical(lambda w, x=x, dy=dy: float((dy * output(x, w, 0)).sum()), w), f"dw for x {x.shape}",
             "dx is right, dw is not. What does w multiply? It does so in every image and at every place.")
        same(db, numerical(lambda b, x=x, w=w, dy=dy: float((dy * output(x, w, b)).sum()), np.zeros(C)), "db",
             "dx and dw are right, db is not. How much does a number of y change with the bias of its map?")
    keeps_precision(subsample_backward, x, w, dy)


def exercise_2(keep_to_table):
    rng = np.random.default_rng(2)
    for table, C, size in ([[0]], 1, 2), ([[0, 1], [1], [0, 1, 2]], 3, 3), (C3_TABLE, 6, 5), (C3_TABLE, 6, 1):
        dW, before = rng.normal(size=(size, size, C, len(table))), copy.deepcopy(table)
        got = untouched(keep_to_table, dW, table)
        require(table == before, "the table that you were given is no longer as it was.")
        case = f"the gradient for a table of {len(table)} maps and kernels of {size} × {size}"
        require(np.shape(got) == dW.shape, f"{case} should have the shape {dW.shape} of dW, yours has {np.shape(got)}.")
        marks = np.array([[c in seen for seen in table] for c in range(C)])
        require(not got[:, :, ~marks].any(), f"{case} is not 0 everywhere where the table has no mark. Which axis of "
                                             "dW counts the maps that are seen, and which those that see?")
        same(got[:, :, marks], dW[:, :, marks], case, f"{case} should be dW itself where the table has a mark.")
    keeps_precision(keep_to_table, dW, table)


def exercise_3(scores_backward):
    rng = np.random.default_rng(3)
    for N, J, K in (4, 6, 3), (1, 5, 7):
        x, codes, dy = rng.normal(size=(N, J)), rng.choice([-1.0, 1.0], (K, J)), rng.normal(size=(N, K))
        expected = numerical(lambda x, codes=codes, dy=dy: float((dy * -((x[:, None] - codes) ** 2).sum(axis=2)).sum()),
                             x)
        got = untouched(scores_backward, x, codes, dy)
        require(np.shape(got) != x.shape or not np.allclose(got, -expected, rtol=1e-4),
                "the size is right, the sign is not: the score is minus the distance.")
        same(got, expected, f"dx for x {x.shape} and {K} codes",
             "dx is not what nudging gives. What is the slope of -(x - w)² along x? It comes back from each of the "
             "codes, with the dy of that code.")
    keeps_precision(scores_backward, x, codes, dy)


def exercise_4(small_net):
    net = untouched(small_net, np.random.default_rng(0))
    require(isinstance(net, Sequential), f"it should return a tinynet.Sequential, yours is a {type(net).__name__}.")
    (images, labels), _ = mnist_sample()
    x = normalised(images)
    shape = net.predict(x[:2]).shape
    require(shape == (2, 10), f"for two images of (32, 32, 1) it should give ten scores each, (2, 10), not {shape}.")
    numbers = count_parameters(net)
    require(numbers < PARAMETERS, f"it has {numbers:,} parameters; fewer than {PARAMETERS:,} are allowed.")
    require(not np.array_equal(net.predict(x[:2]), small_net(np.random.default_rng(1)).predict(x[:2])),
            "its weights should be drawn from the generator that it is given.")
    rng, loss, sgd = np.random.default_rng(1), SoftmaxCrossEntropy(), SGD(net.parameters(), 0.01, weight_decay=0)
    for _ in range(5):
        for batch, right in batches(x[:1500], labels[:1500], 20, rng):
            loss.forward(net.forward(batch, train=True), right)
            net.backward(loss.backward())
            sgd.step()
    wrong = np.mean(net.predict(x[1500:]).argmax(axis=1) != labels[1500:])
    require(wrong < TARGET, f"{numbers:,} parameters, and after five epochs {wrong:.1%} of the 500 digits that were "
                            f"set aside are wrong; the target is below {TARGET:.0%}. What does a net of this lesson "
                            "know beforehand that yours does not? And are its first weights in scale (lesson 6)?")
