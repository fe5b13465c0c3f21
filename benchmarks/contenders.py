"""The contenders of the benchmark: a net of tinynet, and the same in PyTorch. Each can `train()` one step, `infer()`,
and time its `layers()`: {layer: [forward, backward]} in seconds.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tinynet import SGD, SoftmaxCrossEntropy, get_threads
from tinynet.fast.parallel import one_blas_thread

TORCH = {"PyTorch NCHW": "contiguous_format", "PyTorch channels_last": "channels_last"}


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


class Ours:
    def __init__(self, case: Any, columns: int) -> None:
        rng = np.random.default_rng(1)
        self.net, self.loss = case.build(columns), SoftmaxCrossEntropy()
        self.sgd = SGD(self.net.parameters(), lr=1e-4)
        self.x = rng.standard_normal((case.batch, *case.input_shape), np.float32)
        self.labels = rng.integers(0, 10, case.batch)

    @one_blas_thread  # as the training loop does
    def train(self) -> None:
        self.loss.forward(self.net.forward(self.x, train=True), self.labels)
        self.net.backward(self.loss.backward())
        self.sgd.step()

    def infer(self) -> None:
        self.net.forward(self.x)

    def layers(self) -> dict[str, list[float]]:
        """Each layer, a pair of columns as one. `net.forward(x, seen=...)` would not do: it runs two columns one after
        the other, where they are to be timed side by side, and there is nothing like it for backward."""
        times, y = {}, self.x
        for name, layer in self.net.children():
            y, seconds = timed(lambda layer=layer, x=y: layer.forward(x, train=True))
            times[name] = [seconds]
        loss = timed(lambda: self.loss.forward(y, self.labels))[1]
        dy, seconds = timed(self.loss.backward)
        for name, layer in reversed(self.net.children()):
            dy, back = timed(lambda layer=layer, dy=dy: layer.backward(dy))
            times[name].append(back)
        return {**times, "loss": [loss, seconds], "sgd": [0.0, timed(self.sgd.step)[1]]}


class Theirs:
    def __init__(self, case: Any, layout: str) -> None:
        import torch
        torch.set_num_threads(get_threads())
        self.torch, form = torch, {"memory_format": getattr(torch, TORCH[layout])}
        layers = {name: torch_layer(layer) for name, layer in case.build(1).children()}
        self.net, self.loss = torch.nn.Sequential(), torch.nn.CrossEntropyLoss()
        for name, layer in layers.items():
            self.net.add_module(name, layer)
        self.net.to(**form)
        self.sgd = torch.optim.SGD(self.net.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4, fused=True)
        H, W_, C = case.input_shape
        self.x = torch.randn(case.batch, C, H, W_).to(**form)
        self.labels = torch.randint(0, 10, (case.batch,))

    def train(self) -> None:
        self.net.train()
        self.sgd.zero_grad()
        self.loss(self.net(self.x), self.labels).backward()
        self.sgd.step()

    def infer(self) -> None:
        self.net.eval()
        with self.torch.inference_mode():
            self.net(self.x)

    def layers(self) -> dict[str, list[float]]:
        """Each layer cut off from the one before, so that its backward can be timed."""
        self.net.train()
        times, graph, y = {}, [], self.x
        for name, layer in self.net.named_children():
            call = self.torch.relu if isinstance(layer, self.torch.nn.ReLU) else layer  # not in place: x is a leaf now
            x = y.detach().requires_grad_(bool(graph))  # the images need no gradient
            y, seconds = timed(lambda call=call, x=x: call(x))
            times[name] = [seconds]
            graph.append((name, x, y))
        logits = y.detach().requires_grad_()
        L, loss = timed(lambda: self.loss(logits, self.labels))
        self.sgd.zero_grad()
        _, seconds = timed(L.backward)
        dy = logits.grad
        for name, x, y in reversed(graph):
            times[name].append(timed(lambda y=y, dy=dy: y.backward(dy))[1])
            dy = x.grad
        return {**times, "loss": [loss, seconds], "sgd": [0.0, timed(self.sgd.step)[1]]}


def torch_layer(layer: Any) -> Any:
    """The PyTorch module of the same sizes as one of our layers."""
    from torch import nn
    kind = type(layer).__name__
    if kind == "Conv2d":
        (top, bottom), (left, right) = layer.padding
        conv = nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride,
                         (top, left) if (top, left) == (bottom, right) else 0, groups=layer.groups)
        return conv if (top, left) == (bottom, right) else nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), conv)
    if kind in ("MaxPool2d", "AvgPool2d"):
        return getattr(nn, kind)(layer.kernel_size, layer.stride, layer.padding, ceil_mode=layer.ceil_mode)
    return {"ReLU": lambda: nn.ReLU(inplace=True), "Flatten": nn.Flatten, "Dropout": lambda: nn.Dropout(layer.p),
            "Linear": lambda: nn.Linear(layer.in_features, layer.out_features),
            "LRN": lambda: nn.LocalResponseNorm(layer.n, layer.alpha * layer.n, layer.beta, layer.k)}[kind]()
