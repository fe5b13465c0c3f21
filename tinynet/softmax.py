"""Softmax: scores to probabilities.

    p_c = exp(z_c) / Σ_j exp(z_j)

Subtracting the largest score of a row from all of them changes nothing in the quotient, and keeps exp from overflowing.
"""
from __future__ import annotations

from typing import Any

import numpy as np


def softmax(logits: Any, xp: Any = np) -> Any:
    """Probabilities of the rows of `logits` (N, classes), with the functions of the array module `xp`."""
    e = xp.exp(logits - logits.max(axis=1, keepdims=True))  # (N, classes)
    return e / e.sum(axis=1, keepdims=True)
