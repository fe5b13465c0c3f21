"""On a GPU: every layer, the columns and a whole AlexNet give the CPU's numbers. Skipped where there is no GPU.

The layers are those of test_layer.py, the small net in columns that of test_columns.py.
"""
import numpy as np
import pytest
from naive import distinct
from test_columns import small_net
from test_layer import CASES

from tinynet import SGD, Columns, Fork, Join, ReLU, Sequential, SoftmaxCrossEntropy, cpu, gpu, pair, traffic
from tinynet.columns import Pair
from tinynet.devices import cuda
from tinynet.devices.graph import Graph, Recording
from tinynet.layers import dropout
from tinynet.models import alexnet, convert

pytestmark = [pytest.mark.gpu,
              pytest.mark.skipif(cuda.gpu_count() == 0, reason="needs CuPy and a CUDA device, found none")]
SMALL = {"classes": 10, "input_size": 67, "kernels": (8, 12, 16, 20, 24), "hidden": 32}


@pytest.fixture(autouse=True)
def masks_are_drawn_on_the_host(monkeypatch):
    """A GPU draws others than the CPU, which tests/fast/test_cuda_dropout.py tries; here the two are compared."""
    monkeypatch.setattr(dropout, "draw_mask", dropout.draw_mask.__wrapped__)


def run(net, x, dy):
    """Output, input gradient and parameter gradients of a net, on the host."""
    y = net.forward(x, train=True)
    device = net.device
    dx = net.backward(device.asarray(dy))
    return {"y": device.tohost(y), "dx": device.tohost(dx),
            **{name: p.device.tohost(p.grad) for name, p in net.parameters()}}


@pytest.mark.parametrize("dtype, bound", [(np.float64, 1e-10), (np.float32, 1e-4)])
@pytest.mark.parametrize("name", CASES)
def test_every_layer_gives_the_numbers_of_the_cpu(name, dtype, bound):
    make, shape = CASES[name]
    on_cpu, on_gpu = (Sequential(layer7=make()).to(device).astype(dtype) for device in (cpu, gpu(0)))
    x = distinct(*shape).astype(dtype)
    dy = distinct(*on_cpu.forward(x).shape, seed=1).astype(dtype)
    expected, got = run(on_cpu, x, dy), run(on_gpu, x, dy)
    for what, array in expected.items():
        assert got[what].dtype == dtype
        np.testing.assert_allclose(got[what], array, rtol=0, atol=bound * np.abs(array).max(), err_msg=what)


def test_the_loss_and_the_update_give_the_numbers_of_the_cpu():
    results = []
    for device in cpu, gpu(0):
        make, shape = CASES["net"]
        net, loss = make().to(device).astype(np.float64), SoftmaxCrossEntropy()
        sgd = SGD(net.parameters(), 0.1, weight_decay=0.1)
        losses = []
        for _ in range(3):
            losses.append(float(loss.forward(net.forward(distinct(*shape), train=True), np.arange(shape[0]) % 3)))
            net.backward(loss.backward())
            sgd.step()
        results.append([losses, *(device.tohost(p.value) for _, p in net.parameters()), net.predict(distinct(*shape))])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_two_trainings_are_the_same_bits(monkeypatch):
    """AlexNet, with the masks that a GPU draws."""
    monkeypatch.undo()                                                               # the fixture's masks of the host
    images, labels = np.random.default_rng(2).normal(0, 60, (8, 67, 67, 3)).astype(np.float32), np.arange(8) % 10
    results = []
    for _ in range(2):
        net = alexnet(columns=1, devices=gpu(0), rng=np.random.default_rng(0), **SMALL)
        for name, p in net.parameters():
            p.value *= 10 if name.endswith("W") else 0.1
        before, loss, sgd = gpu(0).tohost(net["conv1"].W.value), SoftmaxCrossEntropy(), SGD(net.parameters(), 0.1)
        for _ in range(5):
            last = loss.forward(net.forward(images, train=True), labels)
            net.backward(loss.backward())
            sgd.step()
        results.append([float(last), *(gpu(0).tohost(p.value) for _, p in net.parameters())])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.isfinite(results[0][0]) and not np.allclose(results[0][1], before)     # conv1 has learned


def test_columns_on_two_streams_give_the_numbers_of_the_cpu_and_the_same_traffic():
    x, results = np.random.default_rng(1).normal(size=(3, 4, 4, 2)), []
    for kind in "cpu", "streams":
        devices = pair(kind)
        net = small_net(devices, np.random.default_rng(0)).astype(np.float64)
        with traffic() as log:
            y = net.forward(x, train=True)
            dx = net.backward(y)
        results.append([devices[0].tohost(y), dx, *(p.device.tohost(p.grad) for _, p in net.parameters())])
        results[-1].append(np.array([crossing.bytes for crossing in log]))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("variant", ["paper", "source"])
def test_alexnet_on_two_streams_is_alexnet_on_the_cpu(variant):
    one = alexnet(columns=1, variant=variant, rng=np.random.default_rng(0), **SMALL).astype(np.float64)
    for name, p in one.parameters():
        p.value *= 10 if name.endswith("W") else 0.1
    two = convert(one, alexnet(devices=pair("streams"), variant=variant, rng=np.random.default_rng(1), **SMALL)
                  .astype(np.float64))
    images = np.random.default_rng(2).normal(0, 60, (3, 67, 67, 3))
    expected, device = one.forward(images, keep=True), two["fc8"].device
    np.testing.assert_allclose(device.tohost(two.forward(images, keep=True)), expected, rtol=1e-8)
    one.backward(expected)
    two.backward(device.asarray(expected))
    for name in "conv1", "conv3", "fc6":
        columns = [layer.device.tohost(layer.W.grad) for layer in (two[name].left, two[name].right)]
        np.testing.assert_allclose(np.concatenate(columns, axis=-1), one[name].W.grad, rtol=1e-7,
                                   atol=1e-10 * np.abs(one[name].W.grad).max())


@pytest.mark.parametrize("stream", [0, 1])
def test_columns_that_join_and_fork_again_do_not_overtake_one_another(stream):
    """What one stream has computed, the other reads only when it is there, and nobody writes over it before."""
    devices = left, right = pair("streams")
    net = Sequential(join=Join(devices[stream]), fork=Fork(devices))
    for _ in range(5):
        with devices[stream] as device:
            x = device.xp.ones((2048, 2048), np.float32)
            for _ in range(20):
                x = x @ x / 2048                                     # ones again, after a while
        y = net.forward(Pair((x, x), devices))
        with devices[stream]:
            del x
        for device, array in zip(devices, y, strict=True):
            assert (device.tohost(array) == 1).all()


def test_whoever_looks_on_is_told_on_the_stream_of_the_layer():
    """Else what the other column computes could be read before it is there."""
    devices, found = pair("streams"), {}
    net = small_net(devices, np.random.default_rng(0))
    current = devices[0].xp.cuda.get_current_stream
    net.forward(np.ones((3, 4, 4, 2), np.float32), seen=lambda name, *rest: found.update({name: current()}))
    for name, stream in found.items():
        side = name.rpartition(".")[2]
        assert side not in ("left", "right") or stream == devices[side == "right"].stream, name
    assert len(found) > 8


@pytest.mark.parametrize("count", [1, 6])
def test_columns_wait_for_one_another_at_crossings_only(monkeypatch, count):
    """In a graph the null stream is one of its own: who comes by there lets both columns wait."""
    waits, devices = [], pair("streams")
    moved = Recording.moved
    monkeypatch.setattr(Recording, "moved", lambda self, before, now: waits.append(
        (before or self.home) is not (now or self.home) and self.home in (before or self.home, now or self.home)
        ) or moved(self, before, now))
    layers = {f"relu{i}": Columns(ReLU(), ReLU()) for i in range(count)}
    net = Sequential(fork=Fork(devices), **layers, join=Join(devices[0]))
    x = np.ones((2, 3), np.float32)
    net.forward(x)
    graph = Graph(gpu(0), net.forward, x)
    assert sum(waits) <= 2
    assert (gpu(0).tohost(graph.launch(x)) == 1).all()
