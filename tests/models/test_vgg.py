"""VGG: the six columns of Table 1, and starting a deep net from a shallow one."""
import numpy as np
import pytest

from tinynet import SoftmaxCrossEntropy, count_parameters, fan_in, gradcheck, simulated, summary
from tinynet.models.vgg import TABLE_1, start_from, vgg

TOTALS = {"A": 132_863_336, "A-LRN": 132_863_336, "B": 133_047_848, "C": 133_638_952, "D": 138_357_544,
          "E": 143_667_240}
LAYERS_WITH_WEIGHTS = {"A": 11, "A-LRN": 11, "B": 13, "C": 16, "D": 16, "E": 19}
# D as the paper and its retellings list it: maps and pixels of each layer
D_SHAPES = {"conv1_1": (224, 224, 64), "conv1_2": (224, 224, 64), "pool1": (112, 112, 64),
            "conv2_1": (112, 112, 128), "conv2_2": (112, 112, 128), "pool2": (56, 56, 128),
            "conv3_1": (56, 56, 256), "conv3_2": (56, 56, 256), "conv3_3": (56, 56, 256), "pool3": (28, 28, 256),
            "conv4_1": (28, 28, 512), "conv4_2": (28, 28, 512), "conv4_3": (28, 28, 512), "pool4": (14, 14, 512),
            "conv5_1": (14, 14, 512), "conv5_2": (14, 14, 512), "conv5_3": (14, 14, 512), "pool5": (7, 7, 512),
            "fc6": (4096,), "fc7": (4096,), "fc8": (1000,)}
D_PARAMETERS = {"conv1_1": 1_792, "conv1_2": 36_928, "conv2_1": 73_856, "conv2_2": 147_584, "conv3_1": 295_168,
                "conv3_2": 590_080, "conv3_3": 590_080, "conv4_1": 1_180_160, "conv4_2": 2_359_808,
                "conv4_3": 2_359_808, "conv5_1": 2_359_808, "conv5_2": 2_359_808, "conv5_3": 2_359_808,
                "fc6": 102_764_544, "fc7": 16_781_312, "fc8": 4_097_000}
SMALL = {"classes": 5, "input_size": 32, "width": 1 / 16}


def zeros(rng, shape):
    """Weights that cost no time, and no memory until they are written to."""
    return np.zeros(shape, np.float32)


def quick(rng, shape):
    """N(0, 0.01), drawn in float32: faster than the default."""
    weights = rng.standard_normal(shape, np.float32)
    weights *= 0.01
    return weights


@pytest.mark.parametrize("column", TABLE_1)
def test_totals_and_depths_of_table_1(column):
    net = vgg(column, weight_init=zeros)
    assert count_parameters(net) == TOTALS[column]
    assert sum(name.endswith(".W") for name, _ in net.parameters()) == LAYERS_WITH_WEIGHTS[column]
    rows = {row.name: row for row in summary(net, show=False)}
    for i, size, maps in (1, 112, 64), (2, 56, 128), (3, 28, 256), (4, 14, 512), (5, 7, 512):
        assert rows[f"pool{i}"].shape == (size, size, maps)
        convolutions = [row for name, row in rows.items() if name.startswith(f"conv{i}_")]
        assert convolutions and all(row.shape == (2 * size, 2 * size, maps) for row in convolutions)


def test_the_table_of_d():
    rows = {row.name: row for row in summary(vgg("D", weight_init=zeros), show=False)}
    assert {name: rows[name].shape for name in D_SHAPES} == D_SHAPES
    assert {name: row.parameters for name, row in rows.items() if row.parameters} == D_PARAMETERS
    assert sum(row.multiply_adds for row in rows.values()) == 15_470_264_320


def test_what_tells_the_columns_apart():
    nets = {column: vgg(column, **SMALL, weight_init=zeros) for column in TABLE_1}
    names = {column: [layer.name for layer in net] for column, net in nets.items()}
    assert names["A"][:3] == ["conv1_1", "relu1_1", "pool1"]
    assert names["A-LRN"] == ["conv1_1", "relu1_1", "norm1", *names["A"][2:]]
    lrn = nets["A-LRN"]["norm1"]
    assert (lrn.n, lrn.k, lrn.alpha, lrn.beta) == (5, 2, 1e-4, 0.75)
    assert set(names["B"]) - set(names["A"]) == {"conv1_2", "relu1_2", "conv2_2", "relu2_2"}
    assert names["C"] == names["D"]
    kernels = {column: [layer.W.shape[0] for layer in net if layer.name.startswith("conv")]
               for column, net in nets.items()}
    assert kernels["C"] == [3, 3, 3, 3, 3, 3, 1, 3, 3, 1, 3, 3, 1]
    assert all(set(kernels[column]) == {3} for column in "ABDE")
    assert set(names["E"]) - set(names["D"]) == {f"{kind}{i}_4" for kind in ("conv", "relu") for i in (3, 4, 5)}
    for column in TABLE_1:
        assert names[column][-9:] == ["pool5", "flat", "fc6", "relu6", "drop6", "fc7", "relu7", "drop7", "fc8"]


@pytest.mark.parametrize("column", ["A", "D"])
def test_a_full_size_training_step(column):
    rng = np.random.default_rng(0)
    net, loss = vgg(column, rng=rng, weight_init=quick), SoftmaxCrossEntropy()
    scores = net.forward(rng.normal(0, 60, (1, 224, 224, 3)).astype(np.float32), train=True)
    assert scores.shape == (1, 1000)
    loss.forward(scores, np.array([3]))
    assert net.backward(loss.backward()) is None         # the first layer needs no gradient of the images
    for name, p in net.parameters():
        assert np.isfinite(p.grad).all() and p.grad.any(), name


@pytest.mark.parametrize("column", ["A-LRN", "C", "E"])  # with normalisation, with 1x1 kernels, the deepest
def test_gradients_of_a_net_scaled_down(column):
    net = vgg(column, **SMALL, rng=np.random.default_rng(3), weight_init=fan_in())
    for name, p in net.parameters():
        if name.endswith(".b"):
            p.value[...] = np.random.default_rng(1).normal(0, 0.3, p.shape)
    report = gradcheck(net, np.random.default_rng(1).normal(0, 1, (1, 32, 32, 3)), samples=2)
    assert len(report) == len(net.parameters())


def test_initial_weights():
    for name, p in vgg("B", classes=200, input_size=32, width=0.25, rng=np.random.default_rng(0)).parameters():
        if name.endswith(".W"):
            assert p.value.std() == pytest.approx(0.01, rel=0.1), name
        else:
            assert not p.value.any(), name
    assert all(vgg("B", **SMALL)[name].p == 0.5 for name in ("drop6", "drop7"))


@pytest.mark.parametrize("size, places", [(32, 1), (63, 1), (64, 4), (100, 9)])
def test_other_sizes_and_devices(size, places):
    net = vgg("A", 7, size, 1 / 16, device=simulated(0), rng=np.random.default_rng(0))
    assert net.input_shape == (size, size, 3) and net["fc6"].in_features == places * 32
    assert net["fc6"].out_features == 256
    assert net.forward(np.zeros((1, size, size, 3), np.float32)).shape == (1, 7)
    assert all(p.device is simulated(0) for _, p in net.parameters())


@pytest.mark.parametrize("shallow, deep, convolutions", [
    ("A", "D", ["conv1_1", "conv2_1", "conv3_1", "conv3_2"]),
    ("A-LRN", "E", ["conv1_1", "conv2_1", "conv3_1", "conv3_2"]),
    ("B", "C", ["conv1_1", "conv1_2", "conv2_1", "conv2_2"]),
])
def test_a_deep_net_starts_from_a_shallow_one(shallow, deep, convolutions):
    shallow = vgg(shallow, **SMALL, rng=np.random.default_rng(0))
    for _, p in shallow.parameters():
        p.value += 1
    deep = vgg(deep, **SMALL, device=simulated(1), rng=np.random.default_rng(1)).astype(np.float64)
    before = {name: p.device.tohost(p.value).copy() for name, p in deep.parameters()}
    given = {name: p.value.copy() for name, p in shallow.parameters()}
    copied = start_from(deep, shallow)
    assert copied == [*convolutions, "fc6", "fc7", "fc8"]
    for name, p in deep.parameters():
        here, is_copied = p.device.tohost(p.value), name.split(".")[0] in copied
        np.testing.assert_array_equal(here, given[name] if is_copied else before[name], err_msg=name)
        assert here.dtype == np.float64 and (here != before[name]).any() == is_copied


def test_what_was_copied_is_not_shared():
    shallow, deep = (vgg(column, **SMALL, rng=np.random.default_rng(0)) for column in "AD")
    start_from(deep, shallow)
    deep["conv1_1"].W.value += 1
    np.testing.assert_allclose(deep["conv1_1"].W.value - shallow["conv1_1"].W.value, 1, rtol=1e-5)


def test_nets_that_do_not_fit_change_nothing():
    deep = vgg("D", **SMALL, rng=np.random.default_rng(0))
    before = {name: p.value.copy() for name, p in deep.parameters()}
    with pytest.raises(ValueError, match=r"do not fit:\n  fc8.W has shape \(256, 5\), the shallow net offers \(256, 6\)"
                                         r"\n  fc8.b has shape \(5,\), the shallow net offers \(6,\)$"):
        start_from(deep, vgg("A", **{**SMALL, "classes": 6}, rng=np.random.default_rng(0)))
    with pytest.raises(ValueError, match="the shallow net: nothing is called 'fc6'"):
        start_from(deep, vgg("A", **SMALL, rng=np.random.default_rng(0))[:"pool5"])
    with pytest.raises(ValueError, match="the deep net: nothing is called 'conv1_2'"):
        start_from(vgg("A", **SMALL), deep)
    for name, p in deep.parameters():
        np.testing.assert_array_equal(p.value, before[name], err_msg=name)


@pytest.mark.parametrize("arguments, message", [
    ({"column": "F"}, "the columns are 'A', 'A-LRN', 'B', 'C', 'D', 'E', got 'F'"),
    ({"input_size": 31}, "32x32 pixels or more.*got input_size=31 and width=1.0"),
    ({"width": 0.01}, "a width of 1/64 or more, got input_size=224 and width=0.01"),
])
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        vgg(**arguments)
