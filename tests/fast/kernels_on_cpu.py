"""The kernels of fast/cuda, compiled for the CPU from the same source, and run thread after thread.

CUDA C++ is C++ with a few words more. Defined away, g++ compiles a kernel into a function of one thread, and a loop
over blocks and threads stands for the GPU. A GPU promises no order of them, so theirs is mixed up: where one thread
reads what another writes, the result is wrong here, too. Each array stands between two walls: who writes beside it has
changed a wall, who reads beside it has read NaN. How fast a kernel is, only a GPU shows.
"""
from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path

import blas_on_cpu
import numpy as np
import pytest

from tinynet.fast.cuda import kernels

COMPILER = shutil.which("g++") or shutil.which("c++")
OPTIONS = "-O1", "-fwrapv", "-w", "-shared", "-fPIC"  # a place beyond 2^31 that an int counts is a wrong one
HEADER = """
#include <cmath>
using namespace std;
#define __global__ static
#define __device__
#define __forceinline__ inline
#define __restrict__
struct Place { long long x; };
static Place blockIdx, blockDim, threadIdx;
"""
RUNNER = """
extern "C" void run_{name}(long long blocks, long long threads, long long first_block, {parameters}) {{
  blockDim.x = threads;
  for (long long nth_block = 0; nth_block < blocks; nth_block++) {{
    blockIdx.x = nth_block * 1000003 % blocks;    // each once: this prime is a factor of neither number
    if (blockIdx.x < first_block) continue;
    for (long long nth = 0; nth < threads; nth++) {{
      threadIdx.x = nth * 1000003 % threads;
      {name}({names});
    }}
  }}
}}
"""
WALL = 4096  # bytes on each side of an array
CTYPES = {"int32": ctypes.c_int, "int64": ctypes.c_longlong, "uint32": ctypes.c_uint, "float32": ctypes.c_float,
          "float64": ctypes.c_double}


@pytest.fixture
def on_cpu(monkeypatch):
    """Kernels run on the CPU here, and products too, with NumPy's arrays."""
    if COMPILER is None:
        lacking("C++ compiler, g++ or c++, to run kernels on the CPU")
    monkeypatch.setattr(kernels, "_kernel", kernel)
    blas_on_cpu.install(monkeypatch)


def lacking(what):
    """Skips the test that needs it; fails it where .ci/run has seen to it that it is there."""
    if os.environ.get("TINYNET_NEEDS_KERNELS"):
        pytest.fail(f"TINYNET_NEEDS_KERNELS is set, and there is no {what}")
    pytest.skip(f"there is no {what}")


def kernel(source, name, real, wide, last=None):
    """What CuPy gives for kernels.py's `_kernel`. Of its blocks, only the `last` ones may run."""
    return function_of(kernels.whole_source(source, real, wide), name, last)


def function_of(source, name, last=None):
    """A kernel of the whole `source`, as CuPy gives it: called with how many blocks and threads, and the arguments."""
    function, parameters = getattr(compiled(source), f"run_{name}"), kernels.parameters_of(source, name)

    def run(grid, block, args):
        if last is None:
            with walled(args, parameters) as copies:
                function(*map(ctypes.c_longlong, (*grid, *block, 0)), *map(as_c, copies))
        else:  # of arrays that are too large for a copy
            function(*map(ctypes.c_longlong, (*grid, *block, max(0, grid[0] - last))), *map(as_c, args))
    return run


@contextmanager
def walled(args, parameters):
    """The arguments, with a copy for each array; what is not const is put back in the end."""
    copies, walls, written = {}, [], []
    arrays = [(p.startswith("const "), a) for a, p in zip(args, parameters, strict=True) if isinstance(a, np.ndarray)]
    for const, a in sorted(arrays, key=itemgetter(0)):             # an array may be given as both
        if place_of(a) not in copies:
            brick = 0xFF if const else 0xA5                        # NaN, in float32 and in float64; a number
            memory = np.full(a.nbytes + 2 * WALL + 64, brick, np.uint8)
            start = WALL + -(memory.ctypes.data + WALL) % 64
            copies[place_of(a)] = copy = memory[start:start + a.nbytes].view(a.dtype).reshape(a.shape)
            copy[...] = a
            walls += [(memory[:start], brick), (memory[start + a.nbytes:], brick)]
            written += [(a, copy)] * (not const)
    yield [copies[place_of(a)] if isinstance(a, np.ndarray) else a for a in args]
    for wall, brick in walls:
        assert (wall == brick).all(), "a kernel has written beside an array"
    for a, copy in written:
        a[...] = copy


def place_of(a):
    return a.ctypes.data, a.shape


def as_c(value):
    if isinstance(value, np.ndarray):
        return ctypes.c_void_p(value.ctypes.data)
    return CTYPES[value.dtype.name](value)


@functools.cache
def compiled(source):
    """The library of a whole source; kept in a folder of temporary files, by what it is made from."""
    code = HEADER + source
    for name in re.findall(r"__global__ void (\w+)\(", source):
        parameters = kernels.parameters_of(source, name)
        names = ", ".join(re.search(r"\w+$", p)[0] for p in parameters)
        code += RUNNER.format(name=name, parameters=", ".join(parameters), names=names)
    folder = Path(tempfile.gettempdir()) / f"tinynet-kernels-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    library = folder / f"{hashlib.sha256((' '.join(OPTIONS) + code).encode()).hexdigest()}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            path = Path(scratch) / "kernels.cpp"
            path.write_text(code)
            subprocess.run([COMPILER, *OPTIONS, path, "-o", path.with_suffix(".so")], check=True)
            os.replace(path.with_suffix(".so"), library)
    return ctypes.CDLL(str(library))
