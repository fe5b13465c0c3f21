"""Optimisers on a GPU: training/optim.py has the equations.

A thread changes one parameter: all that belongs to it is read once, and what changes is written once. The parameters
lie side by side in flat arrays (training/flat.py), so a step is one or two kernels, however many layers there are.

The square of the gradient is the sum of sums.py, in double: no square of a float overflows there.
"""
from __future__ import annotations

import numpy as np

from .kernels import start
from .sums import add_up, threads

SOURCE = r"""
__global__ void sgd(real* w, const real* g, real* v, index total, real rate, real momentum, real decay) {
  index i = THREAD;
  if (i >= total) return;
  real before = w[i], velocity = momentum * v[i] - rate * (decay * before + g[i]);
  v[i] = velocity;                                                      // eq. (1)
  w[i] = before + velocity;                                             // eq. (2)
}

// rest1 and rest2 are 1 - beta1 and 1 - beta2; bias1 and bias2 are 1 - beta1^t and 1 - beta2^t
__global__ void adam(real* w, const real* g, real* m, real* v, index total, real rate, real beta1, real rest1,
                     real beta2, real rest2, real bias1, real bias2, real eps, real decay) {
  index i = THREAD;
  if (i >= total) return;
  real before = w[i], gradient = decay * before + g[i];
  real mean = beta1 * m[i] + rest1 * gradient, square = beta2 * v[i] + rest2 * gradient * gradient;
  m[i] = mean;                                                          // eq. (3)
  v[i] = square;                                                        // eq. (4)
  w[i] = before - rate * (mean / bias1) / (sqrt(square / bias2) + eps); // eq. (5)
}

// thread i of T: the squares of g[i], g[i + T], ...
__global__ void squares(const real* g, double* sums, index total, index T) {
  index i = THREAD;
  if (i >= T) return;
  double sum = 0;
  for (index j = i; j < total; j += T) sum += (double)g[j] * (double)g[j];
  sums[i] = sum;
}
"""


def sgd_step(w, g, v, rate, momentum, decay, xp) -> None:
    start(SOURCE, "sgd", w.size, w, g, v, w.size, rate, momentum, decay)


def adam_step(w, g, m, v, rate, beta1, beta2, eps, decay, t, xp) -> None:
    start(SOURCE, "adam", w.size, w, g, m, v, w.size, rate, beta1, 1 - beta1, beta2, 1 - beta2, 1 - beta1 ** t,
          1 - beta2 ** t, eps, decay)


def sum_of_squares(g, total, xp) -> None:
    T = threads(g.size, 1)
    sums, whole = xp.empty(T, np.float64), total if total.dtype == np.float64 else xp.empty(1, np.float64)
    start(SOURCE, "squares", T, g, sums, g.size, T)
    add_up(sums, whole, 1, xp)
    if whole is not total:
        total[...] = whole
