"""Frequencies of kernels: waves whose frequency is known, and where the answers of a strided convolution end up."""
from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from tinynet import Conv2d
from tinynet.look.diagnosis import FirstLayers, aliased, bands, dead, draw_diagnosis, power
from tinynet.look.strongest import Piece, Strongest


def waves(*frequencies, size=11):
    """Kernels (size, size, 1, F): cosines of these frequencies (f_row, f_column)."""
    i = np.arange(size)
    kernels = [np.cos(2 * np.pi * (f * i[:, None] + g * i[None])) for f, g in frequencies]
    return np.stack(kernels, axis=-1)[:, :, None]


def test_the_energy_of_a_wave_lies_in_its_band():
    W = waves((0, 0), (0.15, 0), (0, 0.4), (0.3, 0.3))
    shares = bands(np.concatenate([W, np.zeros((11, 11, 1, 1))], axis=-1))
    np.testing.assert_allclose(shares.sum(axis=1), [1, 1, 1, 1, 0])
    assert list(shares[:4].argmax(axis=1)) == [0, 1, 2, 2] and (shares[:4].max(axis=1) > 0.8).all()


def test_a_single_pixel_has_all_frequencies_alike():
    W = np.zeros((3, 3, 2, 1))
    W[1, 1] = 1
    found, rows, columns = power(W)
    np.testing.assert_allclose(found, 2)
    assert rows.shape == (64, 1) and columns.shape == (1, 64)
    assert aliased(W, 1)[0] == 0 and aliased(W, 2)[0] == pytest.approx(0.75, abs=0.05)  # a quarter of the plane stays
    assert aliased(W, (4, 1))[0] == pytest.approx(0.75, abs=0.05)


def test_the_energy_is_that_of_the_answers_to_noise():
    """White noise has all frequencies: the mean square of a convolution's answers is the kernel's power, on average."""
    rng = np.random.default_rng(0)
    W = rng.normal(size=(5, 5, 3, 2))
    conv = Conv2d(3, 2, 5, bias=False).astype(np.float64)
    conv.W.assign(W)
    answers = conv.forward(rng.normal(size=(40, 64, 64, 3)))
    np.testing.assert_allclose((answers ** 2).mean(axis=(0, 1, 2)), power(W)[0].mean(axis=(0, 1)),
                               rtol=0.03)  # 144,000 answers, of which neighbours are not independent


def test_a_wave_beyond_the_strides_limit_comes_out_as_a_slower_one():
    W = waves((0, 0.05), (0, 0.2))
    assert aliased(W, 4)[0] < 0.2 and aliased(W, 4)[1] > 0.8 and aliased(W, 2)[1] < 0.2
    conv = Conv2d(1, 1, 11, stride=4, bias=False).astype(np.float64)
    conv.W.assign(W[..., 1:])
    x = np.cos(2 * np.pi * 0.2 * np.arange(259))[None, None, :, None].repeat(11, axis=1)
    spectrum = np.abs(np.fft.rfft(conv.forward(x)[0, 0, :, 0]))
    assert spectrum.argmax() / 63 == pytest.approx(0.2, abs=0.02)          # 0.8 cycles a step, seen as 0.2


def test_a_stride_of_one_axis_leaves_the_waves_of_the_other():
    down, across = aliased(waves((0.2, 0), (0, 0.2)), (4, 1))
    assert down > 0.8 and across < 0.2


def test_dead_maps():
    found = Strongest(np.array([[3.0, 0], [0, 0], [-1, -2]]), np.zeros((3, 2), int), np.zeros((3, 2, 2), int))
    np.testing.assert_array_equal(dead(found), [False, True, True])


def test_the_picture_has_one_scale_for_all_first_kernels(tmp_path):
    """A kernel fifty times as strong as another looks so."""
    strong, rng = np.ones((4, 4, 3, 1)), np.random.default_rng(0)
    pieces = [Piece(np.zeros((6, 6, 3), np.uint8), rng.normal(size=(6, 6, 3)), None) for _ in range(5)]
    drawn = {"strong": FirstLayers(strong, (2, 2), pieces), "weak": FirstLayers(0.02 * strong, (2, 2), pieces)}
    draw_diagnosis(tmp_path / "diagnosis.png", drawn, "a note")
    with Image.open(tmp_path / "diagnosis.png") as picture:
        colors = dict(map(reversed, picture.convert("RGB").getcolors(2 ** 20)))
    assert colors.get((130, 130, 130), 0) > 500                            # of the weak: 127.5 + 127.5 · 0.02
    draw_diagnosis(tmp_path / "one.png", {"zeros": FirstLayers(0 * strong, (1, 1), [])})
    assert (tmp_path / "one.png").stat().st_size > 1000


@pytest.mark.parametrize("W", [np.zeros((3, 3)), np.zeros((65, 3, 1, 1)), np.full((1, 1, 1, 1), np.nan)], ids=str)
def test_what_is_no_kernel(W):
    with pytest.raises(ValueError, match=re.escape("expected finite kernels (KH, KW, C, F) of at most 64x64 pixels")):
        bands(W)
