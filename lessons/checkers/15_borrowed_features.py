"""Lesson 15: the checkers of its exercises."""
import numpy as np
from check import require, same, several, untouched

from tinynet import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, SoftmaxCrossEntropy
from tinynet.data import mnist_sample
from tinynet.look.neighbors import features
from tinynet.models import pretrained
from tinynet.training.probe import draw_per_class

CLASSES = (0, 1, 2, 12)


def exercise_1(draw):
    labels = np.random.default_rng(1).permutation(np.repeat(CLASSES, [6, 9, 7, 8]))
    for k in 1, 3, 6:
        got = untouched(draw, labels, k, np.random.default_rng(2))
        require(np.shape(got) == (4 * k,), f"for {k} of each of 4 classes it should return ({4 * k},) indices, yours "
                                           f"has the shape {np.shape(got)}. (These labels are 0, 1, 2 and 12.)")
        got = np.asarray(got)
        require(got.dtype.kind in "iu" and got.min() >= 0 and got.max() < len(labels),
                f"it should return indices, whole numbers from 0 to {len(labels) - 1}.")
        require(len(set(got.tolist())) == len(got), f"with k = {k} an image is drawn twice.")
        counts = [int(np.sum(labels[got] == c)) for c in CLASSES]
        require(counts == [k] * 4, f"with k = {k}, {counts} images of the classes 0, 1, 2 and 12 are drawn.")
    first, again = (np.asarray(draw(labels, 3, np.random.default_rng(2))) for _ in range(2))
    same(again, first, "a second result with the same seed",
         "with the same `rng` it should draw the same again. Draw from `rng` only.")
    for seed in range(5):
        few, more = (set(np.asarray(draw(labels, k, np.random.default_rng(seed))).tolist()) for k in (2, 5))
        require(few <= more, "the images for k = 2 are not among those for k = 5 with the same seed. How much do you "
                             "draw from `rng` before the second class begins, and does it depend on k?")
    rng, times = np.random.default_rng(3), np.zeros(len(labels))
    for _ in range(2000):
        times[np.asarray(draw(labels, 2, rng))] += 1
    expected = 2000 * 2 / np.array([np.sum(labels == c) for c in labels])
    require((np.abs(times - expected) < 6 * np.sqrt(expected)).all(), "of 2,000 draws, some images are in far more "
            "than others of their class. All should be equally likely.")


def exercise_2(least_squares):
    rng = np.random.default_rng(4)
    for N, D, K, strength in (20, 3, 4, 0.5), (8, 15, 3, 2.0), (30, 5, 2, 0.01):
        x, labels = rng.normal(1.0, 2.0, (N, D)), rng.integers(0, K, N)
        labels[:K] = range(K)
        W, b = several(untouched(least_squares, x, labels, K, strength), "W, b")
        require(np.shape(W) == (D, K) and np.shape(b) == (K,), f"for x ({N}, {D}) and {K} classes W should have the "
                f"shape ({D}, {K}) and b ({K},), yours have {np.shape(W)} and {np.shape(b)}.")
        rest = x @ W + b - (labels[:, None] == np.arange(K))
        dW, db, small = x.T @ rest + strength * W, rest.sum(axis=0), 1e-6 * np.abs(x.T @ (rest + 1)).max()
        case = f"x ({N}, {D}), {K} classes, strength {strength}"
        require(np.abs(db).max() <= small, f"{case}: nudging b makes L smaller. Does the decay reach b, or is there "
                                           "none?")
        require(np.abs(dW).max() <= small, f"{case}: nudging W makes L smaller. Does the strength stand as in L, once, "
                                           "and not times N?")


class Watched(Conv2d):
    """A convolution that counts how often it was asked to go backward, or to keep something for it."""

    times = 0

    def forward(self, x, train=False, keep=False):
        self.times += train or keep
        return super().forward(x, train, keep)

    def backward(self, dy):
        self.times += 1
        return super().backward(dy)


def _net():
    rng = np.random.default_rng(5)
    how = {"rng": rng, "weight_init": lambda rng, shape: rng.normal(0, 0.3, shape).astype(np.float32)}
    return Sequential(conv1=Watched(2, 3, 3, **how), relu1=ReLU(), pool1=MaxPool2d(2),
                      conv2=Watched(3, 4, 2, **how), relu2=ReLU(), flat=Flatten(),
                      fc3=Linear(2 * 2 * 4, 6, **how), relu3=ReLU(), fc4=Linear(6, 3, **how))


def exercise_3(frozen_step):
    rng = np.random.default_rng(6)
    x, labels = rng.normal(size=(5, 8, 8, 2)).astype(np.float32), np.array([0, 2, 1, 1, 0])
    for last, rate in (("pool1", 0.1), ("relu2", 0.5), ("conv1", 0.02), ("relu3", 0.1)):
        mine, plain, loss = _net(), _net(), SoftmaxCrossEntropy()
        before = {name: p.value.copy() for name, p in plain.parameters()}
        expected = loss.forward(plain.forward(x, train=True), labels)
        plain.backward(loss.backward())
        layers = [name for name, _ in plain.children()]
        frozen = layers[:layers.index(last) + 1]
        got = untouched(lambda x, labels, last=last, rate=rate, mine=mine:
                        frozen_step(mine, last, SoftmaxCrossEntropy(), x, labels, rate), x, labels)
        same(got, np.asarray(expected), "the loss", f"last_frozen={last!r}: the loss is not that of this batch, before "
                                                    "the step.")
        for name, p in plain.parameters():
            now, layer = dict(mine.parameters())[name].value, name.partition(".")[0]
            if layer in frozen:
                require(np.array_equal(now, before[name]), f"last_frozen={last!r}: {name} has changed, and {layer} is "
                                                           "frozen.")
            else:
                same(now, before[name] - rate * p.grad, name, f"last_frozen={last!r}: {name} should be what it was "
                                                              "minus the rate times its gradient.")
        for layer in "conv1", "conv2":
            require(layer not in frozen or not mine[layer].times, f"last_frozen={last!r}: all is right, but {layer} "
                    "was asked to go backward, or to keep something for it. Frozen layers go forward only.")


def exercise_4(learner):
    trained, data = pretrained("80sec"), mnist_sample()
    images = np.concatenate([data.train.images, data.test.images])
    labels = np.concatenate([data.train.labels, data.test.labels])

    def see(images, at):
        require(np.shape(images)[1:] == (28, 28, 1), f"`see` was given images of shape {np.shape(images)}; it wants "
                                                     "(N, 28, 28, 1).")
        large = np.repeat(np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0))), 3, axis=3)
        return features(trained.net, large, at, trained.view.center)

    errors = []
    for seed in range(5):
        chosen = draw_per_class(labels[:1000], 10, seed)
        classify = untouched(learner, images[chosen], labels[chosen], see)
        require(callable(classify), "it should return a function, which gives the classes of images.")
        got = np.asarray(classify(images[1500:]))
        require(got.shape == (1000,), f"for 1,000 images the function should give (1000,) classes, yours gives "
                                      f"{got.shape}.")
        errors.append(np.mean(got != labels[1500:]))
    require(np.mean(errors) < 0.105, f"{np.mean(errors):.1%} are wrong, as the mean over five draws; the target is "
            "10.5 %. Which layer, which classifier? And what else is a digit that was moved a little?")
