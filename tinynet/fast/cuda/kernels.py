"""Kernels: small functions in CUDA C++ that a GPU runs thousands of at a time, one for each number of the output.

    __global__ void twice(const real* x, real* y, index total) {
        index i = THREAD;                  which of the numbers is mine
        if (i >= total) return;            threads come in blocks of 128; the last block may be too large
        y[i] = 2 * x[i];
    }

    start(SOURCE, "twice", y.size, x, y, y.size)

Neighbouring threads run at the same moment. So they should read and write neighbouring numbers: the GPU then moves 32
of them at once. That, and to read each number seldom, is what makes a kernel fast; here nearly all are bound by memory.

`real` is float or double, as the arrays are. `index` is a whole number in which every place of the arrays fits: int, or
long long where an array has 2^31 numbers or nearly so (to divide these takes several times as long). Besides there are
words of 32 bits, `unsigned`, and arrays of bool, unsigned char, long long or double, which are given as just these.
What is `const` is read, and copied first where it does not lie in one piece; the rest is written to.

CuPy compiles a source at its first use, and keeps the result on the disk.
"""
from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np

THREADS = 128               # of a block
LARGEST = 2 ** 31 - 2 ** 20  # numbers in an array, up to which an int counts them and a step beyond the last of them

PRELUDE = """
#define THREAD ((index)blockIdx.x * (index)blockDim.x + (index)threadIdx.x)
"""


def start(source: str, name: str, total: int, *args: Any) -> None:
    """Have the kernel `name` of `source` run `total` times, in order with what is asked of the current stream.

    `args` are its arguments: arrays of one device, None for an array that is not wanted, whole numbers for `index`,
    words of 32 bits for `unsigned`, others for `real`. Raises ValueError if an array that is written to does not lie in
    one piece, or they do not fit.
    """
    parameters = parameters_of(source, name)
    if len(parameters) != len(args):
        raise ValueError(f"kernel {name}: expected {len(parameters)} arguments, got {len(args)}")
    arrays = [a for a in args if _is_array(a)]
    real = next((a.dtype for a in arrays if a.dtype.kind == "f"), np.dtype(np.float32))
    wide = max(total, *(a.size for a in arrays)) > LARGEST
    whole = np.int64 if wide else np.int32
    given = tuple(_argument(name, p, a, real, whole) for p, a in zip(parameters, args, strict=True))
    _kernel(source, name, real.name, wide)((-(-total // THREADS),), (THREADS,), given)


def _is_array(value: Any) -> bool:
    """A number of NumPy's is none, though it has a shape."""
    return hasattr(value, "shape") and not isinstance(value, np.generic)


def _argument(name: str, parameter: str, value: Any, real: np.dtype, whole: type) -> Any:
    if _is_array(value):
        if value.flags.c_contiguous:
            return value
        if not parameter.startswith("const "):
            raise ValueError(f"kernel {name}: {parameter} does not lie in one piece, of shape {value.shape} and "
                             f"strides {value.strides}")
        return value.copy(order="C")
    if value is None:
        return np.intp(0)
    number = {"index": whole, "unsigned": np.uint32}.get(parameter.split()[0], real.type)
    return number(value)


@functools.cache
def parameters_of(source: str, name: str) -> list[str]:
    """["const real* x", "real* y", "index total"] of a kernel in `source`."""
    found = re.search(rf"__global__ void {name}\(([^)]*)\)", source)
    return [" ".join(part.split()) for part in found[1].split(",")]


@functools.cache
def _kernel(source: str, name: str, real: str, wide: bool) -> Any:
    """A kernel of the compiled source."""
    return _module(source, real, wide).get_function(name)


@functools.cache
def _module(source: str, real: str, wide: bool) -> Any:
    """The compiled source, for each device that it is used on."""
    import cupy
    return cupy.RawModule(code=whole_source(source, real, wide), options=("--std=c++14",))


def whole_source(source: str, real: str, wide: bool) -> str:
    """What is compiled, for numbers `real` ("float32" or "float64") and places that need a `wide` index or do not."""
    types = (f"typedef {'float' if real == 'float32' else 'double'} real;\n"
             f"typedef {'long long' if wide else 'int'} index;\n")
    return types + PRELUDE + 'extern "C" {\n' + source + "\n}\n"
