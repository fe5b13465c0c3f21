"""Lesson 9: the checkers of its exercises."""
import numpy as np
from check import NotYet, require, same, untouched

HEIGHT, WIDTH, SIZE = 6, 7, 4
PLACES = [(top, left) for top in range(HEIGHT - SIZE + 1) for left in range(WIDTH - SIZE + 1)]


def exercise_1(random_crops):
    images = np.arange(600 * HEIGHT * WIDTH * 2).reshape(600, HEIGHT, WIDTH, 2)      # no two numbers are the same
    crops = untouched(random_crops, images, SIZE, np.random.default_rng(9))
    require(isinstance(crops, np.ndarray), f"it should return a NumPy array, yours is of the type "
                                           f"{type(crops).__name__}.")
    require(np.shape(crops) == (600, SIZE, SIZE, 2), f"for images of shape {images.shape} and the size {SIZE}, it "
                                                     f"should return (600, 4, 4, 2), yours has {np.shape(crops)}.")
    found = [_place(image, crop) for image, crop in zip(images, crops, strict=True)]
    places, mirrored = {place for place, _ in found}, np.mean([flipped for _, flipped in found])
    require(len(places) > 1, "every image is cut at the same place. Each should have its own.")
    missing = sorted(set(PLACES) - places)
    require(not missing, f"the window never stands at (top, left) = {missing and missing[0]}, in images of {HEIGHT} x "
                         f"{WIDTH} pixels with a window of {SIZE} x {SIZE}. How many places are there along each axis?")
    require(0.4 < mirrored < 0.6, f"of 600 images it has mirrored {mirrored:.0%}; expected is about a half.")
    flipped_at_first = np.mean([flipped for place, flipped in found if place == PLACES[0]])
    require(0 < flipped_at_first < 1, "whether an image is mirrored should not depend on where it is cut.")
    counts = [sum(place == p for place, _ in found) for p in PLACES]
    require(min(counts) > 20, "some places are much rarer than others. All should be equally likely.")
    same(random_crops(images, SIZE, np.random.default_rng(9)), crops, "a second result with the same seed",
         "with the same `rng` it should draw the same again. Draw from `rng` only.")
    rng = np.random.default_rng(9)
    require(not np.array_equal(random_crops(images, SIZE, rng), random_crops(images, SIZE, rng)),
            "called twice, it should draw new places the second time.")


def _place(image, crop):
    """Where `crop` was cut from `image`, and whether it is mirrored."""
    for top, left in PLACES:
        window = image[top:top + SIZE, left:left + SIZE]
        for flipped in False, True:
            if np.array_equal(window[:, ::-1] if flipped else window, crop):
                return (top, left), flipped
    upside_down = any(np.array_equal(image[i:i + SIZE, j:j + SIZE][::-1], crop) for i, j in PLACES)
    require(not upside_down, "an image stands upside down. Which axis goes from left to right?")
    raise NotYet("a result is no window of its image, mirrored or not. Does it come from the same image, with its rows "
                 "and columns in order?")


def exercise_2(add_color):
    rng = np.random.default_rng(10)
    vectors, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    x, values, alpha = rng.uniform(0, 255, (4, 2, 3, 3)), np.array([0.2, 0.05, 0.01]), rng.normal(0, 0.1, (4, 3))
    expected = np.empty(x.shape)
    for n, h, w, c in np.ndindex(x.shape):
        expected[n, h, w, c] = x[n, h, w, c] + 255 * sum(alpha[n, i] * values[i] * vectors[c, i] for i in range(3))
    y = untouched(add_color, x, values, vectors, alpha)
    require(np.shape(y) == x.shape, f"it should return the shape of x, {x.shape}, yours has {np.shape(y)}.")
    change = np.asarray(y) - x
    require(np.ptp(change, axis=(1, 2)).max() < 1e-9, "all pixels of an image should move by the same colour.")
    require(np.abs(change[0] - change[1]).max() > 1e-9, "two images move by the same colour. Each has its own alpha.")
    size = np.abs(change).max() / np.abs(expected - x).max()
    require(not np.isclose(size, 1 / 255), "the λ belong to pixels from 0 to 1, and x goes to 255.")
    same(change, expected - x, "the change", "each image moves by one colour of its own, but not by the right one. The "
         "third component, say, is `vectors[:, 2]`, with the strength `alpha[n, 2] * values[2]`.", 1e-6)


def exercise_3(dropout):
    x = np.random.default_rng(11).uniform(1, 2, (200, 30))
    layer = dropout(0.3, np.random.default_rng(12))
    y = untouched(lambda x: layer.forward(x, train=True), x)
    require(np.shape(y) == x.shape, f"forward should return the shape of x, {x.shape}, yours has {np.shape(y)}.")
    silent = np.asarray(y) == 0
    require(silent.any(), "in training, nothing is silenced.")
    require((silent != silent[0]).any(), "every image has the same mask. Each should have its own.")
    require((silent != silent[:, :1]).any(), "an image is silenced as a whole. Each neuron has a coin of its own.")
    require(0.27 < silent.mean() < 0.33, f"in training with p = 0.3, {silent.mean():.0%} are silenced.")
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
    same(tested, 0.7 * x, "y at test, for p = 0.3,", "at test time, without `train`, all neurons speak, scaled by the "
                                                     "share of them that speaks in training.")
