"""Lesson 6: the checkers of its exercises."""
import numpy as np
from check import NotYet, keeps_precision, require, same, untouched

from tinynet import SGD, Sequential, SoftmaxCrossEntropy, Tanh, gradcheck
from tinynet.data import batches, cifar10_sample, mean_image

FLAT, TARGET = 0.3, 0.7


def exercise_1(crossing):
    got = untouched(crossing, [0.6, 0.4, 0.2], 0.25)
    require(isinstance(got, float | int | np.floating),
            f"it should return a number, yours is of the type {type(got).__name__}.")
    require(not np.isclose(got, 1.75), "nearly. The first number of the curve is the error of epoch 1, not of epoch 0.")
    require(not np.isclose(got, 3), "that is the first epoch below the level. The line crosses it a little earlier.")
    require(np.isclose(got, 2.75), f"[0.6, 0.4, 0.2] comes down to 0.25 after 2.75 epochs, yours says {got:.4g}.")
    for curve, level, expected, hint in (
            ([0.8, 0.5, 0.3, 0.1], 0.35, 2.75, "what if it is further on than between epochs 2 and 3, or the first two "
                                               "epochs are as far apart as the next two?"),
            ([0.9, 0.5, 0.4, 0.1], 0.7, 1.5, "what if it comes down between epochs 1 and 2?"),
            ([0.9, 0.5, 0.7, 0.1], 0.5, 2.0, "to be exactly at the level is to have come down to it."),
            ([0.9, 0.2, 0.7, 0.1], 0.4, 1 + 5 / 7, "the *first* time counts, even if the curve goes up again."),
            ([0.9, 0.2, 0.7], 0.4, 1 + 5 / 7, "the curve may end above the level, and yet have come down to it.")):
        got = untouched(lambda *a: crossing(*a) or 0.0, curve, level) or None
        require(got is not None, f"for {curve} and the level {level} it returns None. {hint.capitalize()}")
        require(np.isclose(got, expected), f"for {curve} and the level {level} it says {got:.4g}. {hint.capitalize()}")
    require(crossing([0.9, 0.8, 0.7], 0.5) is None, "a curve that never comes down to the level should give None.")


def exercise_2(tanh):
    x = np.random.default_rng(6).normal(0, 1.5, (3, 4))
    y = untouched(tanh().forward, x)
    same(y, (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)), "y", "forward is not tanh(x). NumPy has np.tanh.")
    layer = tanh()
    layer.forward(x, train=True)
    require(layer.backward(np.ones_like(x)) is not None, "forward is right; backward returns nothing yet.")
    layer.forward(x, train=True)
    same(untouched(layer.backward, np.zeros_like(x)), np.zeros_like(x), "dx for a dy of zeros",
         "where dy is 0, so is dx. Is dy a factor of it?")
    for shape in (3, 4), (2, 3, 3, 2):
        try:
            gradcheck(tanh(), np.random.default_rng(7).normal(0, 1.5, shape))
        except AssertionError:
            raise NotYet("forward is right; the gradient check says that backward is not. The slope is written with "
                         "y, the output. And what else is a factor of dx?") from None
        except (AttributeError, TypeError):                                # it went well with train, above
            raise NotYet("backward works after `train=True`, and not after `keep=True`: what backward needs must be "
                         "kept when `train` or `keep` is true.") from None
    _far_out_and_small(tanh)


def exercise_3(good_sigma):
    rng = np.random.default_rng(8)
    x = rng.normal(size=(500, 40))
    got, expected = untouched(good_sigma, x), _sigma(x)
    require(np.shape(got) == (), f"σ is one number, yours has the shape {np.shape(got)}.")
    require(not np.isclose(got, expected ** 2, rtol=0.02), "that is the square of σ: z² goes with the square of the "
                                                           "weights.")
    same(got, expected, "σ", "for 40 inputs of spread 1 the mean square of the scores is not 1. How many summands has "
                             "z, and what is the mean square of one?", 1e-3)
    same(good_sigma(60 * x), _sigma(60 * x), "σ", "it is right for inputs of spread 1, and not for larger ones.", 1e-3)
    wide = rng.normal(size=(30, 900))
    same(good_sigma(wide), _sigma(wide), "σ", "it is right for 40 inputs, and not for 900. Which axis of x counts "
                                              "the inputs?", 1e-3)
    same(good_sigma(x + 2), _sigma(x + 2), "σ", "what if the inputs are not around 0? It is their mean *square* that "
                                                "counts.", 1e-3)


def exercise_4(tanh_net):
    data = cifar10_sample()
    raw = data.train.images - mean_image(data.train.images[:4000])
    net = untouched(tanh_net, np.random.default_rng(0))
    require(isinstance(net, Sequential), f"it should return a tinynet.Sequential, yours is a {type(net).__name__}.")
    shape = net.predict(raw[:2]).shape
    require(shape == (2, 10), f"for two images of (32, 32, 3) it should give ten scores each, (2, 10), not {shape}.")
    bent = [name for name, layer in net.children() if isinstance(layer, Tanh)]
    require(len(bent) >= 3 and not any("ReLU" in type(layer).__name__ for _, layer in net.children()),
            f"it should have three Tanh at least, and no ReLU; yours has {len(bent)} Tanh.")
    rng, loss, sgd = np.random.default_rng(1), SoftmaxCrossEntropy(), SGD(net.parameters(), 0.01, weight_decay=0)
    for _ in range(3):
        for x, right in batches(raw[:4000], data.train.labels[:4000], 64, rng):
            loss.forward(net.forward(x, train=True), right)
            net.backward(loss.backward())
            sgd.step()
    y = raw[4000:4200]
    for name, layer in net.children():
        y = layer.forward(y)
        flat = np.mean(1 - y ** 2 < 0.1) if name in bent else 0
        require(flat < FLAT, f"after three epochs {flat:.0%} of the outputs of {name} are flat; the target is below "
                             f"{FLAT:.0%}. Small weights alone will not do: a step of learning is a product with the "
                             "inputs, too. What could the net do to the pixels, before anything else?")
    wrong = np.mean(net.predict(raw[4000:]).argmax(axis=1) != data.train.labels[4000:])
    require(wrong < TARGET, f"nothing is saturated. But after three epochs {wrong:.0%} of the 1,000 images that were "
                            f"set aside are wrong; the target is below {TARGET:.0%}. Do the scores have spread 1 at "
                            "the start (exercise 6.3), in each layer?")


def _sigma(x):
    """By drawing no weights at all: for σ = 1, the mean square of z is the mean over the examples of Σ_k x_k²."""
    return float(np.einsum("nk,nk->", x, x) / len(x)) ** -0.5


def _far_out_and_small(tanh):
    """Inputs of 1000, arrays of float32, and what the layer holds on to."""
    layer, far = tanh(), np.array([[-1000.0, -20.0, 0.0, 1000.0]])
    with np.errstate(all="ignore"):
        same(layer.forward(far, train=True), np.array([[-1.0, -1.0, 0.0, 1.0]]), "y for inputs of 1000",
             "for inputs of 1000 it should be 1: raw pixels make such scores.")
        same(layer.backward(np.ones_like(far)), np.array([[0.0, 0.0, 1.0, 0.0]]), "dx for inputs of 1000",
             "for inputs of 1000 the slope should be 0.")
    x = np.random.default_rng(9).normal(size=(5, 4))
    keeps_precision(layer.forward, x)
    layer.forward(x.astype(np.float32), train=True)
    held = [a for a in vars(layer).values() if isinstance(a, np.ndarray)]
    require(len(held) <= 1, f"all numbers are right. But it holds on to {len(held)} arrays until the gradient comes "
                            "back, and one is enough.")
    keeps_precision(layer.backward, np.ones_like(x))
