"""cuBLAS is given the right arguments, whatever view of the memory a matrix is. No GPU is needed."""
from __future__ import annotations

import itertools
from types import SimpleNamespace

import blas_on_cpu
import numpy as np
import pytest
from naive import assert_close, distinct

from tinynet.devices.cuda import gpu_count
from tinynet.fast.cuda import blas

VIEWS = {  # how a matrix of some rows and columns may lie in memory
    "in one piece": lambda *shape, dtype, seed: distinct(*shape, dtype=dtype, seed=seed),
    "transposed": lambda m, n, dtype, seed: distinct(n, m, dtype=dtype, seed=seed).T,
    "some columns": lambda m, n, dtype, seed: distinct(m, n + 5, dtype=dtype, seed=seed)[:, 2:2 + n],
    "some columns, transposed": lambda m, n, dtype, seed: distinct(n, m + 3, dtype=dtype, seed=seed)[:, 3:].T,
    "some rows": lambda m, n, dtype, seed: distinct(2 * m, n, dtype=dtype, seed=seed)[::2],
    "every other column": lambda m, n, dtype, seed: distinct(m, 2 * n, dtype=dtype, seed=seed)[:, ::2],
    "upside down": lambda m, n, dtype, seed: distinct(m, n, dtype=dtype, seed=seed)[::-1],
    "one row for all": lambda m, n, dtype, seed: np.broadcast_to(distinct(1, n, dtype=dtype, seed=seed), (m, n)),
}
IN_PIECES = "every other column", "upside down", "one row for all"  # these are copied


@pytest.fixture
def cublas(monkeypatch):
    return blas_on_cpu.install(monkeypatch)


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 1), (1, 1, 5), (1, 4, 1), (3, 1, 1)])
def test_a_product_of_any_two_views_is_written_to_any_view(cublas, sizes, dtype, add):
    rows, m, n = sizes
    for a_view, b_view, c_view in itertools.product(VIEWS, VIEWS, set(VIEWS) - set(IN_PIECES)):
        a, b = VIEWS[a_view](rows, m, dtype=dtype, seed=0), VIEWS[b_view](m, n, dtype=dtype, seed=1)
        c = VIEWS[c_view](rows, n, dtype=dtype, seed=2)
        around = c.base.copy() if c.base is not None else c.copy()
        expected = a @ b + (c if add else 0)
        blas.multiply(a, b, c, add=add)
        assert_close(c, expected, f"{a_view} times {b_view} to {c_view}")
        c[...] = 0
        changed = np.count_nonzero((c.base if c.base is not None else c) != around)
        assert changed == c.size  # and nothing around it


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_groups_are_a_batch_that_is_not_copied(cublas, monkeypatch, groups, dtype, add):
    blas_on_cpu.refuse_copies(monkeypatch)
    rows, m, f = 7, 4, 2
    a, W = distinct(rows, groups * m, dtype=dtype), distinct(m, groups * f, dtype=dtype, seed=1)
    c = distinct(rows, groups * f, dtype=dtype, seed=2)
    parts = [a[:, g * m:(g + 1) * m] @ W[:, g * f:(g + 1) * f] for g in range(groups)]
    expected = np.concatenate(parts, axis=1) + (c if add else 0)
    da = np.concatenate([part @ W[:, g * f:(g + 1) * f].T for g, part in enumerate(parts)], axis=1)
    blas.multiply(blas.grouped(a, groups), blas.grouped(W, groups), blas.grouped(c, groups), add)
    assert_close(c, expected)
    if not add:
        blas.multiply(blas.grouped(c, groups), blas.grouped(W, groups).swapaxes(1, 2), blas.grouped(a, groups))
        assert_close(a, da)
    batched = "sgemm" if dtype == np.float32 else "dgemm"
    assert set(cublas.calls) == {batched + ("StridedBatched" if groups > 1 else "")}


def test_sums_of_rows(cublas):
    rows, total = distinct(9, 5), np.empty(5)
    blas.sum_rows(rows, total, np)
    assert_close(total, rows.sum(axis=0))


def test_errors_say_what_did_not_fit(cublas):
    a, b, c = np.ones((3, 4)), np.ones((4, 5)), np.ones((3, 5))
    with pytest.raises(ValueError, match=r"multiply: \(3, 4\) times \(3, 5\) is not \(3, 5\)"):
        blas.multiply(a, c, c)
    with pytest.raises(ValueError, match="neither rows nor columns of the result lie in one piece, of shape"):
        blas.multiply(a, b, np.ones((3, 10))[:, ::2])
    one = np.ones(1, np.float32)  # again and again: as large as one likes, without the memory
    x = np.lib.stride_tricks.as_strided(one, (2 ** 31, 1), (4, 4))
    with pytest.raises(ValueError, match="cuBLAS takes at most 2,147,483,647 rows, columns and numbers from a row to "
                                         "the next, got .* take a smaller batch"):
        blas.multiply(x.T, x, np.ones((1, 1), np.float32))


def test_reduced_precision_is_asked_for_with_each_product(monkeypatch):
    """The handle is a thread's own, and others may have set it."""
    cupy = pytest.importorskip("cupy", reason="needs CuPy (a GPU is not needed)")
    modes = []
    library = SimpleNamespace(setMathMode=lambda handle, mode: modes.append((handle, mode)))
    monkeypatch.setitem(vars(cupy.cuda), "cublas", library)  # where cuBLAS is not installed, too
    monkeypatch.setattr(cupy.cuda.device, "get_cublas_handle", lambda: 42)
    for gpus in set(), {1}, set():
        monkeypatch.setattr(blas, "tf32_gpus", gpus)
        assert blas._cublas(0) == blas._cublas(1) == (library, 42)
    assert modes == [(42, 0), (42, 0), (42, 0), (42, 3), (42, 0), (42, 0)]


def test_products_of_others_are_in_full_again(cublas, monkeypatch):
    """CuPy's own are by the same handle, and ask for nothing."""
    handles, x = [], np.ones((2, 2), np.float32)
    monkeypatch.setattr(blas, "_in_full_again", handles.append)
    for gpus in set(), {0}, {1}:
        monkeypatch.setattr(blas, "tf32_gpus", gpus)
        blas.multiply(x, x, np.empty_like(x))
    assert handles == [1]


def test_products_of_others_are_in_full_again_after_one_that_failed(cublas, monkeypatch):
    def full(*args):
        raise RuntimeError("CUBLAS_STATUS_ALLOC_FAILED")
    handles, x = [], np.ones((2, 2), np.float32)
    monkeypatch.setattr(blas, "_in_full_again", handles.append)
    monkeypatch.setattr(blas, "tf32_gpus", {0})
    monkeypatch.setattr(cublas, "sgemm", full)
    with pytest.raises(RuntimeError, match="CUBLAS_STATUS_ALLOC_FAILED"):
        blas.multiply(x, x, np.empty_like(x))
    assert handles == [1]


@pytest.mark.gpu
@pytest.mark.skipif(gpu_count() == 0, reason="needs CuPy and a CUDA device, found none")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("groups", [1, 3])
def test_cublas_itself_gives_these_products(dtype, groups):
    import cupy

    def on_gpu(view):
        """The same view of an array on the GPU."""
        base = cupy.asarray(view if view.base is None else view.base)
        first = view.ctypes.data - (view if view.base is None else view.base).ctypes.data
        return cupy.ndarray(view.shape, view.dtype, base.data + first, view.strides)

    views = {name: view for name, view in VIEWS.items() if name != "one row for all"}  # its base is another shape
    for a_view, b_view, c_view in itertools.product(views, views, set(views) - set(IN_PIECES)):
        a, b = views[a_view](3, 4 * groups, dtype=dtype, seed=0), views[b_view](4 * groups, 5, dtype=dtype, seed=1)
        c = views[c_view](3, 5, dtype=dtype, seed=2)
        got = on_gpu(c)
        blas.multiply(on_gpu(a), on_gpu(b), got, add=groups == 3)
        assert_close(cupy.asnumpy(got), a @ b + (c if groups == 3 else 0), f"{a_view} times {b_view} to {c_view}")
    rows, W = distinct(7, 4 * groups, dtype=dtype), distinct(4, 2 * groups, dtype=dtype, seed=1)
    out = cupy.empty((7, 2 * groups), dtype)
    blas.multiply(*(blas.grouped(x, groups) for x in (cupy.asarray(rows), cupy.asarray(W), out)))
    parts = [rows[:, 4 * g:4 * g + 4] @ W[:, 2 * g:2 * g + 2] for g in range(groups)]
    assert_close(cupy.asnumpy(out), np.concatenate(parts, axis=1))
