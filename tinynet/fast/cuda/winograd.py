"""Winograd's convolution on a GPU: fast/winograd.py has the equations, the points and the matrices.

    V = Bᵀ d B        U = G g Gᵀ        M[i, j] = V[i, j] · U[i, j]        y = Aᵀ M A
    dM = A dy Aᵀ      dU[i, j] = V[i, j]ᵀ · dM[i, j]      dg = Gᵀ dU G

The products are one batch of t² · groups for cuBLAS. The five transforms are kernels, written out here for each form
F(m, K): a thread reads the numbers of one channel of one tile, transforms them in its registers, down the columns and
along the rows, and writes them; neighbouring threads have neighbouring channels. So each number is read and written
once, and of the arithmetic, additions with the few numbers of a matrix, nearly nothing is to be seen.

dx is a convolution, too: of dy, by kernels turned by 180°, with input and output channels exchanged. Its tiles do not
overlap, where those of dd = B dV Bᵀ do: nothing has to be added to what another thread writes, in whatever order.

With strides, pixels stand in blocks of s × s, and an image of blocks has s²·C channels. Forward, the threads of V find
the pixels of their block in x; backward, those of y write the blocks of dx.
"""
from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ...sizes import Padding
from ..winograd import POINTS, Form, matrices
from .blas import multiply
from .kernels import start

ON_THE_WAY = 2 ** 28  # bytes: a convolution goes through the batch in parts, so that no array on the way is larger

TO_TILES = r"""
// tiles (G, t², T, s²·C) of x (N, H, W, G·C): T tiles, `rows` x `columns` in each image, which lie m blocks of s x s
// pixels apart; the first begins `top` and `left` of x, and what is outside of x reads as 0
__global__ void NAME(const real* x, real* tiles, index total, index H, index W, index G, index C, index s,
                     index rows, index columns, index top, index left) {
  index id = THREAD;
  if (id >= total) return;
  index CB = s * s * C, T = total / (G * CB), c = id % CB, g = id / CB % G, tile = id / (CB * G);
  index h = tile / columns % rows * m * s + c / (s * C) - top, w = tile % columns * m * s + c / C % s - left;
  const real* image = x + tile / (rows * columns) * H * W * G * C + g * C + c % C;
  real d[from][from], o[t][t];
  EACH(i, from) EACH(j, from) {
    index a = h + i * s, b = w + j * s;
    d[i][j] = 0 <= a && a < H && 0 <= b && b < W ? image[(a * W + b) * G * C] : 0;
  }
  MATRIX(d, o);
  real* out = tiles + (g * t * t * T + tile) * CB + c;
  EACH(i, t) EACH(j, t) out[(i * t + j) * T * CB] = o[i][j];
}
"""

FROM_TILES = r"""
// y (N, H, W, G·C) of its tiles (G, t², T, s²·C), and bias (G·C) unless it is null; what is outside of y is cut off
__global__ void outputs(const real* tiles, const real* bias, real* y, index total, index H, index W, index G, index C,
                        index s, index rows, index columns, index top, index left) {
  index id = THREAD;
  if (id >= total) return;
  index CB = s * s * C, T = total / (G * CB), c = id % CB, g = id / CB % G, tile = id / (CB * G);
  index h = tile / columns % rows * m * s + c / (s * C) - top, w = tile % columns * m * s + c / C % s - left;
  real* image = y + tile / (rows * columns) * H * W * G * C + g * C + c % C;
  const real* in = tiles + (g * t * t * T + tile) * CB + c;
  real d[t][t], o[m][m], shift = bias ? bias[g * C + c % C] : 0;
  EACH(i, t) EACH(j, t) d[i][j] = in[(i * t + j) * T * CB];
  At(d, o);
  EACH(i, m) EACH(j, m) {
    index a = h + i * s, b = w + j * s;
    if (0 <= a && a < H && 0 <= b && b < W) image[(a * W + b) * G * C] = o[i][j] + shift;
  }
}
"""

WEIGHTS = r"""
// U (G, t², s²·C, F) of W (KH, KW, C, G·F), whose blocks beyond KH or KW are 0; or of W `turned` block by block
__global__ void weights(const real* W, real* U, index total, index KH, index KW, index C, index G, index F, index s,
                        index turned) {
  index id = THREAD;
  if (id >= total) return;
  index CB = s * s * C, f = id % F, g = id / F % G, c = id / (F * G);
  real d[K][K], o[t][t];
  EACH(i, K) EACH(j, K) {
    index a = (turned ? K - 1 - i : i) * s + c / (s * C), b = (turned ? K - 1 - j : j) * s + c / C % s;
    d[i][j] = a < KH && b < KW ? W[(((a * KW + b) * C + c % C) * G + g) * F + f] : 0;
  }
  Gw(d, o);
  real* out = U + (g * t * t * CB + c) * F + f;
  EACH(i, t) EACH(j, t) out[(i * t + j) * CB * F] = o[i][j];
}

// dW of dU
__global__ void weights_back(const real* dU, real* dW, index total, index KH, index KW, index C, index G, index F,
                             index s) {
  index id = THREAD;
  if (id >= total) return;
  index CB = s * s * C, f = id % F, g = id / F % G, c = id / (F * G);
  real d[t][t], o[K][K];
  const real* in = dU + (g * t * t * CB + c) * F + f;
  EACH(i, t) EACH(j, t) d[i][j] = in[(i * t + j) * CB * F];
  Gt(d, o);
  EACH(i, K) EACH(j, K) {
    index a = i * s + c / (s * C), b = j * s + c / C % s;
    if (a < KH && b < KW) dW[(((a * KW + b) * C + c % C) * G + g) * F + f] = o[i][j];
  }
}
"""


# ---------------------------------------------------------------------------------------- the source of a form


@functools.cache
def source(m: int, K: int) -> str:
    """The five kernels of the form F(m, K)."""
    t, of = m + K - 1, matrices(Form(m, K))
    both = "".join(_both_axes(name, matrix) for name, matrix in
                   {"Bt": of["B"].T, "At": of["A"].T, "A": of["A"], "Gw": of["G"], "Gt": of["G"].T}.items())
    images, gradients = (TO_TILES.replace("NAME", name).replace("MATRIX", matrix).replace("from", str(size))
                         for name, matrix, size in (("images", "Bt", t), ("outputs_back", "A", m)))
    constants = (f"enum {{m = {m}, K = {K}, t = {t}}};\n"
                 '#define EACH(i, n) _Pragma("unroll") for (int i = 0; i < n; i++)\n')
    return constants + both + images + gradients + FROM_TILES + WEIGHTS


def sources() -> list[str]:
    """Those of all forms that there are."""
    return [source(m, K) for K in (3, 4, 5) for m in range(2, len(POINTS) + 3 - K)]


def _both_axes(name: str, matrix: np.ndarray) -> str:
    """o = matrix · d · matrixᵀ as a function, all numbers of the matrix written out."""
    r, q = matrix.shape
    down = "".join(f"    once[{i}][j] = {_sum(row, 'd[{}][j]')};\n" for i, row in enumerate(matrix))
    along = "".join(f"    o[i][{j}] = {_sum(row, 'once[i][{}]')};\n" for j, row in enumerate(matrix))
    return (f"__device__ __forceinline__ void {name}(const real (&d)[{q}][{q}], real (&o)[{r}][{r}]) {{\n"
            f"  real once[{r}][{q}];\n"
            f"  EACH(j, {q}) {{\n{down}  }}\n"
            f"  EACH(i, {r}) {{\n{along}  }}\n"
            "}\n")


def _sum(row: np.ndarray, place: str) -> str:
    """"once[i][0] - (real)0.5 * once[i][2]": the product of a row of a matrix with numbers at these places."""
    terms = []
    for j, number in enumerate(row):
        if abs(number - round(number)) < 1e-12:  # an inverse is off by the last digit
            number = round(number)
        if number:
            factor = "" if abs(number) == 1 else f"(real){abs(float(number))!r} * "
            terms.append(f"{'-' if number < 0 else '+'} {factor}{place.format(j)}")
    return " ".join(terms)


# ---------------------------------------------------------------------------------------- convolutions


def forward(x: Any, W: Any, b: Any, y: Any, form: Form, padding: Padding, groups: int, xp: Any) -> None:
    """Fill y (N, P, Q, F); `b` may be None."""
    U, first = _weights(W, form, groups, False, xp), (padding[0][0], padding[1][0])
    tiles = form.tiles(y.shape[1]), form.tiles(y.shape[2])
    for n in parts(len(x), _largest(form, tiles, x, y)):
        V = _to_tiles("images", x[n], form, form.s, tiles, first, groups, xp)
        M = xp.empty((*V.shape[:2], U.shape[2]), x.dtype)
        multiply(V, U, M)
        _from_tiles(M, b, y[n], form, 1, tiles, (0, 0), groups)


def backward_to_images(dy: Any, W: Any, dx: Any, form: Form, padding: Padding, groups: int, xp: Any) -> None:
    """Fill dx (N, H, W, C). Seen from its first block that is not all padding, dy is padded by the blocks of a kernel
    but for one, and but for those."""
    U = _weights(W, form, groups, True, xp)
    (above, inside), (before, beside) = divmod(padding[0][0], form.s), divmod(padding[1][0], form.s)
    tiles = tuple(form.tiles(length) for length in blocks(dx.shape[1:3], padding, form.s))
    for n in parts(len(dy), _largest(form, tiles, dx, dy)):
        V = _to_tiles("images", dy[n], form, 1, tiles, (form.K - 1 - above, form.K - 1 - before), groups, xp)
        M = xp.empty((*V.shape[:2], U.shape[1]), dy.dtype)
        multiply(V, U.swapaxes(1, 2), M)
        _from_tiles(M, None, dx[n], form, form.s, tiles, (inside, beside), groups)


def backward_to_weights(x: Any, dy: Any, dW: Any, form: Form, padding: Padding, groups: int, xp: Any) -> None:
    """Fill dW (KH, KW, C, F)."""
    (KH, KW, C, F), first = dW.shape, (padding[0][0], padding[1][0])
    tiles = form.tiles(dy.shape[1]), form.tiles(dy.shape[2])
    dU = xp.empty((groups * form.t ** 2, form.s ** 2 * C, F // groups), dy.dtype)
    for n in parts(len(x), _largest(form, tiles, x, dy)):
        V = _to_tiles("images", x[n], form, form.s, tiles, first, groups, xp)
        dM = _to_tiles("outputs_back", dy[n], form, 1, tiles, (0, 0), groups, xp)
        multiply(V.swapaxes(1, 2), dM, dU, add=n.start > 0)
    total = form.s ** 2 * C * F
    start(source(form.m, form.K), "weights_back", total, dU, dW, total, KH, KW, C, groups, F // groups, form.s)


def blocks(size: tuple[int, int], padding: Padding, s: int) -> tuple[int, int]:
    """How many rows and columns of blocks hold a pixel of an image of this size, when it is padded."""
    return tuple((length + first % s - 1) // s + 1 for length, (first, _) in zip(size, padding, strict=True))


def parts(N: int, of_an_image: int) -> list[slice]:
    """N images in as few parts of about the same size as can be, none of which needs more than ON_THE_WAY bytes; but
    a part has one image at least."""
    count = -(-N // max(1, ON_THE_WAY // of_an_image))
    return [slice(N * i // count, N * (i + 1) // count) for i in range(count)]


def _largest(form: Form, tiles: tuple[int, int], x: Any, y: Any) -> int:
    """The bytes of V or M, whichever has more, of one image; x is the one that is seen in blocks."""
    return form.t ** 2 * tiles[0] * tiles[1] * max(form.s ** 2 * x.shape[-1], y.shape[-1]) * x.itemsize


def _to_tiles(kernel: str, x: Any, form: Form, s: int, tiles: tuple[int, int], first: tuple[int, int], groups: int,
              xp: Any) -> Any:
    """V of x, or dM of dy: (groups · t², T, s²·C)."""
    N, H, W_, C = x.shape
    T = N * tiles[0] * tiles[1]
    out = xp.empty((groups * form.t ** 2, T, s * s * C // groups), x.dtype)
    total = T * s * s * C
    start(source(form.m, form.K), kernel, total, x, out, total, H, W_, groups, C // groups, s, *tiles, *first)
    return out


def _from_tiles(M: Any, b: Any, y: Any, form: Form, s: int, tiles: tuple[int, int], first: tuple[int, int],
                groups: int) -> None:
    """Fill y, or dx, of M."""
    _, H, W_, C = y.shape
    total = M.shape[1] * s * s * C
    start(source(form.m, form.K), "outputs", total, M, b, y, total, H, W_, groups, C // groups, s, *tiles, *first)


def _weights(W: Any, form: Form, groups: int, turned: bool, xp: Any) -> Any:
    """U (groups · t², s²·C, F) of W."""
    KH, KW, C, F = W.shape
    U = xp.empty((groups * form.t ** 2, form.s ** 2 * C, F // groups), W.dtype)
    total = form.s ** 2 * C * F
    start(source(form.m, form.K), "weights", total, W, U, total, KH, KW, C, groups, F // groups, form.s, turned)
    return U
