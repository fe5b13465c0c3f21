"""Dropout on a GPU: the masks are drawn there. layers/dropout.py has the equations.

A CPU draws its numbers one after the other, each from the state that the last one left. Here thousands of threads draw
at once, so there is no state: number i is a function of i, which mixes its bits so thoroughly that the numbers look
independent. It is Philox 4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3"
(2011): ten rounds, each of two products of 32 by 32 bits, turn a counter of four words of 32 bits and a key of two into
four words.

    words 4i ... 4i+3 = philox(counter (i, 0, a, b), key (c, d))         a unit is silent if its word < p · 2^32

a, b, c and d are drawn anew for each mask, by the layer's own Generator on the host. So the Generator moves on by
the same four numbers whatever the size of the mask, its state is all that a checkpoint needs, and every GPU draws the
same masks. They are others than a CPU's, which come from that Generator themselves.

A thread draws the four neighbouring numbers that Philox gives at once.
"""
from __future__ import annotations

import numpy as np

from ...devices.graph import each_time
from .kernels import start

SOURCE = r"""
__device__ void philox(unsigned word[4], unsigned key0, unsigned key1) {
  for (int round = 0; round < 10; round++) {
    unsigned long long first = 0xD2511F53ull * word[0], second = 0xCD9E8D57ull * word[2];
    word[0] = (unsigned)(second >> 32) ^ word[1] ^ key0;
    word[1] = (unsigned)second;
    word[2] = (unsigned)(first >> 32) ^ word[3] ^ key1;
    word[3] = (unsigned)first;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
}

__global__ void draw(bool* mask, index total, unsigned a, unsigned b, unsigned c, unsigned d, unsigned least) {
  index i = THREAD;
  if (4 * i >= total) return;
  unsigned word[4] = {(unsigned)i, (unsigned)((unsigned long long)i >> 32), a, b};
  philox(word, c, d);
  for (int j = 0; j < 4; j++) if (4 * i + j < total) mask[4 * i + j] = word[j] >= least;
}

__global__ void silence(const real* x, const bool* mask, real* y, index total) {
  index i = THREAD;
  if (i >= total) return;
  y[i] = x[i] * (real)mask[i];                                          // eq. (1)
}
"""


def draw_mask(mask, rng, p, xp) -> None:
    def draw(mask):
        drawn = rng.integers(2 ** 32, size=4, dtype=np.uint32).tolist()
        start(SOURCE, "draw", -(-mask.size // 4), mask, mask.size, *drawn, int(p * 2 ** 32))
    each_time(mask, draw)


def silence(x, mask, y, xp) -> None:
    start(SOURCE, "silence", y.size, x, mask, y, y.size)
