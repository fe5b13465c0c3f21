"""Network In Network: the published counts, the sizes, and what an mlpconv layer is: a small net at every pixel."""
import numpy as np
import pytest

from tinynet import SGD, Linear, ReLU, Sequential, SoftmaxCrossEntropy, cpu, gradcheck, simulated, summary
from tinynet.models.nin import mlpconv, nin_cifar, nin_small

# (K·K·C + 1) · F for each convolution
CIFAR = {"mlpconv1.conv": 14_592, "mlpconv1.cccp1": 30_880, "mlpconv1.cccp2": 15_456,
         "mlpconv2.conv": 460_992, "mlpconv2.cccp1": 37_056, "mlpconv2.cccp2": 37_056,
         "mlpconv3.conv": 331_968, "mlpconv3.cccp1": 37_056, "mlpconv3.cccp2": 1_930}
SMALL = {"mlpconv1.conv": 448, "mlpconv1.cccp1": 272, "mlpconv2.conv": 9_280, "mlpconv2.cccp1": 4_160,
         "mlpconv3.conv": 57_700, "mlpconv3.cccp1": 10_100}
SCALED = {nin_cifar: ((4, 5, 3), (4, 3, 4), (5, 4)), nin_small: ((3, 4), (4, 5), (6,))}


def test_the_authors_net():
    net = nin_cifar(rng=np.random.default_rng(0))
    rows = {row.name: row for row in summary(net, show=False)}
    assert {name: row.parameters for name, row in rows.items() if row.parameters} == CIFAR
    assert sum(CIFAR.values()) == 966_986
    shapes = {"mlpconv1.relu": (32, 32, 192), "mlpconv1.relu1": (32, 32, 160), "mlpconv1.relu2": (32, 32, 96),
              "pool1": (16, 16, 96), "mlpconv2.relu2": (16, 16, 192), "pool2": (8, 8, 192),
              "mlpconv3.relu1": (8, 8, 192), "mlpconv3.relu2": (8, 8, 10), "pool3": (10,)}
    assert {name: rows[name].shape for name in shapes} == shapes
    assert [row.kind for row in rows.values()] == \
        ["Conv2d", "ReLU"] * 3 + ["MaxPool2d", "Dropout"] + ["Conv2d", "ReLU"] * 3 + ["MaxPool2d", "Dropout"] + \
        ["Conv2d", "ReLU"] * 3 + ["GlobalAvgPool2d"]
    assert [net["drop1"].p, net["drop2"].p] == [0.5, 0.5]


def test_the_textbooks_net():
    rows = {row.name: row for row in summary(nin_small(rng=np.random.default_rng(0)), show=False)}
    assert {name: row.parameters for name, row in rows.items() if row.parameters} == SMALL
    assert sum(SMALL.values()) == 81_960
    shapes = {"mlpconv1.relu1": (30, 30, 16), "mlpconv2.relu1": (28, 28, 64), "mlpconv3.relu1": (26, 26, 100),
              "pool3": (100,)}
    assert {name: rows[name].shape for name in shapes} == shapes


def test_an_mlpconv_layer_is_one_small_net_slid_over_the_image():
    rng = np.random.default_rng(0)
    layer = mlpconv(2, (5, 4, 3), 3, device=cpu, rng=rng).astype(np.float64)
    net = Sequential(fc=Linear(3 * 3 * 2, 5), relu=ReLU(), fc1=Linear(5, 4), relu1=ReLU(), fc2=Linear(4, 3),
                     relu2=ReLU()).astype(np.float64)
    for (_, small), (_, conv) in zip(net.parameters(), layer.parameters(), strict=True):
        conv.value[...] = rng.normal(0, 1, conv.shape)
        small.value[...] = conv.value.reshape(small.shape)
    x = rng.normal(0, 1, (2, 5, 6, 2))
    y = layer.forward(x)
    assert y.shape == (2, 3, 4, 3)
    for p in range(3):
        for q in range(4):
            window = x[:, p:p + 3, q:q + 3].reshape(2, -1)
            np.testing.assert_allclose(y[:, p, q], net.forward(window), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("build", [nin_cifar, nin_small])
def test_a_training_step(build):
    rng = np.random.default_rng(0)
    net, loss = build(rng=rng), SoftmaxCrossEntropy()
    scores = net.forward(rng.normal(0, 60, (2, 32, 32, 3)).astype(np.float32), train=True)
    loss.forward(scores, np.array([3, 9]))
    assert net.backward(loss.backward()) is None        # the first layer needs no gradient of the images
    for name, p in net.parameters():
        assert np.isfinite(p.grad).all() and p.grad.any(), name
    SGD(net.parameters(), 0.001).step()


@pytest.mark.parametrize("build", SCALED)
def test_gradients_of_a_net_scaled_down(build):
    net = build(3, SCALED[build], rng=np.random.default_rng(4))
    for _, p in net.parameters():  # the small weights leave gradients too small to measure
        p.value[...] = np.random.default_rng(p.size).normal(0.05, 0.4, p.shape)
    report = gradcheck(net, np.random.default_rng(1).normal(0, 1, (2, 12, 12, 3)), samples=3)
    assert len(report) == len(net.parameters())


@pytest.mark.parametrize("build", [nin_cifar, nin_small])
def test_initial_weights_and_steps(build):
    for name, p in build(rng=np.random.default_rng(0)).parameters():
        if name.endswith(".W"):
            assert p.value.std() == pytest.approx(0.05, rel=0.1), name
            assert (p.lr, p.decay) == (1, 1)
        else:
            assert not p.value.any() and (p.lr, p.decay) == (2, 0), name


def test_other_classes_devices_and_generators():
    device = simulated(0)
    net, twin = (nin_small(7, ((2, 2), (2, 2), (2,)), device=d, rng=np.random.default_rng(3)) for d in (device, cpu))
    assert net.forward(np.zeros((1, 9, 8, 3), np.float32)).shape == (1, 7)
    assert all(p.device is device for _, p in net.parameters())
    for (name, p), (_, q) in zip(net.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(device.tohost(p.value), q.value, err_msg=name)


@pytest.mark.parametrize("build", [nin_cifar, nin_small])
@pytest.mark.parametrize("maps", [((8, 8), (8, 8)), ((8,), (), (8,))])
def test_bad_arguments(build, maps):
    with pytest.raises(ValueError, match="nin: expected the maps of three mlpconv layers.*got"):
        build(10, maps)
