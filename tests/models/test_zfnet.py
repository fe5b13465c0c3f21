"""ZFNet: the sizes and counts of Figure 3, the variants of Table 2, and the renormalisation of filters."""
import numpy as np
import pytest

from tinynet import (
    SGD,
    Columns,
    Conv2d,
    Linear,
    Sequential,
    SoftmaxCrossEntropy,
    count_parameters,
    cpu,
    gradcheck,
    simulated,
    summary,
)
from tinynet.devices.simulated import must_be_current
from tinynet.models.zfnet import renormalise_filters, zfnet

PARAMETERS = {"conv1": 14_208, "conv2": 614_656, "conv3": 885_120, "conv4": 1_327_488, "conv5": 884_992,
              "fc6": 37_752_832, "fc7": 16_781_312, "fc8": 4_097_000}
SHAPES = {"conv1": (110, 110, 96), "pool1": (55, 55, 96), "conv2": (26, 26, 256), "pool2": (13, 13, 256),
          "conv3": (13, 13, 384), "conv4": (13, 13, 384), "conv5": (13, 13, 256), "pool5": (6, 6, 256),
          "flat": (9216,), "fc6": (4096,), "fc7": (4096,), "fc8": (1000,)}
SMALL = {"classes": 5, "input_size": 64, "kernels": (6, 5, 4, 3, 6), "hidden": 8}
TABLE_2 = {"none": (), "34": ("conv3", "conv4"), "7": ("fc7",), "67": ("fc6", "fc7"),
           "3467": ("conv3", "conv4", "fc6", "fc7")}


@pytest.fixture(scope="module")
def full():
    return zfnet(rng=np.random.default_rng(0))


def test_the_table_of_figure_3(full):
    rows = {row.name: row for row in summary(full, show=False)}
    assert {name: row.parameters for name, row in rows.items() if row.parameters} == PARAMETERS
    assert sum(PARAMETERS.values()) == 62_357_608
    assert {name: rows[name].shape for name in SHAPES} == SHAPES
    assert list(rows) == ["conv1", "relu1", "pool1", "norm1", "conv2", "relu2", "pool2", "norm2", "conv3", "relu3",
                          "conv4", "relu4", "conv5", "relu5", "pool5", "flat", "fc6", "relu6", "drop6", "fc7", "relu7",
                          "drop7", "fc8"]


def test_a_full_size_training_step(full):
    rng, loss = np.random.default_rng(1), SoftmaxCrossEntropy()
    scores = full.forward(rng.normal(0, 60, (2, 224, 224, 3)).astype(np.float32), train=True)
    assert scores.shape == (2, 1000)
    loss.forward(scores, np.array([3, 999]))
    assert full.backward(loss.backward()) is None        # the first layer needs no gradient of the images
    for name, p in full.parameters():
        assert np.isfinite(p.grad).all() and p.grad.any(), name


def test_it_starts_as_section_3_says(full):
    for name, p in full.parameters():
        if name.endswith(".W"):
            assert p.value.std() == pytest.approx(0.01, rel=0.05), name
        else:
            assert not p.value.any(), name
    assert full["drop6"].p == full["drop7"].p == 0.5
    for norm in full["norm1"], full["norm2"]:
        assert (norm.n, norm.k, norm.alpha, norm.beta) == (5, 2, 1e-4, 0.75)


@pytest.mark.parametrize("removed", TABLE_2)
def test_layers_removed_as_in_table_2(removed):
    net = zfnet(**SMALL, without=TABLE_2[removed], rng=np.random.default_rng(0))
    gone = {f"{kind}{i}" for kind in ("conv", "fc", "relu", "drop") for i in removed}
    assert [layer.name for layer in net] == [layer.name for layer in zfnet(**SMALL) if layer.name not in gone]
    assert net.forward(np.zeros((1, 64, 64, 3), np.float32)).shape == (1, 5)


def test_parameters_of_the_variants_of_table_2():
    rng = np.random.default_rng(0)
    shallow = zfnet(without=("fc6", "fc7"), rng=rng)
    assert count_parameters(shallow) == sum(PARAMETERS[f"conv{i}"] for i in range(1, 6)) + 9216 * 1000 + 1000
    four_layers = zfnet(10, without=("conv3", "conv4", "fc6", "fc7"), rng=rng)
    assert [count_parameters(four_layers[name]) for name in ("conv5", "fc8")] == \
        [9 * 256 * 256 + 256, 9216 * 10 + 10]
    wide = zfnet(10, kernels=(96, 256, 512, 1024, 512), hidden=2, rng=rng)
    assert [count_parameters(wide[name]) for name in ("conv3", "conv4", "conv5", "fc6")] == \
        [9 * 256 * 512 + 512, 9 * 512 * 1024 + 1024, 9 * 1024 * 512 + 512, 6 * 6 * 512 * 2 + 2]
    half = zfnet(kernels=(1, 1, 1, 1, 1), hidden=2048, rng=rng)
    assert [count_parameters(half[name]) for name in ("fc6", "fc7", "fc8")] == \
        [36 * 2048 + 2048, 2048 * 2048 + 2048, 2048 * 1000 + 1000]


@pytest.mark.parametrize("removed", TABLE_2)
def test_gradients_of_a_net_scaled_down(removed):
    net = zfnet(**SMALL, without=TABLE_2[removed], rng=np.random.default_rng(0))
    for _, p in net.parameters():  # the paper's small weights leave gradients too small to measure
        p.value[...] = np.random.default_rng(p.size).normal(0, 0.3, p.shape)
    report = gradcheck(net, np.random.default_rng(1).normal(0, 2, (2, 64, 64, 3)), samples=5)
    assert len(report) == len(net.parameters())


@pytest.mark.parametrize("size", [47, 48, 64, 65, 66, 67, 100, 223, 224, 225])
def test_every_input_size_that_fits(size):
    net = zfnet(**{**SMALL, "input_size": size}, device=simulated(0), rng=np.random.default_rng(0))
    assert net.forward(np.zeros((1, size, size, 3), np.float32)).shape == (1, 5)
    assert net.input_shape == (size, size, 3)


@pytest.mark.parametrize("arguments, message", [
    ({"input_size": 46}, "images of 46x46 pixels leave a layer without pixels; enlarge them"),
    ({"input_size": 3}, "images of 3x3 pixels leave a layer without pixels"),
    ({"kernels": (96, 256)}, r"kernels for five convolutions, got \(96, 256\)"),
    ({"without": ("conv3", "fc8")}, r"left out is conv1, conv2, .*, fc6, fc7, as a tuple.*got \('conv3', 'fc8'\)"),
    ({"without": "fc7"}, "as a tuple of names, got 'fc7'"),
])
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        zfnet(**arguments)


def root_mean_squares(W):
    """One for each filter, straight from the definition."""
    return [np.sqrt(sum(w * w for w in W[..., f].ravel()) / W[..., f].size) for f in range(W.shape[-1])]


def test_filters_too_large_are_scaled_back_and_no_other():
    conv = Conv2d(3, 4, 2, rng=np.random.default_rng(0)).astype(np.float64)
    conv.b.value[...] = 7
    conv.W.value *= np.array([0.05, 0.3, 0, 2]) / [r or 1 for r in root_mean_squares(conv.W.value)]
    before = conv.W.value.copy()
    renormalise_filters(Sequential(conv1=conv))
    np.testing.assert_allclose(root_mean_squares(conv.W.value), [0.05, 0.1, 0, 0.1], rtol=1e-12)
    np.testing.assert_allclose(conv.W.value, before * [1, 1 / 3, 1, 1 / 20], rtol=1e-12)
    assert (conv.b.value == 7).all()
    renormalise_filters(conv, radius=0.02)
    np.testing.assert_allclose(root_mean_squares(conv.W.value), [0.02, 0.02, 0, 0.02], rtol=1e-12)


def test_a_filter_of_a_group_is_what_it_sees():
    conv = Conv2d(4, 2, 1, groups=2).astype(np.float64)
    conv.W.value[...] = [[[[0.3, 0.06], [0.4, 0.08]]]]   # RMS .3536 and .0707 over the two maps that each sees
    renormalise_filters(conv)
    np.testing.assert_allclose(conv.W.value[0, 0], [[0.3 / 12.5 ** 0.5, 0.06], [0.4 / 12.5 ** 0.5, 0.08]], rtol=1e-12)


def test_columns_and_nets_within_nets_on_their_devices():
    left, right = simulated(0), simulated(1)
    net = Sequential(conv1=Columns(Conv2d(3, 2, 3, device=left), Conv2d(3, 2, 3, device=right)),
                     inner=Sequential(conv2=Conv2d(4, 3, 1), fc=Linear(3, 2)))
    for _, p in net.parameters():
        with p.device:
            p.value[...] = 0.5
    with must_be_current():
        renormalise_filters(net)
    for name, p in net.parameters():
        expected = 0.5 if name.endswith(".b") or name == "inner.fc.W" else 0.1
        np.testing.assert_allclose(p.device.tohost(p.value), expected, rtol=1e-6, err_msg=name)
        assert p.value.dtype == np.float32


def test_frozen_filters_stay():
    net = Sequential(conv1=Conv2d(3, 2, 3), conv2=Conv2d(2, 2, 3)).freeze("conv1")
    for _, p in net.parameters():
        p.value[...] = 0.5
    renormalise_filters(net)
    assert (net["conv1"].W.value == 0.5).all() and (net["conv2"].W.value < 0.2).all()


def test_after_an_update_only_the_filters_that_grew_too_large_differ():
    rng, loss = np.random.default_rng(0), SoftmaxCrossEntropy()
    images, labels = rng.normal(0, 60, (2, 64, 64, 3)), np.array([1, 4])
    plain, held = (zfnet(**SMALL, rng=np.random.default_rng(1)).astype(np.float64) for _ in range(2))
    for net in plain, held:
        for _, p in net.parameters():
            p.value *= 9                                  # filters start near the radius, on either side of it
        loss.forward(net.forward(images, keep=True), labels)
        net.backward(loss.backward())
        SGD(net.parameters(), 0.1).step()
    renormalise_filters(held)
    scaled = 0
    for (name, p), (_, q) in zip(plain.parameters(), held.parameters(), strict=True):
        factors = np.ones(p.shape[-1])
        if p.value.ndim == 4:
            factors = np.array([min(1, 0.1 / r) for r in root_mean_squares(p.value)])
            scaled += (factors < 1).sum()
        np.testing.assert_allclose(q.value, p.value * factors, rtol=1e-12, err_msg=name)
    assert 0 < scaled < sum(SMALL["kernels"])


def test_a_filter_whose_squares_overflow_is_not_forgotten():
    conv = Conv2d(1, 3, 2)
    conv.W.value[...] = np.float32([0.5, 1e20, np.inf])
    with np.errstate(over="ignore", invalid="ignore"):
        renormalise_filters(conv)
    np.testing.assert_allclose(conv.W.value[..., 0], 0.1, rtol=1e-6)
    assert np.isnan(conv.W.value[..., 1:]).all()


@pytest.mark.parametrize("radius", [0, -0.1, float("nan")])
def test_a_radius_that_is_none(radius):
    with pytest.raises(ValueError, match=f"a radius above 0, got {radius}"):
        renormalise_filters(Conv2d(1, 1, 1, device=cpu), radius)
