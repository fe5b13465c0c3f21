"""The masks that a GPU draws, drawn on the CPU from the same source: they are what Philox gives, independent, and the
same after a restart."""
from __future__ import annotations

import numpy as np
import pytest
from kernels_on_cpu import on_cpu  # noqa: F401 (a fixture)

from tinynet import Dropout, gpu
from tinynet.devices.cuda import gpu_count
from tinynet.fast.cuda import dropout, kernels

WORDS = dropout.SOURCE + r"""
__global__ void words(unsigned* out, unsigned counter0, unsigned counter1, unsigned counter2, unsigned counter3,
                      unsigned key0, unsigned key1) {
  unsigned word[4] = {counter0, counter1, counter2, counter3};
  philox(word, key0, key1);
  for (int j = 0; j < 4; j++) out[j] = word[j];
}
"""


def draw(size, p=0.5, seed=0, rng=None):
    mask = np.zeros(size, bool)
    dropout.draw_mask(mask, rng or np.random.default_rng(seed), p, np)
    return mask


@pytest.mark.parametrize("counter_and_key, words", [  # kat_vectors of Random123, philox4x32 10
    ("00000000 00000000 00000000 00000000 00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
])
def test_philox_gives_the_published_words(on_cpu, counter_and_key, words):  # noqa: F811
    out = np.zeros(4, np.uint32)
    kernels.start(WORDS, "words", 1, out, *(int(word, 16) for word in counter_and_key.split()))
    assert [f"{word:08x}" for word in out] == words.split()


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 511, 512, 513, (3, 5, 7)])
def test_a_mask_is_a_threshold_on_these_words(on_cpu, monkeypatch, size, wide):  # noqa: F811
    if wide:
        monkeypatch.setattr(kernels, "LARGEST", -1)
    a, b, c, d = np.random.default_rng(3).integers(2 ** 32, size=4, dtype=np.uint32).tolist()
    mask, words = draw(size, 0.3, seed=3), np.zeros((-(-np.prod(size) // 4), 4), np.uint32)
    for i, four in enumerate(words):
        kernels.start(WORDS, "words", 1, four, i, 0, a, b, c, d)
    np.testing.assert_array_equal(mask.ravel(), words.ravel()[:mask.size] >= 0.3 * 2 ** 32)
    assert draw(size, words[0, 0] / 2 ** 32, seed=3).flat[0]  # and no more than that: the word itself is not below


@pytest.mark.parametrize("p", [0.0, 1e-3, 0.3, 0.5, 0.9, 1 - 1e-12])
def test_a_unit_is_silent_with_probability_p(on_cpu, p):  # noqa: F811
    n = 400_000  # the share deviates from p by √(p (1 - p) / n) in two runs of three, by five times that never
    assert abs((~draw(n, p)).mean() - p) <= 5 * np.sqrt(p * (1 - p) / n) + 1e-9


@pytest.mark.parametrize("distance", [1, 2, 3, 4, 5, 8, 128, 512, 4096])
def test_units_do_not_know_of_each_other(on_cpu, distance):  # noqa: F811
    mask = draw(400_000, 0.3).astype(np.float64) - 0.7
    correlation = (mask[distance:] * mask[:-distance]).mean() / (0.3 * 0.7)
    assert abs(correlation) < 5 / np.sqrt(mask.size)


def test_masks_do_not_know_of_each_other(on_cpu):  # noqa: F811
    rng = np.random.default_rng(0)
    masks = np.stack([draw(20_000, 0.5, rng=rng) for _ in range(20)]) - 0.5
    correlations = 4 * masks @ masks.T / masks.shape[1]
    assert np.abs(correlations - np.eye(20)).max() < 5 / np.sqrt(masks.shape[1])


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.MT19937])
def test_the_generator_moves_on_by_as_much_for_every_mask(on_cpu, kind):  # noqa: F811
    after = []
    for size, p in (1, 0.0), (7, 0.9), (5000, 0.5):
        rng = np.random.Generator(kind(1))
        draw(size, p, rng=rng)
        after.append(rng.random())
    assert after[0] == after[1] == after[2]


def test_a_generator_put_back_draws_the_same_masks(on_cpu):  # noqa: F811
    rng = np.random.default_rng(0)
    draw(100, rng=rng)
    saved = rng.bit_generator.state
    expected = [draw(100, rng=rng), draw(33, rng=rng)]
    rng.bit_generator.state = saved
    for mask in expected:
        np.testing.assert_array_equal(draw(mask.size, rng=rng), mask)
    assert not np.array_equal(expected[0][:33], expected[1])


FIRST = "37f21072739fb616"  # the first mask of Dropout(0.5, np.random.default_rng(0)), for 64 units


def test_a_training_that_was_begun_on_another_gpu_goes_on_with_its_masks(on_cpu):  # noqa: F811
    mask = draw(64, rng=Dropout(0.5, np.random.default_rng(0)).rng)
    assert np.packbits(mask).tobytes().hex() == FIRST


@pytest.mark.gpu
@pytest.mark.skipif(gpu_count() == 0, reason="needs CuPy and a CUDA device, found none")
def test_a_gpu_draws_these_masks():
    device = gpu(0)
    layer = Dropout(0.5, np.random.default_rng(0)).to(device)
    y = device.tohost(layer.forward(device.asarray(np.ones((1, 64), np.float32)), train=True))
    assert np.packbits(y == 1).tobytes().hex() == FIRST
