"""Lesson 7: the checkers of its exercises."""
import numpy as np
from check import require, same, several, untouched

from tinynet import SGD, Linear, Parameter, ReLU, Sequential, SoftmaxCrossEntropy, fan_in
from tinynet.data import batches, mnist_sample


def exercise_1(step):
    for shape in (3, 2), (5,), (2, 4, 1):
        w, v = np.random.default_rng(1).normal(size=shape), np.zeros(shape)
        settings = {"lr": 0.3, "momentum": 0.6, "decay": 0.2}
        _steps(lambda *arrays: step(*arrays, **settings), w, v, (0.3, 0.6, 0.2), "")  # noqa: B023 called at once
        _steps(lambda *arrays: step(*arrays, 0.01), w, v, (0.01,), " with the paper's momentum and decay")


def _steps(step, w, v, constants, when):
    """Three steps of the answer and of the library's rule, on the same gradients."""
    p, rng = Parameter(w), np.random.default_rng(2)
    sgd = SGD([("w", p)], *constants)
    for n in range(1, 4):
        p.grad = rng.normal(size=w.shape)
        sgd.step()
        w, v = several(untouched(step, w, v, p.grad), "the new w, the new v")
        same(v, sgd.slots["velocity"]["w"], "v",
             f"v, the second thing, is not right after step {n}{when}. Go through (1) by terms: the old v, the decay, "
             "the gradient. Which w does the decay look at?", 1e-9)
        same(w, p.value, "w", f"v is right after step {n}{when}, w is not. Which v does (2) add?", 1e-9)


def exercise_2(width):
    for inputs in 64, 2, 10, 1000:
        sigma = untouched(width, inputs)
        require(np.ndim(sigma) == 0 and np.isfinite(sigma) and sigma > 0, "it should return one number above 0.")
        factor = inputs * float(sigma) ** 2 / 2                            # 2: the ReLU's half
        require(abs(factor - 1) < 1e-6, f"a layer with {inputs} inputs and weights of this width would multiply the "
                                        f"mean square by {factor:.6g} on average. The text has the factor of the sum; "
                                        "what does the ReLU do to it? And which power of σ is it?")


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
        got = untouched(lambda errors=errors, patience=patience: stuck(list(errors), patience))
        require(bool(got) == expected, f"for {errors} and patience {patience} it should be the opposite: {because}.")


def exercise_4(mended):
    (x, labels), (x_test, test_labels) = mnist_sample()

    def run(x=x, labels=labels, x_test=x_test, test_labels=test_labels, **rate):
        return several(untouched(lambda *arrays: mended(*arrays, np.random.default_rng(0), **rate),
                                 x, labels, x_test, test_labels), "the net, its test error")

    net, wrong = run()
    require(np.ndim(wrong) == 0, "the test error, the second thing, should be one number.")
    require(wrong < 0.6, f"{wrong:.0%} of the test images are wrong, hardly better than guessing. Does each image "
                         "learn with its own label?")
    require(wrong < 0.16, f"{wrong:.0%} of the test images are wrong. Something throws the weights about; its size "
                          "stands at the top of the function.")
    again, _ = run()
    require(_equal(net, again), "the same call trains differently the second time: draw from `rng` only.")
    other, _ = run(x_test=255 - x_test)
    require(_equal(net, other),
            "with other test images, the same training gives other weights. What has learning to do with those?")
    _, slower = run(lr=0.005)
    require(slower > wrong, "`lr` does not seem to have any effect.")
    order = np.argsort(labels, kind="stable")
    _, in_order = run(x[order], labels[order])
    require(in_order < 0.25, f"if the images come sorted, all zeros first, {in_order:.0%} of the test images are wrong."
                             " What has the net seen last? (Draw from `rng`.)")
    _, shifted = run(test_labels=(test_labels + 1) % 10)
    require(shifted > 0.8, "with wrong test labels, the error should be near 100 %.")


def _equal(net, other):
    return all(np.array_equal(p.value, q.value)
               for (_, p), (_, q) in zip(net.parameters(), other.parameters(), strict=True))


def exercise_5(settings):
    found = untouched(settings)
    names = {"hidden", "lr", "momentum", "decay", "batch"}
    require(isinstance(found, dict) and set(found) == names, f"it should return a dictionary of {sorted(names)}.")
    hidden, rates = tuple(np.atleast_1d(found["hidden"])), list(np.atleast_1d(found["lr"]))
    require(len(rates) == 5, f"lr should be a list of five rates, one an epoch; you have {len(rates)}.")
    require(sum(hidden) <= 600, f"at most 600 hidden neurons; you have {sum(hidden)}.")
    errors = [_trained(hidden, rates, found["momentum"], found["decay"], int(found["batch"]), start)
              for start in range(3)]
    mean = np.mean(errors)
    require(mean < 0.1, f"{mean:.1%} of the 500 wrong, on average ({', '.join(f'{e:.1%}' for e in errors)}); 10 % is"
                          " the target. A larger rate at first and a smaller one at the end? More, smaller batches?")


def _trained(hidden, rates, momentum, decay, batch_size, start):
    """The error on the last 500 digits, after a training on the others."""
    (images, labels), _ = mnist_sample()
    x, rng, layers = images.reshape(len(images), -1) / np.float32(255), np.random.default_rng(start), {}
    for i, (inputs, outputs) in enumerate(zip((784, *hidden), hidden, strict=False), 1):
        layers |= {f"fc{i}": Linear(inputs, outputs, rng=rng, weight_init=fan_in(2.0)), f"relu{i}": ReLU()}
    net = Sequential(**layers, out=Linear((784, *hidden)[-1], 10, rng=rng, weight_init=fan_in(2.0)))
    loss, sgd = SoftmaxCrossEntropy(), SGD(net.parameters(), rates[0], momentum, decay)
    for sgd.lr in rates:
        for batch, right in batches(x[:1500], labels[:1500], batch_size, rng):
            scores = net.forward(batch, train=True)
            require(np.isfinite(scores).all(), "the scores are no longer finite: the training explodes.")
            loss.forward(scores, right)
            net.backward(loss.backward())
            sgd.step()
    return np.mean(net.predict(x[1500:]).argmax(axis=1) != labels[1500:])
