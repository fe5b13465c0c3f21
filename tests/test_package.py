"""The package as a whole: what it imports, which room may import which, and what it offers."""
import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import tinynet

ROOT = Path(tinynet.__file__).parent

# The rooms, from the ground up. A module imports its own room and those further down, and no layer imports another.
FLOORS = [
    {"fast.workers"},                                                                # the ground: NumPy only
    {"fast.parallel", "fast.memory", "fast.operation", "init", "sizes", "softmax"},
    {"devices"},
    {"fast"},
    {"parameter", "keeping"},
    {"described"},
    {"layer"},
    {"container", "overlooked"},
    {"layers", "net", "columns", "loss"},
    {"one_vs_rest"},
    {"models", "files", "gradcheck", "summary"},
    {"data", "distributed"},
    {"training"},
    {"look"},
    {"train", ""},                                                                   # "" is tinynet itself
    {"claims"},
    {"commands"},
    {"__main__"},
]
UPWARDS = {  # each with its reason
    ("training.run", ""): "the version is written in tinynet/__init__.py",
    ("training.train", ""): "the version is written in tinynet/__init__.py",
    ("training.checkpoint", ""): "the version is written in tinynet/__init__.py",
    ("layers.conv_transpose", "layers.conv"): "the same operations, in the opposite order",
    ("layers.unpool", "layers.pool"): "the way back through a pooling, by its switches",
}
UPWARDS_WHEN_CALLED = {
    ("layer", "files.storage"): "net.save and net.load: a layer is none the wiser about files",
    ("training.run", "look.curves"): "a run draws its curves after each epoch",
    ("models.pretrained", "training.evaluate"): "a trained net comes with its view and classes, as a run's does",
}


# ---------------------------------------------------------------------------------------- who imports whom


def name_of(file):
    """tinynet/layers/conv.py is called layers.conv, tinynet/data/__init__.py data."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): file for file in sorted(ROOT.rglob("*.py"))}


def imported(node, name):
    """The modules of tinynet that an import statement in the module called `name` names."""
    if not isinstance(node, ast.ImportFrom) or not node.level:
        return
    parts = MODULES[name].relative_to(ROOT).parts[:-1]                                # its package
    start = [*parts[:len(parts) + 1 - node.level], *([node.module] if node.module else [])]
    for alias in node.names:
        inside = ".".join([*start, alias.name])
        yield inside if inside in MODULES else ".".join(start)


def imports():
    """(of every module those that it imports when it is imported, pairs of those that it imports later)"""
    at_once, later = {}, set()
    for name, file in MODULES.items():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        at_once[name] = {target for node in tree.body for target in imported(node, name)}
        everywhere = {target for node in ast.walk(tree) for target in imported(node, name)}
        later |= {(name, target) for target in everywhere - at_once[name]}
    return at_once, later


def room_of(name):
    """A room's name and its floor."""
    names = [name, name.split(".")[0]]
    room, floor = next((room, floor) for room in names for floor, rooms in enumerate(FLOORS) if room in rooms)
    return (name if room == "layers" else room), floor


def upwards(pairs):
    """Those of the pairs (module, what it imports) that do not point down."""
    rooms = [((source, target), room_of(source), room_of(target)) for source, target in pairs]
    return {pair for pair, (room, floor), (other, below) in rooms if room != other and below >= floor}


def test_no_module_imports_upwards():
    at_once, later = imports()
    assert upwards((name, target) for name, targets in at_once.items() for target in targets) == set(UPWARDS)
    assert upwards(later) == set(UPWARDS_WHEN_CALLED)


def test_no_circles():
    at_once, _ = imports()
    assert len(list(TopologicalSorter(at_once).static_order())) == len(MODULES)      # else CycleError, which names it


def test_an_upward_import_would_be_found():
    """The two tests above see every way to say it."""
    for line, target in {"from ..training import optim": "training.optim", "from ..net import Sequential": "net",
                         "from .. import summary": "summary", "from . import lrn": "layers.lrn",
                         "from .lrn import LRN": "layers.lrn"}.items():
        found = list(imported(ast.parse(line).body[0], "layers.conv"))
        assert found == [target] and upwards([("layers.conv", target)])
    assert not upwards([("layers.conv", "fast.im2col"), ("layers.conv", "layer"), ("models.vgg", "models.nin")])


def test_tinynet_is_imported_by_relative_names_only():
    for name, file in MODULES.items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            absolute = [a.name for a in node.names] if isinstance(node, ast.Import) else \
                [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            wrong = {"tinynet", "examples", "lessons", "tests", "tools"} & {module.split(".")[0] for module in absolute}
            assert not wrong, f"{name}: {wrong}"


# ---------------------------------------------------------------------------------------- the package


def test_importing_it_needs_numpy_only():
    code = ("import sys, numpy.random; before = set(sys.modules); import tinynet; "
            "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
            "print(sorted(new - set(sys.stdlib_module_names)), 'urllib.request' in sys.modules)")
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == "['tinynet'] False\n"


def test_importing_it_leaves_the_upper_rooms_alone():
    rooms = "'data', 'models', 'look', 'files'"
    code = f"import sys, tinynet; print([room for room in ({rooms}) if 'tinynet.' + room in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_public_name_is_there():
    assert all(hasattr(tinynet, name) for name in tinynet.__all__)


def test_subpackages_need_no_import_of_their_own():
    code = "import tinynet; print(tinynet.models.alexnet, tinynet.data.cifar10, tinynet.train.train)"
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    with pytest.raises(AttributeError, match="module 'tinynet' has no attribute 'alexnett'"):
        tinynet.alexnett  # noqa: B018
