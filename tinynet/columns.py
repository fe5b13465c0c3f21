"""The two columns: one net on two devices, as in Figure 2 of the AlexNet paper.

Between Fork and Join a value is a pair, one array in each column (⊕ joins along the channels, the last axis):

    Fork        x        →  (x, x)                     one array to both devices
    Columns     (x, x')  →  (left(x), right(x'))       each column computes with its own layer, at the same time
    Exchange    (x, x')  →  (x ⊕ x', x ⊕ x')           each column receives the other's maps
    Join        (x, x')  →  x ⊕ x'                     both onto one device

Backward goes the other way through the same doors. What was sent to the other column gets its gradient from there,
sent home and added; with d = d_x ⊕ d_x' and d' likewise the two parts of a gradient:

    Fork        (d, d')  →  d + d'
    Exchange    (d, d')  →  (d_x + d'_x, d_x' + d'_x')
    Join        d        →  (d_x, d_x')

`send` alone moves anything, and of the layers only these three call it: a net's crossings are its lines with Fork,
Exchange and Join, and `with traffic() as log:` around forward and backward proves it (an optimiser that clips sends the
length of the gradient, too: training/optim.py). AlexNet, section 3.2: the GPUs communicate only in certain layers.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from .container import Container, Seen, current, first_of, run, run_back, whole
from .devices.crossing import send, to_both
from .devices.device import Device, device_of
from .fast.parallel import side_by_side
from .layer import NO_GRADIENT, Layer


class Pair(tuple):
    """Two arrays, one in each column, and `devices`, the two devices they live on."""

    devices: tuple[Device, Device]

    def __new__(cls, arrays: Iterable[Any], devices: tuple[Device, Device] | None = None) -> Pair:
        pair = super().__new__(cls, arrays)
        pair.devices = devices or tuple(device_of(x) for x in pair)
        return pair


def expect_two(devices: Any, who: str) -> None:
    """Raise TypeError, in the name of `who`, for anything but a tuple of two devices."""
    if not isinstance(devices, tuple) or len(devices) != 2 or not all(isinstance(d, Device) for d in devices):
        raise TypeError(f"{who}: expected two devices, as pair() gives them, got {devices!r}")


def expect_gradients(layer: Layer, dy: Iterable[Any], shape: tuple[int, ...], dtype: Any) -> None:
    """Raise ValueError, in the name of `layer`, for a gradient of another shape, TypeError for another dtype; None is
    none."""
    for part in dy:
        if part is not None and tuple(part.shape) != shape:
            raise ValueError(f"{layer.label}: expected dy of shape {shape} in each column, got {tuple(part.shape)}")
        if part is not None and part.dtype != dtype:
            raise TypeError(f"{layer.label}: expected {dtype} for dy, as its input was, got {part.dtype}")


class _OnPairs(Layer):
    """What the layers between Fork and Join share: they take pairs."""

    def expect_pair(self, x: Any, what: str = "x") -> Pair:
        """`x` as a Pair; a plain tuple of two arrays will do. Raises TypeError for anything else."""
        if not isinstance(x, (tuple, list)) or len(x) != 2:
            raise TypeError(f"{self.label}: expected a pair of arrays for {what}, one in each column (Fork makes one), "
                            f"got {type(x).__name__}")
        if any(part is None for part in x):
            raise TypeError(f"{self.label}: expected an array in each column for {what}, got None{NO_GRADIENT}")
        return x if isinstance(x, Pair) else Pair(x)

    def expect_alike(self, x: Any) -> Pair:
        """A pair whose arrays can be joined along the channels. Raises ValueError if they differ in another axis."""
        left, right = pair = self.expect_pair(x)
        if left.shape[:-1] != right.shape[:-1]:
            raise ValueError(f"{self.label}: expected maps of one size in both columns, to join them along the "
                             f"channels, got {tuple(left.shape)} and {tuple(right.shape)}")
        return pair


class Fork(Layer):
    """One array to both `devices`.

    What comes from the host, as a net's images do, counts as input, not as traffic between the columns; the CPU's two
    columns share it, for layers only read their input. An array of one device stays in the column that lives there; the
    other column is sent a copy, also where both are on one GPU: its streams are in order at a crossing only.
    """

    def __init__(self, devices: tuple[Device, Device]) -> None:
        self.to(devices)

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Pair:
        (left, right), here = self.device, None
        if isinstance(x, np.ndarray):
            y = to_both(x, left, right)
        else:
            here = device_of(x)
            y = (x if left is here else send(x, left, self.name),
                 x if right is here and left is not here else send(x, right, self.name))
        self.remember(train or keep, here, tuple(x.shape), x.dtype)
        return Pair(y, self.device)

    def backward(self, dy: Any) -> Any:
        here, shape, dtype = self.take()
        expect_gradients(self, dy, shape, dtype)
        return self.transpose(dy, here)

    def transpose(self, dy: Any, here: Device | None) -> Any:
        """What `backward` gives where the input was on the device `here`, or from the host (None)."""
        (left, right), (d_left, d_right) = self.device, dy
        if d_left is None or d_right is None:  # the columns begin with a net's first layer, which has no dx
            return None
        if here is right:
            left, right, d_left, d_right = right, left, d_right, d_left
        d_other = send(d_right, left, self.name, source=right)
        with left:
            dx = d_left + d_other                                                    # (N, ..., C)
        return dx if here else left.tohost(dx)

    def expect_place(self, device: Any) -> None:
        expect_two(device, self.label)

    def to(self, device: Any) -> Fork:
        self.expect_place(device)
        self._device, self._kept = device, None
        return self


class Columns(_OnPairs, Container):
    """Two layers side by side, `left` and `right`, each on its own device.

    Parameters are called left.W, right.W, ...; `device` is the pair of the two devices. On a CPU each has a thread of
    its own. GPUs work side by side by themselves: one thread launches the left one's work, then the right one's, and
    waits for neither. With `seen`, the left one runs first, so that what is seen comes in order.
    """

    def __init__(self, left: Layer, right: Layer) -> None:
        self.left, self.right = left, right
        self.check()
        self.rename("")

    @whole
    def forward(self, x: Pair, train: bool = False, keep: bool = False, seen: Seen | None = None) -> Pair:
        x = self.expect_pair(x)
        for (_, layer), device in zip(self.children(), x.devices, strict=True):
            if not layer.placed:  # a layer without weights goes where its first input lives
                layer.settle(device)
        left, right = (partial(run, name, layer, part, train, keep, seen)
                       for (name, layer), part in zip(self.children(), x, strict=True))
        return self._both(left, right, in_turn=seen is not None)

    @whole
    def backward(self, dy: Pair, input_grad: bool | None = None) -> Pair:
        dy, input_grad = self.expect_pair(dy, "dy"), self.wants(input_grad)
        left, right = (partial(run_back, layer, part, input_grad)
                       for (_, layer), part in zip(self.children(), dy, strict=True))
        return self._both(left, right)

    def _both(self, left: Callable[[], Any], right: Callable[[], Any], in_turn: bool = False) -> Pair:
        if in_turn:  # for whoever looks on, who is told on the stream of each
            return Pair((left(), right()), self.device)
        if self.device[0].asynchronous:
            with current(self.device[0]):  # then to the right one, not by way of the null stream: graph.py
                return Pair((left(), right()), self.device)
        return Pair(side_by_side(left, right), self.device)

    def children(self) -> list[tuple[str, Layer]]:
        return [("left", self.left), ("right", self.right)]

    @property
    def device(self) -> tuple[Device, Device]:
        return first_of(self.left.device), first_of(self.right.device)

    def expect_place(self, device: Any) -> None:
        expect_two(device, self.label)

    def to(self, device: Any) -> Columns:
        self.expect_place(device)
        for (_, layer), place in zip(self.children(), device, strict=True):
            layer.to(place)
        return self


class Exchange(_OnPairs):
    """Each column receives the other's maps and joins them to its own along the channels, left first.

    (N, ..., C) and (N, ..., C') become (N, ..., C + C') in both columns. C and C' may differ.
    """

    def forward(self, x: Pair, train: bool = False, keep: bool = False) -> Pair:
        x = self.expect_alike(x)
        (x_left, x_right), (left, right) = x, x.devices
        to_right = send(x_left, right, self.name, source=left)
        to_left = send(x_right, left, self.name, source=right)
        with left:
            y_left = left.xp.concatenate([x_left, to_left], axis=-1)                 # (N, ..., C + C')
        with right:
            y_right = right.xp.concatenate([to_right, x_right], axis=-1)             # (N, ..., C + C')
        self.remember(train or keep, x_left.shape[-1], x.devices, tuple(y_left.shape), y_left.dtype)
        return Pair((y_left, y_right), x.devices)

    def backward(self, dy: Pair) -> Pair:
        C, devices, shape, dtype = self.take()
        expect_gradients(self, self.expect_pair(dy, "dy"), shape, dtype)
        return self.transpose(dy, C, devices)

    def transpose(self, dy: Pair, C: int, devices: tuple[Device, Device]) -> Pair:
        """What `backward` gives for an input with C maps in the left column."""
        left, right = devices
        d_left, d_right = self.expect_pair(dy, "dy")
        home_to_left = send(d_right[..., :C], left, self.name, source=right)
        home_to_right = send(d_left[..., C:], right, self.name, source=left)
        with left:
            dx_left = d_left[..., :C] + home_to_left                                 # (N, ..., C)
        with right:
            dx_right = d_right[..., C:] + home_to_right                              # (N, ..., C')
        return Pair((dx_left, dx_right), devices)


class Join(_OnPairs):
    """Both columns' arrays onto `device`, joined along the channels, left first. The column that is there already
    sends nothing."""

    def __init__(self, device: Device) -> None:
        self.to(device)

    def forward(self, x: Pair, train: bool = False, keep: bool = False) -> Any:
        x = self.expect_alike(x)
        here = [part if device is self.device else send(part, self.device, self.name, source=device)
                for part, device in zip(x, x.devices, strict=True)]
        with self.device:
            y = self.device.xp.concatenate(here, axis=-1)                            # (N, ..., C + C')
        self.remember(train or keep, x[0].shape[-1], x.devices, y.shape, y.dtype)
        return y

    def backward(self, dy: Any) -> Pair:
        C, devices, shape, dtype = self.take()
        self.expect(dy, *shape, what="dy", dtype=dtype)
        return self.transpose(dy, C, devices)

    def transpose(self, dy: Any, C: int, devices: tuple[Device, Device]) -> Pair:
        """What `backward` gives for an input on these devices with C maps in the left column."""
        parts = (dy[..., :C], dy[..., C:])
        return Pair((part if device is self.device else send(part, device, self.name, source=self.device)
                     for part, device in zip(parts, devices, strict=True)), devices)
