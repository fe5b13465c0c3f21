"""Every block of Python on the pages runs as it is printed, one after the other, in an empty folder.

The pages speak of what is the reader's: a net, PyTorch's model, a GPU. `GIVEN` has such things, small or played: there
is no PyTorch here, and GPUs are simulated. CONTRIBUTING.md's blocks have a file of their own.
"""
from __future__ import annotations

import functools
import re
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tinynet
from tinynet import Conv2d, Flatten, GlobalAvgPool2d, Linear, ReLU, Sequential, models, pair, simulated
from tinynet.data import View, cifar10_sample
from tinynet.files.weights import to_torch

ROOT = Path(__file__).parent.parent
PAGES = {page.relative_to(ROOT).as_posix(): re.findall(r"^ *```python\n(.*?)^ *```$", page.read_text("utf-8"),
                                                      re.DOTALL | re.MULTILINE)
         for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md"))}
alexnet, build = models.alexnet, models.build
SMALL = {"kernels": (4, 8, 8, 8, 4), "hidden": 6}


def run(page, given):
    for block in PAGES[page]:
        exec(compile(textwrap.dedent(block), page, "exec"), given)
    return given


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "alexnet", functools.partial(alexnet, **SMALL))
    monkeypatch.setattr(models, "build", lambda name: build(name, width=1 / 16))


def test_every_page_with_python_is_run():
    assert sorted(page for page, blocks in PAGES.items() if blocks) == [
        "CONTRIBUTING.md", "README.md", "docs/gpu.md", "docs/weights.md"]


def test_the_net_of_the_readme_learns():
    assert run("README.md", {})["error"] < 0.15


def test_weights_in_and_out(monkeypatch):
    net = Sequential(conv1=Conv2d(3, 4, 3), relu1=ReLU(), flat=Flatten(), fc=Linear(4, 2))
    net.input_shape = 3, 3, 3
    loaded = {}
    model = SimpleNamespace(state_dict=lambda: to_torch(net), load_state_dict=loaded.update)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(from_numpy=np.asarray))
    np.savez("theirs.npz", **to_torch(net))
    for name, small in (("alexnet", Sequential(conv1=Conv2d(3, 4, 3), flat=Flatten(), fc6=Linear(4, 2))),
                        ("googlenet", Sequential(avgpool=GlobalAvgPool2d(), fc=Linear(3, 2)))):
        monkeypatch.setattr(models, f"{name}_torchvision", lambda small=small: small)
    read = []

    def from_files(net, path, names=None, ignore=()):      # which are hundreds of megabytes
        read.append((path, names and (names["features.0"], names["classifier.0"]), ignore))
    blobs = to_torch(models.alexnet(columns=1, input_size=227))
    caffes = {}
    for name, array in blobs.items():
        caffes.setdefault(name.rpartition(".")[0], []).append(SimpleNamespace(data=array))
    images = np.random.default_rng(0).integers(0, 256, (1, 227, 227, 3), np.uint8)
    given = {"net": net, "model": model, "caffe_net": SimpleNamespace(params=caffes), "mean_rgb": np.float32(120),
             "images": images}
    blocks = PAGES["docs/weights.md"]
    for i, block in enumerate(blocks):
        given["images"] = images[:, :224, :224] if "vgg16" in block else images
        if "vgg16" in block:
            given["from_torch"] = from_files
        exec(compile(block, f"docs/weights.md, block {i}", "exec"), given)
    assert loaded.keys() == to_torch(net).keys() and Path("ours.npz").exists()
    assert read == [("vgg16.safetensors", ("conv1_1", "fc6"), ()), ("alexnet.safetensors", ("conv1", "fc6"), ()),
                    ("googlenet.safetensors", None, ("aux1", "aux2"))]
    order = [*given["net"].layers]
    assert order.index("pool1") < order.index("norm1") and order.index("pool2") < order.index("norm2")
    assert tinynet.summary(given["net"], show=False)
    assert {(norm.k, norm.alpha) for name, norm in given["two"].walk() if name.startswith("norm")
            and isinstance(norm, tinynet.LRN)} == {(1.0, 1e-4 / 5)}


def test_gpus(monkeypatch):
    monkeypatch.setattr(tinynet, "gpu", simulated)
    monkeypatch.setattr(tinynet, "pair", lambda kind: pair("simulated"))
    data = cifar10_sample()
    given = run("docs/gpu.md", {"data": data, "view": View(np.zeros((32, 32, 3), np.float32), crop=28),
                                "rng": np.random.default_rng(0)})
    x, labels = next(given["loader"].epoch())
    assert x.shape == (128, 28, 28, 3) and len(labels) == 128
    assert simulated(0).holds(given["there"].images)
