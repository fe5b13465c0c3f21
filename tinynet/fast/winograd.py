"""Winograd's convolution: fewer multiplications for small kernels (Winograd 1980; Lavin and Gray 2016).

**One dimension.** Multiplying two polynomials with m and K coefficients needs m·K products. But the result has only
t = m + K - 1 coefficients, so its values at t points determine it, and the value of a product at a point is *one*
product of values: t multiplications. With E_n the t × n matrix that evaluates n coefficients at the points (the last
"point" is infinity, where a polynomial's value is its highest coefficient),

    a * g = E_t⁻¹ [ (E_m a) ⊙ (E_K g) ]              ⊙: element by element

For fixed g this is a linear map from a to a * g. Its transpose takes d, of t numbers, to the m outputs of a
convolution layer (correlation) of d with g, and transposing a product of matrices turns their order around:

    y = Aᵀ [ (G g) ⊙ (Bᵀ d) ]                        A = E_m,  G = E_K,  B = E_t⁻¹                           (1)

**Two dimensions.** The same along both axes: y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A. A tile of 4x4 outputs takes 36
multiplications instead of 144 for K = 3, and 64 instead of 400 for K = 5; the transforms are matrix products, along one
axis and then along the other, for all tiles and channels at once.

**Channels.** The sum over input channels can be taken before the last transform, which is linear. Then ⊙ becomes, for
each of the t² places of a tile, a matrix product (tiles × C) by (C × F): the bulk of the work, and all in BLAS.

    U = G g Gᵀ        V = Bᵀ d B        M[i, j] = V[i, j] · U[i, j]        y = Aᵀ M A                         (2)

**Backward.** All of it is linear in g and in d, so the gradients are the transposes, in the opposite order:

    dM = A dy Aᵀ    dU[i, j] = V[i, j]ᵀ · dM[i, j]    dg = Gᵀ dU G
                    dV[i, j] = dM[i, j] · U[i, j]ᵀ    dd = B dV Bᵀ                                           (3)

**Strides.** To step by s pixels is to step by one block of s × s pixels. Seen as an image of blocks, with s²·C
channels, the input of AlexNet's conv1 (11x11, stride 4, 3 maps) has 48 channels, and the kernel is 3x3 blocks, with one
row and one column of zeros.

**Precision.** The transforms add and subtract numbers of different size, which costs one or two of float32's seven
digits. Few points of small size keep that low: 0, ±1, ±2, ±1/2 and infinity at the most.
"""
from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from ..sizes import Padding
from .im2col import copy_runs
from .parallel import scratch

POINTS = (0, 1, -1, 2, -0.5, -2, 0.5)  # as many of them as are needed; and infinity
ROWS = 64   # tiles, from which on matrix products with them are fast
MANY = 32  # channels, in and out, from which on the products outweigh the transforms


class Form(NamedTuple):
    """F(m, K): tiles of m × m outputs, kernels of K × K blocks of s × s pixels."""
    m: int
    K: int
    s: int = 1

    @property
    def t(self) -> int:
        """Blocks along a tile of the input."""
        return self.m + self.K - 1

    def tiles(self, size: int) -> int:
        """How many tiles cover `size` outputs."""
        return -(-size // self.m)

    def pixels(self, size: int) -> int:
        """How many pixels of the input these tiles see."""
        return (self.tiles(size) * self.m + self.K - 1) * self.s


def pays(kernel: tuple[int, int], stride: tuple[int, int], C: int, F: int) -> bool:
    """Whether Winograd's convolution is the faster one: it exists for the kernel, and there are many channels."""
    return possible(kernel, stride) and min(C * stride[0] ** 2, F) >= MANY


def possible(kernel: tuple[int, int], stride: tuple[int, int]) -> bool:
    """Whether there is a Winograd convolution for this kernel and stride: both square, and 3 to 5 blocks wide."""
    return kernel[0] == kernel[1] and stride[0] == stride[1] and 3 <= -(-kernel[0] // stride[0]) <= 5


def best_form(kernel: int, stride: int, P: int, Q: int, C: int, F: int) -> Form:
    """The tiles with the fewest multiplications for P × Q outputs, the transforms' included."""
    K, C = -(-kernel // stride), C * stride ** 2

    def multiplications(form: Form) -> int:
        (m, _, _), t = form, form.t
        return form.tiles(P) * form.tiles(Q) * (t * t * C * F + 2 * t ** 3 * C + m * t * (m + t) * F)

    return min((Form(m, K, stride) for m in range(2, len(POINTS) + 3 - K)), key=multiplications)


@functools.cache
def _matrices(form: Form) -> dict[str, np.ndarray]:
    """A (t, m), G (t, K) and B (t, t)."""
    def evaluate(n: int) -> np.ndarray:
        at_points = np.power.outer(np.array(POINTS[:form.t - 1], float), np.arange(n))  # (t - 1, n)
        return np.vstack([at_points, np.eye(n)[-1:]])                                # and infinity: (t, n)

    return {"A": evaluate(form.m), "G": evaluate(form.K), "B": np.linalg.inv(evaluate(form.t))}


def _matrix(name: str, form: Form, like: Any, xp: Any) -> Any:
    """One of the three matrices, where `like` lives and of its dtype."""
    return xp.asarray(_matrices(form)[name].astype(like.dtype))


def convolve(x: Any, U: Any, y: Any, form: Form, xp: Any) -> None:
    """Fill y (n, P, Q, F) with the convolution of the padded images x (n, Ĥ, Ŵ, C); `padding` says how large x is."""
    outputs(_product(images(x, form, xp), U, "M", xp), y, form, xp)


def convolve_backward(x: Any, U: Any, dy: Any, dU: Any, form: Form, xp: Any, first: bool, input_grad: bool) -> Any:
    """Add to dU, or write to it if these are the `first` images; return dx or None. dy is (n, P, Q, F)."""
    dM, V = outputs_backward(dy, form, xp), images(x, form, xp)
    if first:
        xp.matmul(V.swapaxes(1, 2), dM, out=dU)                                      # eq. (3)
    else:
        dU += _product(V.swapaxes(1, 2), dM, "dU", xp)
    return images_backward(_product(dM, U.swapaxes(1, 2), "V", xp), x.shape, form, xp) if input_grad else None


def padding(sides: Padding, H: int, W_: int, P: int, Q: int, form: Form) -> Padding:
    """The padding of a layer, with as much at the bottom and the right as whole tiles of H × W images need."""
    (top, _), (left, _) = sides
    return (top, form.pixels(P) - H - top), (left, form.pixels(Q) - W_ - left)


def scratch_bytes(P: int, Q: int, C: int, F: int, form: Form, itemsize: int) -> int:
    """Memory of V and M for one image with P × Q outputs."""
    return form.t ** 2 * form.tiles(P) * form.tiles(Q) * (C * form.s ** 2 + F) * itemsize


def images_at_once(P: int, Q: int, form: Form) -> int:
    """How many images have `ROWS` tiles."""
    return -(-ROWS // (form.tiles(P) * form.tiles(Q)))


def weights(W: Any, U: Any, form: Form, xp: Any) -> None:
    """Fill U (t², s²·C, F) from W (KH, KW, C, F)."""
    KH, KW, C, F = W.shape
    _, K, s = form
    whole = xp.zeros((K * s, K * s, C, F), W.dtype)                                  # kernels of whole blocks
    whole[:KH, :KW] = W
    blocks = whole.reshape(K, s, K, s, C * F).swapaxes(1, 2).reshape(K, K, s * s * C * F)
    U[...] = _both_axes(_matrix("G", form, W, xp), blocks, "weights", xp).reshape(U.shape)  # eq. (2)


def weights_backward(dU: Any, shape: tuple[int, ...], form: Form, xp: Any) -> Any:
    """dW, of the given shape (KH, KW, C, F), of dU (t², s²·C, F)."""
    KH, KW, C, F = shape
    _, K, s = form
    blocks = _both_axes(_matrix("G", form, dU, xp).T, dU.reshape(form.t, form.t, -1), "weights", xp)  # eq. (3)
    return blocks.reshape(K, K, s, s, C * F).swapaxes(1, 2).reshape(K * s, K * s, C, F)[:KH, :KW].copy()


def images(x: Any, form: Form, xp: Any) -> Any:
    """V (t², n · tiles, s²·C) of padded images x (n, Ĥ, Ŵ, C)."""
    n, H, W_, C = x.shape
    (m, K, s), t = form, form.t
    rows, columns = (H // s - K + 1) // m, (W_ // s - K + 1) // m
    x = xp.ascontiguousarray(x)
    a, b, c, _ = x.strides
    tiles = copy_runs(x, (t, t, n, rows, columns, s), (b * s, c * s, a, b * s * m, c * s * m, b), s * C, xp,
                      lambda shape, dtype: scratch("tiles", shape, dtype, xp))
    V = _both_axes(_matrix("B", form, x, xp).T, tiles.reshape(t, t, -1), "V", xp)    # eq. (2)
    return V.reshape(t * t, n * rows * columns, s * s * C)


def images_backward(dV: Any, shape: tuple[int, ...], form: Form, xp: Any) -> Any:
    """dx, of the given shape (that of x in `images`), of dV: overlapping tiles add up."""
    n, H, W_, C = shape
    (m, K, s), t = form, form.t
    rows, columns = (H // s - K + 1) // m, (W_ // s - K + 1) // m
    d_tiles = _both_axes(_matrix("B", form, dV, xp), dV.reshape(t, t, -1), "tiles", xp)  # eq. (3)
    d_tiles = d_tiles.reshape(t, t, n, rows, columns, s, s, C)
    dx = scratch("d_padded", (n, H // s, s, W_ // s, s, C), dV.dtype, xp)
    dx.fill(0)
    for i in range(t):
        for j in range(t):
            part = d_tiles[i, j].swapaxes(2, 3)                                      # (n, rows, s, columns, s, C)
            dx[:, i:i + m * rows:m, :, j:j + m * columns:m] += part
    return dx.reshape(shape)


def outputs(M: Any, y: Any, form: Form, xp: Any) -> None:
    """Fill y (n, P, Q, F) from M (t², n · tiles, F); what the last tiles have beyond y is cut off."""
    n, P, Q, F = y.shape
    m, rows, columns = form.m, form.tiles(P), form.tiles(Q)
    Y = _both_axes(_matrix("A", form, M, xp).T, M.reshape(form.t, form.t, -1), "tiles", xp)  # eq. (2)
    Y = Y.reshape(m, m, n, rows, columns, F)
    for i in range(m):
        for j in range(m):
            place = y[:, i::m, j::m]                                                 # (n, P', Q', F)
            place[...] = Y[i, j, :, :place.shape[1], :place.shape[2]]


def outputs_backward(dy: Any, form: Form, xp: Any) -> Any:
    """dM (t², n · tiles, F) of dy (n, P, Q, F)."""
    n, P, Q, F = dy.shape
    m, rows, columns = form.m, form.tiles(P), form.tiles(Q)
    d_tiles = scratch("tiles", (m, m, n, rows, columns, F), dy.dtype, xp)
    d_tiles.fill(0)                                                                  # what is beyond dy
    for i in range(m):
        for j in range(m):
            place = dy[:, i::m, j::m]                                                # (n, P', Q', F)
            d_tiles[i, j, :, :place.shape[1], :place.shape[2]] = place
    dM = _both_axes(_matrix("A", form, dy, xp), d_tiles.reshape(m, m, -1), "M", xp)  # eq. (3)
    return dM.reshape(form.t ** 2, n * rows * columns, F)


def _both_axes(a: Any, x: Any, role: str, xp: Any) -> Any:
    """a · x · aᵀ for every column of x: a (r, q) times x (q, q, columns) along its first two axes, (r, r, columns)."""
    (r, q), columns = a.shape, x.shape[-1]
    once = _product(a, x.reshape(q, q * columns), "once", xp)                        # (r, q · columns)
    return _product(a, once.reshape(r, q, columns), role, xp)                        # (r, r, columns)


def _product(a: Any, b: Any, role: str, xp: Any) -> Any:
    """The matrix product of a and b, or of each pair of them, or of a and each b, in scratch memory."""
    out = scratch(role, (*b.shape[:-2], a.shape[-2], b.shape[-1]), a.dtype, xp)
    return xp.matmul(a, b, out=out)
