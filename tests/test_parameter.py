"""A parameter: what it may hold, whose memory it is, and where backward writes."""
import copy

import numpy as np
import pytest

from tinynet import SGD, Adam, Conv2d, Linear, Parameter, Sequential, cpu, gradcheck, simulated
from tinynet.devices.cuda import ADVICE
from tinynet.devices.simulated import must_be_current
from tinynet.parameter import room_for


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool, np.float16, np.complex64, object])
def test_only_floating_point_numbers_of_single_and_double_precision(dtype):
    with pytest.raises(TypeError, match="Parameter: expected an array of float32 or float64, got .*; convert it first"):
        Parameter(np.ones(3).astype(dtype))
    with pytest.raises(TypeError, match="Parameter: expected an array of float32 or float64"):
        Linear(2, 2, weight_init=lambda rng, shape: np.ones(shape).astype(dtype))


def test_an_initialisers_array_is_copied():
    W0 = np.ones((1, 1, 2, 3), np.float32)
    first, second, third = (Conv2d(2, 3, 1, weight_init=lambda rng, shape: W0) for _ in range(3))
    SGD([("W", first.W)], 0.1, weight_decay=1.0)  # takes the value in, too
    first.W.value[...] = second.W.value[...] = 7
    assert (W0 == 1).all() and (third.W.value == 1).all()


@pytest.mark.parametrize("device", [simulated(0), None])
def test_values_are_assigned_in_place_and_converted(device):
    p = Parameter(np.zeros((2, 3), np.float32), *[device] if device else [])
    value = p.value
    with must_be_current():
        p.assign(np.arange(6.0).reshape(2, 3))
        assert p.value is value and p.value.dtype == np.float32
        np.testing.assert_array_equal(p.device.tohost(p.value), [[0, 1, 2], [3, 4, 5]])
        p.assign(p.device.asarray(np.ones((2, 3))))
    assert (p.device.tohost(p.value) == 1).all()
    with pytest.raises(ValueError, match=r"expected values of shape \(2, 3\), got \(3,\)"):
        p.assign(np.ones(3))  # would fit by NumPy's rules


def test_a_gradient_is_a_new_array_until_an_optimiser_has_a_place_for_it():
    p = Parameter(np.zeros(3, np.float32))
    first = p.gradient()
    assert p.grad is first and (first.shape, first.dtype) == ((3,), np.float32) and p.gradient() is not first
    sgd = SGD([("w", p)], 0.1)
    place = p.gradient()
    assert p.grad is place is p.gradient()
    place[...] = [1, 2, 3]
    assert (sgd.gradients()[0][:3] == [1, 2, 3]).all()


def test_a_gradient_goes_with_the_parameters_device_and_dtype():
    p = Parameter(np.zeros(3, np.float32))
    SGD([("w", p)], 0.1)
    p.gradient()
    p.astype(np.float64)
    assert p.grad is None and p.gradient().dtype == np.float64
    p.to(simulated(0))
    assert p.grad is None and simulated(0).holds(p.gradient())


def test_the_name_of_a_device_is_none():
    p = Parameter(np.zeros(3))
    for call in (lambda: Parameter(np.zeros(3), "gpu"), lambda: p.to("gpu"), lambda: Conv2d(1, 1, 3, device=None)):
        with pytest.raises(TypeError, match="Parameter: expected a device, tinynet.cpu or tinynet.gpu"):
            call()
    assert p.device is cpu


def test_a_copy_does_not_write_where_the_original_does():
    p = Parameter(np.zeros(3))
    sgd = SGD([("w", p)], 0.1)
    p.gradient()[...] = 1
    twin = copy.deepcopy(p)
    twin.gradient()[...] = 2
    twin.value[...] = 5
    assert (sgd.gradients()[0][:3] == 1).all() and (p.value == 0).all()


def test_a_gradient_check_leaves_parameters_where_the_optimiser_has_them():
    layer = Linear(3, 2, rng=np.random.default_rng(0))
    SGD(layer.parameters(), 0.1)
    values = layer.W.value, layer.b.value
    gradcheck(layer, np.random.default_rng(1).normal(size=(4, 3)))
    assert layer.W.value is values[0] and layer.b.value is values[1] and layer.W.gradient() is layer.W._place


def full(*args, **kwargs):
    raise MemoryError("Unable to allocate 3 GiB")


def test_where_a_net_does_not_fit_the_parameter_is_named(monkeypatch):
    net, device = Sequential(fc6=Linear(4, 3)), simulated(0)
    monkeypatch.setattr(device, "asarray", full)
    with pytest.raises(MemoryError, match=r"^fc6 \(Linear\) W \(4, 3\): Unable to allocate 3 GiB\. It is memory of "
                                          r"the net itself: no smaller batch helps, but a narrower net"):
        net.to(device)
    with pytest.raises(MemoryError, match=r"^a parameter of shape \(4, 3\): Unable to allocate 3 GiB\. It is"):
        Linear(4, 3, device=device)
    with pytest.raises(MemoryError, match=r"^a parameter of shape \(4, 3\): Unable to allocate 3 GiB\. It is"):
        Linear(4, 3, weight_init=full)


def test_a_gpus_advice_is_left_out_where_it_does_not_help():
    with pytest.raises(MemoryError, match=r"^W: gpu\(0\): Out of memory\. Of the GPU's 9 bytes 1 are free\. It is"):
        with room_for("W"):
            raise MemoryError(f"gpu(0): Out of memory. Of the GPU's 9 bytes 1 are free{ADVICE}")
    with pytest.raises(MemoryError, match="^W: memory is full. It is"), room_for("W"):
        raise MemoryError


def test_where_an_optimiser_does_not_fit_it_says_what_it_needs(monkeypatch):
    net = Sequential(fc6=Linear(4, 3))
    monkeypatch.setattr(np, "zeros", full)
    with pytest.raises(MemoryError, match=r"^the values, gradients, mean, square of 15 parameters: Unable .*\. It is"):
        Adam(net.parameters(), 0.1)
