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
REAL, NOWHERE = {"f": "float32", "d": "float64"}, np.intp(0)
LARGEST = 2 ** 31 - 2 ** 20  # numbers in an array, up to which an int counts them and a step beyond the last of them

PRELUDE = """
#define THREAD ((index)blockIdx.x * (index)blockDim.x + (index)threadIdx.x)
"""


def start(source: str, name: str, total: int, *args: Any) -> None:
    """Have the kernel `name` of `source` run `total` times, in order with what is asked of the current stream.

    `args` are its arguments, the arrays first: arrays of one device, None for one that is not wanted; then whole
    numbers for `index`, words of 32 bits for `unsigned`, others for `real`. Raises ValueError if an array that is
    written to does not lie in one piece, or they do not fit.

    A net asks for hundreds of kernels in each step, and a GPU is done with a small one in the time in which Python adds
    up a few numbers: what need not be done anew each time is cached.
    """
    parameters, count = _declared(source, name)
    if len(parameters) != len(args):
        raise ValueError(f"kernel {name}: expected {len(parameters)} arguments, got {len(args)}")
    given, real, most = [], None, total
    for parameter, a in zip(parameters[:count], args, strict=False):
        if a is None:
            given.append(NOWHERE)
            continue
        if real is None and a.dtype.kind == "f":
            real = a.dtype.char
        if a.size > most:
            most = a.size
        given.append(a if a.flags.c_contiguous else _in_one_piece(name, parameter, a))
    real, wide = real or "f", most > LARGEST
    numbers = _numbers(parameters[count:], args[count:], real, wide)
    _kernel(source, name, REAL[real], wide)((-(-total // THREADS),), (THREADS,), (*given, *numbers))


def _in_one_piece(name: str, parameter: str, a: Any) -> Any:
    if not parameter.startswith("const "):
        raise ValueError(f"kernel {name}: {parameter} does not lie in one piece, of shape {a.shape} and strides "
                         f"{a.strides}")
    return a.copy(order="C")


@functools.lru_cache(maxsize=4096)
def _numbers(parameters: tuple[str, ...], values: tuple[float, ...], real: str, wide: bool) -> tuple[np.generic, ...]:
    """The arguments that are no arrays, as many bytes long as the kernel reads."""
    kinds = {"index": np.int64 if wide else np.int32, "unsigned": np.uint32, "real": np.dtype(real).type}
    return tuple(kinds[parameter.split()[0]](value) for parameter, value in zip(parameters, values, strict=True))


@functools.cache
def _declared(source: str, name: str) -> tuple[tuple[str, ...], int]:
    """The parameters of a kernel, and how many of them are arrays: those in front."""
    parameters = tuple(parameters_of(source, name))
    return parameters, sum("*" in parameter for parameter in parameters)


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
