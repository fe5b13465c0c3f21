"""Response normalisation on a GPU: layers/lrn.py has the equations.

A thread computes one y, or one dx. The maps of a pixel lie side by side, so neighbouring threads read nearly the same
windows: of the n numbers that each reads, all but one are in the cache already.
"""
from __future__ import annotations

from .kernels import start

SOURCE = r"""
// y and, unless it is null, s of x (N, H, W, C); maps are neighbours within their group of Cg
__global__ void lrn(const real* x, real* y, real* s, index total, index Cg, index half,
                    real k, real alpha, real beta) {
  index i = THREAD;
  if (i >= total) return;
  index c = i % Cg, first = c < half ? 0 : c - half, last = c + half < Cg ? c + half : Cg - 1;
  const real* group = x + (i - c);
  real sum = 0;
  for (index j = first; j <= last; j++) sum += group[j] * group[j];
  real strength = k + alpha * sum;
  y[i] = x[i] * pow(strength, -beta);                                   // eq. (1)
  if (s) s[i] = strength;
}

// dx of dy, x and s; ab2 is 2 alpha beta
__global__ void lrn_back(const real* dy, const real* x, const real* s, real* dx, index total, index Cg, index half,
                         real ab2, real beta) {
  index i = THREAD;
  if (i >= total) return;
  index c = i % Cg, first = c < half ? 0 : c - half, last = c + half < Cg ? c + half : Cg - 1, g = i - c;
  real around = 0, own = 0;
  for (index j = g + first; j <= g + last; j++) {
    real scaled = dy[j] * pow(s[j], -beta);
    if (j == i) own = scaled;
    around += scaled * x[j] / s[j];
  }
  dx[i] = own - ab2 * x[i] * around;                                    // eq. (2)
}
"""


def lrn_forward(x, y, s, n, k, alpha, beta, groups, xp) -> None:
    start(SOURCE, "lrn", x.size, x, y, s, x.size, x.shape[-1] // groups, n // 2, k, alpha, beta)


def lrn_backward(dy, x, s, dx, n, alpha, beta, groups, xp) -> None:
    start(SOURCE, "lrn_back", x.size, dy, x, s, dx, x.size, x.shape[-1] // groups, n // 2, 2 * alpha * beta, beta)
