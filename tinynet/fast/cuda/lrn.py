"""Response normalisation on a GPU: layers/lrn.py has the equations.

A thread computes one y, or one dx. The maps of a pixel lie side by side, so neighbouring threads read nearly the same
windows: of the n numbers that each reads, all but one are in the cache already. Within a map, they read neighbouring
numbers, and what one reads now for a pixel below, another reads again a row later.

A power takes as long as dozens of sums. So backwards, where each number is wanted by all its neighbours, a kernel of
its own first computes, once for each, what has a power in it.
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

// what is left of each dy
__global__ void weakened(const real* dy, const real* s, real* weak, index total, real beta) {
  index i = THREAD;
  if (i >= total) return;
  weak[i] = dy[i] * pow(s[i], -beta);
}

// dx; ab2 is 2 alpha beta
__global__ void lrn_back(const real* weak, const real* x, const real* s, real* dx, index total, index Cg, index half,
                         real ab2) {
  index i = THREAD;
  if (i >= total) return;
  index c = i % Cg, first = c < half ? 0 : c - half, last = c + half < Cg ? c + half : Cg - 1, g = i - c;
  real around = 0;
  for (index j = g + first; j <= g + last; j++) around += weak[j] * x[j] / s[j];
  dx[i] = weak[i] - ab2 * x[i] * around;                                // eq. (2)
}

// the same within maps: x (N, H, W, C), size is 2 half + 1
__global__ void within_map(const real* x, real* y, real* s, index total, index H, index W, index C, index half,
                           real k, real alpha, real beta) {
  index i = THREAD;
  if (i >= total) return;
  index w = i / C % W, h = i / C / W % H;
  index up = h < half ? h : half, down = H - 1 - h < half ? H - 1 - h : half;  // so many rows are there
  index left = w < half ? w : half, right = W - 1 - w < half ? W - 1 - w : half;
  real sum = 0;
  for (index r = -up; r <= down; r++)
    for (index q = -left; q <= right; q++) {
      real other = x[i + (r * W + q) * C];
      sum += other * other;
    }
  real strength = k + alpha * sum;
  y[i] = x[i] * pow(strength, -beta);                                   // eq. (1)
  if (s) s[i] = strength;
}

// what each pixel gives to its neighbours' dx
__global__ void terms(const real* dy, const real* x, const real* s, real* term, index total, real beta) {
  index i = THREAD;
  if (i >= total) return;
  term[i] = dy[i] * x[i] * pow(s[i], -beta - 1);
}

__global__ void within_map_back(const real* dy, const real* x, const real* s, const real* term, real* dx, index total,
                                index H, index W, index C, index half, real ab2, real beta) {
  index i = THREAD;
  if (i >= total) return;
  index w = i / C % W, h = i / C / W % H;
  index up = h < half ? h : half, down = H - 1 - h < half ? H - 1 - h : half;
  index left = w < half ? w : half, right = W - 1 - w < half ? W - 1 - w : half;
  real around = 0;
  for (index r = -up; r <= down; r++)
    for (index q = -left; q <= right; q++) around += term[i + (r * W + q) * C];
  dx[i] = dy[i] * pow(s[i], -beta) - ab2 * x[i] * around;               // eq. (2)
}
"""


def lrn_forward(x, y, s, n, k, alpha, beta, groups, xp) -> None:
    start(SOURCE, "lrn", x.size, x, y, s, x.size, x.shape[-1] // groups, n // 2, k, alpha, beta)


def lrn_backward(dy, x, s, dx, n, alpha, beta, groups, xp) -> None:
    weak = xp.empty(x.shape, x.dtype)
    start(SOURCE, "weakened", x.size, dy, s, weak, x.size, beta)
    start(SOURCE, "lrn_back", x.size, weak, x, s, dx, x.size, x.shape[-1] // groups, n // 2, 2 * alpha * beta)


def within_map_forward(x, y, s, size, k, alpha, beta, xp) -> None:
    start(SOURCE, "within_map", x.size, x, y, s, x.size, *x.shape[1:], size // 2, k, alpha, beta)


def within_map_backward(dy, x, s, dx, size, alpha, beta, xp) -> None:
    term = xp.empty(x.shape, x.dtype)
    start(SOURCE, "terms", x.size, dy, x, s, term, x.size, beta)
    start(SOURCE, "within_map_back", x.size, dy, x, s, term, dx, x.size, *x.shape[1:], size // 2, 2 * alpha * beta,
          beta)
