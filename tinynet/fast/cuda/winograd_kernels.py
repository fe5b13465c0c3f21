"""Winograd's five transforms for a GPU: fast/winograd.py has the equations, the points and the matrices.

    images  V = Bᵀ d B        weights  U = G g Gᵀ        outputs  y = Aᵀ M A                                    (2)
    outputs_back  dM = A dy Aᵀ              weights_back  dg = Gᵀ dU G                                          (3)

A thread reads the numbers of one channel of one tile, transforms them, down the columns and along the rows, and writes
them. The kernels are written out for each form F(m, K), with the numbers of its matrices: then all that a thread works
on stays in its registers, where the additions are quick, and each number is read and written once. Neighbouring threads
have neighbouring channels, which lie side by side.
"""
from __future__ import annotations

import functools

import numpy as np

from ..winograd import Form, forms, matrices

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
    return [source(form.m, K) for K in (3, 4, 5) for form in forms(K)]


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
