"""Simulated devices: every mix of arrays is refused, everything else gives NumPy's numbers on its device."""
import copy
import threading

import numpy as np
import pytest

from tinynet.devices.device import DeviceMismatch, device_of, simulated
from tinynet.devices.simulated import ATTRIBUTES, METHODS, NOT_IN_CUPY, VIEWS, SimulatedArray, must_be_current

here, there = simulated(0), simulated(1)
xp = here.xp


def array(device=here, dtype=np.float64):
    """A (3, 3) array of positive, different numbers."""
    return device.asarray(np.arange(1, 10, dtype=dtype).reshape(3, 3))


# ------------------------------------------------------------------------------ what must be refused
# `a` lives on simulated(0), `b` elsewhere; `i` and `mask` are indices that live where `b` does.

MIXES = {
    "a + b": lambda a, b, i, mask: a + b,
    "b + a": lambda a, b, i, mask: b + a,
    "a ** b": lambda a, b, i, mask: a ** b,
    "a < b": lambda a, b, i, mask: a < b,
    "a == b": lambda a, b, i, mask: a == b,
    "a @ b": lambda a, b, i, mask: a @ b,
    "b @ a": lambda a, b, i, mask: b @ a,
    "a += b": lambda a, b, i, mask: a.__iadd__(b),
    "b += a": lambda a, b, i, mask: b.__iadd__(a),
    "a @= b": lambda a, b, i, mask: a.__imatmul__(b),
    "np.add": lambda a, b, i, mask: np.add(a, b),
    "xp.add": lambda a, b, i, mask: xp.add(a, b),
    "xp.add of two others": lambda a, b, i, mask: xp.add(b, b),
    "xp.exp of another": lambda a, b, i, mask: xp.exp(b),
    "np.add(out=)": lambda a, b, i, mask: np.add(a, a, out=b),
    "xp.add(out=)": lambda a, b, i, mask: xp.add(a, a, out=b),
    "xp.add, out by position": lambda a, b, i, mask: xp.add(a, a, b),
    "np.add(where=)": lambda a, b, i, mask: np.add(a, a, out=a, where=mask),
    "xp.matmul(out=)": lambda a, b, i, mask: xp.matmul(a, a, out=b),
    "np.matmul": lambda a, b, i, mask: np.matmul(a, b),
    "sum(out=)": lambda a, b, i, mask: a.sum(axis=0, out=b[0]),
    "max(out=)": lambda a, b, i, mask: a.max(axis=0, out=b[0]),
    "xp.sum(out=)": lambda a, b, i, mask: xp.sum(a, axis=0, out=b[0]),
    "add.reduce(out=)": lambda a, b, i, mask: np.add.reduce(a, axis=0, out=b[0]),
    "np.add.at, values": lambda a, b, i, mask: np.add.at(a, [0], b),
    "np.add.at, index": lambda a, b, i, mask: np.add.at(a, i, 1.0),
    "xp.add.at, values": lambda a, b, i, mask: xp.add.at(a, [0], b),
    "xp.add.at, index in a tuple": lambda a, b, i, mask: xp.add.at(a, (slice(None), i), 1.0),
    "xp.add.at, target": lambda a, b, i, mask: xp.add.at(b, [0], a),
    "a[...] = b": lambda a, b, i, mask: a.__setitem__(..., b),
    "a[i] = 0": lambda a, b, i, mask: a.__setitem__(i, 0.0),
    "a[mask] = 0": lambda a, b, i, mask: a.__setitem__(mask, 0.0),
    "a[:, i] = 0": lambda a, b, i, mask: a.__setitem__((slice(None), i), 0.0),
    "a[i]": lambda a, b, i, mask: a[i],
    "a[mask]": lambda a, b, i, mask: a[mask],
    "a[:, i]": lambda a, b, i, mask: a[:, i],
    "a.take(i)": lambda a, b, i, mask: a.take(i),
    "a.dot(b)": lambda a, b, i, mask: a.dot(b),
    "a.fill(b)": lambda a, b, i, mask: a.fill(b[0, :1]),
    "a.clip(b)": lambda a, b, i, mask: a.clip(b, b),
    "copyto": lambda a, b, i, mask: np.copyto(a, b),
    "copyto the other way": lambda a, b, i, mask: np.copyto(b, a),
    "xp.copyto": lambda a, b, i, mask: xp.copyto(a, b),
    "concatenate": lambda a, b, i, mask: np.concatenate([a, b]),
    "xp.concatenate": lambda a, b, i, mask: xp.concatenate((a, b), axis=1),
    "stack": lambda a, b, i, mask: xp.stack([a, b]),
    "where": lambda a, b, i, mask: np.where(a > 2, a, b),
    "where, condition": lambda a, b, i, mask: xp.where(mask, a, 0.0),
    "einsum": lambda a, b, i, mask: np.einsum("ij,jk->ik", a, b),
    "xp.einsum(out=)": lambda a, b, i, mask: xp.einsum("ij,jk->ik", a, a, out=b),
    "tensordot": lambda a, b, i, mask: xp.tensordot(a, b, 1),
    "dot": lambda a, b, i, mask: np.dot(a, b),
    "maximum": lambda a, b, i, mask: xp.maximum(a, b),
    "take_along_axis": lambda a, b, i, mask: xp.take_along_axis(a, i[None, :], axis=1),
    "put_along_axis": lambda a, b, i, mask: xp.put_along_axis(a, i[None, :], 0.0, axis=1),
    "as_strided of another": lambda a, b, i, mask: xp.lib.stride_tricks.as_strided(b, (2, 2), (24, 8)),
    "ascontiguousarray of another": lambda a, b, i, mask: xp.ascontiguousarray(b.T),
    "zeros_like another": lambda a, b, i, mask: xp.zeros_like(b),
    "full of another": lambda a, b, i, mask: xp.full((3, 3), b),
    "allclose": lambda a, b, i, mask: np.allclose(a, b),
    "linalg.norm of another": lambda a, b, i, mask: xp.linalg.norm(b),
}


@pytest.mark.parametrize("elsewhere", ["simulated(1)", "cpu"])
@pytest.mark.parametrize("name", MIXES)
def test_a_mix_is_refused(name, elsewhere):
    bring = there.asarray if elsewhere == "simulated(1)" else np.asarray
    a, b = array(), bring(np.ones((3, 3)))
    i, mask = bring(np.array([0, 2])), bring(np.ones((3, 3), dtype=bool))
    with pytest.raises(DeviceMismatch, match=r"bring it over with send\(x, to\)") as caught:
        MIXES[name](a, b, i, mask)
    assert elsewhere in str(caught.value) and "simulated(0)" in str(caught.value)
    assert np.array_equal(here.tohost(a), here.tohost(array()))       # and nothing was written
    assert b.sum() == 9


def test_the_message_names_the_operation_and_both_devices():
    with pytest.raises(DeviceMismatch) as caught:
        array() @ array(there)
    assert str(caught.value) == ("matmul: expected arrays of simulated(0), got one of simulated(1); "
                                 "bring it over with send(x, to)")
    assert isinstance(caught.value, ValueError)


HOST_LEAKS = {                                                        # what NumPy decides before it asks us
    "np.asarray": lambda a, host: np.asarray(a),
    "np.array": lambda a, host: np.array(a, copy=True),
    "np.array of a list": lambda a, host: np.array([a, a]),
    "np.ascontiguousarray": lambda a, host: np.ascontiguousarray(a),
    "np.float32": lambda a, host: np.float32(a),
    "host[...] = a": lambda a, host: host.__setitem__(..., a),
    "host[a]": lambda a, host: host[a],
    "host.dot": lambda a, host: host.dot(a),
    "host.take": lambda a, host: host.take(a),
    "host.fill": lambda a, host: host.fill(a),
    "as_strided": lambda a, host: np.lib.stride_tricks.as_strided(a, (2, 2), (24, 8)),
    "memoryview": lambda a, host: memoryview(a),
}


@pytest.mark.parametrize("name", HOST_LEAKS)
def test_numpy_gets_no_host_array_out_of_it(name):
    host = np.zeros((3, 3))
    with pytest.raises((TypeError, ValueError)):
        HOST_LEAKS[name](array(dtype=np.int64), host)
    assert not host.any()


def test_asarray_says_what_to_use():
    with pytest.raises(TypeError, match=r"device.tohost\(x\), or send\(x, to\)"):
        np.asarray(array())


# ------------------------------------------------------------------------- what gives NumPy's numbers

LEGAL = {
    "scalars": lambda xp, x: (2 * x + 1) / np.float64(3) - x ** 2,
    "float32": lambda xp, x: x.astype(xp.float32) * 0.5,
    "comparison": lambda xp, x: (x > 2) & (x != 5),
    "matmul": lambda xp, x: x @ x.T,
    "in place": lambda xp, x: x.copy().__iadd__(x),
    "out": lambda xp, x: xp.add(x, x, out=xp.empty(x.shape)),
    "reductions": lambda xp, x: x.sum(axis=0) + x.mean(axis=1) + x.max() + xp.prod(x, axis=0),
    "arg": lambda xp, x: x.argmax(axis=1) + xp.argmin(x),
    "bool": lambda xp, x: (x > 100).any() | (x > 0).all(),
    "slices": lambda xp, x: x[1:, ::-1] + x[0, None, :] + x[..., 2],
    "fancy": lambda xp, x: x[xp.arange(3), xp.argmax(x, axis=1)],
    "masked": lambda xp, x: x[x > 4],
    "element": lambda xp, x: x[1, 2] * 2,
    "shapes": lambda xp, x: x.reshape(9, 1).transpose(1, 0).ravel().squeeze(),
    "exp": lambda xp, x: xp.exp(-x) + xp.tanh(x),
    "where": lambda xp, x: xp.where(x > 3, x, 0),
    "join": lambda xp, x: xp.concatenate([x, xp.stack([x[0], x[1]])]),
    "split": lambda xp, x: xp.split(x, 3)[1],
    "einsum": lambda xp, x: xp.einsum("ij,jk->ik", x, x),
    "pad": lambda xp, x: xp.pad(x, ((1, 0), (0, 2))),
    "strided": lambda xp, x: xp.lib.stride_tricks.as_strided(x, (2, 2, 2, 2), (*x.strides, *x.strides)),
    "created": lambda xp, x: x + xp.ones(3) + xp.zeros_like(x) + xp.full((3, 3), 2.0) + xp.arange(3.0),
    "constants": lambda xp, x: x * xp.pi + xp.asarray([1, 2, 3], dtype=xp.float64),
    "ufunc methods": lambda xp, x: xp.add.reduce(x) + xp.add.accumulate(x) + xp.multiply.outer(x, x)[0, 0],
    "reduceat": lambda xp, x: xp.add.reduceat(x, [0, 2], axis=1),
    "norm": lambda xp, x: x / xp.linalg.norm(x),
}


@pytest.mark.parametrize("name", LEGAL)
def test_legal_operations_give_numpys_numbers(name):
    expected = np.asarray(LEGAL[name](np, np.arange(1.0, 10.0).reshape(3, 3)))
    got = LEGAL[name](xp, array())
    assert isinstance(got, SimulatedArray) and device_of(got) is here
    assert got.dtype == expected.dtype and got.shape == expected.shape
    assert np.array_equal(here.tohost(got), expected)


def test_writing_in_place():
    a, one, two = array(), here.asarray([1.0, 2, 3]), here.asarray(np.array([0, 2]))
    xp.add.at(a, two, one)                                            # [2, 4, 6] in the first row
    a[:, two] = 0
    a[0] += 5
    a[1] = one
    xp.copyto(a[2], one)
    assert a.tolist() == [[5, 9, 5], [1, 2, 3], [1, 2, 3]]


def test_out_and_in_place_operators_give_the_same_object():
    a, out = array(), xp.empty((3, 3))
    same = a
    same += 1
    assert same is a
    assert xp.add(a, a, out=out) is out and np.matmul(a, a, out) is out
    assert a.max(axis=0, out=(row := out[0])) is row
    assert xp.asarray(a) is a and here.asarray(a) is a


@pytest.mark.parametrize("view", [
    lambda a: a[1:], lambda a: a[1], lambda a: a[1, 2], lambda a: a[...], lambda a: a.T, lambda a: a.ravel(),
    lambda a: a.transpose(1, 0), lambda a: a.view(np.int64), lambda a: xp.broadcast_to(a, (2, 3, 3)),
    lambda a: a.reshape(9), lambda a: next(iter(a)),
    lambda a: xp.lib.stride_tricks.as_strided(a, (2, 2), (8, 8))])
def test_views_stay_views(view):
    a = array()
    assert isinstance(view(a), SimulatedArray) and np.shares_memory(view(a), a)
    assert not np.shares_memory(a.copy(), a) and not np.shares_memory(xp.ascontiguousarray(a.T), a)


def test_as_strided_and_ascontiguousarray_keep_the_device():
    a = array()
    windows = xp.lib.stride_tricks.as_strided(a, shape=(2, 2, 2, 2), strides=a.strides + a.strides)
    rows = xp.ascontiguousarray(windows.reshape(4, 4).T)
    assert device_of(windows) is device_of(rows) is here and rows.flags.c_contiguous
    assert rows.tolist() == [[1, 2, 4, 5], [2, 3, 5, 6], [4, 5, 7, 8], [5, 6, 8, 9]]
    with pytest.raises(TypeError, match="writeable"):                 # CuPy's has no such argument
        xp.lib.stride_tricks.as_strided(a, (2, 2), (8, 8), writeable=False)


def test_zero_dimensional_results_stay_arrays():
    total = array().sum()
    assert isinstance(total, SimulatedArray) and total.shape == () and total.ndim == 0
    assert (float(total), int(total), bool(total), total.item()) == (45.0, 45, True, 45.0)
    assert f"{total:.1f}" == "45.0" and repr(total) == "<simulated(0): array(45.)>"
    with pytest.raises(TypeError):
        len(total)
    with pytest.raises(ValueError):
        bool(array())


def test_attributes_are_those_of_the_array():
    a, host = array(), here.tohost(array())
    for name in ("shape", "ndim", "size", "dtype", "strides", "nbytes", "itemsize"):
        assert getattr(a, name) == getattr(host, name)
    assert len(a) == 3 and [row.tolist() for row in a] == host.tolist()
    with pytest.raises(TypeError):                                    # as every array: not hashable
        hash(a)


def test_the_host_never_shares_memory():
    host = np.ones(3)
    a, b = here.asarray(host), xp.asarray(host)
    host[:] = 2
    here.tohost(a)[:] = 3
    assert a.tolist() == b.tolist() == [1, 1, 1]


def test_copies_stay_on_the_device():
    a = array()
    for other in (copy.copy(a), copy.deepcopy({"W": a})["W"]):
        other += 1
        assert device_of(other) is here and a[0, 0] == 1


# ----------------------------------------------------------------------------------- as clean as CuPy

@pytest.mark.parametrize("name", ["errstate", "unstack", "vecdot", "nditer", "memmap", "linalg.vecdot"])
def test_what_cupy_has_not_is_not_there(name):
    module, _, last = name.rpartition(".")
    with pytest.raises(AttributeError, match=f"CuPy has no {name}, so simulated"):
        getattr(getattr(xp, module) if module else xp, last)


def test_random_numbers_come_from_the_host():
    with pytest.raises(AttributeError, match="draw on the host"):
        xp.random.normal(size=3)


def test_numpys_own_names_for_it_are_refused_too():
    with pytest.raises(TypeError):
        np.insert(array(), 0, 0.0)
    with pytest.raises(TypeError):
        np.vecdot(array(), array())


def test_no_name_that_numpy_has_not():
    assert not hasattr(xp, "ElementwiseKernel") and not hasattr(xp, "no_such_function")
    assert xp.float32 is np.float32 and xp.ndarray is SimulatedArray and xp.newaxis is None
    assert xp.add.nin == 2 and repr(xp) == "<array module of simulated(0)>"


def test_the_names_agree_with_the_installed_cupy():
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed", exc_type=ImportError)
    kinds = (type(np.add), type(np.sum), type(np.zeros), type(lambda: 0))
    for path, ours, theirs in (("", np, cupy), ("linalg.", np.linalg, cupy.linalg)):
        for name in dir(ours):
            if not name.startswith("_") and isinstance(getattr(ours, name), kinds):
                assert path + name in NOT_IN_CUPY or hasattr(theirs, name), path + name
    for name in ATTRIBUTES + VIEWS + METHODS:
        assert hasattr(cupy.ndarray, name), name


# ------------------------------------------------------------------------------- the current device

def test_must_be_current_finds_a_forgotten_device():
    a, b = array(), array(there)
    with must_be_current():
        with here:
            a += 1
            with there:
                b @ b
                with pytest.raises(DeviceMismatch, match=r"add outside `with simulated\(0\):`"):
                    a + a
            a + a                                                     # leaving `there` leads back here
            with pytest.raises(DeviceMismatch, match="matmul outside"):
                b @ b
        for forgotten in (lambda: xp.zeros(3), lambda: a.sum(), lambda: a.copy(), lambda: a.fill(0),
                          lambda: xp.add.at(a, [0], 1), lambda: a.__setitem__(0, 1), lambda: a.__iadd__(1)):
            with pytest.raises(DeviceMismatch, match="the current device"):
                forgotten()
        assert a[1:].T.reshape(6, 1, order="F").shape == (6, 1)      # a view needs no device
        here.asarray(there.tohost(b))                                 # and these enter it themselves
    assert (a + a).shape == (3, 3)


def test_the_current_device_is_the_threads_own():
    caught = []

    def column():
        try:
            xp.zeros(3)
        except DeviceMismatch as error:
            caught.append(error)
    with must_be_current(), here:
        thread = threading.Thread(target=column)
        thread.start()
        thread.join()
        xp.zeros(3)
    assert len(caught) == 1
