"""cuBLAS, for products that are recorded (devices/graph.py): CuPy refuses these, the library itself does not.

So its functions are called as a program in C calls them, under the names that they have in CuPy. The library is the
one that CuPy has loaded. It is to take no memory by itself while it is recorded, and so is given some.
"""
from __future__ import annotations

import ctypes
import functools
import sys
from ctypes import c_int, c_longlong, c_size_t, c_void_p
from typing import Any

WORKSPACE = 2 ** 25  # bytes: what NVIDIA advises for its large GPUs
ONE = [c_void_p, c_int, c_int, c_int, c_int, c_int, c_void_p, c_void_p, c_int, c_void_p, c_int, c_void_p, c_void_p,
       c_int]        # handle, transa, transb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc
MANY = [*ONE[:9], c_longlong, *ONE[9:11], c_longlong, *ONE[11:], c_longlong, c_int]  # with strides and batchCount
FUNCTIONS = {"sgemm": ("cublasSgemm_v2", ONE), "dgemm": ("cublasDgemm_v2", ONE),
             "sgemmStridedBatched": ("cublasSgemmStridedBatched", MANY),
             "dgemmStridedBatched": ("cublasDgemmStridedBatched", MANY),
             "set_stream": ("cublasSetStream_v2", [c_void_p, c_void_p]),
             "set_workspace": ("cublasSetWorkspace_v2", [c_void_p, c_void_p, c_size_t])}


class Cublas:
    """The functions of the library in `file`. Each raises RuntimeError if cuBLAS reports an error."""

    def __init__(self, file: str) -> None:
        library = ctypes.CDLL(file)
        for name, (theirs, arguments) in FUNCTIONS.items():
            function = getattr(library, theirs)
            function.argtypes, function.restype = arguments, c_int
            setattr(self, name, functools.partial(_checked, theirs, function))

    def begin(self, handle: int, stream: int, workspace: Any) -> None:
        """What follows is recorded on the stream, and may write to the workspace, an array."""
        self.set_stream(handle, stream)
        self.set_workspace(handle, workspace.data.ptr, workspace.size)


def _checked(name: str, function: Any, *arguments: int) -> None:
    status = function(*arguments)
    if status:
        raise RuntimeError(f"{name}: cuBLAS reports status {status}")


@functools.cache
def of_version(version: int) -> Cublas:
    """cuBLAS 12.4.5, for example, is version 120405."""
    major = version // 10000
    return Cublas(f"cublas64_{major}.dll" if sys.platform == "win32" else f"libcublas.so.{major}")
