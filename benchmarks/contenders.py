"""The contenders of the benchmarks: a net of tinynet, and the same in PyTorch. Each can `train()` one step, `infer()`,
and time its `layers()`: {layer: [forward, backward]} in seconds. `wait()` is until a GPU has done what
was asked of it.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tinynet import SGD, Device, SoftmaxCrossEntropy, cpu, get_threads
from tinynet.fast.parallel import one_blas_thread
from tinynet.training.replay import Replayed

TORCH = {"PyTorch NCHW": "contiguous_format", "PyTorch channels_last": "channels_last"}


def nothing() -> None:
    pass


def timed(call: Callable[[], Any], wait: Callable[[], Any] = nothing) -> tuple[Any, float]:
    wait()
    start = time.perf_counter()
    result = call()
    wait()
    return result, time.perf_counter() - start


class Ours:
    """With `graph`, forward, loss and backward are repeated by the GPU, as `train` has it."""

    def __init__(self, case: Any, columns: int, device: Device = cpu, wait: Callable[[], Any] = nothing,
                 graph: bool = False) -> None:
        rng, self.timed = np.random.default_rng(1), partial(timed, wait=wait)
        self.net, self.loss = case.build(columns), SoftmaxCrossEntropy()
        self.sgd = SGD(self.net.parameters(), lr=1e-4)
        self.x = device.asarray(rng.standard_normal((case.batch, *case.input_shape), np.float32))
        self.labels = rng.integers(0, 10, case.batch)
        self.there_and_back = Replayed(self.net, self._there_and_back, self.loss) if graph else self._there_and_back

    @one_blas_thread  # as the training loop does
    def train(self) -> None:
        self.there_and_back(self.x, self.labels)
        self.sgd.step()

    def _there_and_back(self, x: Any, labels: Any) -> tuple[Any, Any, int]:
        scores = self.net.forward(x, train=True)
        L = self.loss.forward(scores, labels)
        self.net.backward(self.loss.backward())
        return L, None, scores.shape[-1]

    def infer(self) -> None:
        self.net.forward(self.x)

    @property
    def recorded(self) -> int:
        """Bytes of the GPU that the repeated steps take."""
        return getattr(self.there_and_back, "nbytes", 0)

    def layers(self) -> dict[str, list[float]]:
        """Each layer, a pair of columns as one. `net.forward(x, seen=...)` would not do: it runs two columns one after
        the other, where they are to be timed side by side, and there is nothing like it for backward."""
        times, y = {}, self.x
        for name, layer in self.net.children():
            y, seconds = self.timed(lambda layer=layer, x=y: layer.forward(x, train=True))
            times[name] = [seconds]
        loss = self.timed(lambda: self.loss.forward(y, self.labels))[1]
        dy, seconds = self.timed(self.loss.backward)
        for name, layer in reversed(self.net.children()):
            dy, back = self.timed(lambda layer=layer, dy=dy: layer.backward(dy))
            times[name].append(back)
        return {**times, "loss": [loss, seconds], "sgd": [0.0, self.timed(self.sgd.step)[1]]}


class Theirs:
    def __init__(self, case: Any, layout: str, device: str = "cpu", wait: Callable[[], Any] = nothing) -> None:
        import torch
        torch.set_num_threads(get_threads())
        self.torch, self.timed = torch, partial(timed, wait=wait)
        form = {"device": device, "memory_format": getattr(torch, TORCH[layout])}
        with torch.device(device):
            layers = {name: torch_layer(layer) for name, layer in case.build(1).children()}
        self.net, self.loss = torch.nn.Sequential(), torch.nn.CrossEntropyLoss()
        for name, layer in layers.items():
            self.net.add_module(name, layer)
        self.net.to(**form)
        self.sgd = torch.optim.SGD(self.net.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4, fused=True)
        H, W_, C = case.input_shape
        self.x = torch.randn(case.batch, C, H, W_).to(**form)
        self.labels = torch.randint(0, 10, (case.batch,), device=device)

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
            y, seconds = self.timed(lambda call=call, x=x: call(x))
            times[name] = [seconds]
            graph.append((name, x, y))
        logits = y.detach().requires_grad_()
        L, loss = self.timed(lambda: self.loss(logits, self.labels))
        self.sgd.zero_grad()
        _, seconds = self.timed(L.backward)
        dy = logits.grad
        for name, x, y in reversed(graph):
            times[name].append(self.timed(lambda y=y, dy=dy: y.backward(dy))[1])
            dy = x.grad
        return {**times, "loss": [loss, seconds], "sgd": [0.0, self.timed(self.sgd.step)[1]]}


def torch_layer(layer: Any) -> Any:
    """The PyTorch module of the same sizes as one of our layers."""
    from torch import nn
    kind = type(layer).__name__
    if kind == "Sequential":
        return nn.Sequential(*(torch_layer(inside) for _, inside in layer.children()))
    if kind == "Branches":
        return torch_branches(*(torch_layer(inside) for _, inside in layer.children()))
    if kind == "Conv2d":
        (top, bottom), (left, right) = layer.padding
        conv = nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride,
                         (top, left) if (top, left) == (bottom, right) else 0, groups=layer.groups)
        return conv if (top, left) == (bottom, right) else nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), conv)
    if kind in ("MaxPool2d", "AvgPool2d"):
        return getattr(nn, kind)(layer.kernel_size, layer.stride, layer.padding, ceil_mode=layer.ceil_mode)
    return {"ReLU": lambda: nn.ReLU(inplace=True), "Flatten": nn.Flatten, "Dropout": lambda: nn.Dropout(layer.p),
            "GlobalAvgPool2d": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            "Linear": lambda: nn.Linear(layer.in_features, layer.out_features),
            "LRN": lambda: nn.LocalResponseNorm(layer.n, layer.alpha * layer.n, layer.beta, layer.k)}[kind]()


def torch_branches(*branches: Any) -> Any:
    """The module in which all `branches` see the same input, and their maps are joined."""
    import torch

    class Branches(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.branches = torch.nn.ModuleList(branches)

        def forward(self, x: Any) -> Any:
            return torch.cat([branch(x) for branch in self.branches], dim=1)
    return Branches()
