"""The first layer's kernels as pictures: pixels and colour by hand, which kernels come where, what is refused."""
import matplotlib.image
import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import Branches, Columns, Conv2d, Fork, Identity, Linear, ReLU, Sequential, pair, simulated
from tinynet.look import kernels
from tinynet.look.kernels import color_share, draw_kernels, first_convolutions, kernel_grid


def test_pixels_by_hand():
    # largest weight 2: -2 is black, 0 the middle, 1 three quarters up; the second kernel has its own scale; the third
    # is all zero
    W = np.zeros((1, 2, 1, 3))
    W[0, :, 0, 0], W[0, :, 0, 1] = (-2, 1), (0.01, 0)
    grid = kernel_grid(W, columns=2)
    white, middle = 255, 128
    np.testing.assert_array_equal(grid[..., 0], [[0, 191, white, 255, middle],
                                                 [white] * 5,
                                                 [middle, middle, white, white, white]])
    assert grid.dtype == np.uint8 and grid.shape == (3, 5, 3)
    np.testing.assert_array_equal(grid[..., 1], grid[..., 2])  # one channel is drawn grey


def test_colours_stay_colours():
    W = np.array([1.0, -1.0, 0.0]).reshape(1, 1, 3, 1)
    np.testing.assert_array_equal(kernel_grid(W), [[[255, 0, 128]]])


def test_a_row_is_no_longer_than_there_are_kernels():
    assert kernel_grid(distinct(3, 3, 3, 5)).shape == (3, 5 * 3 + 4, 3)
    assert kernel_grid(distinct(3, 3, 3, 20)).shape == (7, 16 * 3 + 15, 3)
    assert kernel_grid(distinct(3, 3, 3, 20), columns=8).shape == (11, 8 * 3 + 7, 3)


def test_colour_by_hand():
    # grey; the channels add up to 0; red only: (1/3, 1/3, 1/3) is grey, (2/3, -1/3, -1/3) colour, 6/9 squared; nothing
    pixels = np.array([[1, 1, 1], [1, -1, 0], [1, 0, 0], [0, 0, 0]], float)
    W = np.tile(pixels.T, (2, 2, 1, 1))
    assert_close(color_share(W), [0, 1, 2 / 3, 0])
    assert_close(color_share(-0.01 * W), [0, 1, 2 / 3, 0])  # how strong a kernel is makes no difference
    assert color_share(distinct(3, 3, 1, 4)).tolist() == [0] * 4


def test_random_kernels_are_two_thirds_colour():
    assert abs(color_share(np.random.default_rng(0).normal(size=(11, 11, 3, 96))).mean() - 2 / 3) < 0.01


@pytest.mark.parametrize("split", [False, True])
def test_one_column_is_drawn_as_one_block_unless_asked(tmp_path, monkeypatch, split):
    net, drawn = Sequential(conv1=Conv2d(3, 6, 5, rng=np.random.default_rng(0))), []
    monkeypatch.setattr(kernels, "kernel_grid", lambda W: drawn.append(W) or kernel_grid(W))
    draw_kernels(tmp_path / "kernels.png", net, "note", split=split)
    assert len(drawn) == (2 if split else 1)
    np.testing.assert_array_equal(np.concatenate(drawn, axis=-1), net["conv1"].W.value)
    picture = matplotlib.image.imread(tmp_path / "kernels.png")
    assert picture.std() > 0.05 and [file.name for file in tmp_path.iterdir()] == ["kernels.png"]


@pytest.mark.parametrize("split", [False, True])
def test_two_columns_are_drawn_left_above_right_wherever_they_live(tmp_path, monkeypatch, split):
    left, right = (Conv2d(3, 4, 5, rng=np.random.default_rng(i)).to(simulated(i)) for i in (0, 1))
    expected = [kernel_grid(simulated(i).tohost(layer.W.value)) for i, layer in enumerate((left, right))]
    drawn, real = [], kernel_grid
    monkeypatch.setattr(kernels, "kernel_grid", lambda W: drawn.append(real(W)) or drawn[-1])
    draw_kernels(tmp_path / "kernels.png", Sequential(conv1=Columns(left, right)), split=split)
    np.testing.assert_array_equal(drawn, expected)
    assert matplotlib.image.imread(tmp_path / "kernels.png").std() > 0.05


@pytest.mark.parametrize("shape", [(3, 3, 2, 4), (3, 3, 3), (3, 3, 3, 0)])
def test_kernels_that_see_no_images_are_refused(shape):
    for what in kernel_grid, color_share:
        with pytest.raises(ValueError, match=f"{what.__name__}: expected kernels .* got shape .{str(shape)[1:-1]}"):
            what(np.zeros(shape))
        with pytest.raises(ValueError, match=f"{what.__name__}: the kernels hold NaN or infinity"):
            what(np.full((1, 1, 3, 2), np.nan))
    with pytest.raises(ValueError, match="kernel_grid columns: expected a whole number of 1 or more, got 0"):
        kernel_grid(distinct(3, 3, 3, 5), columns=0)


def test_the_first_convolution_is_found_wherever_it_is():
    stem, left, right = (Conv2d(3, 2, 1) for _ in range(3))
    block = Sequential(conv=stem, more=Conv2d(2, 2, 1))
    assert first_convolutions(Sequential(pre=Identity(), block=block)) == {"block.conv": stem}
    assert first_convolutions(Sequential(mix=Branches(left=stem, right=ReLU()))) == {"mix.left": stem}
    columns = Sequential(fork=Fork(pair("cpu")), conv1=Columns(left, right))
    assert first_convolutions(columns) == {"conv1.left": left, "conv1.right": right}
    blocks = Sequential(pre=Identity(), conv=left), Sequential(conv=right, more=Conv2d(2, 2, 1))
    deep = Sequential(fork=Fork(pair("cpu")), both=Columns(*blocks))
    assert first_convolutions(deep) == {"both.left.conv": left, "both.right.conv": right}


def test_a_net_that_does_not_begin_with_a_convolution_is_refused(tmp_path):
    for net, got in [(Sequential(relu=ReLU()), "one without weights"),
                     (Sequential(fc=Linear(3, 2), conv=Conv2d(2, 2, 1)), r"fc \(Linear\)"),
                     (Sequential(c=Columns(Conv2d(3, 2, 1), Linear(3, 2))), r"c.right \(Linear\)")]:
        with pytest.raises(ValueError, match=f"expected a net that begins with a convolution, got {got}: there are no"):
            draw_kernels(tmp_path / "kernels.png", net)
    assert list(tmp_path.iterdir()) == []


def test_kernels_on_one_scale():
    W = np.zeros((1, 1, 1, 3))
    W[0, 0, 0] = 0.5, 1, -4
    np.testing.assert_array_equal(kernel_grid(W, scale=2)[0, ::2, 0], [159, 191, 0])
    with pytest.raises(ValueError, match="kernel_grid: expected a scale above 0, got 0"):
        kernel_grid(W, scale=0)
