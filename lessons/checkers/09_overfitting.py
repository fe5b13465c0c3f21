"""Lesson 9: the checkers of its exercises."""
import numpy as np
from check import require, same, several, untouched

from tinynet import SGD, SoftmaxCrossEntropy, count_parameters
from tinynet.data import batches, cifar10_sample, mean_image
from tinynet.data.augment import center_crop

N, HEIGHT, WIDTH, SIZE = 6000, 3, 4, 2
PLACES = [(top, left) for top in range(HEIGHT - SIZE + 1) for left in range(WIDTH - SIZE + 1)]      # six


def exercise_1(random_crops):
    images = np.arange(N * HEIGHT * WIDTH * 2).reshape(N, HEIGHT, WIDTH, 2)              # no two numbers are the same
    crops = untouched(random_crops, images, SIZE, np.random.default_rng(9))
    expected = (N, SIZE, SIZE, 2)
    require(len(crops) == N and all(np.shape(crop) == expected[1:] for crop in crops),
            f"for images of shape {images.shape} and the size {SIZE}, it should return {expected}.")
    require(isinstance(crops, np.ndarray), f"it should return a NumPy array, yours is of the type "
                                           f"{type(crops).__name__}: np.stack makes one of a list.")
    place, mirrored = _where(images, crops)
    _equally_likely(place, mirrored)
    _independent(place, mirrored)
    _one_at_a_time(random_crops, images[:1])
    for dtype in np.uint8, np.float32:
        crops = random_crops(images[:4].astype(dtype), SIZE, np.random.default_rng(9))
        require(np.asarray(crops).dtype == dtype, f"of images in {np.dtype(dtype)} it should make crops in "
                                                  f"{np.dtype(dtype)}, yours are {crops.dtype}.")
    first, again = (random_crops(images, SIZE, np.random.default_rng(9)) for _ in range(2))
    same(again, first, "a second result with the same seed",
         "with the same `rng` it should draw the same again. Draw from `rng` only.")
    rng = np.random.default_rng(9)
    require(not np.array_equal(random_crops(images, SIZE, rng), random_crops(images, SIZE, rng)),
            "called twice, it should draw new places the second time.")


def _where(images, crops):
    """Where each crop was cut, as an index into PLACES, and whether it is mirrored."""
    windows = [images[:, i:i + SIZE, j:j + SIZE] for i, j in PLACES]
    both = np.array(windows + [window[:, :, ::-1] for window in windows])                # (12, N, SIZE, SIZE, 2)
    fits = (both == crops).all(axis=(2, 3, 4))
    upside_down = (both[:, :, ::-1] == crops).all(axis=(2, 3, 4)).any(axis=0) & ~fits.any(axis=0)
    require(not upside_down.any(), "an image stands upside down. Which axis goes from left to right?")
    require(fits.any(axis=0).all(), "a result is no window of its image, mirrored or not. Does it come from the same "
                                    "image, with its rows and columns in order?")
    which = fits.argmax(axis=0)
    return which % len(PLACES), which >= len(PLACES)


def _equally_likely(place, mirrored):
    require(len(set(place)) > 1, "every image is cut at the same place. Each should have its own.")
    missing = [PLACES[k] for k in range(len(PLACES)) if k not in place]
    require(not missing, f"the window never stands at (top, left) = {missing and missing[0]}, in images of {HEIGHT} x "
                         f"{WIDTH} pixels with a window of {SIZE} x {SIZE}. How many places are there along each axis?")
    require(abs(mirrored.mean() - 0.5) < 0.04, f"of {N} images it has mirrored {mirrored.mean():.0%}; expected is "
                                               "about a half.")
    counts = np.array([[np.sum((place == k) & (mirrored == m)) for m in (False, True)] for k in range(len(PLACES))])
    rows = counts.sum(axis=1)
    require(np.ptp(rows) < 0.2 * rows.mean(), f"of {N} images the six places get {rows.tolist()}. All should be "
                                              "equally likely.")
    expected = N / counts.size
    require(((counts - expected) ** 2 / expected).sum() < 55, "whether an image is mirrored should not depend on where "
                                                              "it is cut.")    # 55: once in ten million


def _independent(place, mirrored):
    """Neighbours in the batch must not have their place or coin from one another."""
    for step in 1, 2, 3:
        coins, places = np.mean(mirrored[step:] == mirrored[:-step]), np.mean(place[step:] == place[:-step])
        apart = "one after the other" if step == 1 else f"{step} apart in the batch"
        require(abs(coins - 0.5) < 0.04, f"two images {apart} are both mirrored, or both not, {coins:.0%} of the time. "
                                         "Each should have a coin of its own.")
        require(abs(places - 1 / len(PLACES)) < 0.04, f"two images {apart} are cut at the same place {places:.0%} of "
                                                      "the time. Each should have a place of its own.")


def _one_at_a_time(random_crops, image):
    rng = np.random.default_rng(10)
    alone = [np.concatenate(a) for a in zip(*(_where(image, random_crops(image, SIZE, rng)) for _ in range(200)),
                                            strict=True)]
    require(0.3 < alone[1].mean() < 0.7, f"of 200 batches with a single image, {alone[1].mean():.0%} are mirrored.")
    two = [_where(np.repeat(image, 2, axis=0), random_crops(np.repeat(image, 2, axis=0), SIZE, rng))[1].sum()
           for _ in range(100)]
    require(len(set(two)) == 3, "of a batch of two images, none, one or both should be mirrored, as the coins fall.")


def exercise_2(add_color):
    rng = np.random.default_rng(10)
    vectors, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    x, values, alpha = rng.uniform(50, 200, (4, 2, 3, 3)), np.array([0.2, 0.05, 0.01]), rng.normal(0, 0.1, (4, 3))
    x[:, 0, 0], x[:, 1, 0] = 0, 255
    expected = np.empty(x.shape)
    for n, h, w, c in np.ndindex(x.shape):
        expected[n, h, w, c] = x[n, h, w, c] + 255 * sum(alpha[n, i] * values[i] * vectors[c, i] for i in range(3))
    y = untouched(add_color, x, values, vectors, alpha)
    require(np.shape(y) == x.shape, f"it should return the shape of x, {x.shape}, yours has {np.shape(y)}.")
    change = np.asarray(y) - x
    inside, all_pixels = (np.ptp(part, axis=(1, 2)).max() for part in (change[:, :, 1:], change))
    require(inside < 1e-3, "all pixels of an image should move by the same colour.")
    require(all_pixels < 1e-3, "pixels of 0 and of 255 should move as all others do. Cut nothing off at these limits: "
                               "a net takes numbers beyond them too.")
    require(np.abs(change[0] - change[1]).max() > 1e-3, "two images move by the same colour. Each has its own alpha.")
    size = np.abs(change).max() / np.abs(expected - x).max()
    require(not np.isclose(size, 1 / 255, rtol=0.01), "the λ belong to pixels from 0 to 1, and x goes to 255.")
    same(change, expected - x, "the change", "each image moves by one colour of its own, but not by the right one. The "
         "third component, say, is `vectors[:, 2]`, with the strength `alpha[n, 2] * values[2]`.", 1e-4)


def exercise_3(dropout):
    for p, shape in (0.3, (200, 30)), (0.5, (40, 150)), (0.1, (50, 4, 5, 6)):
        _silences(dropout, p, shape)
    x = np.random.default_rng(11).uniform(1, 2, (20, 30)).astype(np.float32)
    one, two, with_test = (dropout(0.5, np.random.default_rng(12)) for _ in range(3))
    y = one.forward(x, train=True)
    require(np.array_equal(two.forward(x, train=True), y), "two layers with the same `rng` should silence the same "
                                                           "neurons. Draw from `self.rng`.")
    other = dropout(0.5, np.random.default_rng(13))
    other.forward(x, train=True)
    dx = one.backward(np.ones_like(x))
    require(np.array_equal(dx == 0, y == 0), "after a forward of another layer, backward has that one's mask. Where do "
                                             "you keep it?")
    with_test.forward(x)
    require(np.array_equal(with_test.forward(x, train=True), y), "after a forward at test time, other neurons are "
                                                                 "silenced. At test time there are no coins to throw.")
    for what, got in ("forward in training", y), ("forward at test time", one.forward(x)), ("backward", dx):
        require(np.asarray(got).dtype == np.float32, f"{what} makes {np.asarray(got).dtype} of float32. A layer never "
                                                     "changes the precision.")


def _silences(dropout, p, shape):
    x = np.random.default_rng(11).uniform(1, 2, shape)
    layer = dropout(p, np.random.default_rng(12))
    y = untouched(lambda x: layer.forward(x, train=True), x)
    require(np.shape(y) == x.shape, f"forward should return the shape of x, {x.shape}, yours has {np.shape(y)}.")
    silent = np.asarray(y) == 0
    require(silent.any(), "in training, nothing is silenced.")
    require((silent != silent[0]).any(), "every image has the same mask. Each should have its own.")
    require((silent != silent[:, :1]).any(), "an image is silenced as a whole. Each neuron has a coin of its own.")
    require(abs(silent.mean() - p) < 0.03, f"in training with p = {p}, {silent.mean():.0%} are silenced.")
    in_each = silent.reshape(len(x), -1).sum(axis=1)
    require(in_each.var() > 0.2 * p * (1 - p) * x[0].size, "in every image the same number of neurons is silenced. "
                                                           "Each neuron has a coin of its own, so the number varies.")
    same(y[~silent], x[~silent], "what was not silenced", "in training, what is not silenced should stay as it is: the "
                                                          "paper scales at test time.")
    dy = 1 + x
    dx = untouched(layer.backward, dy)
    require(np.shape(dx) == x.shape, f"backward should return the shape of x, {x.shape}, yours has {np.shape(dx)}.")
    require(not np.asarray(dx)[silent].any(), "a neuron that was silenced gets a gradient. Which mask does backward "
                                              "need?")
    same(dx, np.where(silent, 0, dy), "dx", "the neurons that spoke should get dy as it is, all of them.")
    again = layer.forward(x, train=True)
    require(not np.array_equal(np.asarray(again) == 0, silent), "the second forward has the mask of the first. Throw "
                                                                "the coins anew each time.")
    tested = untouched(layer.forward, x)
    same(tested, (1 - p) * x, f"y at test, for p = {p},", "at test time, without `train`, all neurons speak, scaled by "
                                                     "the share of them that speaks in training.")
    layer.forward(np.zeros(shape), train=True)
    passed = np.asarray(layer.backward(np.ones(shape))) != 0
    require(abs(passed.mean() - (1 - p)) < 0.03, f"where x is 0, {passed.mean():.0%} of the neurons pass a gradient. "
                                                 "Whether a neuron was silenced cannot be seen in y: a ReLU may have "
                                                 "made it 0.")


def exercise_4(recipe):
    net, change, rates, batch_size = several(untouched(recipe, np.random.default_rng(0)), "net, change, rates, batch")
    require(len(rates) == 10, f"rates should have ten numbers, one an epoch; yours has {len(rates)}.")
    parameters = count_parameters(net)
    require(parameters <= 200_000, f"at most 200,000 parameters; your net has {parameters:,}.")
    images, labels = (getattr(cifar10_sample().train, what)[:2000] for what in ("images", "labels"))
    mean = mean_image(images[:1000])
    x = (images - mean) / (images[:1000] - mean).std()
    rng, loss, sgd = np.random.default_rng(1), SoftmaxCrossEntropy(), SGD(net.parameters(), rates[0], weight_decay=0.0)
    for sgd.lr in rates:
        for batch, right in batches(x[:1000], labels[:1000], batch_size, rng):
            scores = net.forward(np.ascontiguousarray(change(batch, rng)), train=True)
            require(np.isfinite(scores).all(), "the scores are no longer finite: the training explodes.")
            loss.forward(scores, right)
            net.backward(loss.backward())
            sgd.step()
    wrong = np.mean(net.predict(np.ascontiguousarray(center_crop(x[1000:], 24))).argmax(axis=1) != labels[1000:])
    require(wrong < 0.62, f"{wrong:.1%} of the thousand are wrong; the target is 62 %. Whoever adds remedies must add "
                          "steps: smaller batches make more of them, and want a smaller rate.")
