"""What cuBLAS does with the arguments that it is given, in NumPy, and with addresses of the CPU's memory.

It knows of strides and sizes only what cuBLAS knows, and reads the memory itself, so that a wrong one shows.
"""
from __future__ import annotations

import ctypes

import numpy as np

INT = 2 ** 31


def _matrices(address, dtype, rows, columns, apart, stride, batch):
    """A batch of column-major matrices at an address, numbers `apart` from column to column."""
    for what in rows, columns, apart, batch:
        assert type(what) is int and 0 < what < INT, what
    assert apart >= rows, "cuBLAS: CUBLAS_STATUS_INVALID_VALUE"
    length = (batch - 1) * stride + (columns - 1) * apart + rows
    memory = np.frombuffer((ctypes.c_char * (length * dtype.itemsize)).from_address(address), dtype)
    return np.lib.stride_tricks.as_strided(memory, (batch, rows, columns),
                                           (stride * dtype.itemsize, dtype.itemsize, apart * dtype.itemsize))


class Library:
    """As much of cupy.cuda.cublas as blas.py uses, with the arguments of cupy_backends/cuda/libs/cublas.pyx."""

    def __init__(self):
        self.calls = []

    def sgemm(self, handle, transa, transb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc):
        self._gemm("sgemm", np.float32, transa, transb, m, n, k, alpha, A, lda, 0, B, ldb, 0, beta, C, ldc, 0, 1)

    def dgemm(self, handle, transa, transb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc):
        self._gemm("dgemm", np.float64, transa, transb, m, n, k, alpha, A, lda, 0, B, ldb, 0, beta, C, ldc, 0, 1)

    def sgemmStridedBatched(self, handle, *args):
        self._gemm("sgemmStridedBatched", np.float32, *args)

    def dgemmStridedBatched(self, handle, *args):
        self._gemm("dgemmStridedBatched", np.float64, *args)

    def _gemm(self, name, dtype, transa, transb, m, n, k, alpha, A, lda, strideA, B, ldb, strideB, beta, C, ldc,
              strideC, batchCount):
        self.calls.append(name)
        dtype = np.dtype(dtype)
        alpha, beta = (_matrices(p, dtype, 1, 1, 1, 0, 1)[0, 0, 0] for p in (alpha, beta))
        a = _matrices(A, dtype, *((k, m) if transa else (m, k)), lda, strideA, batchCount)
        b = _matrices(B, dtype, *((n, k) if transb else (k, n)), ldb, strideB, batchCount)
        c = _matrices(C, dtype, m, n, ldc, strideC, batchCount)
        product = (a.swapaxes(1, 2) if transa else a) @ (b.swapaxes(1, 2) if transb else b)
        c[...] = alpha * product + beta * c if beta else alpha * product  # with beta = 0, c may hold anything


def install(monkeypatch):
    """Have blas.py use the stand-in, with NumPy's arrays."""
    from tinynet.fast.cuda import blas
    library = Library()
    monkeypatch.setattr(blas, "_cublas", lambda device: (library, 1))
    monkeypatch.setattr(blas, "_device_of", lambda x: 0)
    monkeypatch.setattr(blas, "address", lambda x: x.ctypes.data)
    return library


def refuse_copies(monkeypatch):
    """A product whose factors do not lie as cuBLAS reads them fails from now on, instead of copying them."""
    from tinynet.fast.cuda import blas
    plan = blas._plan

    def in_place(*lie):
        found = plan(*lie)
        assert found.copied == (False, False), lie
        return found
    monkeypatch.setattr(blas, "_plan", in_place)
