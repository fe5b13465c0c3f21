"""All nets by name: every one is built, and settings mean the same everywhere."""
import numpy as np
import pytest

from tinynet import count_parameters, cpu, pair, simulated, summary
from tinynet.devices.simulated import must_be_current
from tinynet.models import NETS, build
from tinynet.models.catalogue import settings_of

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", NETS)
def test_every_name_gives_a_net_that_knows_its_input(name):
    small = {"width": 0.1, "input_size": 79} if "input_size" in settings_of(name) else {}
    rows = summary(build(name, rng=RNG, **small), show=False)     # a forward pass of an image of net.input_shape
    assert rows[-1].shape == (1000 if small else 100 if name == "nin-small" else 10,)


@pytest.mark.parametrize("name, parameters", [("lenet5", 60_000), ("lenet5-linear", 60_850), ("nin-cifar", 966_986)])
def test_names_stand_for_the_nets_of_the_papers(name, parameters):
    assert count_parameters(build(name, rng=RNG)) == parameters


def test_names_differ_where_the_nets_do():
    assert "within2" in build("alexnet-source", width=0.1, rng=RNG).layers
    assert "within2" not in build("alexnet", width=0.1, rng=RNG).layers
    layers = [sum(name.startswith(("conv", "fc")) for name in build(f"vgg{n}", width=0.02, input_size=32).layers)
              for n in (16, 19)]
    assert layers == [16, 19]


def test_width_multiplies_kernels_and_hidden_units():
    for name in "alexnet", "zfnet":
        net = build(name, classes=7, width=0.25, rng=RNG)
        rows = {row.name: row for row in summary(net, show=False)}
        kernels = [rows[f"conv{i}"].shape[-1] * (2 if name == "alexnet" else 1) for i in range(1, 6)]
        assert kernels == [24, 64, 96, 96, 64]
        assert sum(c.shape[0] for c in rows["fc6"].columns or [rows["fc6"]]) == 1024 and rows["fc8"].shape == (7,)
    net = build("alexnet", columns=1, width=0.5, kernels=(10, 12, 14, 16, 18), hidden=9, rng=RNG)
    assert [net[f"conv{i}"].out_channels for i in range(1, 6)] == [4, 6, 8, 8, 8]   # to the nearest even number
    assert net["fc6"].out_features == 4
    assert build("alexnet", columns=1, width=1e-6, rng=RNG)["conv1"].out_channels == 2


def test_the_device_of_two_columns_is_a_pair():
    assert build("alexnet", width=0.1, rng=RNG)["conv1"].device == pair("cpu")
    assert build("alexnet", width=0.1, rng=RNG, device=cpu)["conv1"].device == pair("cpu")
    assert build("alexnet", width=0.1, rng=RNG, columns=1)["conv1"].device is cpu
    assert build("alexnet", width=0.1, rng=RNG, device=simulated(0), columns=1)["conv1"].device is simulated(0)
    for name in "cifar-80sec", "nin-small", "lenet5":
        assert all(p.device is simulated(0) for _, p in build(name, device=simulated(0), rng=RNG).parameters())


    assert build("alexnet", width=0.1, rng=RNG, device=simulated(1))["conv1"].device == pair("simulated")


@pytest.mark.parametrize("name, settings", [*((name, {}) for name in NETS), ("alexnet", {"columns": 1}),
                                            ("alexnet-source", {"columns": 1}), ("googlenet", {"heads": False})])
def test_every_net_trains_on_a_device_that_is_not_the_current_one(name, settings):
    small = {"width": 0.05, "input_size": 79, "classes": 4} if "input_size" in settings_of(name) else {}
    net = build(name, device=simulated(1), rng=np.random.default_rng(0), **small, **settings)
    x = np.random.default_rng(1).random((2, *net.input_shape), np.float32)
    with must_be_current():
        y = net.forward(x, train=True)
        net.backward(tuple(map(ones_like, y)) if isinstance(y, tuple) else ones_like(y))


def ones_like(y):
    with y.device as device:
        return device.xp.ones_like(y)


def test_the_same_rng_gives_the_same_net():
    for name in "cifar-80sec", "lenet5":
        first, second = (dict(build(name, rng=np.random.default_rng(3)).parameters()) for _ in range(2))
        assert all((first[n].value == second[n].value).all() for n in first)


@pytest.mark.parametrize("device", ["cpu", pair("simulated")])
def test_columns_are_not_put_elsewhere_than_on_what_is_no_device(device):
    with pytest.raises(TypeError, match=r"expected one device, .* got .*; for a pair of your choice, alexnet.devices="):
        build("alexnet", device=device)


def test_what_is_unknown_is_said_with_what_there_is():
    with pytest.raises(ValueError, match="no net is called 'alexnett'; there are alexnet, alexnet-source, "):
        build("alexnett")
    with pytest.raises(ValueError, match=r"zfnet has no setting 'columns', 'depth'; it has classes, .*width"):
        build("zfnet", columns=2, width=0.1, depth=3)
    assert "devices" not in settings_of("alexnet") and settings_of("alexnet")["columns"] == 2
    assert settings_of("vgg16")["input_size"] == 224


@pytest.mark.parametrize("width", [-1, 0, float("nan"), float("inf"), "1", None])
@pytest.mark.parametrize("name", ["alexnet", "googlenet", "resnet20", "cifar-80sec"])
def test_a_width_is_a_number_above_0(name, width):
    with pytest.raises(ValueError, match=f"width: expected a number above 0, got {width!r}"):
        build(name, width=width)
