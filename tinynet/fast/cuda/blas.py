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

from typing import Any

import numpy as np

from ...devices.cuda import tf32_gpus

LARGEST = 2 ** 31 - 1  # cuBLAS takes int for all sizes, CuPy does not offer its other functions
FLOAT32, TF32 = 0, 3   # cuBLAS's names: CUBLAS_DEFAULT_MATH, CUBLAS_TF32_TENSOR_OP_MATH
_letters = {"float32": "s", "float64": "d"}
_numbers = {name: np.array([0, 1], name) for name in _letters}  # cuBLAS reads alpha and beta from here: kept alive


def multiply(a: Any, b: Any, c: Any, add: bool = False) -> None:
    """c = a · b, or c += a · b: a (..., l, m), b (..., m, n), c (..., l, n), with one axis for a batch or without.

    A view of any strides will do for `a` and `b` (copied only if neither its rows nor its columns lie in one piece);
    the rows or the columns of `c` must. Raises ValueError if they do not, or the shapes do not fit or are too large.
    """
    _check(a, b, c)
    c_apart, c_turned = _layout(c)
    if c_turned:  # cᵀ = bᵀ · aᵀ
        multiply(b.swapaxes(-1, -2), a.swapaxes(-1, -2), c.swapaxes(-1, -2), add)
        return
    (a, a_apart, a_turned), (b, b_apart, b_turned) = _readable(a), _readable(b)
    sizes, batch = (c.shape[-1], c.shape[-2], a.shape[-1]), 1 if c.ndim == 2 else len(c)
    if max(*sizes, batch, a_apart, b_apart, c_apart) > LARGEST:
        raise ValueError(f"multiply: cuBLAS takes at most {LARGEST:,} rows, columns and numbers from a row to the "
                         f"next, got {a.shape} times {b.shape}: take a smaller batch")
    library, handle = _cublas(_device_of(c))
    zero, letter = _numbers[c.dtype.name].ctypes.data, _letters[c.dtype.name]
    turned, (one, beta) = (int(b_turned), int(a_turned)), (zero + c.itemsize, zero + c.itemsize * add)
    if batch == 1:
        getattr(library, f"{letter}gemm")(
            handle, *turned, *sizes, one, address(b), b_apart, address(a), a_apart, beta, address(c), c_apart)
    else:
        a_step, b_step, c_step = (x.strides[0] // x.itemsize for x in (a, b, c))
        getattr(library, f"{letter}gemmStridedBatched")(
            handle, *turned, *sizes, one, address(b), b_apart, b_step, address(a), a_apart, a_step,
            beta, address(c), c_apart, c_step, batch)


def sum_rows(rows: Any, total: Any, xp: Any) -> None:
    """total (F) = Σ of rows (n, F): a product with ones, which is faster than a sum along the first axis."""
    multiply(xp.ones((1, len(rows)), rows.dtype), rows, total[None])


def grouped(x: Any, groups: int) -> Any:
    """x (..., ΣC) as a batch of matrices (groups, rows, C): a view, if x lies in one piece or is some of the channels
    of an array that does."""
    return x.reshape(-1, groups, x.shape[-1] // groups).swapaxes(0, 1)


def address(x: Any) -> int:
    """Where an array begins in the GPU's memory."""
    return x.data.ptr


def _check(a: Any, b: Any, c: Any) -> None:
    if a.shape[:-2] + b.shape[:-2] != 2 * c.shape[:-2] or a.shape[-1] != b.shape[-2] or (
            (a.shape[-2], b.shape[-1]) != c.shape[-2:]):
        raise ValueError(f"multiply: {a.shape} times {b.shape} is not {c.shape}")
    if _layout(c)[0] is None:
        raise ValueError(f"multiply: neither rows nor columns of the result lie in one piece, of shape {c.shape} and "
                         f"strides {c.strides}")


def _layout(x: Any) -> tuple[int | None, bool]:
    """How many numbers a row of x (..., rows, columns) is from the next, and False. If it is columns that lie in one
    piece: how many a column is from the next, and True. None if it is neither."""
    (rows, columns), (down, right) = x.shape[-2:], (step // x.itemsize for step in x.strides[-2:])
    if (right == 1 or columns == 1) and (down >= columns or rows == 1):
        return (columns if rows == 1 else down), False
    if (down == 1 or rows == 1) and (right >= rows or columns == 1):
        return (rows if columns == 1 else right), True
    return None, False


def _readable(x: Any) -> tuple[Any, int, bool]:
    """x, or a copy in one piece where it is needed, and its layout."""
    apart, turned = _layout(x)
    return (x, apart, turned) if apart is not None else (x.copy(order="C"), x.shape[-1], False)


def _cublas(device: int) -> tuple[Any, int]:
    """The library, and this thread's handle of it for the current device, set to full or to reduced precision."""
    from cupy.cuda import cublas
    from cupy.cuda.device import get_cublas_handle
    handle = get_cublas_handle()
    cublas.setMathMode(handle, TF32 if device in tf32_gpus else FLOAT32)
    return cublas, handle


def _device_of(x: Any) -> int:
    return x.device.id
