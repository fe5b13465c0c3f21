"""What a GPU has recorded it does again, with other numbers; what cannot be recorded is refused."""
import numpy as np
import pytest

from tinynet import Conv2d, Dropout, Linear, Sequential, free_memory, gpu, pair
from tinynet.devices import cuda
from tinynet.devices.crossing import send
from tinynet.devices.graph import Graph, NotRecorded, each_time, recording

pytestmark = [pytest.mark.gpu,
              pytest.mark.skipif(cuda.gpu_count() == 0, reason="needs CuPy and a CUDA device, found none")]


@pytest.fixture
def numbers():
    return np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


def net():
    return Sequential(fc1=Linear(6, 5, rng=np.random.default_rng(0)), drop=Dropout(rng=np.random.default_rng(1)),
                      fc2=Linear(5, 3, rng=np.random.default_rng(2))).to(gpu(0))


@pytest.mark.parametrize("host", [True, False])
def test_a_launch_computes_with_what_it_is_given(numbers, host):
    device = gpu(0)

    def double(x):
        x = device.asarray(x)
        with device:
            return 2 * x + 1
    given = [numbers, -numbers, 3 * numbers]
    if not host:
        given = list(map(device.asarray, given))
    double(given[0])
    graph = Graph(device, double, given[0])
    for x in given:
        y = graph.launch(x)
        assert y is graph.result
        np.testing.assert_array_equal(device.tohost(y), 2 * (x if host else device.tohost(x)) + 1)


def test_forward_and_backward_are_what_they_were(numbers):
    results = []
    for recorded in False, True:
        layers, found = net(), []

        def work(x, layers=layers):
            y = layers.forward(x, train=True)
            layers.backward(y)
            return y
        work(numbers)
        graph = Graph(gpu(0), work, numbers) if recorded else None
        for i in range(3):
            y = graph.launch(numbers * i) if graph else work(numbers * i)
            found += [gpu(0).tohost(y), *(gpu(0).tohost(p.grad) for _, p in layers.parameters())]
        results.append(found)
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_nothing_is_computed_while_it_is_recorded(numbers):
    device = gpu(0)
    total = device.asarray(np.zeros_like(numbers))

    def add(x):
        with device:
            total[...] += x
    add(device.asarray(numbers))
    graph = Graph(device, add, device.asarray(numbers))
    np.testing.assert_array_equal(device.tohost(total), numbers)
    graph.launch(numbers)
    np.testing.assert_array_equal(device.tohost(total), 2 * numbers)


def test_what_is_drawn_is_drawn_each_time(numbers):
    device, drawn = gpu(0), []

    def draw(mask):
        drawn.append(len(drawn) + 1)
        mask[...] = drawn[-1]

    def work(x):
        with device:
            mask = device.xp.empty(x.shape, x.dtype)
            each_time(mask, draw)
            return x * mask
    x = device.asarray(np.ones_like(numbers))
    work(x)
    graph = Graph(device, work, x)
    assert drawn == [1]
    for i in 2, 3:
        np.testing.assert_array_equal(device.tohost(graph.launch(x)), np.full_like(numbers, i))


def test_two_streams_begin_and_end_with_the_first(numbers):
    left, right = pair("streams")

    def work(x):
        there = send(x, right)
        with right:
            there *= 2
        home = send(there, left, source=right)
        with left:
            y = home + 1
        with right:
            there *= 2                                           # what nobody waits for comes back, too
        return y, there
    x = gpu(0).asarray(numbers)
    work(x)
    graph = Graph(gpu(0), work, x)
    for i in range(3):
        y, there = graph.launch(gpu(0).asarray(i * numbers))
        np.testing.assert_array_equal(gpu(0).tohost(y), 2 * i * numbers + 1)
        np.testing.assert_array_equal(gpu(0).tohost(there), 4 * i * numbers)


def test_it_is_recorded_also_by_a_thread_that_is_on_the_gpu(numbers):
    device = gpu(0)

    def double(x):
        with device:
            return 2 * x
    with device:
        double(device.asarray(numbers))
        graph = Graph(device, double, device.asarray(numbers))
        after = 3 * device.asarray(numbers)
        np.testing.assert_array_equal(device.tohost(graph.launch(numbers)), 2 * numbers)
    np.testing.assert_array_equal(device.tohost(after), 3 * numbers)


def test_arrays_of_others_share_no_memory_with_it(numbers):
    """What is made between two launches, of the sizes that the graph has let go of."""
    device = gpu(0)

    def work(x):
        with device:
            for _ in range(5):
                x = x + 1
            return x
    work(device.asarray(numbers))
    graph = Graph(device, work, device.asarray(numbers))
    with device:
        others = [device.xp.full(numbers.shape, i, np.float32) for i in range(20)]
    np.testing.assert_array_equal(device.tohost(graph.launch(numbers)), numbers + 1 + 1 + 1 + 1 + 1)
    for i, other in enumerate(others):
        assert (device.tohost(other) == i).all()


def test_a_graph_that_is_gone_gives_its_memory_back(numbers):
    device = gpu(0)

    def work(x):
        with device:
            return 2 * x + 1
    work(device.asarray(numbers))
    graph = Graph(device, work, device.asarray(numbers))
    pool, y = graph._recording._pool, graph.launch(numbers)
    assert 0 < pool.nbytes <= graph.nbytes
    del graph
    np.testing.assert_array_equal(device.tohost(y), 2 * numbers + 1)                 # somebody has a part of it
    del y
    free_memory()
    assert pool.nbytes == 0


@pytest.mark.parametrize("what", ["a number is read", "an array comes from the host", "an array goes to the host"])
def test_what_cannot_be_recorded_is_refused(numbers, what):
    device = gpu(0)

    def work(x):
        with device:
            number = x[0, 0]
        if what == "a number is read":
            return float(number)                                 # wherever the thread is
        with device:
            return x + device.asarray(np.ones((4, 6), np.float32)) if "from" in what else device.tohost(x)
    work(device.asarray(numbers))
    with pytest.raises(NotRecorded, match="cannot be recorded"):
        Graph(device, work, device.asarray(numbers))
    assert recording() is None
    with device:
        np.testing.assert_array_equal(device.tohost(2 * device.asarray(numbers)), 2 * numbers)  # all is as before


@pytest.mark.parametrize("within", [True, False])
def test_where_the_work_waits_all_is_as_before_afterwards(numbers, within):
    """CUDA then refuses whatever is asked for in the recording."""
    device, (left, _) = gpu(0), pair("streams")

    def work(x):
        with device if within else left:
            x = x + 1
            with left:
                x = x + 1
                left.synchronize()
        return x
    work(device.asarray(numbers))
    with pytest.raises(NotRecorded, match="cannot be recorded"):
        Graph(device, work, device.asarray(numbers))
    assert recording() is None and device.xp.cuda.get_current_stream() == device.xp.cuda.Stream.null
    np.testing.assert_array_equal(device.tohost(2 * device.asarray(numbers)), 2 * numbers)


def test_an_array_that_is_given_twice(numbers):
    device = gpu(0)

    def less(a, b):
        a, b = device.asarray(a), device.asarray(b)
        with device:
            return a - b
    less(numbers, numbers)
    graph = Graph(device, less, numbers, numbers)
    np.testing.assert_array_equal(device.tohost(graph.launch(3 * numbers, numbers)), 3 * numbers - numbers)


def test_other_errors_are_what_they_were(numbers):
    device = gpu(0)

    def work(x):
        with device:
            x = 2 * x
            raise KeyError("conv1")
    with pytest.raises(KeyError, match="conv1"):
        Graph(device, work, device.asarray(numbers))
    assert recording() is None and (device.tohost(device.asarray(numbers)) == numbers).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_that_are_recorded_are_those_that_are_not(dtype):
    """Groups: a batch of products; a kernel of 1x1: one product without windows as rows."""
    images = np.random.default_rng(3).normal(size=(2, 7, 7, 4)).astype(dtype)
    layers = Sequential(conv1=Conv2d(4, 6, 3, groups=2, rng=np.random.default_rng(0)),
                        conv2=Conv2d(6, 4, 1, rng=np.random.default_rng(1))).to(gpu(0)).astype(dtype)
    expected = gpu(0).tohost(layers.forward(images))
    graph = Graph(gpu(0), layers.forward, images)
    bound = 1e-4 if dtype == np.float32 else 1e-9
    np.testing.assert_allclose(gpu(0).tohost(graph.launch(images)), expected, rtol=bound, atol=bound)
