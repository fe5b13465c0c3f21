"""Convolution.

Shapes: x (N, H, W, C), W (KH, KW, C/groups, F), b (F), y (N, P, Q, F). With the zero-padded input x̂, stride S:

    y[n, p, q, f] = b[f] + Σ_{i, j, c}  x̂[n, p·S + i, q·S + j, c] · W[i, j, c, f]                               (1)

With G groups, output maps of group g see the input maps of group g only: c runs over C/G maps. (Strictly this is a
cross-correlation: the kernel is not mirrored. The field calls it convolution, and learns its kernels either way.)

    ∂L/∂b[f]          = Σ_{n, p, q}  dy[n, p, q, f]                                                             (2)
    ∂L/∂W[i, j, c, f] = Σ_{n, p, q}  x̂[n, p·S + i, q·S + j, c] · dy[n, p, q, f]                                 (3)
    ∂L/∂x̂[n, h, w, c] = Σ_{i, j, f}  dy[n, (h - i)/S, (w - j)/S, f] · W[i, j, c, f]   where the division is exact (4)

(4) for S = 1 is itself a convolution: of dy, padded by K - 1, with the kernels turned by 180° and C and F exchanged.

AlexNet, section 3.5. How the sums become matrix products: im2col.py.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..devices.device import Device, cpu
from ..fast import winograd
from ..fast.im2col import Empty, col2im, im2col, pad, places
from ..fast.memory import fresh
from ..fast.parallel import pieces, scratch
from ..init import Initialiser, constant, gaussian
from ..layer import Layer
from ..parameter import Parameter
from ..sizes import as_int, as_padding, as_pair


class Conv2d(Layer):
    """Convolution of (N, H, W, in_channels) images with `out_channels` kernels.

    kernel_size, stride: an int or (vertical, horizontal). padding: an int, a pair, or ((top, bottom), (left, right)).
    The output has floor((size + padding - kernel) / stride) + 1 pixels along each axis. `input_grad=False` is for
    the first layer of a net: nobody needs the gradient of the images, so backward saves itself the work and returns
    None. `algorithm` is "im2col", "winograd" (for square kernels, 3 to 5 strides wide), or "auto": the faster one.
    Weights start as `weight_init(rng, shape)`; the default is the paper's N(0, 0.01), biases 0.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int],
                 stride: int | tuple[int, int] = 1, padding: Any = 0, groups: int = 1, bias: bool = True,
                 input_grad: bool = True, *, algorithm: str = "auto", device: Device = cpu,
                 rng: np.random.Generator | None = None, weight_init: Initialiser = gaussian(0.01),
                 bias_init: Initialiser = constant(0.0)) -> None:
        self.in_channels = as_int(in_channels, "Conv2d in_channels")
        self.out_channels = as_int(out_channels, "Conv2d out_channels")
        self.groups = as_int(groups, "Conv2d groups")
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"Conv2d: groups={groups} must divide in_channels={in_channels} and "
                             f"out_channels={out_channels}")
        self.kernel_size = as_pair(kernel_size, "Conv2d kernel_size")
        self.stride = as_pair(stride, "Conv2d stride")
        self.padding = as_padding(padding, "Conv2d padding")
        self.input_grad = input_grad
        self.algorithm = self._chosen(algorithm)
        self._device = device
        shape = (*self.kernel_size, self.in_channels // self.groups, self.out_channels)
        self.W = Parameter.drawn(weight_init, rng, shape, device)
        self.b = Parameter.drawn(bias_init, rng, shape[-1:], device) if bias else None

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        """y (N, P, Q, F) of x (N, H, W, C)."""
        xp = self.expect(x, "N", "H", "W", self.in_channels)
        y = fresh((len(x), *self.output_size(*x.shape[1:3]), self.out_channels), x.dtype, xp)
        fill, W = self._by_im2col, self.W.value.astype(x.dtype, copy=False)          # (KH, KW, C, ΣF)
        if self.algorithm == "winograd":
            fill, W = self._by_winograd, self._winograd_weights(W, y.shape, xp)

        def one_slice(batch: slice) -> None:
            for n in fill(x, W, y, batch, xp):                                       # eq. (1)
                if self.b is not None:
                    y[n] += self.b.value.astype(x.dtype, copy=False)

        self.over_batch(one_slice, len(x), self._cost(y.shape))
        self._kept = (x, W, y.shape) if train or keep else None
        return y

    def backward(self, dy: Any) -> Any:
        """Writes the gradients of W and b; returns dx (N, H, W, C), or None if `input_grad` is False."""
        x, W, y_shape = self.take()
        xp = self.expect(dy, *y_shape, what="dy", dtype=x.dtype)
        dx = fresh(x.shape, x.dtype, xp) if self.input_grad else None
        gradient = self._backward_stride_1 if self.input_grad and self.stride == (1, 1) else self._backward_general
        if self.algorithm == "winograd":
            gradient = self._backward_winograd

        def one_slice(batch: slice) -> tuple[Any, Any]:
            rows = dy[batch].reshape(-1, self.out_channels)
            db = xp.ones(len(rows), x.dtype) @ rows                                  # eq. (2); faster than a sum
            return gradient(x, W, dy, dx, batch, xp), db

        parts = self.over_batch(one_slice, len(x), self._cost(y_shape))
        self.W.grad = sum(dW for dW, _ in parts).astype(self.W.value.dtype, copy=False)
        if self.b is not None:
            self.b.grad = sum(db for _, db in parts).astype(self.b.value.dtype, copy=False)
        return dx

    def _by_im2col(self, x: Any, W: Any, y: Any, batch: slice, xp: Any) -> Iterator[slice]:
        """Fills y[batch], but for the bias: the windows as rows, times the kernels as columns. Yields each piece as it
        is done, while it is in the cache."""
        W = W.reshape(-1, self.out_channels)                                         # (KH·KW·C, ΣF)
        for n in pieces(batch, y[0].size // self.out_channels * W.shape[0] * x.itemsize, self.device):
            padded = pad(x[n], self.padding, self.groups, xp, _scratch("padded", xp))  # (G, n, Ĥ, Ŵ, C)
            out = y[n].reshape(-1, self.out_channels)                                # (n·P·Q, ΣF)
            for g, (_, f) in enumerate(self._group_channels()):
                cols = im2col(padded[g], self.kernel_size, self.stride, xp, _scratch("cols", xp))  # (n·P·Q, KH·KW·C)
                xp.matmul(cols, W[:, f], out=out[:, f])
            yield n

    def _by_winograd(self, x: Any, U: list[Any], y: Any, batch: slice, xp: Any) -> Iterator[slice]:
        """The same in tiles, with far fewer multiplications: winograd.py. `U` are the weights, transformed."""
        form = self._winograd_form(y.shape)
        for n, padded in self._winograd_pieces(x, y.shape, batch, xp):
            for g, (_, f) in enumerate(self._group_channels()):
                winograd.convolve(padded[g], U[g], y[n, :, :, f], form, xp)
            yield n

    def _backward_winograd(self, x: Any, U: list[Any], dy: Any, dx: Any, batch: slice, xp: Any) -> Any:
        """Fills dx[batch] and returns dW: the transposes of `_by_winograd`, in the opposite order."""
        form, (_, H, W_, _), ((top, _), (left, _)) = self._winograd_form(dy.shape), x.shape, self.padding
        dU = [scratch(f"dU{g}", u.shape, x.dtype, xp) for g, u in enumerate(U)]
        for n, padded in self._winograd_pieces(x, dy.shape, batch, xp):
            for g, (c, f) in enumerate(self._group_channels()):
                d_padded = winograd.convolve_backward(padded[g], U[g], dy[n, :, :, f], dU[g], form, xp,
                                                      first=n.start == batch.start, input_grad=dx is not None)
                if dx is not None:
                    d = d_padded[:, top:top + H, left:left + W_]
                    dx[n, :d.shape[1], :d.shape[2], c] = d
                    dx[n, d.shape[1]:, :, c] = dx[n, :, d.shape[2]:, c] = 0          # pixels that are in no window
        shape = (*self.W.shape[:3], self.out_channels // self.groups)
        return xp.concatenate([winograd.weights_backward(part, shape, form, xp) for part in dU], axis=-1)

    def _winograd_weights(self, W: Any, y_shape: tuple[int, ...], xp: Any) -> list[Any]:
        """U (t², s²·C, F) of each group; the threads share the kernels."""
        form, (_, _, C, _), F = self._winograd_form(y_shape), W.shape, self.out_channels // self.groups
        U = [fresh((form.t ** 2, form.s ** 2 * C, F), W.dtype, xp) for _ in range(self.groups)]

        def some_kernels(k: slice) -> None:
            for g, (_, f) in enumerate(self._group_channels()):
                winograd.weights(W[:, :, :, f][..., k], U[g][..., k], form, xp)

        self.over_batch(some_kernels, F, form.t ** 2 * W.size / 64)
        return U

    def _winograd_pieces(self, x: Any, y_shape: tuple[int, ...], batch: slice, xp: Any) -> Iterator[tuple[slice, Any]]:
        """Pieces of the batch and their images, padded (G, n, Ĥ, Ŵ, C). A piece has enough tiles to be worth a reading
        of U, which may be larger than a cache."""
        form, (_, P, Q, _) = self._winograd_form(y_shape), y_shape
        C, F = self.in_channels // self.groups, self.out_channels // self.groups
        padding = winograd.padding(self.padding, *x.shape[1:3], P, Q, form)
        size, least = winograd.scratch_bytes(P, Q, C, F, form, x.itemsize), winograd.images_at_once(P, Q, form)
        for n in pieces(batch, size, self.device, least):
            yield n, pad(x[n], padding, self.groups, xp, _scratch("padded", xp))

    def _winograd_form(self, y_shape: tuple[int, ...]) -> winograd.Form:
        C, F = self.in_channels // self.groups, self.out_channels // self.groups
        return winograd.best_form(self.kernel_size[0], self.stride[0], *y_shape[1:3], C, F)

    def _backward_general(self, x: Any, W: Any, dy: Any, dx: Any, batch: slice, xp: Any) -> Any:
        """Fills dx[batch] and returns dW, for any stride: dW = colsᵀ · dy, dx = col2im(dy · Wᵀ).

        The columns are made a second time: keeping those of forward would cost KH · KW times the memory of x.
        """
        (top, _), (left, _) = self.padding
        F = self.out_channels
        W = W.reshape(-1, F)                                                         # (KH·KW·C, F)
        dW = xp.zeros(W.shape, x.dtype)
        for n in pieces(batch, dy[0].size // F * W.shape[0] * x.itemsize, self.device):
            padded = pad(x[n], self.padding, self.groups, xp, _scratch("padded", xp))  # (G, n, Ĥ, Ŵ, C)
            out = dy[n].reshape(-1, F)                                               # (n·P·Q, F)
            for g, (c, f) in enumerate(self._group_channels()):
                cols = im2col(padded[g], self.kernel_size, self.stride, xp, _scratch("cols", xp))  # (n·P·Q, KH·KW·C)
                dW[:, f] += cols.T @ out[:, f]                                       # eq. (3)
                if dx is not None:
                    d_cols = out[:, f] @ W[:, f].T                                   # (n·P·Q, KH·KW·C)
                    d_padded = col2im(d_cols, padded[g].shape, self.kernel_size, self.stride, xp)  # eq. (4)
                    dx[n, :, :, c] = d_padded[:, top:top + x.shape[1], left:left + x.shape[2]]
        return dW.reshape(self.W.shape)

    def _backward_stride_1(self, x: Any, W: Any, dy: Any, dx: Any, batch: slice, xp: Any) -> Any:
        """The same for stride 1: the columns of dy serve both products, dx = cols · turned W, turned dW = xᵀ · cols.

        This spares col2im, whose strided additions are slow. dy is padded so that the windows count H × W again.
        """
        (KH, KW), C, F = self.kernel_size, self.in_channels // self.groups, self.out_channels // self.groups
        around = tuple((K - 1 - a, K - 1 - b) for K, (a, b) in zip(self.kernel_size, self.padding, strict=True))
        turned = W[::-1, ::-1].swapaxes(2, 3)                                        # (KH, KW, ΣF, C)
        turned = [turned[:, :, f].reshape(-1, C) for _, f in self._group_channels()]  # G times (KH·KW·F, C)
        dW = xp.zeros((self.in_channels, KH * KW * F), x.dtype)                      # turned, C before the rest
        for n in pieces(batch, x[0].size // self.in_channels * dW.shape[1] * x.itemsize, self.device):
            padded = pad(dy[n], around, self.groups, xp, _scratch("padded", xp))  # (G, n, H+KH-1, W+KW-1, F)
            pixels, d_pixels = (a[n].reshape(-1, self.in_channels) for a in (x, dx))  # (n·H·W, ΣC)
            for g, (c, _) in enumerate(self._group_channels()):
                cols = im2col(padded[g], self.kernel_size, (1, 1), xp, _scratch("cols", xp))  # (n·H·W, KH·KW·F)
                xp.matmul(cols, turned[g], out=d_pixels[:, c])                       # eq. (4)
                dW[c] += pixels[:, c].T @ cols                                       # eq. (3)
        dW = dW.reshape(self.groups, C, KH, KW, F)[:, :, ::-1, ::-1]                 # turned back
        return dW.transpose(2, 3, 1, 0, 4).reshape(self.W.shape)                     # (KH, KW, C, ΣF)

    def _chosen(self, algorithm: str) -> str:
        """"im2col" or "winograd"; for "auto", the faster one by the one rule of `winograd.pays`."""
        if algorithm not in ("auto", "im2col", "winograd"):
            raise ValueError(f"Conv2d: expected algorithm 'auto', 'im2col' or 'winograd', got {algorithm!r}")
        if algorithm == "winograd" and not winograd.possible(self.kernel_size, self.stride):
            raise ValueError(f"Conv2d: algorithm 'winograd' is for square kernels, 3 to 5 strides wide, got "
                             f"kernel_size={self.kernel_size} and stride={self.stride}")
        if algorithm != "auto":
            return algorithm
        C, F = self.in_channels // self.groups, self.out_channels // self.groups
        return "winograd" if winograd.pays(self.kernel_size, self.stride, C, F) else "im2col"

    def _group_channels(self) -> list[tuple[slice, slice]]:
        """For each group, its channels in x and its channels in y."""
        C, F = self.in_channels // self.groups, self.out_channels // self.groups
        return [(slice(g * C, (g + 1) * C), slice(g * F, (g + 1) * F)) for g in range(self.groups)]

    def output_size(self, H: int, W_: int) -> tuple[int, int]:
        """(P, Q) for images of H × W pixels; ValueError if not even one window fits."""
        size = tuple(places(*axis) for axis in zip((H, W_), self.kernel_size, self.stride, self.padding, strict=True))
        if min(size) < 1:
            raise ValueError(f"{self.label}: the kernel {self.kernel_size} is larger than the padded input "
                             f"({H} x {W_}, padding {self.padding})")
        return size

    def _cost(self, y_shape: tuple[int, ...]) -> float:
        return self.multiply_adds((), y_shape) / 64

    def multiply_adds(self, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> int:
        return int(np.prod(y_shape[:-1])) * self.W.size


def _scratch(role: str, xp: Any) -> Empty:
    return lambda shape, dtype: scratch(role, shape, dtype, xp)
