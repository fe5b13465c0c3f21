"""What every layer promises (the contract in layer.py), and the nets that layers are put together to.

The first half runs over CASES: **a new layer gets one line there**, and its own file of tests for its mathematics.
"""
from __future__ import annotations

import re

import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet import (
    LRN,
    RBF,
    AbsTanh,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Branches,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Identity,
    Layer,
    LeakyReLU,
    Linear,
    LocalContrastNorm,
    LocallyConnected2d,
    MaxPool2d,
    Parameter,
    ReLU,
    ScaledTanh,
    Sequential,
    Sigmoid,
    Subsample2d,
    Sum,
    TableConv2d,
    Tanh,
    WithinMapNorm,
    cpu,
    gaussian,
    gradcheck,
    set_threads,
    softmax,
)
from tinynet.devices.device import simulated
from tinynet.devices.simulated import must_be_current
from tinynet.models.resnet import ZeroPadShortcut


def start(seed=7):
    """Arguments for layers with weights: large ones (a default of 0.01 would hide errors), biases that are not 0."""
    return {"rng": np.random.default_rng(seed), "weight_init": gaussian(0.5), "bias_init": gaussian(0.5)}


def small_net():
    return Sequential(conv=Conv2d(4, 3, 3, padding=1, **start()), relu=ReLU(), lrn=LRN(3, 1, 0.5, 0.75),
                      pool=MaxPool2d(3, 2, ceil_mode=True), flatten=Flatten(), fc=Linear(27, 3, **start(8)))


def branching_net():
    deep = Sequential(one=Conv2d(4, 3, 1, **start(8)), tanh=Tanh(), two=Conv2d(3, 2, 3, padding=1, **start(9)))
    return Branches(wide=Conv2d(4, 2, 3, padding=1, **start()), deep=deep, plain=MaxPool2d(3, stride=1, padding=1))


def residual_net():
    """A block with a shortcut, on a block whose shortcut has weights, as where the number of maps grows."""
    first = Sum(block=Sequential(one=Conv2d(4, 3, 3, padding=1, **start()), tanh=Tanh(),
                                 two=Conv2d(3, 6, 3, padding=1, **start(8))), shortcut=Conv2d(4, 6, 1, **start(9)))
    return Sequential(first=first, tanh1=Tanh(), second=Sum(tanh=Tanh(), shortcut=Identity()), tanh2=Tanh())


def worn_norm(norm):
    """Batch normalisation that has been trained a little: no parameter or average is what it starts as."""
    for i, array in enumerate((norm.gamma.value, norm.beta.value, norm.running_mean, norm.running_var)):
        array[:] = abs(distinct(norm.channels, seed=i))
    return norm


MAPS, ROWS = (5, 7, 6, 4), (5, 6)  # five images, so that neither two nor three threads get equal shares
CASES = {  # name: (how to make the layer, the shape of an input)
    "conv": (lambda: Conv2d(4, 6, 3, padding=1, groups=2, **start()), MAPS),
    "conv strided": (lambda: Conv2d(4, 5, (3, 2), stride=(2, 3), padding=((0, 1), (2, 0)), **start()), MAPS),
    "conv of the same size": (lambda: Conv2d(4, 3, (3, 2), padding="same", **start()), MAPS),
    "conv 1x1": (lambda: Conv2d(4, 3, 1, **start()), MAPS),
    "conv without bias": (lambda: Conv2d(4, 3, 2, bias=False, **start()), MAPS),
    "transposed conv": (lambda: ConvTranspose2d(4, 6, (3, 2), stride=(2, 3), padding=((0, 1), (2, 0)), groups=2,
                                                output_padding=(1, 0), **start()), MAPS),
    "transposed conv without bias": (lambda: ConvTranspose2d(4, 3, 2, bias=False, **start()), MAPS),
    "local": (lambda: LocallyConnected2d(4, 2, 3, (7, 6), stride=2, padding=1, **start()), MAPS),
    "table conv": (lambda: TableConv2d(4, [(0, 2), (3,), (1, 2, 3)], (3, 2), **start()), MAPS),
    "subsample": (lambda: Subsample2d(4, (3, 2), **start()), MAPS),
    "max-pool": (lambda: MaxPool2d(3, 2, ceil_mode=True), MAPS),
    "average pool": (lambda: AvgPool2d(3, 2, padding=1, ceil_mode=True), MAPS),
    "global average pool": (lambda: GlobalAvgPool2d(), MAPS),
    "flatten": (lambda: Flatten(), MAPS),
    "linear": (lambda: Linear(6, 3, **start()), ROWS),
    "linear without bias": (lambda: Linear(6, 3, bias=False, **start()), ROWS),
    "relu": (lambda: ReLU(), MAPS),
    "tanh": (lambda: Tanh(), MAPS),
    "sigmoid": (lambda: Sigmoid(), MAPS),
    "leaky relu": (lambda: LeakyReLU(0.3), MAPS),
    "relu on rows": (lambda: ReLU(), ROWS),
    "scaled tanh": (lambda: ScaledTanh(), MAPS),
    "abs tanh": (lambda: AbsTanh(), MAPS),
    "local contrast": (lambda: LocalContrastNorm(3), MAPS),
    "rbf": (lambda: RBF(6, distinct(3, 6, seed=7)), ROWS),
    "lrn": (lambda: LRN(3, k=1, alpha=0.5, beta=0.75, groups=2), MAPS),
    "within-map norm": (lambda: WithinMapNorm(3, alpha=0.5, beta=0.75), MAPS),
    "batch norm": (lambda: worn_norm(BatchNorm2d(4)), MAPS),
    "batch norm of vectors": (lambda: worn_norm(BatchNorm1d(6)), ROWS),
    "padded shortcut": (lambda: ZeroPadShortcut(4, 6, 2), MAPS),
    "dropout": (lambda: Dropout(0.4, np.random.default_rng(7)), MAPS),
    "net": (small_net, MAPS),
    "branches": (branching_net, MAPS),
    "identity": (lambda: Identity(), MAPS),
    "sum": (lambda: Sum(conv=Conv2d(4, 4, 3, padding=1, **start()), tanh=Tanh(), shortcut=Identity()), MAPS),
    "residual net": (residual_net, MAPS),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    """A fresh layer in float64, called layer7, and an input for it."""
    make, shape = request.param
    layer = make().astype(np.float64)
    layer.rename("layer7")
    return layer, distinct(*shape)


def run(layer, x, dy=None, **how):
    """One forward and backward: y, dx and the gradients, by name. Without `dy` a fixed one is made up."""
    y = layer.forward(x, **(how or {"keep": True}))
    dx = layer.backward(distinct(*y.shape, dtype=y.dtype, seed=1) if dy is None else dy)
    return {"y": y, "dx": dx, **{name: p.grad for name, p in layer.parameters()}}


def assert_same(got, expected, exactly=False):
    assert got.keys() == expected.keys()
    for name in expected:
        (np.testing.assert_array_equal if exactly else assert_close)(got[name], expected[name], name)


# ---------------------------------------------------------------------------------------- numbers


def test_gradients_agree_with_finite_differences(case):
    layer, x = case
    report = gradcheck(layer, x[:2], samples=30)
    assert set(report) == {"x", *(name for name, _ in layer.parameters())}


def test_gradients_in_training_mode_agree_with_finite_differences(case):
    layer, x = case
    gradcheck(layer, x[:2], samples=10, train=True)


def test_float32_gives_float32_close_to_float64(case):
    layer, x = case
    single, double = run(layer.astype(np.float32), x.astype(np.float32)), run(layer.astype(np.float64), x)
    for name in double:
        assert single[name].dtype == np.float32 and double[name].dtype == np.float64, name
        assert_close(single[name], double[name], name)


def test_an_input_of_another_dtype_than_the_parameters_is_refused(case):
    layer, x = case
    if not layer.parameters():
        return
    for given, own in ("float32", "float64"), ("float64", "float32"):
        layer.astype(own)
        message = (rf"layer7.*: x is {given}, the layer's parameters are {own}: convert it first, "
                   rf"x\.astype\(np\.{own}\), or the layer, layer\.astype\(np\.{given}\)")
        with pytest.raises(TypeError, match=message):
            layer.forward(x.astype(given))


def test_gradients_have_the_dtype_and_the_shape_of_their_parameter(case):
    layer, x = case
    for dtype in np.float32, np.float64:
        results = run(layer.astype(dtype), x.astype(dtype))
        assert results["y"].dtype == results["dx"].dtype == dtype
        for name, p in layer.parameters():
            assert p.grad.dtype == p.value.dtype == dtype and p.grad.shape == p.shape, name


def test_an_upstream_gradient_of_another_dtype_is_refused(case):
    layer, x = case
    y = layer.astype(np.float32).forward(x.astype(np.float32), keep=True)
    with pytest.raises(TypeError, match="layer7.*: expected float32 for dy, as its input was, got float64"):
        layer.backward(y.astype(np.float64))


def test_each_image_is_computed_by_itself(case):
    layer, x = case
    together = layer.forward(x)
    for n in range(len(x)):
        assert_close(layer.forward(x[n:n + 1]), together[n:n + 1])


def test_the_layout_of_the_arrays_in_memory_does_not_matter(case):
    layer, x = case
    expected = run(layer, x)
    dy = distinct(*expected["y"].shape, seed=1)
    for layout in _channels_first, np.asfortranarray, _every_second, _backwards:
        assert_same(run(layer, layout(x), layout(dy)), expected)


def _channels_first(a):
    """(N, C, H, W) in memory, as other libraries have it."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, -1, 1)), 1, -1)


def _every_second(a):
    """Each number is followed by one that does not belong to the array, along every axis."""
    wide = np.full([2 * size for size in a.shape], np.nan)
    view = wide[tuple(slice(None, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def _backwards(a):
    """The last number is the first in memory."""
    return np.flip(np.flip(a).copy())


# ---------------------------------------------------------------------------------------- threads and devices


def test_any_number_of_threads_gives_the_same_numbers(case):
    layer, x = case
    set_threads(1)
    expected = run(layer, x)
    for threads in 2, 3, 8:  # 8 is more than there are images
        set_threads(threads)
        assert_same(run(layer, x), expected)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_two_runs_give_the_same_bits(case, threads):
    layer, x = case
    set_threads(threads)
    layer, x = layer.astype(np.float32), x.astype(np.float32)
    assert_same(run(layer, x), run(layer, x), exactly=True)


def test_a_simulated_device_gives_the_numbers_of_the_cpu(case):
    layer, x = case
    expected, device = run(layer, x), simulated(0)
    assert layer.to(device) is layer and layer.device is device
    dy = device.asarray(distinct(*expected["y"].shape, seed=1))
    assert_same({name: device.tohost(a) for name, a in run(layer, device.asarray(x), dy).items()}, expected)
    layer.to(cpu)
    assert_same(run(layer, x), expected)


def test_a_net_makes_its_device_the_current_one(case):
    layer, x = case
    net, device = Sequential(layer7=layer).to(simulated(1)), simulated(1)
    dy = device.asarray(distinct(*net.forward(x).shape))
    with must_be_current():  # as on a GPU: new arrays go to the current device, wherever the others are
        for how in {"keep": True}, {"train": True}:
            net.forward(x, **how)
            net.backward(dy)


@pytest.mark.parametrize("what", ["predict", "astype", "save", "load"])
def test_what_else_a_net_does_it_does_on_its_device(what, tmp_path):
    net, x = small_net().to(simulated(1)), distinct(*MAPS, dtype=np.float32)
    net.save(tmp_path / "net.npz")
    arguments = {"predict": x, "astype": np.float64}.get(what, tmp_path / "net.npz")
    with must_be_current():
        getattr(net, what)(arguments)


def test_an_array_of_another_device_is_refused(case):
    layer, x = case
    message = r"layer7.*: the layer is on simulated\(0\), x on simulated\(1\); bring it over with send"
    with pytest.raises(ValueError, match=message):
        layer.to(simulated(0)).forward(simulated(1).asarray(x))


@pytest.mark.parametrize("name", ["gpu", None, (simulated(0), "cuda")])
def test_the_name_of_a_device_is_none(name, case):
    layer, x = case
    net = Sequential(layer7=layer.to(simulated(0)))
    with pytest.raises(TypeError, match="Sequential: expected a device, tinynet.cpu or tinynet.gpu"):
        net.to(name)
    with pytest.raises(TypeError, match=r"expected a device, .* got \(\)"):
        layer.to(())
    assert layer.device is simulated(0) and all(p.device is simulated(0) for _, p in layer.parameters())


def test_a_net_takes_host_arrays_wherever_it_lives_but_a_layer_does_not():
    net, x, device = small_net(), distinct(*MAPS, dtype=np.float32), simulated(0)
    expected = net.forward(x)
    y = net.to(device).forward(x)
    assert device.holds(y)
    assert_close(device.tohost(y), expected)
    with pytest.raises(ValueError, match=re.escape("conv (Conv2d): the layer is on simulated(0), x on cpu")):
        net["conv"].forward(x)


# ---------------------------------------------------------------------------------------- whose array is it


def test_inputs_are_not_written_to(case):
    layer, x = case
    dy = distinct(*layer.forward(x).shape, seed=1)
    x.flags.writeable = dy.flags.writeable = False  # NumPy raises ValueError at the first attempt
    for how in {"keep": True}, {"train": True}:
        run(layer, x, dy, **how)


def test_outputs_are_new_arrays(case):
    layer, x = case
    for how in {}, {"keep": True}, {"train": True}:
        assert not np.shares_memory(layer.forward(x, **how), x)
    y = layer.forward(x, keep=True)
    dy = distinct(*y.shape, seed=1)
    dx = layer.backward(dy)
    for other in x, y, dy:
        assert not np.shares_memory(dx, other)
        for name, p in layer.parameters():
            assert not np.shares_memory(p.grad, other) and not np.shares_memory(p.grad, p.value), name


def test_a_later_call_does_not_overwrite_earlier_results(case):
    layer, x = case
    first = run(layer, x)
    copies = {name: array.copy() for name, array in first.items()}
    second = run(layer, 0.1 - x)
    assert not np.array_equal(second["y"], first["y"])  # or this test would prove nothing
    assert_same(first, copies, exactly=True)


# ---------------------------------------------------------------------------------------- forward, then backward


def test_backward_writes_gradients_and_never_adds(case):
    layer, x = case
    assert_same(run(layer, x), run(layer, x), exactly=True)


@pytest.mark.parametrize("name", [name for name, (make, _) in CASES.items() if len(make().parameters()) == 2])
def test_a_frozen_parameter_gets_no_gradient_and_the_others_theirs(name):
    make, shape = CASES[name]
    full, x = make().astype(np.float64), distinct(*shape)
    expected, names = run(full, x), [name for name, _ in full.parameters()]
    for frozen in names[:1], names[1:], names:
        got = run(make().astype(np.float64).freeze(*frozen), x)
        assert [name for name in names if got[name] is None] == frozen
        assert_same({name: a for name, a in got.items() if name not in frozen},
                    {name: a for name, a in expected.items() if name not in frozen}, exactly=True)


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name][0]().dx_is_optional])
def test_the_gradients_alone_are_the_same_and_dx_is_not_made(name, monkeypatch):
    make, shape = CASES[name]
    layer, x, made = make().astype(np.float64), distinct(*shape), []
    expected, empty = run(layer, x), Layer.empty
    y = layer.forward(x, keep=True)
    monkeypatch.setattr(Layer, "empty", lambda self, shape, dtype: made.append(shape) or empty(self, shape, dtype))
    assert layer.backward(distinct(*y.shape, seed=1), input_grad=False) is None
    assert x.shape not in made
    for name, p in layer.parameters():
        np.testing.assert_array_equal(p.grad, expected[name], name)


class Arrives:
    """Whoever looks at it finds that the layer has got an attribute meanwhile, as from a training that another thread
    has begun."""

    def __init__(self, layer):
        self.layer = layer

    @property
    def __class__(self):
        setattr(self.layer, f"attribute{len(vars(self.layer))}", None)
        return Arrives


@pytest.mark.parametrize("look", [
    lambda layer: layer.forward(distinct(4, 3, dtype=np.float32)),
    lambda layer: layer.parameters(),
    lambda layer: repr(Sequential(fc=layer)),
])
def test_a_layer_may_get_an_attribute_while_it_is_looked_at(look):
    layer = Linear(3, 2, rng=np.random.default_rng(0))
    layer.other = Arrives(layer)
    before = len(vars(layer))
    look(layer)
    assert len(vars(layer)) > before


def test_train_implies_keep(case):
    layer, x = case
    y = layer.forward(x, train=True)
    assert layer.backward(distinct(*y.shape)).shape == x.shape


def test_keep_does_not_change_the_output(case):
    layer, x = case
    np.testing.assert_array_equal(layer.forward(x, keep=True), layer.forward(x))


NOTHING_KEPT = r"layer7.*: backward has nothing to work from; call forward\(x, train=True\) or forward\(x, keep=True\)"


def test_backward_before_forward_is_an_error(case):
    layer, x = case
    dy = distinct(*layer.forward(x).shape)
    with pytest.raises(RuntimeError, match=NOTHING_KEPT):
        layer.backward(dy)


def test_backward_twice_is_an_error(case):
    layer, x = case
    dy = distinct(*layer.forward(x, keep=True).shape)
    layer.backward(dy)
    with pytest.raises(RuntimeError, match=NOTHING_KEPT):
        layer.backward(dy)


def test_a_forward_that_keeps_nothing_forgets_what_an_earlier_one_kept(case):
    layer, x = case
    dy = distinct(*layer.forward(x, keep=True).shape)
    layer.forward(x)
    with pytest.raises(RuntimeError, match=NOTHING_KEPT):
        layer.backward(dy)


def test_moving_a_layer_forgets_what_forward_kept(case):
    layer, x = case
    dy = distinct(*layer.forward(x, keep=True).shape)
    layer.to(cpu)
    with pytest.raises(RuntimeError, match=NOTHING_KEPT):
        layer.backward(dy)


# ---------------------------------------------------------------------------------------- bad input


def test_integer_images_are_refused(case):
    layer, x = case
    message = r"layer7.*: expected float32 or float64 for x, got uint8; convert it first: x.astype\(np.float32\)"
    with pytest.raises(TypeError, match=message):
        layer.forward(np.ones(x.shape, np.uint8))


def test_half_precision_is_refused(case):
    layer, x = case
    with pytest.raises(TypeError, match="layer7.*: expected float32 or float64 for x, got float16"):
        layer.forward(x.astype(np.float16))


def test_what_is_no_array_is_refused(case):
    layer, x = case
    with pytest.raises(TypeError, match="layer7.*: expected an array for x, got list"):
        layer.forward(x.tolist())


@pytest.mark.parametrize("way", [lambda a: np.ma.masked_array(a, a > 0.5), lambda a: a.view(np.recarray),
                                 lambda a: a.view(type("Own", (np.ndarray,), {}))], ids=["masked", "recarray", "own"])
def test_arrays_with_rules_of_their_own_are_refused(case, way):
    layer, x = case
    message = "expected an array for {}, got a (MaskedArray|recarray|Own), which computes by rules of its own; convert"
    with pytest.raises(TypeError, match=message.format("x")):
        layer.forward(way(x))
    dy = way(np.ones_like(layer.forward(x, keep=True)))
    with pytest.raises(TypeError, match="layer7.*: " + message.format("dy")):
        layer.backward(dy)


def test_what_only_looks_like_an_array_is_refused(case):
    layer, x = case
    table = type("DataFrame", (), {"shape": x.shape, "dtype": x.dtype, "ndim": x.ndim, "size": x.size})()
    with pytest.raises(TypeError, match="layer7.*: expected an array for x, got DataFrame"):
        layer.forward(table)


def test_a_single_number_is_refused(case):
    layer, _ = case
    for number in np.float64(3), np.array(3.0):
        with pytest.raises(ValueError, match=r"layer7.*: expected x of shape \(N, .*\), got \(\)"):
            layer.forward(number)


def test_the_other_byte_order_is_refused(case):
    layer, x = case
    swapped = x.astype(x.dtype.newbyteorder())
    with pytest.raises(TypeError, match=r"layer7.*: expected float32 or float64 for x, got .f8; convert it first"):
        layer.forward(swapped)


def test_how_an_array_lies_in_memory_changes_nothing(case, tmp_path):
    layer, x = case
    on_disk = np.memmap(tmp_path / "x", x.dtype, "w+", shape=x.shape)
    on_disk[...] = x
    odd = np.frombuffer(bytes(1) + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape)
    read_only = x.copy()
    read_only.flags.writeable = False
    other_order = np.ascontiguousarray(x.T).T
    turned = np.ascontiguousarray(x[..., ::-1])[..., ::-1]
    expected = layer.forward(x)
    for same in on_disk, odd, read_only, other_order, turned:
        np.testing.assert_allclose(layer.forward(same), expected, rtol=0, atol=1e-13)


def test_an_empty_batch_is_refused(case):
    layer, x = case
    with pytest.raises(ValueError, match=r"layer7.*: x is empty: its shape is \(0, "):
        layer.forward(x[:0])


def test_an_upstream_gradient_that_is_no_array_is_refused(case):
    layer, x = case
    layer.forward(x, keep=True)
    with pytest.raises(TypeError, match="layer7.*: expected an array for dy, got NoneType"):
        layer.backward(None)


def test_an_upstream_gradient_of_another_shape_is_refused(case):
    layer, x = case
    shape = layer.forward(x).shape
    for wrong in (shape[0] + 1, *shape[1:]), (*shape[:-1], shape[-1] + 1), (*shape, 1):
        layer.forward(x, keep=True)
        with pytest.raises(ValueError, match=r"layer7.*: expected dy of shape \(.*\), got \("):
            layer.backward(np.ones(wrong))


@pytest.mark.parametrize("layer", [Conv2d(3, 2, 1), LocallyConnected2d(3, 2, 1, 4), MaxPool2d(2), AvgPool2d(2),
                                   GlobalAvgPool2d(), LRN(), WithinMapNorm(3, 1, 1), BatchNorm2d(3),
                                   TableConv2d(3, [(0,)], 1), Subsample2d(3)],
                         ids=lambda layer: layer.label)
def test_layers_of_maps_refuse_one_image_without_a_batch(layer):
    with pytest.raises(ValueError, match=r": expected x of shape \(N, .*\), got \(4, 4, 3\)"):
        layer.forward(np.ones((4, 4, 3)))


# ---------------------------------------------------------------------------------------- the base class


def test_labels_name_a_layer_and_its_kind():
    relu = ReLU()
    assert relu.label == "ReLU"
    net = Sequential(conv1=Conv2d(1, 1, 1), block=Branches(a=relu, b=Sequential(tanh=Tanh())))
    assert net.label == "Sequential"
    assert net["conv1"].label == "conv1 (Conv2d)"
    assert relu.label == "block.a (ReLU)"
    assert net["block"].branches["b"]["tanh"].label == "block.b.tanh (Tanh)"
    Sequential(stem=net)  # a net inside a net: the names grow at the front
    assert relu.label == "stem.block.a (ReLU)"


def test_expect_quotes_what_was_expected_and_what_came():
    conv = Sequential(conv1=Conv2d(3, 8, 3))["conv1"]
    message = "conv1 (Conv2d): expected x of shape (N, H, W, 3), got (2, 5, 5, 4)"
    with pytest.raises(ValueError, match=re.escape(message)):
        conv.forward(np.ones((2, 5, 5, 4)))
    with pytest.raises(ValueError, match=re.escape("ReLU: expected dy of shape (3,), got (2,)")):
        ReLU().expect(np.ones(2), 3, what="dy")


def test_a_layer_goes_where_its_first_input_lives():
    relu, x = ReLU(), simulated(1).asarray(distinct(2, 3))
    assert relu.device is cpu  # until then
    assert simulated(1).holds(relu.forward(x))
    assert relu.device is simulated(1)


def test_moving_a_layer_drops_its_gradients():
    layer = Linear(2, 3)
    run(layer, distinct(4, 2, dtype=np.float32))
    layer.to(simulated(0))
    assert layer.W.grad is None and layer.W.device is simulated(0)
    assert repr(layer.W) == "Parameter(shape=(2, 3), dtype=float32, device=simulated(0))"


def test_astype_converts_every_parameter():
    net = small_net()
    assert net.astype(np.float64) is net
    assert {p.value.dtype.name for _, p in net.parameters()} == {"float64"}
    with pytest.raises(TypeError, match="Sequential: expected float32 or float64, got int64"):
        net.astype(np.int64)


def test_base_layer_leaves_forward_and_backward_to_others():
    with pytest.raises(NotImplementedError):
        Layer().forward(np.ones(1))
    with pytest.raises(NotImplementedError):
        Layer().backward(np.ones(1))


def test_a_parameter_trains_at_the_nets_own_rates_unless_told_otherwise():
    p = Parameter(np.ones((2, 3), np.float32))
    assert (p.shape, p.size, p.grad, p.lr, p.decay, p.trainable) == ((2, 3), 6, None, 1.0, 1.0, True)


# ---------------------------------------------------------------------------------------- Sequential


def test_sequential_chains_forward_and_backward():
    # y = relu(2 x) · 3: x = 1 → 6, x = -1 → 0. Backward of dy = 1: 3 · 2 = 6 where the relu was on, else 0.
    net = Sequential(double=Linear(1, 1, weight_init=lambda rng, shape: np.full(shape, 2.0)), relu=ReLU(),
                     triple=Linear(1, 1, weight_init=lambda rng, shape: np.full(shape, 3.0)))
    net.astype(np.float64)
    np.testing.assert_array_equal(net.forward(np.array([[1.0], [-1.0]]), keep=True), [[6.0], [0.0]])
    np.testing.assert_array_equal(net.backward(np.ones((2, 1))), [[6.0], [0.0]])


def test_parameters_are_named_after_their_layers_in_order():
    net = Sequential(conv1=Conv2d(1, 2, 1), relu1=ReLU(), block=Branches(a=Linear(2, 2), b=Sequential(c=Linear(2, 2))))
    names = ["conv1.W", "conv1.b", "block.a.W", "block.a.b", "block.b.c.W", "block.b.c.b"]
    assert [name for name, _ in net.parameters()] == names
    assert dict(net.parameters())["block.b.c.W"] is net["block"].branches["b"]["c"].W
    assert [name for name, _ in Linear(1, 1, bias=False).parameters()] == ["W"]


def test_state_holds_the_generators_by_name():
    net = Sequential(fc=Linear(2, 2), block=Branches(a=Dropout()), drop=Dropout())
    assert [name for name, _ in net.state()] == ["block.a.rng", "drop.rng"]
    assert dict(net.state())["drop.rng"] is net["drop"].rng


def test_length_iteration_and_indexing():
    relu, tanh = ReLU(), Tanh()
    net = Sequential(relu=relu, tanh=tanh)
    assert len(net) == 2 and list(net) == [relu, tanh] and net["tanh"] is tanh
    assert repr(net).splitlines() == ["Sequential of 2 layers, 0 parameters", "  relu  ReLU()", "  tanh  Tanh()"]


def test_slices_include_both_ends_and_share_the_layers():
    net = Sequential(a=ReLU(), b=Tanh(), c=Sigmoid(), d=ReLU())
    parts = {"ab": net[:"b"], "bc": net["b":"c"], "cd": net["c":], "abcd": net[:], "b": net["b":"b"]}
    for names, part in parts.items():
        assert isinstance(part, Sequential) and list(part.layers) == list(names)
        assert all(part[name] is net[name] for name in names)


def test_slices_leave_the_layers_their_names():
    net = Sequential(block=Sequential(a=ReLU(), b=Tanh()))
    assert net["block"][:"a"]["a"].label == "block.a (ReLU)"


def test_a_net_is_the_chain_of_its_slices():
    net, x = small_net(), distinct(*MAPS, dtype=np.float32)
    np.testing.assert_array_equal(net["lrn":].forward(net[:"relu"].forward(x)), net.forward(x))


def test_unknown_layers_and_turned_slices_are_refused():
    net = Sequential(conv1=Conv2d(1, 1, 1), relu1=ReLU())
    for wrong in "conv2", slice("conv2", None), slice(None, "conv2"):
        with pytest.raises(KeyError, match="Sequential: no layer is called 'conv2'; there are conv1, relu1"):
            net[wrong]
    with pytest.raises(ValueError, match=r"expected net\[first:last\] with first before last, got \['relu1':'conv1'\]"):
        net["relu1":"conv1"]
    with pytest.raises(ValueError, match="with a step of 2"):
        net["conv1":"relu1":2]


@pytest.mark.parametrize("kind", [Sequential, Branches, Sum])
def test_a_net_of_no_layers_is_refused(kind):
    with pytest.raises(ValueError, match=f"{kind.__name__}: expected at least one layer"):
        kind()


def test_messages_name_the_layer_inside_the_net():
    net = Sequential(stem=Sequential(conv1=Conv2d(3, 4, 1)), conv2=Conv2d(4, 4, 1))
    with pytest.raises(ValueError, match=re.escape("stem.conv1 (Conv2d): expected x of shape (N, H, W, 3)")):
        net.forward(np.ones((1, 2, 2, 1)))


def test_a_first_layer_without_input_gradient_gives_none():
    net = Sequential(conv1=Conv2d(1, 2, 1, input_grad=False, **start()), relu=ReLU())
    net.astype(np.float64).forward(distinct(1, 2, 2, 1), keep=True)
    assert net.backward(distinct(1, 2, 2, 2)) is None
    assert net["conv1"].W.grad is not None


# ---------------------------------------------------------------------------------------- Branches


def scale(factor):
    return Linear(2, 2, bias=False, weight_init=lambda rng, shape: factor * np.eye(*shape))


def test_branches_join_along_channels_and_add_their_gradients():
    # y = [2 x, 3 x]; the first half of dy comes back doubled, the second tripled: 2·1 + 3·10 = 32, 2·2 + 3·20 = 64
    net = Branches(two=scale(2.0), three=scale(3.0)).astype(np.float64)
    np.testing.assert_array_equal(net.forward(np.array([[1.0, 5.0]]), keep=True), [[2.0, 10.0, 3.0, 15.0]])
    np.testing.assert_array_equal(net.backward(np.array([[1.0, 2.0, 10.0, 20.0]])), [[32.0, 64.0]])


def test_branches_of_different_size_share_dy_out_correctly():
    x, net = distinct(2, 4, 4, 3), Branches(a=Conv2d(3, 2, 1, **start()), b=ReLU(), c=Conv2d(3, 4, 3, 1, 1, **start(8)))
    y = net.astype(np.float64).forward(x, keep=True)
    dy = distinct(*y.shape, seed=1)
    dx = net.backward(dy)
    parts = [run(layer, x, d) for layer, d in zip(net.branches.values(), np.split(dy, [2, 5], axis=-1), strict=True)]
    assert_close(y, np.concatenate([part["y"] for part in parts], axis=-1))
    assert_close(dx, sum(part["dx"] for part in parts))


def test_branches_pass_on_only_the_gradients_that_there_are():
    first, relu, x = Conv2d(2, 1, 1, input_grad=False, **start()).astype(np.float64), ReLU(), distinct(1, 3, 3, 2)
    net = Branches(a=first, b=relu)
    net.forward(x, keep=True)
    np.testing.assert_array_equal(net.backward(np.ones((1, 3, 3, 3))), np.where(x > 0, 1.0, 0.0))
    net = Branches(a=first)
    net.forward(x, keep=True)
    assert net.backward(np.ones((1, 3, 3, 1))) is None


def test_branches_that_cannot_be_joined_are_refused():
    net = Sequential(mixed=Branches(a=ReLU(), b=MaxPool2d((1, 2))))
    message = ("mixed (Branches): the branches' outputs differ before the last axis, so they cannot be joined: "
               "(1, 4, 4, 3), (1, 4, 2, 3)")
    with pytest.raises(ValueError, match=re.escape(message)):
        net.forward(np.ones((1, 4, 4, 3)))


# ---------------------------------------------------------------------------------------- Sum


def test_a_sum_adds_the_outputs_and_gives_every_branch_the_whole_gradient():
    # y = 2 x + 3 x + x = 6 x, and so dx = 6 dy
    net = Sum(two=scale(2.0), three=scale(3.0), shortcut=Identity()).astype(np.float64)
    np.testing.assert_array_equal(net.forward(np.array([[1.0, 5.0]]), keep=True), [[6.0, 30.0]])
    np.testing.assert_array_equal(net.backward(np.array([[1.0, -2.0]])), [[6.0, -12.0]])


def test_a_sum_passes_on_only_the_gradients_that_there_are():
    first, x = Conv2d(2, 2, 1, input_grad=False, **start()), distinct(1, 3, 3, 2, dtype=np.float32)
    net = Sum(first=first, shortcut=Identity())
    net.forward(x, keep=True)
    np.testing.assert_array_equal(net.backward(x), x)
    net = Sum(first=first)
    net.forward(x, keep=True)
    assert net.backward(x) is None


def test_what_a_branch_kept_for_backward_is_not_added_to():
    net, x = Sum(tanh=Tanh(), shortcut=Identity()), distinct(2, 3)
    net.forward(x, keep=True)
    assert_close(net.backward(np.ones((2, 3))), 1 - np.tanh(x) ** 2 + 1)  # Tanh keeps its output


def test_branches_that_cannot_be_added_are_refused():
    net = Sequential(block2=Sum(conv=Conv2d(3, 4, 1), shortcut=Identity()))
    message = ("block2 (Sum): the branches' outputs differ in shape, so they cannot be added: conv (1, 2, 2, 4), "
               "shortcut (1, 2, 2, 3)")
    with pytest.raises(ValueError, match=re.escape(message)):
        net.forward(np.ones((1, 2, 2, 3), np.float32))


# ---------------------------------------------------------------------------------------- freeze, predict


def trainable(net):
    return [name for name, p in net.parameters() if p.trainable]


def test_freeze_and_unfreeze_by_name():
    net = Sequential(conv1=Conv2d(1, 2, 1), conv10=Conv2d(2, 2, 1), fc=Linear(2, 2))
    everything = [name for name, _ in net.parameters()]
    assert trainable(net) == everything
    assert net.freeze("conv1", "fc.b") is net
    assert trainable(net) == ["conv10.W", "conv10.b", "fc.W"]  # conv10 begins like conv1, but is another layer
    assert net.unfreeze("conv1.W") is net
    assert trainable(net) == ["conv1.W", "conv10.W", "conv10.b", "fc.W"]
    assert trainable(net.freeze()) == []
    assert trainable(net.unfreeze()) == everything
    assert trainable(net.unfreeze()) == everything  # once more changes nothing


def test_freezing_an_unknown_name_is_refused_and_freezes_nothing():
    net = Sequential(conv1=Conv2d(1, 2, 1))
    for change in net.freeze, net.unfreeze:
        with pytest.raises(ValueError, match="Sequential: nothing is called 'conv2'; there are conv1.W, conv1.b"):
            change("conv1", "conv2")
    assert trainable(net) == ["conv1.W", "conv1.b"]


def test_predict_gives_the_softmax_of_forward_in_batches():
    net, x = small_net(), distinct(*MAPS, dtype=np.float32)
    probabilities = net.predict(x)
    assert_close(probabilities, softmax(net.forward(x), np))
    assert_close(probabilities.sum(axis=1), np.ones(len(x)))
    for batch_size in 1, 2, 5, 100:
        assert_close(net.predict(x, batch_size), probabilities)


def test_predict_never_asks_for_more_than_a_batch():
    class Spy(ReLU):
        sizes = []

        def forward(self, x, train=False, keep=False):
            assert not train and not keep
            self.sizes.append(len(x))
            return super().forward(x, train, keep)

    spy = Spy()
    spy.predict(distinct(7, 3), batch_size=3)
    assert spy.sizes == [3, 3, 1]


def test_predict_gives_a_host_array_whatever_the_device():
    net, x = small_net(), distinct(*MAPS, dtype=np.float32)
    expected = net.predict(x)
    device = simulated(0)
    probabilities = net.to(device).predict(device.asarray(x))
    assert isinstance(probabilities, np.ndarray)
    assert_close(probabilities, expected)


@pytest.mark.parametrize("images, batch_size", [(0, 128), (3, 0), (3, -1)])
def test_predict_refuses_no_images_and_no_batch(images, batch_size):
    with pytest.raises(ValueError, match=f"ReLU: predict expects .* got {images} images and batch_size={batch_size}"):
        ReLU().predict(np.ones((images, 3)), batch_size)


@pytest.mark.parametrize("x", [None, [[1.0, 2.0]], "images", np.float32(3), np.array(3.0)])
def test_predict_refuses_what_is_no_array(x):
    with pytest.raises(TypeError, match=r"ReLU: predict expects an array \(N, ...\), got "):
        ReLU().predict(x)


def test_what_is_no_layer_is_refused():
    for kind in Sequential, Branches, Sum:
        with pytest.raises(TypeError, match=f"{kind.__name__}: expected a layer for relu1, got 5"):
            kind(relu1=5)


def test_predict_needs_scores():
    with pytest.raises(ValueError, match=r"ends in scores \(N, classes\), its output has shape \(1, 2, 2, 3\)"):
        Sequential(relu1=ReLU()).predict(np.ones((1, 2, 2, 3)))


def test_layers_start_in_float32_whatever_their_initialiser_draws_in():
    layer = Linear(2, 3, weight_init=lambda rng, shape: rng.normal(size=shape))
    assert layer.W.value.dtype == layer.b.value.dtype == np.float32
    layer.forward(np.ones((1, 2), np.float32))
    with pytest.raises(TypeError, match="Parameter: expected an array of float32 or float64, got int64"):
        Linear(2, 3, weight_init=lambda rng, shape: np.ones(shape, np.int64))


def test_an_initialiser_must_give_the_shape_it_is_asked_for():
    with pytest.raises(ValueError, match=r"gave an array of shape \(3, 2\), expected \(2, 3\)"):
        Linear(2, 3, weight_init=lambda rng, shape: np.zeros(shape[::-1]))
