"""All claims by name."""
from __future__ import annotations

from . import (
    biases,
    columns,
    crops,
    decay,
    dropout,
    filters,
    free,
    iterations,
    layers,
    lrn,
    neighbours,
    pooling,
    relu,
    together,
    views,
)
from .claim import Claim

CLAIMS: dict[str, Claim] = {claim.name: claim for claim in (
    *relu.CLAIMS, columns.CLAIM, free.CLAIM, lrn.CLAIM, pooling.CLAIM, crops.CLAIM, views.CLAIM, dropout.CLAIM,
    iterations.CLAIM, decay.CLAIM, biases.CLAIM, together.CLAIM, *layers.CLAIMS, *neighbours.CLAIMS, filters.CLAIM)}
