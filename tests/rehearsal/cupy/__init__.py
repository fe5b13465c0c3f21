"""As much of CuPy as tinynet asks for, on a CPU, with one GPU: so that what is marked gpu can be rehearsed where there
is none (tests/fast/test_rehearsal.py). What it cannot show is order: all is done as soon as it is asked for.

Arrays are those of tinynet/devices/simulated.py a second time, as a class of their own: they refuse to mix with those
of NumPy. Kernels are compiled for the CPU (tests/fast/kernels_on_cpu.py).
"""
import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np

sys.path.append(str(Path(__file__).parents[2] / "fast"))
_twin = ModuleType("simulated_a_second_time")
_twin.__path__ = [str(Path(importlib.util.find_spec("tinynet").origin).parent / "devices")]
sys.modules[_twin.__name__] = _twin
from simulated_a_second_time.simulated import SimulatedArray as ndarray  # noqa: E402
from simulated_a_second_time.simulated_xp import ArrayModule  # noqa: E402

from . import capture, cuda  # noqa: E402, F401

__version__ = "a stand-in"
_functions = ArrayModule(SimpleNamespace(id=0))


def __getattr__(name):
    return getattr(_functions, name)


for _module in sys.modules[f"{_twin.__name__}.simulated"], sys.modules[f"{_twin.__name__}.simulated_xp"]:
    _module.compute = capture.recorded(_module.compute)


def asnumpy(x):
    return x.get()


def _get(x, stream=None, out=None, blocking=True):
    capture.refuse("D2H transfers")
    if out is None:
        return x._data.copy()
    assert (out.shape, out.dtype) == (x.shape, x.dtype)
    out[...] = x._data
    return out


def _set(x, host):
    capture.refuse("H2D transfers")
    assert isinstance(host, np.ndarray) and (host.shape, host.dtype) == (x.shape, x.dtype)
    x._data[...] = host


def _item(x, *index):
    capture.refuse("D2H transfers")
    return x._data.item(*index)


ndarray.get, ndarray.set, ndarray.item, ndarray.tolist = _get, _set, _item, lambda x: _get(x).tolist()
ndarray.data = property(lambda x: SimpleNamespace(ptr=x._data.ctypes.data))


class RawModule:
    def __init__(self, *, code, options):
        self.code = code

    def get_function(self, name):
        from kernels_on_cpu import function_of, kernels
        function, parameters = function_of(self.code, name), kernels.parameters_of(self.code, name)

        def kernel(grid, block, args):
            places = {True: [], False: []}
            for a, parameter in zip(args, parameters, strict=True):
                if isinstance(a, ndarray):
                    places[parameter.startswith("const ")].append(capture.place(a._data))
            capture.do(lambda: function(grid, block, [getattr(a, "_data", a) for a in args]), places[True],
                       places[False])
        return kernel


def get_default_memory_pool():
    return SimpleNamespace(total_bytes=lambda: 0, free_all_blocks=lambda: None)


get_default_pinned_memory_pool = get_default_memory_pool
