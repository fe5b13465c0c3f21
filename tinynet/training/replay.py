"""Steps of a training that a GPU repeats by itself, instead of being asked for each kernel: `train(..., graph=True)`.

    the first batch      as always: kernels are compiled, constants made
    the second batch     forward, loss and backward are recorded (devices/graph.py), then launched
    the others           launched, with other images and labels

The optimiser's step is not in the graph: its learning rate may change, and hooks see the gradients as they always do. A
batch of another size, an epoch's last one, is computed as always. Where parameters are moved, frozen or given other
arrays, a step is recorded again.
"""
from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from ..devices.device import Gpu, device_of, gpu
from ..devices.graph import Graph, NotRecorded
from ..layer import Layer


class Replayed:
    """`work(x, targets)`, which takes a batch forward and backward through `net`, and returns the loss, the error (or
    None) and the number of classes.

    From one batch to the next only numbers may change, in parameters and running averages: what a layer is set to, a
    Dropout's `p` for example, is recorded. A loss's `probs` may be those of an earlier batch. Raises ValueError for a
    net that is not on a GPU; NotRecorded for one on two, and if the work reads a number from the GPU, brings an array
    over from the host, draws random numbers other than with `each_time`, or answers with numbers of its own.
    """

    def __init__(self, net: Layer, work: Callable[[Any, Any], tuple[Any, Any, int]]) -> None:
        places = net.device if isinstance(net.device, tuple) else (net.device,)
        if not all(isinstance(place, Gpu) for place in places):
            raise ValueError(f"graph=True: expected a net on a GPU, got one on {', '.join(map(str, places))}")
        self.net, self.work, self.home = net, work, gpu(places[0].index)
        self._graph, self._kind, self._held = None, None, []

    def __call__(self, x: Any, targets: Any) -> tuple[Any, Any, int]:
        kind = [(a.shape, a.dtype) for a in (x, targets)]
        if self._graph and not self._as_recorded():
            self._graph = self._kind = None
        if kind != self._kind:
            if not self._graph:
                self._kind = kind                                # the next of this kind is recorded
            return self.work(x, targets)
        if not self._graph:
            self._record(x, targets)
        L, error, classes = self._graph.launch(x, targets)
        return _copy(L), _copy(error), classes

    @property
    def nbytes(self) -> int:
        """The bytes of the GPU that are taken for it, beside CuPy's pool."""
        return self._graph.nbytes if self._graph else 0

    def _record(self, x: Any, targets: Any) -> None:
        random = [s for _, s in self.net.state() if isinstance(s, np.random.Generator)]
        before = pickle.dumps(random)
        graph = Graph(self.home, self.work, x, targets)
        if pickle.dumps(random) != before:
            raise NotRecorded("graph=True: a layer of this net draws random numbers that would be the same in every "
                              "step: have it draw with tinynet.devices.graph.each_time, or train without graph=True")
        if any(isinstance(number, (int, float)) for number in graph.result[:2]):
            raise NotRecorded("graph=True: the loss or the metric gives a number that the GPU has not computed, which "
                              "would be the same in every step: train without graph=True")
        self._graph, self._held = graph, [(p, p.value, p.grad, p.trainable) for _, p in self.net.parameters()]

    def _as_recorded(self) -> bool:
        """Whether the parameters are where they were, and those that were trained still are."""
        return all(p.value is value and p.grad is grad and p.trainable == trainable
                   for p, value, grad, trainable in self._held)


def _copy(number: Any) -> Any:
    """A number that the next launch does not write over."""
    if number is None:
        return None
    with device_of(number):
        return number.copy()
