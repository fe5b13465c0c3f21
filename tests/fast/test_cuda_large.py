"""Kernels find their places in arrays of more than 2^31 numbers. No GPU is needed, nor the memory: they are run on the
CPU for the last images of a batch, and what nobody touches takes none."""
from __future__ import annotations

import mmap
import sys
from functools import partial
from types import SimpleNamespace

import kernels_on_cpu
import numpy as np
import pytest
from kernels_on_cpu import on_cpu  # noqa: F401 (a fixture)
from naive import assert_close, distinct

from tinynet import data, loss
from tinynet.fast.cuda import activation, glance, im2col, kernels, lrn, norm, optim, pool, winograd
from tinynet.fast.cuda import loss as cuda_loss
from tinynet.fast.winograd import Form
from tinynet.layers import activation as plain_activation
from tinynet.layers import lrn as plain_lrn
from tinynet.layers import norm as plain_norm
from tinynet.layers import pool as plain_pool
from tinynet.training import optim as plain_optim

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: memory that is there when it is used")
MAP_NORESERVE = 0x4000  # Linux's; Python has the name from 3.13 on
TAIL = 3                # images at the end of each batch, which are computed
H, W, C = 4, 3, 5       # of each image


def untouched(shape, dtype=np.float32):
    """An array of any size that takes memory where it is used."""
    size, dtype = int(np.prod(shape)), np.dtype(dtype)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
    try:
        memory = mmap.mmap(-1, size * dtype.itemsize, flags=flags)
    except OSError as error:
        pytest.skip(f"the system gives no {size * dtype.itemsize:,} bytes, even of memory that nobody touches: {error}")
    return np.frombuffer(memory, dtype)[:size].reshape(shape)


XP = SimpleNamespace(__name__="numpy", empty=untouched, uint8=np.uint8)


@pytest.fixture
def at_the_end(on_cpu, monkeypatch):  # noqa: F811
    """Of each kernel only the last blocks run. Gives the list of what each was asked for: whether for wide places."""
    asked = []

    def last(source, name, real, wide):
        asked.append(wide)
        return kernels_on_cpu.kernel(source, name, real, wide, last=2 + TAIL * H * W * C * 50 // kernels.THREADS)
    monkeypatch.setattr(kernels, "_kernel", last)
    return asked


def many(*shape):
    """So many of this shape that there are more than 2^31 numbers: half as many more, so that where 16 arrays are one
    behind the other, the last one begins beyond, too."""
    return 3 * 2 ** 30 // int(np.prod(shape)) + TAIL


def ending(N, tail):
    """An array of N that ends with `tail`."""
    array = untouched((N, *tail.shape[1:]), tail.dtype)
    array[-len(tail):] = tail
    return array


def check(asked, function, plain, args, N, results):
    """`function` of N images, or rows, gives for the last ones what `plain` gives for these alone: `results` are the
    places of the arguments that are filled."""
    large = [ending(N, a) if isinstance(a, np.ndarray) and len(a) == TAIL else a for a in args]
    function(*large, XP)
    plain(*args, np)
    for i in results:
        compare = assert_close if args[i].dtype.kind == "f" else np.testing.assert_array_equal
        compare(large[i][-TAIL:], args[i], f"{function.__name__}, argument {i}")
    assert asked and all(asked)


def image(seed, shape=(H, W, C)):
    return distinct(TAIL, *shape, dtype=np.float32, seed=seed)


@pytest.mark.parametrize("name", [n for n in dir(activation) if n.endswith(("_forward", "_backward"))])
def test_activations(at_the_end, name):
    numbers = [1.7159, 2 / 3] if name.startswith("scaled") else []
    arrays = [image(seed) for seed in range(2 if name.endswith("forward") else 3)]
    plain = getattr(plain_activation, name).__wrapped__
    check(at_the_end, getattr(activation, name), plain, arrays + numbers, many(H, W, C), [len(arrays) - 1])


def test_response_normalisation(at_the_end):
    check_lrn = partial(check, at_the_end, N=many(H, W, C))
    x, dy, s = image(0), image(1), abs(image(2)) + 1
    check_lrn(lrn.lrn_forward, plain_lrn.lrn_forward.__wrapped__, [x, image(3), image(4), 3, 2.0, 0.5, 0.75, 1],
              results=[1, 2])
    check_lrn(lrn.lrn_backward, plain_lrn.lrn_backward.__wrapped__, [dy, x, s, image(3), 3, 0.5, 0.75, 1], results=[3])
    check_lrn(lrn.within_map_forward, plain_lrn.within_map_forward.__wrapped__,
              [x, image(3), image(4), 3, 2.0, 0.5, 0.75], results=[1, 2])
    check_lrn(lrn.within_map_backward, plain_lrn.within_map_backward.__wrapped__,
              [dy, x, s, image(3), 3, 0.5, 0.75], results=[3])


def test_pooling(at_the_end):
    y, geometry, N = (2, 2, C), ((3, 2), (2, 1), (1, 0)), many(2, 2, C)
    switches = (np.arange(TAIL * 20) % 6).astype(np.uint8).reshape(TAIL, *y)
    share = distinct(2, 2, 1, dtype=np.float32)
    check(at_the_end, pool.max_pool_forward, plain_pool.max_pool_forward.__wrapped__,
          [image(0), image(1, y), switches.copy(), *geometry], N, [1, 2])
    check(at_the_end, pool.max_pool_backward, plain_pool.max_pool_backward.__wrapped__,
          [image(0, y), switches, image(1), *geometry], N, [2])
    check(at_the_end, pool.avg_pool_forward, plain_pool.avg_pool_forward.__wrapped__,
          [image(0), image(1, y), share, *geometry], N, [1])
    check(at_the_end, pool.avg_pool_backward, plain_pool.avg_pool_backward.__wrapped__,
          [image(0, y), share, image(1), *geometry], N, [2])


def test_batch_normalisation(at_the_end):
    mean, inv_std, gamma, beta = (distinct(C, dtype=np.float32, seed=seed) for seed in range(4))
    check(at_the_end, norm.batch_norm_forward, plain_norm.batch_norm_forward.__wrapped__,
          [image(0), mean, inv_std, gamma, beta, image(1)], many(H, W, C), [5])
    check(at_the_end, norm.batch_norm_backward, plain_norm.batch_norm_backward.__wrapped__,
          [image(0), image(1), mean, inv_std, gamma, None, None, image(2)], many(H, W, C), [7])


def test_the_loss(at_the_end):
    K = 50
    z, labels, N = distinct(TAIL, K, dtype=np.float32), np.arange(TAIL) * 20, many(K)
    probs, expected, L = untouched((N, K)), np.empty_like(z), np.empty(1, np.float32)
    cuda_loss.cross_entropy_forward(ending(N, z), ending(N, labels), probs, L, XP)
    loss.cross_entropy_forward.__wrapped__(z, labels, expected, L, np)
    assert_close(probs[-TAIL:], expected)
    assert at_the_end[:2] == [True, True]                                            # the losses are fewer
    z = abs(z)
    dz = untouched((N, K))
    cuda_loss.cross_entropy_backward(ending(N, z), ending(N, labels), dz, XP)
    expected = z.copy()
    expected[range(TAIL), labels] -= 1
    assert_close(dz[-TAIL:] * N, expected)


def test_optimisers(at_the_end):
    w, g, m, v = (distinct(TAIL, dtype=np.float32, seed=seed) for seed in range(4))
    check(at_the_end, optim.sgd_step, plain_optim.sgd_step.__wrapped__, [w, g, v, 0.1, 0.9, 0.3], many(1), [0, 2])
    check(at_the_end, optim.adam_step, plain_optim.adam_step.__wrapped__,
          [w, g, m, v * v, 0.1, 0.9, 0.999, 1e-8, 0.1, 3], many(1), [0, 2, 3])


def test_what_is_seen_of_images(at_the_end):
    images = np.arange(TAIL * H * W * C, dtype=np.uint8).reshape(TAIL, H, W, C)
    where, mean = np.array([[0, 1, 0], [1, 0, 1], [-1, 1, 1]]), distinct(H, W, C, dtype=np.float32)
    colors, x = distinct(TAIL, C, dtype=np.float32), np.empty((TAIL, 3, 2, C), np.float32)
    check(at_the_end, glance.look, data.glance.look.__wrapped__, [images, mean, where, colors, 60.0, x], many(3, 2, C),
          [5])


@pytest.mark.parametrize("channels", [4, 3])  # four numbers at once, or each alone
def test_windows_as_rows(at_the_end, channels):
    geometry = (2, 2), (3, 2), (2, 1), ((0, 1), (1, 0))                     # 2 x 2 windows, kernel, stride, padding
    x, N = image(0, (H, W, channels)), many(H, W, channels)
    cols, small = untouched((1, N * 4, 6 * channels)), np.empty((1, TAIL * 4, 6 * channels), np.float32)
    im2col.im2col(ending(N, x), cols, *geometry)
    im2col.im2col(x, small, *geometry)
    assert_close(cols[:, -TAIL * 4:], small)
    dx, expected = untouched((N, H, W, channels)), np.empty_like(x)
    im2col.col2im(cols, dx, *geometry)
    im2col.col2im(small, expected, *geometry)
    assert_close(dx[-TAIL:], expected)
    assert at_the_end == [True, False, True, False]


def test_winograd(at_the_end):
    form, s, tiles, first, groups = Form(2, 3, 2), 2, (2, 1), (1, 0), 1
    shape, t2 = (7, 5, 4), Form(2, 3).t ** 2
    x, N = image(0, shape), many(t2, 2, s * s * 4)
    V, small = (winograd._to_tiles("images", of, form, s, tiles, first, groups, XP) for of in (ending(N, x), x))
    assert_close(V[:, -TAIL * 2:], small)
    y, expected = untouched((N, *shape)), np.zeros_like(x)
    winograd._from_tiles(V, None, y, form, s, tiles, first, groups)
    winograd._from_tiles(small, None, expected, form, s, tiles, first, groups)
    assert_close(y[-TAIL:], expected)
    assert at_the_end == [True, False, True, False]


@pytest.mark.parametrize("size, wide", [(kernels.LARGEST, False), (kernels.LARGEST + 1, True)])
def test_places_are_wide_where_there_are_that_many(monkeypatch, size, wide):
    asked = []
    monkeypatch.setattr(kernels, "_kernel", lambda source, name, real, wide: asked.append(wide) or (
        lambda grid, block, args: asked.extend(a.dtype for a in args[-2:])))
    x = untouched(size)
    kernels.start("__global__ void one(const real* x, index total, real a) {}", "one", 1, x, 1, 1)
    assert asked == [wide, np.int64 if wide else np.int32, np.float32]
