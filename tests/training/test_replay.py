"""Steps that a GPU repeats by itself are those that it is asked for."""
import numpy as np
import pytest

from tinynet import (
    SGD,
    Adam,
    BatchNorm2d,
    Branches,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    MeanSquaredError,
    ReLU,
    ScaledTanh,
    Sequential,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    Tanh,
    clip_gradients,
    cpu,
    device_of,
    gpu,
    pair,
    traffic,
)
from tinynet.data import Loader, Split
from tinynet.devices import cuda
from tinynet.devices.graph import Graph, NotRecorded
from tinynet.distributed import Alone
from tinynet.models import alexnet
from tinynet.models.googlenet import GoogLeNetLoss
from tinynet.training import replay
from tinynet.training.lr_finder import find_lr
from tinynet.training.schedule import Steps
from tinynet.training.train import train, wrong_answers

on_a_gpu = pytest.mark.skipif(cuda.gpu_count() == 0, reason="needs CuPy and a CUDA device, found none")
IMAGES = np.random.default_rng(7).normal(size=(36, 6, 6, 2)).astype(np.float32)  # batches of 8, and one of 4


def small():
    rng = np.random.default_rng(0)
    return Sequential(conv1=Conv2d(2, 4, 3, bias=False, rng=rng), norm1=BatchNorm2d(4), relu1=ReLU(), flat=Flatten(),
                      fc1=Linear(64, 8, rng=rng), relu2=ReLU(), drop=Dropout(rng=rng), fc2=Linear(8, 3, rng=rng))


def columns():
    net = alexnet(devices=pair("streams"), rng=np.random.default_rng(0), classes=3, input_size=67,
                  kernels=(4, 4, 4, 4, 4), hidden=8)
    for name, p in net.parameters():
        p.value *= 10 if name.endswith("W") else 0.1
    return net


def go(graph, net=None, optimizer=SGD, images=IMAGES, labels=None, epochs=3, rate=0.1, device=True, **options):
    """The records of a training, the parameters and the running averages afterwards."""
    net = net or small().to(gpu(0))
    labels = np.arange(len(images)) % 3 if labels is None else labels
    loader = Loader(Split(images, labels), 8, np.random.default_rng(1), **({"device": gpu(0)} if device else {}))
    best = optimizer(net.parameters(), rate)
    if options.get("before_step") == "clip":
        options["before_step"] = clip_gradients(best, 0.1)
    history = train(net, best, loader, epochs, graph=graph, **options)
    numbers = [p.device.tohost(p.value) for _, p in net.parameters()]
    return history, numbers + [device_of(s).tohost(s) for _, s in net.state()
                               if not isinstance(s, np.random.Generator)]


def expect_the_same(one, other):
    """The same numbers. (cuBLAS may choose another way to multiply where it is given memory to work in.)"""
    for a, b in zip(one[0], other[0], strict=True):
        assert a.keys() == b.keys()
        for name in a.keys() & {"train_loss", "train_error", "grad_norm", "lr"}:
            assert a[name] == pytest.approx(b[name], rel=1e-3), name
    for a, b in zip(one[1], other[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


@pytest.fixture
def launches(monkeypatch):
    """How many graphs were recorded, and how often they were launched."""
    found = {"recorded": 0, "launched": 0}

    class Counted(Graph):
        def __init__(self, *args):
            super().__init__(*args)
            found["recorded"] += 1

        def launch(self, *args):
            found["launched"] += 1
            return super().launch(*args)
    monkeypatch.setattr(replay, "Graph", Counted)
    return found


@pytest.mark.gpu
@on_a_gpu
@pytest.mark.parametrize("options", [
    {}, {"device": False}, {"optimizer": Adam, "rate": 0.01}, {"before_step": "clip"},
    {"schedule": lambda: Steps(0.1, at=(2, 3))}], ids=lambda options: ", ".join(options) or "as they are")
def test_a_training_is_what_it_was(launches, options):
    """In each of three epochs four batches of 8 images and one of 4: of the 12, the first is as always."""
    made = [{name: value() if name == "schedule" else value for name, value in options.items()} for _ in range(2)]
    expect_the_same(go(False, **made[0]), go(True, **made[1]))
    assert launches == {"recorded": 1, "launched": 11}


@pytest.mark.gpu
@on_a_gpu
def test_two_columns(launches):
    images = np.random.default_rng(2).normal(0, 60, (20, 67, 67, 3)).astype(np.float32)
    results, logs = [], []
    for graph in False, True:
        with traffic() as log:
            results.append(go(graph, columns(), images=images, rate=0.01, epochs=2))
        logs.append(log)
    expect_the_same(*results)
    assert launches == {"recorded": 1, "launched": 3}
    assert logs[0] == logs[1] and len(logs[0]) > 0


class Thrice(Layer):
    """A net with three outputs, as GoogLeNet is in training."""

    def forward(self, x, train=False, keep=False):
        self.expect(x)
        return x, 2 * x, 3 * x

    def backward(self, dy):
        return dy[0] + 2 * dy[1] + 3 * dy[2]


@pytest.mark.gpu
@on_a_gpu
def test_three_outputs_and_their_loss(launches):
    def net():
        fc = Linear(72, 3, rng=np.random.default_rng(0))
        return Sequential(flat=Flatten(), fc=fc, thrice=Thrice()).to(gpu(0))
    expect_the_same(*(go(graph, net(), rate=0.01, loss=GoogLeNetLoss()) for graph in (False, True)))
    assert launches == {"recorded": 1, "launched": 11}


@pytest.mark.gpu
@on_a_gpu
def test_numbers_for_labels(launches):
    def net():
        return Sequential(flat=Flatten(), fc=Linear(72, 2, rng=np.random.default_rng(0))).to(gpu(0))
    targets = np.random.default_rng(3).normal(size=(36, 2)).astype(np.float32)
    expect_the_same(*(go(graph, net(), labels=targets, rate=0.01, loss=MeanSquaredError()) for graph in (False, True)))
    assert launches["launched"] == 11


@pytest.mark.gpu
@on_a_gpu
def test_two_trainings_are_the_same_bits():
    for a, b in zip(*(go(True)[1] for _ in range(2)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.gpu
@on_a_gpu
def test_a_layer_that_is_frozen_meanwhile_stays_what_it_is(launches):
    def freeze(net):
        def on_batch(progress):
            if (progress.epoch, progress.batch) == (2, 1):
                net.freeze("conv1")
        return on_batch
    nets = [small().to(gpu(0)) for _ in range(2)]
    expect_the_same(*(go(graph, net, on_batch=freeze(net)) for graph, net in zip((False, True), nets, strict=True)))
    assert launches["recorded"] == 2


@pytest.mark.gpu
@on_a_gpu
def test_labels_out_of_range_are_found_in_every_step(launches):
    labels = np.arange(36) % 3
    labels[np.random.default_rng(1).permutation(36)[24:32]] = 3  # in the fourth batch
    with pytest.raises(ValueError, match="expected labels from 0 to 2, got 3 to 3"):
        go(True, labels=labels)
    assert launches == {"recorded": 1, "launched": 3}                                # the last one to be refused


@pytest.mark.gpu
@on_a_gpu
def test_what_may_be_there_beside_others(launches):
    """Targets that are whole numbers, and no labels."""
    targets = (np.random.default_rng(3).random((36, 3)) < 0.5).astype(np.uint8)
    expect_the_same(*(go(graph, labels=targets, loss=SigmoidCrossEntropy()) for graph in (False, True)))
    assert launches == {"recorded": 1, "launched": 11}
    targets[np.random.default_rng(1).permutation(36)[24:32]] = 5
    with pytest.raises(ValueError, match="expected targets of 0 and 1, got 5 to 5"):
        go(True, labels=targets, loss=SigmoidCrossEntropy())


@pytest.mark.gpu
@on_a_gpu
def test_other_generators(launches):
    def net():
        rng = np.random.Generator(np.random.Philox(3))                               # its state holds arrays
        return Sequential(flat=Flatten(), drop=Dropout(rng=rng), fc=Linear(72, 3, rng=rng)).to(gpu(0))
    expect_the_same(*(go(graph, net(), rate=0.01) for graph in (False, True)))
    assert launches == {"recorded": 1, "launched": 11}


class Squares:
    """A loss of one's own, which enters no device: what it computes is the null stream's."""

    def forward(self, scores, labels):
        self.scores = scores
        return (scores * scores).mean()

    def backward(self):
        return 2 * self.scores / self.scores.size


@pytest.mark.gpu
@on_a_gpu
def test_a_loss_that_enters_no_device(launches):
    images = np.random.default_rng(2).normal(0, 60, (20, 67, 67, 3)).astype(np.float32)
    expect_the_same(*(go(graph, columns(), images=images, rate=0.01, epochs=2, loss=Squares())
                      for graph in (False, True)))
    assert launches == {"recorded": 1, "launched": 3}


@pytest.mark.gpu
@on_a_gpu
def test_a_metric_that_gives_a_number_of_its_own_is_refused():
    with pytest.raises(NotRecorded, match="a number that the GPU has not computed"):
        go(True, metric=lambda scores, labels: 1)


class Noise(Layer):
    """Draws on the host, and brings it over or does not."""

    def __init__(self, brings):
        self.brings, self.rng = brings, np.random.default_rng(0)

    def forward(self, x, train=False, keep=False):
        xp = self.expect(x)
        noise = self.rng.random(x.shape[-1:], np.float32)
        return x + self.device.asarray(noise) if self.brings else xp.multiply(x, float(noise[0]))

    def backward(self, dy):
        return dy

    def state(self):
        return [("rng", self.rng)]


@pytest.mark.gpu
@on_a_gpu
@pytest.mark.parametrize("brings, message", [(True, "brought from the host"), (False, "draws random numbers")])
def test_a_layer_that_draws_on_the_host_is_refused(brings, message):
    net = Sequential(flat=Flatten(), noise=Noise(brings), fc=Linear(72, 3, rng=np.random.default_rng(0))).to(gpu(0))
    with pytest.raises(NotRecorded, match=message):
        go(True, net)


@pytest.mark.gpu
@on_a_gpu
def test_what_is_tinynets_own_is_repeated_without_a_word(launches):
    expect_the_same(go(False), go(None))
    assert launches == {"recorded": 1, "launched": 11}


@pytest.mark.gpu
@on_a_gpu
@pytest.mark.parametrize("options", [
    {"loss": Squares()}, {"metric": lambda scores, labels: (scores.argmax(axis=1) != 0).sum()}, {"accumulate": 2}],
    ids=", ".join)
def test_what_is_ones_own_and_parts_of_steps_are_not(launches, options):
    expect_the_same(go(False, rate=0.01, **options), go(None, rate=0.01, **options))
    assert launches == {"recorded": 0, "launched": 0}


@pytest.mark.gpu
@on_a_gpu
def test_a_layer_of_ones_own_is_not_repeated_unless_one_says_so(launches):
    def net():
        fc = Linear(72, 3, rng=np.random.default_rng(0))
        return Sequential(flat=Flatten(), fc=fc, noise=Noise(brings=False)).to(gpu(0))
    expect_the_same(*(go(graph, net(), rate=0.01) for graph in (False, None)))
    assert launches == {"recorded": 0, "launched": 0}


@pytest.mark.gpu
@on_a_gpu
@pytest.mark.parametrize("brings", [True, False])
def test_what_cannot_be_recorded_after_all_is_computed_as_always(monkeypatch, capsys, brings):
    """With the draws that it would have had."""
    monkeypatch.setattr(replay, "_of_tinynet", lambda part: True)

    def net():
        fc = Linear(72, 3, rng=np.random.default_rng(0))
        return Sequential(flat=Flatten(), noise=Noise(brings), drop=Dropout(rng=np.random.default_rng(1)), fc=fc
                          ).to(gpu(0))
    expect_the_same(*(go(graph, net(), rate=0.01) for graph in (False, None)))
    assert capsys.readouterr().out.count("gpu(0) does not repeat these steps by itself: ") == 1


@pytest.mark.gpu
@on_a_gpu
def test_a_library_that_is_not_found_ends_no_training(monkeypatch, capsys):
    def missing(version):
        raise OSError("libcublas.so: cannot open shared object file")
    monkeypatch.setattr("tinynet.fast.cuda.recorded_blas.of_version", missing)
    expect_the_same(go(False), go(None))
    assert "gpu(0) does not repeat these steps by itself: libcublas.so: cannot open" in capsys.readouterr().out
    with pytest.raises(OSError, match="libcublas"):
        go(True)


@pytest.mark.gpu
@on_a_gpu
def test_a_graph_leaves_as_much_memory_as_it_takes_or_is_given_up(monkeypatch, capsys, launches):
    monkeypatch.setattr(Graph, "nbytes", 1000)
    monkeypatch.setattr(replay, "room", lambda index: 999)
    expect_the_same(go(False), go(None))
    assert launches == {"recorded": 1, "launched": 0}
    assert "repeat these steps by itself: it takes 1,000 bytes, and leaves 999" in capsys.readouterr().out
    go(True)                                                                         # who wants it gets it
    assert launches == {"recorded": 2, "launched": 11}


def mixed():
    """With a layer inside a layer that holds others in a dictionary."""
    rng = np.random.default_rng(0)
    both = Branches(a=Conv2d(2, 2, 3, rng=rng), b=Sequential(conv=Conv2d(2, 2, 3, rng=rng), relu=ReLU()))
    return Sequential(mix=both, flat=Flatten(), drop=Dropout(rng=rng), fc=Linear(64, 3, rng=rng)).to(gpu(0))


def at_once(change):
    """An `on_batch` that changes the net after the first batch of the second epoch."""
    return lambda net: lambda progress: change(net) if (progress.epoch, progress.batch) == (2, 1) else None


def doubled(net):
    """A method of one's own in place of a layer's."""
    flat, forward = net["flat"], net["flat"].forward
    flat.forward = lambda x, train=False, keep=False: 2 * forward(x, train, keep)


def squashed():
    net = small()
    net["relu2"] = ScaledTanh()
    return net


CHANGES = [  # how a net is changed, and which
    (small, lambda net: setattr(net["drop"], "p", 0.9)), (small, lambda net: net.__setitem__("relu2", Tanh())),
    (small, lambda net: net.layers.__setitem__("relu2", Tanh())), (small, lambda net: gpu(0, tf32=True) and None),
    (mixed, lambda net: net["mix"].branches.__setitem__("b", net["mix"].branches["b"]["conv"])),
    (small, doubled), (mixed, lambda net: setattr(net["mix"].branches["a"], "input_grad", False)),
    (small, lambda net: net.layers.__setitem__("more", Tanh())),
    (small, lambda net: net.layers.__setitem__("relu1", net.layers.pop("relu1"))),   # goes to the end
    (squashed, lambda net: setattr(net["relu2"], "A", 0.5))]


@pytest.mark.gpu
@on_a_gpu
@pytest.mark.parametrize("net, change", CHANGES, ids=range(len(CHANGES)))
def test_what_is_set_to_something_else_is_recorded_anew(launches, net, change):
    results = []
    for graph in False, None:
        one = net().to(gpu(0))
        results.append(go(graph, one, on_batch=at_once(change)(one)))
        gpu(0, tf32=False)
    expect_the_same(*results)
    assert launches["recorded"] == 2


@pytest.mark.gpu
@on_a_gpu
def test_a_method_of_ones_own_is_not_repeated(launches):
    nets = [small().to(gpu(0)) for _ in range(2)]
    for net in nets:
        doubled(net)
    expect_the_same(*(go(graph, net) for graph, net in zip((False, None), nets, strict=True)))
    assert launches["recorded"] == 0


@pytest.mark.gpu
@on_a_gpu
def test_a_net_that_is_changed_in_every_step_is_not_recorded_for_ever(launches, capsys):
    def weaker(net):
        return lambda progress: setattr(net["drop"], "p", 0.99 * net["drop"].p)
    nets = [small().to(gpu(0)) for _ in range(2)]
    expect_the_same(*(go(graph, net, epochs=5, on_batch=weaker(net))
                      for graph, net in zip((False, None), nets, strict=True)))
    assert launches["recorded"] == replay.IN_VAIN
    assert capsys.readouterr().out.count("by itself: the net is changed too often") == 1


@pytest.mark.gpu
@on_a_gpu
def test_batches_that_stay_of_another_size_are_recorded(launches):
    loader = Loader(Split(IMAGES, np.arange(36) % 3), 8, np.random.default_rng(1))
    net, sizes = small().to(gpu(0)), iter([8] * 6 + [6] * 6)

    def epoch(skip=0):
        for size in sizes:
            yield IMAGES[:size], np.arange(size) % 3
    loader.epoch = epoch
    train(net, SGD(net.parameters(), 0.1), loader, 1)
    assert launches == {"recorded": 2, "launched": 5 + 3}                            # 8: all but one; 6: all but three


@pytest.mark.gpu
@on_a_gpu
@pytest.mark.parametrize("heads", [1, 3])
def test_hooks_see_the_gradients_and_the_answers_of_the_batch(launches, monkeypatch, heads):
    """Those of parameters that nobody trains, too."""
    monkeypatch.setattr(replay, "_of_tinynet", lambda part: True)

    def seen(graph):
        net, loss, found = small().to(gpu(0)), SoftmaxCrossEntropy(), []
        if heads == 3:
            net, loss = Sequential(**net.layers, thrice=Thrice()), GoogLeNetLoss()
        fc1, fc2 = net["fc1"].W, net["fc2"].W
        fc1.grad = None

        def note():
            found.extend(gpu(0).tohost(array) for array in (fc1.grad, fc2.grad, loss.probs))
            fc1.grad = None
        loader = Loader(Split(IMAGES, np.arange(36) % 3), 8, np.random.default_rng(1))
        train(net, SGD(net["fc2"].parameters(), 0.1), loader, 3, loss=loss, before_step=note, graph=graph)
        return found
    for a, b in zip(seen(False), seen(None), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    assert launches == {"recorded": 1, "launched": 11}


@pytest.mark.gpu
@on_a_gpu
def test_answers_that_are_kept_are_not_written_over(launches):
    def kept(graph):
        net, loss, found = small().to(gpu(0)), SoftmaxCrossEntropy(), []
        loader = Loader(Split(IMAGES[:32], np.arange(32) % 3), 8, np.random.default_rng(1))
        train(net, SGD(net.parameters(), 0.1), loader, 2, loss=loss, graph=graph,
              on_batch=lambda progress: found.append(loss.probs) and None)
        return [gpu(0).tohost(probs) for probs in found]
    for a, b in zip(kept(False), kept(None), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    assert launches == {"recorded": 1, "launched": 7}


@pytest.mark.gpu
@on_a_gpu
def test_a_net_that_is_moved_to_the_cpu_goes_on_there(capsys):
    nets = [small().to(gpu(0)) for _ in range(2)]
    moved = at_once(lambda net: net.to(cpu) and None)
    expect_the_same(*(go(graph, net, device=False, on_batch=moved(net))
                      for graph, net in zip((False, None), nets, strict=True)))
    assert "expected a net on one, got one on cpu" in capsys.readouterr().out


@pytest.mark.gpu
@on_a_gpu
def test_labels_in_a_list_are_computed_as_always(launches):
    net = small().to(gpu(0))
    loader = Loader(Split(IMAGES, np.arange(36) % 3), 8, np.random.default_rng(1))
    loader.epoch = lambda skip=0: iter([(IMAGES[:8], [0, 1, 2, 0, 1, 2, 0, 1])] * 4)
    train(net, SGD(net.parameters(), 0.1), loader, 1, metric=wrong_answers)
    assert launches["recorded"] == 0


@pytest.mark.gpu
@on_a_gpu
def test_the_search_for_a_rate_waits_in_each_step_and_records_none(launches, capsys):
    net = small().to(gpu(0))
    loader = Loader(Split(IMAGES, np.arange(36) % 3), 8, np.random.default_rng(1), device=gpu(0))
    find_lr(net, SGD(net.parameters(), 0.1), loader, steps=12)
    assert launches["recorded"] == 0 and "repeat" not in capsys.readouterr().out


@pytest.mark.gpu
@on_a_gpu
def test_the_error_is_that_of_the_batch_where_one_wants_a_graph():
    labels = np.arange(36) % 3
    labels[np.random.default_rng(1).permutation(36)[8:16]] = 3                       # in the second, to be recorded
    with pytest.raises(ValueError, match="expected labels from 0 to 2, got 3 to 3"):
        go(True, labels=labels)


def test_only_a_gpu_has_graphs():
    net = small()
    loader = Loader(Split(IMAGES, np.arange(36) % 3), 8, np.random.default_rng(1))
    with pytest.raises(ValueError, match="graph=True: expected a net on a GPU, got one on cpu"):
        train(net, SGD(net.parameters(), 0.1), loader, 1, graph=True)


class Two(Alone):
    size = 2


@pytest.mark.parametrize("options", [{"accumulate": 2}, {"ranks": Two()}])
def test_only_whole_steps_of_one_are_repeated(options, monkeypatch):
    monkeypatch.setattr("tinynet.training.train._agree", lambda *args: None)
    net = small()
    loader = Loader(Split(IMAGES, np.arange(36) % 3), 8, np.random.default_rng(1))
    with pytest.raises(ValueError, match="expected accumulate=1 and one rank, got accumulate="):
        train(net, SGD(net.parameters(), 0.1), loader, 1, graph=True, **options)
