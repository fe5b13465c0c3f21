"""Fork, Columns, Exchange, Join: what comes out, what goes back, what is sent, and that the two sides run at once."""
import threading

import numpy as np
import pytest
from naive import distinct

from tinynet import (
    Branches,
    Columns,
    Conv2d,
    Dropout,
    Exchange,
    Flatten,
    Fork,
    Identity,
    Join,
    Layer,
    Linear,
    ReLU,
    Sequential,
    Sum,
    Tanh,
    cpu,
    gaussian,
    gradcheck,
    pair,
    set_threads,
    simulated,
    traffic,
)
from tinynet.columns import Pair

KINDS = ["simulated", "cpu"]


@pytest.fixture(params=KINDS)
def devices(request):
    return pair(request.param)


def on(devices, *arrays):
    """Host arrays as a pair, one on each device."""
    return tuple(device.asarray(x) for device, x in zip(devices, arrays, strict=True))


def host(devices, values):
    return [device.tohost(x) for device, x in zip(devices, values, strict=True)]


def test_fork_gives_both_columns_the_same_array_and_adds_their_gradients(devices):
    x = np.array([[1.0, 2.0]])
    fork = Fork(devices)
    for y in host(devices, fork.forward(x, keep=True)):
        np.testing.assert_array_equal(y, x)
    dx = fork.backward(on(devices, np.array([[1.0, 10.0]]), np.array([[0.5, 5.0]])))
    np.testing.assert_array_equal(dx, [[1.5, 15.0]])


def test_fork_passes_on_that_a_first_layer_has_no_gradient(devices):
    fork = Fork(devices)
    fork.forward(np.ones((1, 2)), keep=True)
    assert fork.backward((None, None)) is None


def test_exchange_joins_left_first_and_sends_gradients_home():
    # left holds one channel, right two; worked out by hand
    devices = pair("simulated")
    exchange = Exchange()
    y = exchange.forward(on(devices, np.array([[1.0]]), np.array([[2.0, 3.0]])), keep=True)
    for side in host(devices, y):
        np.testing.assert_array_equal(side, [[1.0, 2.0, 3.0]])
    dx = exchange.backward(on(devices, np.array([[1.0, 2.0, 3.0]]), np.array([[10.0, 20.0, 30.0]])))
    left, right = host(devices, dx)
    np.testing.assert_array_equal(left, [[11.0]])
    np.testing.assert_array_equal(right, [[22.0, 33.0]])


def test_join_brings_both_onto_one_device_and_deals_the_gradient_out():
    devices = pair("simulated")
    join = Join(devices[1])
    y = join.forward(on(devices, np.array([[1.0]]), np.array([[2.0, 3.0]])), keep=True)
    assert devices[1].holds(y)
    np.testing.assert_array_equal(devices[1].tohost(y), [[1.0, 2.0, 3.0]])
    left, right = host(devices, join.backward(devices[1].asarray(np.array([[5.0, 6.0, 7.0]]))))
    np.testing.assert_array_equal(left, [[5.0]])
    np.testing.assert_array_equal(right, [[6.0, 7.0]])


@pytest.mark.parametrize("shape", [(3,), (1, 4), (2, 3, 4), (2, 3, 2, 4)])
@pytest.mark.parametrize("extra", [0, 3])
def test_gradients_for_any_number_of_dimensions_and_unequal_channels(devices, shape, extra):
    class Widen(Layer):
        """Repeats the first channel at the end, `extra` times: so that the columns differ in channels."""

        def forward(self, x, train=False, keep=False):
            xp = self.expect(x)
            self.remember(keep, x.shape[-1])
            return xp.concatenate([x, *[x[..., :1]] * extra], axis=-1)

        def backward(self, dy):
            (C,) = self.take()
            dx = dy[..., :C].copy()
            for i in range(extra):
                dx[..., :1] += dy[..., C + i:C + i + 1]
            return dx

    net = Sequential(fork=Fork(devices), a=Columns(Tanh(), Widen()), exchange=Exchange(), b=Columns(Tanh(), Tanh()),
                     join=Join(devices[0]))
    report = gradcheck(net, np.random.default_rng(0).normal(size=(1, *shape)))
    assert report["x"] < 1e-6


def small_net(devices, rng):
    a, b = devices
    return Sequential(
        fork=Fork(devices),
        conv1=Columns(Conv2d(2, 3, 3, rng=rng, device=a), Conv2d(2, 4, 3, rng=rng, device=b)),
        relu1=Columns(ReLU(), Tanh()), cross=Exchange(),
        conv2=Columns(Conv2d(7, 2, 2, rng=rng, device=a), Conv2d(7, 3, 2, rng=rng, device=b)),
        drop=Columns(Dropout(0.5, rng), Dropout(0.5, rng)),
        join=Join(a), flat=Flatten(), fc=Linear(5, 3, rng=rng, device=a))


def test_names_devices_and_placement(devices):
    net = small_net(devices, np.random.default_rng(0))
    names = [name for name, _ in net.parameters()]
    assert names[:4] == ["conv1.left.W", "conv1.left.b", "conv1.right.W", "conv1.right.b"]
    assert net["conv1"].device == devices
    net.forward(np.ones((1, 4, 4, 2), np.float32))
    assert net["relu1"].device == devices            # without weights: they went where their inputs live
    assert [name for name, _ in net.state()] == ["drop.left.rng", "drop.right.rng"]


def test_gradients_of_a_whole_net(devices):
    x = np.random.default_rng(1).normal(size=(2, 4, 4, 2))
    gradcheck(small_net(devices, np.random.default_rng(0)), x, samples=20)


def test_a_net_moves_to_another_pair():
    net = small_net(pair("cpu"), np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(2, 4, 4, 2)).astype(np.float32)
    before = net.forward(x)
    after = net.to(pair("simulated")).forward(x)
    np.testing.assert_allclose(simulated(0).tohost(after), before, rtol=1e-5, atol=1e-6)
    with pytest.raises(TypeError, match=r"fork \(Fork\): expected two devices, as pair\(\) gives them, got cpu"):
        net.to(cpu)
    with pytest.raises(TypeError, match=r"conv1 \(Columns\): expected two devices, as pair\(\) gives them, got cpu"):
        net["conv1"].to(cpu)
    with pytest.raises(TypeError, match=r"conv1 \(Columns\): expected two devices, .* got \(cpu, 'gpu'\)"):
        net["conv1"].to((cpu, "gpu"))
    assert {p.device.name for _, p in net["conv1"].parameters()} == {"simulated(0)", "simulated(1)"}


def test_a_net_that_cannot_move_stays_where_it_is():
    net = Sequential(c0=Conv2d(2, 2, 1), fork=Fork(pair("cpu")), c1=Columns(Conv2d(2, 2, 1), Conv2d(2, 2, 1)))
    with pytest.raises(TypeError, match=r"fork \(Fork\): expected two devices"):
        net.to(simulated(0))
    assert net.device is cpu and net["c0"].device is cpu and net["c0"].W.device is cpu


def test_what_is_sent_is_recorded_with_names_and_bytes(devices):
    net = small_net(devices, np.random.default_rng(0))
    left, right = (device.name for device in devices)
    with traffic() as log:
        y = net.forward(np.ones((2, 4, 4, 2), np.float32), keep=True)
    # cross: (2, 2, 2, 3) to the right, (2, 2, 2, 4) to the left; join: (2, 1, 1, 3) to the left; 4 bytes each
    assert log == [(left, right, 96, "cross"), (right, left, 128, "cross"), (right, left, 24, "join")]
    with traffic() as log:
        net.backward(y)
    assert sorted(log) == sorted([(left, right, 24, "join"), (right, left, 96, "cross"), (left, right, 128, "cross"),
                                  (right, left, 256, "fork")])


def test_forking_an_array_of_one_device_sends_it_to_the_other():
    left, right = pair("simulated")
    with traffic() as log:
        Fork((left, right)).forward(left.asarray(np.ones((1, 3), np.float32)))
    assert [tuple(crossing)[:3] for crossing in log] == [("simulated(0)", "simulated(1)", 12)]


@pytest.mark.parametrize("here", [0, 1])
def test_each_column_has_an_array_of_its_own_and_the_gradient_goes_where_the_array_came_from(here):
    devices = pair("simulated")
    fork, x = Fork(devices), devices[here].asarray(np.array([[1.0, 2.0]]))
    y = fork.forward(x, keep=True)
    assert y[here] is x
    for array in host(devices, y):
        np.testing.assert_array_equal(array, [[1.0, 2.0]])
    dx = fork.backward(on(devices, np.array([[1.0, 10.0]]), np.array([[0.5, 5.0]])))
    np.testing.assert_array_equal(devices[here].tohost(dx), [[1.5, 15.0]])


def test_two_columns_on_one_device_do_not_share_an_array():
    device = simulated(0)
    x = device.asarray(np.ones((1, 2)))
    left, right = Fork((device, device)).forward(x)
    assert left is x and right is not x
    with device:
        right += 1
    np.testing.assert_array_equal(device.tohost(x), [[1.0, 1.0]])


@pytest.mark.parametrize("second", [0, 1])
def test_gradients_of_columns_that_join_and_fork_again(devices, second):
    net = Sequential(fork=Fork(devices), a=Columns(Tanh(), Tanh()), join=Join(devices[second]), again=Fork(devices),
                     b=Columns(Tanh(), Tanh()), join2=Join(devices[0]))
    gradcheck(net, np.random.default_rng(0).normal(size=(2, 3)))


class Meet(Layer):
    """Waits until the other column is here too."""

    def __init__(self, barrier):
        self.barrier = barrier

    def forward(self, x, train=False, keep=False):
        self.barrier.wait(timeout=10)
        return x

    backward = forward


@pytest.mark.parametrize("threads", [2, 3])
def test_the_columns_run_at_the_same_time(devices, threads):
    set_threads(threads)
    barrier = threading.Barrier(2)
    columns = Columns(Meet(barrier), Meet(barrier))
    columns.backward(columns.forward(on(devices, np.ones(1), np.ones(1))))   # alone, either would wait in vain


def test_one_thread_launches_both_columns_where_devices_are_asynchronous(monkeypatch):
    class Where(Layer):
        def forward(self, x, train=False, keep=False):
            threads.append(threading.get_ident())
            return x

        def backward(self, dy):
            threads.append(threading.get_ident())
            return dy

    devices, threads = pair("simulated"), []
    monkeypatch.setattr(devices[0], "asynchronous", True, raising=False)
    set_threads(2)
    columns = Columns(Where(), Where())
    columns.backward(columns.forward(on(devices, np.ones(1), np.ones(1))))
    assert threads == 4 * [threading.get_ident()]


class Fail(Layer):
    def forward(self, x, train=False, keep=False):
        raise ValueError("this column fails")


@pytest.mark.parametrize("left, right", [(Fail, ReLU), (ReLU, Fail), (Fail, Fail)])
def test_an_error_in_a_column_reaches_the_caller_and_the_next_call_works(devices, left, right):
    x = on(devices, np.ones((1, 2)), np.ones((1, 2)))
    with pytest.raises(ValueError, match="this column fails"):
        Columns(left(), right()).forward(x)
    Columns(ReLU(), ReLU()).forward(x)


def test_both_kinds_of_devices_and_any_number_of_threads_give_the_same_numbers():
    x = np.random.default_rng(1).normal(size=(5, 4, 4, 2))
    results = []
    for kind in KINDS:
        for threads in 1, 2, 4:
            set_threads(threads)
            net = small_net(pair(kind), np.random.default_rng(0)).astype(np.float64)
            y = net.forward(x, train=True)
            dx = net.backward(y)
            results.append([net["fc"].device.tohost(y), dx, *(p.device.tohost(p.grad) for _, p in net.parameters())])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-12)


def test_what_is_no_pair_is_refused():
    for layer in Columns(ReLU(), ReLU()), Exchange(), Join(cpu):
        layer.rename("cross3")
        with pytest.raises(TypeError, match=r"cross3 \(.*\): expected a pair of arrays for x.*Fork makes one.*ndarray"):
            layer.forward(np.ones((1, 2)))
    with pytest.raises(TypeError, match="Fork: expected two devices"):
        Fork(cpu)


def test_maps_of_two_sizes_cannot_be_joined(devices):
    x = on(devices, np.ones((1, 3, 3, 2)), np.ones((1, 4, 3, 2)))
    for layer in Exchange(), Join(devices[0]):
        layer.rename("to_fc6")
        with traffic() as log, pytest.raises(ValueError, match=r"to_fc6 .*: expected maps of one size in both columns, "
                                             r".* got \(1, 3, 3, 2\) and \(1, 4, 3, 2\)"):
            layer.forward(x)
        assert not log


def test_backward_needs_a_forward_that_kept(devices):
    x = on(devices, np.ones((1, 2)), np.ones((1, 2)))
    for layer, dy in (Exchange(), x), (Join(devices[0]), x[0]), (Fork(devices), x):
        layer.forward(np.ones((1, 2)) if isinstance(layer, Fork) else x)
        with pytest.raises(RuntimeError, match="backward has nothing to work from"):
            layer.backward(dy)


@pytest.mark.parametrize("wrong, error, message", [
    (lambda dy: dy[:, :-1], ValueError, r"expected .*dy of shape \(2, [37].*, got \(2, [26]\)"),
    (lambda dy: dy[:1], ValueError, r"dy .*got \(1, [37]\)"),
    (lambda dy: dy.astype(np.float32), TypeError, "float64 .*got float32")])
def test_a_gradient_that_is_not_its_outputs_is_refused(devices, wrong, error, message):
    x = on(devices, np.ones((2, 3)), np.ones((2, 4)))
    for layer, given in (Exchange(), x), (Join(devices[0]), x), (Fork(devices), np.ones((2, 3))):
        y = layer.forward(given, keep=True)
        dy = Pair((wrong(part) for part in y), y.devices) if isinstance(y, Pair) else wrong(y)
        with pytest.raises(error, match=message):
            layer.backward(dy)


def test_forgetting_to_send_raises_on_simulated_devices():
    a, b = pair("simulated")
    net = Sequential(fork=Fork((a, b)), conv=Columns(Conv2d(2, 2, 1, device=a), Conv2d(2, 2, 1, device=b)))
    left, right = net.forward(np.ones((1, 2, 2, 2), np.float32))
    with pytest.raises(ValueError, match=r"the layer is on simulated\(0\), x on simulated\(1\)"):
        net["conv"].left.forward(right)
    with pytest.raises(ValueError, match=r"simulated\(0\)"):
        left + right


def in_columns():
    start = {"weight_init": gaussian(0.5), "rng": np.random.default_rng(0)}
    return Sequential(fork=Fork(pair("cpu")), conv=Columns(Conv2d(3, 2, 1, **start), Conv2d(3, 1, 1, **start)),
                      join=Join(cpu))


@pytest.mark.parametrize("net, channels", [
    (lambda: Sum(columns=in_columns(), shortcut=Identity()), 3),
    (lambda: Branches(columns=in_columns(), shortcut=Identity()), 6),
    (lambda: Sequential(fork=Fork(pair("cpu")), c=Columns(in_columns(), Identity()), join=Join(cpu)), 6),
    (lambda: Sequential(fork=Fork(pair("cpu")), c=Columns(Identity(), in_columns()), join=Join(cpu)), 6)])
def test_columns_within_branches_and_columns(net, channels):
    net, x = net().astype(np.float64), distinct(1, 3, 3, 3)
    assert net.forward(x).shape == (1, 3, 3, channels)
    gradcheck(net, x)
