"""Softmax and cross-entropy on a GPU: loss.py has the equations.

A row of scores, one image's, is too long for one thread (of 1,000 classes) and a batch has too few rows to keep a GPU
busy. So a row is dealt out to J threads: thread j sees the scores j, j + J, j + 2J, ..., next to those of its
neighbours. It finds the largest of them, a_j, and b_j = Σ exp(z - a_j). From all J of these follow, for the whole row,

    a = max a_j          Σ exp(z - a) = Σ_j b_j · exp(a_j - a)

A second kernel has one thread for each probability, and each combines the J numbers of its row for itself: to do so is
less than to let one do it and the others wait.

Whether all scores are finite is not asked for: 0 · z is 0 if z is, else NaN, and once it is added to b_j the row's loss
is NaN, and so is the mean.
"""
from __future__ import annotations

import numpy as np

from .kernels import start
from .sums import add_up

SHARES = 32  # J, at most: as many threads as run in step

SOURCE = r"""
// tops (N, J) and sums (N, J) of z (N, K): a_j and b_j; total is N J
__global__ void shares(const real* z, real* tops, real* sums, index total, index K, index J) {
  index i = THREAD;
  if (i >= total) return;
  const real* row = z + i / J * K;
  index j = i % J;
  real top = row[j], sum = 0;
  for (index k = j; k < K; k += J) if (row[k] > top) top = row[k];
  for (index k = j; k < K; k += J) sum += exp(row[k] - top) + 0 * row[k];
  tops[i] = top;
  sums[i] = sum;
}

// probs (N, K) and losses (N); total is N K
__global__ void probabilities(const real* z, const real* tops, const real* sums, const long long* labels, real* probs,
                              real* losses, index total, index K, index J) {
  index i = THREAD;
  if (i >= total) return;
  index n = i / K;
  real top = tops[n * J], sum = 0;
  for (index j = n * J; j < (n + 1) * J; j++) if (tops[j] > top) top = tops[j];
  for (index j = n * J; j < (n + 1) * J; j++) sum += sums[j] * exp(tops[j] - top);
  real shifted = z[i] - top;
  probs[i] = exp(shifted) / sum;                                        // eq. (1)
  if (i % K == labels[n]) losses[n] = log(sum) - shifted;
}

// dz (N, K)
__global__ void cross_entropy_back(const real* probs, const long long* labels, real* dz, index total, index K,
                                   real N) {
  index i = THREAD;
  if (i >= total) return;
  dz[i] = (probs[i] - (real)(i % K == labels[i / K])) / N;              // eq. (3)
}
"""


def cross_entropy_forward(logits, labels, probs, L, xp) -> None:
    N, K = logits.shape
    J = min(SHARES, K)
    tops, sums, losses = (xp.empty(shape, logits.dtype) for shape in ((N, J), (N, J), N))
    start(SOURCE, "shares", N * J, logits, tops, sums, N * J, K, J)
    start(SOURCE, "probabilities", N * K, logits, tops, sums, _whole(labels), probs, losses, N * K, K, J)
    add_up(losses, L, 1 / N, xp)                                                     # eq. (2)


def cross_entropy_backward(probs, labels, dz, xp) -> None:
    N, K = probs.shape
    start(SOURCE, "cross_entropy_back", N * K, probs, _whole(labels), dz, N * K, K, N)


def _whole(labels):
    """As long long: a data set's are, and then nothing is copied."""
    return labels.astype(np.int64, copy=False)
