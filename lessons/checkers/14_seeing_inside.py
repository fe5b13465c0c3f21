"""Lesson 14: the checkers of its exercises."""
import numpy as np
from check import keeps_precision, require, same, several, untouched, whole

from tinynet import MaxPool2d, Sequential, SoftmaxCrossEntropy, Unpool2d
from tinynet.data import cifar10_sample
from tinynet.look.receptive import receptive_field
from tinynet.models import pretrained

FIELDS = (([(3, 1, 0)], 9, (0, 4)), ([(3, 1, 1)], 9, (0, 4, 8)), ([(3, 2, 0)], 11, (2,)),      # layers, height, rows
          ([(5, 1, 2), (3, 2, 0)], 32, (0, 6, 14)), ([(3, 2, 0), (5, 1, 2)], 33, (0, 6, 15)),
          ([(11, 4, 2), (3, 2, 0), (5, 1, 2), (3, 2, 0), (3, 1, 1)], 224, (0, 6, 11)))


def exercise_1(rows_seen):
    for layers, height, rows in FIELDS:
        for row in rows:
            got = several(untouched(rows_seen, row, layers, height), "first, last")
            require(all(map(whole, got)), f"both should be whole numbers, yours are {got}.")
            first, last = _expected(row, layers, height)
            case = f"for row {row}, layers={layers} and height={height}"
            require(min(got) >= 0 and max(got) < height, f"{case} you have {tuple(map(int, got))}: the image has the "
                                                         f"rows 0 to {height - 1}.")
            require(tuple(got) == (first, last), f"{case} you have {tuple(map(int, got))}. Draw it for two layers: "
                    "where does the field of the upper neuron begin and end in the map between, and what do these two "
                    "see?")


def _expected(row, layers, height):
    net = Sequential(**{f"pool{k}": MaxPool2d(*layer) for k, layer in enumerate(layers)})  # a window, as any layer's
    rows = receptive_field(net, f"pool{len(layers) - 1}", (row, row), (height, height)).rows
    return rows.start, rows.stop - 1


def exercise_2(unpool):
    rng = np.random.default_rng(1)
    for shape, z, s in ((1, 4, 4, 1), 2, 2), ((2, 6, 8, 3), 2, 2), ((1, 5, 5, 1), 3, 2), ((2, 8, 6, 2), 3, 2), \
                       ((1, 5, 6, 2), 3, 1), ((1, 7, 6, 1), 2, 3):
        pool = MaxPool2d(z, s)
        y = pool.forward(rng.normal(size=shape), keep=True)
        case = f"for x {shape}, z={z}, s={s}"
        up, back = Unpool2d(pool), rng.normal(size=y.shape)               # what comes down is not what went up
        sparse = back * (rng.random(y.shape) < 0.3)
        for d, hint in ((back, ""), (sparse, " A window of 0 writes nothing.")):
            expected, got = up.forward(d), untouched(unpool, d, pool.switches, shape, z, s)
            require(np.shape(got) == shape, f"{case} it should return that shape, yours is {np.shape(got)}.")
            added = _added(d, pool.switches, shape, z, s)
            require(s >= z or np.allclose(added, expected) or not np.allclose(got, added),
                    f"{case} you add where several windows have the same winner. That is backward; unpooling writes.")
            same(got, expected, f"x {case}", f"{case} a number stands where it should not, or another should. The "
                 "switch k is row k // z and column k % z of its window; of several windows with one winner the last "
                 f"in the order of reading stays.{hint}")
    keeps_precision(unpool, back, pool.switches, shape, z, s)


def _added(d, switches, shape, z, s):
    x = np.zeros(shape)
    for (n, p, q, c), value in np.ndenumerate(d):
        k = int(switches[n, p, q, c])
        x[n, p * s + k // z, q * s + k % z, c] += value
    return x


def exercise_3(through_relu):
    rng = np.random.default_rng(2)
    for shape in (40,), (2, 5, 6, 3):
        d, x = rng.normal(size=shape), rng.normal(size=shape)
        for rule, passes in (("gradient", x > 0), ("deconvnet", d > 0), ("guided", (x > 0) & (d > 0))):
            got = untouched(through_relu, d, x, rule)
            require(isinstance(got, np.ndarray) and got.shape == shape, f"it should return an array of d's shape, "
                                                                        f"{shape}.")
            lost, through = passes & (got == 0), ~passes & (got != 0)
            require(not lost.any(), f'rule="{rule}": where d is {d[lost][:1]} and x is {x[lost][:1]}, d should go on.')
            require(not through.any(), f'rule="{rule}": where d is {d[through][:1]} and x is {x[through][:1]}, nothing '
                                       "should go on.")
            same(got, d * passes, "what goes on", f'rule="{rule}": what goes on is d itself, as it was.')
            keeps_precision(through_relu, d, x, rule)


def exercise_4(occlusion_map):
    rng = np.random.default_rng(3)
    for (H, W), square, stride in ((6, 6), 2, 2), ((9, 7), 3, 1), ((8, 11), 3, 4), ((5, 12), 5, 3), ((7, 7), 2, 2):
        image, weights = rng.integers(0, 127, (H, W, 3)).astype(np.uint8), rng.random((H, W, 3))

        def probability(images, H=H, W=W, weights=weights):
            images = np.asarray(images)
            require(images.ndim == 4 and images.shape[1:] == (H, W, 3), f"`probability` was given the shape "
                    f"{images.shape}; it wants images (N, {H}, {W}, 3).")
            require(images.max() <= 127, "a pixel was wrapped or is brighter than grey: the square's pixels are 127.")
            return (weights * images).sum(axis=(1, 2, 3)) / (127 * weights.sum())

        case = f"for an image of {H} x {W}, square={square}, stride={stride}"
        expected = np.empty(((H - square) // stride + 1, (W - square) // stride + 1))
        for p, q in np.ndindex(expected.shape):
            grey = np.zeros((H, W, 1), bool)
            grey[p * stride:p * stride + square, q * stride:q * stride + square] = True
            expected[p, q] = probability(np.where(grey, 127, image)[None])[0]
        got = untouched(occlusion_map, probability, image, square, stride)
        require(np.shape(got) == expected.shape, f"{case} the square stands at {expected.shape[0]} x "
                f"{expected.shape[1]} places, yours has the shape {np.shape(got)}.")
        same(np.asarray(got), expected, "the map", f"{case} the probabilities are not right. Is each square alone in "
             "its image, grey in all three colours, and as large as it should be?", 1e-9)


def exercise_5(mislead):
    trained, data = pretrained("80sec"), cifar10_sample()
    net, view = trained.net, trained.view

    def gradient(images, labels):
        require(np.shape(images)[1:] == (32, 32, 3), f"`gradient` was given images of shape {np.shape(images)}.")
        x, rest, loss = view.center(images), net["pool1":], SoftmaxCrossEntropy()
        loss.forward(rest.forward(net["conv1"].forward(x), keep=True), labels)
        return net["conv1"].transpose(rest.backward(loss.backward()), x.shape[1:3])

    right = net.predict(view.center(data.test.images)).argmax(axis=1) == data.test.labels
    images, labels = data.test.images[right][:300], data.test.labels[right][:300]
    changed = untouched(mislead, images, labels, gradient)
    require(isinstance(changed, np.ndarray) and changed.dtype == np.uint8 and changed.shape == images.shape,
            f"it should return the images as an array of uint8 of the shape {images.shape}.")
    largest = np.abs(changed.astype(int) - images).max()
    require(largest <= 4, f"a number of a pixel has changed by {largest}; 4 are allowed. (uint8 goes from 255 on to 0: "
                          "compute with other whole numbers, clip, then convert.)")
    wrong = np.mean(net.predict(view.center(changed)).argmax(axis=1) != labels)
    require(wrong > 0.6, f"{wrong:.0%} of the 300 are wrong; the target is 60 %. Which change of each number raises "
                         "the loss, and how much of the 4 levels do you use for it?")
