"""AlexNet: the sizes and counts of the paper, and the proof that two columns are one net."""
import numpy as np
import pytest

from tinynet import SGD, SoftmaxCrossEntropy, count_parameters, cpu, pair, summary, traffic
from tinynet.devices import cuda
from tinynet.devices.simulated import must_be_current
from tinynet.models import alexnet, alexnet_half, convert
from tinynet.parameter import FixedRate

SMALL = {"classes": 10, "input_size": 67, "kernels": (8, 12, 16, 20, 24), "hidden": 32}
VARIANTS = ["paper", "source"]
# facts of the paper, both columns together: parameters of each layer, and output sizes of one column
PARAMETERS = {"conv1": 34_944, "conv2": 307_456, "conv3": 885_120, "conv4": 663_936, "conv5": 442_624,
              "fc6": 37_752_832, "fc7": 16_781_312, "fc8": 4_097_000}
SHAPES = {"conv1": (55, 55, 48), "pool1": (27, 27, 48), "conv2": (27, 27, 128), "pool2": (13, 13, 128),
          "to_conv3": (13, 13, 256), "conv3": (13, 13, 192), "conv4": (13, 13, 192), "conv5": (13, 13, 128),
          "pool5": (6, 6, 128), "to_fc6": (6, 6, 256), "fc6": (2048,), "fc7": (2048,), "fc8": (1000,)}
MILLION_MULTIPLY_ADDS = {"conv1": 105.4, "conv2": 223.9, "conv3": 149.5, "conv4": 112.1, "conv5": 74.8, "fc6": 37.7,
                         "fc7": 16.8, "fc8": 4.1}
NEURONS = {"conv2": 186_624, "conv3": 64_896, "conv4": 64_896, "conv5": 43_264, "fc6": 4096, "fc7": 4096, "fc8": 1000}
BYTES = {"to_conv3": 173_056, "to_fc6": 36_864, "to_fc7": 16_384, "to_fc8": 8_192}


@pytest.fixture(scope="module")
def full():
    """The whole net, once in two columns and once in one, with the same parameters."""
    one = alexnet(columns=1, rng=np.random.default_rng(0))
    two = alexnet(devices=pair("cpu"), rng=np.random.default_rng(1))
    return convert(one, two), one


def test_the_table_of_the_paper(full, capsys):
    rows = {row.name: row for row in summary(full[0])}
    assert {name: rows[name].parameters for name in PARAMETERS} == PARAMETERS
    assert {name: rows[name].shape for name in SHAPES} == SHAPES
    assert {name: round(rows[name].multiply_adds / 1e6, 1) for name in PARAMETERS} == MILLION_MULTIPLY_ADDS
    assert {name: rows[name].neurons for name in NEURONS} == NEURONS
    assert rows["conv1"].neurons == 290_400       # 55 · 55 · 96; the paper's 253,440 is a slip: 55 · 48 · 96
    assert {name: row.bytes for name, row in rows.items() if row.bytes} == BYTES
    assert [row.parameters for row in rows["fc6"].columns] == [PARAMETERS["fc6"] // 2] * 2
    printed = capsys.readouterr().out
    assert "55x55x48 x2" in printed and "60,965,224" in printed and "724,406,816" in printed


def test_counts_of_the_one_column_forms(full):
    assert count_parameters(full[0]) == count_parameters(full[1]) == 60_965_224
    half = alexnet_half(rng=np.random.default_rng(0))
    assert count_parameters(half) == 59_798_312
    counts = [count_parameters(half[name]) for name in ("conv1", "conv2", "conv3", "conv4", "conv5")]
    assert counts == [17_472, 153_728, 221_376, 331_968, 442_624]


def relative_error(a, b):
    return np.abs(a - b).max() / np.abs(b).max()


def whole(two, name, attribute):
    """What the two columns hold of the one-device net's parameter `name`, joined."""
    named = dict(two.parameters())
    layer, kind = name.split(".")
    parts = [named[name]] if name in named else [named[f"{layer}.{side}.{kind}"] for side in ("left", "right")]
    return np.concatenate([p.device.tohost(getattr(p, attribute)) for p in parts], axis=-1)


def outputs_and_gradients_agree(two, one, images, bound):
    """Without dropout (keep, not train), for a fixed gradient of the scores."""
    y_one, y_two = one.forward(images, keep=True), two["fc8"].device.tohost(two.forward(images, keep=True))
    assert relative_error(y_two, y_one) < bound
    dy = np.random.default_rng(3).normal(size=y_one.shape).astype(y_one.dtype)
    one.backward(dy)
    two.backward(two["fc8"].device.asarray(dy))
    for name, p in one.parameters():
        assert relative_error(whole(two, name, "grad"), p.grad) < bound, name


@pytest.mark.parametrize("extra_conv", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", ["simulated", "cpu"])
def test_two_columns_are_one_net_scaled_down(kind, variant, extra_conv):
    sizes = {**SMALL, "extra_conv": extra_conv}
    one = alexnet(columns=1, variant=variant, rng=np.random.default_rng(0), **sizes).astype(np.float64)
    for name, p in one.parameters():  # the paper's N(0, 0.01) leaves the gradients of a net this small near zero
        p.value *= 10 if name.endswith("W") else 0.1
    two = alexnet(devices=pair(kind), variant=variant, rng=np.random.default_rng(1), **sizes).astype(np.float64)
    images = np.random.default_rng(2).normal(0, 60, (3, 67, 67, 3))
    outputs_and_gradients_agree(convert(one, two), one, images, 1e-10)


def test_two_columns_are_one_net_full_size_float32(full):
    images = np.random.default_rng(2).normal(0, 60, (2, 224, 224, 3)).astype(np.float32)
    two, one = full
    assert relative_error(two.forward(images), one.forward(images)) < 1e-4


def test_two_columns_are_one_net_full_size_float64(full):
    images = np.random.default_rng(2).normal(0, 60, (2, 224, 224, 3))
    two, one = (net.astype(np.float64) for net in full)
    outputs_and_gradients_agree(two, one, images, 1e-10)
    for net in full:
        net.astype(np.float32)


def test_what_crosses_is_what_the_paper_says(full):
    images = np.zeros((2, 224, 224, 3), np.float32)
    left, right = (device.name for device in full[0]["conv1"].device)
    with traffic() as log:
        full[0].forward(images, keep=True)
    sent = [(crossing.label, crossing.bytes) for crossing in log]
    assert sent == [("to_conv3", 2 * 86_528)] * 2 + [("to_fc6", 2 * 18_432)] * 2 + [("to_fc7", 2 * 8_192)] * 2 + \
        [("to_fc8", 2 * 8_192)]
    assert sum(size for _, size in sent) == 2 * 234_496
    assert {(crossing.source, crossing.target) for crossing in log} == {(left, right), (right, left)}
    with traffic() as log:
        full[0].backward(np.ones((2, 1000), np.float32))
    assert [(crossing.label, crossing.bytes) for crossing in log] == sent[::-1]


@pytest.mark.parametrize("variant", VARIANTS)
def test_training_on_simulated_devices_never_mixes_them(variant):
    rng = np.random.default_rng(0)
    net = alexnet(devices=pair("simulated"), variant=variant, rng=rng, **SMALL)
    loss, sgd = SoftmaxCrossEntropy(), SGD(net.parameters(), 0.01)
    images, labels = rng.normal(0, 60, (8, 67, 67, 3)).astype(np.float32), rng.integers(0, 10, 8)
    losses = []
    with must_be_current():
        for _ in range(6):
            scores = net.forward(images, train=True)
            with net["fc8"].device:
                losses.append(loss.forward(scores, labels))
                dy = loss.backward()
            net.backward(dy)
            sgd.step()
    assert losses[-1] < losses[0] - 0.01


def test_convert_there_and_back():
    one = alexnet(columns=1, rng=np.random.default_rng(0), **SMALL)
    two = convert(one, alexnet(devices=pair("simulated"), rng=np.random.default_rng(1), **SMALL))
    back = convert(two, alexnet(columns=1, rng=np.random.default_rng(2), **SMALL))
    for (name, p), (_, q) in zip(one.parameters(), back.parameters(), strict=True):
        np.testing.assert_array_equal(p.value, q.value, err_msg=name)


def test_convert_writes_on_the_devices_of_the_net():
    one, two = alexnet(columns=1, **SMALL), alexnet(devices=pair("simulated"), **SMALL)
    with must_be_current():
        convert(one, two)


def test_two_columns_train_on_what_there_is(monkeypatch):
    monkeypatch.setattr(cuda, "gpu_count", lambda: 0)
    assert alexnet(**SMALL)["conv1"].device == pair("cpu")


def test_convert_refuses_what_does_not_fit_and_changes_nothing():
    one = alexnet(columns=1, rng=np.random.default_rng(0), **SMALL)
    other = alexnet(devices=pair("cpu"), rng=np.random.default_rng(1), **{**SMALL, "hidden": 36})
    before = [p.value.copy() for _, p in other.parameters()]
    with pytest.raises(ValueError, match=r"fc6.right.W has shape \(24, 18\), the other net offers"):
        convert(one, other)
    with pytest.raises(ValueError, match="conv1.W is not used up"):
        convert(one, other[:"fork"])
    for value, (_, p) in zip(before, other.parameters(), strict=True):
        np.testing.assert_array_equal(value, p.value)


@pytest.mark.parametrize("columns", [1, 2])
def test_the_paper_starts_as_section_5_says(columns):
    net = alexnet(columns=columns, devices=cpu if columns == 1 else pair("cpu"), rng=np.random.default_rng(0),
                  **{**SMALL, "kernels": (96, 64, 64, 64, 64), "hidden": 512})
    for name, p in net.parameters():
        layer, *_, kind = name.split(".")
        if kind == "W":
            assert p.value.std() == pytest.approx(0.01, rel=0.05), name
        else:
            assert (p.value == (layer in ("conv2", "conv4", "conv5", "fc6", "fc7"))).all(), name
        assert p.lr == 1 and p.decay == 1


@pytest.mark.parametrize("columns", [1, 2])
def test_the_source_variant_differs_as_documented(columns):
    sizes = {**SMALL, "kernels": (48, 64, 64, 64, 64)}
    devices = cpu if columns == 1 else pair("cpu")
    net = alexnet(columns=columns, devices=devices, variant="source", rng=np.random.default_rng(0), **sizes)
    order = [layer.name for layer in net]
    assert order[order.index("conv1"):][:4] == ["conv1", "norm1", "pool1", "relu1"]
    assert order[order.index("conv2"):][:5] == ["conv2", "relu2", "norm2", "within2", "pool2"]
    assert order[order.index("conv5"):][:3] == ["conv5", "pool5", "relu5"]
    norm, within, conv3 = (net[name] if columns == 1 else net[name].left for name in ("norm2", "within2", "conv3"))
    assert (norm.alpha, within.alpha, within.size) == (1e-4 / 5, 0.001 / 25, 5)
    assert conv3.W.value.std() == pytest.approx(0.03, rel=0.05)
    biases = [p for name, p in net.parameters() if name.endswith(".b")]
    assert all(isinstance(p.lr, FixedRate) and p.lr == 0.02 and p.decay == 0 for p in biases)


def test_the_sixth_convolution_counts_what_it_should():
    tiny = {**SMALL, "rng": np.random.default_rng(0)}
    counts = {}
    for variant in VARIANTS:
        for columns, devices in (1, cpu), (2, pair("cpu")):
            without, with_it = (alexnet(columns=columns, devices=devices, variant=variant, extra_conv=extra, **tiny)
                                for extra in (False, True))
            counts[variant, columns] = count_parameters(with_it) - count_parameters(without)
            assert [layer.name for layer in without] == [layer.name for layer in with_it if "conv6" not in layer.name]
            names = [layer.name for layer in with_it]
            crossing = ["to_conv6"] * (columns == 2)
            assert names[names.index("flat") - columns - len(crossing) - 1:][:2 + len(crossing)] == [
                *crossing, "conv6", "relu_conv6"]
            assert with_it.input_shape == (67, 67, 3)
    assert set(counts.values()) == {3 * 3 * 24 * 24 + 24}          # 24 kernels of both columns on 24 maps, and biases


def test_the_sixth_convolution_full_size():
    net = alexnet(devices=pair("cpu"), extra_conv=True, hidden=2, rng=np.random.default_rng(0))
    rows = {row.name: row for row in summary(net, show=False)}
    assert rows["conv6"].parameters == 2 * (3 * 3 * 256 * 128 + 128) and rows["conv6"].shape == (6, 6, 128)
    assert rows["to_conv6"].bytes == BYTES["to_fc6"] == rows["to_fc6"].bytes


@pytest.mark.parametrize("variant, std, rate, decay", [
    ("paper", 0.01, 1.0, 1.0), ("source", 0.03, FixedRate(0.02), 0.0)])
def test_the_sixth_convolution_starts_as_its_variant_does(variant, std, rate, decay):
    net = alexnet(10, columns=1, variant=variant, input_size=67, kernels=(2, 2, 2, 2, 64), hidden=2, extra_conv=True,
                  rng=np.random.default_rng(0))
    W, b = net["conv6"].W, net["conv6"].b
    assert W.value.std() == pytest.approx(std, rel=0.05) and (b.value == 1).all()
    assert (b.lr, type(b.lr), b.decay) == (rate, type(rate), decay) and (W.lr, W.decay) == (1, 1)


@pytest.mark.parametrize("size, places", [(224, 36), (227, 36), (225, 36), (64, 1), (96, 4), (127, 9)])
def test_every_input_size_that_fits(size, places):
    net = alexnet(10, columns=1, input_size=size, kernels=(2, 2, 2, 2, 4), hidden=2, rng=np.random.default_rng(0))
    assert net["fc6"].in_features == places * 4
    assert net["conv1"].padding == ((0, -(size - 11) % 4),) * 2            # at the bottom and the right alone
    assert net.forward(np.zeros((1, size, size, 3), np.float32)).shape == (1, 10)


@pytest.mark.parametrize("arguments, message", [
    ({"input_size": 32}, "images of 32x32 pixels leave a layer without pixels.*enlarge them first"),
    ({"input_size": 5}, "images of 5x5 pixels leave a layer without pixels"),
    ({"kernels": (95, 256, 384, 384, 256)}, "divisible by 2"),
    ({"kernels": (96, 256)}, "kernels for five convolutions"),
    ({"columns": 3}, "columns=1 or columns=2, got 3"),
    ({"variant": "papre"}, "the variants are 'paper', 'source', got 'papre'"),
])
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        alexnet(**arguments)
