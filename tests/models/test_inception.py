"""The Inception modules: shapes and counts of the papers' figures, what each branch sees, and their gradients."""
import naive
import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import BatchNorm2d, Conv2d, MaxPool2d, ReLU, count_parameters, gaussian, gradcheck
from tinynet.models.inception import (
    inception_v1,
    inception_v2,
    inception_v3,
    inception_v3_expanded,
    inception_v4_a,
    inception_v4_b,
    inception_v4_c,
    reduction_v4_a,
    reduction_v4_b,
)


def rng():
    return np.random.default_rng(0)


def small_v1(**options):
    return inception_v1(4, 3, (2, 5), (3, 2), 4, **{"rng": rng(), "weight_init": gaussian(0.5),
                                                   "bias_init": gaussian(0.5)} | options)


SMALL = {  # name: (how to make it, the shape of an input, that of its output)
    "v1": (small_v1, (2, 5, 6, 4), (2, 5, 6, 14)),
    "v2": (lambda: inception_v2(4, 3, (2, 5), (3, 2, 4), 1, rng=rng()), (2, 5, 6, 4), (2, 5, 6, 13)),
    "v3": (lambda: inception_v3(4, 2, (3, 4, 3), (2, 3, 4, 3, 5), 1, n=3, rng=rng()), (2, 4, 5, 4), (2, 4, 5, 11)),
    "v3 expanded": (lambda: inception_v3_expanded(4, 2, (3, 4), (2, 3, 5), 1, rng=rng()), (2, 3, 4, 4), (2, 3, 4, 21)),
    "v4 a": (lambda: inception_v4_a(4, 1 / 32, rng()), (2, 5, 4, 4), (2, 5, 4, 12)),
    "v4 b": (lambda: inception_v4_b(4, 1 / 64, rng()), (2, 4, 3, 4), (2, 4, 3, 16)),
    "v4 c": (lambda: inception_v4_c(4, 1 / 64, rng()), (2, 3, 3, 4), (2, 3, 3, 24)),
    "v4 reduction a": (lambda: reduction_v4_a(4, 1 / 64, rng()), (2, 7, 6, 4), (2, 3, 2, 14)),
    "v4 reduction b": (lambda: reduction_v4_b(4, 1 / 64, rng()), (2, 7, 6, 4), (2, 3, 2, 12)),
}


@pytest.fixture(params=SMALL)
def small(request):
    """A module, an input, and the shape of its output. With β = 0, pixels that see nothing but 0 would be on a kink."""
    make, x_shape, y_shape = SMALL[request.param]
    module = make().astype(np.float64)
    for i, layer in enumerate(_leaves(module)):
        if isinstance(layer, BatchNorm2d):
            layer.beta.value[:] = distinct(layer.channels, seed=i)
            layer.running_mean[:] = distinct(layer.channels, seed=i + 100)
    return module, distinct(*x_shape), y_shape


def test_shapes(small):
    module, x, y_shape = small
    assert module.forward(x).shape == y_shape


@pytest.mark.parametrize("train", [False, True])
def test_gradients_agree_with_finite_differences(small, train):
    module, x, _ = small
    report = gradcheck(module, x, samples=2, train=train)
    assert set(report) == {"x", *(name for name, _ in module.parameters())}


def test_v1_is_the_figure_computed_by_the_naive_loops():
    module, x = small_v1().astype(np.float64), distinct(2, 4, 5, 4)
    p = {name: parameter.value for name, parameter in module.parameters()}

    def conv(x, name, padding):
        return np.maximum(naive.conv(x, p[f"{name}.W"], p[f"{name}.b"], (1, 1), ((padding, padding),) * 2, 1), 0)

    pooled = naive.max_pool(x, (3, 3), (1, 1), (1, 1), False)[0]
    expected = [conv(x, "one.conv", 0), conv(conv(x, "three.reduce", 0), "three.conv", 1),
                conv(conv(x, "five.reduce", 0), "five.conv", 2), conv(pooled, "pool.proj", 0)]
    assert p["five.conv.W"].shape == (5, 5, 3, 2)  # a 5x5 kernel, not a second 3x3
    assert_close(module.forward(x), np.concatenate(expected, axis=-1))


# ---------------------------------------------------------------------------------------- what a branch sees


def field(branch, C):
    """How many rows and columns of a map one pixel of the branch's output depends on."""
    for name, p in branch.parameters():
        p.value = np.abs(p.value) + (1 if name.endswith(("b", "beta")) else 0)  # no ReLU is off, nothing cancels
    x = 1 + np.abs(distinct(1, 31, 31, C))
    dy = np.zeros_like(branch.forward(x, keep=True))
    dy[:, dy.shape[1] // 2, dy.shape[2] // 2] = 1
    rows, columns = np.nonzero(branch.backward(dy).any(axis=(0, 3)))
    return len(set(rows)), len(set(columns))


FIELDS = {
    "v1": {"one": (1, 1), "three": (3, 3), "five": (5, 5)},
    "v2": {"one": (1, 1), "three": (3, 3), "five": (5, 5), "pool": (3, 3)},
    "v3": {"one": (1, 1), "once": (3, 3), "twice": (5, 5), "pool": (3, 3)},
    "v3 expanded": {"one": (1, 1), "three": (3, 3), "five": (5, 5), "pool": (3, 3)},
    "v4 a": {"one": (1, 1), "three": (3, 3), "five": (5, 5), "pool": (3, 3)},
    "v4 b": {"one": (1, 1), "once": (7, 7), "twice": (13, 13), "pool": (3, 3)},
    "v4 c": {"one": (1, 1), "three": (3, 3), "five": (5, 5), "pool": (3, 3)},
    "v4 reduction a": {"three": (3, 3), "five": (5, 5)},
    "v4 reduction b": {"three": (3, 3), "seven": (9, 9)},
}


@pytest.mark.parametrize("name", FIELDS)
def test_each_branch_sees_the_field_of_its_name(name):
    module = SMALL[name][0]().astype(np.float64)
    assert {branch: field(module.branches[branch], 4) for branch in FIELDS[name]} == FIELDS[name]
    assert set(module.branches) - set(FIELDS[name]) <= {"pool"}  # only max-pooling is left out: it depends on one pixel


def test_the_expanded_module_sees_a_cross():
    three = SMALL["v3 expanded"][0]().branches["three"]
    kernels = [branch["conv1"].kernel_size for branch in three["split"].branches.values()]
    assert kernels == [(1, 3), (3, 1)]
    assert three["split"].branches["wide"]["conv1"].in_channels == three["conv1"].out_channels


@pytest.mark.parametrize("name, n", [("v3", 3), ("v4 b", 7)])
def test_a_large_kernel_is_a_wide_one_and_then_a_tall_one(name, n):
    branches = SMALL[name][0]().branches
    for branch, times in ("once", 1), ("twice", 2):
        kernels = [layer.kernel_size for layer in _leaves(branches[branch]) if isinstance(layer, Conv2d)]
        assert kernels == [(1, 1), *[(1, n), (n, 1)] * times]


# ---------------------------------------------------------------------------------------- counts


def convolutions(*sizes):
    """Parameters of convolutions without bias (KH, KW, C, F), each with a γ and a β for every map."""
    return sum(KH * KW * C * F + 2 * F for KH, KW, C, F in sizes)


def test_v2_has_the_maps_of_the_batch_normalisation_papers_3a():
    module = inception_v2(192, 64, (64, 64), (64, 96, 96), 32, rng=rng())
    assert module.forward(np.zeros((1, 28, 28, 192), np.float32)).shape == (1, 28, 28, 256)
    assert count_parameters(module) == convolutions(
        (1, 1, 192, 64), (1, 1, 192, 64), (3, 3, 64, 64), (1, 1, 192, 64), (3, 3, 64, 96), (3, 3, 96, 96),
        (1, 1, 192, 32))


def test_two_3x3_cost_less_than_the_5x5_they_replace():
    two, one = (Conv2d(32, 32, 3, bias=False), Conv2d(32, 32, 3, bias=False)), Conv2d(32, 32, 5, bias=False)
    assert sum(map(count_parameters, two)) / count_parameters(one) == 18 / 25
    five = inception_v2(8, 1, (1, 1), (32, 32, 32), 1).branches["five"]
    assert [layer.kernel_size for layer in five if isinstance(layer, Conv2d)] == [(1, 1), (3, 3), (3, 3)]


def test_v3_at_17x17():
    module = inception_v3(768, 192, (128, 128, 192), (128, 128, 128, 128, 192), 192, rng=rng())
    assert module.forward(np.zeros((1, 17, 17, 768), np.float32)).shape == (1, 17, 17, 768)
    assert count_parameters(module) == convolutions(
        (1, 1, 768, 192), (1, 1, 768, 128), (1, 7, 128, 128), (7, 1, 128, 192), (1, 1, 768, 128), (1, 7, 128, 128),
        (7, 1, 128, 128), (1, 7, 128, 128), (7, 1, 128, 192), (1, 1, 768, 192))


def test_v3_expanded_at_8x8():
    module = inception_v3_expanded(1280, 320, (384, 384), (448, 384, 384), 192, rng=rng())
    assert module.forward(np.zeros((1, 8, 8, 1280), np.float32)).shape == (1, 8, 8, 2048)
    assert count_parameters(module) == convolutions(
        (1, 1, 1280, 320), (1, 1, 1280, 384), (1, 3, 384, 384), (3, 1, 384, 384), (1, 1, 1280, 448), (3, 3, 448, 384),
        (1, 3, 384, 384), (3, 1, 384, 384), (1, 1, 1280, 192))


V4 = {  # the module, its place in the net, the shape of an output, its parameters
    inception_v4_a: ((35, 35, 384), (35, 35, 384), 317_632),
    reduction_v4_a: ((35, 35, 384), (17, 17, 1024), 2_306_112),
    inception_v4_b: ((17, 17, 1024), (17, 17, 1024), 2_936_256),
    reduction_v4_b: ((17, 17, 1024), (8, 8, 1536), 2_747_392),
    inception_v4_c: ((8, 8, 1536), (8, 8, 1536), 4_553_088),
}


@pytest.mark.parametrize("make", V4, ids=lambda make: make.__name__)
def test_v4_has_the_sizes_of_its_figures(make):
    x_shape, y_shape, parameters = V4[make]
    module = make(rng=rng())
    assert count_parameters(module) == parameters
    assert module.forward(np.zeros((1, *x_shape), np.float32)).shape == (1, *y_shape)


def test_v4_modules_add_up_to_the_published_net():
    # Figure 9: the stem, 4 A, a reduction, 7 B, a reduction, 3 C, 1000 classes: 42,679,816 in other implementations
    stem = convolutions((3, 3, 3, 32), (3, 3, 32, 32), (3, 3, 32, 64), (3, 3, 64, 96), (1, 1, 160, 64), (3, 3, 64, 96),
                        (1, 1, 160, 64), (7, 1, 64, 64), (1, 7, 64, 64), (3, 3, 64, 96), (3, 3, 192, 192))
    a, reduce_a, b, reduce_b, c = (parameters for _, _, parameters in V4.values())
    assert stem + 4 * a + reduce_a + 7 * b + reduce_b + 3 * c + 1536 * 1000 + 1000 == 42_679_816


def test_after_every_convolution_of_the_later_modules_come_normalisation_and_relu(small):
    module, _, _ = small
    layers = list(_leaves(module))
    for conv, norm, relu in zip(layers, layers[1:], layers[2:], strict=False):
        if isinstance(conv, Conv2d) and conv.b is None:  # v1 has biases
            assert isinstance(norm, BatchNorm2d) and norm.channels == conv.out_channels and isinstance(relu, ReLU)
    kinds = [type(layer) for layer in layers]
    assert kinds.count(Conv2d) == kinds.count(ReLU) and kinds.count(BatchNorm2d) == sum(
        isinstance(layer, Conv2d) and layer.b is None for layer in layers)


def _leaves(layer):
    for _, child in layer.children():
        yield from _leaves(child) if child.children() else [child]


def test_reductions_are_not_padded():
    for make in reduction_v4_a, reduction_v4_b:
        strided = [layer for layer in _leaves(make(8, 1 / 64))
                   if isinstance(layer, (Conv2d, MaxPool2d)) and layer.stride == (2, 2)]
        assert len(strided) == 3
        for layer in strided:
            assert layer.kernel_size == (3, 3) and layer.padding in (((0, 0), (0, 0)), (0, 0))
