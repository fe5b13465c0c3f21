"""Matrix products on a GPU, by NVIDIA's library cuBLAS: C = A · B, and a batch of them at once.

CuPy's `@` copies what does not lie in one piece, and so would copy the kernels and the output maps of each group of a
convolution. cuBLAS itself needs no copies: it is told how far apart two rows are (the "leading dimension") and how far
apart two matrices of the batch. Both can be read off the strides of a view, so views are what `multiply` takes:

    W[:, f]                                     some columns: its rows are as far apart as those of W
    x.T                                         cuBLAS transposes while it reads
    dy.reshape(rows, G, F).swapaxes(0, 1)       a batch of G matrices, which lie side by side

cuBLAS counts down the columns, as Fortran does: where we see C, it sees Cᵀ. And Cᵀ = Bᵀ · Aᵀ, so it is given B and A in
turned order, each as it lies.

Sums are taken in the same order each time: cuBLAS promises the same bits on the same GPU, as long as one stream at a
time runs its products. (With several, set CUBLAS_WORKSPACE_CONFIG=:4096:8 before the start.)
"""
from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from ...devices.cuda import tf32_gpus, wait
from ...devices.graph import recording
from . import recorded_blas

LARGEST = 2 ** 31 - 1  # cuBLAS takes int for all sizes, CuPy does not offer its other functions
FLOAT32, TF32 = 0, 3   # cuBLAS's names: CUBLAS_DEFAULT_MATH, CUBLAS_TF32_TENSOR_OP_MATH
Lies = tuple[tuple[int, ...], tuple[int, ...]]  # how an array lies in memory: its shape and strides
FUNCTIONS = {"f": ("sgemm", "sgemmStridedBatched"), "d": ("dgemm", "dgemmStridedBatched")}
_numbers = {kind: np.array([0, 1], kind) for kind in FUNCTIONS}  # cuBLAS reads alpha and beta from here: kept alive
_addresses = {kind: (two.ctypes.data, two.ctypes.data + two.itemsize) for kind, two in _numbers.items()}


def multiply(a: Any, b: Any, c: Any, add: bool = False) -> None:
    """c = a · b, or c += a · b: a (..., l, m), b (..., m, n), c (..., l, n), with one axis for a batch or without.

    A view of any strides will do for `a` and `b` (copied only if neither its rows nor its columns lie in one piece);
    the rows or the columns of `c` must. Raises ValueError if they do not, or the shapes do not fit or are too large.
    """
    plan = _plan((a.shape, a.strides), (b.shape, b.strides), (c.shape, c.strides), c.itemsize)
    if plan.exchanged:
        a, b = b, a
    a, b = a.copy(order="C") if plan.copied[0] else a, b.copy(order="C") if plan.copied[1] else b
    kind, device = c.dtype.char, _device_of(c)
    (library, handle), (zero, one), (a_apart, b_apart, c_apart) = _cublas(device), _addresses[kind], plan.apart
    beta, (single, batched) = one if add else zero, FUNCTIONS[kind]
    try:
        if plan.batch == 1:
            getattr(library, single)(handle, *plan.turned, *plan.sizes, one, address(a), a_apart, address(b), b_apart,
                                     beta, address(c), c_apart)
        else:
            a_step, b_step, c_step = plan.steps
            getattr(library, batched)(handle, *plan.turned, *plan.sizes, one, address(a), a_apart, a_step,
                                      address(b), b_apart, b_step, beta, address(c), c_apart, c_step, plan.batch)
    finally:
        if device in tf32_gpus:
            _in_full_again(handle)


def sum_rows(rows: Any, total: Any, xp: Any) -> None:
    """total (F) = Σ of rows (n, F): a product with ones, which is faster than a sum along the first axis."""
    n = len(rows)
    ones = _ones(_device_of(rows), rows.dtype.char, 1 << (n - 1).bit_length(), xp)
    multiply(ones[None, :n], rows, total[None])


@functools.cache
def _ones(device: int, kind: str, n: int, xp: Any) -> Any:
    """n ones on a device, for all to read: they are there before anybody gets them, whatever his stream."""
    ones = xp.ones(n, kind)
    if xp is not np:
        wait()
    return ones


def grouped(x: Any, groups: int) -> Any:
    """x (..., ΣC) as a batch of matrices (groups, rows, C): a view, if x lies in one piece or is some of the channels
    of an array that does."""
    return x.reshape(-1, groups, x.shape[-1] // groups).swapaxes(0, 1)


def address(x: Any) -> int:
    """Where an array begins in the GPU's memory."""
    return x.data.ptr


class _Plan(NamedTuple):
    """What cuBLAS is told of a product, but for where the matrices begin."""

    exchanged: bool               # b comes first; not where the columns of c lie in one piece, as cuBLAS has them
    copied: tuple[bool, bool]     # of the two factors, in cuBLAS's order
    turned: tuple[int, int]
    sizes: tuple[int, int, int]
    apart: tuple[int, int, int]   # leading dimensions: of the factors, and of c
    steps: tuple[int, int, int]   # from one matrix of a batch to the next
    batch: int


@functools.lru_cache(maxsize=4096)
def _plan(a: Lies, b: Lies, c: Lies, itemsize: int) -> _Plan:
    """For matrices of these shapes and strides, which are the same in every step."""
    (a_shape, _), (b_shape, _), (c_shape, c_strides) = a, b, c
    if a_shape[:-2] + b_shape[:-2] != 2 * c_shape[:-2] or a_shape[-1] != b_shape[-2] or (
            (a_shape[-2], b_shape[-1]) != c_shape[-2:]):
        raise ValueError(f"multiply: {a_shape} times {b_shape} is not {c_shape}")
    c_apart, columns_lie = _layout(c, itemsize)
    if c_apart is None:
        raise ValueError(f"multiply: neither rows nor columns of the result lie in one piece, of shape {c_shape} and "
                         f"strides {c_strides}")
    factors = [_Factor.of(*x, itemsize) for x in (a, b)]
    if columns_lie:  # what lies as a row to us is a column to cuBLAS: it is to turn what we have not turned
        turned, (rows, columns) = [not x.turned for x in factors], (c_shape[-1], c_shape[-2])
    else:
        factors = factors[::-1]
        turned, (rows, columns) = [x.turned for x in factors], c_shape[-2:]
    sizes, batch = (columns, rows, a_shape[-1]), 1 if len(c_shape) == 2 else c_shape[0]
    apart = (*(x.apart for x in factors), c_apart)
    if max(*sizes, batch, *apart) > LARGEST:
        raise ValueError(f"multiply: cuBLAS takes at most {LARGEST:,} rows, columns and numbers from a row to the "
                         f"next, got {a_shape} times {b_shape}: take a smaller batch")
    steps = (*(x.step for x in factors), c_strides[0] // itemsize)
    return _Plan(not columns_lie, tuple(x.copied for x in factors), tuple(map(int, turned)), sizes, apart, steps, batch)


class _Factor(NamedTuple):
    apart: int
    turned: bool  # its columns lie in one piece, not its rows
    step: int
    copied: bool

    @classmethod
    def of(cls, shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> _Factor:
        """A factor as it lies; or, where neither its rows nor its columns lie in one piece, as a copy of it will."""
        apart, turned = _layout((shape, strides), itemsize)
        if apart is None:
            return cls(shape[-1], False, shape[-2] * shape[-1], True)
        return cls(apart, turned, strides[0] // itemsize, False)


def _layout(x: Lies, itemsize: int) -> tuple[int | None, bool]:
    """How many numbers a row of x (..., rows, columns) is from the next, and False. If it is columns that lie in one
    piece: how many a column is from the next, and True. None if it is neither."""
    shape, strides = x
    (rows, columns), (down, right) = shape[-2:], (step // itemsize for step in strides[-2:])
    if (right == 1 or columns == 1) and (down >= columns or rows == 1):
        return (columns if rows == 1 else down), False
    if (down == 1 or rows == 1) and (right >= rows or columns == 1):
        return (rows if columns == 1 else right), True
    return None, False


def _cublas(device: int) -> tuple[Any, int]:
    """The library, and this thread's handle of it for the current device, set to full or to reduced precision."""
    import cupy.cuda.device
    cublas, handle = cupy.cuda.cublas, cupy.cuda.device.get_cublas_handle()
    cublas.setMathMode(handle, TF32 if device in tf32_gpus else FLOAT32)
    if now := recording():
        cublas, stream = recorded_blas.of_version(cublas.getVersion(handle)), cupy.cuda.get_current_stream().ptr
        cublas.begin(handle, stream, now.workspace(stream, recorded_blas.WORKSPACE))
    return cublas, handle


def _in_full_again(handle: int) -> None:
    """CuPy's own products, `a @ b`, are by the same handle."""
    import cupy.cuda
    cupy.cuda.cublas.setMathMode(handle, FLOAT32)


def _device_of(x: Any) -> int:
    return x.device.id
