"""Lesson 8: the checkers of its exercises."""
import numpy as np
from check import numerical, require, same, several, untouched

from tinynet import LRN, SGD, SoftmaxCrossEntropy, count_parameters
from tinynet.data import batches, cifar10_sample


def exercise_1(loudest):
    for k, alpha, beta in (2.0, 1e-4, 0.75), (1.0, 0.5, 1.0), (3.0, 0.02, 0.6):
        a = untouched(loudest, k, alpha, beta)
        at = f"for k={k}, α={alpha}, β={beta}"
        require(np.ndim(a) == 0 and np.isfinite(a) and a > 0, f"{at} it should be one number above 0.")
        here, left, right = (v * (k + alpha * v ** 2) ** -beta for v in (a, a * 0.999, a * 1.001))
        require(here > max(left, right), f"{at} the curve goes on rising on one side of {a:.4g}. At the top its slope "
                                         "is 0: which a makes it so?")
    for beta in 0.5, 0.3:
        require(untouched(loudest, 2.0, 1e-4, beta) == np.inf,
                f"for β={beta} there is no top: the text says what to return.")


def exercise_2(lrn_backward):
    rng = np.random.default_rng(2)
    for C, n, k, alpha, beta in (7, 5, 2.0, 0.3, 0.75), (4, 3, 1.0, 1.0, 1.0), (2, 5, 1.5, 0.5, 0.5):
        layer, x, dy = LRN(n, k, alpha, beta), rng.normal(size=(2, 2, 3, C)), rng.normal(size=(2, 2, 3, C))
        expected = numerical(lambda x, layer=layer, dy=dy: float((dy * layer.forward(x)).sum()), x)
        same(untouched(lrn_backward, x, dy, n, k, alpha, beta), expected, "dx",
             f"dx is not what nudging gives, for n={n}, k={k}, α={alpha}, β={beta}. The first term is dy s^-β. In the "
             "second, which of a_i, a_j, s_i, dy_i belong to the i that is summed over, and which is before the sum?")
    half = untouched(lrn_backward, x.astype(np.float32), dy.astype(np.float32), n, k, alpha, beta)
    require(half.dtype == np.float32, f"for float32, dx should be float32, yours is {half.dtype}. A layer never "
                                      "changes the precision.")


def exercise_3(paired):
    rng = np.random.default_rng(4)
    for N, p, q in (1000, 0.3, 0.25), (1000, 0.05, 0.9), (400, 0.5, 0.5):
        a, b = rng.random(N) < p, rng.random(N) < q
        difference, scatter = several(untouched(paired, a, b), "the difference, its ±")
        same(difference, np.mean(a) - np.mean(b), "the difference", f"for {N} images, the first net wrong on {a.sum()} "
             f"and the second on {b.sum()}, the difference is not a's error minus b's.", 1e-9)
        differ = np.sum(a != b)
        exact = np.sqrt(max(differ / N - difference ** 2, 0) / N)          # the text's, less the mean's own square
        require(np.ndim(scatter) == 0 and np.isfinite(scatter), "the ± should be one number.")
        require(min(abs(scatter - exact), abs(scatter - np.sqrt(differ) / N)) < 0.01 * exact,
                f"of {N} images, exactly one net is wrong on {differ}; the ± is not {scatter:.4g} then. On which images"
                " does the difference depend, and what do so many coins scatter by?")


def exercise_4(my_net):
    net, rates, batch_size = several(untouched(my_net, np.random.default_rng(0)), "net, rates, batch")
    require(len(rates) == 4, f"rates should have four numbers, one an epoch; yours has {len(rates)}.")
    parameters = count_parameters(net)
    require(parameters <= 20_000, f"at most 20,000 parameters; your net has {parameters:,}.")
    images, labels = (getattr(cifar10_sample().train, what) for what in ("images", "labels"))
    x = images.reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4)).astype(np.float32)
    x -= x[:4000].mean(axis=0)
    rng, loss, sgd = np.random.default_rng(1), SoftmaxCrossEntropy(), SGD(net.parameters(), rates[0])
    for sgd.lr in rates:
        for batch, right in batches(x[:4000], labels[:4000], batch_size, rng):
            scores = net.forward(batch, train=True)
            require(np.isfinite(scores).all(), "the scores are no longer finite: the training explodes.")
            loss.forward(scores, right)
            net.backward(loss.backward())
            sgd.step()
    wrong = np.mean(net.predict(x[4000:]).argmax(axis=1) != labels[4000:])
    require(wrong < 0.555, f"{wrong:.1%} of the thousand are wrong; the target is 55.5 %. Which rate suits your "
                           "normalisation? Should it fall at the end? Do the weights start at the right width?")
