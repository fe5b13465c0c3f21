"""Winograd's convolution against its plain twin, im2col: outputs, gradients, and the identity that it rests on."""
import copy
import gc
import pickle

import numpy as np
import pytest
from naive import distinct

from tinynet import Conv2d, gaussian, gradcheck, set_threads
from tinynet.fast import parallel, winograd, winograd_conv
from tinynet.fast.conv import best_algorithm

GRID = [  # x (N, H, W, C), padding
    ((1, 8, 8, 4), 0),                        # whole tiles
    ((2, 13, 13, 4), 1),                      # tiles that hang over
    ((3, 7, 9, 4), 2),
    ((1, 5, 5, 4), 0),                        # 1x1 or 3x3 outputs, less than a tile
    ((2, 6, 11, 4), ((0, 3), (2, 1))),        # unequal sides
    ((1, 5, 6, 4), 6),                        # padding larger than the kernel
]


def twins(K, padding, groups, **more):
    """The same layer with each algorithm."""
    pair = []
    for algorithm in "winograd", "im2col":
        start = {"rng": np.random.default_rng(3), "weight_init": gaussian(0.5), "bias_init": gaussian(0.5)}
        pair.append(Conv2d(4, 6, K, padding=padding, groups=groups, algorithm=algorithm, **start, **more))
    return pair


def relative_error(a, b):
    return np.abs(a - b).max() / np.abs(b).max()


def compare(layers, x, bound):
    """Outputs and all gradients of two layers."""
    results = []
    for layer in layers:
        layer.astype(x.dtype)
        y = layer.forward(x, keep=True)
        dx = layer.backward(distinct(*y.shape, seed=1).astype(x.dtype))
        results.append((y, dx, layer.W.grad, layer.b.grad))
    for ours, plain in zip(*results, strict=True):
        assert ours.dtype == x.dtype and ours.shape == plain.shape
        assert relative_error(ours, plain) < bound


@pytest.mark.parametrize("K", [3, 5])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("shape, padding", GRID)
@pytest.mark.parametrize("dtype, bound", [(np.float64, 1e-12), (np.float32, 5e-5)])
def test_it_computes_what_im2col_computes(K, groups, shape, padding, dtype, bound):
    compare(twins(K, padding, groups), distinct(*shape).astype(dtype), bound)


STRIDES = [  # kernel, stride, padding, x (N, H, W, C): no stride divides, and some pixels are in no window
    (11, 4, ((0, 3), (0, 3)), (2, 28, 31, 4)), (11, 4, 0, (1, 11, 18, 4)), (5, 2, 0, (2, 12, 9, 4)),
    (7, 2, 3, (2, 9, 10, 4)), (6, 2, 7, (1, 3, 4, 4)), (9, 2, 1, (3, 11, 11, 4)),
]


@pytest.mark.parametrize("size", [7, 8])  # one size has whole tiles and so needs no padding, which would be a copy
def test_images_need_not_lie_side_by_side_in_memory(size):
    x = distinct(2, 4, size, size).transpose(0, 2, 3, 1)
    compare(twins(3, 0, 1), x, 1e-12)


@pytest.mark.parametrize("K, stride, padding, shape", STRIDES)
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dtype, bound", [(np.float64, 1e-12), (np.float32, 5e-5)])
def test_strides_are_steps_over_blocks(K, stride, padding, shape, groups, dtype, bound):
    compare(twins(K, padding, groups, stride=stride), distinct(*shape).astype(dtype), bound)


@pytest.mark.parametrize("K, m", [(K, m) for K in (3, 4, 5) for m in range(2, 10 - K)])
def test_every_tile_computes_the_same(K, m, monkeypatch):
    monkeypatch.setattr(winograd, "best_form", lambda *_: winograd.Form(m, K))
    compare(twins(K, 1, 2), distinct(2, 9, 13, 4), 1e-10)


@pytest.mark.parametrize("P, K, C, F, m", [
    (13, 3, 256, 384, 5),   # three tiles of 5 are 15: less beyond the edge than four of 4
    (27, 5, 48, 128, 4),
    (55, 3, 48, 96, 5),
    (6, 3, 192, 192, 6),
    (2, 3, 64, 64, 2),
    (224, 3, 512, 512, 6),  # the more channels, the less the transforms count
])
def test_the_tiles_with_the_fewest_multiplications_are_chosen(P, K, C, F, m):
    assert winograd.best_form(K, 1, P, P, C, F) == winograd.Form(m, K)


@pytest.mark.parametrize("K", [3, 5])
@pytest.mark.parametrize("shape, padding", GRID[1:3])
def test_gradients(K, shape, padding):
    gradcheck(twins(K, padding, 2)[0], distinct(*shape), samples=30)


@pytest.mark.parametrize("K", [3, 5])
def test_a_first_layer_needs_no_dx(K):
    (ours, plain), x = twins(K, 1, 1, input_grad=False), distinct(2, 9, 8, 4)
    for layer in ours, plain:
        layer.astype(np.float64)
        dy = distinct(*layer.forward(x, keep=True).shape, seed=1)
        assert layer.backward(dy) is None
    assert relative_error(ours.W.grad, plain.W.grad) < 1e-12


@pytest.mark.parametrize("K", [3, 5])
def test_threads_and_pieces_change_nothing(K, monkeypatch):
    layer, x = twins(K, 1, 2)[0].astype(np.float64), distinct(7, 9, 8, 4)
    dy = distinct(*layer.forward(x).shape, seed=1)
    results = []
    monkeypatch.setattr(winograd, "ROWS", 1)                         # else a piece has more tiles than this x
    for threads, cache in (1, 2 ** 30), (2, 20_000), (3, 1000), (9, 2 ** 30):
        set_threads(threads)
        monkeypatch.setattr(parallel, "CACHE", cache)
        y = layer.forward(x, keep=True)
        results.append((y, layer.backward(dy), layer.W.grad))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("K", [3, 5])
def test_one_tile_by_hand(K):
    """The identity (2) of the header on a single tile: correlate a (4 + K - 1)² tile with a K x K kernel."""
    rng, form = np.random.default_rng(0), winograd.Form(4, K)
    d, g = rng.normal(size=(form.t, form.t)), rng.normal(size=(K, K))
    matrices = winograd.matrices(form)
    products = (matrices["G"] @ g @ matrices["G"].T) * (matrices["B"].T @ d @ matrices["B"])
    assert products.size == {3: 36, 5: 64}[K]
    expected = [[(d[p:p + K, q:q + K] * g).sum() for q in range(4)] for p in range(4)]
    np.testing.assert_allclose(matrices["A"].T @ products @ matrices["A"], expected, atol=1e-12)


@pytest.mark.parametrize("K, stride", [(3, 1), (5, 1), (11, 4)])
@pytest.mark.parametrize("outlier", [1e5, np.inf, np.nan])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_an_outlier_reaches_the_tiles_it_is_in_and_no_other_image(K, stride, outlier):
    x, ys, touched = distinct(3, 59, 59, 4, dtype=np.float32), {}, {}
    for algorithm in "winograd", "im2col":
        layer = Conv2d(4, 6, K, stride, algorithm=algorithm, rng=np.random.default_rng(3))
        for pixel in 0.5, outlier:
            x[1, 29, 30, 2] = pixel
            ys[algorithm, pixel] = layer.forward(x)
        before, after = ys[algorithm, 0.5], ys[algorithm, outlier]
        np.testing.assert_array_equal(before[[0, 2]], after[[0, 2]])
        touched[algorithm] = (before[1] != after[1]).any(axis=-1)
    form = winograd.best_form(K, stride, *before.shape[1:3], 4, 6)
    assert touched["im2col"].sum() <= form.K ** 2 < touched["winograd"].sum() <= (2 * form.m) ** 2
    outside = ~touched["im2col"]
    off = np.abs(ys["winograd", outlier] - ys["im2col", 0.5])[1][outside]
    if outlier == 1e5:
        assert 1e-4 < off.max() < 2e-5 * outlier * np.abs(layer.W.value).max()  # of numbers of size 0.03
    else:
        assert np.isnan(off).any()


def test_auto_takes_it_where_it_pays():
    def chosen(C, F, K, stride=1, N=32, size=13):
        kernel = K if isinstance(K, tuple) else (K, K)
        return best_algorithm(kernel, (stride, stride), (N, size, size, F), C, F)

    assert chosen(48, 128, 5) == chosen(64, 64, 3) == chosen(16, 32, 5) == "winograd"
    assert chosen(3, 96, 11, stride=4, size=55) == "winograd"          # 48 channels: blocks of 4 x 4 pixels, 3 colours
    assert chosen(3, 64, 7, stride=2) == chosen(16, 64, 3) == chosen(64, 64, 1) == "im2col"
    assert chosen(64, 64, 3, stride=2) == chosen(64, 64, (3, 5)) == "im2col"
    assert chosen(256, 384, 3, N=1) == "im2col" and chosen(64, 64, 3, N=1, size=224) == "winograd"  # tiles enough


def test_the_layer_may_be_told():
    x = distinct(32, 9, 9, 64, dtype=np.float32)
    told = {name: Conv2d(64, 64, 3, algorithm=name, rng=np.random.default_rng(0)).forward(x)
            for name in ("auto", "im2col", "winograd")}
    np.testing.assert_array_equal(told["auto"], told["winograd"])
    assert not np.array_equal(told["auto"], told["im2col"])  # they round differently


@pytest.fixture
def transforms(monkeypatch):
    """A list that grows by 1 with each transform of weights."""
    calls, transform = [], winograd.weights
    monkeypatch.setattr(winograd, "weights", lambda *args: calls.append(1) or transform(*args))
    set_threads(1)
    return calls


def test_transformed_weights_serve_while_the_weights_are_the_same(transforms):
    layer, x = Conv2d(32, 32, 3, algorithm="winograd"), distinct(2, 8, 8, 32, dtype=np.float32)
    outputs = [layer.forward(x) for _ in range(4)]
    assert len(transforms) == 1
    layer.W.value[0, 1, 2, 3] += 1
    changed = layer.forward(x)
    double = layer.astype(np.float64).forward(x.astype(np.float64))  # the same numbers, but not the same digits
    assert relative_error(double, Conv2d.forward(copy.deepcopy(layer), x.astype(np.float64))) < 1e-14
    np.testing.assert_array_equal(changed, copy.deepcopy(layer.astype(np.float32)).forward(x))
    assert not np.array_equal(changed, outputs[-1]) and all(np.array_equal(y, outputs[0]) for y in outputs)


def test_transformed_weights_are_those_of_the_form():
    ours, plain_one = (Conv2d(4, 4, 3, algorithm=name, rng=np.random.default_rng(0)).astype(np.float64)
                       for name in ("winograd", "im2col"))
    for size in 6, 15, 6:                                            # small maps have smaller tiles
        x = distinct(1, size, size, 4)
        assert relative_error(ours.forward(x), plain_one.forward(x)) < 1e-12


@pytest.mark.parametrize("frozen, expected", [((), 2), (("b",), 2), (("W",), 1)])
def test_backward_takes_the_transformed_weights_of_forward_and_then_they_are_not_kept_in_vain(
        transforms, frozen, expected):
    layer, x = Conv2d(8, 8, 3, algorithm="winograd"), distinct(2, 8, 8, 8, dtype=np.float32)
    if frozen:
        layer.freeze(*frozen)
    for _ in range(2):
        layer.backward(layer.forward(x, train=True))
        assert (id(layer.W.value) in winograd_conv._known) == (frozen == ("W",))
    assert len(transforms) == expected


def test_the_way_back_alone_is_by_the_weights_that_there_are_now(transforms):
    layer, plain_one = (Conv2d(4, 4, 3, algorithm=name, rng=np.random.default_rng(0)).astype(np.float64)
                        for name in ("winograd", "im2col"))
    dy = distinct(2, 9, 8, 4)
    for change in 0.0, 1.0:
        for conv in layer, plain_one:
            conv.W.value[2, 1, 0, 3] += change
        for size in (11, 10), None:
            assert relative_error(layer.transpose(dy, size), plain_one.transpose(dy, size)) < 1e-12
    assert len(transforms) == 2


def test_transformed_weights_are_gone_with_the_layer():
    before = len(winograd_conv._known)
    layer = Conv2d(4, 4, 3, algorithm="winograd")
    layer.forward(distinct(1, 6, 6, 4, dtype=np.float32))
    assert len(winograd_conv._known) == before + 1
    pickle.dumps(layer)
    del layer
    gc.collect()
    assert len(winograd_conv._known) == before


def test_another_thread_may_use_the_layer_while_its_weights_are_compared(monkeypatch):
    layer, x = Conv2d(4, 4, 3, algorithm="winograd"), distinct(1, 6, 6, 4, dtype=np.float32)
    expected, compared, equal = layer.forward(x), [], np.array_equal

    def meanwhile(known, W):
        compared.append(W is layer.W.value)
        winograd_conv.forget(W)  # what another thread's backward does
        return equal(known, W)

    monkeypatch.setattr(np, "array_equal", meanwhile)
    y = layer.forward(x)
    assert compared == [True] and equal(y, expected)


def test_another_thread_may_change_the_weights_while_they_are_transformed(monkeypatch):
    layer, x = Conv2d(4, 4, 3, algorithm="winograd"), distinct(1, 6, 6, 4, dtype=np.float32)
    layer.forward(x)
    transformed = winograd_conv._transformed

    def meanwhile(*args):
        U = transformed(*args)
        layer.W.value += 1 - (np.arange(layer.W.size) % 97 == 0).reshape(layer.W.shape)  # all but the sample
        return U

    winograd_conv.forget(layer.W.value)
    monkeypatch.setattr(winograd_conv, "_transformed", meanwhile)
    layer.forward(x)
    monkeypatch.undo()
    assert relative_error(layer.forward(x), Conv2d.forward(copy.deepcopy(layer), x)) < 1e-6


@pytest.mark.parametrize("arguments, message", [
    ({"kernel_size": 3, "algorithm": "fft"}, "expected algorithm 'auto', 'im2col' or 'winograd', got 'fft'"),
    ({"kernel_size": 3, "stride": 2, "algorithm": "winograd"}, "square.*3 to 5 strides wide.*stride=\\(2, 2\\)"),
    ({"kernel_size": 7, "algorithm": "winograd"}, "got kernel_size=\\(7, 7\\)"),
    ({"kernel_size": 7, "stride": (2, 1), "algorithm": "winograd"}, "stride=\\(2, 1\\)"),
])
def test_it_is_not_for_everything(arguments, message):
    with pytest.raises(ValueError, match=message):
        Conv2d(4, 4, **arguments)
