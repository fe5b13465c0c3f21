"""Every function that tinynet takes from its array module exists in CuPy, and takes the arguments it is given.

The sources are searched for calls `xp.name(...)`, wherever `xp` is (`left.xp.name` too). Needs CuPy, but no GPU.
"""
import ast
import inspect
from pathlib import Path

import numpy as np
import pytest

cupy = pytest.importorskip("cupy", reason="needs CuPy (a GPU is not needed)")
SOURCES = Path(__file__).parents[2] / "tinynet"
UFUNC_KEYWORDS = {"out", "dtype", "casting"}


def dotted(node):
    """["xp", "lib", "stride_tricks", "as_strided"] for that expression; None for anything but names and dots."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        before = dotted(node.value) or ["?"]
        return [*before, node.attr]
    return None


def after_xp(node):
    names = dotted(node) or []
    return ".".join(names[names.index("xp") + 1:]) if "xp" in names else ""


def uses():
    """(where, name, positional arguments, keywords) of every use of the array module; None for arguments: no call."""
    for path in sorted(SOURCES.rglob("*.py")):
        if path.name in ("simulated.py", "simulated_xp.py", "cuda.py", "device.py"):  # these speak with NumPy and CUDA
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            where = f"{path.name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call) and after_xp(node.func):
                yield where, after_xp(node.func), len(node.args), [k.arg for k in node.keywords]
            elif isinstance(node, ast.Attribute) and after_xp(node):
                yield where, after_xp(node), None, []


USES = sorted(set((where, name, args, tuple(keywords)) for where, name, args, keywords in uses()), key=str)


def test_the_search_finds_what_is_there():
    found = {name for _, name, _, _ in USES}
    assert {"empty", "matmul", "maximum", "lib.stride_tricks.as_strided", "concatenate"} <= found


@pytest.mark.parametrize("where, name, args, keywords", USES)
def test_cupy_has_it_and_takes_these_arguments(where, name, args, keywords):
    function = cupy
    for part in name.split("."):
        assert hasattr(function, part), f"{where}: CuPy has no {name}"
        function = getattr(function, part)
    if args is None or isinstance(function, type):
        return
    if isinstance(function, cupy.ufunc):
        assert set(keywords) <= UFUNC_KEYWORDS and args <= function.nargs, where
    else:
        inspect.signature(function).bind(*[None] * args, **dict.fromkeys(keywords))


def methods():
    """Names of attributes that arrays of NumPy have and that are called in the layers."""
    for path in sorted([*SOURCES.glob("*.py"), *SOURCES.glob("layers/*.py"), *SOURCES.glob("training/*.py")]):
        if path.name not in ("simulated.py", "simulated_xp.py", "cuda.py", "device.py", "storage.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    if hasattr(np.ndarray, node.func.attr):
                        yield node.func.attr


@pytest.mark.parametrize("method", sorted(set(methods())))
def test_cupys_arrays_have_the_methods_too(method):
    assert hasattr(cupy.ndarray, method)


@pytest.mark.parametrize("name", ["Graph.launch", "Memory", "MemoryPointer", "MemoryPool.free_all_blocks",
                                  "MemoryPool.set_limit", "MemoryPool.total_bytes", "Stream.begin_capture",
                                  "Stream.end_capture", "using_allocator"])
def test_what_graphs_and_their_memory_ask_for_is_there(name):
    """devices/graph.py and devices/pools.py."""
    found = cupy.cuda
    for part in name.split("."):
        found = getattr(found, part)
