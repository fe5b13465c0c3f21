"""What CONTRIBUTING.md shows: it runs, and keeps the contract of a layer."""
from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_layer
from naive import assert_close, distinct

from tinynet import Layer, Parameter, gradcheck
from tinynet.devices.device import simulated
from tinynet.fast.operation import operation

PAGE = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text("utf-8")


@pytest.fixture
def shown():
    """The names that the page's blocks of Python define."""
    names = {"np": np, "Any": Any, "Layer": Layer, "Parameter": Parameter, "operation": operation,
             "__name__": "tinynet.layers.yourlayer"}
    for block in re.findall(r"^ *```python\n(.*?)^ *```$", PAGE, re.DOTALL | re.MULTILINE):
        exec(textwrap.dedent(block), names)
    return names


def test_the_layer_of_the_example_keeps_the_contract(shown):
    layer, x, device = shown["Scale"](4), distinct(3, 2, 5, 4), simulated(1)
    layer.w.value[:] = distinct(4, seed=1)
    assert set(gradcheck(layer, x)) == {"x", "w"}
    y = layer.astype(np.float64).forward(x, keep=True)
    assert_close(y, x * layer.w.value)
    layer.freeze().backward(x)
    assert layer.w.grad is None
    with pytest.raises(RuntimeError, match="Scale: backward has nothing to work from"):
        layer.backward(x)
    with pytest.raises(ValueError, match=r"Scale: expected x of shape \(N, H, W, 4\)"):
        layer.forward(x[..., :3])
    assert_close(device.tohost(layer.to(device).forward(device.asarray(x))), y)


def test_the_operation_of_the_example_fills_its_array(shown):
    x, w = distinct(3, 2, 5, 4), distinct(4, seed=1)
    y = np.empty_like(x)
    shown["scale_forward"](x, w, y, np)
    assert_close(y, x * w)


CONTRACT = [check for name, check in vars(test_layer).items()
            if name.startswith("test_") and list(inspect.signature(check).parameters) == ["case"]]


@pytest.mark.parametrize("check", CONTRACT)
def test_the_layer_of_the_example_passes_the_tests_that_the_page_names(check, shown):
    layer = shown["Scale"](4).astype(np.float64)
    layer.w.value[:] = distinct(4, seed=1)
    layer.rename("layer7")
    check((layer, distinct(*test_layer.MAPS)))


def test_there_are_such_tests():
    assert len(CONTRACT) > 10
