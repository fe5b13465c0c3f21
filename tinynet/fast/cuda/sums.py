"""Sums of many numbers on a GPU, in an order that is the same each time: so are the bits.

One thread adds slowly, and memory is read at full speed only while very many threads read. So the numbers are dealt
out like cards: of T threads, thread i adds those at the places i, i + T, i + 2T, ... (neighbouring threads read
neighbouring numbers). That leaves T numbers, which fewer threads add in the same way, until there is one sum for each
map.

    61,000,000 numbers → 131,072 sums → 2,048 → 32 → 1

The numbers of C maps lie interleaved, that of map c at places c, c + C, c + 2C, ...; T is a multiple of C, so that each
thread meets one map only, i % C. A kernel of another file may do the first round, and compute on the way what is to be
added: it asks `threads` for T.
"""
from __future__ import annotations

from typing import Any

from .kernels import start

EACH = 64       # numbers for each thread, or more if there would be too many threads
MOST = 2 ** 17  # threads; about as many are at work at once on a large GPU

SOURCE = r"""
__global__ void add_up(const real* numbers, real* sums, index total, index T, real scale) {
  index i = THREAD;
  if (i >= T) return;
  real sum = 0;
  for (index j = i; j < total; j += T) sum += numbers[j];
  sums[i] = scale * sum;
}
"""


def threads(total: int, C: int) -> int:
    """T: the threads to which `total` numbers of C maps are dealt out."""
    return C * min(-(-total // (C * EACH)), max(MOST // C, 1))


def add_up(numbers: Any, out: Any, scale: float, xp: Any) -> None:
    """Fill `out` (C) with `scale` times the sums of `numbers` (total), which belong to its C maps in turn."""
    T = threads(numbers.size, out.size)
    if T == out.size:
        start(SOURCE, "add_up", T, numbers, out, numbers.size, T, scale)
    else:
        sums = xp.empty(T, numbers.dtype)
        start(SOURCE, "add_up", T, numbers, sums, numbers.size, T, 1)
        add_up(sums, out, scale, xp)
