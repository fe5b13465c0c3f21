"""What a layer is.

A layer computes a function y = f(x; parameters). It has two methods that matter:

    y  = layer.forward(x)     the function
    dx = layer.backward(dy)   the chain rule: given dy = ∂L/∂y, write ∂L/∂W into every parameter's `grad`
                              and return dx = ∂L/∂x

A net is a layer made of layers (net.py): its forward calls theirs, its backward calls theirs in the opposite order.
Nothing else is needed: no graph, no tape.
"""
from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from inspect import signature
from typing import Any

import numpy as np

from .described import described, table
from .devices.device import Device, check_device, check_kind, cpu, device_of, place_of
from .fast.parallel import caller, one_blas_thread
from .keeping import Kept, refuse_another
from .parameter import Parameter, room_for, select
from .softmax import softmax

NO_GRADIENT = ": the layer after it gives no gradient; input_grad=False is for the first layer of a net"
_aside = ContextVar("aside", default=False)


@contextmanager
def aside() -> Iterator[None]:
    """In here, a forward that keeps nothing leaves what an earlier one of this thread kept: a net may be asked for an
    answer while it is between a forward and its backward."""
    token = _aside.set(True)
    try:
        yield
    finally:
        _aside.reset(token)


def is_aside() -> bool:
    """Whether this is within `aside()`."""
    return _aside.get()


class Layer:
    """The base of all layers: names, devices, checks, files. No mathematics.

    The contract of `forward(x, train=False, keep=False)` and `backward(dy)`:
    - `train` switches on what happens in training only (dropout), and implies `keep`;
    - `keep` keeps what backward needs. The layer holds on to `x` and `y` themselves, not copies: do not write to them
      before backward has run;
    - `backward` writes gradients, it never adds, so there is nothing to reset between steps. It consumes what forward
      kept: each kept forward serves one backward;
    - between a forward and its backward, `predict`, `summary`, `save` and whatever else runs within `aside()` are safe.
      Another forward is not: it replaces what was kept, or forgets it; nor is one of another net with the same layers,
      as net[:"conv5"] is, nor `to`, which forgets it, nor writing to a parameter;
    - threads: any number of them may predict, or run a forward that keeps nothing, also beside one that trains; they
      see its weights and running averages as they are at the moment, maybe in the middle of a step. Only one thread at
      a time may be between a forward that keeps and its backward, or in `train`: another one's forward or backward
      raises RuntimeError. Each needs a net of its own, copy.deepcopy(net). The gradients are the net's: those of the
      last backward, whichever thread ran it;
    - a copy, or what comes out of a pickle, has nothing kept;
    - outputs are new arrays, of the dtype of `x` (float32 or float64) and on the layer's device; inputs are never
      changed.
    """

    name = ""      # given by the net that the layer is part of; error messages begin with it
    _device: Device | None = None
    _kept: Kept | None = None
    _trainer: threading.Thread | None = None  # in whose `train` this layer is
    lets_a_factor_through = False  # f(c · x) = c · f(x) for every c > 0: files/layouts.py needs to know
    dx_is_optional = False         # backward takes `input_grad=False`, too: nobody needs dx, None will do

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        raise NotImplementedError

    def backward(self, dy: Any) -> Any:
        raise NotImplementedError

    def __call__(self, *args: Any, **options: Any) -> Any:
        """`net(x)` is `net.forward(x)`, `loss(scores, labels)` is `loss.forward(scores, labels)`."""
        return self.forward(*args, **options)

    def children(self) -> list[tuple[str, Layer]]:
        """The layers that this layer is made of, with their names: a layer of one's own that holds others says so."""
        return []

    def walk(self) -> Iterator[tuple[str, Layer]]:
        """All layers below this one with their full names: "conv1", "conv1.left", "inception3a.five.conv".

        Depth first, in the order of `children`; a layer comes before those it is made of.
        """
        for name, layer in self.children():
            yield name, layer
            yield from ((f"{name}.{inside}", deeper) for inside, deeper in layer.walk())

    def tree(self) -> list[Layer]:
        """This layer and all below it, in the order of `walk`."""
        return [self, *(layer for _, layer in self.walk())]

    def parameters(self) -> list[tuple[str, Parameter]]:
        """All parameters with their names: ("W", ...), ("b", ...); of nested layers: ("conv1.W", ...)."""
        # a list, here and below: a training that another thread begins gives each layer an attribute
        own = [(name, value) for name, value in list(vars(self).items()) if isinstance(value, Parameter)]
        return own + [(f"{child}.{name}", p) for child, layer in self.children() for name, p in layer.parameters()]

    def state(self) -> list[tuple[str, Any]]:
        """What is not a parameter but must survive a restart: arrays of running statistics, random Generators. A layer
        of one's own that has some says so, and adds super().state() if it has children."""
        return [(f"{child}.{name}", s) for child, layer in self.children() for name, s in layer.state()]

    def multiply_adds(self, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> int:
        """Multiply-adds of one forward pass from an input to an output of these shapes (matrix products only)."""
        return 0

    # ---- devices ----------------------------------------------------------------------------------------------

    @property
    def device(self) -> Device:
        """Where the layer computes. A layer without weights that was put nowhere goes where its first input lives."""
        return self._device or cpu

    @property
    def placed(self) -> bool:
        """Whether the layer, or a layer inside it, has been put on a device."""
        return self._device is not None or any(layer.placed for _, layer in self.children())

    def to(self, device: Any) -> Layer:
        """Move the layer, with its parameters, to `device`; returns the layer.

        A net of two columns takes a pair of devices; what is in neither column goes to the first. Raises TypeError for
        what is no device.
        """
        for layer in self.tree():  # all of them, before the first one is moved
            layer.expect_place(device)
        self._device, self._kept = device[0] if isinstance(device, tuple) else device, None
        for name, value in vars(self).items():
            if isinstance(value, Parameter):
                with room_for(f"{self.label} {name} {value.shape}"):
                    value.to(self._device)
        for _, layer in self.children():
            layer.to(device)
        return self

    def expect_place(self, device: Any) -> None:
        """Raise TypeError for anything but a device, or a tuple of devices."""
        for place in device if isinstance(device, tuple) and device else (device,):
            check_device(place, self.label)

    def settle(self, device: Any) -> None:
        """Put those on `device`, of this layer and the layers inside, that were put nowhere. What they keep stays, for
        another thread may be training them."""
        self._device = self._device or device
        for _, layer in self.children():
            layer.settle(device)

    def astype(self, dtype: Any) -> Layer:
        """Convert every parameter and running statistic to `dtype`, float32 or float64; returns the layer. Raises
        TypeError for another dtype."""
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise TypeError(f"{self.label}: expected float32 or float64, got {np.dtype(dtype)}")
        for value in vars(self).values():
            if isinstance(value, Parameter):
                value.astype(dtype)
        for _, layer in self.children():
            layer.astype(dtype)
        return self

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """A new array on the layer's device, not cleared, for an operation to fill."""
        return self.device.empty(shape, dtype)

    # ---- checks -----------------------------------------------------------------------------------------------

    @property
    def label(self) -> str:
        """How error messages call this layer: "conv1 (Conv2d)"."""
        kind = type(self).__name__
        return f"{self.name} ({kind})" if self.name else kind

    def rename(self, name: str) -> None:
        """Give the layer its name; the layers inside it are called after it."""
        self.name = name
        for child, layer in self.children():
            layer.rename(f"{name}.{child}" if name else child)

    def expect(self, x: Any, *shape: int | str, what: str = "x", dtype: Any = None) -> Any:
        """Check an array given to the layer, and return the array module to compute it with.

        `shape` holds a number where the size is fixed and a letter where it is free: `expect(x, "N", "H", "W", 3)`;
        without it every shape is accepted. `dtype`, if given, is the one that the array must have; else it must be that
        of the layer's own parameters, if there are any.

        Raises TypeError for what is no float32 or float64 array, or of the wrong one of the two, or a masked array, a
        matrix or the like; ValueError for a wrong shape, an empty array, or an array of another device.
        """
        if type(x) is not np.ndarray and type(x) is not self.device.array:
            check_kind(x, self.label, what)
            if place_of(x) is None:
                raise TypeError(f"{self.label}: expected an array for {what}, got {type(x).__name__}"
                                + (NO_GRADIENT if what == "dy" and x is None else "")
                                + (f"; write np.array({what}, np.float32)" if isinstance(x, (list, tuple)) else ""))
        if x.dtype not in (np.float32, np.float64):
            raise TypeError(f"{self.label}: expected float32 or float64 for {what}, got {x.dtype}; "
                            f"convert it first: {what}.astype(np.float32)")
        if dtype is not None and x.dtype != dtype:
            raise TypeError(f"{self.label}: expected {dtype} for {what}, as its input was, got {x.dtype}")
        fits = x.ndim > 0 and (not shape or x.shape == shape or len(shape) == x.ndim and
                               all(isinstance(a, str) or a == b for a, b in zip(shape, x.shape, strict=True)))
        if not fits:
            wanted = ", ".join(map(str, shape or ("N", "..."))) + ("," if len(shape) == 1 else "")
            first = x.ndim == 4 == len(shape) and x.shape[1] == shape[3] and what == "x"
            raise ValueError(f"{self.label}: expected {what} of shape ({wanted}), got {tuple(x.shape)}" + (
                "; channels come last here: x.transpose(0, 2, 3, 1)" if first else ""))
        if x.size == 0:
            raise ValueError(f"{self.label}: {what} is empty: its shape is {tuple(x.shape)}")
        for own in list(vars(self).values()) if dtype is None else ():
            if isinstance(own, Parameter) and own.value.dtype != x.dtype:
                raise TypeError(f"{self.label}: {what} is {x.dtype}, the layer's parameters are {own.value.dtype}: "
                                f"convert it first, {what}.astype(np.{own.value.dtype}), or the layer, "
                                f"layer.astype(np.{x.dtype})")
        if self._device is None:
            self._device = device_of(x)
        if not self._device.holds(x):
            raise ValueError(f"{self.label}: the layer is on {self._device.name}, {what} on {device_of(x).name}; "
                             f"bring it over with send(), or move the layer with to()")
        return self._device.xp

    def remember(self, wanted: bool, *values: Any) -> None:
        """Keep what backward needs, if it is `wanted`; if not, forget what an earlier forward of this thread kept, but
        not `aside`. Raises RuntimeError if it is wanted, and another thread is training this layer."""
        me, other = caller(), getattr(self._kept, "thread", None)
        if wanted:
            refuse_another(self, self._trainer, me)
            refuse_another(self, other, me)
            self._kept = Kept(me, *values)
        elif other is me and not _aside.get():  # of another thread, or none: it may have begun to train meanwhile
            self._kept = None

    def take(self) -> tuple:
        """What the last forward kept for backward; it can be had once. Raises RuntimeError if there is nothing, or if
        it is another thread's."""
        kept = self._kept
        if kept is None:
            may_keep = "keep" in signature(self.forward).parameters                  # a loss's forward always does
            how = "forward(x, train=True) or forward(x, keep=True)" if may_keep else "forward"
            raise RuntimeError(f"{self.label}: backward has nothing to work from; call {how} first, once for every "
                               "backward")
        refuse_another(self, kept.thread, caller())
        self._kept = None
        return kept

    def forget(self) -> None:
        """Forget what forwards of this thread kept, here and in the layers inside; but not `aside`."""
        for layer in self.tree():
            layer.remember(False)

    def __getstate__(self) -> dict[str, Any]:
        """A copy, or what comes out of a pickle, is in nobody's training: what was kept stays here."""
        return {name: value for name, value in list(vars(self).items()) if name not in ("_kept", "_trainer")}

    # ---- for users --------------------------------------------------------------------------------------------

    def freeze(self, *names: str) -> Layer:
        """Stop training the parameters called, or lying below, any of `names` ("conv1", "conv1.W"); all, if none.

        If that leaves a net whose lowest layer with weights is frozen while others are trained, its backward ends at
        the lowest trained layer and returns None: what lies below has nothing to learn. `net.backward(dy,
        input_grad=True)` goes all the way. A net that is frozen altogether is a function like any other, and its
        backward gives dx. Raises ValueError for a name that is none, TypeError for what is no text.
        """
        for p in select(self.parameters(), names, self.label).values():
            p.trainable = False
        return self

    def unfreeze(self, *names: str) -> Layer:
        """Train the named parameters again; all, if none is named. Raises what `freeze` raises."""
        for p in select(self.parameters(), names, self.label).values():
            p.trainable = True
        return self

    def save(self, path: str | os.PathLike) -> None:
        """Write all parameters and running statistics to one .npz file, atomically. Raises ValueError that names the
        arrays with NaN or infinity, OSError from the disk; what was at `path` before is still there then."""
        from .files import storage  # here, because what a layer is has nothing to do with files
        storage.save(self, path)

    def load(self, path: str | os.PathLike, *names: str) -> Layer:
        """Read what `save` wrote; given `names` ("conv1", ...), only what is called so or lies below.

        Raises ValueError that lists every missing, unknown and misshapen array; the net is then unchanged.
        """
        from .files import storage
        storage.load(self, path, names)
        return self

    @one_blas_thread
    def predict(self, x: Any, batch_size: int = 128) -> np.ndarray:
        """Class probabilities (N, classes) of `x` (N, ...), computed in batches, as a host array.

        The net must end in the classes' scores (logits), as all nets here do: softmax is applied to them. Raises
        TypeError for what is no array, ValueError for no image, a batch_size below 1 and a net that ends otherwise.
        """
        if not getattr(x, "shape", ()):
            raise TypeError(f"{self.label}: predict expects an array (N, ...), got {type(x).__name__}")
        if batch_size < 1 or len(x) == 0:
            raise ValueError(f"{self.label}: predict expects one image or more and a batch_size of 1 or more, "
                             f"got {len(x)} images and batch_size={batch_size}")
        batches = []
        for first in range(0, len(x), batch_size):
            # In a copy of the context: Ctrl-C cannot come between what `aside` sets and its end.
            logits = copy_context().run(self._forward_aside, x[first:first + batch_size])  # (n, classes)
            if logits.ndim != 2:
                raise ValueError(f"{self.label}: predict expects a net that ends in scores (N, classes), its output "
                                 f"has shape {tuple(logits.shape)}")
            with device_of(logits) as device:
                batches.append(device.tohost(softmax(logits, device.xp)))
        return np.concatenate(batches)  # (N, classes)

    def _forward_aside(self, x: Any) -> Any:
        _aside.set(True)
        return self.forward(x)

    def __repr__(self) -> str:
        return table(self) if self.children() else described(self)
