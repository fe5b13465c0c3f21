"""A convolution in which each output map sees only some of the input maps: those that a table names.

Shapes: x (N, H, W, C), W (KH, KW, K), b (F), y (N, P, Q, F). The table makes K connections, number k from input map
c_k to output map f_k, each with a kernel of its own:

    y[n, p, q, f] = b[f] + Σ_{i, j} Σ_{k: f_k = f}  x[n, p + i, q + j, c_k] · W[i, j, k]                         (1)
    ∂L/∂b[f]       = Σ_{n, p, q}  dy[n, p, q, f]                                                                (2)
    ∂L/∂W[i, j, k] = Σ_{n, p, q}  x[n, p + i, q + j, c_k] · dy[n, p, q, f_k]                                    (3)
    ∂L/∂x[n, h, w, c] = Σ_{i, j} Σ_{k: c_k = c}  dy[n, h - i, w - j, f_k] · W[i, j, k]                          (4)

LeCun, Bottou, Bengio and Haffner 1998, section II.B and Table I: C3. There it keeps the connections few, and maps that
see different inputs have to learn different features.

For computing, the K kernels are put at their places among all C · F, with zeros elsewhere: then (1) is the matrix
product of an ordinary convolution (fast/im2col.py). Of the gradient only the K places are read. What is learnt, counted
and saved is W, and there are no zeros in it. NaN in an input map is NaN in every output map, also in those that do not
see it: zero times NaN is NaN.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..devices.device import Device, cpu
from ..fast.im2col import col2im, im2col, output_length
from ..fast.operation import operation
from ..init import Initialiser, constant, gaussian
from ..layer import Layer
from ..parameter import Parameter
from ..sizes import as_int, as_pair


@operation
def table_forward(x: Any, W: Any, b: Any, y: Any, kernel: tuple[int, int], xp: Any) -> None:
    """Fill y. W (KH·KW·C, F) has the kernels of all pairs of maps."""
    y[...] = (im2col(x, kernel, (1, 1), xp) @ W).reshape(y.shape) + b                # eq. (1)


@operation
def table_weights(x: Any, dy: Any, dW: Any, kernel: tuple[int, int], xp: Any) -> None:
    """Fill dW, of the shape of all kernels."""
    dW[...] = im2col(x, kernel, (1, 1), xp).T @ dy.reshape(-1, dy.shape[-1])         # eq. (3)


@operation
def table_inputs(dy: Any, W: Any, dx: Any, kernel: tuple[int, int], xp: Any) -> None:
    """Fill dx."""
    dx[...] = col2im(dy.reshape(-1, dy.shape[-1]) @ W.T, dx.shape, kernel, (1, 1), xp)  # eq. (4)


class TableConv2d(Layer):
    """Convolution, stride 1, of (N, H, W, in_channels) images with len(table) maps; map f sees the maps table[f].

    kernel_size: an int or (vertical, horizontal). W holds the kernels in the order of the table. Those of one map are
    drawn together, `weight_init(rng, (KH, KW, maps it sees, 1))`, so that an initialiser knows the inputs of the map.
    Raises ValueError for a table that names a map that does not exist, or one map twice, or leaves a map without input.
    """

    dx_is_optional = True

    def __init__(self, in_channels: int, table: Sequence[Sequence[int]], kernel_size: int | tuple[int, int], *,
                 device: Device = cpu, rng: np.random.Generator | None = None,
                 weight_init: Initialiser = gaussian(0.01), bias_init: Initialiser = constant(0.0)) -> None:
        self.in_channels = as_int(in_channels, "TableConv2d in_channels")
        self.table = _checked(table, self.in_channels)
        self.out_channels = len(self.table)
        self.kernel_size = KH, KW = as_pair(kernel_size, "TableConv2d kernel_size")
        self._device = device
        # connection k stands at c_k · F + f_k among the C · F pairs of maps
        self._pairs = [c * self.out_channels + f for f, seen in enumerate(self.table) for c in seen]

        self.W = Parameter.drawn(self.map_by_map(weight_init), rng, (KH, KW, len(self._pairs)), device)
        self.b = Parameter.drawn(bias_init, rng, (self.out_channels,), device)

    def map_by_map(self, init: Initialiser) -> Initialiser:
        """What draws W: `init`, for the kernels of one map after the other."""
        def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
            return np.concatenate([init(rng, (*self.kernel_size, len(seen), 1))[..., 0] for seen in self.table], axis=2)
        return draw

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        """y (N, P, Q, F) of x (N, H, W, C)."""
        xp = self.expect(x, "N", "H", "W", self.in_channels)
        y = self.empty((len(x), *self.output_size(*x.shape[1:3]), self.out_channels), x.dtype)
        table_forward(x, self._all_kernels(xp), self.b.value, y, self.kernel_size, xp)
        self.remember(train or keep, x, y.shape)
        return y

    def backward(self, dy: Any, input_grad: bool = True) -> Any:
        """Writes the gradients of W and b; returns dx (N, H, W, C), or None if it is not wanted."""
        x, y_shape = self.take()
        xp = self.expect(dy, *y_shape, what="dy", dtype=x.dtype)
        W = self._all_kernels(xp)                                                    # (KH·KW·C, F)
        if self.W.trainable:
            dW = self.empty(W.shape, x.dtype)
            table_weights(x, dy, dW, self.kernel_size, xp)
            self.W.gradient()[...] = dW.reshape(*self.kernel_size, -1)[:, :, self._pairs]  # (KH, KW, K)
        if self.b.trainable:
            self.b.gradient()[...] = dy.sum(axis=(0, 1, 2))                          # eq. (2)
        if not input_grad:
            return None
        dx = self.empty(x.shape, x.dtype)
        table_inputs(dy, W, dx, self.kernel_size, xp)
        return dx

    def _all_kernels(self, xp: Any) -> Any:
        """(KH·KW·C, F): the kernel of every pair of maps as columns, 0 for those that are not connected."""
        kernels = xp.zeros((*self.kernel_size, self.in_channels * self.out_channels), self.W.value.dtype)
        kernels[:, :, self._pairs] = self.W.value
        return kernels.reshape(-1, self.out_channels)

    def output_size(self, H: int, W_: int) -> tuple[int, int]:
        """(P, Q) for images of H × W pixels; ValueError if not even one window fits."""
        size = tuple(output_length(length, K, 1, (0, 0)) for length, K in zip((H, W_), self.kernel_size, strict=True))
        if min(size) < 1:
            raise ValueError(f"{self.label}: the kernel {self.kernel_size} is larger than the input ({H} x {W_})")
        return size

    def multiply_adds(self, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> int:
        """Those of the connections; the products with the zeros between them do not count."""
        return int(np.prod(y_shape[:-1])) * self.W.size


def _checked(table: Sequence[Sequence[int]], C: int) -> tuple[tuple[int, ...], ...]:
    """The table as tuples of ints. Raises ValueError that names the map whose row is wrong."""
    if not len(table):
        raise ValueError("TableConv2d: expected a table with a row for each output map, got an empty one")
    if not all(isinstance(seen, Iterable) for seen in table):
        raise ValueError(f"TableConv2d: expected a table with a row of input maps for each output map, got {table!r}")
    rows = tuple(tuple(as_int(c, f"TableConv2d table[{f}]", least=0) for c in seen) for f, seen in enumerate(table))
    for f, seen in enumerate(rows):
        if not seen or max(seen) >= C or len(set(seen)) < len(seen):
            raise ValueError(f"TableConv2d table[{f}]: expected different input maps from 0 to {C - 1}, at least one, "
                             f"got {seen}")
    return rows
