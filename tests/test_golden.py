"""Values of another implementation: golden.npz holds what PyTorch computes in float64; tools/make_golden.py made it."""
from __future__ import annotations

from collections import defaultdict
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from naive import assert_close

from tinynet import (
    LRN,
    SGD,
    Adam,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    MeanSquaredError,
    Parameter,
    ReLU,
    Sequential,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
)
from tinynet.fast.operation import plain
from tinynet.models.resnet import padded_identity, residual_block

GOLDEN: dict[str, dict[str, np.ndarray]] = defaultdict(dict)  # case: {"x": ..., "W": ..., "y": ..., "dW": ...}
with np.load(Path(__file__).parent / "golden.npz") as file:
    for key in file:
        GOLDEN[key.split("/")[0]][key.split("/")[1]] = file[key]

LAYERS = {
    "conv": lambda: Conv2d(4, 5, 3, padding=1),
    "conv 5x5": lambda: Conv2d(3, 4, 5, padding=2),
    "conv 1x1 strided": lambda: Conv2d(3, 4, 1, stride=2),
    "conv groups": lambda: Conv2d(4, 6, (3, 2), stride=(2, 3), padding=((1, 2), (0, 3)), groups=2),
    "max-pool": lambda: MaxPool2d(3, 2, ceil_mode=True),
    "max-pool padded": lambda: MaxPool2d((3, 2), (2, 1), padding=1),
    "average pool": lambda: AvgPool2d(3, 2, ceil_mode=True),
    "average pool padded": lambda: AvgPool2d(3, 2, padding=1, ceil_mode=True),
    "lrn": lambda: LRN(5, k=2.0, alpha=0.2, beta=0.75),
    "linear": lambda: Linear(6, 5),
    "relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid,
    "batch norm": lambda: BatchNorm2d(6),
    "residual block": lambda: residual_block(3, 6, 2, {}, padded_identity),
}
LOSSES = {"cross-entropy": SoftmaxCrossEntropy, "squared error": MeanSquaredError}


def holding(layer, golden):
    """The layer in float64, with the parameters and running statistics of a case."""
    layer = layer.astype(np.float64)
    for name, p in layer.parameters():
        p.assign(golden[name])
    for name, statistic in layer.state():
        if name in golden:
            statistic[...] = golden[name]
    return layer


def compare(layer, golden, dx):
    for name, p in layer.parameters():
        assert_close(p.grad, golden[f"d{name}"], name)
    assert_close(dx, golden["dx"], "dx")


def test_there_is_a_test_for_every_case():
    others = {"batch norm, training", "small CNN", "sgd", "adam", "sgd, a beginner", "adam, a beginner"}
    assert set(GOLDEN) == {*LAYERS, *LOSSES, *others}


@pytest.mark.parametrize("way", [nullcontext, plain], ids=["fast", "plain"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, way):
    golden = GOLDEN[name]
    layer = holding(LAYERS[name](), golden)
    with way():
        assert_close(layer.forward(golden["x"], keep=True, train=name == "residual block"), golden["y"], "y")
        compare(layer, golden, layer.backward(golden["dy"]))


@pytest.mark.parametrize("algorithm", ["im2col", "winograd"])
@pytest.mark.parametrize("name, sizes", [("conv", (4, 5, 3)), ("conv 5x5", (3, 4, 5))])
def test_convolution_by_either_algorithm(name, sizes, algorithm):
    golden = GOLDEN[name]
    layer = holding(Conv2d(*sizes, padding=sizes[-1] // 2, algorithm=algorithm), golden)
    assert_close(layer.forward(golden["x"], keep=True), golden["y"], "y")
    compare(layer, golden, layer.backward(golden["dy"]))


def test_batch_normalisation_in_training_and_its_running_statistics():
    golden = GOLDEN["batch norm, training"]
    norm = BatchNorm2d(6).astype(np.float64)
    norm.gamma.assign(golden["gamma"])
    norm.beta.assign(golden["beta"])
    assert_close(norm.forward(golden["x"], train=True), golden["y"], "y")
    assert_close(norm.running_mean, golden["running_mean"], "running mean")
    assert_close(norm.running_var, golden["running_var"], "running variance")
    compare(norm, golden, norm.backward(golden["dy"]))


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    golden, loss = GOLDEN[name], LOSSES[name]()
    assert_close(np.float64(loss.forward(golden["x"], golden["labels"])), golden["y"], "L")
    assert_close(loss.backward(), golden["dx"], "dx")


def test_the_whole_gradient_of_a_small_net():
    golden, loss = GOLDEN["small CNN"], SoftmaxCrossEntropy()
    net = holding(Sequential(
        conv1=Conv2d(3, 4, 5, padding=2), relu1=ReLU(), norm1=LRN(3, k=1.5, alpha=0.3, beta=0.75),
        pool1=MaxPool2d(3, 2, ceil_mode=True),
        conv2=Conv2d(4, 6, 3, padding=1, groups=2, bias=False), norm2=BatchNorm2d(6), relu2=ReLU(), pool2=AvgPool2d(2),
        flat=Flatten(), fc=Linear(24, 3)), golden)
    L = loss.forward(net.forward(golden["x"], train=True), golden["labels"])
    assert_close(np.float64(L), golden["y"], "L")
    compare(net, golden, net.backward(loss.backward()))


@pytest.mark.parametrize("name, rule, how", [("sgd", SGD, {"momentum": 0.9}), ("adam", Adam, {"eps": 1e-3})])
def test_three_steps_of(name, rule, how):
    golden = GOLDEN[name]
    p = Parameter(golden["w0"])
    optimiser = rule([("w", p)], lr=0.1, weight_decay=0.02, **how)
    for step in 1, 2, 3:
        p.gradient()[...] = golden[f"g{step}"]
        optimiser.step()
        assert_close(p.value, golden[f"w{step}"], f"step {step}")


@pytest.mark.parametrize("name, rule, how", [("sgd", SGD, {"momentum": 0.9}), ("adam", Adam, {"eps": 1e-3})])
def test_steps_of_a_parameter_that_is_frozen_at_first_and_once_more_later(name, rule, how):
    golden = GOLDEN[f"{name}, a beginner"]
    w, late = Parameter(golden["w0"]), Parameter(golden["late0"])
    optimiser = rule([("w", w), ("late", late)], lr=0.1, weight_decay=0.02, **how)
    for step in range(1, 7):
        w.gradient()[...], late.trainable = golden[f"g{step}"], f"late_g{step}" in golden
        if late.trainable:
            late.gradient()[...] = golden[f"late_g{step}"]
        optimiser.step()
        for p, which in (w, "w"), (late, "late"):
            assert_close(p.value, golden[f"{which}{step}"], f"{which}, step {step}")
