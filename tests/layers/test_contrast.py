"""Local contrast normalisation: against loops, by hand, and its gradient."""
import numpy as np
import pytest

from tinynet import AbsTanh, LocalContrastNorm, gradcheck

RNG = np.random.default_rng(0)


def naive(x, size, sigma):
    """Straight from the equations, pixel by pixel."""
    N, H, W, C = x.shape
    half = size // 2

    def mean(a, i, j):                                     # of a window of all maps, by the Gaussian, inside the image
        total = weights = 0
        for p in range(-half, half + 1):
            for q in range(-half, half + 1):
                if 0 <= i + p < H and 0 <= j + q < W:
                    w = np.exp(-(p * p + q * q) / (2 * sigma ** 2))
                    total, weights = total + w * a[i + p, j + q].mean(), weights + w
        return total / weights
    y = np.empty_like(x)
    for n in range(N):
        v = np.array([[x[n, i, j] - mean(x[n], i, j) for j in range(W)] for i in range(H)])
        s = np.array([[mean(v * v, i, j) ** 0.5 for j in range(W)] for i in range(H)])
        y[n] = v / np.maximum(s, s.mean())[:, :, None]
    return y


@pytest.mark.parametrize("shape, size, sigma", [((2, 7, 6, 3), 5, None), ((1, 4, 9, 1), 3, 0.7), ((1, 2, 2, 2), 7, 2.0),
                                                ((1, 5, 1, 4), 3, None)])
def test_it_is_the_loops(shape, size, sigma):
    x = RNG.normal(3, 2, shape)
    layer = LocalContrastNorm(size, sigma)
    np.testing.assert_allclose(layer.forward(x), naive(x, size, layer.sigma), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape, size", [((2, 5, 6, 2), 3), ((1, 4, 4, 1), 5), ((2, 3, 7, 3), 9)])
def test_its_gradient(shape, size):
    gradcheck(LocalContrastNorm(size), RNG.normal(1, 2, shape))


def test_brightness_and_contrast_of_an_image_do_not_matter():
    x = RNG.normal(size=(2, 8, 8, 3))
    layer = LocalContrastNorm(5)
    np.testing.assert_allclose(layer.forward(7 * x + 40), layer.forward(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("colour", [0.0, 0.1, 7.0, -3e4, 1e7])
def test_an_image_of_one_colour_becomes_zero_and_learns_nothing(colour, dtype):
    x = RNG.normal(size=(2, 12, 12, 3)).astype(dtype)
    x[0] = colour
    for layer in LocalContrastNorm(3), LocalContrastNorm(9):
        alone = layer.forward(x[1:], keep=True)
        dx_alone = layer.backward(np.ones_like(alone))
        y = layer.forward(x, keep=True)
        dx = layer.backward(np.ones_like(y))
        assert not y[0].any() and not dx[0].any()
        assert (y[1:] == alone).all() and (dx[1:] == dx_alone).all()


def test_a_contrast_of_a_thousandth_counts():
    x = (1000 + RNG.normal(size=(1, 8, 8, 1))).astype(np.float32)
    assert np.abs(LocalContrastNorm(5).forward(x)).max() > 1


@pytest.mark.parametrize("how, message", [({"size": 4}, "expected an odd window size, got 4"),
                                          ({"sigma": 0.0}, "expected a sigma above 0, got 0.0"),
                                          ({"size": 2.5}, "size: expected a whole number")])
def test_what_it_refuses(how, message):
    with pytest.raises(ValueError, match=message):
        LocalContrastNorm(**how)


def test_the_absolute_value_of_tanh():
    x = np.array([[-1.0, 0.5, 0.0, 40.0]])
    layer = AbsTanh()
    np.testing.assert_allclose(layer.forward(x, keep=True), [[np.tanh(1), np.tanh(0.5), 0, 1]])
    np.testing.assert_allclose(layer.backward(np.ones_like(x)), [[-1 / np.cosh(1) ** 2, 1 / np.cosh(0.5) ** 2, 0, 0]])
    gradcheck(AbsTanh(), RNG.normal(size=(3, 4)))
