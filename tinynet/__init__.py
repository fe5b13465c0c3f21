"""tinynet: deep learning's founding networks in plain NumPy, every layer with its forward and its backward."""
from __future__ import annotations

import importlib
from typing import Any

from .columns import Columns, Exchange, Fork, Join
from .devices.crossing import send, traffic
from .devices.device import Device, DeviceMismatch, cpu, device_of, free_memory, gpu, simulated
from .devices.pairs import pair
from .fast.parallel import get_threads, set_threads
from .gradcheck import gradcheck
from .init import constant, fan_in, gaussian, uniform_fan_in
from .layer import Layer
from .layers.activation import AbsTanh, LeakyReLU, ReLU, ScaledTanh, Sigmoid, Tanh
from .layers.contrast import LocalContrastNorm
from .layers.conv import Conv2d
from .layers.conv_transpose import ConvTranspose2d
from .layers.dropout import Dropout
from .layers.linear import Flatten, Linear
from .layers.local import LocallyConnected2d
from .layers.lrn import LRN, WithinMapNorm
from .layers.norm import BatchNorm1d, BatchNorm2d
from .layers.pool import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from .layers.rbf import RBF
from .layers.subsample import Subsample2d
from .layers.table_conv import TableConv2d
from .layers.unpool import Unpool2d
from .loss import MeanSquaredError, SoftmaxCrossEntropy
from .net import Branches, Identity, Sequential, Sum
from .one_vs_rest import HingeLoss, SigmoidCrossEntropy
from .parameter import FixedRate, Parameter
from .softmax import softmax
from .summary import count_parameters, summary
from .training.clip import clip_gradients
from .training.optim import SGD, Adam, Optimizer

__version__ = "0.2.0"
__all__ = [
    "AbsTanh", "Adam", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Branches", "Columns", "Conv2d",
    "ConvTranspose2d", "Device", "DeviceMismatch", "Dropout", "Exchange", "FixedRate", "Flatten", "Fork",
    "GlobalAvgPool2d", "HingeLoss", "Identity", "Join", "LRN", "Layer", "LeakyReLU", "Linear",
    "LocalContrastNorm", "LocallyConnected2d", "MaxPool2d", "MeanSquaredError", "Optimizer", "Parameter", "RBF",
    "ReLU", "SGD", "ScaledTanh", "Sequential", "Sigmoid", "SigmoidCrossEntropy", "SoftmaxCrossEntropy",
    "Subsample2d", "Sum", "TableConv2d", "Tanh", "Unpool2d", "WithinMapNorm", "clip_gradients", "constant",
    "count_parameters", "cpu", "device_of", "fan_in", "free_memory", "gaussian", "get_threads", "gpu",
    "gradcheck", "pair", "send", "set_threads", "simulated", "softmax", "summary", "traffic", "uniform_fan_in",
]


def __getattr__(name: str) -> Any:
    """`tinynet.data`, `tinynet.models`, ..., and `load_run`, the net of a run with all that it needs
    (training/evaluate.py), are imported when they are first used, to keep `import tinynet` quick."""
    if name == "load_run":
        return importlib.import_module(".training.evaluate", __name__).load_net
    if name in ("data", "files", "look", "models", "train"):
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
