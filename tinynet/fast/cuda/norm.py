"""Batch normalisation on a GPU: layers/norm.py has the equations.

A thread computes one y, or one dx: all of (3) and (4), or of (7), while x is read once. The sums over the batch are
those of sums.py: here, thread i of T sees the places i, i + T, ... of x, all of one map, and computes on the way what
is to be added.
"""
from __future__ import annotations

from typing import Any

from .kernels import start
from .sums import add_up, threads

SOURCE = r"""
// Σ (x - from); from (C) may be the first pixel of x
__global__ void differences(const real* x, const real* from, real* sums, index total, index T, index C) {
  index i = THREAD;
  if (i >= T) return;
  real origin = from[i % C], sum = 0;
  for (index j = i; j < total; j += T) sum += x[j] - origin;
  sums[i] = sum;
}

// Σ (x - mean)²
__global__ void squares(const real* x, const real* mean, real* sums, index total, index T, index C) {
  index i = THREAD;
  if (i >= T) return;
  real middle = mean[i % C], sum = 0;
  for (index j = i; j < total; j += T) sum += (x[j] - middle) * (x[j] - middle);
  sums[i] = sum;
}

// y (N, H, W, C) of x
__global__ void batch_norm(const real* x, const real* mean, const real* inv_std, const real* gamma, const real* beta,
                           real* y, index total, index C) {
  index i = THREAD;
  if (i >= total) return;
  index c = i % C;
  y[i] = gamma[c] * ((x[i] - mean[c]) * inv_std[c]) + beta[c];          // eq. (3), (4)
}

// Σ dy and Σ dy · (x - mean)/std
__global__ void gradients(const real* dy, const real* x, const real* mean, const real* inv_std, real* betas,
                          real* gammas, index total, index T, index C) {
  index i = THREAD;
  if (i >= T) return;
  real middle = mean[i % C], scale = inv_std[i % C], for_beta = 0, for_gamma = 0;
  for (index j = i; j < total; j += T) {
    for_beta += dy[j];
    for_gamma += dy[j] * ((x[j] - middle) * scale);
  }
  betas[i] = for_beta;
  gammas[i] = for_gamma;
}

// dx of dy and x; where mean and std are constants, d_gamma and d_beta are null. share is 1/m
__global__ void batch_norm_back(const real* dy, const real* x, const real* mean, const real* inv_std,
                                const real* gamma, const real* d_gamma, const real* d_beta, real* dx, index total,
                                index C, real share) {
  index i = THREAD;
  if (i >= total) return;
  index c = i % C;
  real d = dy[i];
  if (d_gamma) d -= share * (d_beta[c] + (x[i] - mean[c]) * inv_std[c] * d_gamma[c]);
  dx[i] = gamma[c] * inv_std[c] * d;                                    // eq. (7)
}
"""


def batch_statistics(x, mean, var, xp) -> None:
    C, first = mean.size, x[0, 0, 0]
    m = x.size // C
    _sum_of("differences", x, first, mean, 1 / m, xp)
    mean += first                                                                    # eq. (1)
    _sum_of("squares", x, mean, var, 1 / m, xp)                                      # eq. (2)


def _sum_of(kernel: str, x: Any, origin: Any, out: Any, scale: float, xp: Any) -> None:
    """Fill out (C) with scale · Σ of what `kernel` makes of x and its `origin` (C)."""
    T = threads(x.size, out.size)
    sums = xp.empty(T, x.dtype)
    start(SOURCE, kernel, T, x, origin, sums, x.size, T, out.size)
    add_up(sums, out, scale, xp)


def batch_norm_forward(x, mean, inv_std, gamma, beta, y, xp) -> None:
    start(SOURCE, "batch_norm", x.size, x, mean, inv_std, gamma, beta, y, x.size, mean.size)


def batch_norm_gradients(dy, x, mean, inv_std, d_gamma, d_beta, xp) -> None:
    T = threads(x.size, mean.size)
    betas, gammas = xp.empty(T, x.dtype), xp.empty(T, x.dtype)
    start(SOURCE, "gradients", T, dy, x, mean, inv_std, betas, gammas, x.size, T, mean.size)
    add_up(betas, d_beta, 1, xp)                                                     # eq. (5)
    add_up(gammas, d_gamma, 1, xp)                                                   # eq. (6)


def batch_norm_backward(dy, x, mean, inv_std, gamma, d_gamma, d_beta, dx, xp) -> None:
    start(SOURCE, "batch_norm_back", x.size, dy, x, mean, inv_std, gamma, d_gamma, d_beta, dx, x.size, mean.size,
          mean.size / x.size)
