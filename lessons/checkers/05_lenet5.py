"""Lesson 5: the checkers of its exercises."""
import numpy as np
from check import numerical, require, same, untouched


def exercise_1(subsample_backward):
    def output(x, w, b):
        N, H, W, C = x.shape
        mean = sum(x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4
        return w * mean.reshape(N, H // 2, W // 2, C) + b

    rng = np.random.default_rng(1)
    x, w, dy = rng.normal(size=(2, 4, 6, 3)), rng.normal(size=3), rng.normal(size=(2, 2, 3, 3))
    result = untouched(subsample_backward, x, w, dy)
    require(isinstance(result, tuple) and len(result) == 3, "it should return three things: dx, dw, db.")
    dx, dw, db = result
    same(dx, numerical(lambda x: float((dy * output(x, w, 0)).sum()), x), "dx",
         "dx is not what nudging gives. A pixel is one of four in a mean, and then there is the coefficient of its "
         "map. The four pixels of a window get the same.")
    same(dw, numerical(lambda w: float((dy * output(x, w, 0)).sum()), w), "dw",
         "dx is right, dw is not. What does w multiply? It does so in every image and at every place.")
    same(db, numerical(lambda b: float((dy * output(x, w, b)).sum()), np.zeros(3)), "db",
         "dx and dw are right, db is not. How much does a number of y change with the bias of its map?")


def exercise_2(table_parameters):
    for table, size, expected in ([[0]], 1, 2), ([[0], [0]], 1, 4), ([[0, 1], [1], [0, 1, 2]], 3, 57):
        got = table_parameters(table, size)
        require(got is not None, "it returns nothing. Write your code in place of the `...`, and end it with `return`.")
        require(got == expected, f"for the table {table} and kernels of {size} × {size} it should be another number "
                                 f"than {got}. How many kernels are there, how many numbers in each, how many biases?")


def exercise_3(scores_backward):
    rng = np.random.default_rng(3)
    x, codes, dy = rng.normal(size=(4, 6)), rng.choice([-1.0, 1.0], (3, 6)), rng.normal(size=(4, 3))
    expected = numerical(lambda x: float((dy * -((x[:, None] - codes) ** 2).sum(axis=2)).sum()), x)
    got = untouched(scores_backward, x, codes, dy)
    require(np.shape(got) != x.shape or not np.allclose(got, -expected, rtol=1e-4),
            "the size is right, the sign is not: the score is minus the distance.")
    same(got, expected, "dx",
         "dx is not what nudging gives. What is the slope of -(x - w)² along x? It comes back from each of the codes, "
         "with the dy of that code.")
