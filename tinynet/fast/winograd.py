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

What is lost is lost by the tile: its largest pixel tells how exact its outputs are, also those that do not see this
pixel. Among numbers around 1 and weights around 0.01, one pixel of 1e5 puts all outputs of the (up to four) tiles that
it is in off by up to 0.05, in float32, where im2col changes those alone whose window holds it. NaN or infinity makes
all outputs of these tiles NaN. Backwards it is the same with dy. No tile reaches into another image.
`algorithm="im2col"`, or `with plain():`, keeps outliers where they are. "auto" does not look for them: how an image is
computed would then depend on those beside it.
"""
from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from .im2col import copy_runs
from .memory import scratch

ROWS = 64  # tiles, from which on matrix products with them are fast
POINTS = (0, 1, -1, 2, -0.5, -2, 0.5)  # as many of them as are needed; and infinity


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


def possible(kernel: tuple[int, int], stride: tuple[int, int]) -> bool:
    """Whether there is a Winograd convolution for this kernel and stride: both square, and 3 to 5 blocks wide."""
    return kernel[0] == kernel[1] and stride[0] == stride[1] and 3 <= -(-kernel[0] // stride[0]) <= 5


def best_form(kernel: int, stride: int, P: int, Q: int, C: int, F: int) -> Form:
    """The tiles with the fewest multiplications for P × Q outputs, the transforms' included."""
    K, C = -(-kernel // stride), C * stride ** 2

    def multiplications(form: Form) -> int:
        (m, _, _), t = form, form.t
        return form.tiles(P) * form.tiles(Q) * (t * t * C * F + 2 * t ** 3 * C + m * t * (m + t) * F)

    return min(forms(K, stride), key=multiplications)


def forms(K: int, stride: int = 1) -> list[Form]:
    """All that there are points for, the smallest tiles first."""
    return [Form(m, K, stride) for m in range(2, len(POINTS) + 3 - K)]


@functools.cache
def matrices(form: Form) -> dict[str, np.ndarray]:
    """A (t, m), G (t, K) and B (t, t)."""
    def evaluate(n: int) -> np.ndarray:
        at_points = np.power.outer(np.array(POINTS[:form.t - 1], float), np.arange(n))  # (t - 1, n)
        return np.vstack([at_points, np.eye(n)[-1:]])                                # and infinity: (t, n)

    return {"A": evaluate(form.m), "G": evaluate(form.K), "B": np.linalg.inv(evaluate(form.t))}


def _matrix(name: str, form: Form, like: Any) -> Any:
    """One of the three matrices, of the dtype of `like`."""
    return matrices(form)[name].astype(like.dtype)


def convolve(x: Any, U: Any, y: Any, form: Form) -> None:
    """Fill y (n, P, Q, F) with the convolution of images x (n, Ĥ, Ŵ, C), which are as large as whole tiles need."""
    outputs(_product(images(x, form), U, "M"), y, form)                              # eq. (2)


def add_products(V: Any, dM: Any, dU: Any, first: bool) -> None:
    """Add V[i, j]ᵀ · dM[i, j] to dU; or write it, if it is the first."""
    if first:
        np.matmul(V.swapaxes(1, 2), dM, out=dU)                                      # eq. (3)
    else:
        dU += _product(V.swapaxes(1, 2), dM, "dU")


def back_through(dM: Any, U: Any) -> Any:
    """dV[i, j] = dM[i, j] · U[i, j]ᵀ."""
    return _product(dM, U.swapaxes(1, 2), "V")                                       # eq. (3)


def weights(W: Any, U: Any, form: Form) -> None:
    """Fill U (t², s²·C, F) from W (KH, KW, C, F)."""
    KH, KW, C, F = W.shape
    _, K, s = form
    whole = np.zeros((K * s, K * s, C, F), W.dtype)                                  # kernels of whole blocks
    whole[:KH, :KW] = W
    blocks = whole.reshape(K, s, K, s, C * F).swapaxes(1, 2).reshape(K, K, s * s * C * F)
    U[...] = _both_axes(_matrix("G", form, W), blocks, "weights").reshape(U.shape)  # eq. (2)


def weights_backward(dU: Any, shape: tuple[int, ...], form: Form) -> Any:
    """dW, of the given shape (KH, KW, C, F), of dU (t², s²·C, F)."""
    KH, KW, C, F = shape
    _, K, s = form
    blocks = _both_axes(_matrix("G", form, dU).T, dU.reshape(form.t, form.t, -1), "weights")  # eq. (3)
    return blocks.reshape(K, K, s, s, C * F).swapaxes(1, 2).reshape(K * s, K * s, C, F)[:KH, :KW].copy()


def images(x: Any, form: Form) -> Any:
    """V (t², n · tiles, s²·C) of padded images x (n, Ĥ, Ŵ, C)."""
    n, H, W_, C = x.shape
    (m, K, s), t = form, form.t
    rows, columns = (H // s - K + 1) // m, (W_ // s - K + 1) // m
    x = np.ascontiguousarray(x)
    a, b, c, _ = x.strides
    tiles = copy_runs(x, (t, t, n, rows, columns, s), (b * s, c * s, a, b * s * m, c * s * m, b), s * C, np,
                      functools.partial(scratch, "tiles"))
    V = _both_axes(_matrix("B", form, x).T, tiles.reshape(t, t, -1), "V")    # eq. (2)
    return V.reshape(t * t, n * rows * columns, s * s * C)


def images_backward(dV: Any, shape: tuple[int, ...], form: Form) -> Any:
    """dx, of the given shape (that of x in `images`), of dV: overlapping tiles add up."""
    n, H, W_, C = shape
    (m, K, s), t = form, form.t
    rows, columns = (H // s - K + 1) // m, (W_ // s - K + 1) // m
    d = _both_axes(_matrix("B", form, dV), dV.reshape(t, t, -1), "tiles")            # eq. (3)
    d = _laid_over(d.reshape(t, t, n, rows, columns * s * s * C), m, "rows")         # (m, t, n, R, columns·s²·C)
    R = d.shape[3]
    d = _laid_over(d.reshape(m, t, n * R, columns, s * s * C).swapaxes(0, 1), m, "pixels")  # (m, m, n·R, Q, s²·C)
    Q = d.shape[3]
    pixels = d.reshape(m, m, n, R, Q, s, s, C).transpose(2, 3, 1, 5, 4, 0, 6, 7)     # (n, R, m, s, Q, m, s, C)
    dx = scratch("d_padded", pixels.shape, d.dtype)
    dx[...] = pixels
    return dx.reshape(n, R * m * s, Q * m * s, C)[:, :H, :W_]


def _laid_over(d: Any, m: int, role: str) -> Any:
    """Tiles along one axis, one laid over the other: d (t, ..., ..., tiles, ...), where number i of tile k is at place
    k·m + i of the line → (m, ..., ..., places / m, ...), place i of each m places; what lies at one place adds up."""
    t, tiles = d.shape[0], d.shape[3]
    line = scratch(role, (m, *d.shape[1:3], tiles - (-t // m) - 1, d.shape[4]), d.dtype)
    line[:, :, :, tiles:] = 0
    for i in range(t):
        place = line[i % m, :, :, i // m:i // m + tiles]
        if i < m:
            place[...] = d[i]
        else:
            place += d[i]
    return line


def outputs(M: Any, y: Any, form: Form) -> None:
    """Fill y (n, P, Q, F) from M (t², n · tiles, F); what the last tiles have beyond y is cut off."""
    n, P, Q, F = y.shape
    m, rows, columns = form.m, form.tiles(P), form.tiles(Q)
    Y = _both_axes(_matrix("A", form, M).T, M.reshape(form.t, form.t, -1), "tiles")  # eq. (2)
    Y = Y.reshape(m, m, n, rows, columns, F)
    for i in range(m):
        for j in range(m):
            place = y[:, i::m, j::m]                                                 # (n, P', Q', F)
            place[...] = Y[i, j, :, :place.shape[1], :place.shape[2]]


def outputs_backward(dy: Any, form: Form) -> Any:
    """dM (t², n · tiles, F) of dy (n, P, Q, F)."""
    n, P, Q, F = dy.shape
    m, rows, columns = form.m, form.tiles(P), form.tiles(Q)
    d_tiles = scratch("tiles", (m, m, n, rows, columns, F), dy.dtype)
    d_tiles.fill(0)                                                                  # what is beyond dy
    for i in range(m):
        for j in range(m):
            place = dy[:, i::m, j::m]                                                # (n, P', Q', F)
            d_tiles[i, j, :, :place.shape[1], :place.shape[2]] = place
    dM = _both_axes(_matrix("A", form, dy), d_tiles.reshape(m, m, -1), "M")  # eq. (3)
    return dM.reshape(form.t ** 2, n * rows * columns, F)


def _both_axes(a: Any, x: Any, role: str) -> Any:
    """a · x · aᵀ for every column of x: a (r, q) times x (q, q, columns) along its first two axes, (r, r, columns)."""
    (r, q), columns = a.shape, x.shape[-1]
    once = _product(a, x.reshape(q, q * columns), "once")                        # (r, q · columns)
    return _product(a, once.reshape(r, q, columns), role)                        # (r, r, columns)


def _product(a: Any, b: Any, role: str) -> Any:
    """The matrix product of a and b, or of each pair of them, or of a and each b, in scratch memory."""
    out = scratch(role, (*b.shape[:-2], a.shape[-2], b.shape[-1]), a.dtype)
    return np.matmul(a, b, out=out)
