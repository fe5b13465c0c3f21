"""Winograd's convolution: fewer multiplications for 3x3 and 5x5 kernels (Winograd 1980; Lavin and Gray 2016).

**One dimension.** Multiplying two polynomials with m and K coefficients needs m·K products. But the result has only
t = m + K - 1 coefficients, so its values at t points determine it, and the value of a product at a point is *one*
product of values: t multiplications. With E_n the t × n matrix that evaluates n coefficients at the points (the last
"point" is infinity, where a polynomial's value is its highest coefficient),

    a * g = E_t⁻¹ [ (E_m a) ⊙ (E_K g) ]              ⊙: element by element

For fixed g this is a linear map from a to a * g. Its transpose takes d, of t numbers, to the m outputs of a
convolution layer (correlation) of d with g, and transposing a product of matrices turns their order around:

    y = Aᵀ [ (G g) ⊙ (Bᵀ d) ]                        A = E_m,  G = E_K,  B = E_t⁻¹                           (1)

**Two dimensions.** The same along both axes: y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A. On flattened tiles, AᵀMA is one product
with the Kronecker product A ⊗ A, so that each transform is one matrix product for all tiles and channels at once. With
m = 4, a tile of 4x4 outputs takes 36 multiplications instead of 144 for K = 3, and 64 instead of 400 for K = 5.

**Channels.** The sum over input channels can be taken before the last transform, which is linear. Then ⊙ becomes, for
each of the t² places of a tile, a matrix product (tiles × C) by (C × F): the bulk of the work, and all in BLAS.

    U = (G ⊗ G) g        V = (B ⊗ B)ᵀ d        M[k] = V[k] · U[k]        y = (A ⊗ A)ᵀ M                       (2)

**Backward.** All of it is linear in g and in d, so the gradients are the transposes, in the opposite order:

    dM = (A ⊗ A) dy      dU[k] = V[k]ᵀ · dM[k],  dg = (G ⊗ G)ᵀ dU      dV[k] = dM[k] · U[k]ᵀ,  dd = (B ⊗ B) dV     (3)

**Precision.** The transforms add and subtract numbers of different size, which costs one or two of float32's seven
digits. Points of small size keep that low: 0, ±1, 2, -1/2 for K = 3, and 0, ±1, ±2, ±1/2 for K = 5.
"""
from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .parallel import scratch
from .sizes import Padding

TILE = 4                                                                             # m: outputs along an axis
POINTS = {3: (0, 1, -1, 2, -0.5), 5: (0, 1, -1, 2, -2, 0.5, -0.5)}                   # and infinity
MANY = 48  # channels, in and out, from which on the products outweigh the transforms


def pays(kernel: tuple[int, int], stride: tuple[int, int], C: int, F: int) -> bool:
    """Whether Winograd's convolution is the faster one: it exists for the kernel, and there are many channels."""
    return possible(kernel, stride) and min(C, F) >= MANY


def possible(kernel: tuple[int, int], stride: tuple[int, int]) -> bool:
    """Whether there is a Winograd convolution for this kernel and stride."""
    return kernel[0] == kernel[1] and kernel[0] in POINTS and stride == (1, 1)


@functools.cache
def _matrices(K: int) -> dict[str, np.ndarray]:
    """A ⊗ A (t², m²), G ⊗ G (t², K²) and B ⊗ B (t², t²) for kernels of K × K."""
    t = TILE + K - 1

    def evaluate(n: int) -> np.ndarray:
        at_points = np.power.outer(np.array(POINTS[K], float), np.arange(n))         # (t - 1, n)
        return np.vstack([at_points, np.eye(n)[-1:]])                                # and infinity: (t, n)

    return {"A": np.kron(evaluate(TILE), evaluate(TILE)), "G": np.kron(evaluate(K), evaluate(K)),
            "B": np.kron(*[np.linalg.inv(evaluate(t))] * 2)}


def matrix(name: str, K: int, like: Any, xp: Any) -> Any:
    """One of the three matrices, where `like` lives and of its dtype."""
    return xp.asarray(_matrices(K)[name].astype(like.dtype))


def tiles(size: int) -> int:
    """How many tiles cover `size` outputs."""
    return -(-size // TILE)


def convolve(x: Any, U: Any, y: Any, K: int, xp: Any) -> None:
    """Fill y (n, P, Q, F) with the convolution of the padded images x (n, Ĥ, Ŵ, C); `padding` says how large x is."""
    outputs(_product(images(x, K, xp), U, "M", xp), y, K, xp)


def convolve_backward(x: Any, U: Any, dy: Any, K: int, xp: Any, input_grad: bool) -> tuple[Any, Any]:
    """dU, and dx or None, of dy (n, P, Q, F)."""
    dM = outputs_backward(dy, K, xp)
    dU = _product(images(x, K, xp).swapaxes(1, 2), dM, "dU", xp)                     # eq. (3)
    if not input_grad:
        return dU, None
    return dU, images_backward(_product(dM, U.swapaxes(1, 2), "V", xp), x.shape, K, xp)


def padding(sides: Padding, P: int, Q: int) -> Padding:
    """The padding of a layer, and as much more at the bottom and the right as whole tiles need."""
    (top, bottom), (left, right) = sides
    return (top, bottom + TILE * tiles(P) - P), (left, right + TILE * tiles(Q) - Q)


def scratch_bytes(y_shape: tuple[int, ...], C: int, F: int, K: int, itemsize: int) -> int:
    """Memory of V and M for one image."""
    return (TILE + K - 1) ** 2 * tiles(y_shape[1]) * tiles(y_shape[2]) * (C + F) * itemsize


def weights(W: Any, U: Any, xp: Any) -> None:
    """Fill U (t², C, F) from W (K, K, C, F)."""
    K, _, C, F = W.shape
    product = _product(matrix("G", K, W, xp), W.reshape(K * K, C * F), "weights", xp)  # eq. (2)
    U[...] = product.reshape(U.shape)


def weights_backward(dU: Any, K: int, xp: Any) -> Any:
    """dW (K, K, C, F) of dU (t², C, F)."""
    t2, C, F = dU.shape
    return (matrix("G", K, dU, xp).T @ dU.reshape(t2, C * F)).reshape(K, K, C, F)    # eq. (3)


def images(x: Any, K: int, xp: Any) -> Any:
    """V (t², n · tiles, C) of padded images x (n, TILE · rows + K - 1, TILE · columns + K - 1, C)."""
    n, H, W_, C = x.shape
    t, rows, columns = TILE + K - 1, (H - K + 1) // TILE, (W_ - K + 1) // TILE
    a, b, c, d = x.strides
    overlapping = xp.lib.stride_tricks.as_strided(x, (t, t, n, rows, columns, C), (b, c, a, b * TILE, c * TILE, d))
    gathered = scratch("tiles", overlapping.shape, x.dtype, xp)
    gathered[...] = overlapping
    V = _product(matrix("B", K, x, xp).T, gathered.reshape(t * t, -1), "V", xp)      # eq. (2)
    return V.reshape(t * t, n * rows * columns, C)


def images_backward(dV: Any, shape: tuple[int, ...], K: int, xp: Any) -> Any:
    """dx, of the given shape (that of x in `images`), of dV: overlapping tiles add up."""
    n, H, W_, C = shape
    t, rows, columns = TILE + K - 1, (H - K + 1) // TILE, (W_ - K + 1) // TILE
    d_tiles = _product(matrix("B", K, dV, xp), dV.reshape(t * t, -1), "tiles", xp)   # eq. (3)
    d_tiles, dx = d_tiles.reshape(t, t, n, rows, columns, C), scratch("d_padded", shape, dV.dtype, xp)
    dx.fill(0)
    for i in range(t):
        for j in range(t):
            dx[:, i:i + TILE * rows:TILE, j:j + TILE * columns:TILE] += d_tiles[i, j]
    return dx


def outputs(M: Any, y: Any, K: int, xp: Any) -> None:
    """Fill y (n, P, Q, F) from M (t², n · tiles, F); what the last tiles have beyond y is cut off."""
    n, P, Q, F = y.shape
    rows, columns = tiles(P), tiles(Q)
    Y = _product(matrix("A", K, M, xp).T, M.reshape(len(M), -1), "tiles", xp)        # eq. (2)
    Y = Y.reshape(TILE, TILE, n, rows, columns, F)
    for i in range(TILE):
        for j in range(TILE):
            place = y[:, i::TILE, j::TILE]                                           # (n, P', Q', F)
            place[...] = Y[i, j, :, :place.shape[1], :place.shape[2]]


def outputs_backward(dy: Any, K: int, xp: Any) -> Any:
    """dM (t², n · tiles, F) of dy (n, P, Q, F)."""
    n, P, Q, F = dy.shape
    rows, columns = tiles(P), tiles(Q)
    d_tiles = scratch("tiles", (TILE, TILE, n, rows, columns, F), dy.dtype, xp)
    d_tiles.fill(0)                                                                  # what is beyond dy
    for i in range(TILE):
        for j in range(TILE):
            place = dy[:, i::TILE, j::TILE]                                          # (n, P', Q', F)
            d_tiles[i, j, :, :place.shape[1], :place.shape[2]] = place
    dM = _product(matrix("A", K, dy, xp), d_tiles.reshape(TILE * TILE, -1), "M", xp)  # eq. (3)
    return dM.reshape(len(dM), n * rows * columns, F)


def _product(a: Any, b: Any, role: str, xp: Any) -> Any:
    """The matrix product of a and b, or that of each pair of them, in scratch memory."""
    out = scratch(role, (*a.shape[:-1], b.shape[-1]), a.dtype, xp)
    return xp.matmul(a, b, out=out)
