"""Dropout on a CPU: masks drawn by all threads, and the same ones as by one. layers/dropout.py has the equations."""
from __future__ import annotations

from typing import Any

import numpy as np

from .memory import scratch
from .parallel import over_batch, pieces


def draw_mask(mask, rng, p, xp) -> Any:
    """PCG64, NumPy's default generator, makes 64 bits at a time, for two numbers of float32, and it can jump ahead: so
    each thread starts where its first pair of numbers is made."""
    bits, pairs = rng.bit_generator, mask.size // 2
    if not isinstance(bits, np.random.PCG64) or bits.state["has_uint32"] or mask.size % 2:
        return NotImplemented
    start, flat = bits.state, mask.reshape(-1, 2)

    def some_pairs(part: slice) -> None:
        mine = np.random.PCG64(0)
        mine.state = start
        mine.advance(part.start)
        draw = np.random.Generator(mine).random
        for k in pieces(part, 8):
            numbers = draw(dtype=np.float32, out=scratch("numbers", (k.stop - k.start, 2), np.float32))
            np.greater_equal(numbers, p, out=flat[k])

    over_batch(some_pairs, pairs, cost=10 * mask.size)  # to draw a number takes as long as to read some ten
    bits.advance(pairs)
    return None


def silence(x, mask, y, xp) -> None:
    over_batch(lambda n: np.multiply(x[n], mask[n], out=y[n]), len(x), cost=x.size)
